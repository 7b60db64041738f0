/* SPDX-License-Identifier: MIT */
/*
 * The thread waits with epoll, edge-triggered, and finds the ioeventfd by an ID that is never used
 * again: the event of an ioeventfd that was removed in the meantime finds none. The thread needs
 * events->lock to finish, so it is joined without that lock. Removing the last ioeventfd does not
 * end the thread; closing the device does.
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
#include "base/last_error.h"
#include "base/sys.h"
#include "vfio/bar.h"
#include "vfio/device_thread.h"
#include "vfio/eventfd.h"
#include "vfio/vfio_internal.h"

enum {
	MAX_IOEVENTFDS = 1000,
	MAX_EVENTS = 16,
	STOP_ID = 0,
};

struct ioeventfd {
	struct cds_list_head link;
	uint64_t id;
	int fd; /* of this process */
	unsigned int bar, size;
	uint64_t off, data;
};

void vfio_ioeventfds_init(struct ioeventfds *events, struct vfio_device *device)
{
	events->device = device;
	lock_init(&events->lock, LOCK_IOEVENTFDS);
	CDS_INIT_LIST_HEAD(&events->list);
	events->next_id = STOP_ID + 1;
	events->epoll = events->stop = -1;
}

void vfio_ioeventfds_destroy(struct ioeventfds *events)
{
	lock_destroy(&events->lock);
}

/* ---- the thread ---- */

/* Writes the data in naturally aligned accesses that are as wide as the address allows. */
static void write_bar(struct vfio_device *device, const struct ioeventfd *event)
{
	struct bar_access access = {.device = device, .bar = event->bar};

	for (unsigned int done = 0; done < event->size; done += access.size) {
		access.off = event->off + done;
		access.size = (unsigned int)min_u64(event->size - done,
						    lowest_bit(access.off | event->size));
		/* A device that does not decode the BAR loses it, like any write. */
		(void)bar_write(&access, event->data >> 8 * done);
	}
}

/*
 * Reads the counter, so that the program sees it consumed. Never blocks: the program may have read
 * it already, or replaced the file behind the descriptor.
 */
static void take_count(int fd)
{
	uint64_t count;
	const struct iovec buffer = {.iov_base = &count, .iov_len = sizeof(count)};

	(void)sys_call(SYS_preadv2, fd, (long)&buffer, 1, -1, -1, RWF_NOWAIT);
}

static void signalled(struct ioeventfds *events, uint64_t id)
{
	struct ioeventfd *event;

	lock_acquire(&events->lock);
	cds_list_for_each_entry (event, &events->list, link) {
		if (event->id == id) {
			take_count(event->fd);
			write_bar(events->device, event);
			break;
		}
	}
	lock_release(&events->lock);
}

static void *ioeventfd_thread(void *arg)
{
	struct ioeventfds *events = arg;
	struct epoll_event ready[MAX_EVENTS];
	bool stop = false;

	while (!stop) {
		long n =
			sys_call(SYS_epoll_pwait, events->epoll, (long)ready, MAX_EVENTS, -1, 0, 0);

		/* A program can close descriptors that are not its own. */
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

static int watch(const struct ioeventfds *events, int fd, uint64_t id)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = id};

	return (int)sys_call(SYS_epoll_ctl, events->epoll, EPOLL_CTL_ADD, fd, (long)&event, 0, 0);
}

static void close_both(struct ioeventfds *events)
{
	eventfd_drop(events->epoll);
	eventfd_drop(events->stop);
	events->epoll = events->stop = -1;
}

static int ensure_thread(struct ioeventfds *events) REQUIRES(events->lock)
{
	int rc;

	lock_assert_held(&events->lock);
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
	rc = events->epoll < 0 ? events->epoll : events->stop;
	if (events->epoll < 0 || events->stop < 0)
		goto out_close;
	rc = watch(events, events->stop, STOP_ID);
	if (rc)
		goto out_close;
	rc = thread_start(&events->thread, ioeventfd_thread, events);
	if (rc)
		goto out_close;
	return 0;

out_close:
	close_both(events);
	return rc;
}

/* ---- adding and removing ---- */

static void remove_event(struct ioeventfds *events, struct ioeventfd *event) REQUIRES(events->lock)
{
	lock_assert_held(&events->lock);
	cds_list_del(&event->link);
	events->count--;
	/* Closing the descriptor is not enough: the program has the eventfd open, too. */
	(void)sys_call(SYS_epoll_ctl, events->epoll, EPOLL_CTL_DEL, event->fd, 0, 0, 0);
	eventfd_drop(event->fd);
	alloc_free(event);
}

static struct ioeventfd *find_event(struct ioeventfds *events, const struct ioeventfd *wanted)
	REQUIRES(events->lock)
{
	struct ioeventfd *event;

	lock_assert_held(&events->lock);
	cds_list_for_each_entry (event, &events->list, link) {
		if (event->bar == wanted->bar && event->off == wanted->off &&
		    event->size == wanted->size && event->data == wanted->data)
			return event;
	}
	return NULL;
}

static int add_event(struct ioeventfds *events, struct uiommufd_caller *caller,
		     const struct ioeventfd *wanted, int fd) REQUIRES(events->lock)
{
	struct ioeventfd *event;
	int rc;

	lock_assert_held(&events->lock);
	if (events->count >= MAX_IOEVENTFDS)
		return refuse(-ENOSPC, "the device has %u ioeventfds, and can have no more",
			      (unsigned int)MAX_IOEVENTFDS);
	event = alloc_zeroed(sizeof(*event));
	if (!event)
		return -ENOMEM;
	*event = *wanted;
	event->id = events->next_id++;
	rc = eventfd_take(caller, fd, &event->fd);
	if (rc)
		goto out_free;
	rc = ensure_thread(events);
	if (rc)
		goto out_drop;
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
	const struct uiommufd_model *model = device->model;
	const uint64_t end =
		model->msix_table + (uint64_t)model->msix_vectors * PCI_MSIX_ENTRY_SIZE;

	return model->msix_vectors && model->msix_bar == event->bar && event->off < end &&
	       event->off + event->size > model->msix_table;
}

/* Sets where and what @event writes. -EINVAL: @cmd names nothing that can be written to. */
static int get_place(const struct vfio_device *device, const struct vfio_device_ioeventfd *cmd,
		     struct ioeventfd *event)
{
	const uint64_t index = cmd->offset / vfio_region_offset(1);
	struct device_region region;

	event->size = cmd->flags & VFIO_DEVICE_IOEVENTFD_SIZE_MASK;
	event->off = cmd->offset % vfio_region_offset(1);
	event->data = cmd->data;
	if (index >= PCI_BARS || vfio_region_get(device, index, &region) ||
	    event->size > region.size || event->off > region.size - event->size)
		return refuse_mistake(-EINVAL,
				      "offset 0x%llx with %u bytes is in no BAR of the device",
				      (unsigned long long)cmd->offset, event->size);
	event->bar = (unsigned int)index;
	return in_msix_table(device, event)
		       ? refuse_mistake(-EINVAL, "offset 0x%llx is in the MSI-X table",
					(unsigned long long)cmd->offset)
		       : 0;
}

long vfio_ioeventfd(struct ioeventfds *events, struct uiommufd_caller *caller, uint64_t arg)
{
	const size_t least = SIZE_TO(struct vfio_device_ioeventfd, fd);
	struct vfio_device_ioeventfd cmd;
	struct ioeventfd wanted = {.fd = -1}, *event;
	int rc;

	if (caller_read(caller, &cmd, arg, least))
		return refuse_memory("the argument", arg, least);
	if (cmd.argsz < least)
		return refuse_argsz(cmd.argsz, least);
	/* The flag of a width is the width in bytes. */
	if (cmd.flags & ~VFIO_DEVICE_IOEVENTFD_SIZE_MASK || !is_power_of_two(cmd.flags) ||
	    cmd.fd < -1)
		return refuse_mistake(
			-EINVAL,
			"flags 0x%x, fd %d: one of the widths 1, 2, 4 and 8, and an eventfd "
			"or -1",
			cmd.flags, cmd.fd);
	rc = get_place(events->device, &cmd, &wanted);
	if (rc)
		return rc;
	lock_acquire(&events->lock);
	event = find_event(events, &wanted);
	if (cmd.fd < 0 && event)
		remove_event(events, event);
	else if (cmd.fd < 0)
		rc = refuse(-ENODEV, "there is no such ioeventfd");
	else
		rc = event ? refuse(-EEXIST,
				    "there is an ioeventfd for these bytes and data already")
			   : add_event(events, caller, &wanted, cmd.fd);
	lock_release(&events->lock);
	return rc;
}

/* ---- the end ---- */

static void remove_all(struct ioeventfds *events) REQUIRES(events->lock)
{
	struct ioeventfd *event, *next;

	lock_assert_held(&events->lock);
	cds_list_for_each_entry_safe (event, next, &events->list, link)
		remove_event(events, event);
}

void vfio_ioeventfds_stop(struct ioeventfds *events)
{
	lock_acquire(&events->lock);
	remove_all(events);
	lock_release(&events->lock);
	/* No more are added: the device has no owner any more. */
	if (events->epoll < 0)
		return;
	eventfd_notify(events->stop);
	pthread_join(events->thread, NULL);
	close_both(events);
}

void vfio_ioeventfds_fork_child(struct ioeventfds *events)
{
	struct ioeventfd *event, *next;

	lock_assert_held(&events->lock);
	/* The parent has the same epoll instance, which must keep what it watches. */
	cds_list_for_each_entry_safe (event, next, &events->list, link) {
		cds_list_del(&event->link);
		eventfd_drop(event->fd);
		alloc_free(event);
	}
	events->count = 0;
	close_both(events);
}
