/* SPDX-License-Identifier: MIT */
/* Interrupts: as VFIO's, with the eventfds beside the message instead of their numbers in it. */
#include <errno.h>
#include <string.h>

#include <uiommufd/vfio.h>

#include "base/alloc.h"
#include "vfio_user/session.h"

int vu_handle_irq_info(struct vu_session *session, struct vu_message *request,
		       struct vu_reply *reply)
{
	struct vfio_irq_info info, *out;

	memcpy(&info, request->payload, sizeof(info));
	if (info.argsz < sizeof(info))
		return vu_refuse(session, "its argsz is too small");
	if (info.index >= VU_IRQS)
		return vu_refuse(session, "there is no such interrupt");
	out = vu_reply_reserve(reply, sizeof(*out));
	if (!out)
		return -ENOMEM;
	*out = (struct vfio_irq_info){.argsz = sizeof(*out), .index = info.index};
	return engine_device_ioctl(session->caller, VFIO_DEVICE_GET_IRQ_INFO, out);
}

/*
 * A SET_IRQS for the engine, from the client's @head, with room for its data: the descriptors of
 * the message or, without any, "none" for each interrupt; or the client's bytes. NULL: no memory.
 */
static struct vfio_irq_set *translate(const struct vfio_irq_set *head,
				      const struct vu_message *request)
{
	const uint32_t type = head->flags & VFIO_IRQ_SET_DATA_TYPE_MASK;
	const size_t width = type == VFIO_IRQ_SET_DATA_EVENTFD ? sizeof(int32_t)
			     : type == VFIO_IRQ_SET_DATA_BOOL  ? 1
							       : 0;
	struct vfio_irq_set *set = alloc_zeroed(sizeof(*set) + head->count * width);

	if (!set)
		return NULL;
	*set = *head;
	set->argsz = (uint32_t)(sizeof(*set) + head->count * width);
	for (uint32_t i = 0; type == VFIO_IRQ_SET_DATA_EVENTFD && i < head->count; i++) {
		const int32_t fd = request->fd_count ? request->fds[i] : -1;

		memcpy(set->data + i * sizeof(fd), &fd, sizeof(fd));
	}
	if (type == VFIO_IRQ_SET_DATA_BOOL)
		memcpy(set->data, request->payload + sizeof(*head), head->count);
	return set;
}

/* Checks what decides about sizes; the engine checks the rest. */
static int check_set(struct vu_session *session, const struct vfio_irq_set *head,
		     const struct vu_message *request)
{
	const uint32_t type = head->flags & VFIO_IRQ_SET_DATA_TYPE_MASK;
	const uint32_t data = request->len - (uint32_t)sizeof(*head);

	if (head->argsz < sizeof(*head))
		return vu_refuse(session, "its argsz is too small");
	if (head->index >= VU_IRQS)
		return vu_refuse(session, "there is no such interrupt");
	if (head->start > session->irq_counts[head->index] ||
	    head->count > session->irq_counts[head->index] - head->start)
		return vu_refuse(session, "the device has fewer interrupts");
	if (type == VFIO_IRQ_SET_DATA_BOOL && data < head->count)
		return vu_refuse(session, "its count is not that of its data");
	if (type == VFIO_IRQ_SET_DATA_EVENTFD && request->fd_count &&
	    request->fd_count != head->count)
		return vu_refuse(session, "its count is not that of its descriptors");
	if (type != VFIO_IRQ_SET_DATA_EVENTFD && request->fd_count)
		return vu_refuse(session, "it has descriptors that it does not use");
	return 0;
}

int vu_handle_set_irqs(struct vu_session *session, struct vu_message *request,
		       struct vu_reply *reply)
{
	struct vfio_irq_set head, *set;
	int rc;

	(void)reply;
	memcpy(&head, request->payload, sizeof(head));
	rc = check_set(session, &head, request);
	if (rc)
		return rc;
	set = translate(&head, request);
	if (!set)
		return -ENOMEM;
	rc = engine_device_ioctl(session->caller, VFIO_DEVICE_SET_IRQS, set);
	alloc_free(set);
	return rc;
}
