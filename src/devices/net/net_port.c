/* SPDX-License-Identifier: MIT */
/* See net_port.h. */
#include "devices/net/net_port.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/sys.h"

enum {
	UNSENT_BYTES = 512 << 10, /* more than the frames of a segmentation of 256 KiB */
	STREAM_BYTES = 64 << 10,
};

static const struct net_port_ops net_none = {.name = "none"};
static const struct net_port_ops net_loopback = {.name = "loopback"};

/* ---- options ---- */

static const struct net_port_ops *find_backend(const char *name)
{
	static const struct net_port_ops *const all[] = {&net_none, &net_loopback, &net_pcap,
							 &net_socket, &net_tap};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
}

/* An option that belongs to one backend, and may be necessary for it. */
struct net_need {
	const char *name;
	const struct net_port_ops *of;
	bool needed;
};

static int check_needs(struct net_port *port, struct uiommufd_device *dev)
{
	const struct net_need needs[] = {
		{"ifname", &net_tap, true},	{"path", &net_socket, true},
		{"listen", &net_socket, false}, {"type", &net_socket, false},
		{"local", &net_socket, false},	{"file", &net_pcap, false},
		{"replay", &net_pcap, false},
	};

	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		const bool given = uiommufd_device_option(dev, needs[i].name);

		if (given && port->ops != needs[i].of)
			return uiommufd_device_refuse(dev, -EINVAL,
						      "%s= is an option of backend=%s",
						      needs[i].name, needs[i].of->name);
		if (!given && port->ops == needs[i].of && needs[i].needed)
			return uiommufd_device_refuse(dev, -EINVAL,
						      "backend=%s needs %s=", port->ops->name,
						      needs[i].name);
	}
	if (port->ops == &net_pcap && !port->file && !port->replay)
		return uiommufd_device_refuse(dev, -EINVAL, "backend=pcap needs file= or replay=");
	return 0;
}

static int take_flag(struct uiommufd_device *dev, const char *name, bool *flag)
{
	const char *text = uiommufd_device_option(dev, name);

	*flag = text && strcmp(text, "on") == 0;
	if (!text || *flag || strcmp(text, "off") == 0)
		return 0;
	return uiommufd_device_refuse(dev, -EINVAL, "%s=%s is neither on nor off", name, text);
}

static int take_type(struct net_port *port, struct uiommufd_device *dev)
{
	const char *text = uiommufd_device_option(dev, "type");

	port->datagrams = text && strcmp(text, "dgram") == 0;
	if (text && !port->datagrams && strcmp(text, "stream") != 0)
		return uiommufd_device_refuse(dev, -EINVAL, "type=%s is neither stream nor dgram",
					      text);
	if (port->datagrams && !port->local)
		return uiommufd_device_refuse(dev, -EINVAL, "type=dgram needs local=");
	if (port->datagrams && port->listens)
		return uiommufd_device_refuse(dev, -EINVAL, "type=dgram has no listen");
	if (!port->datagrams && port->local)
		return uiommufd_device_refuse(dev, -EINVAL, "local= is an option of type=dgram");
	return 0;
}

static int take_options(struct net_port *port, struct uiommufd_device *dev)
{
	const char *backend = uiommufd_device_option(dev, "backend");
	int rc;

	port->ops = find_backend(backend ? backend : "loopback");
	if (!port->ops)
		return uiommufd_device_refuse(dev, -EINVAL,
					      "backend=%s is none of loopback, none, tap, socket "
					      "and pcap",
					      backend);
	port->interface = uiommufd_device_option(dev, "ifname");
	port->path = uiommufd_device_option(dev, "path");
	port->local = uiommufd_device_option(dev, "local");
	port->file = uiommufd_device_option(dev, "file");
	port->replay = uiommufd_device_option(dev, "replay");
	rc = check_needs(port, dev);
	if (rc)
		return rc;
	rc = take_flag(dev, "listen", &port->listens);
	return rc ? rc : take_type(port, dev);
}

/* ---- life ---- */

static void close_all(struct net_port *port)
{
	if (port->ops->destroy)
		port->ops->destroy(port);
	else if (port->ops->close)
		port->ops->close(port);
}

int net_port_init(struct net_port *port, struct uiommufd_device *dev)
{
	int rc;

	*port = (struct net_port){.fd = -1, .listener = -1, .replay_fd = -1};
	rc = take_options(port, dev);
	if (rc)
		return rc;
	if (port->ops->probe) {
		rc = port->ops->probe(port, dev);
		if (rc)
			goto out_close;
	}
	if (!port->ops->send)
		return 0;
	rc = -ENOMEM;
	if (net_fifo_create(&port->unsent, UNSENT_BYTES))
		goto out_close;
	port->stream = alloc_zeroed(STREAM_BYTES);
	if (!port->stream)
		goto out_unsent;
	return 0;

out_unsent:
	net_fifo_destroy(&port->unsent);
out_close:
	close_all(port);
	return rc;
}

void net_port_destroy(struct net_port *port)
{
	close_all(port);
	alloc_free(port->stream);
	net_fifo_destroy(&port->unsent);
}

bool net_port_loops(const struct net_port *port)
{
	return port->ops == &net_loopback;
}

bool net_port_open(struct net_port *port)
{
	if (!port->up) {
		if (port->ops == &net_loopback)
			port->up = true;
		else
			port->up = port->ops->open && !port->ops->open(port);
	}
	return port->up;
}

static void lose_peer(struct net_port *port)
{
	port->up = false;
	net_fifo_clear(&port->unsent);
	port->unsent_done = 0;
	port->stream_first = port->stream_len = 0;
	port->ops->close(port);
}

/* ---- frames ---- */

static int try_send(struct net_port *port, const uint8_t *data, uint32_t len)
{
	int rc = port->ops->send(port, data, len);

	if (rc == -EPIPE)
		lose_peer(port);
	return rc;
}

bool net_port_flush(struct net_port *port)
{
	struct net_frame *frame;
	uint32_t len;
	int rc = 0;

	if (!port->unsent.used)
		return true;
	frame = alloc_zeroed(sizeof(*frame));
	if (!frame)
		return false;
	while (port->unsent.used && !rc) {
		net_fifo_peek(&port->unsent, 0, frame->data, NET_LONGEST, &len);
		rc = try_send(port, frame->data, len);
		if (rc != -EAGAIN && port->unsent.used) {
			net_fifo_drop(&port->unsent, len);
			rc = 0;
		}
	}
	alloc_free(frame);
	return rc != -EAGAIN;
}

void net_port_send(struct net_port *port, const struct net_frame *frame)
{
	if (!port->up || !port->ops->send)
		return;
	if (port->unsent.used || try_send(port, frame->data, frame->len) == -EAGAIN)
		(void)net_fifo_put(&port->unsent, frame->data, frame->len);
}

bool net_port_receive(struct net_port *port, struct net_frame *frame)
{
	int rc = port->up && port->ops->receive ? port->ops->receive(port, frame) : -EAGAIN;

	if (rc == -EPIPE)
		lose_peer(port);
	if (rc)
		return false;
	if (frame->len < NET_MIN_FRAME) {
		memset(frame->data + frame->len, 0, NET_MIN_FRAME - frame->len);
		frame->len = NET_MIN_FRAME;
	}
	return true;
}

/* ---- waiting ---- */

bool net_port_waits(const struct net_port *port)
{
	return port->ops == &net_socket || port->ops == &net_tap;
}

unsigned int net_port_wait(const struct net_port *port, unsigned int events, unsigned int ms)
{
	const int fd = atomic_load(&port->fd), listener = atomic_load(&port->listener);
	struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
	struct pollfd poll = {.fd = fd >= 0 ? fd : listener};
	long rc;

	if (fd < 0 || events & NET_RECEIVE)
		poll.events |= POLLIN;
	if (fd >= 0 && events & NET_SEND)
		poll.events |= POLLOUT;
	rc = sys_call(SYS_ppoll, (long)&poll, 1, (long)&time, 0, 0, 0);
	if (fd < 0)
		return events;
	if (rc <= 0)
		return 0;
	if (poll.revents & ~(POLLIN | POLLOUT))
		return events;
	return (poll.revents & POLLIN ? NET_RECEIVE : 0u) |
	       (poll.revents & POLLOUT ? NET_SEND : 0u);
}
