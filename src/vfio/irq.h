/* SPDX-License-Identifier: MIT */
/*
 * Interrupts of a VFIO device: from what the model says (the level of INTA#, "send message n") to
 * eventfds of the program, with the masking in between.
 *
 * INTA# is a level: while it is asserted and nothing masks it, the eventfd is notified once and the
 * interrupt masks itself, until the program unmasks it; if the line is still asserted then, it is
 * notified again. So no assertion is lost, however late the unmask. Messages are events: each is
 * notified when it is sent, or dropped where the hardware would drop it (its vector has no eventfd,
 * bus mastering is off).
 *
 * set_lock serialises those who change eventfds; lock guards all state and is a leaf: delivery
 * needs only it, and may be asked for with or without the device lock.
 */
#ifndef VFIO_IRQ_H
#define VFIO_IRQ_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <uiommufd/caller.h>
#include <uiommufd/device.h>

#include "base/lock.h"
#include "vfio/pci_config.h"

/* Indices, as the API counts them. */
enum irq_index {
	IRQ_INTX,
	IRQ_MSI,
	IRQ_MSIX,
	IRQ_ERR,
	IRQ_REQ,
	IRQ_INDICES,
	IRQ_NONE = IRQ_INDICES, /* no vectors are active */
};

/* A thread that unmasks INTx when the program's eventfd says so. */
struct irq_watch {
	bool running; /* the thread exists */
	bool change;  /* it is asked to go over to next */
	int fd, next; /* -1: none; the thread then ends */
	pthread_cond_t changed;
	pthread_t thread;
};

struct device_irqs {
	const char *name; /* the device, for messages */
	unsigned int counts[IRQ_INDICES];
	struct lock set_lock;
	struct lock lock;
	struct irq_watch unmask; /* changed under set_lock, too */
	enum irq_index active;	 /* of the first three, or none */
	bool intx_disabled;	 /* by the command register */
	bool bus_master;

	bool level, masked;
	int intx_fd;

	unsigned int vectors; /* enabled, of MSI or MSI-X */
	int *vector_fds;      /* as many as the device can have; -1: none */

	int event_fds[2]; /* ERR, REQ */
};

/* A SET_IRQS whose framing has been checked: the vectors exist, exactly one data type is given and
 * @data holds count elements of it. */
struct irq_request {
	struct uiommufd_caller *caller;
	enum irq_index index;
	unsigned int start, count;
	uint32_t flags; /* VFIO_IRQ_SET_... */
	const void *data;
};

/* 0 or -ENOMEM. @name is borrowed. */
int vfio_irqs_init(struct device_irqs *irqs, const struct uiommufd_model *model, const char *name);
void vfio_irqs_destroy(struct device_irqs *irqs);

/* SET_IRQS: 0; -ENOTTY the action; -EINVAL; -EBADF, -EMFILE an eventfd; -ENOMEM. */
int vfio_irqs_set(struct device_irqs *irqs, const struct irq_request *request);

/* Forgets all eventfds, and lowers the line. */
void vfio_irqs_disable(struct device_irqs *irqs);

/* What the command register says now (PCI_COMMAND_...). */
void vfio_irqs_set_command(struct device_irqs *irqs, uint16_t command);

/* The model's side. */
void vfio_irqs_set_level(struct device_irqs *irqs, bool level);
bool vfio_irqs_send(struct device_irqs *irqs, unsigned int vector);

/* What config space shows. */
struct pci_irq_status vfio_irqs_status(struct device_irqs *irqs);

/* In the child of a fork: the unmasking thread, and its eventfd's events, are the parent's. */
void vfio_irqs_fork_child(struct device_irqs *irqs) REQUIRES(irqs->set_lock, irqs->lock);

#endif
