/* SPDX-License-Identifier: MIT */
/* Sending by the e1000: descriptors, checksums, segmentation, VLAN tags, and what is reported. */
#include <unistd.h>

#include "devices/net/net_checksum.h"
#include "devices/net/net_frame.h"
#include "kit.h"

enum {
	HEADERS = 54, /* of TCP in IPv4 */
	DATA = TX_DEXT | TX_TYPE_DATA << TX_TYPE_SHIFT,
};

static struct e1000_rig t;
static struct e1000_received frame;

static int setup(void **state)
{
	(void)state;
	if (e1000_open(&t, NULL, 0))
		return -1;
	e1000_start(&t, RCTL_UPE | RCTL_MPE | RCTL_LPE | RCTL_SECRC | RCTL_BSEX |
				1 << RCTL_BSIZE_SHIFT);
	e1000_fill(&t, 0, 0x20000, 7);
	return report_file_clear();
}

static int teardown(void **state)
{
	(void)state;
	e1000_close(&t);
	return 0;
}

static void expect_data(uint32_t off, uint32_t len)
{
	assert_true(e1000_wait(&t, &frame));
	assert_int_equal(frame.len, len);
	assert_memory_equal(frame.data, e1000_data_at(&t, off), len);
}

/* ---- frames ---- */

static void what_is_sent_is_received(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 5 * E1000_RIG_RING; i++) {
		e1000_send(&t, i, 60 + i * 5, 0, 0);
		expect_data(i, 60 + i * 5);
	}
	assert_int_equal(e1000_get(&t, E1000_STATISTICS + 0x80), 5 * E1000_RIG_RING);
	assert_int_equal(e1000_get(&t, E1000_STATISTICS + 0x74), 5 * E1000_RIG_RING);
	assert_int_equal(e1000_get(&t, E1000_STATISTICS + 0x74), 0);
}

static void a_frame_may_be_in_many_pieces(void **state)
{
	const uint32_t pieces[] = {1, 13, 100, 2, 999, 0, 400};
	uint32_t off = 3;

	(void)state;
	for (unsigned int i = 0; i < 7; i++) {
		e1000_put(&t, e1000_data_iova(off),
			  pieces[i] | TX_IFCS | (i == 6 ? (uint32_t)TX_EOP : 0), 0);
		off += pieces[i];
		if (i == 3) {
			e1000_kick(&t);
			e1000_drain(&t);
			assert_false(e1000_take(&t, &frame));
		}
	}
	e1000_kick(&t);
	expect_data(3, off - 3);
}

static void done_is_said_of_those_that_ask_for_it(void **state)
{
	(void)state;
	e1000_put(&t, e1000_data_iova(0), 30 | TX_RS, 0);
	e1000_put(&t, e1000_data_iova(30), 30, 0);
	e1000_put(&t, e1000_data_iova(60), 30 | TX_EOP | TX_IFCS | TX_RPS, 0x12340000);
	e1000_kick(&t);
	expect_data(0, 90);
	e1000_drain(&t);
	assert_int_equal(t.tx[0].upper, TX_DD);
	assert_int_equal(t.tx[1].upper, 0);
	assert_int_equal(t.tx[2].upper, 0x12340000 | TX_DD);
	assert_int_equal(e1000_get(&t, E1000_ICR) & (ICR_TXDW | ICR_TXQE | ICR_RXT0),
			 ICR_TXDW | ICR_TXQE | ICR_RXT0);
}

static void short_frames_are_padded_if_that_is_wanted(void **state)
{
	static const uint8_t zeros[60];

	(void)state;
	e1000_send(&t, 0, 20, 0, 0);
	assert_true(e1000_wait(&t, &frame));
	assert_int_equal(frame.len, 60);
	assert_memory_equal(frame.data, e1000_data_at(&t, 0), 20);
	assert_memory_equal(frame.data + 20, zeros, 40);
	e1000_set(&t, E1000_TCTL, TCTL_EN);
	e1000_send(&t, 0, 20, 0, 0);
	e1000_send(&t, 5, 60, 0, 0);
	expect_data(5, 60);
	assert_int_equal(e1000_get(&t, E1000_STATISTICS + 0xa4), 1);
}

static void a_check_sequence_may_be_the_driver_s(void **state)
{
	const uint32_t fcs = net_fcs(e1000_data_at(&t, 0), 100);

	(void)state;
	memcpy(e1000_data_at(&t, 100), &fcs, 4);
	e1000_put(&t, e1000_data_iova(0), 104 | TX_EOP, 0);
	e1000_kick(&t);
	expect_data(0, 100);
	e1000_data_at(&t, 100)[0] ^= 1;
	e1000_put(&t, e1000_data_iova(0), 104 | TX_EOP, 0);
	e1000_put(&t, e1000_data_iova(8), 64 | TX_EOP | TX_IFCS, 0);
	e1000_kick(&t);
	expect_data(8, 64);
	assert_int_equal(e1000_get(&t, E1000_STATISTICS + 0x00), 1);
	assert_true(reported("e1000: transmit descriptor 1 ends a frame without IFCS"));
}

static void tags_are_inserted(void **state)
{
	(void)state;
	e1000_set(&t, E1000_CTRL, e1000_get(&t, E1000_CTRL) | CTRL_VME);
	e1000_send(&t, 0, 100, TX_VLE, 0x0abc0000);
	assert_true(e1000_wait(&t, &frame));
	/* And removed again. */
	assert_int_equal(frame.len, 100);
	assert_true(frame.upper & RX_VP);
	assert_int_equal(frame.upper >> RX_SPECIAL_SHIFT, 0x0abc);
	e1000_drain(&t);
	e1000_set(&t, E1000_CTRL, e1000_get(&t, E1000_CTRL) & ~(uint32_t)CTRL_VME);
	e1000_send(&t, 0, 100, TX_VLE, 0x0abc0000);
	expect_data(0, 100);
	assert_false(frame.upper & RX_VP);
}

static void a_legacy_descriptor_inserts_a_checksum(void **state)
{
	uint8_t *data = e1000_data_at(&t, 0);

	(void)state;
	e1000_send(&t, 0, 101, TX_IC | 40 << TX_CSO_SHIFT, 20 << TX_CSS_SHIFT);
	assert_true(e1000_wait(&t, &frame));
	net_put16(data + 40, (uint16_t)~net_sum(data + 20, 81, 0));
	assert_memory_equal(frame.data, data, 101);
	e1000_send(&t, 0, 101, TX_IC | 100 << TX_CSO_SHIFT, 20 << TX_CSS_SHIFT);
	expect_data(0, 101);
	assert_true(reported("a checksum of bytes 20 to 101 at 100: it is not inserted"));
}

/* ---- contexts ---- */

/* The headers of TCP in IPv4 at the start of the data, as a driver prepares them for offload. */
static void make_headers(uint32_t payload, bool segmented)
{
	uint8_t *data = e1000_data_at(&t, 0), *ip = data + 14, *tcp = data + 34;

	memset(data + 12, 0, HEADERS - 12);
	net_put16(data + 12, ETHERTYPE_IPV4);
	ip[0] = 0x45;
	net_put16(ip + 2, segmented ? 0 : (uint16_t)(40 + payload));
	net_put16(ip + 4, 0x1000);
	ip[8] = 64;
	ip[9] = PROTOCOL_TCP;
	net_put32(ip + 12, 0x0a000001);
	net_put32(ip + 16, 0x0a000002);
	net_put32(tcp + 4, 5000);
	tcp[12] = 0x50;
	tcp[13] = 0x19; /* ACK, PSH, FIN */
	net_put16(tcp + 16, net_sum(ip + 12, 8, PROTOCOL_TCP + (segmented ? 0 : 20 + payload)));
}

static void put_context(uint32_t flags, uint32_t payload, uint32_t mss)
{
	const uint64_t ip = 14 | 24 << 8 | 33 << 16, tcp = 34 | 50 << 8;

	e1000_put(&t, ip | tcp << 32,
		  TX_DEXT | TX_CONTEXT_TCP | TX_CONTEXT_IP | TX_RS | flags | payload,
		  HEADERS << TX_HEADER_SHIFT | mss << TX_MSS_SHIFT);
}

static void expect_good_checksums(void)
{
	const struct net_verdict verdict = net_verify(frame.data, frame.len, ETHERTYPE_VLAN);

	assert_true(verdict.ip_checked && !verdict.ip_bad && verdict.l4_checked && !verdict.l4_bad);
}

static void a_context_inserts_the_checksums_of_ip_and_tcp(void **state)
{
	(void)state;
	make_headers(300, false);
	put_context(0, 0, 0);
	e1000_put(&t, e1000_data_iova(0), HEADERS | DATA | TX_IFCS, TX_IXSM | TX_TXSM);
	e1000_put(&t, e1000_data_iova(HEADERS), 300 | DATA | TX_IFCS | TX_EOP, 0);
	/* The context stays for the next. */
	e1000_put(&t, e1000_data_iova(0), (HEADERS + 300) | DATA | TX_IFCS | TX_EOP, TX_TXSM);
	e1000_kick(&t);
	assert_true(e1000_wait(&t, &frame));
	assert_int_equal(frame.len, HEADERS + 300);
	expect_good_checksums();
	assert_true(e1000_wait(&t, &frame));
	assert_int_equal(net_get16(frame.data + 24), 0);
	assert_true(t.tx[0].upper & TX_DD);
}

static void a_long_payload_is_segmented(void **state)
{
	const uint32_t payload = 10 * 1460 + 37;
	uint32_t got = 0;

	(void)state;
	make_headers(payload, true);
	put_context(TX_TSE, payload, 1460);
	/* Pieces that have nothing to do with the segments. */
	e1000_put(&t, e1000_data_iova(0), 20 | DATA | TX_TSE | TX_IFCS | TX_VLE,
		  0x07770000 | TX_IXSM | TX_TXSM);
	e1000_put(&t, e1000_data_iova(20), 1000 | DATA | TX_TSE, 0);
	e1000_put(&t, e1000_data_iova(1020), (HEADERS + payload - 1020) | DATA | TX_TSE | TX_EOP,
		  0);
	e1000_set(&t, E1000_CTRL, e1000_get(&t, E1000_CTRL) | CTRL_VME);
	e1000_kick(&t);
	for (unsigned int i = 0; i < 11; i++) {
		const uint32_t part = i < 10 ? 1460 : 37;

		assert_true(e1000_wait(&t, &frame));
		assert_int_equal(frame.len, HEADERS + part);
		assert_int_equal(frame.upper >> RX_SPECIAL_SHIFT, 0x777);
		expect_good_checksums();
		assert_int_equal(net_get16(frame.data + 16), 40 + part);
		assert_int_equal(net_get16(frame.data + 18), 0x1000 + i);
		assert_int_equal(net_get32(frame.data + 38), 5000 + got);
		assert_int_equal(frame.data[47], i < 10 ? 0x10 : 0x19);
		assert_memory_equal(frame.data + HEADERS, e1000_data_at(&t, HEADERS + got), part);
		got += part;
	}
	assert_int_equal(e1000_get(&t, E1000_STATISTICS + 0xf8), 1);
	assert_int_equal(got, payload);
}

static void a_segmentation_that_ends_with_a_whole_segment_has_no_empty_one(void **state)
{
	(void)state;
	make_headers(2000, true);
	put_context(TX_TSE, 2000, 1000);
	e1000_put(&t, e1000_data_iova(0), (HEADERS + 2000) | DATA | TX_TSE | TX_IFCS | TX_EOP,
		  TX_IXSM | TX_TXSM);
	e1000_put(&t, e1000_data_iova(9), 70 | TX_IFCS | TX_EOP, 0);
	e1000_kick(&t);
	for (unsigned int i = 0; i < 2; i++) {
		assert_true(e1000_wait(&t, &frame));
		assert_int_equal(frame.len, HEADERS + 1000);
		assert_int_equal(frame.data[47], i ? 0x19 : 0x10);
		expect_good_checksums();
	}
	expect_data(9, 70);
}

/* ---- what is reported ---- */

/* The last of what is sent is a good frame: if that comes, nothing else has come before. */
static void expect_nothing_else(void)
{
	e1000_send(&t, 77, 80, 0, 0);
	expect_data(77, 80);
}

static void frames_that_cannot_be_are_reported(void **state)
{
	(void)state;
	e1000_send(&t, 0, 0, 0, 0);
	e1000_drain(&t);
	assert_true(reported("e1000: transmit descriptor 0 ends a frame of 0 bytes"));
	for (unsigned int i = 0; i < 20; i++)
		e1000_put(&t, e1000_data_iova(0), 1000 | (i == 19 ? (uint32_t)TX_EOP : 0), 0);
	e1000_kick(&t);
	e1000_drain(&t);
	assert_true(reported("e1000: with transmit descriptor 17 a frame is longer than 16384"));
	e1000_put(&t, e1000_data_iova(0), 100 | TX_DEXT | 5 << TX_TYPE_SHIFT | TX_EOP, 0);
	e1000_kick(&t);
	e1000_drain(&t);
	assert_true(reported("e1000: transmit descriptor 21 has type 5"));
	expect_nothing_else();
}

static void a_segmentation_without_a_context_is_reported(void **state)
{
	(void)state;
	e1000_put(&t, e1000_data_iova(0), 2000 | DATA | TX_TSE | TX_EOP, 0);
	e1000_kick(&t);
	e1000_drain(&t);
	assert_true(reported("e1000: transmit descriptor 0 begins a segmented frame without a "
			     "context"));
	expect_nothing_else();
}

static void a_payload_of_another_length_is_reported(void **state)
{
	(void)state;
	make_headers(2000, true);
	put_context(TX_TSE, 2000, 1000);
	e1000_put(&t, e1000_data_iova(0), (HEADERS + 1500) | DATA | TX_TSE | TX_IFCS | TX_EOP,
		  TX_IXSM | TX_TXSM);
	e1000_kick(&t);
	assert_true(e1000_wait(&t, &frame));
	e1000_drain(&t);
	assert_true(reported("e1000: transmit descriptor 1 ends a segmented frame with 1500 bytes "
			     "of payload, but its context says 2000"));
	expect_nothing_else();
}

static void a_frame_whose_data_cannot_be_read_is_lost(void **state)
{
	(void)state;
	e1000_put(&t, 0x10, 100 | TX_RS, 0);
	e1000_put(&t, e1000_data_iova(0), 100 | TX_EOP | TX_IFCS | TX_RS, 0);
	e1000_kick(&t);
	e1000_drain(&t);
	assert_true(t.tx[0].upper & TX_DD && t.tx[1].upper & TX_DD);
	expect_nothing_else();
	e1000_put(&t, 0, 100 | TX_EOP | TX_RS, 0);
	e1000_kick(&t);
	e1000_drain(&t);
	assert_true(reported("e1000: transmit descriptor 3 has 100 bytes at address 0"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_sent_is_received),
		TEST(a_frame_may_be_in_many_pieces),
		TEST(done_is_said_of_those_that_ask_for_it),
		TEST(short_frames_are_padded_if_that_is_wanted),
		TEST(a_check_sequence_may_be_the_driver_s),
		TEST(tags_are_inserted),
		TEST(a_legacy_descriptor_inserts_a_checksum),
		TEST(a_context_inserts_the_checksums_of_ip_and_tcp),
		TEST(a_long_payload_is_segmented),
		TEST(a_segmentation_that_ends_with_a_whole_segment_has_no_empty_one),
		TEST(frames_that_cannot_be_are_reported),
		TEST(a_segmentation_without_a_context_is_reported),
		TEST(a_payload_of_another_length_is_reported),
		TEST(a_frame_whose_data_cannot_be_read_is_lost),
	};

	return cmocka_run_group_tests(tests, report_file_open, report_file_remove);
}
