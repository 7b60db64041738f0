/* SPDX-License-Identifier: MIT */
/*
 * Devices whose model is in another process: what their models need beside <uiommufd/device.h>.
 *
 * Such a model has a connection while the device is open, and passes on what VFIO does for all
 * devices. It sets its operations in its init (vfio_device_set_backend()).
 */
#ifndef VFIO_BACKEND_H
#define VFIO_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include <uiommufd/device.h>

#include "iommufd/ioas/listener.h"
#include "vfio/vfio.h"

/* Each may be called at any time after init, unless it says otherwise. */
struct device_backend {
	/*
	 * The device is opened: before its reset. 0, or a negative errno, with which binding fails.
	 * Context: bind_lock held.
	 */
	int (*open)(struct uiommufd_device *dev);

	/* It is going to be closed: from now on its DMA is refused. Context: bind_lock held. */
	void (*quiesce)(struct uiommufd_device *dev);

	/* It is closed; its last reset is over. Only after open. Context: bind_lock held. */
	void (*close)(struct uiommufd_device *dev);

	/*
	 * The bits PCI_COMMAND_IO, _MEMORY and _MASTER that are in effect, after each change.
	 * Context: device lock held.
	 */
	void (*set_command)(struct uiommufd_device *dev, uint16_t command);

	/*
	 * @vectors of the interrupts @index (VFIO_PCI_INTX_IRQ_INDEX, ...) have eventfds now; 0:
	 * none has. Context: no lock that uiommufd_device_send_msi() takes.
	 */
	void (*set_irqs)(struct uiommufd_device *dev, unsigned int index, unsigned int vectors);

	/* INTx is not masked any more. Context: unless @wait, it must not wait. */
	void (*unmask_intx)(struct uiommufd_device *dev, bool wait);

	/* Whether the line is asserted, as far as the server says. Context: device lock held. */
	bool (*intx_asserted)(struct uiommufd_device *dev);

	/*
	 * Whether pages [@off, @off + @len) of BAR @bar are memory: *@fd (borrowed while the device
	 * is open) and *@fd_offset.
	 */
	bool (*map)(struct uiommufd_device *dev, unsigned int bar, uint64_t off, uint64_t len,
		    int *fd, uint64_t *fd_offset);

	/*
	 * Calls @report for what inside @range may have been written without our seeing it, because
	 * the model has the memory itself.
	 */
	void (*written)(struct uiommufd_device *dev, struct iova_range range,
			void (*report)(struct iova_range written, void *arg), void *arg);

	/*
	 * Migration: whether the device can be migrated; and its next state (enum
	 * vfio_device_mig_state), before the frame enters that: 0 or a negative errno. In
	 * STOP_COPY and RESUMING the model's save and load follow. Context: set_state with the
	 * migration lock.
	 */
	bool (*migrates)(struct uiommufd_device *dev);
	int (*set_state)(struct uiommufd_device *dev, uint32_t state);

	/*
	 * fork: no thread of the model's is in the middle of anything from the first until one of
	 * the others, which is in the child or in the parent. Context: the locks of all devices are
	 * held.
	 */
	void (*fork_prepare)(struct uiommufd_device *dev);
	void (*fork_parent)(struct uiommufd_device *dev);
	void (*fork_child)(struct uiommufd_device *dev);
};

/*
 * Both are borrowed as long as the device. @listener is told what is mapped for the device's DMA.
 * Context: the model's init.
 */
void vfio_device_set_backend(struct uiommufd_device *dev, const struct device_backend *backend,
			     struct ioas_listener *listener);

/* What the model of @dev was made from. */
const struct uiommufd_model *vfio_backend_model(struct uiommufd_device *dev);

/* A level of INTx that lasts until it has been delivered: the server does not say when it ends. */
void vfio_backend_pulse_intx(struct uiommufd_device *dev);

/*
 * Notifies the program that the device has failed, or that it wants the device back: the eventfds
 * of ERR and REQ.
 */
void vfio_backend_raise_error(struct uiommufd_device *dev);
void vfio_backend_raise_request(struct uiommufd_device *dev);

#endif
