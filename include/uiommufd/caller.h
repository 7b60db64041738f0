/* SPDX-License-Identifier: MIT */
/*
 * Who calls: how the engine reaches the memory, descriptors and rights of the program behind a
 * request.
 *
 * No part of uiommufd dereferences an address that came from a program. It asks the caller, through
 * these operations, so that the same engine serves a program in its own process (embedding,
 * preload) and one in another process (a supervisor, a vfio-user client).
 *
 * A caller stands for one address space and is reference counted: mappings made through it keep it
 * until they are gone. uiommufd_caller_self() is the one for the calling process.
 *
 * 	struct iommu_ioas_alloc cmd = { .size = sizeof(cmd) };
 *
 * 	rc = uiommufd_ioctl(ctx, uiommufd_caller_self(), IOMMU_IOAS_ALLOC, (uintptr_t)&cmd);
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

struct uiommufd_caller;
struct uiommufd_file;

/*
 * All functions may be called from any thread, several at once, and with locks of the engine held:
 * they must not call the engine (but for uiommufd_file_put() and _get()), nor wait for another
 * thread's call of it. Those that return int return 0 (or a value as said) or a negative errno.
 * Addresses are the caller's, as it gave them: nothing about them has been checked. read, write and
 * populate must be there; any other that is NULL fails as its comment says. A caller for this
 * process that differs from uiommufd_caller_self() in a few of them begins with a copy of that
 * one's.
 */
struct uiommufd_caller_ops {
	/* Copies @len bytes from the caller's @src. -EFAULT if any byte is unreadable; @dst is then
	 * unspecified. */
	int (*read)(struct uiommufd_caller *caller, void *dst, uint64_t src, size_t len);

	/* Copies @len bytes to the caller's @dst. -EFAULT if any byte is not writable; a part may
	 * have been written. */
	int (*write)(struct uiommufd_caller *caller, uint64_t dst, const void *src, size_t len);

	/*
	 * Makes the whole pages of [@va, @va+@len) present, and private to the caller, with read or
	 * (@write) write access. Both page aligned, @len not 0. -EFAULT: not mapped, or not with
	 * these rights; -ENOMEM.
	 */
	int (*populate)(struct uiommufd_caller *caller, uint64_t va, uint64_t len, bool write);

	/*
	 * Where the engine's process sees the caller's populated memory: *@bus is the address of
	 * @va, *@run (at most @len) how many bytes from there are contiguous. -EFAULT if they
	 * cannot be reached. NULL: bus addresses are the caller's addresses.
	 */
	int (*resolve)(struct uiommufd_caller *caller, uint64_t va, uint64_t len, uint64_t *bus,
		       uint64_t *run);

	/*
	 * A new descriptor (close-on-exec) in the engine's process for the caller's descriptor @fd.
	 * -EBADF: not open; -EMFILE. NULL: -EBADF.
	 */
	int (*dup_fd)(struct uiommufd_caller *caller, int fd);

	/*
	 * The emulated file behind the caller's descriptor @fd: a new reference
	 * (uiommufd_file_get()), or NULL if it is not one of ours. NULL: none is.
	 */
	struct uiommufd_file *(*get_file)(struct uiommufd_caller *caller, int fd);

	/*
	 * Gives the caller a descriptor for @file; @flags: O_CLOEXEC. On success the reference is
	 * the descriptor's: to be dropped by uiommufd_file_put() when the last copy of it is
	 * closed. What a program does with the descriptor are the uiommufd_file functions of
	 * <uiommufd/uiommufd.h>. Returns the descriptor (0 or more) or -EMFILE, -ENFILE, -ENOMEM.
	 * NULL: -EMFILE.
	 */
	int (*install_file)(struct uiommufd_caller *caller, struct uiommufd_file *file, int flags);

	/*
	 * Closes a descriptor that install_file gave, and that the caller has not been told of: the
	 * call failed. Must be there if install_file is.
	 */
	void (*uninstall_file)(struct uiommufd_caller *caller, int fd);

	/* True if the calling thread has capability @cap (CAP_IPC_LOCK, ...) in its effective set.
	 * NULL: no. */
	bool (*capable)(struct uiommufd_caller *caller, int cap);

	/*
	 * The real user id of the caller now. NULL: the one that uiommufd_caller_init() was told.
	 */
	uint32_t (*uid)(struct uiommufd_caller *caller);

	/* The caller's RLIMIT_MEMLOCK now, in bytes (UINT64_MAX: unlimited). NULL: unlimited. */
	uint64_t (*memlock_limit)(struct uiommufd_caller *caller);

	/* False once the address space is gone (the process exited). NULL: always true. */
	bool (*alive)(struct uiommufd_caller *caller);

	/* The last reference is gone: free what embeds @caller. NULL: nothing to do. */
	void (*release)(struct uiommufd_caller *caller);
};

/* Embed this in a caller of your own and initialise it with uiommufd_caller_init(). The fields are
 * the engine's. */
struct uiommufd_caller {
	const struct uiommufd_caller_ops *ops;
	uint32_t refs;
	/* Real user ID, unless ops->uid says it: whose locked-memory counter is charged. */
	uint32_t uid;
	int32_t pid;
	uint64_t locked_pages; /* charged in mode "mm" (VmLck) */
	uint64_t pinned_pages; /* pinned in any mode (VmPin) */
};

/* Prepares @caller with one reference, which the creator holds. @ops must outlive it. */
void uiommufd_caller_init(struct uiommufd_caller *caller, const struct uiommufd_caller_ops *ops,
			  int32_t pid, uint32_t uid);

/* Takes a reference; thread-safe. Returns @caller. */
struct uiommufd_caller *uiommufd_caller_get(struct uiommufd_caller *caller);

/* Drops a reference; thread-safe. The last one calls ops->release. */
void uiommufd_caller_put(struct uiommufd_caller *caller);

/*
 * The calling process itself, borrowed, valid for ever. Its memory operations never fault the
 * process: a bad address is -EFAULT. Thread-safe.
 */
struct uiommufd_caller *uiommufd_caller_self(void);

#ifdef __cplusplus
}
#endif
#endif
