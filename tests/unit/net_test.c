/* SPDX-License-Identifier: MIT */
/* What network devices share: frames, checksums, segmentation, filters, statistics, the queue. */
#include "devices/net/net_checksum.h"
#include "devices/net/net_fifo.h"
#include "devices/net/net_filter.h"
#include "devices/net/net_frame.h"
#include "devices/net/net_segment.h"
#include "devices/net/net_stats.h"
#include "kit.h"

/* A whole IPv4 header, as it is in many a textbook: its checksum is 0xb861. */
static const uint8_t ipv4_header[] = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
				      0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};

static void the_frame_check_sequence_is_crc_32(void **state)
{
	(void)state;
	assert_int_equal(net_fcs((const uint8_t *)"123456789", 9), 0xcbf43926);
	assert_int_equal(net_fcs(NULL, 0), 0);
}

static void a_tag_is_inserted_behind_the_addresses(void **state)
{
	static struct net_frame frame, before;

	(void)state;
	frame.len = 100;
	for (uint32_t i = 0; i < frame.len; i++)
		frame.data[i] = (uint8_t)i;
	before = frame;
	net_insert_tag(&frame, ETHERTYPE_VLAN, 0x6123);
	assert_int_equal(frame.len, 104);
	assert_memory_equal(frame.data, before.data, 12);
	assert_int_equal(net_get32(frame.data + 12), 0x81006123);
	assert_memory_equal(frame.data + 16, before.data + 12, 88);
	assert_true(net_is_tagged(&frame, ETHERTYPE_VLAN));
	assert_int_equal(net_remove_tag(&frame), 0x6123);
	assert_int_equal(frame.len, before.len);
	assert_memory_equal(frame.data, before.data, before.len);
}

/* ---- checksums ---- */

static uint16_t slow_sum(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void the_sum_is_that_of_big_endian_words(void **state)
{
	uint8_t data[300];
	struct rng rng = rng_of(0);

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)rng_next(&rng);
	for (size_t from = 0; from < 5; from++)
		for (size_t len = 0; len + from <= sizeof(data); len++)
			assert_int_equal(net_sum(data + from, len, 0), slow_sum(data + from, len));
	assert_int_equal(net_sum(ipv4_header, sizeof(ipv4_header), 0), 0xffff);
}

static void a_checksum_is_inserted_where_it_fits(void **state)
{
	const struct net_cover cover = {.start = 0, .offset = 10, .last = 19};
	const struct net_cover behind = {.start = 0, .offset = 19};
	const struct net_cover nothing = {.start = 20, .offset = 10};
	uint8_t data[sizeof(ipv4_header)];

	(void)state;
	memcpy(data, ipv4_header, sizeof(data));
	data[10] = data[11] = 0;
	assert_true(net_insert_checksum(data, sizeof(data), &cover, false));
	assert_memory_equal(data, ipv4_header, sizeof(data));
	assert_false(net_insert_checksum(data, sizeof(data), &behind, false));
	assert_false(net_insert_checksum(data, sizeof(data), &nothing, false));
	assert_memory_equal(data, ipv4_header, sizeof(data));
}

static void a_udp_checksum_is_never_zero(void **state)
{
	const struct net_cover cover = {.start = 0, .offset = 2};
	uint8_t data[] = {0xff, 0xff, 0, 0};

	(void)state;
	assert_true(net_insert_checksum(data, sizeof(data), &cover, false));
	assert_int_equal(net_get16(data + 2), 0);
	assert_true(net_insert_checksum(data, sizeof(data), &cover, true));
	assert_int_equal(net_get16(data + 2), 0xffff);
}

/* ---- verifying ---- */

/* A frame with UDP in IPv4, whose checksums are right. Returns its length. */
static uint32_t make_udp(uint8_t *data, uint16_t payload)
{
	const uint16_t udp = (uint16_t)(8 + payload);
	uint8_t *ip = data + NET_HEADER, *l4 = ip + 20;

	memset(data, 0, NET_HEADER + 28u + payload);
	net_put16(data + 12, ETHERTYPE_IPV4);
	memcpy(ip, ipv4_header, 20);
	net_put16(ip + 2, (uint16_t)(20 + udp));
	net_put16(ip + 10, 0);
	net_put16(ip + 10, (uint16_t)~slow_sum(ip, 20));
	net_put16(l4, 1000);
	net_put16(l4 + 2, 2000);
	net_put16(l4 + 4, udp);
	memset(l4 + 8, 0x5a, payload);
	net_put16(l4 + 6, (uint16_t)~net_sum(l4, udp, slow_sum(ip + 12, 8) + PROTOCOL_UDP + udp));
	return NET_HEADER + 20u + udp;
}

static void what_is_wrong_with_a_frame_is_found(void **state)
{
	uint8_t data[200];
	const uint32_t len = make_udp(data, 101);
	struct net_verdict verdict = net_verify(data, len, ETHERTYPE_VLAN);

	(void)state;
	assert_true(verdict.ip_checked && !verdict.ip_bad);
	assert_true(verdict.l4_checked && !verdict.l4_bad);
	assert_true(verdict.udp);
	for (uint32_t i = NET_HEADER; i < len; i++) {
		data[i] ^= 0x10;
		verdict = net_verify(data, len, ETHERTYPE_VLAN);
		assert_true(!verdict.ip_checked || verdict.ip_bad || !verdict.l4_checked ||
			    verdict.l4_bad);
		data[i] ^= 0x10;
	}
}

static void what_cannot_be_verified_is_not(void **state)
{
	uint8_t data[200];
	uint32_t len = make_udp(data, 50);
	struct net_verdict verdict;

	(void)state;
	net_put16(data + NET_HEADER + 26, 0); /* UDP without a checksum */
	assert_false(net_verify(data, len, ETHERTYPE_VLAN).l4_checked);
	len = make_udp(data, 50);
	data[NET_HEADER + 6] = 0x20; /* a fragment */
	verdict = net_verify(data, len, ETHERTYPE_VLAN);
	assert_true(verdict.ip_checked && !verdict.l4_checked);
	for (uint32_t cut = 0; cut < make_udp(data, 50); cut++)
		assert_false(net_verify(data, cut, ETHERTYPE_VLAN).l4_checked);
}

/* ---- segmentation ---- */

static void segments_count_up(void **state)
{
	const struct net_segmentation s = {
		.header = 54,
		.mss = 100,
		.ipv4 = true,
		.tcp = true,
		.insert_ip = true,
		.insert_l4 = true,
		.ip = {.start = 14, .offset = 24, .last = 33},
		.l4 = {.start = 34, .offset = 50},
	};
	static struct net_frame frame;
	uint8_t *ip = frame.data + 14, *tcp = frame.data + 34;
	struct net_verdict verdict;

	(void)state;
	assert_true(net_segmentable(&s));
	frame.len = 54 + 100;
	net_put16(frame.data + 12, ETHERTYPE_IPV4);
	memcpy(ip, ipv4_header, 20);
	ip[9] = PROTOCOL_TCP;
	net_put16(ip + 4, 0xffff);
	net_put16(ip + 10, 0);
	net_put32(tcp + 4, 0xfffffff0);
	tcp[13] = 0x19; /* ACK, PSH, FIN */
	net_put16(tcp + 16, net_sum(ip + 12, 8, PROTOCOL_TCP));
	net_make_segment(&s, &frame, 3, 300, false);
	assert_int_equal(net_get16(ip + 2), 140);
	assert_int_equal(net_get16(ip + 4), 2);
	assert_int_equal(net_get32(tcp + 4), 300 - 16);
	assert_int_equal(tcp[13], 0x10);
	verdict = net_verify(frame.data, frame.len, ETHERTYPE_VLAN);
	assert_true(verdict.ip_checked && !verdict.ip_bad && verdict.l4_checked && !verdict.l4_bad);
}

static void headers_outside_of_the_prototype_cannot_be_segmented(void **state)
{
	const struct net_segmentation good = {.header = 54,
					      .mss = 1,
					      .ipv4 = true,
					      .tcp = true,
					      .ip = {14, 24, 33},
					      .l4 = {34, 50, 0}};
	struct net_segmentation bad;

	(void)state;
	assert_true(net_segmentable(&good));
	bad = good;
	bad.header = 53;
	assert_false(net_segmentable(&bad));
	bad = good;
	bad.mss = 0;
	assert_false(net_segmentable(&bad));
	bad.mss = NET_MAX_FRAME;
	assert_false(net_segmentable(&bad));
	bad = good;
	bad.ip.start = 200;
	assert_false(net_segmentable(&bad));
	bad = good;
	bad.l4.offset = 53;
	assert_false(net_segmentable(&bad));
}

/* ---- filters ---- */

static const uint8_t group[NET_ADDRESS] = {0x01, 0x00, 0x5e, 0x01, 0x02, 0x03};

static void the_hash_is_of_the_last_bits_of_an_address(void **state)
{
	(void)state;
	/* The last 16 bits, as a number with the last byte on top, are 0x0302. */
	assert_int_equal(net_multicast_hash(group, 0), 0x030);
	assert_int_equal(net_multicast_hash(group, 1), 0x060);
	assert_int_equal(net_multicast_hash(group, 2), 0x0c0);
	assert_int_equal(net_multicast_hash(group, 3), 0x302);
}

static void filters_take_what_they_are_set_to(void **state)
{
	uint32_t addresses[] = {0x03020102, 0x80000504, 0x99999999, 0x00009999};
	uint32_t multicast[128] = {0}, vlans[128] = {0};
	struct net_filter filter = {.addresses = addresses,
				    .address_count = 2,
				    .multicast = multicast,
				    .vlan_type = ETHERTYPE_VLAN};
	static struct net_frame frame = {.len = 60, .data = {2, 1, 2, 3, 4, 5}};

	(void)state;
	assert_int_equal(net_filter(&filter, &frame), NET_EXACT);
	frame.data[5] = 6;
	assert_int_equal(net_filter(&filter, &frame), NET_REFUSED);
	filter.all_unicast = true;
	assert_int_equal(net_filter(&filter, &frame), NET_INEXACT);
	memcpy(frame.data, group, sizeof(group));
	assert_int_equal(net_filter(&filter, &frame), NET_REFUSED);
	multicast[1] = 1 << 16; /* hash 0x30 */
	assert_int_equal(net_filter(&filter, &frame), NET_INEXACT);
	memset(frame.data, 0xff, NET_ADDRESS);
	assert_int_equal(net_filter(&filter, &frame), NET_REFUSED);
	filter.broadcast = true;
	assert_int_equal(net_filter(&filter, &frame), NET_EXACT);
	net_insert_tag(&frame, ETHERTYPE_VLAN, 0x1045);
	assert_int_equal(net_filter(&filter, &frame), NET_EXACT);
	filter.vlans = vlans;
	assert_int_equal(net_filter(&filter, &frame), NET_REFUSED);
	vlans[2] = 1 << 5;
	assert_int_equal(net_filter(&filter, &frame), NET_EXACT);
	filter.check_cfi = true;
	assert_int_equal(net_filter(&filter, &frame), NET_REFUSED);
	filter.cfi = true;
	assert_int_equal(net_filter(&filter, &frame), NET_EXACT);
}

static void a_source_address_is_compared_where_that_is_said(void **state)
{
	const uint32_t addresses[] = {0x03020102, 0x80010504};
	const uint32_t multicast[128] = {0};
	const struct net_filter filter = {
		.addresses = addresses, .address_count = 1, .multicast = multicast};
	static struct net_frame frame = {.len = 60, .data = {2, 9, 9, 9, 9, 9, 2, 1, 2, 3, 4, 5}};

	(void)state;
	assert_int_equal(net_filter(&filter, &frame), NET_EXACT);
	frame.data[6] = 4;
	assert_int_equal(net_filter(&filter, &frame), NET_REFUSED);
}

/* ---- statistics ---- */

static void counters_are_cleared_by_reading_and_stick_at_the_end(void **state)
{
	static struct net_stats stats;

	(void)state;
	net_count(&stats, STAT_MPC, UINT32_MAX);
	net_count(&stats, STAT_MPC, 2);
	assert_int_equal(net_stats_read(&stats, STAT_MPC), UINT32_MAX);
	assert_int_equal(net_stats_read(&stats, STAT_MPC), 0);
	net_count64(&stats, STAT_TORL, UINT32_MAX);
	net_count64(&stats, STAT_TORL, 3);
	assert_int_equal(net_stats_read(&stats, STAT_TORL), 2);
	assert_int_equal(net_stats_read(&stats, STAT_TORL), 2);
	assert_int_equal(net_stats_read(&stats, STAT_TORL + 4), 1);
	assert_int_equal(net_stats_read(&stats, STAT_TORL), 0);
	net_count64(&stats, STAT_GOTCL, UINT64_MAX);
	net_count64(&stats, STAT_GOTCL, 1);
	assert_int_equal(net_stats_read(&stats, STAT_GOTCL), UINT32_MAX);
}

static void what_is_counted_between_the_halves_is_not_lost(void **state)
{
	static struct net_stats stats;

	(void)state;
	net_count64(&stats, STAT_GORCL, 0x1fffffff0);
	assert_int_equal(net_stats_read(&stats, STAT_GORCL), 0xfffffff0);
	net_count64(&stats, STAT_GORCL, 0x20);
	assert_int_equal(net_stats_read(&stats, STAT_GORCL + 4), 1);
	assert_int_equal(net_stats_read(&stats, STAT_GORCL), 0x20);
	assert_int_equal(net_stats_read(&stats, STAT_GORCL + 4), 0);
	assert_int_equal(net_stats_read(&stats, STAT_GORCL), 0);
	net_count64(&stats, STAT_GORCL, 6);
	assert_int_equal(net_stats_read(&stats, STAT_GORCL + 4), 0);
	assert_int_equal(net_stats_read(&stats, STAT_GORCL), 6);
	assert_int_equal(net_stats_read(&stats, STAT_GORCL + 4), 0);
	/* The upper half alone clears all. */
	net_count64(&stats, STAT_GORCL, 5);
	assert_int_equal(net_stats_read(&stats, STAT_GORCL + 4), 0);
	assert_int_equal(net_stats_read(&stats, STAT_GORCL), 0);
}

static void frames_are_counted_by_length_and_kind(void **state)
{
	static const uint32_t lens[] = {60, 61, 123, 124, 251, 507, 1019, 1518, 1519};
	static const unsigned int counted[] = {1, 2, 2, 1, 1, 1};
	static struct net_stats stats;
	static struct net_frame frame;

	(void)state;
	for (unsigned int i = 0; i < 9; i++) {
		frame.len = lens[i];
		net_count_sent(&stats, &frame);
	}
	for (unsigned int i = 0; i < 6; i++)
		assert_int_equal(net_stats_read(&stats, STAT_PTC64 + 4 * i), counted[i]);
	assert_int_equal(net_stats_read(&stats, STAT_GPTC), 9);
	memcpy(frame.data, group, sizeof(group));
	net_count_received(&stats, &frame, true);
	memset(frame.data, 0xff, NET_ADDRESS);
	net_count_received(&stats, &frame, true);
	net_count_received(&stats, &frame, false);
	assert_int_equal(net_stats_read(&stats, STAT_MPRC), 1);
	assert_int_equal(net_stats_read(&stats, STAT_BPRC), 1);
	assert_int_equal(net_stats_read(&stats, STAT_GPRC), 2);
	assert_int_equal(net_stats_read(&stats, STAT_TPR), 3);
	assert_int_equal(net_stats_read(&stats, STAT_GORCL), 2 * 1523);
	assert_int_equal(net_stats_read(&stats, STAT_TORL), 3 * 1523);
}

/* ---- the queue ---- */

static void a_queue_gives_frames_back_in_order(void **state)
{
	static struct net_frame in, out;
	uint32_t put = 0, got = 0;
	struct net_fifo fifo;

	(void)state;
	assert_int_equal(net_fifo_create(&fifo, 1000), 0);
	assert_false(net_fifo_get(&fifo, &out));
	for (unsigned int round = 0; round < 100; round++) {
		for (;;) {
			memset(in.data, (int)put, sizeof(in.data));
			in.len = put % 7 * 31;
			if (!net_fifo_put(&fifo, in.data, in.len))
				break;
			put++;
		}
		assert_true(put > got);
		for (unsigned int i = 0; i < 3; i++) {
			memset(in.data, (int)got, sizeof(in.data));
			assert_true(net_fifo_get(&fifo, &out));
			assert_int_equal(out.len, got % 7 * 31);
			assert_memory_equal(out.data, in.data, out.len);
			got++;
		}
	}
	net_fifo_clear(&fifo);
	assert_false(net_fifo_get(&fifo, &out));
	net_fifo_destroy(&fifo);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_frame_check_sequence_is_crc_32),
		cmocka_unit_test(a_tag_is_inserted_behind_the_addresses),
		cmocka_unit_test(the_sum_is_that_of_big_endian_words),
		cmocka_unit_test(a_checksum_is_inserted_where_it_fits),
		cmocka_unit_test(a_udp_checksum_is_never_zero),
		cmocka_unit_test(what_is_wrong_with_a_frame_is_found),
		cmocka_unit_test(what_cannot_be_verified_is_not),
		cmocka_unit_test(segments_count_up),
		cmocka_unit_test(headers_outside_of_the_prototype_cannot_be_segmented),
		cmocka_unit_test(the_hash_is_of_the_last_bits_of_an_address),
		cmocka_unit_test(filters_take_what_they_are_set_to),
		cmocka_unit_test(a_source_address_is_compared_where_that_is_said),
		cmocka_unit_test(counters_are_cleared_by_reading_and_stick_at_the_end),
		cmocka_unit_test(what_is_counted_between_the_halves_is_not_lost),
		cmocka_unit_test(frames_are_counted_by_length_and_kind),
		cmocka_unit_test(a_queue_gives_frames_back_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
