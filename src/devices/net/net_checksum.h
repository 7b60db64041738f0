/* SPDX-License-Identifier: MIT */
/* The Internet checksum (RFC 1071), inserted into frames that are sent and verified in others. */
#ifndef DEVICES_NET_NET_CHECKSUM_H
#define DEVICES_NET_NET_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The one's complement sum of @len bytes as big-endian words, added to @sum; not complemented. An
 * odd last byte is a word's upper half.
 */
uint16_t net_sum(const uint8_t *data, size_t len, uint32_t sum);

/* Where a checksum of a frame goes, and over what. */
struct net_cover {
	uint32_t start;
	uint32_t offset; /* of the checksum */
	uint32_t last;	 /* byte; 0: of the frame */
};

/*
 * Puts the checksum over @cover of the @len bytes at @data; what is where it goes is part of the
 * sum. @udp: zero is written as 0xffff, since it would mean none (RFC 768). Without effect, and
 * false, if the frame is too short.
 */
bool net_insert_checksum(uint8_t *data, size_t len, const struct net_cover *cover, bool udp);

/* What has been found in a frame that was received. */
struct net_verdict {
	bool ip_checked, ip_bad; /* IPv4's header */
	bool l4_checked, l4_bad; /* TCP or UDP */
	bool udp;
	bool ipv6;
};

/*
 * Verifies the checksums of the @len bytes at @data, a frame whose VLAN tag, if it has one, is of
 * type @vlan. Those of fragments, of UDP without a checksum, and what is behind extension headers
 * of IPv6 are not checked.
 */
struct net_verdict net_verify(const uint8_t *data, size_t len, uint16_t vlan);

#endif
