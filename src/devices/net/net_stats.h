/* SPDX-License-Identifier: MIT */
/*
 * The statistics registers that Intel's gigabit controllers have at 0x4000: cleared when they are
 * read, and stuck at their greatest value. A counter of 64 bits is cleared when its upper half is
 * read; if the lower half was read before, what has been counted since then stays.
 */
#ifndef DEVICES_NET_NET_STATS_H
#define DEVICES_NET_NET_STATS_H

#include <stdint.h>

#include "devices/net/net_frame.h"

/* Offsets in the registers. */
enum net_counter {
	STAT_CRCERRS = 0x00, /* frames with a bad frame check sequence */
	STAT_MPC = 0x10,     /* missed: no space in the packet buffer */
	STAT_XONRXC = 0x48,
	STAT_XONTXC = 0x4c,
	STAT_XOFFRXC = 0x50,
	STAT_XOFFTXC = 0x54,
	STAT_PRC64 = 0x5c, /* received, by length; PRC127 to PRC1522 follow */
	STAT_GPRC = 0x74,  /* good frames that were taken */
	STAT_BPRC = 0x78,
	STAT_MPRC = 0x7c,
	STAT_GPTC = 0x80,
	STAT_GORCL = 0x88, /* their bytes, of 64 bits */
	STAT_GOTCL = 0x90,
	STAT_RNBC = 0xa0, /* no receive descriptor when the frame came */
	STAT_RUC = 0xa4,  /* too short */
	STAT_ROC = 0xac,  /* too long */
	STAT_TORL = 0xc0, /* bytes of all frames, of 64 bits */
	STAT_TOTL = 0xc8,
	STAT_TPR = 0xd0, /* all frames */
	STAT_TPT = 0xd4,
	STAT_PTC64 = 0xd8, /* sent, by length */
	STAT_MPTC = 0xf0,
	STAT_BPTC = 0xf4,
	STAT_TSCTC = 0xf8, /* segmentation contexts */
	STAT_BYTES = 0x100,
};

struct net_stats {
	uint32_t registers[STAT_BYTES / 4];
	/* Counters of 64 bits, when their lower half was read; and which have been, by number. */
	uint32_t read[STAT_BYTES / 4];
	uint64_t half_read;
};

/* Adds @n to the counter of 32 bits, or of 64 at @counter. */
void net_count(struct net_stats *stats, enum net_counter counter, uint32_t n);
void net_count64(struct net_stats *stats, enum net_counter counter, uint64_t n);

/* Counts a frame that went over the wire whole; @taken: it passed the filters. */
void net_count_received(struct net_stats *stats, const struct net_frame *frame, bool taken);
void net_count_sent(struct net_stats *stats, const struct net_frame *frame);

/* Reads the register at @off, a multiple of 4, and clears it. */
uint32_t net_stats_read(struct net_stats *stats, uint32_t off);

#endif
