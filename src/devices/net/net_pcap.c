/* SPDX-License-Identifier: MIT */
/*
 * A port whose cable ends in files of the pcap format: what is sent is appended to one, and another
 * is received, once, as fast as the device takes it. The records are those of libpcap 2.4 with
 * microseconds; of a replayed file, nanoseconds and the other byte order are understood as well.
 *
 * The file is emptied, and locked, by the process that claims it (uiommufd_device_claims()); all
 * processes append whole records.
 */
#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <sys/uio.h>
#include <time.h>

#include "base/check.h"
#include "base/sys.h"
#include "devices/net/net_port.h"

enum {
	MAGIC_MICROSECONDS = 0xa1b2c3d4,
	MAGIC_NANOSECONDS = 0xa1b23c4d,
	LINK_ETHERNET = 1,
	LINK_MASK = 0xfffffff, /* the upper bits say something about the FCS */
	FILE_MODE = 0666,
};

struct pcap_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy, longest, link;
};

struct pcap_record {
	uint32_t seconds, fraction, len, original_len;
};

static int refuse(struct uiommufd_device *dev, const char *option, const char *path, int error)
{
	return uiommufd_device_refuse(dev, error, "%s=%s: %s", option, path, strerror(-error));
}

/* ---- the file that is written ---- */

static int open_file(const char *path)
{
	const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK;
	const long fd = sys_call(SYS_openat, AT_FDCWD, (long)path, flags, FILE_MODE, 0, 0);

	return fd < 0 ? (int)fd : sys_move_away((int)fd);
}

static int start_file(int fd)
{
	const struct pcap_header header = {.magic = MAGIC_MICROSECONDS,
					   .major = 2,
					   .minor = 4,
					   .longest = NET_LONGEST,
					   .link = LINK_ETHERNET};
	int rc = (int)sys_call(SYS_ftruncate, fd, 0, 0, 0, 0, 0);
	ssize_t put;

	if (rc)
		return rc;
	put = sys_write(fd, &header, sizeof(header));
	if (put < 0)
		return (int)put;
	return put == sizeof(header) ? 0 : -ENOSPC;
}

static int claim_file(struct net_port *port, struct uiommufd_device *dev)
{
	const int fd = open_file(port->file);
	int rc;

	if (fd < 0)
		return refuse(dev, "file", port->file, fd);
	rc = sys_flock(fd, LOCK_EX | LOCK_NB);
	if (rc == -EWOULDBLOCK)
		rc = uiommufd_device_refuse(dev, -EBUSY, "file=%s: another run or device uses it",
					    port->file);
	else if (!rc && (rc = start_file(fd)))
		rc = refuse(dev, "file", port->file, rc);
	if (rc) {
		sys_close(fd);
		return rc;
	}
	atomic_store(&port->fd, fd);
	return 0;
}

/* ---- the file that is read ---- */

static uint32_t in_order(const struct net_port *port, uint32_t value)
{
	return port->replay_swapped ? __builtin_bswap32(value) : value;
}

/* 0, -EINVAL: it is not such a file, or another error. */
static int open_replay(struct net_port *port)
{
	const int fd = sys_open(port->replay, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct pcap_header header;
	uint32_t magic;
	ssize_t got;

	if (fd < 0)
		return fd;
	got = sys_pread(fd, &header, sizeof(header), 0);
	port->replay_swapped = got == sizeof(header) &&
			       (__builtin_bswap32(header.magic) == MAGIC_MICROSECONDS ||
				__builtin_bswap32(header.magic) == MAGIC_NANOSECONDS);
	magic = in_order(port, header.magic);
	if (got != sizeof(header) || (magic != MAGIC_MICROSECONDS && magic != MAGIC_NANOSECONDS) ||
	    (in_order(port, header.link) & LINK_MASK) != LINK_ETHERNET) {
		sys_close(fd);
		return got < 0 ? (int)got : -EINVAL;
	}
	port->replay_fd = sys_move_away(fd);
	port->replay_at = sizeof(header);
	return 0;
}

static int check_replay(struct net_port *port, struct uiommufd_device *dev)
{
	int rc = open_replay(port);

	if (rc == -EINVAL)
		return uiommufd_device_refuse(dev, rc, "replay=%s is no pcap file of Ethernet",
					      port->replay);
	return rc ? refuse(dev, "replay", port->replay, rc) : 0;
}

/* ---- operations ---- */

static int pcap_probe(struct net_port *port, struct uiommufd_device *dev)
{
	int rc = port->replay ? check_replay(port, dev) : 0;

	if (rc || !port->file || !uiommufd_device_claims(dev))
		return rc;
	return claim_file(port, dev);
}

static int pcap_open(struct net_port *port)
{
	int fd;

	if (!port->file || atomic_load(&port->fd) >= 0)
		return 0;
	fd = open_file(port->file);
	if (fd < 0)
		return fd;
	atomic_store(&port->fd, fd);
	return 0;
}

static int pcap_send(struct net_port *port, const uint8_t *data, uint32_t len)
{
	struct pcap_record record = {.len = len, .original_len = len};
	struct iovec parts[] = {{&record, sizeof(record)}, {(void *)(uintptr_t)data, len}};
	struct timespec now;

	if (atomic_load(&port->fd) < 0)
		return 0;
	clock_gettime(CLOCK_REALTIME, &now);
	record.seconds = (uint32_t)now.tv_sec;
	record.fraction = (uint32_t)(now.tv_nsec / 1000);
	return sys_call(SYS_writev, atomic_load(&port->fd), (long)parts, 2, 0, 0, 0) < 0 ? -EIO : 0;
}

static int pcap_receive(struct net_port *port, struct net_frame *frame)
{
	const int fd = port->replay_fd;
	struct pcap_record record;
	uint32_t len;

	while (fd >= 0 &&
	       sys_pread(fd, &record, sizeof(record), port->replay_at) == sizeof(record)) {
		const uint64_t at = port->replay_at + sizeof(record);

		len = in_order(port, record.len);
		port->replay_at = at + len;
		if (len > NET_LONGEST)
			continue;
		if (sys_pread(fd, frame->data, len, at) != (ssize_t)len)
			break;
		frame->len = len;
		return 0;
	}
	return -EAGAIN;
}

static void pcap_close(struct net_port *port)
{
	if (atomic_load(&port->fd) >= 0)
		sys_close(atomic_load(&port->fd));
	if (port->replay_fd >= 0)
		sys_close(port->replay_fd);
	atomic_store(&port->fd, -1);
	port->replay_fd = -1;
}

const struct net_port_ops net_pcap = {
	.name = "pcap",
	.probe = pcap_probe,
	.open = pcap_open,
	.send = pcap_send,
	.receive = pcap_receive,
	.close = pcap_close,
};
