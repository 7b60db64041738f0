/* SPDX-License-Identifier: MIT */
/*
 * Ethernet frames as the network devices see them: from the destination address to the last byte of
 * data, without the frame check sequence. The layouts are those of IEEE 802.3, 802.1Q, RFC 791,
 * RFC 8200, RFC 9293 and RFC 768; numbers of several bytes are big-endian.
 */
#ifndef DEVICES_NET_NET_FRAME_H
#define DEVICES_NET_NET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NET_MAX_FRAME = 16384, /* bytes, jumbo frames included */
	NET_MIN_FRAME = 60,    /* shorter ones are padded on the wire */
	NET_FCS = 4,	       /* bytes of the frame check sequence */
	NET_ADDRESS = 6,
	NET_HEADER = 14,
	NET_TAG = 4, /* bytes of a VLAN tag */
	NET_LONGEST = NET_MAX_FRAME + NET_TAG,
};

enum net_ethertype {
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_IPV6 = 0x86dd,
	ETHERTYPE_CONTROL = 0x8808, /* MAC control */
};

enum net_protocol {
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
};

struct net_frame {
	uint32_t len;
	uint8_t data[NET_LONGEST + NET_FCS];
};

static inline uint16_t net_get16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static inline uint32_t net_get32(const uint8_t *bytes)
{
	return (uint32_t)net_get16(bytes) << 16 | net_get16(bytes + 2);
}

static inline void net_put16(uint8_t *bytes, uint16_t value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

static inline void net_put32(uint8_t *bytes, uint32_t value)
{
	net_put16(bytes, (uint16_t)(value >> 16));
	net_put16(bytes + 2, (uint16_t)value);
}

/* The type of a frame that has a whole header. */
static inline uint16_t net_type(const struct net_frame *frame)
{
	return net_get16(frame->data + 2 * NET_ADDRESS);
}

static inline bool net_is_multicast(const uint8_t *address)
{
	return address[0] & 1;
}

bool net_is_broadcast(const uint8_t *address);

/* Puts a VLAN tag, of @type and @tci, behind the addresses; @frame has a header, and space. */
void net_insert_tag(struct net_frame *frame, uint16_t type, uint16_t tci);

/* Takes the tag of @frame away, which has one; returns its TCI. */
uint16_t net_remove_tag(struct net_frame *frame);

/* The frame check sequence of @len bytes: CRC-32, in the order of the wire if little-endian. */
uint32_t net_fcs(const uint8_t *data, size_t len);

#endif
