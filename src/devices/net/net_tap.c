/* SPDX-License-Identifier: MIT */
/*
 * A port whose cable ends in a network interface of this system (Linux' tun driver, in the mode for
 * Ethernet). The interface exists already and is the user's, or the process may create it.
 */
#include <errno.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/ioctl.h>
#include <string.h>

#include "base/sys.h"
#include "devices/net/net_port.h"

static const char device_node[] = "/dev/net/tun";

/* A descriptor or a negative errno. */
static int open_tap(const char *interface)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd = sys_open(device_node, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	long rc;

	if (fd < 0)
		return fd;
	memcpy(request.ifr_name, interface, strlen(interface));
	rc = sys_call(SYS_ioctl, fd, TUNSETIFF, (long)&request, 0, 0, 0);
	if (rc < 0) {
		sys_close(fd);
		return (int)rc;
	}
	return sys_move_away(fd);
}

static int tap_probe(struct net_port *port, struct uiommufd_device *dev)
{
	int fd;

	if (!*port->interface || strlen(port->interface) >= IFNAMSIZ)
		return uiommufd_device_refuse(dev, -EINVAL, "ifname=%s is no name of an interface",
					      port->interface);
	if (!uiommufd_device_claims(dev))
		return 0;
	fd = open_tap(port->interface);
	if (fd == -EBUSY)
		return uiommufd_device_refuse(dev, fd, "ifname=%s: another program uses it",
					      port->interface);
	if (fd == -EINVAL)
		return uiommufd_device_refuse(dev, fd, "ifname=%s is no tap interface",
					      port->interface);
	if (fd < 0)
		return uiommufd_device_refuse(dev, fd, "ifname=%s: %s: %s", port->interface,
					      device_node, strerror(-fd));
	sys_close(fd);
	return 0;
}

static int tap_open(struct net_port *port)
{
	const int fd = open_tap(port->interface);

	if (fd < 0)
		return fd;
	atomic_store(&port->fd, fd);
	return 0;
}

static int tap_send(struct net_port *port, const uint8_t *data, uint32_t len)
{
	return (int)(sys_write(atomic_load(&port->fd), data, len) == -EAGAIN ? -EAGAIN : 0);
}

static int tap_receive(struct net_port *port, struct net_frame *frame)
{
	const ssize_t got = sys_read(atomic_load(&port->fd), frame->data, NET_LONGEST);

	if (got < 0)
		return got == -EBADFD ? -EPIPE : -EAGAIN;
	frame->len = (uint32_t)got;
	return 0;
}

static void tap_close(struct net_port *port)
{
	if (atomic_load(&port->fd) >= 0)
		sys_close(atomic_load(&port->fd));
	atomic_store(&port->fd, -1);
}

const struct net_port_ops net_tap = {
	.name = "tap",
	.probe = tap_probe,
	.open = tap_open,
	.send = tap_send,
	.receive = tap_receive,
	.close = tap_close,
};
