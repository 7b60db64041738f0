/* SPDX-License-Identifier: MIT */
/* See net_frame.h. */
#include "devices/net/net_frame.h"

#include <string.h>

bool net_is_broadcast(const uint8_t *address)
{
	static const uint8_t broadcast[NET_ADDRESS] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	return memcmp(address, broadcast, NET_ADDRESS) == 0;
}

void net_insert_tag(struct net_frame *frame, uint16_t type, uint16_t tci)
{
	uint8_t *tag = frame->data + 2 * NET_ADDRESS;

	memmove(tag + NET_TAG, tag, frame->len - 2 * NET_ADDRESS);
	net_put16(tag, type);
	net_put16(tag + 2, tci);
	frame->len += NET_TAG;
}

uint16_t net_remove_tag(struct net_frame *frame)
{
	uint8_t *tag = frame->data + 2 * NET_ADDRESS;
	const uint16_t tci = net_get16(tag + 2);

	frame->len -= NET_TAG;
	memmove(tag, tag + NET_TAG, frame->len - 2 * NET_ADDRESS);
	return tci;
}

/* The CRC of IEEE 802.3, 3.2.9, half a byte at a time: the table is the polynomial's. */
uint32_t net_fcs(const uint8_t *data, size_t len)
{
	static const uint32_t steps[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
		0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= data[i];
		crc = crc >> 4 ^ steps[crc & 0xf];
		crc = crc >> 4 ^ steps[crc & 0xf];
	}
	return ~crc;
}
