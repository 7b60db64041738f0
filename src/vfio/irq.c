/* SPDX-License-Identifier: MIT */
/* State and delivery of interrupts: see irq.h. What a program asks for is in irq_set.c. */
#include <errno.h>
#include <linux/pci_regs.h>

#include "base/alloc.h"
#include "base/log.h"
#include "vfio/eventfd.h"
#include "vfio/irq.h"

int vfio_irqs_init(struct vfio_irqs *irqs, const struct uiommufd_model *model, const char *name)
{
	unsigned int most = model->msix_vectors > model->msi_vectors ? model->msix_vectors
								     : model->msi_vectors;

	*irqs = (struct vfio_irqs){
		.name = name,
		.counts = {model->intx, model->msi_vectors, model->msix_vectors, model->pcie, 1},
		.unmask = {.fd = -1, .next = -1},
		.active = VFIO_IRQ_NONE,
		.intx_fd = -1,
		.event_fds = {-1, -1},
	};
	if (most) {
		irqs->vector_fds = alloc_array(most, sizeof(*irqs->vector_fds));
		if (!irqs->vector_fds)
			return -ENOMEM;
	}
	for (unsigned int i = 0; i < most; i++)
		irqs->vector_fds[i] = -1;
	pthread_mutex_init(&irqs->set_lock, NULL);
	pthread_mutex_init(&irqs->lock, NULL);
	pthread_cond_init(&irqs->unmask.changed, NULL);
	return 0;
}

void vfio_irqs_destroy(struct vfio_irqs *irqs)
{
	vfio_irqs_disable(irqs);
	pthread_cond_destroy(&irqs->unmask.changed);
	pthread_mutex_destroy(&irqs->lock);
	pthread_mutex_destroy(&irqs->set_lock);
	alloc_free(irqs->vector_fds);
}

void irq_deliver_intx(struct vfio_irqs *irqs)
{
	if (irqs->active != VFIO_IRQ_INTX || !irqs->level || irqs->masked || irqs->intx_disabled)
		return;
	irqs->masked = true;
	eventfd_notify(irqs->intx_fd);
}

/* Caller holds lock. True: a message was sent, whether or not somebody listens. */
static bool send_locked(struct vfio_irqs *irqs, unsigned int vector)
{
	if (irqs->active != VFIO_IRQ_MSI && irqs->active != VFIO_IRQ_MSIX)
		return false;
	if (vector >= irqs->vectors)
		return false;
	if (!irqs->bus_master) {
		log_fault("%s: message %u is lost: bus mastering is off (command register, bit 2)",
			  irqs->name, vector);
		return false;
	}
	eventfd_notify(irqs->vector_fds[vector]);
	return true;
}

bool vfio_irqs_send(struct vfio_irqs *irqs, unsigned int vector)
{
	bool sent;

	pthread_mutex_lock(&irqs->lock);
	sent = send_locked(irqs, vector);
	pthread_mutex_unlock(&irqs->lock);
	return sent;
}

void vfio_irqs_set_level(struct vfio_irqs *irqs, bool level)
{
	pthread_mutex_lock(&irqs->lock);
	if (level && !irqs->level)
		(void)send_locked(irqs, 0);
	irqs->level = level;
	irq_deliver_intx(irqs);
	pthread_mutex_unlock(&irqs->lock);
}

void vfio_irqs_set_command(struct vfio_irqs *irqs, uint16_t command)
{
	pthread_mutex_lock(&irqs->lock);
	irqs->intx_disabled = command & PCI_COMMAND_INTX_DISABLE;
	irqs->bus_master = command & PCI_COMMAND_MASTER;
	irq_deliver_intx(irqs);
	pthread_mutex_unlock(&irqs->lock);
}

struct pci_irq_status vfio_irqs_status(struct vfio_irqs *irqs)
{
	struct pci_irq_status status;

	pthread_mutex_lock(&irqs->lock);
	status.intx = irqs->level;
	status.msi_vectors = irqs->active == VFIO_IRQ_MSI ? irqs->vectors : 0;
	status.msix = irqs->active == VFIO_IRQ_MSIX;
	pthread_mutex_unlock(&irqs->lock);
	return status;
}

void irq_replace_fd(struct vfio_irqs *irqs, int *slot, int fd)
{
	int old;

	pthread_mutex_lock(&irqs->lock);
	old = *slot;
	*slot = fd;
	pthread_mutex_unlock(&irqs->lock);
	eventfd_drop(old);
}

void irq_disable(struct vfio_irqs *irqs, enum vfio_irq_index index)
{
	unsigned int vectors;

	if (irqs->active != index)
		return;
	pthread_mutex_lock(&irqs->lock);
	vectors = irqs->vectors;
	irqs->active = VFIO_IRQ_NONE;
	irqs->vectors = 0;
	irqs->masked = false;
	pthread_mutex_unlock(&irqs->lock);

	(void)irq_watch_set(irqs, -1);
	irq_replace_fd(irqs, &irqs->intx_fd, -1);
	for (unsigned int i = 0; i < vectors; i++)
		irq_replace_fd(irqs, &irqs->vector_fds[i], -1);
}

void vfio_irqs_disable(struct vfio_irqs *irqs)
{
	pthread_mutex_lock(&irqs->set_lock);
	if (irqs->active != VFIO_IRQ_NONE)
		irq_disable(irqs, irqs->active);
	for (unsigned int i = 0; i < 2; i++)
		irq_replace_fd(irqs, &irqs->event_fds[i], -1);
	vfio_irqs_set_level(irqs, false);
	pthread_mutex_unlock(&irqs->set_lock);
}
