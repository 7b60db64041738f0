/* SPDX-License-Identifier: MIT */
/* See net_segment.h. */
#include "devices/net/net_segment.h"

enum {
	IP_LENGTH = 2,	 /* total length of IPv4 */
	IP_ID = 4,	 /* of IPv4 */
	IPV6_LENGTH = 4, /* payload length */
	IPV4_HEADER = 20,
	IPV6_HEADER = 40,
	UDP_LENGTH = 4,
	UDP_HEADER = 8,
	TCP_SEQUENCE = 4,
	TCP_FLAGS = 13,
	TCP_HEADER = 20,
	TCP_FIN = 0x01,
	TCP_PSH = 0x08,
};

bool net_segmentable(const struct net_segmentation *s)
{
	return s->mss && s->ip.start >= NET_HEADER &&
	       s->ip.start + (s->ipv4 ? IPV4_HEADER : IPV6_HEADER) <= s->header &&
	       s->l4.start + (s->tcp ? TCP_HEADER : UDP_HEADER) <= s->header &&
	       s->ip.start < s->l4.start && s->l4.offset + 2 <= s->header &&
	       s->header + s->mss <= NET_MAX_FRAME;
}

static void add16(uint8_t *bytes, uint32_t value)
{
	net_put16(bytes, (uint16_t)(net_get16(bytes) + value));
}

void net_make_segment(const struct net_segmentation *s, struct net_frame *frame, uint32_t index,
		      uint32_t done, bool last)
{
	uint8_t *ip = frame->data + s->ip.start, *l4 = frame->data + s->l4.start;
	const uint32_t l4_len = frame->len - s->l4.start;
	uint8_t *sum = frame->data + s->l4.offset;

	if (s->ipv4) {
		net_put16(ip + IP_LENGTH, (uint16_t)(frame->len - s->ip.start));
		add16(ip + IP_ID, index);
	} else {
		net_put16(ip + IPV6_LENGTH, (uint16_t)(frame->len - s->ip.start - IPV6_HEADER));
	}
	if (s->tcp) {
		net_put32(l4 + TCP_SEQUENCE, net_get32(l4 + TCP_SEQUENCE) + done);
		if (!last)
			l4[TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	} else {
		net_put16(l4 + UDP_LENGTH, (uint16_t)l4_len);
	}
	if (s->insert_ip)
		(void)net_insert_checksum(frame->data, frame->len, &s->ip, false);
	if (s->insert_l4) {
		net_put16(sum, net_sum(sum, 2, l4_len));
		(void)net_insert_checksum(frame->data, frame->len, &s->l4, !s->tcp);
	}
}
