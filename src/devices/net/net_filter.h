/* SPDX-License-Identifier: MIT */
/*
 * Which frames a receiver takes: by address (exact addresses, a hash of 4096 bits, promiscuous
 * modes) and by VLAN. The tables are the device's registers.
 */
#ifndef DEVICES_NET_NET_FILTER_H
#define DEVICES_NET_NET_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/net/net_frame.h"

/* RAH */
enum net_receive_address {
	RAH_SELECT_SHIFT = 16, /* what is compared: 0: the destination, 1: the source */
	RAH_SELECT_MASK = 3,
	RAH_VALID = 1u << 31,
};

struct net_filter {
	const uint32_t *addresses;   /* pairs of RAL and RAH */
	unsigned int address_count;  /* pairs */
	const uint32_t *multicast;   /* MTA: 128 registers */
	unsigned int multicast_mode; /* RCTL.MO: which bits of an address are the hash, 0 to 3 */
	const uint32_t *vlans;	     /* VFTA: 128 registers; NULL: no filter */
	uint16_t vlan_type;
	bool check_cfi, cfi; /* the CFI bit of tags must be @cfi */
	bool all_unicast, all_multicast, broadcast;
};

enum net_match {
	NET_REFUSED,
	NET_EXACT,   /* for one of the addresses, or broadcast */
	NET_INEXACT, /* by the hash, or a promiscuous mode */
};

/* Whether @frame, which has a whole header, is taken. */
enum net_match net_filter(const struct net_filter *filter, const struct net_frame *frame);

/* The bit of the multicast table for @address. */
unsigned int net_multicast_hash(const uint8_t *address, unsigned int mode);

/* Whether the frame has a tag of type @vlan. */
bool net_is_tagged(const struct net_frame *frame, uint16_t vlan);

#endif
