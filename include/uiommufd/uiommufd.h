/* SPDX-License-Identifier: MIT */
/*
 * uiommufd embedded: IO address spaces, emulated IOMMUs and DMA inside a program of your own.
 *
 * A context is what a program gets by opening /dev/iommu; uiommufd_ioctl() is the whole of its user
 * API (the commands of <uiommufd/iommufd.h>). An endpoint is a device behind an emulated IOMMU:
 * bind it to a context, attach it to an IO address space, and translate or do DMA as the device
 * would.
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
 * Every function that returns int returns 0 or a negative errno, and leaves *results* alone on
 * failure. Functions may be called from any thread, at the same time; what must not run at the same
 * time on one object is said with the function. An object must not be used any more when the call
 * that gives it back begins. Pointers are not NULL unless it says so. The library starts no thread
 * and, but for uiommufd_guard_memory(), changes nothing of the process. None of these may be called
 * from a signal handler.
 *
 * Bus addresses are addresses of this process. Memory that is mapped (IOMMU_IOAS_MAP) while a
 * device is attached must not be unmapped by the program before it is unmapped from the IO address
 * space; a kernel would hold the pages, a library cannot see munmap. (`uiommufd run` does.)
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

struct uiommufd;
struct uiommufd_iommu;
struct uiommufd_endpoint;

/* Requests that carry no PASID: the device's RID. */
#define UIOMMUFD_NO_PASID 0u

enum uiommufd_open_flags {
	UIOMMUFD_OPEN_ACCOUNTING_MM =
		1, /* as opened through /dev/vfio/vfio: locked pages count per process */
	UIOMMUFD_OPEN_NO_EXTENSIONS = 2, /* only what Linux has: ioctls from 0xC0 give ENOTTY */
	UIOMMUFD_OPEN_TEST_ABI = 4, /* answers IOMMU_TEST_CMD, as a kernel built to test iommufd */
};

struct uiommufd_options {
	size_t size;	    /* sizeof(struct uiommufd_options), so that it can grow */
	unsigned int flags; /* enum uiommufd_open_flags */
};

/*
 * Opens a context, as open("/dev/iommu") does. @options may be NULL: no flags. *@ctx is yours,
 * until uiommufd_close(). -EINVAL: unknown flags or another size; -ENOMEM.
 */
UIOMMUFD_API int uiommufd_open(const struct uiommufd_options *options, struct uiommufd **ctx);

/*
 * Closes a context: as close() of its descriptor. What still refers to it (bound endpoints, files
 * of its queues) keeps it alive until that is gone; then every object in it is destroyed and every
 * page unpinned, before the call that let go of the last returns. NULL is allowed.
 */
UIOMMUFD_API void uiommufd_close(struct uiommufd *ctx);

/*
 * One ioctl of /dev/iommu: @cmd as in <uiommufd/iommufd.h> (or <uiommufd/vfio.h> for the type1
 * compatibility), @arg an address or number of @caller (NULL: uiommufd_caller_self()), who is
 * borrowed, but kept by what it maps. Returns 0 or more as the ioctl would, or a negative errno:
 * those of the kernel's API (Documentation/userspace-api/iommufd.rst), in its order. Each command
 * says its own at its structure. Commands that give a descriptor (FAULT_QUEUE_ALLOC, VEVENTQ_ALLOC)
 * need a caller with install_file, which uiommufd_caller_self() has not: -EMFILE.
 */
UIOMMUFD_API int uiommufd_ioctl(struct uiommufd *ctx, struct uiommufd_caller *caller,
				unsigned int cmd, uint64_t arg);

/*
 * Why the latest call of the calling thread to uiommufd_ioctl() or uiommufd_endpoint_attach() was
 * refused, as one line of text, where the errno says too little: for EADDRINUSE, the device, the
 * window or mapping, and the range in conflict. "" if it succeeded, or if there is no more to say.
 * The thread's own; good until its next such call.
 */
UIOMMUFD_API const char *uiommufd_last_error(void);

/*
 * The state of all contexts of the process as JSON (docs/windows.md), with at most @mappings
 * mappings of each IO address space listed one by one (UINT64_MAX: all; the rest is summed up).
 * `uiommufd show FILE` makes a text or a picture of it. *@json is the caller's, to free with
 * uiommufd_free(). -ENOMEM. Consistent within each object; takes locks for moments only.
 */
UIOMMUFD_API int uiommufd_show(uint64_t mappings, char **json);

/* Frees what the library has allocated for you. NULL is allowed. */
UIOMMUFD_API void uiommufd_free(void *memory);

/*
 * Prints the page tables of @pt_id, a paging HWPT or an IOAS (then all of its tables), to @out:
 * each present entry with its level as the specification of the format counts it, its IOVA, its
 * value, and what it leads to; leaves that go on where the one before ends are one line. For
 * debugging: the form of the text may change. @out should be a file or memory: the address space is
 * locked meanwhile. 0; -ENOENT: no such object; -EINVAL: an object of another type (a nested HWPT's
 * tables are the guest's); -EIO: @out failed.
 */
UIOMMUFD_API int uiommufd_dump(struct uiommufd *ctx, uint32_t pt_id, FILE *out);

/*
 * Creates an emulated IOMMU of @kind ("amd", ...; `uiommufd list` names them) called @name in
 * reports. A kind can be given another shape, as to `uiommufd run --iommu`:
 * "amd,aperture=0-0x3fffffff,hole=0x1000-0x1fff". Both are copied; ranges are in bytes of IOVA,
 * both ends inclusive: at most 9 windows, and 8 holes with those that the kind has. -ENOENT: no
 * such kind; -EINVAL: no such option, or not on this kind; -ENOMEM. *@iommu is yours, until
 * uiommufd_iommu_put(); endpoints keep it.
 */
UIOMMUFD_API int uiommufd_iommu_create(const char *kind, const char *name,
				       struct uiommufd_iommu **iommu);

/* Gives it back. It lives on while it has endpoints. */
UIOMMUFD_API void uiommufd_iommu_put(struct uiommufd_iommu *iommu);

/*
 * Creates a device behind @iommu, alone in its IOMMU group, called @name (copied; by custom its PCI
 * address) in reports. *@endpoint is yours, until uiommufd_endpoint_destroy(). -ENOMEM.
 */
UIOMMUFD_API int uiommufd_endpoint_create(struct uiommufd_iommu *iommu, const char *name,
					  struct uiommufd_endpoint **endpoint);

/* Unbinds and frees it. No DMA or translation of it may be running. */
UIOMMUFD_API void uiommufd_endpoint_destroy(struct uiommufd_endpoint *endpoint);

/*
 * Binds @endpoint to @ctx, which it keeps, as VFIO's BIND_IOMMUFD does; *@dev_id is its object ID
 * there, for commands that take a device. -EINVAL: bound already; -ENOMEM. Bind, unbind, attach and
 * detach of one endpoint must not run at the same time.
 */
UIOMMUFD_API int uiommufd_endpoint_bind(struct uiommufd_endpoint *endpoint, struct uiommufd *ctx,
					uint32_t *dev_id);

/*
 * Detaches what is attached, answers page requests that wait with INVALID, and unbinds. Not bound:
 * nothing happens. A vDEVICE of it is destroyed, and its ID never used again.
 */
UIOMMUFD_API void uiommufd_endpoint_unbind(struct uiommufd_endpoint *endpoint);

/*
 * Attaches the RID (UIOMMUFD_NO_PASID) or @pasid (1 up to what IOMMU_GET_HW_INFO says) to *@pt_id,
 * the ID of an IOAS or HWPT, or replaces what is attached, without a moment in which DMA fails;
 * *@pt_id becomes the ID of the HWPT. As VFIO's ATTACH_IOMMUFD_PT: -ENOENT: no object with this ID;
 * -EINVAL: not bound, an object of another type, or a HWPT that does not suit the device or PASID;
 * -EADDRINUSE: what the device reserves, or cannot translate, is mapped or promised
 * (uiommufd_last_error() says what); -ENOMEM; -EFAULT and others from pinning what is mapped, if
 * the IOAS had no HWPT.
 */
UIOMMUFD_API int uiommufd_endpoint_attach(struct uiommufd_endpoint *endpoint, uint32_t pasid,
					  uint32_t *pt_id);

/*
 * Detaches the RID or @pasid; nothing happens if nothing is attached. When it returns, no DMA
 * through the former table is running.
 */
UIOMMUFD_API void uiommufd_endpoint_detach(struct uiommufd_endpoint *endpoint, uint32_t pasid);

/*
 * DMA as the device would do it: copies @len bytes (0: nothing happens) between @buf and @iova, of
 * the RID or of @pasid, which need not be attached. -EFAULT: something in the range is not mapped
 * with the right asked for, or the range passes the end of the 64-bit space (bytes before that have
 * been copied; one line in the log says what and where). Lock-free, from any number of threads at
 * once, also while other threads map and unmap. Atomic only for 4 or 8 aligned bytes, on x86-64.
 *
 * On a HWPT with a fault queue (IOMMU_HWPT_FAULT_ID_VALID) what is not mapped becomes a page
 * request (PCIe 6.0 10.4), and the call returns when that has been answered: by another thread,
 * then.
 */
UIOMMUFD_API int uiommufd_dma_read(struct uiommufd_endpoint *endpoint, uint32_t pasid,
				   uint64_t iova, void *buf, size_t len);
UIOMMUFD_API int uiommufd_dma_write(struct uiommufd_endpoint *endpoint, uint32_t pasid,
				    uint64_t iova, const void *buf, size_t len);

/* Rights, for uiommufd_translate(). */
enum uiommufd_prot {
	UIOMMUFD_PROT_READ = 1,
	UIOMMUFD_PROT_WRITE = 2,
};

/*
 * Where @iova leads, for the rights @prot (enum uiommufd_prot, or 0): *@addr is an address of this
 * process, *@len (may be NULL) how many bytes from there the same table entry covers. Asks for no
 * page, and marks nothing dirty; but tables that a guest has nested get the accessed and dirty bits
 * that DMA with @prot would set (VT-d 5.0 3.6.2, Arm IHI 0070 3.13). Sees every map and unmap that
 * returned before the call. The address stays good until the IOVA is unmapped: keeping others from
 * unmapping it meanwhile is the caller's business; use uiommufd_dma_* where that cannot be had.
 * -ENOENT: not mapped, or not attached; -EPERM: a right of @prot is missing. Lock-free, any thread.
 */
UIOMMUFD_API int uiommufd_translate(struct uiommufd_endpoint *endpoint, uint32_t pasid,
				    uint64_t iova, unsigned int prot, void **addr, uint64_t *len);

/*
 * Files: what a command has given a descriptor of, in the install_file of a caller of yours
 * (<uiommufd/caller.h>). @buf is an address of
 * @caller (NULL: this process). What is read and written: struct iommu_hwpt_pgfault and
 * iommu_hwpt_page_response, or the events of a vEVENTQ. As read() and write() of the descriptor,
 * neither ever waits: the bytes, 0 if there is nothing to read, or a negative errno (-EINVAL,
 * -ESPIPE, -EFAULT: see the structures).
 */
UIOMMUFD_API ssize_t uiommufd_file_read(struct uiommufd_file *file, struct uiommufd_caller *caller,
					uint64_t buf, size_t len);
UIOMMUFD_API ssize_t uiommufd_file_write(struct uiommufd_file *file, struct uiommufd_caller *caller,
					 uint64_t buf, size_t len);

/*
 * A descriptor for poll, select and epoll, readable when the file is. Borrowed: valid while the
 * file is; do nothing else with it. -EINVAL: a file that is always ready.
 */
UIOMMUFD_API int uiommufd_file_poll_fd(struct uiommufd_file *file);

/*
 * Takes one more reference, and returns @file; drops one, as close() does. install_file is given
 * one.
 */
UIOMMUFD_API struct uiommufd_file *uiommufd_file_get(struct uiommufd_file *file);
UIOMMUFD_API void uiommufd_file_put(struct uiommufd_file *file);

/*
 * Makes DMA to memory that the program has taken away fail with -EFAULT instead of raising a
 * signal, by handlers for SIGSEGV and SIGBUS that pass on every fault that is not ours. Call it
 * before other handlers are installed over them; again, it does nothing. 0, or what sigaction()
 * gives.
 */
UIOMMUFD_API int uiommufd_guard_memory(void);

#ifdef __cplusplus
}
#endif
#endif
