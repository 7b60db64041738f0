/* SPDX-License-Identifier: MIT */
/* SET_IRQS: what a program does with a device's interrupts (spec 40-vfio, 5.3). */
#include <errno.h>
#include <string.h>

#include <uiommufd/vfio.h>

#include "vfio/eventfd.h"
#include "vfio/irq.h"

enum {
	DATA_NONE = VFIO_IRQ_SET_DATA_NONE,
	DATA_BOOL = VFIO_IRQ_SET_DATA_BOOL,
	DATA_EVENTFD = VFIO_IRQ_SET_DATA_EVENTFD,
};

static uint32_t data_type(const struct vfio_irq_request *request)
{
	return request->flags & VFIO_IRQ_SET_DATA_TYPE_MASK;
}

/* Element @i as the type it is. */
static int request_fd(const struct vfio_irq_request *request, unsigned int i)
{
	int32_t fd;

	memcpy(&fd, (const char *)request->data + i * sizeof(fd), sizeof(fd));
	return fd;
}

/* Whether element @i asks to act: NONE always, BOOL if it is not zero. */
static bool request_acts(const struct vfio_irq_request *request, unsigned int i)
{
	return data_type(request) == DATA_NONE || ((const uint8_t *)request->data)[i];
}

/* The eventfd of element @i as our own; a negative one is none, -1. */
static int take_fd(const struct vfio_irq_request *request, unsigned int i, int *own)
{
	int fd = request_fd(request, i);

	*own = -1;
	return fd < 0 ? 0 : eventfd_take(request->caller, fd, own);
}

static int intx_trigger(struct vfio_irqs *irqs, const struct vfio_irq_request *request)
{
	bool active = irqs->active == VFIO_IRQ_INTX;
	int fd, rc;

	if (active && !request->count && data_type(request) == DATA_NONE) {
		irq_disable(irqs, VFIO_IRQ_INTX);
		return 0;
	}
	if ((!active && irqs->active != VFIO_IRQ_NONE) || request->start || request->count != 1)
		return -EINVAL;
	if (data_type(request) == DATA_EVENTFD) {
		rc = take_fd(request, 0, &fd);
		if (rc)
			return rc;
		irq_replace_fd(irqs, &irqs->intx_fd, fd);
		pthread_mutex_lock(&irqs->lock);
		irqs->active = VFIO_IRQ_INTX;
		irq_deliver_intx(irqs);
		pthread_mutex_unlock(&irqs->lock);
		return 0;
	}
	if (!active)
		return -EINVAL;
	if (request_acts(request, 0)) {
		pthread_mutex_lock(&irqs->lock);
		if (!irqs->intx_disabled)
			eventfd_notify(irqs->intx_fd);
		pthread_mutex_unlock(&irqs->lock);
	}
	return 0;
}

static int intx_set_masked(struct vfio_irqs *irqs, const struct vfio_irq_request *request,
			   bool masked)
{
	int fd, rc;

	if (irqs->active != VFIO_IRQ_INTX || request->start || request->count != 1)
		return -EINVAL;
	if (data_type(request) == DATA_EVENTFD) {
		if (masked)
			return -ENOTTY;
		rc = take_fd(request, 0, &fd);
		if (rc)
			return rc;
		rc = irq_watch_set(irqs, fd);
		if (rc)
			eventfd_drop(fd);
		return rc;
	}
	if (request_acts(request, 0)) {
		pthread_mutex_lock(&irqs->lock);
		irqs->masked = masked;
		irq_deliver_intx(irqs);
		pthread_mutex_unlock(&irqs->lock);
	}
	return 0;
}

/* Gives the vectors of @request their eventfds; on failure none of them has one any more. */
static int set_vector_fds(struct vfio_irqs *irqs, const struct vfio_irq_request *request)
{
	int fd, rc = 0;

	for (unsigned int i = 0; i < request->count && !rc; i++) {
		rc = take_fd(request, i, &fd);
		if (!rc)
			irq_replace_fd(irqs, &irqs->vector_fds[request->start + i], fd);
	}
	for (unsigned int i = 0; i < request->count && rc; i++)
		irq_replace_fd(irqs, &irqs->vector_fds[request->start + i], -1);
	return rc;
}

/* The first eventfds decide how many vectors are enabled; MSI-X may grow later. */
static int set_vectors(struct vfio_irqs *irqs, const struct vfio_irq_request *request)
{
	unsigned int end = request->start + request->count;
	bool first = irqs->active == VFIO_IRQ_NONE;
	int rc;

	if (first ? !end : end > irqs->vectors && request->index == VFIO_IRQ_MSI)
		return -EINVAL;
	rc = set_vector_fds(irqs, request);
	if (rc)
		return rc;
	pthread_mutex_lock(&irqs->lock);
	irqs->active = request->index;
	if (end > irqs->vectors)
		irqs->vectors = end;
	pthread_mutex_unlock(&irqs->lock);
	return rc;
}

static int msi_trigger(struct vfio_irqs *irqs, const struct vfio_irq_request *request)
{
	bool active = irqs->active == request->index;

	if (active && !request->count && data_type(request) == DATA_NONE) {
		irq_disable(irqs, request->index);
		return 0;
	}
	if (!active && irqs->active != VFIO_IRQ_NONE)
		return -EINVAL;
	if (data_type(request) == DATA_EVENTFD)
		return set_vectors(irqs, request);
	if (!active)
		return -EINVAL;
	pthread_mutex_lock(&irqs->lock);
	for (unsigned int i = 0; i < request->count; i++)
		if (request_acts(request, i))
			eventfd_notify(irqs->vector_fds[request->start + i]);
	pthread_mutex_unlock(&irqs->lock);
	return 0;
}

/* ERR and REQ: one eventfd each. */
static int event_trigger(struct vfio_irqs *irqs, const struct vfio_irq_request *request)
{
	int *slot = &irqs->event_fds[request->index - VFIO_IRQ_ERR];
	int fd, rc;

	if (request->start || request->count > 1)
		return -EINVAL;
	if (data_type(request) == DATA_EVENTFD) {
		if (!request->count || request_fd(request, 0) < -1)
			return -EINVAL;
		rc = take_fd(request, 0, &fd);
		if (!rc)
			irq_replace_fd(irqs, slot, fd);
		return rc;
	}
	if (*slot < 0 || (!request->count && data_type(request) == DATA_BOOL))
		return -EINVAL;
	if (!request->count)
		irq_replace_fd(irqs, slot, -1);
	else if (request_acts(request, 0))
		eventfd_notify(*slot);
	return 0;
}

static int act(struct vfio_irqs *irqs, const struct vfio_irq_request *request)
{
	uint32_t action = request->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK;

	switch (request->index) {
	case VFIO_IRQ_INTX:
		if (action == VFIO_IRQ_SET_ACTION_TRIGGER)
			return intx_trigger(irqs, request);
		if (action == VFIO_IRQ_SET_ACTION_MASK || action == VFIO_IRQ_SET_ACTION_UNMASK)
			return intx_set_masked(irqs, request, action == VFIO_IRQ_SET_ACTION_MASK);
		return -ENOTTY;
	case VFIO_IRQ_MSI:
	case VFIO_IRQ_MSIX:
		return action == VFIO_IRQ_SET_ACTION_TRIGGER ? msi_trigger(irqs, request) : -ENOTTY;
	default:
		return action == VFIO_IRQ_SET_ACTION_TRIGGER ? event_trigger(irqs, request)
							     : -ENOTTY;
	}
}

int vfio_irqs_set(struct vfio_irqs *irqs, const struct vfio_irq_request *request)
{
	int rc;

	pthread_mutex_lock(&irqs->set_lock);
	rc = act(irqs, request);
	pthread_mutex_unlock(&irqs->set_lock);
	return rc;
}
