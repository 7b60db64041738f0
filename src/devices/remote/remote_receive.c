/* SPDX-License-Identifier: MIT */
/*
 * The thread that receives what the server sends, and the DMA that it asks for.
 *
 * DMA waits in a list, which is bounded: a server that sends more than that at once is refused.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/sys.h"
#include "devices/remote/remote_internal.h"
#include "vfio/device_thread.h"
#include "vfio/eventfd.h"

enum {
	MAX_EVENTS = 64,
	DMA_AT_ONCE = 32,  /* requests, until other work may run */
	MAX_NOTIFIED = 64, /* interrupts of one vector at once; the rest are one with these */
};

/* ---- DMA ---- */

static void refuse_all(struct remote *remote, struct cds_list_head *requests)
{
	struct vu_message *request, *next;

	cds_list_for_each_entry_safe (request, next, requests, link) {
		vu_link_reply(&remote->link, request, -EIO, NULL);
		vu_message_free(request);
	}
}

void remote_refuse_dma(struct remote *remote, bool refuse)
{
	CDS_LIST_HEAD(refused);

	lock_acquire(&remote->requests_lock);
	remote->refusing = refuse;
	if (refuse) {
		cds_list_splice(&remote->requests, &refused);
		CDS_INIT_LIST_HEAD(&remote->requests);
		remote->request_count = 0;
	}
	lock_release(&remote->requests_lock);
	refuse_all(remote, &refused);
}

/* Takes @request. */
static void add_request(struct remote *remote, struct vu_message *request)
{
	bool added;

	lock_acquire(&remote->requests_lock);
	added = !remote->refusing && remote->request_count < REMOTE_MAX_REQUESTS;
	if (added) {
		cds_list_add_tail(&request->link, &remote->requests);
		remote->request_count++;
	}
	lock_release(&remote->requests_lock);
	if (added) {
		uiommufd_device_queue_work(remote->dev, remote_do_dma);
		return;
	}
	vu_link_reply(&remote->link, request, -EIO, NULL);
	vu_message_free(request);
}

/* The oldest, or NULL. */
static struct vu_message *take_request(struct remote *remote)
{
	struct vu_message *request = NULL;

	lock_acquire(&remote->requests_lock);
	if (remote->request_count) {
		request = cds_list_first_entry(&remote->requests, struct vu_message, link);
		cds_list_del(&request->link);
		remote->request_count--;
	}
	lock_release(&remote->requests_lock);
	return request;
}

/* Whether the size of @request is what it says. */
static bool is_well_formed(const struct vu_message *request, struct vu_dma_access *access)
{
	const bool write = request->header.command == VU_DMA_WRITE;

	if (request->len < sizeof(*access))
		return false;
	memcpy(access, request->payload, sizeof(*access));
	return access->count && access->count <= VU_MAX_DATA &&
	       request->len == sizeof(*access) + (write ? access->count : 0);
}

static void read_memory(struct remote *remote, const struct vu_message *request,
			const struct vu_dma_access *access)
{
	void *buf = alloc_zeroed(access->count);
	const struct vu_part parts[2] = {{access, sizeof(*access)}, {buf, access->count}};
	int rc = buf ? uiommufd_device_dma_read(remote->dev, access->address, buf, access->count)
		     : -ENOMEM;

	vu_link_reply(&remote->link, request, rc, parts);
	alloc_free(buf);
}

static void write_memory(struct remote *remote, const struct vu_message *request,
			 const struct vu_dma_access *access)
{
	const struct vu_part parts[2] = {{access, sizeof(*access)}};
	int rc = uiommufd_device_dma_write(remote->dev, access->address,
					   request->payload + sizeof(*access), access->count);

	vu_link_reply(&remote->link, request, rc, parts);
}

static void carry_out(struct remote *remote, const struct vu_message *request)
{
	struct vu_dma_access access;

	if (!is_well_formed(request, &access))
		vu_link_give_up(&remote->link, "sends a malformed request for DMA");
	else if (request->header.command == VU_DMA_READ)
		read_memory(remote, request, &access);
	else
		write_memory(remote, request, &access);
}

void remote_do_dma(struct uiommufd_device *dev)
{
	struct remote *remote = uiommufd_device_state(dev);
	struct vu_message *request;

	for (unsigned int i = 0; i < DMA_AT_ONCE; i++) {
		request = take_request(remote);
		if (!request)
			return;
		carry_out(remote, request);
		vu_message_free(request);
	}
	uiommufd_device_queue_work(dev, remote_do_dma);
}

/* ---- events ---- */

/* Takes @message. */
static void take_command(struct remote *remote, struct vu_message *message)
{
	if (message->header.command == VU_DMA_READ || message->header.command == VU_DMA_WRITE) {
		add_request(remote, message);
		return;
	}
	vu_link_reply(&remote->link, message, -EOPNOTSUPP, NULL);
	vu_message_free(message);
}

static void ignore(const struct remote *remote, int fd)
{
	(void)sys_call(SYS_epoll_ctl, remote->epoll, EPOLL_CTL_DEL, fd, 0, 0, 0);
}

static void receive(struct remote *remote, bool twin)
{
	struct vu_message *message;

	if (!vu_link_receive(&remote->link, twin, &message)) {
		if (message)
			take_command(remote, message);
		return;
	}
	ignore(remote, remote->link.channel.fd);
	ignore(remote, remote->link.twin.fd);
	vfio_backend_raise_error(remote->dev);
}

/* How often the eventfd @fd (-1: none) has been notified, as far as it matters. */
static uint64_t take_count(int fd)
{
	uint64_t count;

	if (fd < 0 || sys_call(SYS_read, fd, (long)&count, sizeof(count), 0, 0, 0) < 0)
		return 0;
	return min_u64(count, MAX_NOTIFIED);
}

/* The server has notified the eventfd of @event, which may be gone by now. */
static void notified(struct remote *remote, unsigned int event)
{
	uint64_t count;

	switch (event) {
	case REMOTE_EVENT_INTX:
		if (take_count(remote->vector_fds[0]))
			vfio_backend_pulse_intx(remote->dev);
		break;
	case REMOTE_EVENT_ERR:
		if (take_count(remote->event_fds[0]))
			vfio_backend_raise_error(remote->dev);
		break;
	case REMOTE_EVENT_REQ:
		if (take_count(remote->event_fds[1]))
			vfio_backend_raise_request(remote->dev);
		break;
	default:
		event -= REMOTE_EVENT_VECTOR;
		for (count = take_count(remote->vector_fds[event]); count; count--)
			(void)uiommufd_device_send_msi(remote->dev, event);
	}
}

/* Those of sockets, or the others. True: the thread is to end. */
static bool take_events(struct remote *remote, const struct epoll_event *ready, long n,
			bool sockets)
{
	for (long i = 0; i < n; i++) {
		const unsigned int event = ready[i].data.u32;
		const bool socket = event == REMOTE_EVENT_SOCKET || event == REMOTE_EVENT_TWIN;

		if (event == REMOTE_EVENT_STOP)
			return true;
		if (socket != sockets)
			continue;
		lock_acquire(&remote->receiving);
		if (socket)
			receive(remote, event == REMOTE_EVENT_TWIN);
		else
			notified(remote, event);
		lock_release(&remote->receiving);
	}
	return false;
}

static void *receive_thread(void *arg)
{
	struct remote *remote = arg;
	struct epoll_event ready[MAX_EVENTS];
	bool stop = false;

	while (!stop) {
		long n =
			sys_call(SYS_epoll_pwait, remote->epoll, (long)ready, MAX_EVENTS, -1, 0, 0);

		/* A program can close descriptors that are not its own. */
		stop = n < 0 && n != -EINTR;
		/* What the server did before it answered comes before the answer. */
		stop = stop || take_events(remote, ready, n, false) ||
		       take_events(remote, ready, n, true);
	}
	/* Whoever waits for a reply would do so for ever. */
	vu_exchanges_end(&remote->link.exchanges);
	return NULL;
}

static int watch(const struct remote *remote, int fd, unsigned int event)
{
	struct epoll_event what = {.events = EPOLLIN, .data.u32 = event};

	return (int)sys_call(SYS_epoll_ctl, remote->epoll, EPOLL_CTL_ADD, fd, (long)&what, 0, 0);
}

static int make_eventfd(void)
{
	int fd = (int)sys_call(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK, 0, 0, 0, 0);

	return fd < 0 ? fd : sys_move_away(fd);
}

int remote_watch(struct remote *remote, unsigned int event, int *fd)
{
	int own = make_eventfd(), rc;

	if (own < 0)
		return own;
	rc = watch(remote, own, event);
	if (rc) {
		(void)sys_close(own);
		return rc;
	}
	lock_acquire(&remote->receiving);
	*fd = own;
	lock_release(&remote->receiving);
	return 0;
}

void remote_unwatch(struct remote *remote, int *fd)
{
	int old;

	lock_acquire(&remote->receiving);
	old = *fd;
	*fd = -1;
	lock_release(&remote->receiving);
	if (old < 0)
		return;
	/* Closing it is not enough: the server has it open, too. */
	(void)sys_call(SYS_epoll_ctl, remote->epoll, EPOLL_CTL_DEL, old, 0, 0, 0);
	(void)sys_close(old);
}

static void close_both(struct remote *remote)
{
	if (remote->epoll >= 0)
		(void)sys_close(remote->epoll);
	if (remote->stop >= 0)
		(void)sys_close(remote->stop);
	remote->epoll = remote->stop = -1;
}

int remote_receive_start(struct remote *remote)
{
	int rc;

	remote->epoll = (int)sys_call(SYS_epoll_create1, EPOLL_CLOEXEC, 0, 0, 0, 0, 0);
	if (remote->epoll < 0) {
		rc = remote->epoll;
		goto out_close;
	}
	remote->epoll = sys_move_away(remote->epoll);
	remote->stop = make_eventfd();
	rc = remote->stop < 0 ? remote->stop : watch(remote, remote->stop, REMOTE_EVENT_STOP);
	if (!rc)
		rc = watch(remote, remote->link.channel.fd, REMOTE_EVENT_SOCKET);
	if (!rc && remote->link.twin.fd >= 0)
		rc = watch(remote, remote->link.twin.fd, REMOTE_EVENT_TWIN);
	if (!rc)
		rc = thread_start(&remote->thread, receive_thread, remote);
	if (rc)
		goto out_close;
	return 0;

out_close:
	close_both(remote);
	return rc;
}

void remote_receive_stop(struct remote *remote)
{
	if (remote->epoll < 0)
		return;
	eventfd_notify(remote->stop);
	pthread_join(remote->thread, NULL);
	close_both(remote);
}

void remote_receive_forget(struct remote *remote)
{
	close_both(remote);
}
