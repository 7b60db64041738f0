/* SPDX-License-Identifier: MIT */
/*
 * The 82540EM, as the files of this folder see it.
 *
 * Work. PACKET_THREAD sends (e1000_tx.c), receives (e1000_rx.c) and opens the cable's other end;
 * all that is in struct e1000_tx, e1000_rx and net_port belongs to it alone, so frames need no
 * lock. WIRE_THREAD waits until the other end has something, or space; TIMER_THREAD until a delayed
 * interrupt is due. They only queue work, or raise causes. The program's accesses start these
 * threads, before PACKET_THREAD has work for them: one that starts a thread allocates memory of the
 * C library's, which belongs to the program.
 *
 * Locks. The device lock guards the registers, the statistics, the PHY, the EEPROM, interrupts and
 * timers. While PACKET_THREAD executes descriptors, the program may reset the device by CTRL.RST:
 * that takes effect at once, and changes `generation`. PACKET_THREAD does no more DMA when it sees
 * that; CTRL.RST reads as 1 until it has seen it.
 */
#ifndef DEVICES_E1000_E1000_H
#define DEVICES_E1000_E1000_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <uiommufd/device.h>

#include "devices/e1000/e1000_eeprom.h"
#include "devices/e1000/e1000_phy.h"
#include "devices/e1000/e1000_regs.h"
#include "devices/net/net_fifo.h"
#include "devices/net/net_frame.h"
#include "devices/net/net_port.h"
#include "devices/net/net_segment.h"
#include "devices/net/net_stats.h"

enum {
	PACKET_THREAD,
	WIRE_THREAD,
	TIMER_THREAD,
	E1000_THREADS,
	E1000_BATCH = 64,	      /* descriptors that are fetched at once */
	E1000_DONE = 2 * E1000_BATCH, /* more than the longest frame needs */
	E1000_IO_BAR = 2,
	E1000_HEADERS = 256, /* bytes of a segmentation's headers: HDRLEN has 8 bits */
};

/* Mistakes that are reported once, until the device is reset. */
enum e1000_mistake {
	MISTAKE_RING_CHANGED = 1 << 0,
	MISTAKE_TX_RANGE = 1 << 1,
	MISTAKE_RING_UNALIGNED = 1 << 2,
	MISTAKE_TX_TYPE = 1 << 3,
	MISTAKE_TX_CONTEXT = 1 << 4,
	MISTAKE_TX_EMPTY = 1 << 5,
	MISTAKE_TX_LONG = 1 << 6,
	MISTAKE_TX_PAYLOAD = 1 << 7,
	MISTAKE_TX_FCS = 1 << 8,
	MISTAKE_RX_ADDRESS = 1 << 9,
	MISTAKE_RX_SPACE = 1 << 10,
	MISTAKE_TX_ADDRESS = 1 << 11,
	MISTAKE_TX_CHECKSUM = 1 << 12,
	MISTAKE_RX_RANGE = 1 << 13,
};

/* A ring as the registers describe it. */
struct e1000_ring {
	uint64_t base;
	uint32_t count; /* descriptors; 0: the ring cannot be used */
	uint32_t head, tail;
};

/* A context for checksums or segmentation. */
struct e1000_context {
	bool set;
	uint32_t payload;
	struct net_segmentation segmentation;
};

struct e1000_tx {
	unsigned int ring; /* as in struct e1000, when the frame began */
	bool started;	   /* a frame has begun */
	bool drop;	   /* it cannot be sent */
	bool segmented;
	bool legacy;
	uint32_t first_lower, first_upper; /* of the frame's first descriptor */
	struct net_frame frame;
	struct e1000_context contexts[2]; /* for checksums; for segmentation */
	/* Segmentation. */
	uint8_t headers[E1000_HEADERS];
	uint32_t segment, payload; /* how many were sent; bytes of payload in them */
};

struct e1000_rx {
	unsigned int ring, enabled; /* as in struct e1000, when the cache was filled */
	bool pending;		    /* a frame waits for descriptors */
	bool counted;		    /* that it does */
	uint32_t upper;		    /* status, errors and special for it */
	uint16_t checksum;
	struct net_frame frame;
	/* Descriptors that were fetched, from the one with index cache_first on. */
	struct e1000_descriptor cache[E1000_BATCH];
	uint32_t cache_first, cache_count;
	/* Descriptors to be written back, from the head on. */
	struct e1000_descriptor done[E1000_DONE];
	uint32_t done_count;
};

struct e1000 {
	uint32_t registers[E1000_BAR_SIZE / 4];
	struct net_stats stats;
	struct e1000_eeprom eeprom;
	struct e1000_phy phy;
	uint32_t io_address;
	bool awake;			 /* the program has used the device since it was opened */
	_Atomic bool link;		 /* the cable's other end is there */
	bool working;			 /* PACKET_THREAD executes descriptors */
	_Atomic unsigned int generation; /* of the registers: resets */
	/* Change with each write to a ring's base, length or head. */
	_Atomic unsigned int rx_ring, tx_ring;
	unsigned int rx_enabled;   /* how often receiving has been enabled */
	_Atomic uint32_t mistakes; /* enum e1000_mistake */

	/* Interrupts. Times are of CLOCK_MONOTONIC, in ns; 0: not running. */
	bool line;
	uint64_t next_interrupt; /* the earliest, by ITR */
	uint64_t throttle, rx_delay, rx_limit, tx_delay, tx_limit;

	_Atomic unsigned int events; /* enum net_port_event that WIRE_THREAD waits for */
	struct net_port port;
	struct net_fifo buffer; /* what is sent when the cable leads back */
	_Atomic bool paused;	/* by flow control: the buffer is above FCRTH */
	unsigned int followed;	/* the generation that the following two belong to */
	struct e1000_tx tx;
	struct e1000_rx rx;
};

static inline struct e1000 *e1000_of(struct uiommufd_device *dev)
{
	return uiommufd_device_state(dev);
}

static inline uint32_t *e1000_reg(struct e1000 *e, uint32_t off)
{
	return &e->registers[off / 4];
}

/* Whether @mistake has not been reported since the last reset; it is now. */
static inline bool e1000_mistake(struct e1000 *e, enum e1000_mistake mistake)
{
	return !(atomic_fetch_or(&e->mistakes, mistake) & mistake);
}

/* Whether the registers are still those of @generation. */
static inline bool e1000_is_current(const struct e1000 *e, unsigned int generation)
{
	return atomic_load(&e->generation) == generation;
}

/* From descriptor @from to @to. */
static inline uint32_t e1000_distance(const struct e1000_ring *ring, uint32_t from, uint32_t to)
{
	return to >= from ? to - from : to + ring->count - from;
}

#endif
