/* SPDX-License-Identifier: MIT */
/*
 * caller.h - how the engine reaches the memory, descriptors and rights of a program
 *
 * No part of uiommufd dereferences an address that came from a program. It asks the caller, through
 * the operations below. So the same engine serves a program in its own process (embedding, preload)
 * and one in another process (a supervisor, a vfio-user client).
 *
 * A caller stands for one address space and is reference counted: each mapping made through it
 * holds a reference. uiommufd_caller_self() stands for the calling process. A caller that differs
 * from it in a few operations starts with a copy of that one's:
 *
 * 	static struct uiommufd_caller_ops ops;
 * 	static struct uiommufd_caller caller;
 * 	struct iommu_fault_alloc cmd = { .size = sizeof(cmd) };
 *
 * 	ops = *uiommufd_caller_self()->ops;
 * 	ops.install_file = remember_file;
 * 	ops.uninstall_file = forget_file;
 * 	uiommufd_caller_init(&caller, &ops, getpid(), getuid());
 * 	rc = uiommufd_ioctl(ctx, &caller, IOMMU_FAULT_QUEUE_ALLOC, (uintptr_t)&cmd);
 */
#ifndef UIOMMUFD_CALLER_H
#define UIOMMUFD_CALLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One address space that calls come from. */
struct uiommufd_caller;

/* An open file: what a descriptor of /dev/iommu, a VFIO device or a queue refers to. */
struct uiommufd_file;

/*
 * The operations of a caller. read, write and populate are required; a missing one of the others
 * (NULL) acts as its comment says.
 *
 * Those that return int return 0 (or the value stated) or a negative errno. Addresses are the
 * caller's, as the program gave them: nothing about them has been checked.
 *
 * Context: any thread, several at once, and with locks of the engine held. An operation must not
 * call the engine, except for uiommufd_file_get() and uiommufd_file_put(), and must not wait for a
 * call of the engine in another thread.
 */
struct uiommufd_caller_ops {
	/*
	 * Copies @len bytes from the caller's address @src to @dst.
	 *
	 * -EFAULT: a byte cannot be read; the content of @dst is then undefined
	 */
	int (*read)(struct uiommufd_caller *caller, void *dst, uint64_t src, size_t len);

	/*
	 * Copies @len bytes from @src to the caller's address @dst.
	 *
	 * -EFAULT: a byte cannot be written; a part may have been
	 */
	int (*write)(struct uiommufd_caller *caller, uint64_t dst, const void *src, size_t len);

	/*
	 * Makes the pages [@va, @va + @len) present and private to the caller, readable or, with
	 * @write, writable. @va and @len are in bytes, page aligned; @len is not 0.
	 *
	 * -EFAULT: a page is not mapped, or not with this right; -ENOMEM
	 */
	int (*populate)(struct uiommufd_caller *caller, uint64_t va, uint64_t len, bool write);

	/*
	 * Tells where the engine's process sees populated memory of the caller: *@bus is the
	 * address of @va there, and *@run, at most @len, how many bytes from there are contiguous.
	 *
	 * -EFAULT: the memory cannot be reached
	 * NULL: the caller's addresses are the engine's.
	 */
	int (*resolve)(struct uiommufd_caller *caller, uint64_t va, uint64_t len, uint64_t *bus,
		       uint64_t *run);

	/*
	 * Returns a new close-on-exec descriptor in the engine's process, which the engine will
	 * own, for the caller's descriptor @fd.
	 *
	 * -EBADF: @fd is not open; -EMFILE
	 * NULL: -EBADF.
	 */
	int (*dup_fd)(struct uiommufd_caller *caller, int fd);

	/*
	 * Returns the emulated file behind the caller's descriptor @fd, with a new reference
	 * (uiommufd_file_get()) for the engine, or NULL if @fd is no emulated file.
	 *
	 * NULL: no descriptor of the caller is an emulated file.
	 */
	struct uiommufd_file *(*get_file)(struct uiommufd_caller *caller, int fd);

	/*
	 * Gives the caller a descriptor of @file, and returns it (0 or more). @flags is O_CLOEXEC
	 * or 0. On success the operation takes over the engine's reference; drop it with
	 * uiommufd_file_put() when the last copy of the descriptor is closed. uiommufd_file_read()
	 * and the functions beside it do what the program does with the descriptor.
	 *
	 * -EMFILE, -ENFILE, -ENOMEM; the reference then stays with the engine
	 * NULL: -EMFILE.
	 */
	int (*install_file)(struct uiommufd_caller *caller, struct uiommufd_file *file, int flags);

	/*
	 * Closes @fd, which install_file returned and the program has not seen: its call failed
	 * later. Required if install_file is set.
	 */
	void (*uninstall_file)(struct uiommufd_caller *caller, int fd);

	/*
	 * Returns true if the calling thread has capability @cap (CAP_IPC_LOCK, ...) in its
	 * effective set.
	 *
	 * NULL: false.
	 */
	bool (*capable)(struct uiommufd_caller *caller, int cap);

	/*
	 * Returns the caller's real user ID at this moment.
	 *
	 * NULL: the ID that was passed to uiommufd_caller_init().
	 */
	uint32_t (*uid)(struct uiommufd_caller *caller);

	/*
	 * Returns the caller's RLIMIT_MEMLOCK at this moment, in bytes; UINT64_MAX: unlimited.
	 *
	 * NULL: unlimited.
	 */
	uint64_t (*memlock_limit)(struct uiommufd_caller *caller);

	/*
	 * Returns false once the address space is gone because the process has exited: pinning its
	 * memory then fails with -EFAULT.
	 *
	 * NULL: always true.
	 */
	bool (*alive)(struct uiommufd_caller *caller);

	/*
	 * The last reference is gone: frees the structure that embeds @caller.
	 *
	 * NULL: there is nothing to free.
	 */
	void (*release)(struct uiommufd_caller *caller);

	/* NULL: operations that later versions add are here. */
	void (*reserved[4])(void);
};

/*
 * One caller. Embed it in a structure of your own and initialise it with uiommufd_caller_init();
 * from then on the members belong to the engine.
 */
struct uiommufd_caller {
	const struct uiommufd_caller_ops *ops; /* borrowed; outlives the caller */
	uint32_t refs;			       /* references held */
	uint32_t uid;	       /* real user ID that locked pages are charged to, without ops->uid */
	int32_t pid;	       /* process ID, which IOMMU_IOVA_LOOKUP reports */
	uint64_t locked_pages; /* pages charged per process (VmLck) */
	uint64_t pinned_pages; /* pages pinned, however they are charged (VmPin) */
	uint64_t reserved[2];  /* of the library */
};

/*
 * uiommufd_caller_init() - prepare a caller
 * @caller: the structure to fill; the program owns it and gets the first reference
 * @ops: borrowed; must outlive @caller
 * @pid: process ID of the program that calls
 * @uid: its real user ID, used if ops->uid is NULL
 *
 * Context: any thread, before the first use of @caller.
 */
void uiommufd_caller_init(struct uiommufd_caller *caller, const struct uiommufd_caller_ops *ops,
			  int32_t pid, uint32_t uid);

/*
 * uiommufd_caller_get() - take a reference to a caller
 * @caller: a caller that has at least one reference
 *
 * Returns: @caller.
 *
 * Context: any thread.
 */
struct uiommufd_caller *uiommufd_caller_get(struct uiommufd_caller *caller);

/*
 * uiommufd_caller_put() - drop a reference to a caller
 * @caller: the calling code gives up one reference
 *
 * The last reference to go calls ops->release on this thread.
 *
 * Context: any thread.
 */
void uiommufd_caller_put(struct uiommufd_caller *caller);

/*
 * uiommufd_caller_self() - get the caller that stands for the calling process
 *
 * Its copies never raise a signal: a bad address is -EFAULT. It has no resolve, get_file,
 * install_file, uninstall_file, alive and release.
 *
 * Returns: the caller, borrowed; it is valid until the process ends.
 *
 * Context: any thread.
 */
struct uiommufd_caller *uiommufd_caller_self(void);

/*
 * uiommufd_caller_rights_changed() - report that the rights of a thread have changed
 *
 * uiommufd_caller_self() asks the kernel for the rights of the calling thread each time they
 * matter, once for each mapping; but only once for a capability that the thread is not permitted to
 * have: nothing but exec gives it back (a user namespace gives rights over itself, not this one).
 *
 * From the first call of this function on, each thread remembers its rights until the next call:
 * the program promises to call it after everything that changes user IDs or capabilities of a
 * thread (setuid(2) and its like, capset(2), prctl(2), unshare(2) or setns(2) with a user
 * namespace), and before a mapping relies on the change. The first call may be made at the start,
 * when nothing has changed yet. RLIMIT_MEMLOCK is still read each time.
 *
 * Context: any thread.
 */
void uiommufd_caller_rights_changed(void);

#ifdef __cplusplus
}
#endif
#endif
