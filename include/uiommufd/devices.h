/* SPDX-License-Identifier: MIT */
/*
 * devices.h - VFIO devices inside a program
 *
 * A program that links the library gets what `uiommufd run --device` gives to others: PCI devices
 * with their registers, interrupts and DMA, from the models that come with the library and from its
 * own. A model is the same source file as for a shared object (<uiommufd/device.h>):
 *
 * 	extern const struct uiommufd_plugin uiommufd_plugin; // of the model, linked in
 * 	struct uiommufd_vfio *dev;
 * 	uint32_t id;
 * 	char why[256];
 *
 * 	uiommufd_model_register(&uiommufd_plugin, why, sizeof(why));
 * 	uiommufd_vfio_create(iommu, "counter@0000:05:00.0", why, sizeof(why), &dev);
 * 	uiommufd_vfio_bind(dev, ctx, &id);
 * 	... VFIO_DEVICE_ATTACH_IOMMUFD_PT, VFIO_DEVICE_SET_IRQS by uiommufd_vfio_ioctl() ...
 * 	uiommufd_vfio_read(dev, &value, 4, 0); // BAR 0
 *
 * Several models in one program have different names for what UIOMMUFD_MODEL() defines: compile
 * each with -DUIOMMUFD_PLUGIN=NAME.
 *
 * The rules of <uiommufd/uiommufd.h> hold here, too, except that a device starts threads of its own
 * when it has work. They end when it is unbound. A program with an event loop does the work there:
 *
 * 	int fd = uiommufd_vfio_loop_fd(dev); // before it is bound
 *
 * 	... when fd is readable: uiommufd_vfio_run(dev);
 */
#ifndef UIOMMUFD_DEVICES_H
#define UIOMMUFD_DEVICES_H

#include <sys/types.h>

#include <uiommufd/device.h>
#include <uiommufd/uiommufd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A PCI device with a model, behind an emulated IOMMU. */
struct uiommufd_vfio;

/*
 * uiommufd_model_register() - add a model to those that devices can have
 * @plugin: what UIOMMUFD_MODEL() has defined; its model is borrowed until the process ends
 * @why: result of -EINVAL: a line that says what is wrong with the model; NULL if @size is 0
 * @size: bytes of @why
 *
 * Returns: 0, or
 * -EINVAL: the model describes an impossible device, or was compiled for a newer library
 * -EEXIST: there is a model of this name
 * -ENOSPC: too many models are registered
 * -ENOMEM: out of memory
 *
 * Context: any thread.
 */
UIOMMUFD_API int uiommufd_model_register(const struct uiommufd_plugin *plugin, char *why,
					 size_t size);

/*
 * uiommufd_vfio_create() - create a device
 * @iommu: what it is behind; borrowed, the device takes a reference
 * @device: "MODEL[@BDF][,option=value]...", as for `uiommufd run --device`, without iommu=. Copied
 * @why: result of -EINVAL: a line that says what is wrong with @device; NULL if @size is 0
 * @size: bytes of @why
 * @vfio: result, owned by the caller until uiommufd_vfio_destroy()
 *
 * The device is alone in its IOMMU group. BARs cannot be mapped: use uiommufd_vfio_read() and
 * uiommufd_vfio_write().
 *
 * Returns: 0, or
 * -EINVAL: there is no such model or option, or the model refuses a value
 * -ENOMEM: out of memory
 *
 * Context: any thread.
 */
UIOMMUFD_API int uiommufd_vfio_create(struct uiommufd_iommu *iommu, const char *device, char *why,
				      size_t size, struct uiommufd_vfio **vfio);

/*
 * uiommufd_vfio_destroy() - unbind and free a device
 * @vfio: the caller gives it up; NULL: nothing happens
 *
 * Context: any thread; no other call on @vfio may be running.
 */
UIOMMUFD_API void uiommufd_vfio_destroy(struct uiommufd_vfio *vfio);

/*
 * uiommufd_vfio_bind() - bind a device to a context, as VFIO_DEVICE_BIND_IOMMUFD does
 * @vfio: the device
 * @ctx: borrowed; the device takes a reference until it is unbound
 * @dev_id: result: the device's object ID in @ctx
 *
 * Returns: 0, or
 * -EINVAL: @vfio is bound already
 * -ENOMEM: out of memory
 *
 * Context: any thread; no bind, unbind or destroy of @vfio at the same time.
 */
UIOMMUFD_API int uiommufd_vfio_bind(struct uiommufd_vfio *vfio, struct uiommufd *ctx,
				    uint32_t *dev_id);

/*
 * uiommufd_vfio_unbind() - close a device, as close() of its descriptor does
 * @vfio: the device; if it is not bound, nothing happens
 *
 * Its work ends, its interrupts are dropped, and it is as after power-on.
 *
 * Context: any thread; no other call on @vfio may be running.
 */
UIOMMUFD_API void uiommufd_vfio_unbind(struct uiommufd_vfio *vfio);

/*
 * uiommufd_vfio_ioctl() - issue one ioctl of a VFIO device
 * @vfio: the device, bound
 * @caller: the program that @arg and descriptors belong to; NULL: this process. Borrowed
 * @cmd: a command of <uiommufd/vfio.h> for devices, except VFIO_DEVICE_BIND_IOMMUFD
 * @arg: address of the command's structure in the memory of @caller
 *
 * VFIO_DEVICE_SET_IRQS takes eventfds of the process.
 *
 * Returns: what the ioctl would, 0 or more, or a negative errno, of which these come from here:
 * -EINVAL: @vfio is not bound, or @cmd is VFIO_DEVICE_BIND_IOMMUFD
 *
 * Context: any thread.
 */
UIOMMUFD_API long uiommufd_vfio_ioctl(struct uiommufd_vfio *vfio, struct uiommufd_caller *caller,
				      unsigned int cmd, uint64_t arg);

/*
 * uiommufd_vfio_read(), uiommufd_vfio_write() - access registers and config space
 * @vfio: the device, bound
 * @buf: destination or source, borrowed
 * @len: bytes
 * @offset: where VFIO_DEVICE_GET_REGION_INFO says that the region is, and the offset in it
 *
 * An access of 1, 2, 4 or 8 aligned bytes is one access of the device.
 *
 * Returns: the bytes that were transferred, or what pread() and pwrite() of the device's descriptor
 * would have as errno, negative.
 *
 * Context: any thread.
 */
UIOMMUFD_API ssize_t uiommufd_vfio_read(struct uiommufd_vfio *vfio, void *buf, size_t len,
					uint64_t offset);
UIOMMUFD_API ssize_t uiommufd_vfio_write(struct uiommufd_vfio *vfio, const void *buf, size_t len,
					 uint64_t offset);

/*
 * uiommufd_vfio_loop_fd() - do a device's work in the program's event loop instead of on threads
 * @vfio: the device, not bound; for as long as it exists
 *
 * The device starts no thread for its work from then on. The descriptor becomes readable when there
 * is work, also when a timer of the model is due: poll it, and call uiommufd_vfio_run(). Do not
 * read it. A function of the model that waits for the program, such as DMA for the answer to a page
 * request, keeps the event loop waiting: the answer must come from another thread.
 *
 * A thread remains for VFIO_DEVICE_IOEVENTFD and for an eventfd that unmasks an interrupt, from
 * when the program asks for one.
 *
 * Returns: the descriptor, which belongs to @vfio, or
 * -EINVAL: @vfio is bound
 * or another error of the system
 *
 * Context: any thread; no other call on @vfio at the same time.
 */
UIOMMUFD_API int uiommufd_vfio_loop_fd(struct uiommufd_vfio *vfio);

/*
 * uiommufd_vfio_run() - do what a device has to do now
 * @vfio: a device with a descriptor of uiommufd_vfio_loop_fd()
 *
 * Calls functions of the model, which do DMA and raise interrupts, until nothing is left to do.
 *
 * Returns: how many functions it has called; 0 for a device with threads, and on a thread that runs
 * one.
 *
 * Context: any thread, but not from a model; the functions may be called on several threads by
 * turns, never at the same time.
 */
UIOMMUFD_API unsigned int uiommufd_vfio_run(struct uiommufd_vfio *vfio);

/*
 * uiommufd_vfio_serve() - let clients of vfio-user drive a device
 * @vfio: the device, not bound; it is the client's until this returns
 * @path: where clients find the socket, at most 107 bytes; removed in the end
 * @stop: a descriptor that ends it when it becomes readable, such as an eventfd; borrowed
 * @timeout: seconds that a client may take for the rest of a message, or for its answer to DMA; 0:
 *	for ever
 *
 * What `uiommufd serve` does (docs/vfio-user.md): one client at a time, and the next finds the
 * device as after power-on. A client's memory may go away under a copy, so SIGSEGV and SIGBUS have
 * handlers of the library from then on, which pass on what is not theirs.
 *
 * Returns: 0 after @stop, or
 * -EINVAL: @vfio is bound
 * -ENAMETOOLONG: @path is too long
 * -EADDRINUSE: another server listens there
 * -EEXIST: there is a file that is no socket
 * or another error of the system
 *
 * Context: any thread, for as long as it serves; no other call on @vfio at the same time.
 */
UIOMMUFD_API int uiommufd_vfio_serve(struct uiommufd_vfio *vfio, const char *path, int stop,
				     unsigned int timeout);

#ifdef __cplusplus
}
#endif
#endif
