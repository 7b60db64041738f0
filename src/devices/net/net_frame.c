/* SPDX-License-Identifier: MIT */
/* See net_frame.h. */
#include "devices/net/net_frame.h"

#include <string.h>

#include "base/crc32.h"

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

uint32_t net_fcs(const uint8_t *data, size_t len)
{
	return crc32_ieee(data, len);
}
