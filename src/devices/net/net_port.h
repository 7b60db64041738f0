/* SPDX-License-Identifier: MIT */
/*
 * The other end of a network device's cable: what the option backend= says.
 *
 *	none		nothing: the link is down
 *	loopback	the device itself: the device has the queue for that, a port does nothing
 *	pcap		a file of frames that were sent, and one of frames to be received
 *	socket		another run, or QEMU, at the other end of a UNIX socket
 *	tap		a network interface of this system
 *
 * Descriptors are opened with the first use of the device, not before: each process of a run has a
 * device, but only one of them can be at the end of a cable. Whether that will be possible is found
 * out before (net_port_init()).
 *
 * One thread at a time calls the functions: a device has one for all of them but net_port_wait().
 */
#ifndef DEVICES_NET_NET_PORT_H
#define DEVICES_NET_NET_PORT_H

#include <stdatomic.h>

#include <uiommufd/device.h>

#include "devices/net/net_fifo.h"
#include "devices/net/net_frame.h"

struct net_port;

/* All may be NULL but name. */
struct net_port_ops {
	const char *name;

	/* Whether open() can succeed: 0 or what uiommufd_device_refuse() gives. */
	int (*probe)(struct net_port *port, struct uiommufd_device *dev);

	/* Makes *fd, *listener or others. 0: the link is up. Called again after an error. */
	int (*open)(struct net_port *port);

	/* 0; -EAGAIN: there is no space now; another error: the frame is lost. */
	int (*send)(struct net_port *port, const uint8_t *data, uint32_t len);

	/* 0: @frame has the next one; -EAGAIN: there is none; -EPIPE: the peer is gone. */
	int (*receive)(struct net_port *port, struct net_frame *frame);

	/* After -EPIPE: the port may be opened again. */
	void (*close)(struct net_port *port);

	/* NULL: close() is enough. */
	void (*destroy)(struct net_port *port);
};

struct net_port {
	const struct net_port_ops *ops;
	/* Options, borrowed from the device. */
	const char *path, *local, *file, *replay, *interface;
	bool listens, datagrams;

	_Atomic int fd, listener; /* -1: none */
	int replay_fd;		  /* -1: none */
	bool up;
	struct net_fifo unsent; /* frames for which the system had no space */
	uint32_t unsent_done; /* bytes of the oldest that are sent (of a stream, with its header) */

	/* The receiving end of a stream. */
	uint8_t *stream;
	uint32_t stream_first, stream_len; /* what has been read, and not been taken */
	int32_t owner;			   /* the process that has bound a path; 0: none */

	/* Of the file to be replayed. */
	uint64_t replay_at;
	bool replay_swapped;
};

/* The options of a port, for the table of a model. */
#define NET_PORT_OPTIONS                                                                          \
	{.name = "backend",                                                                       \
	 .help = "loopback, none, tap, socket or pcap; default loopback: what is sent is "        \
		 "received"},                                                                     \
		{.name = "ifname", .help = "the interface of backend=tap"},                       \
		{.name = "path",                                                                  \
		 .help = "the UNIX socket of the peer of backend=socket",                         \
		 .kind = UIOMMUFD_OPTION_PATH},                                                   \
		{.name = "listen",                                                                \
		 .help = "backend=socket waits at the path for its peer; on or off, default off", \
		 .kind = UIOMMUFD_OPTION_FLAG},                                                   \
		{.name = "type", .help = "of backend=socket, stream or dgram; default stream"},   \
		{.name = "local",                                                                 \
		 .help = "where backend=socket,type=dgram receives",                              \
		 .kind = UIOMMUFD_OPTION_PATH},                                                   \
		{.name = "file",                                                                  \
		 .help = "backend=pcap writes there what is sent; it is replaced",                \
		 .kind = UIOMMUFD_OPTION_PATH},                                                   \
	{                                                                                         \
		.name = "replay", .help = "a pcap file with what backend=pcap receives, once",    \
		.kind = UIOMMUFD_OPTION_PATH                                                      \
	}

/* What they may be, for the model's option_ranges. */
#define NET_PORT_RANGES                                                                 \
	{"backend", "loopback, none, tap, socket or pcap", "loopback"},                 \
		{"ifname", "the name of an interface", NULL}, {"path", "a path", NULL}, \
		{"listen", "on or off", "off"}, {"type", "stream or dgram", "stream"},  \
		{"local", "a path", NULL}, {"file", "a path", NULL},                    \
	{                                                                               \
		"replay", "a path", NULL                                                \
	}

/*
 * Takes the options, and finds out whether the port can be opened: what must be there is there, and
 * is free. 0 or a negative errno, with the reason given to uiommufd_device_refuse().
 */
int net_port_init(struct net_port *port, struct uiommufd_device *dev);
void net_port_destroy(struct net_port *port);

/* Whether the cable leads back to the device. */
bool net_port_loops(const struct net_port *port);

/* Opens the port if it is not open. Whether the link is up. */
bool net_port_open(struct net_port *port);

/* Sends a frame, or keeps it until net_port_flush(). A link that is down loses it. */
void net_port_send(struct net_port *port, const struct net_frame *frame);

/* Sends what is kept. False: there still is no space, and no more frames should be sent. */
bool net_port_flush(struct net_port *port);

/* True: @frame has the next one. False: there is none, or the link is down. */
bool net_port_receive(struct net_port *port, struct net_frame *frame);

enum net_port_event {
	NET_RECEIVE = 1, /* there may be a frame, or a peer */
	NET_SEND = 2,	 /* there may be space */
};

/* Whether there is something to wait for. */
bool net_port_waits(const struct net_port *port);

/*
 * Sleeps until one of @events, or @ms milliseconds. Returns those that came; all if the link is
 * down and it is time to try again. Context: any thread.
 */
unsigned int net_port_wait(const struct net_port *port, unsigned int events, unsigned int ms);

extern const struct net_port_ops net_pcap;
extern const struct net_port_ops net_socket;
extern const struct net_port_ops net_tap;

#endif
