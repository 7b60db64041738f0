/* SPDX-License-Identifier: MIT */
/* See net_checksum.h. */
#include "devices/net/net_checksum.h"

#include <string.h>

#include "devices/net/net_frame.h"

enum {
	IPV4_HEADER = 20,
	IPV6_HEADER = 40,
	TCP_HEADER = 20,
	UDP_HEADER = 8,
};

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* The sum of words does not depend on their byte order, if the result is swapped at the end. */
uint16_t net_sum(const uint8_t *data, size_t len, uint32_t sum)
{
	uint64_t total = 0;
	uint16_t folded, tail = 0;
	uint32_t word;

	for (; len >= sizeof(word); data += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, data, sizeof(word));
		total += word;
	}
	if (len >= 2) {
		memcpy(&tail, data, sizeof(tail));
		total += tail;
		data += 2;
		len -= 2;
	}
	folded = fold(total);
	folded = net_get16((const uint8_t *)&folded);
	return fold((uint64_t)folded + (len ? (uint32_t)data[0] << 8 : 0) + sum);
}

bool net_insert_checksum(uint8_t *data, size_t len, const struct net_cover *cover, bool udp)
{
	const size_t end = cover->last && cover->last < len ? cover->last + 1 : len;
	uint16_t sum;

	if (cover->start >= end || cover->offset + 2 > len)
		return false;
	sum = (uint16_t)~net_sum(data + cover->start, end - cover->start, 0);
	net_put16(data + cover->offset, udp && !sum ? UINT16_MAX : sum);
	return true;
}

/* TCP or UDP at @data, and @len bytes of it; @pseudo: the sum of the pseudo header's addresses. */
static void verify_l4(struct net_verdict *verdict, const uint8_t *data, size_t len,
		      uint8_t protocol, uint32_t pseudo)
{
	verdict->udp = protocol == PROTOCOL_UDP;
	if (protocol == PROTOCOL_TCP && len < TCP_HEADER)
		return;
	if (protocol == PROTOCOL_UDP) {
		if (len < UDP_HEADER || !net_get16(data + 6) || net_get16(data + 4) < UDP_HEADER ||
		    net_get16(data + 4) > len)
			return;
		len = net_get16(data + 4);
	} else if (protocol != PROTOCOL_TCP) {
		return;
	}
	verdict->l4_checked = true;
	verdict->l4_bad = net_sum(data, len, pseudo + protocol + (uint32_t)len) != UINT16_MAX;
}

static void verify_ipv4(struct net_verdict *verdict, const uint8_t *data, size_t len)
{
	size_t header, total;

	if (len < IPV4_HEADER || data[0] >> 4 != 4)
		return;
	header = (data[0] & 0xfu) * 4;
	total = net_get16(data + 2);
	if (header < IPV4_HEADER || header > len)
		return;
	verdict->ip_checked = true;
	verdict->ip_bad = net_sum(data, header, 0) != UINT16_MAX;
	if (total < header || total > len || net_get16(data + 6) & 0x3fff)
		return;
	verify_l4(verdict, data + header, total - header, data[9], net_sum(data + 12, 8, 0));
}

static void verify_ipv6(struct net_verdict *verdict, const uint8_t *data, size_t len)
{
	size_t payload;

	if (len < IPV6_HEADER || data[0] >> 4 != 6)
		return;
	payload = net_get16(data + 4);
	if (payload > len - IPV6_HEADER)
		return;
	verdict->ipv6 = true;
	verify_l4(verdict, data + IPV6_HEADER, payload, data[6], net_sum(data + 8, 32, 0));
}

struct net_verdict net_verify(const uint8_t *data, size_t len, uint16_t vlan)
{
	struct net_verdict verdict = {.ip_checked = false};
	size_t at = 2 * NET_ADDRESS;

	if (len >= NET_HEADER + NET_TAG && net_get16(data + at) == vlan)
		at += NET_TAG;
	if (len < at + 2)
		return verdict;
	if (net_get16(data + at) == ETHERTYPE_IPV4)
		verify_ipv4(&verdict, data + at + 2, len - at - 2);
	else if (net_get16(data + at) == ETHERTYPE_IPV6)
		verify_ipv6(&verdict, data + at + 2, len - at - 2);
	return verdict;
}
