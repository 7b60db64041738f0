/* SPDX-License-Identifier: MIT */
/*
 * uiommufd.h - IO address spaces, emulated IOMMUs and DMA inside a program
 *
 * A context is what a program gets by opening /dev/iommu. uiommufd_ioctl() is its whole user API,
 * with the commands of <uiommufd/iommufd.h>. An endpoint is a device behind an emulated IOMMU: bind
 * it to a context, attach it to an IO address space, then translate or do DMA as the device would.
 *
 * 	struct uiommufd *ctx;
 * 	struct uiommufd_iommu *iommu;
 * 	struct uiommufd_endpoint *dev;
 * 	struct iommu_ioas_alloc ioas = { .size = sizeof(ioas) };
 * 	uint32_t dev_id, pt_id;
 *
 * 	uiommufd_open(NULL, &ctx);
 * 	uiommufd_ioctl(ctx, NULL, IOMMU_IOAS_ALLOC, (uintptr_t)&ioas);
 * 	uiommufd_iommu_create("amd", "amd0", &iommu);
 * 	uiommufd_endpoint_create(iommu, "0000:01:00.0", &dev);
 * 	uiommufd_endpoint_bind(dev, ctx, &dev_id);
 * 	pt_id = ioas.out_ioas_id;
 * 	uiommufd_endpoint_attach(dev, UIOMMUFD_NO_PASID, &pt_id);
 * 	... IOMMU_IOAS_MAP ...
 * 	uiommufd_dma_write(dev, UIOMMUFD_NO_PASID, iova, "hello", 5);
 *
 * These rules hold for every function, whose own comment states only what differs:
 *
 * - A function that returns int returns 0 or a negative errno. A failed call does not write its
 *   results.
 * - Pointers must not be NULL unless the parameter says so.
 * - Any thread may call any function at any time, unless its "Context" says what must not run at
 *   the same time. No function may be called from a signal handler.
 * - An object must not be in use by another call when the call that destroys or closes it begins.
 * - The library starts no thread. Only uiommufd_guard_memory() changes the state of the process.
 *
 * A bus address is an address of this process. Memory that is mapped (IOMMU_IOAS_MAP) while a
 * device is attached must stay mapped in the process until it is unmapped from the IO address
 * space: a kernel would keep the pages, but a library does not see munmap(). (`uiommufd run` does.)
 *
 * Several machines in one program share nothing but the count of locked memory of the user, which
 * a kernel shares, too, and the models: each has its own contexts, IOMMUs, devices and
 * handlers of reports (<uiommufd/reports.h>).
 *
 * This is version 1.0 of the API. A program that was compiled with it runs with every later library
 * of the same soname: functions, constants and members keep their meaning, structures that have a
 * member `size` grow at their end only, and what is added has a symbol version of its own. The
 * wording of the log, the texts of reports and the form of dumps are for people, and may change.
 */
#ifndef UIOMMUFD_UIOMMUFD_H
#define UIOMMUFD_UIOMMUFD_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <uiommufd/caller.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef UIOMMUFD_API
#define UIOMMUFD_API __attribute__((visibility("default")))
#endif

/* A context: what open("/dev/iommu") gives. */
struct uiommufd;

/* One emulated IOMMU. */
struct uiommufd_iommu;

/* One device, as its IOMMU sees it. */
struct uiommufd_endpoint;

/* Stands for requests without a PASID, which the IOMMU identifies by the device's RID alone. */
#define UIOMMUFD_NO_PASID 0u

/*
 * uiommufd_version() - the version of the library that runs
 *
 * The headers of the program may be older: a program that needs something newer than them compares
 * this at its start.
 *
 * Returns: major << 16 | minor << 8 | patch.
 *
 * Context: any thread.
 */
UIOMMUFD_API uint32_t uiommufd_version(void);

/* struct uiommufd_options.flags */
enum uiommufd_open_flags {
	/* Charge locked pages to the process instead of the user, as /dev/vfio/vfio does. */
	UIOMMUFD_OPEN_ACCOUNTING_MM = 1,
	/* Offer only what Linux has: the commands from 0xC0 on fail with -ENOTTY. */
	UIOMMUFD_OPEN_NO_EXTENSIONS = 2,
	/* Answer IOMMU_TEST_CMD, as a kernel built to test iommufd does (docs/mock.md). */
	UIOMMUFD_OPEN_TEST_ABI = 4,
};

/* How to open a context. */
struct uiommufd_options {
	size_t size;	    /* sizeof(struct uiommufd_options), so that it can grow */
	unsigned int flags; /* enum uiommufd_open_flags */
};

/*
 * uiommufd_open() - open a context, as open("/dev/iommu") does
 * @options: borrowed; NULL: no flags
 * @ctx: result, owned by the caller until uiommufd_close()
 *
 * Returns: 0, or
 * -EINVAL: options->size is not sizeof(struct uiommufd_options), or a flag is unknown
 * -ENOMEM: out of memory
 *
 * Context: any thread.
 */
UIOMMUFD_API int uiommufd_open(const struct uiommufd_options *options, struct uiommufd **ctx);

/*
 * uiommufd_close() - close a context, as close() of its descriptor does
 * @ctx: the caller gives it up; NULL: nothing happens
 *
 * Bound endpoints and files of queues keep the context alive. When the last of these references
 * goes, here or in the call that drops it, every object is destroyed and every page unpinned before
 * that call returns.
 *
 * Context: any thread; no other call on @ctx may be running.
 */
UIOMMUFD_API void uiommufd_close(struct uiommufd *ctx);

/*
 * uiommufd_ioctl() - issue one ioctl of /dev/iommu
 * @ctx: the context
 * @caller: the program that @arg belongs to; NULL: this process (uiommufd_caller_self()). Borrowed,
 *	but each mapping that the command makes takes a reference.
 * @cmd: a command of <uiommufd/iommufd.h>, or of <uiommufd/vfio.h> for a type1 container
 * @arg: address of the command's structure in the memory of @caller, or a number
 *
 * Returns: what the ioctl would, 0 or more, or a negative errno. The checks and their order are
 * those of the kernel. The comment at each command's structure lists its errors; these come from
 * here:
 * -EFAULT: the structure cannot be read or written
 * -ENOTTY: unknown command
 * -EINVAL: the structure's size is below the command's minimum
 * -E2BIG: bytes behind the part that this version knows are not zero
 * -EMFILE: the command gives a descriptor (IOMMU_FAULT_QUEUE_ALLOC, IOMMU_VEVENTQ_ALLOC) and
 *	@caller has no install_file; uiommufd_caller_self() has none
 *
 * Context: any thread. Calls that change one IO address space wait for each other. Unmapping waits
 * for DMA in progress, so a thread must not wait here for a DMA that waits for that thread.
 * Source: Documentation/userspace-api/iommufd.rst of Linux; docs/abi.
 */
UIOMMUFD_API int uiommufd_ioctl(struct uiommufd *ctx, struct uiommufd_caller *caller,
				unsigned int cmd, uint64_t arg);

/*
 * uiommufd_last_error() - say why the calling thread's latest call was refused
 *
 * Explains what the errno alone does not say about uiommufd_ioctl() and uiommufd_endpoint_attach():
 * for -EADDRINUSE, the device, the window or mapping, and the range in conflict.
 *
 * Returns: one line of text without a newline; "" if the call succeeded or there is nothing to add.
 * It belongs to the thread and stays valid until the thread's next such call.
 *
 * Context: the thread that made the call.
 */
UIOMMUFD_API const char *uiommufd_last_error(void);

/*
 * uiommufd_show() - describe all contexts of the process as JSON
 * @mappings: how many mappings of each IO address space to list; the others appear in sums.
 *	UINT64_MAX: list all
 * @json: result, owned by the caller; free it with uiommufd_free()
 *
 * docs/windows.md describes the members. `uiommufd show FILE` turns the text into a table or a
 * picture. The state is consistent within each object, not between objects.
 *
 * Returns: 0, or
 * -ENOMEM: out of memory
 *
 * Context: any thread. Takes the locks of the objects one after the other, each for a short time.
 */
UIOMMUFD_API int uiommufd_show(uint64_t mappings, char **json);

/*
 * uiommufd_show_context() - describe one context as JSON
 * @ctx: the context
 * @mappings: as for uiommufd_show()
 * @json: result, owned by the caller; free it with uiommufd_free()
 *
 * For a program in which several machines are that know nothing of each other.
 *
 * Returns: 0, or
 * -ENOMEM: out of memory
 *
 * Context: any thread. Takes the locks of the objects one after the other, each for a short time.
 */
UIOMMUFD_API int uiommufd_show_context(struct uiommufd *ctx, uint64_t mappings, char **json);

/*
 * uiommufd_free() - free memory that the library allocated for the program
 * @memory: from uiommufd_show() or uiommufd_show_context(); NULL: nothing happens
 *
 * Context: any thread.
 */
UIOMMUFD_API void uiommufd_free(void *memory);

/*
 * uiommufd_dump() - print page tables entry by entry
 * @ctx: the context
 * @pt_id: ID of a paging HWPT, or of an IOAS: then all of its tables
 * @out: borrowed; should be a file or memory, because the IO address space is locked meanwhile
 *
 * Prints each present entry: its level as the format's specification counts it, its IOVA, its
 * value, and where it leads. Leaves that continue each other share a line. For debugging: the form
 * of the text may change.
 *
 * Returns: 0, or
 * -ENOENT: there is no object @pt_id
 * -EINVAL: the object is of another type; the tables of a nested HWPT are the guest's
 * -EIO: writing to @out failed
 *
 * Context: any thread. Holds the lock of the IO address space while it prints.
 */
UIOMMUFD_API int uiommufd_dump(struct uiommufd *ctx, uint32_t pt_id, FILE *out);

/*
 * uiommufd_iommu_create() - create an emulated IOMMU
 * @kind: its kind, copied: "amd", or another that `uiommufd list` names. Options may follow, as
 *	in `uiommufd run --iommu`: "amd,aperture=0-0x3fffffff,hole=0x1000-0x1fff". Ranges are in
 *	bytes of IOVA, both ends inclusive; at most 9 windows, and 8 holes with those of the kind
 * @name: its name in reports; copied
 * @iommu: result, owned by the caller until uiommufd_iommu_put()
 *
 * Returns: 0, or
 * -ENOENT: no such kind
 * -EINVAL: an option is unknown, malformed, or not possible for this kind
 * -ENOMEM: out of memory
 *
 * Context: any thread.
 */
UIOMMUFD_API int uiommufd_iommu_create(const char *kind, const char *name,
				       struct uiommufd_iommu **iommu);

/*
 * uiommufd_iommu_put() - give an IOMMU back
 * @iommu: from uiommufd_iommu_create(); the caller gives up its reference
 *
 * The IOMMU lives on while it has endpoints.
 *
 * Context: any thread.
 */
UIOMMUFD_API void uiommufd_iommu_put(struct uiommufd_iommu *iommu);

/*
 * uiommufd_endpoint_create() - create a device behind an IOMMU
 * @iommu: borrowed; the endpoint takes a reference
 * @name: its name in reports, by custom its PCI address; copied
 * @endpoint: result, owned by the caller until uiommufd_endpoint_destroy()
 *
 * The device is alone in its IOMMU group.
 *
 * Returns: 0, or
 * -ENOMEM: out of memory
 *
 * Context: any thread.
 */
UIOMMUFD_API int uiommufd_endpoint_create(struct uiommufd_iommu *iommu, const char *name,
					  struct uiommufd_endpoint **endpoint);

/*
 * uiommufd_endpoint_destroy() - unbind and free a device
 * @endpoint: the caller gives it up
 *
 * Context: any thread; no DMA, translation or other call on @endpoint may be running.
 */
UIOMMUFD_API void uiommufd_endpoint_destroy(struct uiommufd_endpoint *endpoint);

/*
 * uiommufd_endpoint_bind() - bind a device to a context, as VFIO_DEVICE_BIND_IOMMUFD does
 * @endpoint: the device
 * @ctx: borrowed; the endpoint takes a reference until it is unbound
 * @dev_id: result: the device's object ID in @ctx, for commands that take a device
 *
 * Returns: 0, or
 * -EINVAL: @endpoint is bound already
 * -ENOMEM: out of memory
 *
 * Context: any thread; no bind, unbind, attach or detach of @endpoint at the same time.
 */
UIOMMUFD_API int uiommufd_endpoint_bind(struct uiommufd_endpoint *endpoint, struct uiommufd *ctx,
					uint32_t *dev_id);

/*
 * uiommufd_endpoint_unbind() - detach a device from everything and unbind it
 * @endpoint: the device; if it is not bound, nothing happens
 *
 * Page requests that still wait are answered INVALID. The device's vDEVICE, if it has one, is
 * destroyed, and the ID of that vDEVICE is never used again.
 *
 * Context: any thread; no bind, unbind, attach or detach of @endpoint at the same time.
 */
UIOMMUFD_API void uiommufd_endpoint_unbind(struct uiommufd_endpoint *endpoint);

/*
 * uiommufd_endpoint_attach() - attach a device to an address space, or replace what it has
 * @endpoint: the device
 * @pasid: UIOMMUFD_NO_PASID, or a PASID: 1 up to the limit that IOMMU_GET_HW_INFO reports
 * @pt_id: in: ID of an IOAS or HWPT; out: ID of the HWPT that is attached now
 *
 * Does what VFIO_DEVICE_ATTACH_IOMMUFD_PT does. While an attachment is replaced, each DMA goes
 * through the former table or the new one; none fails in between.
 *
 * Returns: 0, or
 * -ENOENT: there is no object *@pt_id
 * -EINVAL: @endpoint is not bound, the object is of another type, or the HWPT does not suit the
 *	device or @pasid
 * -EADDRINUSE: IOVAs that the device reserves or its IOMMU cannot translate are mapped, or were
 *	promised by IOMMU_IOAS_ALLOW_IOVAS; uiommufd_last_error() says which
 * -ENOMEM: out of memory, or above the limit on locked memory
 * -EFAULT, others: the IOAS had no HWPT and pinning its mappings failed
 *
 * Context: any thread; no bind, unbind, attach or detach of @endpoint at the same time.
 */
UIOMMUFD_API int uiommufd_endpoint_attach(struct uiommufd_endpoint *endpoint, uint32_t pasid,
					  uint32_t *pt_id);

/*
 * uiommufd_endpoint_detach() - detach a device's RID or PASID
 * @endpoint: the device
 * @pasid: UIOMMUFD_NO_PASID or a PASID; if nothing is attached for it, nothing happens
 *
 * Waits for DMA in progress: when it returns, no DMA of this attachment is running. Page requests
 * that still wait are answered INVALID.
 *
 * Context: any thread; no bind, unbind, attach or detach of @endpoint at the same time.
 */
UIOMMUFD_API void uiommufd_endpoint_detach(struct uiommufd_endpoint *endpoint, uint32_t pasid);

/*
 * uiommufd_dma_read(), uiommufd_dma_write() - do DMA as the device would
 * @endpoint: the device
 * @pasid: UIOMMUFD_NO_PASID or a PASID; it need not be attached
 * @iova: address of the first byte
 * @buf: destination of a read, source of a write; borrowed
 * @len: bytes; 0: nothing happens
 *
 * uiommufd_dma_read() copies from @iova to @buf, uiommufd_dma_write() from @buf to @iova. An access
 * of 4 or 8 aligned bytes is atomic on x86-64; nothing else is.
 *
 * On an HWPT with a fault queue (IOMMU_HWPT_FAULT_ID_VALID) an access that finds nothing mapped
 * becomes a page request, and the call returns after another thread has answered it.
 *
 * Returns: 0, or
 * -EFAULT: an address of the range is not mapped with the right needed, or the range passes the end
 *	of the 64-bit space. Bytes before that address have been copied, and one line in the log
 *	says what failed and where
 *
 * Context: any thread, any number at once, also while others map and unmap. Takes no lock.
 * Source: PCIe 6.0 10.4 (page requests).
 */
UIOMMUFD_API int uiommufd_dma_read(struct uiommufd_endpoint *endpoint, uint32_t pasid,
				   uint64_t iova, void *buf, size_t len);
UIOMMUFD_API int uiommufd_dma_write(struct uiommufd_endpoint *endpoint, uint32_t pasid,
				    uint64_t iova, const void *buf, size_t len);

/* Rights, for uiommufd_translate(). */
enum uiommufd_prot {
	UIOMMUFD_PROT_READ = 1,	 /* the device may read */
	UIOMMUFD_PROT_WRITE = 2, /* the device may write */
};

/*
 * uiommufd_translate() - find the address that an IOVA leads to
 * @endpoint: the device
 * @pasid: UIOMMUFD_NO_PASID or a PASID; it need not be attached
 * @iova: the address to translate
 * @prot: the rights needed (enum uiommufd_prot); 0: any
 * @addr: result: an address of this process. Borrowed: valid until the IOVA is unmapped, which the
 *	program itself must prevent for as long as it uses the address
 * @len: result: how many bytes from there are contiguous, at least; may be NULL. A later call may
 *	know of more
 *
 * Sees every map and unmap that returned before the call. Requests no page and marks nothing dirty,
 * except that the tables of a guest get the accessed and dirty bits that DMA with @prot would set.
 * Use uiommufd_dma_read() and uiommufd_dma_write() where another thread may unmap.
 *
 * Returns: 0, or
 * -ENOENT: nothing is mapped there, or nothing is attached
 * -EPERM: the mapping lacks a right of @prot
 *
 * Context: any thread, any number at once. Takes no lock.
 * Source: VT-d 5.0 3.6.2, Arm IHI 0070 3.13 (accessed and dirty bits).
 */
UIOMMUFD_API int uiommufd_translate(struct uiommufd_endpoint *endpoint, uint32_t pasid,
				    uint64_t iova, unsigned int prot, void **addr, uint64_t *len);

/*
 * uiommufd_file_read() - read records from the file of a queue
 * @file: from the install_file operation of a caller (<uiommufd/caller.h>)
 * @caller: the program that @buf belongs to; NULL: this process
 * @buf: address of the destination in the memory of @caller
 * @len: bytes; of a fault queue a multiple of sizeof(struct iommu_hwpt_pgfault)
 *
 * Reads whole page request groups (struct iommu_hwpt_pgfault) of a fault queue, or whole events of
 * a vEVENTQ, each behind a struct iommufd_vevent_header. Never waits.
 *
 * Returns: the bytes read, 0 if there is nothing to read, or
 * -EINVAL: the first group or event is longer than @len, @len is shorter than an event's header, or
 *	the file cannot be read
 * -ESPIPE: @len is not a multiple of a fault queue's record
 * -EFAULT: @buf cannot be written; nothing was taken from the queue
 * -ENOMEM: out of memory
 *
 * Context: any thread.
 */
UIOMMUFD_API ssize_t uiommufd_file_read(struct uiommufd_file *file, struct uiommufd_caller *caller,
					uint64_t buf, size_t len);

/*
 * uiommufd_file_write() - answer page requests through the file of a fault queue
 * @file: from the install_file operation of a caller (<uiommufd/caller.h>)
 * @caller: the program that @buf belongs to; NULL: this process
 * @buf: address of struct iommu_hwpt_page_response records in the memory of @caller
 * @len: bytes, a multiple of sizeof(struct iommu_hwpt_page_response)
 *
 * Stops at the first record that fails. Never waits.
 *
 * Returns: the bytes of the answers taken, or, if the first one failed,
 * -EINVAL: unknown code, no group with this cookie waits, or the file cannot be written
 * -ESPIPE: @len is not a multiple of a record
 * -EFAULT: @buf cannot be read
 *
 * Context: any thread.
 */
UIOMMUFD_API ssize_t uiommufd_file_write(struct uiommufd_file *file, struct uiommufd_caller *caller,
					 uint64_t buf, size_t len);

/*
 * uiommufd_file_poll_fd() - get a descriptor that becomes readable when a file does
 * @file: the file
 *
 * Use the descriptor with poll(), select() and epoll and for nothing else. It belongs to @file, and
 * is valid as long.
 *
 * Returns: the descriptor, or
 * -EINVAL: the file is always ready
 *
 * Context: any thread.
 */
UIOMMUFD_API int uiommufd_file_poll_fd(struct uiommufd_file *file);

/*
 * uiommufd_file_get(), uiommufd_file_put() - take and drop a reference to a file
 * @file: the file
 *
 * The install_file operation of a caller receives one reference, to be dropped where a program
 * would close its last descriptor. The last reference to go frees the file.
 *
 * Returns: uiommufd_file_get() returns @file.
 *
 * Context: any thread, also from the operations of a caller.
 */
UIOMMUFD_API struct uiommufd_file *uiommufd_file_get(struct uiommufd_file *file);
UIOMMUFD_API void uiommufd_file_put(struct uiommufd_file *file);

/*
 * uiommufd_guard_memory() - make DMA to vanished memory fail instead of raising a signal
 *
 * Installs handlers for SIGSEGV and SIGBUS, which turn a fault in the library's own copy into
 * -EFAULT and pass every other fault on to the handlers that were there before. Call it before the
 * program installs handlers of its own. Further calls do nothing.
 *
 * It also makes calls faster: structures and arrays in memory that the library has reached before
 * are copied without a system call. So a thread that calls the library must not have the two
 * signals blocked, if memory may go away under its calls.
 *
 * And it makes a mapping of memory that the library has populated before several times faster: the
 * pages are touched instead of populated again. Where such memory has been, do not map the
 * registers of a device and then map those for DMA: the touch would reach them (as an atomic
 * addition of 0), where the call would fail with EFAULT otherwise.
 *
 * Returns: 0, the negative errno of sigaction(), or
 * -ENOSYS: the process has no sigaction() of a C library
 *
 * Context: any thread.
 */
UIOMMUFD_API int uiommufd_guard_memory(void);

#ifdef __cplusplus
}
#endif
#endif
