/* SPDX-License-Identifier: MIT */
/*
 * Interrupts of a VFIO device: from the model (the level of INTA#, "send message n") to eventfds of
 * the program, with masking in between [PCI-IRQ].
 *
 * INTA# is a level. When it is asserted and not masked, its eventfd is notified once and the
 * interrupt masks itself until the program unmasks it; if the line is still asserted then, the
 * eventfd is notified again. So no assertion is lost, however late the program unmasks. Messages
 * are events: each is delivered when it is sent, or dropped where hardware drops it (bus mastering
 * is off, or the vector has no eventfd).
 *
 * Locks: set_lock serialises changes of the eventfds; lock guards all state. Delivery takes only
 * lock, with or without the device lock held.
 */
#ifndef VFIO_IRQ_H
#define VFIO_IRQ_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <uiommufd/caller.h>
#include <uiommufd/device.h>

#include "base/lock.h"
#include "report/origin.h"
#include "vfio/msix.h"
#include "vfio/pci_config.h"

/* Indices, numbered as in the API. */
enum irq_index {
	IRQ_INTX,
	IRQ_MSI,
	IRQ_MSIX,
	IRQ_ERR,
	IRQ_REQ,
	IRQ_INDICES,
	IRQ_NONE = IRQ_INDICES, /* no vectors are active */
};

/* A thread that unmasks INTx when an eventfd of the program is signalled. */
struct irq_watch {
	bool running; /* the thread exists */
	bool change;  /* the thread has to wait for @next instead of @fd */
	int fd, next; /* -1: none, which ends the thread */
	struct condition changed;
	pthread_t thread;
};

struct device_irqs {
	const char *name;     /* of the device, for messages; borrowed */
	unsigned int counted; /* the device's number for count_device() */
	unsigned int counts[IRQ_INDICES];
	struct lock set_lock;
	struct lock lock;
	struct irq_watch unmask;  /* changes need set_lock, too */
	enum irq_index active;	  /* of the first three, or none */
	struct origin enabled_by; /* the call that made them active; while recording */
	bool intx_disabled;	  /* by the command register */
	bool bus_master;

	bool level, masked;
	int intx_fd;

	unsigned int vectors;	    /* enabled, of MSI or MSI-X */
	uint16_t msi_control;	    /* of the device: PCI_MSI_FLAGS_ENABLE, PCI_MSI_FLAGS_QSIZE */
	unsigned int msi_log_limit; /* QSIZE for the vectors that were enabled last */
	int *vector_fds;	    /* one for each vector that the device has; -1: none */

	struct msix_table table;

	int event_fds[2]; /* ERR, REQ */

	const struct irq_watcher *watcher; /* NULL: none */
	bool pulse;			   /* the level ends when it is delivered */
	bool unmask_due;		   /* the watcher has not been told of it */
};

/* Who has to know what the program does with the interrupts: a model in another process. */
struct irq_watcher {
	/*
	 * @vectors of @index are active now (INTx, MSI, MSI-X). Context: set_lock held.
	 */
	void (*changed)(const struct irq_watcher *watcher, enum irq_index index,
			unsigned int vectors);
	/* INTx has been unmasked. Context: @wait: it may wait; without irqs->lock. */
	void (*unmasked)(const struct irq_watcher *watcher, bool wait);
};

/*
 * A SET_IRQS with checked framing: the vectors exist, flags contain exactly one data type, and
 * @data (borrowed) holds @count elements of it.
 */
struct irq_request {
	struct uiommufd_caller *caller;
	enum irq_index index;
	unsigned int start, count;
	uint32_t flags; /* VFIO_IRQ_SET_... */
	const void *data;
	const char *no_messages; /* why MSI and MSI-X cannot begin now; NULL: they can */
};

/* 0 or -ENOMEM. @name is borrowed. */
int vfio_irqs_init(struct device_irqs *irqs, const struct uiommufd_model *model, const char *name,
		   unsigned int counted);
void vfio_irqs_destroy(struct device_irqs *irqs);

/*
 * SET_IRQS. 0; -ENOTTY: the index does not have the action; -EINVAL; -ERANGE: no vectors to begin
 * with; -EBADF, -EMFILE, -EBUSY: an eventfd; -ENOMEM.
 */
int vfio_irqs_set(struct device_irqs *irqs, const struct irq_request *request);

/* Notifies the eventfd of ERR or REQ, if there is one. */
void vfio_irqs_raise(struct device_irqs *irqs, enum irq_index index);

/* Drops all eventfds and deasserts the line. */
void vfio_irqs_disable(struct device_irqs *irqs);

/*
 * The command register has changed: @bus_master: the device may send messages; @intx_disabled: the
 * program has disabled INTx there, which masks it; enabling it unmasks it, however it was masked
 * [CONFIG-INTX].
 */
void vfio_irqs_set_command(struct device_irqs *irqs, bool bus_master, bool intx_disabled);

/*
 * The control register of MSI has been written (PCI_MSI_FLAGS_...): without ENABLE, no messages are
 * sent, although they stay set up.
 */
void vfio_irqs_set_msi_control(struct device_irqs *irqs, uint16_t control);

/*
 * For the model: INTA# changes to @level; message @vector (false: interrupts are not messages now).
 */
void vfio_irqs_set_level(struct device_irqs *irqs, bool level);
bool vfio_irqs_send(struct device_irqs *irqs, unsigned int vector);

/*
 * INTA# is at @level in a device whose state was loaded: no message is sent for it, as that has
 * been done where it was saved.
 */
void vfio_irqs_load_level(struct device_irqs *irqs, bool level);

/* Whether message @vector would be sent now. */
bool vfio_irqs_sends(struct device_irqs *irqs, unsigned int vector);

/*
 * INTA# has been asserted by a model that does not say for how long: until the program has been
 * notified.
 */
void vfio_irqs_pulse(struct device_irqs *irqs);

/*
 * Accesses of the program to the MSI-X table and the pending bits in the device's memory: @off and
 * @size are inside of them. Unmasking a vector sends it if it is pending.
 */
uint64_t vfio_irqs_read_table(struct device_irqs *irqs, uint64_t off, unsigned int size);
void vfio_irqs_write_table(struct device_irqs *irqs, uint64_t off, unsigned int size,
			   uint64_t value);
uint64_t vfio_irqs_read_pending(struct device_irqs *irqs, uint64_t off, unsigned int size);

/* The device has been reset: no line is asserted; the MSI-X table is as SET_IRQS has left it. */
void vfio_irqs_reset(struct device_irqs *irqs);

/* The state that config space shows. */
struct pci_irq_status vfio_irqs_status(struct device_irqs *irqs);

/* In the child of a fork: the unmasking thread, and its eventfd's events, are the parent's. */
void vfio_irqs_fork_child(struct device_irqs *irqs) REQUIRES(irqs->set_lock, irqs->lock);

#endif
