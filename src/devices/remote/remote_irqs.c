/* SPDX-License-Identifier: MIT */
/*
 * Interrupts of the server: it gets eventfds of ours for those that the program has enabled, and
 * notifying them is what sends the message or asserts the line. Masking is ours, but for INTx,
 * whose server is told when the program has unmasked it.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#include <uiommufd/vfio.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "devices/remote/remote_internal.h"

/* Gives the server the eventfds @fds for interrupts @start on of @index; none: takes all away. */
static int send_set(struct remote *remote, unsigned int index, unsigned int start, const int *fds,
		    unsigned int count)
{
	const struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_ACTION_TRIGGER |
			 (count ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE),
		.index = index,
		.start = start,
		.count = count,
	};
	const struct vu_part parts[2] = {{&set, sizeof(set)}};
	const struct vu_descriptors with = {fds, count};
	struct vu_message *reply;
	int rc = vu_link_ask(&remote->link, VU_DEVICE_SET_IRQS, parts, &with, 0, &reply);

	vu_message_free(reply);
	return rc;
}

/* Sets or clears the bit with which the server's capability enables messages. */
static void enable_messages(struct remote *remote, unsigned int index, bool enable)
{
	const bool msix = index == VFIO_PCI_MSIX_IRQ_INDEX;
	const uint16_t cap = msix ? remote->model->msix : remote->model->msi;
	const uint16_t bit = msix ? PCI_MSIX_FLAGS_ENABLE : PCI_MSI_FLAGS_ENABLE;
	uint16_t control;

	if (index == VFIO_PCI_INTX_IRQ_INDEX || !cap ||
	    vu_region_read(&remote->link, VU_ID_CONFIG, cap + 2, &control, sizeof(control)))
		return;
	control = (uint16_t)(enable ? control | bit : control & ~bit);
	(void)vu_region_write(&remote->link, VU_ID_CONFIG, cap + 2, &control, sizeof(control));
}

static void end_index(struct remote *remote)
{
	if (remote->irq_index == REMOTE_NO_INDEX)
		return;
	if (!atomic_load(&remote->link.over)) {
		enable_messages(remote, remote->irq_index, false);
		(void)send_set(remote, remote->irq_index, 0, NULL, 0);
	}
	for (unsigned int i = 0; i < remote->irq_vectors; i++)
		remote_unwatch(remote, &remote->vector_fds[i]);
	remote->irq_index = REMOTE_NO_INDEX;
	remote->irq_vectors = 0;
}

/* Gives the server @count eventfds more, at most as many as go with a message. */
static int add_vectors(struct remote *remote, unsigned int index, unsigned int count)
{
	const unsigned int start = remote->irq_vectors;

	for (unsigned int i = 0; i < count; i++) {
		const unsigned int event = index == VFIO_PCI_INTX_IRQ_INDEX
						   ? (unsigned int)REMOTE_EVENT_INTX
						   : REMOTE_EVENT_VECTOR + start + i;
		int rc = remote_watch(remote, event, &remote->vector_fds[start + i]);

		if (rc)
			return rc;
		remote->irq_vectors++;
	}
	return send_set(remote, index, start, remote->vector_fds + start, count);
}

void remote_set_irqs(struct uiommufd_device *dev, unsigned int index, unsigned int vectors)
{
	struct remote *remote = uiommufd_device_state(dev);
	const unsigned int most =
		(unsigned int)min_u64(remote->link.theirs.max_msg_fds, VU_MAX_FDS);
	const bool first = remote->irq_index != index;
	int rc = 0;

	if (!atomic_load(&remote->open))
		return;
	if (first || !vectors)
		end_index(remote);
	if (!vectors)
		return;
	remote->irq_index = index;
	while (!rc && remote->irq_vectors < vectors)
		rc = add_vectors(remote, index,
				 (unsigned int)min_u64(vectors - remote->irq_vectors, most));
	if (rc && rc != -EIO)
		log_fault("%s: vfio-user: %u interrupts cannot be set up at the server: %s",
			  uiommufd_device_name(dev), vectors, strerror(-rc));
	if (first)
		enable_messages(remote, index, true);
}

void remote_unmask_intx(struct uiommufd_device *dev, bool wait)
{
	struct remote *remote = uiommufd_device_state(dev);
	const struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_DATA_NONE,
		.index = VFIO_PCI_INTX_IRQ_INDEX,
		.count = 1,
	};

	if (!atomic_load(&remote->open))
		return;
	if (wait)
		(void)vu_link_tell(&remote->link, VU_DEVICE_SET_IRQS, &set, sizeof(set));
	else
		vu_link_post(&remote->link, VU_DEVICE_SET_IRQS, &set, sizeof(set));
}

bool remote_intx_asserted(struct uiommufd_device *dev)
{
	struct remote *remote = uiommufd_device_state(dev);
	uint16_t status;

	return remote->irq_index == VFIO_PCI_INTX_IRQ_INDEX && atomic_load(&remote->open) &&
	       !vu_region_read(&remote->link, VU_ID_CONFIG, PCI_STATUS, &status, sizeof(status)) &&
	       status & PCI_STATUS_INTERRUPT;
}

void remote_watch_errors(struct remote *remote)
{
	for (unsigned int i = 0; i < 2; i++) {
		const unsigned int index = VFIO_PCI_ERR_IRQ_INDEX + i;

		if (!remote->model->identity.irqs[index])
			continue;
		if (!remote_watch(remote, REMOTE_EVENT_ERR + i, &remote->event_fds[i]))
			(void)send_set(remote, index, 0, &remote->event_fds[i], 1);
	}
}

void remote_unwatch_all(struct remote *remote)
{
	end_index(remote);
	for (unsigned int i = 0; i < 2; i++)
		remote_unwatch(remote, &remote->event_fds[i]);
}
