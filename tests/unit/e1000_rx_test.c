/* SPDX-License-Identifier: MIT */
/* Receiving by the e1000: buffers, filters, checksums, tags, thresholds, and flow control. */
#include <unistd.h>

#include "devices/net/net_checksum.h"
#include "devices/net/net_filter.h"
#include "devices/net/net_frame.h"
#include "kit.h"

static struct e1000_rig t;
static struct e1000_received frame;

static int setup(void **state)
{
	(void)state;
	if (e1000_open(&t, NULL, 0))
		return -1;
	e1000_fill(&t, 0, 0x20000, 3);
	return report_file_clear();
}

static int teardown(void **state)
{
	(void)state;
	e1000_close(&t);
	return 0;
}

static uint32_t stat_of(uint32_t off)
{
	return e1000_get(&t, E1000_STATISTICS + off);
}

/* ---- buffers ---- */

static void buffers_have_each_size(void **state)
{
	static const struct {
		uint32_t rctl, size;
	} cases[] = {
		{0, 2048},
		{1 << RCTL_BSIZE_SHIFT, 1024},
		{2 << RCTL_BSIZE_SHIFT, 512},
		{3 << RCTL_BSIZE_SHIFT, 256},
		{RCTL_BSEX | 1 << RCTL_BSIZE_SHIFT, 16384},
		{RCTL_BSEX | 2 << RCTL_BSIZE_SHIFT, 8192},
		{RCTL_BSEX | 3 << RCTL_BSIZE_SHIFT, 4096},
	};
	static const uint32_t lens[] = {60, 256, 257, 1514, 2048, 4097, 9000};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		e1000_set(&t, E1000_CTRL, CTRL_RST);
		assert_true(e1000_await(&t, E1000_CTRL, CTRL_RST, 0));
		e1000_start(&t, RCTL_UPE | RCTL_MPE | RCTL_LPE | RCTL_SECRC | cases[i].rctl);
		for (size_t j = 0; j < sizeof(lens) / sizeof(lens[0]); j++) {
			e1000_send(&t, 11, lens[j], 0, 0);
			assert_true(e1000_wait(&t, &frame));
			assert_int_equal(frame.len, lens[j]);
			assert_int_equal(frame.descriptors,
					 (lens[j] + cases[i].size - 1) / cases[i].size);
			assert_memory_equal(frame.data, e1000_data_at(&t, 11), lens[j]);
		}
	}
}

static void the_check_sequence_is_kept_if_it_is_not_stripped(void **state)
{
	uint32_t fcs;

	(void)state;
	e1000_start(&t, RCTL_UPE | RCTL_MPE);
	e1000_send(&t, 0, 1000, 0, 0);
	assert_true(e1000_wait(&t, &frame));
	assert_int_equal(frame.len, 1004);
	fcs = net_fcs(frame.data, 1000);
	assert_memory_equal(frame.data + 1000, &fcs, 4);
}

static void long_frames_need_to_be_enabled(void **state)
{
	(void)state;
	e1000_start(&t, RCTL_UPE | RCTL_MPE | RCTL_SECRC);
	e1000_send(&t, 0, 1519, 0, 0);
	e1000_send(&t, 0, 1518, 0, 0);
	assert_true(e1000_wait(&t, &frame));
	assert_int_equal(frame.len, 1518);
	assert_int_equal(stat_of(0xac), 1);
}

static void a_frame_that_the_ring_can_never_take_is_missed(void **state)
{
	(void)state;
	e1000_start(&t, RCTL_UPE | RCTL_MPE | RCTL_SECRC | RCTL_LPE | 3 << RCTL_BSIZE_SHIFT);
	e1000_put(&t, e1000_data_iova(0), 16384 | TX_EOP | TX_IFCS, 0);
	e1000_send(&t, 0, 60, 0, 0);
	assert_true(e1000_wait(&t, &frame));
	assert_int_equal(frame.len, 60);
	assert_int_equal(stat_of(0x10), 1);
	assert_true(e1000_get(&t, E1000_ICR) & ICR_RXO);
	assert_true(reported("e1000: a frame of 16384 bytes needs 64 buffers, but the receive ring "
			     "has 64 descriptors"));
}

static void a_descriptor_without_a_buffer_is_reported(void **state)
{
	(void)state;
	e1000_start(&t, RCTL_UPE | RCTL_MPE | RCTL_SECRC);
	t.rx[0].address = 0;
	e1000_send(&t, 0, 100, 0, 0);
	e1000_drain(&t);
	for (unsigned int i = 0; i < 10000 && !(t.rx[0].upper & RX_DD); i++)
		usleep(1000);
	assert_int_equal(t.rx[0].upper & (RX_DD | RX_EOP | RX_RXE), RX_DD | RX_EOP | RX_RXE);
	assert_true(reported("e1000: receive descriptor 0 has no buffer"));
}

static void a_buffer_that_cannot_be_written_is_an_error(void **state)
{
	(void)state;
	e1000_start(&t, RCTL_UPE | RCTL_MPE | RCTL_SECRC);
	t.rx[0].address = 0x1000;
	e1000_send(&t, 0, 100, 0, 0);
	e1000_send(&t, 0, 100, 0, 0);
	for (unsigned int i = 0; i < 10000 && !(t.rx[1].upper & RX_DD); i++)
		usleep(1000);
	assert_true(t.rx[0].upper & RX_RXE);
	assert_false(t.rx[1].upper & RX_RXE);
}

/* ---- filters ---- */

/* Sends a frame to @address; whether it is received, before one by broadcast. */
static bool passes(const uint8_t *address, uint32_t *upper)
{
	bool found = false;

	memcpy(e1000_data_at(&t, 0), address, 6);
	memset(e1000_data_at(&t, 0x1000), 0xff, 6);
	e1000_put(&t, e1000_data_iova(0), 100 | TX_EOP | TX_IFCS, 0);
	e1000_send(&t, 0x1000, 60, 0, 0);
	for (;;) {
		assert_true(e1000_wait(&t, &frame));
		if (frame.len == 60)
			return found;
		*upper = frame.upper;
		found = true;
	}
}

static void addresses_are_filtered(void **state)
{
	static const uint8_t own[] = {0x02, 0x55, 0x00, 0x00, 0x00, 0x02};
	static const uint8_t other[] = {0x02, 0x55, 0x00, 0x00, 0x00, 0x03};
	static const uint8_t group[] = {0x01, 0x00, 0x5e, 0x7f, 0x11, 0x22};
	uint32_t upper = 0;

	(void)state;
	e1000_start(&t, RCTL_BAM | RCTL_SECRC);
	e1000_set(&t, E1000_RA + 8 * 15, 0x00005502);
	e1000_set(&t, E1000_RA + 8 * 15 + 4, RAH_VALID | 0x0200);
	assert_true(passes(own, &upper));
	assert_false(upper & RX_PIF);
	assert_false(passes(other, &upper));
	assert_false(passes(group, &upper));
	for (unsigned int mode = 0; mode < 4; mode++) {
		const unsigned int hash = net_multicast_hash(group, mode);

		e1000_set(&t, E1000_RCTL, RCTL_EN | RCTL_BAM | RCTL_SECRC | mode << RCTL_MO_SHIFT);
		e1000_set(&t, E1000_MTA + hash / 32 * 4, 1u << hash % 32);
		assert_true(passes(group, &upper));
		assert_true(upper & RX_PIF);
		e1000_set(&t, E1000_MTA + hash / 32 * 4, ~(1u << hash % 32));
		assert_false(passes(group, &upper));
		e1000_set(&t, E1000_MTA + hash / 32 * 4, 0);
	}
	e1000_set(&t, E1000_RCTL, RCTL_EN | RCTL_BAM | RCTL_SECRC | RCTL_UPE);
	assert_true(passes(other, &upper));
	assert_true(upper & RX_PIF);
	assert_false(passes(group, &upper));
	e1000_set(&t, E1000_RCTL, RCTL_EN | RCTL_BAM | RCTL_SECRC | RCTL_MPE);
	assert_true(passes(group, &upper));
	assert_false(passes(other, &upper));
}

static void vlans_are_filtered(void **state)
{
	(void)state;
	e1000_start(&t, RCTL_UPE | RCTL_MPE | RCTL_SECRC | RCTL_VFE);
	e1000_set(&t, E1000_VFTA + 4 * (0x123 / 32), 1u << 0x123 % 32);
	net_put32(e1000_data_at(&t, 12), 0x81004124);
	e1000_send(&t, 0, 100, 0, 0);
	e1000_drain(&t);
	net_put32(e1000_data_at(&t, 12), 0x81004123);
	e1000_send(&t, 0, 200, 0, 0);
	assert_true(e1000_wait(&t, &frame));
	assert_int_equal(frame.len, 200);
	assert_false(frame.upper & RX_VP);
	/* By the value of CFI as well; and the tag is stripped. */
	e1000_drain(&t);
	e1000_set(&t, E1000_CTRL, e1000_get(&t, E1000_CTRL) | CTRL_VME);
	e1000_set(&t, E1000_RCTL, e1000_get(&t, E1000_RCTL) | RCTL_CFIEN | RCTL_CFI);
	e1000_send(&t, 0, 200, 0, 0);
	e1000_drain(&t);
	net_put32(e1000_data_at(&t, 12), 0x81005123);
	e1000_send(&t, 0, 300, 0, 0);
	assert_true(e1000_wait(&t, &frame));
	assert_int_equal(frame.len, 296);
	assert_true(frame.upper & RX_VP);
	assert_int_equal(frame.upper >> RX_SPECIAL_SHIFT, 0x5123);
	assert_memory_equal(frame.data + 12, e1000_data_at(&t, 16), 284);
}

/* ---- checksums ---- */

/* UDP in IPv4, of 100 bytes of payload. */
static uint32_t make_udp(void)
{
	uint8_t *data = e1000_data_at(&t, 0), *ip = data + 14, *udp = data + 34;

	net_put16(data + 12, ETHERTYPE_IPV4);
	memset(ip, 0, 28);
	ip[0] = 0x45;
	net_put16(ip + 2, 128);
	ip[9] = PROTOCOL_UDP;
	net_put16(ip + 10, (uint16_t)~net_sum(ip, 20, 0));
	net_put16(udp + 4, 108);
	net_put16(udp + 6, (uint16_t)~net_sum(udp, 108, PROTOCOL_UDP + 108));
	return 142;
}

static uint32_t verdict_of(uint32_t len)
{
	e1000_send(&t, 0, len, 0, 0);
	assert_true(e1000_wait(&t, &frame));
	e1000_drain(&t);
	return frame.upper & (RX_IXSM | RX_IPCS | RX_TCPCS | RX_IPE | RX_TCPE);
}

static void checksums_are_verified(void **state)
{
	const uint32_t len = make_udp();
	uint8_t *data = e1000_data_at(&t, 0);

	(void)state;
	e1000_start(&t, RCTL_UPE | RCTL_MPE | RCTL_SECRC);
	assert_int_equal(verdict_of(len), RX_IXSM);
	assert_int_equal(frame.checksum, net_sum(data, len, 0));
	e1000_set(&t, E1000_RXCSUM, RXCSUM_IPOFLD | 14);
	assert_int_equal(verdict_of(len), RX_IPCS);
	assert_int_equal(frame.checksum, net_sum(data + 14, len - 14, 0));
	e1000_set(&t, E1000_RXCSUM, RXCSUM_TUOFLD);
	assert_int_equal(verdict_of(len), RX_TCPCS);
	e1000_set(&t, E1000_RXCSUM, RXCSUM_IPOFLD | RXCSUM_TUOFLD);
	assert_int_equal(verdict_of(len), RX_IPCS | RX_TCPCS);
	data[100] ^= 1;
	assert_int_equal(verdict_of(len), RX_IPCS | RX_TCPCS | RX_TCPE);
	data[16] ^= 1;
	assert_true(verdict_of(len) & RX_IPE);
	net_put16(data + 12, 0x1234);
	assert_int_equal(verdict_of(len), RX_IXSM);
}

/* ---- the ring ---- */

static void few_descriptors_are_said_once(void **state)
{
	static const unsigned int limits[] = {32, 16, 8};

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		e1000_set(&t, E1000_CTRL, CTRL_RST);
		assert_true(e1000_await(&t, E1000_CTRL, CTRL_RST, 0));
		e1000_start(&t, RCTL_UPE | RCTL_MPE | RCTL_SECRC | i << RCTL_RDMTS_SHIFT);
		for (unsigned int left = 63; left > limits[i]; left--) {
			assert_false(e1000_get(&t, E1000_ICR) & ICR_RXDMT0);
			e1000_send(&t, 0, 100, 0, 0);
			e1000_drain(&t);
			assert_true(e1000_await(&t, E1000_RDH, UINT32_MAX, 64 - left));
		}
		assert_true(e1000_await(&t, E1000_ICR, ICR_RXDMT0, ICR_RXDMT0));
		e1000_send(&t, 0, 100, 0, 0);
		assert_true(e1000_await(&t, E1000_RDH, UINT32_MAX, 64 - limits[i]));
		assert_false(e1000_get(&t, E1000_ICR) & ICR_RXDMT0);
	}
}

static void filters_may_change_in_the_middle_of_traffic(void **state)
{
	(void)state;
	e1000_start(&t, RCTL_UPE | RCTL_MPE | RCTL_SECRC);
	for (unsigned int round = 0; round < 100; round++) {
		for (unsigned int i = 0; i < 40; i++)
			e1000_put(&t, e1000_data_iova(i), 100 | TX_EOP | TX_IFCS, 0);
		e1000_kick(&t);
		while (e1000_get(&t, E1000_TDH) != t.tx_tail)
			e1000_set(&t, E1000_RCTL, e1000_get(&t, E1000_RCTL) ^ RCTL_BAM);
		for (unsigned int i = 0; i < 40; i++) {
			e1000_set(&t, E1000_RCTL, e1000_get(&t, E1000_RCTL) ^ RCTL_BAM);
			assert_true(e1000_wait(&t, &frame));
			assert_memory_equal(frame.data, e1000_data_at(&t, i), 100);
		}
	}
}

static void small_frames_are_said_at_once(void **state)
{
	(void)state;
	e1000_start(&t, RCTL_UPE | RCTL_MPE | RCTL_SECRC);
	e1000_set(&t, E1000_RSRPD, 100);
	e1000_send(&t, 0, 101, 0, 0);
	assert_true(e1000_wait(&t, &frame));
	assert_false(e1000_get(&t, E1000_ICR) & ICR_SRPD);
	e1000_send(&t, 0, 100, 0, 0);
	assert_true(e1000_await(&t, E1000_ICS, ICR_SRPD, ICR_SRPD));
}

/* Sends @count frames of 1000 bytes and receives them all, with or without flow control. */
static void flood(unsigned int count)
{
	unsigned int sent = 0;

	e1000_set(&t, E1000_RDT, e1000_get(&t, E1000_RDH)); /* none is given for now */
	while (sent < count) {
		const unsigned int head = e1000_get(&t, E1000_TDH);

		if ((t.tx_tail + 1) % E1000_RIG_RING == head || sent == count)
			break;
		e1000_send(&t, sent, 1000, 0, 0);
		sent++;
	}
}

static void frames_wait_in_the_packet_buffer(void **state)
{
	(void)state;
	e1000_start(&t, RCTL_UPE | RCTL_MPE | RCTL_SECRC);
	flood(40);
	e1000_drain(&t);
	assert_true(e1000_await(&t, E1000_STATISTICS + 0xa0, 1, 1));
	assert_false(e1000_take(&t, &frame));
	e1000_set(&t, E1000_RDT, 63);
	for (unsigned int i = 0; i < 40; i++) {
		assert_true(e1000_wait(&t, &frame));
		assert_memory_equal(frame.data, e1000_data_at(&t, i), 1000);
	}
}

static void what_does_not_fit_into_the_packet_buffer_is_missed(void **state)
{
	uint32_t missed;

	(void)state;
	e1000_start(&t, RCTL_UPE | RCTL_MPE | RCTL_SECRC);
	e1000_set(&t, E1000_PBA, 20);
	flood(63);
	e1000_drain(&t);
	assert_true(e1000_await(&t, E1000_ICR, ICR_RXO, ICR_RXO));
	missed = stat_of(0x10);
	assert_true(missed > 0 && missed <= 63 - 20);
	e1000_set(&t, E1000_RDT, 63);
	for (unsigned int i = 0; i < 63 - missed; i++) {
		assert_true(e1000_wait(&t, &frame));
		assert_memory_equal(frame.data, e1000_data_at(&t, i), 1000);
	}
	e1000_send(&t, 0, 80, 0, 0);
	assert_true(e1000_wait(&t, &frame));
	assert_int_equal(frame.len, 80);
}

static void flow_control_holds_frames_back(void **state)
{
	(void)state;
	e1000_start(&t, RCTL_UPE | RCTL_MPE | RCTL_SECRC);
	e1000_set(&t, E1000_CTRL, e1000_get(&t, E1000_CTRL) | CTRL_RFCE | CTRL_TFCE);
	e1000_set(&t, E1000_PBA, 20);
	e1000_set(&t, E1000_FCRTH, 8192);
	e1000_set(&t, E1000_FCRTL, 4096);
	flood(63);
	assert_true(e1000_await(&t, E1000_STATUS, STATUS_TXOFF, STATUS_TXOFF));
	assert_int_not_equal(e1000_get(&t, E1000_TDH), t.tx_tail);
	e1000_set(&t, E1000_RDT, 63);
	for (unsigned int i = 0; i < 63; i++) {
		assert_true(e1000_wait(&t, &frame));
		assert_memory_equal(frame.data, e1000_data_at(&t, i), 1000);
	}
	assert_int_equal(stat_of(0x10), 0);
	assert_true(stat_of(0x54) && stat_of(0x4c));
	assert_true(e1000_await(&t, E1000_STATUS, STATUS_TXOFF, 0));
}

static void pause_frames_go_no_further_if_that_is_said(void **state)
{
	static const uint8_t pause[] = {0x01, 0x80, 0xc2, 0x00, 0x00, 0x01, 2,	  0,	0,
					0,    0,    1,	  0x88, 0x08, 0x00, 0x01, 0xff, 0xff};

	(void)state;
	e1000_start(&t, RCTL_UPE | RCTL_MPE | RCTL_SECRC | RCTL_DPF);
	e1000_set(&t, E1000_CTRL, e1000_get(&t, E1000_CTRL) | CTRL_RFCE);
	memcpy(e1000_data_at(&t, 0), pause, sizeof(pause));
	e1000_send(&t, 0, 60, 0, 0);
	e1000_send(&t, 0x1000, 100, 0, 0);
	assert_true(e1000_wait(&t, &frame));
	assert_int_equal(frame.len, 100);
	assert_int_equal(stat_of(0x50), 1);
	e1000_set(&t, E1000_RCTL, e1000_get(&t, E1000_RCTL) & ~(uint32_t)RCTL_DPF);
	e1000_send(&t, 0, 60, 0, 0);
	assert_true(e1000_wait(&t, &frame));
	assert_int_equal(frame.len, 60);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(buffers_have_each_size),
		TEST(the_check_sequence_is_kept_if_it_is_not_stripped),
		TEST(long_frames_need_to_be_enabled),
		TEST(a_frame_that_the_ring_can_never_take_is_missed),
		TEST(a_descriptor_without_a_buffer_is_reported),
		TEST(a_buffer_that_cannot_be_written_is_an_error),
		TEST(addresses_are_filtered),
		TEST(vlans_are_filtered),
		TEST(checksums_are_verified),
		TEST(few_descriptors_are_said_once),
		TEST(filters_may_change_in_the_middle_of_traffic),
		TEST(small_frames_are_said_at_once),
		TEST(frames_wait_in_the_packet_buffer),
		TEST(what_does_not_fit_into_the_packet_buffer_is_missed),
		TEST(flow_control_holds_frames_back),
		TEST(pause_frames_go_no_further_if_that_is_said),
	};

	return cmocka_run_group_tests(tests, report_file_open, report_file_remove);
}
