/* SPDX-License-Identifier: MIT */
/*
 * The thread waits with epoll, edge-triggered, and finds what was signalled by a number that is
 * never used again: an event of one that was removed meanwhile is nobody's. Whoever ends the thread
 * does not hold the lock, which the thread needs to come to its end; removing the last one leaves
 * the thread to the close of the device.
 */
#include "vfio/ioeventfd.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/uio.h>

#include <uiommufd/vfio.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/check.h"
#include "base/fail.h"
#include "base/sys.h"
#include "vfio/bar.h"
#include "vfio/eventfd.h"
#include "vfio/thread.h"
#include "vfio/vfio_internal.h"

enum {
	MAX_IOEVENTFDS = 1000,
	MAX_EVENTS = 16,
	STOP_ID = 0,
};

struct ioeventfd {
	struct cds_list_head link;
	uint64_t id;
	int fd; /* our own */
	unsigned int bar, size;
	uint64_t off, data;
};

void vfio_ioeventfds_init(struct vfio_ioeventfds *events, struct vfio_device *device)
{
	events->device = device;
	pthread_mutex_init(&events->lock, NULL);
	CDS_INIT_LIST_HEAD(&events->list);
	events->next_id = STOP_ID + 1;
	events->epoll = events->stop = -1;
}

void vfio_ioeventfds_destroy(struct vfio_ioeventfds *events)
{
	pthread_mutex_destroy(&events->lock);
}

/* ---- the thread ---- */

/* As wide as the bus takes it at this address. */
static void write_bar(struct vfio_device *device, const struct ioeventfd *event)
{
	struct bar_access access = {.device = device, .bar = event->bar};

	for (unsigned int done = 0; done < event->size; done += access.size) {
		access.off = event->off + done;
		access.size = (unsigned int)min_u64(event->size - done,
						    lowest_bit(access.off | event->size));
		/* A device that does not decode misses it, as any write. */
		(void)bar_write(&access, event->data >> 8 * done);
	}
}

/*
 * Takes the count, so that the program sees that somebody did; it may be gone already, or another
 * one's.
 */
static void take_count(int fd)
{
	uint64_t count;
	const struct iovec buffer = {.iov_base = &count, .iov_len = sizeof(count)};

	(void)sys_call(SYS_preadv2, fd, (long)&buffer, 1, -1, -1, RWF_NOWAIT);
}

static void signalled(struct vfio_ioeventfds *events, uint64_t id)
{
	struct ioeventfd *event;

	pthread_mutex_lock(&events->lock);
	cds_list_for_each_entry (event, &events->list, link) {
		if (event->id == id) {
			take_count(event->fd);
			write_bar(events->device, event);
			break;
		}
	}
	pthread_mutex_unlock(&events->lock);
}

static void *ioeventfd_thread(void *arg)
{
	struct vfio_ioeventfds *events = arg;
	struct epoll_event ready[MAX_EVENTS];
	bool stop = false;

	while (!stop) {
		long n =
			sys_call(SYS_epoll_pwait, events->epoll, (long)ready, MAX_EVENTS, -1, 0, 0);

		/* A program may close even descriptors that it does not know. */
		stop = n < 0 && n != -EINTR;
		for (long i = 0; i < n; i++) {
			if (ready[i].data.u64 == STOP_ID)
				stop = true;
			else
				signalled(events, ready[i].data.u64);
		}
	}
	return NULL;
}

static int watch(const struct vfio_ioeventfds *events, int fd, uint64_t id)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = id};

	return (int)sys_call(SYS_epoll_ctl, events->epoll, EPOLL_CTL_ADD, fd, (long)&event, 0, 0);
}

static void close_both(struct vfio_ioeventfds *events)
{
	eventfd_drop(events->epoll);
	eventfd_drop(events->stop);
	events->epoll = events->stop = -1;
}

/* Caller holds lock. */
static int ensure_thread(struct vfio_ioeventfds *events)
{
	int rc;

	if (events->epoll >= 0)
		return 0;
	if (fail_inject())
		return -EMFILE;
	events->epoll = (int)sys_call(SYS_epoll_create1, EPOLL_CLOEXEC, 0, 0, 0, 0, 0);
	events->stop = (int)sys_call(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK, 0, 0, 0, 0);
	if (events->epoll >= 0)
		events->epoll = sys_move_away(events->epoll);
	if (events->stop >= 0)
		events->stop = sys_move_away(events->stop);
	if (events->epoll < 0 || events->stop < 0)
		rc = events->epoll < 0 ? events->epoll : events->stop;
	else
		rc = watch(events, events->stop, STOP_ID);
	if (!rc)
		rc = thread_start(&events->thread, ioeventfd_thread, events);
	if (rc)
		close_both(events);
	return rc;
}

/* ---- adding and removing ---- */

static void remove_event(struct vfio_ioeventfds *events, struct ioeventfd *event)
{
	cds_list_del(&event->link);
	events->count--;
	/* Closing does not do, as the program has it open, too. */
	(void)sys_call(SYS_epoll_ctl, events->epoll, EPOLL_CTL_DEL, event->fd, 0, 0, 0);
	eventfd_drop(event->fd);
	alloc_free(event);
}

static struct ioeventfd *find_event(struct vfio_ioeventfds *events, const struct ioeventfd *wanted)
{
	struct ioeventfd *event;

	cds_list_for_each_entry (event, &events->list, link) {
		if (event->bar == wanted->bar && event->off == wanted->off &&
		    event->size == wanted->size && event->data == wanted->data)
			return event;
	}
	return NULL;
}

/* Caller holds lock. */
static int add_event(struct vfio_ioeventfds *events, struct uiommufd_caller *caller,
		     const struct ioeventfd *wanted, int fd)
{
	struct ioeventfd *event;
	int rc;

	if (events->count >= MAX_IOEVENTFDS)
		return -ENOSPC;
	event = alloc_zeroed(sizeof(*event));
	if (!event)
		return -ENOMEM;
	*event = *wanted;
	event->id = events->next_id++;
	rc = eventfd_take(caller, fd, &event->fd);
	if (rc)
		goto out_free;
	rc = ensure_thread(events);
	if (!rc)
		rc = watch(events, event->fd, event->id);
	if (rc)
		goto out_drop;
	cds_list_add_tail(&event->link, &events->list);
	events->count++;
	return 0;

out_drop:
	eventfd_drop(event->fd);
out_free:
	alloc_free(event);
	return rc;
}

/* True if a write of @event would touch the MSI-X table, which VFIO keeps from programs. */
static bool in_msix_table(const struct vfio_device *device, const struct ioeventfd *event)
{
	const struct uiommufd_model *model = device->dev.model;
	const uint64_t end =
		model->msix_table + (uint64_t)model->msix_vectors * PCI_MSIX_ENTRY_SIZE;

	return model->msix_vectors && model->msix_bar == event->bar && event->off < end &&
	       event->off + event->size > model->msix_table;
}

/* The place that @cmd names. -EINVAL: there is none. */
static int get_place(const struct vfio_device *device, const struct vfio_device_ioeventfd *cmd,
		     struct ioeventfd *event)
{
	const uint64_t index = cmd->offset / vfio_region_offset(1);
	struct vfio_region region;

	event->size = cmd->flags & VFIO_DEVICE_IOEVENTFD_SIZE_MASK;
	event->off = cmd->offset % vfio_region_offset(1);
	event->data = cmd->data;
	if (index >= PCI_BARS || vfio_region_get(device, index, &region) ||
	    event->size > region.size || event->off > region.size - event->size)
		return -EINVAL;
	event->bar = (unsigned int)index;
	return in_msix_table(device, event) ? -EINVAL : 0;
}

long vfio_ioeventfd(struct vfio_ioeventfds *events, struct uiommufd_caller *caller, uint64_t arg)
{
	const size_t least = SIZE_TO(struct vfio_device_ioeventfd, fd);
	struct vfio_device_ioeventfd cmd;
	struct ioeventfd wanted = {.fd = -1}, *event;
	int rc;

	if (caller_read(caller, &cmd, arg, least))
		return -EFAULT;
	/* The flag of a width is the width in bytes. */
	if (cmd.argsz < least || cmd.flags & ~VFIO_DEVICE_IOEVENTFD_SIZE_MASK ||
	    !is_power_of_two(cmd.flags) || cmd.fd < -1)
		return -EINVAL;
	rc = get_place(events->device, &cmd, &wanted);
	if (rc)
		return rc;
	pthread_mutex_lock(&events->lock);
	event = find_event(events, &wanted);
	if (cmd.fd < 0 && event)
		remove_event(events, event);
	else if (cmd.fd < 0)
		rc = -ENODEV;
	else
		rc = event ? -EEXIST : add_event(events, caller, &wanted, cmd.fd);
	pthread_mutex_unlock(&events->lock);
	return rc;
}

/* ---- the end ---- */

static void remove_all(struct vfio_ioeventfds *events)
{
	struct ioeventfd *event, *next;

	cds_list_for_each_entry_safe (event, next, &events->list, link)
		remove_event(events, event);
}

void vfio_ioeventfds_stop(struct vfio_ioeventfds *events)
{
	pthread_mutex_lock(&events->lock);
	remove_all(events);
	pthread_mutex_unlock(&events->lock);
	/* Nobody adds any: the device has no owner any more. */
	if (events->epoll < 0)
		return;
	eventfd_notify(events->stop);
	pthread_join(events->thread, NULL);
	close_both(events);
}

void vfio_ioeventfds_fork_child(struct vfio_ioeventfds *events)
{
	struct ioeventfd *event, *next;

	/* The epoll instance is the parent's, too: it goes on with what it watches. */
	cds_list_for_each_entry_safe (event, next, &events->list, link) {
		cds_list_del(&event->link);
		eventfd_drop(event->fd);
		alloc_free(event);
	}
	events->count = 0;
	close_both(events);
}
