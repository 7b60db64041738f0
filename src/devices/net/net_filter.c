/* SPDX-License-Identifier: MIT */
/* See net_filter.h. */
#include "devices/net/net_filter.h"

enum {
	TCI_CFI = 0x1000,
	TCI_VID = 0x0fff,
};

bool net_is_tagged(const struct net_frame *frame, uint16_t vlan)
{
	return frame->len >= NET_HEADER + NET_TAG && net_type(frame) == vlan;
}

static bool bit_of(const uint32_t *table, unsigned int bit)
{
	return table[bit / 32] >> (bit % 32) & 1;
}

static bool passes_vlan(const struct net_filter *filter, const struct net_frame *frame)
{
	uint16_t tci;

	if (!filter->vlans || !net_is_tagged(frame, filter->vlan_type))
		return true;
	tci = net_get16(frame->data + NET_HEADER);
	if (filter->check_cfi && !!(tci & TCI_CFI) != filter->cfi)
		return false;
	return bit_of(filter->vlans, tci & TCI_VID);
}

/* RAL has the first four bytes, the first in the lowest bits. */
static bool is_address(uint32_t low, uint32_t high, const uint8_t *address)
{
	return low == (address[0] | (uint32_t)address[1] << 8 | (uint32_t)address[2] << 16 |
		       (uint32_t)address[3] << 24) &&
	       (high & 0xffff) == (address[4] | (uint32_t)address[5] << 8);
}

static bool is_exact(const struct net_filter *filter, const struct net_frame *frame)
{
	for (unsigned int i = 0; i < filter->address_count; i++) {
		const uint32_t low = filter->addresses[2 * i], high = filter->addresses[2 * i + 1];
		const unsigned int select = high >> RAH_SELECT_SHIFT & RAH_SELECT_MASK;

		if (high & RAH_VALID && select <= 1 &&
		    is_address(low, high, frame->data + (select ? NET_ADDRESS : 0)))
			return true;
	}
	return false;
}

/* Twelve of the last 16 bits of the address: from bit 36, 35, 34 or 32 on. */
unsigned int net_multicast_hash(const uint8_t *address, unsigned int mode)
{
	static const unsigned int shifts[] = {4, 3, 2, 0};
	const unsigned int high = address[4] | (unsigned int)address[5] << 8;

	return high >> shifts[mode] & 0xfff;
}

enum net_match net_filter(const struct net_filter *filter, const struct net_frame *frame)
{
	const bool multicast = net_is_multicast(frame->data);

	if (!passes_vlan(filter, frame))
		return NET_REFUSED;
	if (filter->broadcast && net_is_broadcast(frame->data))
		return NET_EXACT;
	if (is_exact(filter, frame))
		return NET_EXACT;
	if (multicast ? filter->all_multicast : filter->all_unicast)
		return NET_INEXACT;
	if (multicast &&
	    bit_of(filter->multicast, net_multicast_hash(frame->data, filter->multicast_mode)))
		return NET_INEXACT;
	return NET_REFUSED;
}
