/* SPDX-License-Identifier: MIT */
/*
 * Random frames in random descriptors, by all that sending has (pieces, checksums, segmentation,
 * tags, padding), through random settings of receiving (filters, buffers, checksums, tags): what
 * comes back must be what a naive model makes of it. Then descriptors and registers without any
 * sense, which must neither stop the device for good nor reach memory that is not its own.
 */
#include <linux/pci_regs.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "kit.h"

enum {
	PROGRAMS = 1500,
	HOSTILE_ROUNDS = 60,
	HOSTILE_STEPS = 60,
	MAX_FRAME = 4000,
	MAX_WIRE = 64, /* frames of one program */
	DATA = TX_DEXT | TX_TYPE_DATA << TX_TYPE_SHIFT,
	STAMP = 0x40000, /* in the data: the frame that ends a program */
};

/* A frame on the wire, or what is received of it. */
struct wire {
	uint32_t len;
	uint8_t data[MAX_FRAME + 64];
};

/* One program: a frame, or a payload to be segmented, and how the device is to be set. */
struct program {
	uint32_t header, payload, mss;
	bool ipv6, udp, segmented, legacy, checksums, tag, strips, keeps_fcs, pads;
	uint16_t tci;
	uint32_t rxcsum;
	unsigned int ip, l4; /* offsets */
	bool filtered;	     /* its VLAN is not in the table */
};

static struct e1000_rig t;
static struct rng rng;
static struct wire wires[MAX_WIRE];
static unsigned int wire_count;
static struct e1000_received got;

static uint32_t below(uint32_t bound)
{
	return (uint32_t)rng_below(&rng, bound);
}

/* ---- the naive model ---- */

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t sum_of(const uint8_t *data, uint32_t len, uint32_t sum)
{
	for (uint32_t i = 0; i < len; i++) {
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static uint32_t fcs_of(const uint8_t *data, uint32_t len)
{
	uint32_t crc = UINT32_MAX;

	for (uint32_t i = 0; i < len; i++) {
		crc ^= data[i];
		for (unsigned int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
	}
	return ~crc;
}

static uint32_t pseudo_sum(const struct program *p, const uint8_t *frame)
{
	return p->ipv6 ? sum_of(frame + p->ip + 8, 32, p->udp ? 17 : 6)
		       : sum_of(frame + p->ip + 12, 8, p->udp ? 17 : 6);
}

/* All lengths and checksums of the frame become right. */
static void finish_headers(const struct program *p, struct wire *w)
{
	uint8_t *ip = w->data + p->ip, *l4 = w->data + p->l4, *sum = l4 + (p->udp ? 6 : 16);
	const uint32_t l4_len = w->len - p->l4;
	uint32_t value;

	if (p->ipv6) {
		put16(ip + 4, l4_len);
	} else {
		put16(ip + 2, w->len - p->ip);
		put16(ip + 10, 0);
		put16(ip + 10, ~sum_of(ip, 20, 0));
	}
	if (p->udp)
		put16(l4 + 4, l4_len);
	put16(sum, 0);
	value = ~sum_of(l4, l4_len, pseudo_sum(p, w->data) + l4_len) & 0xffff;
	put16(sum, p->udp && !value ? 0xffff : value);
}

static struct wire *next_wire(const uint8_t *data, uint32_t len)
{
	struct wire *w = &wires[wire_count++];

	require(wire_count <= MAX_WIRE);
	memcpy(w->data, data, len);
	w->len = len;
	return w;
}

static void model_segments(const struct program *p, const uint8_t *data)
{
	uint32_t done = 0, index = 0;

	do {
		const uint32_t part = p->payload - done < p->mss ? p->payload - done : p->mss;
		struct wire *w = next_wire(data, p->header);
		uint8_t *l4 = w->data + p->l4;
		uint32_t sequence;

		memcpy(w->data + p->header, data + p->header + done, part);
		w->len += part;
		if (!p->ipv6)
			put16(w->data + p->ip + 4, get16(w->data + p->ip + 4) + index);
		if (!p->udp) {
			sequence = (get16(l4 + 4) << 16 | get16(l4 + 6)) + done;
			put16(l4 + 4, sequence >> 16);
			put16(l4 + 6, sequence);
			if (done + part < p->payload)
				l4[13] &= (uint8_t)~9;
		}
		finish_headers(p, w);
		done += part;
		index++;
	} while (done < p->payload);
}

/* What happens on the way: the tag, padding, the filter; and by stripping, the tag again. */
static void model_way(const struct program *p)
{
	for (unsigned int i = 0; i < wire_count; i++) {
		struct wire *w = &wires[i];
		uint32_t fcs;

		if (p->tag && !p->strips) {
			memmove(w->data + 16, w->data + 12, w->len - 12);
			put16(w->data + 12, 0x8100);
			put16(w->data + 14, p->tci);
			w->len += 4;
		}
		while (p->pads && w->len + (p->tag && p->strips ? 4 : 0) < 60)
			w->data[w->len++] = 0;
		if (!p->keeps_fcs)
			continue;
		fcs = fcs_of(w->data, w->len);
		for (unsigned int j = 0; j < 4; j++)
			w->data[w->len++] = (uint8_t)(fcs >> 8 * j);
	}
}

/* ---- programs ---- */

static void choose(struct program *p)
{
	memset(p, 0, sizeof(*p));
	p->ipv6 = below(3) == 0;
	p->udp = below(2);
	p->ip = 14;
	p->l4 = p->ip + (p->ipv6 ? 40 : 20);
	p->header = p->l4 + (p->udp ? 8 : 20);
	p->segmented = below(3) == 0;
	p->legacy = !p->segmented && below(2);
	p->checksums = !p->legacy;
	p->payload = below(below(2) ? 100 : 3000);
	p->mss = 1 + below(1400);
	if (p->segmented && p->payload / p->mss > 40)
		p->mss = p->payload / 40 + 1;
	p->tag = below(3) == 0;
	p->tci = (uint16_t)below(0x10000);
	p->strips = p->tag; /* CTRL.VME is for both directions */
	p->keeps_fcs = below(4) == 0;
	p->pads = true;
	p->rxcsum = (below(4) << 8) | 1 << 10;
	p->filtered = p->tag && below(4) == 0;
}

/* The frame, or its prototype and payload, in the data. */
static void make_data(const struct program *p)
{
	uint8_t *data = e1000_data_at(&t, 0), *ip = data + p->ip, *l4 = data + p->l4;
	const uint32_t l4_len = p->header - p->l4 + p->payload;
	struct wire whole;

	e1000_fill(&t, 0, p->header + p->payload, below(1u << 31));
	data[0] &= 0xfe;
	put16(data + 12, p->ipv6 ? 0x86dd : 0x0800);
	ip[0] = p->ipv6 ? 0x60 : 0x45;
	if (p->ipv6) {
		ip[6] = p->udp ? 17 : 6;
		put16(ip + 4, l4_len);
	} else {
		ip[6] = ip[7] = 0;
		ip[9] = p->udp ? 17 : 6;
		put16(ip + 2, 20 + l4_len);
		put16(ip + 10, 0);
	}
	if (p->udp)
		put16(l4 + 4, l4_len);
	else
		l4[12] = 0x50;
	if (!p->checksums) {
		whole.len = p->header + p->payload;
		memcpy(whole.data, data, whole.len);
		finish_headers(p, &whole);
		memcpy(data, whole.data, whole.len);
		return;
	}
	put16(l4 + (p->udp ? 6 : 16),
	      sum_of(NULL, 0, pseudo_sum(p, data) + (p->segmented ? 0 : l4_len)) % 0xffff);
}

static void put_context(const struct program *p)
{
	const uint64_t ip = p->ip | (p->ip + 10) << 8 | (p->l4 - 1) << 16;
	const uint64_t l4 = p->l4 | (p->l4 + (p->udp ? 6 : 16)) << 8;

	e1000_put(&t, ip | l4 << 32,
		  TX_DEXT | (p->udp ? 0 : TX_CONTEXT_TCP) | (p->ipv6 ? 0 : TX_CONTEXT_IP) |
			  (p->segmented ? TX_TSE : 0) | p->payload,
		  p->header << TX_HEADER_SHIFT | (p->segmented ? p->mss : 0) << TX_MSS_SHIFT);
}

static void put_data(const struct program *p)
{
	const uint32_t len = p->header + p->payload;
	const uint32_t flags = TX_IFCS | (p->legacy ? 0 : DATA) | (p->segmented ? TX_TSE : 0) |
			       (p->tag ? TX_VLE : 0);
	uint32_t upper = (uint32_t)p->tci << TX_SPECIAL_SHIFT, part;

	if (p->checksums)
		upper |= TX_TXSM | (p->ipv6 ? 0 : TX_IXSM);
	for (uint32_t at = 0; at < len; at += part) {
		part = at > 40 && below(2) ? len - at : 1 + below(len - at);
		if (at + part < len && below(8) == 0)
			e1000_put(&t, 0, 0, 0); /* padding of the ring */
		e1000_put(&t, e1000_data_iova(at),
			  part | flags | (at + part == len ? (uint32_t)TX_EOP : 0) |
				  (below(2) ? (uint32_t)TX_RS : 0),
			  upper);
		if (below(4) == 0) {
			e1000_kick(&t);
			e1000_drain(&t);
		}
	}
}

static void set_device(const struct program *p)
{
	const unsigned int vid = p->tci & 0xfff, size = below(4);
	const uint32_t ctrl = e1000_get(&t, E1000_CTRL) & ~(uint32_t)CTRL_VME;
	uint32_t table = below(1u << 31);

	table = p->filtered ? table & ~(1u << vid % 32) : table | 1u << vid % 32;
	e1000_set(&t, E1000_VFTA + vid / 32 * 4, table);
	e1000_set(&t, E1000_CTRL, ctrl | (p->tag ? (uint32_t)CTRL_VME : 0));
	e1000_set(&t, E1000_RXCSUM, p->rxcsum);
	e1000_set(&t, E1000_RCTL,
		  RCTL_EN | RCTL_UPE | RCTL_MPE | RCTL_LPE | RCTL_VFE |
			  (p->keeps_fcs ? 0 : RCTL_SECRC) | size << RCTL_BSIZE_SHIFT |
			  (size && below(2) ? RCTL_BSEX : 0));
}

static void expect_verdict(const struct program *p)
{
	const bool ip = p->rxcsum & RXCSUM_IPOFLD && !p->ipv6, l4 = p->rxcsum & RXCSUM_TUOFLD;
	uint32_t bits = (ip ? RX_IPCS : 0) | (l4 ? RX_TCPCS : 0);

	/* A UDP checksum that happens to be what means none is not made by offload, nor here. */
	assert_int_equal(got.upper & (RX_IXSM | RX_IPCS | RX_TCPCS | RX_IPE | RX_TCPE),
			 bits ? bits : RX_IXSM);
	assert_int_equal(!!(got.upper & RX_VP), p->tag);
	if (p->tag)
		assert_int_equal(got.upper >> RX_SPECIAL_SHIFT, p->tci);
}

static void expect_wires(const struct program *p)
{
	/* The frame that ends the program has no tag, so nothing filters it. */
	e1000_send(&t, STAMP, 60, 0, 0);
	for (unsigned int i = 0; i < (p->filtered ? 0 : wire_count); i++) {
		assert_true(e1000_wait(&t, &got));
		assert_int_equal(got.len, wires[i].len);
		assert_memory_equal(got.data, wires[i].data, got.len);
		expect_verdict(p);
	}
	assert_true(e1000_wait(&t, &got));
	assert_memory_equal(got.data, e1000_data_at(&t, STAMP), 60);
}

static void what_comes_back_is_what_the_model_says(void **state)
{
	struct program p;

	(void)state;
	assert_int_equal(e1000_open(&t, NULL, 0), 0);
	e1000_start(&t, RCTL_UPE);
	memset(e1000_data_at(&t, STAMP), 0xee, 60);
	for (unsigned int i = 0; i < PROGRAMS; i++) {
		choose(&p);
		set_device(&p);
		make_data(&p);
		wire_count = 0;
		if (p.segmented) {
			model_segments(&p, e1000_data_at(&t, 0));
		} else {
			struct wire *w = next_wire(e1000_data_at(&t, 0), p.header + p.payload);

			if (p.checksums)
				finish_headers(&p, w);
		}
		model_way(&p);
		if (p.checksums)
			put_context(&p);
		put_data(&p);
		expect_wires(&p);
		e1000_drain(&t);
	}
	e1000_close(&t);
}

/* ---- without sense ---- */

static void hostile_step(void)
{
	static const uint32_t regs[] = {
		E1000_CTRL,   E1000_RCTL,   E1000_TCTL,	  E1000_TDBAL, E1000_TDLEN, E1000_TDH,
		E1000_TDT,    E1000_TDT,    E1000_TDT,	  E1000_RDBAL, E1000_RDLEN, E1000_RDH,
		E1000_RDT,    E1000_RDT,    E1000_ITR,	  E1000_RDTR,  E1000_RADV,  E1000_TIDV,
		E1000_TXDCTL, E1000_RXDCTL, E1000_RXCSUM, E1000_PBA,   E1000_FCRTH, E1000_FCRTL,
		E1000_VET,    E1000_MDIC,   E1000_EECD,	  E1000_EERD,  E1000_ICS,   E1000_IMS,
	};
	const uint32_t reg = regs[below(sizeof(regs) / sizeof(regs[0]))];
	uint32_t value = (uint32_t)rng_next(&rng) & (uint32_t)rng_next(&rng);

	if (below(3))
		value = below(E1000_RIG_RING);
	if (reg == E1000_TDBAL || reg == E1000_RDBAL)
		value = E1000_IOVA + (below(2) ? 0 : below(0x20000));
	if ((reg == E1000_TDLEN || reg == E1000_RDLEN) && below(2))
		value = E1000_RIG_RING * E1000_DESCRIPTOR;
	if (reg == E1000_RCTL || reg == E1000_TCTL)
		value |= RCTL_EN;
	if (below(10) == 0)
		(void)e1000_get(&t, below(E1000_BAR_SIZE / 4) * 4);
	e1000_set(&t, reg, value);
}

static void hostile_descriptor(void)
{
	uint64_t address = e1000_data_iova(below(0x1000));
	uint32_t lower = (uint32_t)rng_next(&rng), upper = (uint32_t)rng_next(&rng);

	if (below(4) == 0)
		address = rng_next(&rng);
	if (below(2))
		lower = (lower & 0xff300fff) | TX_IFCS;
	e1000_put(&t, address, lower, upper);
	if (below(3) == 0)
		t.rx[below(E1000_RIG_RING)].address = below(2) ? rng_next(&rng) : 0;
}

static void nonsense_does_no_harm(void **state)
{
	uint8_t *edge;

	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	for (unsigned int round = 0; round < HOSTILE_ROUNDS; round++) {
		assert_int_equal(e1000_open(&t, NULL, 0), 0);
		edge = e1000_data_at(&t, STAMP);
		e1000_start(&t, RCTL_UPE);
		for (unsigned int i = 0; i < HOSTILE_STEPS; i++) {
			hostile_descriptor();
			if (below(2))
				hostile_step();
			else
				e1000_kick(&t);
		}
		/* A reset makes it good again. */
		e1000_set(&t, E1000_CTRL, CTRL_RST | CTRL_PHY_RST);
		assert_true(e1000_await(&t, E1000_CTRL, CTRL_RST, 0));
		e1000_set(&t, E1000_MDIC,
			  MDIC_WRITE | PHY_ADDRESS << MDIC_PHY_SHIFT | PHY_CONTROL_DEFAULT);
		e1000_start(&t, RCTL_UPE | RCTL_MPE | RCTL_SECRC);
		memset(edge, 0xee, 60);
		e1000_send(&t, STAMP, 60, 0, 0);
		assert_true(e1000_wait(&t, &got));
		assert_int_equal(got.len, 60);
		assert_memory_equal(got.data, edge, 60);
		e1000_close(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_back_is_what_the_model_says),
		cmocka_unit_test(nonsense_does_no_harm),
	};

	rng = rng_of(0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
