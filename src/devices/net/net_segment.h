/* SPDX-License-Identifier: MIT */
/*
 * TCP and UDP segmentation: one header and a long payload become frames of at most MSS bytes of
 * payload. The caller collects a segment; here its header is made from the prototype, and its
 * checksums are inserted.
 */
#ifndef DEVICES_NET_NET_SEGMENT_H
#define DEVICES_NET_NET_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/net/net_checksum.h"
#include "devices/net/net_frame.h"

struct net_segmentation {
	uint32_t header; /* bytes of the prototype: all headers */
	uint32_t mss;
	bool ipv4; /* else IPv6 */
	bool tcp;  /* else UDP */
	bool insert_ip, insert_l4;
	struct net_cover ip, l4; /* start: where the headers are */
};

/* Whether the headers that are changed lie inside of the prototype. */
bool net_segmentable(const struct net_segmentation *s);

/*
 * Makes @frame, the prototype and the payload from byte @done on, segment @index: length, IPv4's
 * ID, TCP's sequence number and flags (FIN and PSH only in the last segment), checksums. The
 * prototype has the sum of the pseudo header, without the length, where the checksum of TCP or UDP
 * goes. @s is segmentable.
 */
void net_make_segment(const struct net_segmentation *s, struct net_frame *frame, uint32_t index,
		      uint32_t done, bool last);

#endif
