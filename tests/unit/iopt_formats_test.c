/* SPDX-License-Identifier: MIT */
/*
 * What each format writes, entry by entry, against values worked out by hand from the bit tables.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "iopt/iopt.h"

#define RW (IOPT_READ | IOPT_WRITE)

static struct iopt *make(const struct iopt_format *format, struct iopt_config config)
{
	struct iopt *pt;

	assert_int_equal(iopt_create(format, &config, &pt), 0);
	return pt;
}

/* The entry that a walk to @iova ends with. */
static uint64_t last_entry(const struct iopt *pt, uint64_t iova)
{
	struct iopt_trace trace;

	assert_true(iopt_trace(pt, iova, &trace));
	return trace.steps[trace.count - 1].entry;
}

/* The memory of that entry, as hardware would have it. */
static uint64_t *last_slot(const struct iopt *pt, uint64_t iova)
{
	struct iopt_trace trace;

	assert_true(iopt_trace(pt, iova, &trace));
	return (uint64_t *)trace.steps[trace.count - 1].table + trace.steps[trace.count - 1].index;
}

/* The entries of a trace but the last: what is in them besides the address of the next table. */
static void assert_tables(const struct iopt *pt, uint64_t iova, uint64_t bits, uint64_t level_bit,
			  unsigned int shift_right)
{
	struct iopt_trace trace;

	assert_true(iopt_trace(pt, iova, &trace));
	for (unsigned int i = 0; i + 1 < trace.count; i++) {
		uint64_t address = (uint64_t)(uintptr_t)trace.steps[i + 1].table >> shift_right;

		assert_int_equal(trace.steps[i].entry,
				 address | bits | level_bit * trace.steps[i].level);
		assert_int_equal(trace.steps[i].level, trace.steps[i + 1].level + 1);
	}
}

static void map_one(struct iopt *pt, uint64_t iova, uint64_t oa, uint64_t len, unsigned int prot,
		    uint64_t entry)
{
	struct iopt_leaf leaf;

	assert_int_equal(iopt_map(pt, iova, oa, len, prot, 0), 0);
	assert_int_equal(last_entry(pt, iova), entry);
	assert_true(iopt_translate(pt, iova + len - 1, &leaf));
	assert_int_equal(leaf.oa, oa + len - 1);
}

static void amdv1_entries_are_as_specified(void **state)
{
	struct iopt *pt = make(&iopt_amdv1, (struct iopt_config){0});

	(void)state;
	map_one(pt, 0x1000, 0x123456000, 0x1000, IOPT_READ, 0x2000000123456001);
	map_one(pt, 0x200000, 0x40000000, 0x200000, RW, 0x6000000040000001);
	map_one(pt, 0x40000000, 0x80000000, 0x40000000, IOPT_WRITE, 0x4000000080000001);
	/* 8 KiB: bit 12 zero; 16 KiB: bit 12 one, bit 13 zero; 4 GiB: bits 12 to 30 one. */
	map_one(pt, 0x2000, 0x10000, 0x2000, RW, 0x6000000000010e01);
	map_one(pt, 0x4000, 0x20000, 0x4000, RW, 0x6000000000021e01);
	map_one(pt, 0x100000000, 0x100000000, 0x100000000, RW, 0x600000017ffffe01);
	assert_int_equal(last_entry(pt, 0x3000), 0x6000000000010e01);
	assert_int_equal(last_entry(pt, 0x7000), 0x6000000000021e01);
	assert_int_equal(last_entry(pt, 0x1c0000000), 0x600000017ffffe01);
	assert_tables(pt, 0x1000, 0x6000000000000001, 1 << 9, 0);
	iopt_destroy(pt);

	pt = make(&iopt_amdv1, (struct iopt_config){.features = IOPT_FORCE_COHERENT});
	map_one(pt, 0x1000, 0x5000, 0x1000, IOPT_READ, 0x3000000000005001);
	assert_tables(pt, 0x1000, 0x6000000000000001, 1 << 9, 0);
	iopt_destroy(pt);
}

static void the_mocks_entries_are_amds_one_bit_higher(void **state)
{
	struct iopt *pt = make(&iopt_amdv1_mock, (struct iopt_config){0});
	struct iopt_trace trace;
	unsigned int level;

	(void)state;
	assert_int_equal(iopt_pgsizes(pt), ((1ULL << 37) - 1) & ~0x7ffULL);
	assert_int_equal(iopt_aperture(pt).last, (1ULL << 38) - 1);
	/* 2 KiB is an item; 4 KiB two of them, encoded as AMD's 8 KiB is. */
	map_one(pt, 0x800, 0x800, 0x800, RW, 0x6000000000001001);
	map_one(pt, 0x1000, 0x5000, 0x1000, RW, 0x600000000000ae01);
	assert_int_equal(last_entry(pt, 0x1800), 0x600000000000ae01);
	map_one(pt, 0x100000, 0x300000, 0x100000, RW, 0x6000000000600001);
	map_one(pt, 0x200000, 0x200000, 0x80000, IOPT_READ, 0x2000000000000000 | 0x47fe01);
	assert_true(iopt_trace(pt, 0x800, &trace));
	assert_int_equal(trace.count, 3);
	assert_int_equal(trace.steps[0].entry,
			 0x6000000000000401 | (uintptr_t)trace.steps[1].table << 1);
	assert_int_equal(trace.steps[1].entry,
			 0x6000000000000201 | (uintptr_t)trace.steps[2].table << 1);
	iopt_root(pt, &level);
	assert_int_equal(level, 2);
	iopt_destroy(pt);

	pt = make(&iopt_amdv1_mock, (struct iopt_config){.pgsizes = 0x101000});
	assert_int_equal(iopt_map(pt, 0, 0, 0x201000, RW, 0), 0);
	assert_int_equal(last_entry(pt, 0), 0x6000000000000001);
	assert_int_equal(last_entry(pt, 0x200800), 0x6000000000400e01);
	iopt_destroy(pt);
}

static void vtd_second_stage_entries_are_as_specified(void **state)
{
	struct iopt *pt = make(&iopt_vtdss, (struct iopt_config){0});

	(void)state;
	map_one(pt, 0x1000, 0x123456000, 0x1000, IOPT_READ, 0x123456001);
	map_one(pt, 0x200000, 0x40000000, 0x200000, RW, 0x40000083);
	map_one(pt, 0x40000000, 0x80000000, 0x40000000, IOPT_WRITE, 0x80000082);
	assert_tables(pt, 0x1000, 3, 0, 0);
	assert_int_equal(iopt_map(pt, 0x5000, 0x5000, 0x1000, 0, 0), -EINVAL);
	iopt_destroy(pt);

	pt = make(&iopt_vtdss, (struct iopt_config){.features = IOPT_FORCE_COHERENT});
	map_one(pt, 0x200000, 0x40000000, 0x200000, RW, 0x40000883);
	assert_tables(pt, 0x200000, 3, 0, 0);
	iopt_destroy(pt);

	pt = make(&iopt_vtdss, (struct iopt_config){.features = IOPT_NEST_PARENT});
	assert_int_equal(iopt_map(pt, 0x5000, 0x5000, 0x1000, IOPT_READ, 0), -EINVAL);
	map_one(pt, 0x5000, 0x5000, 0x1000, RW, 0x5003);
	iopt_destroy(pt);
}

static void x86_64_entries_are_as_specified(void **state)
{
	struct iopt *pt = make(&iopt_x86_64, (struct iopt_config){.features = IOPT_SIGN_EXTEND});

	(void)state;
	assert_int_equal(iopt_aperture(pt).last, (1ULL << 47) - 1);
	map_one(pt, 0x1000, 0x123456000, 0x1000, IOPT_READ, 0x123456025);
	map_one(pt, 0x2000, 0x123456000, 0x1000, RW, 0x123456067);
	map_one(pt, 0x200000, 0x40000000, 0x200000, RW, 0x400000e7);
	map_one(pt, 0x40000000, 0x80000000, 0x40000000, IOPT_READ, 0x800000a5);
	assert_tables(pt, 0x1000, 0x27, 0, 0);
	iopt_destroy(pt);
}

static void riscv_entries_are_as_specified(void **state)
{
	struct iopt *pt =
		make(&iopt_riscv, (struct iopt_config){.features = IOPT_NAPOT | IOPT_PBMT});

	(void)state;
	assert_int_equal(iopt_pgsizes(pt), 0x8040211000);
	map_one(pt, 0x1000, 0x123456000, 0x1000, IOPT_READ, 0x48d1585b);
	map_one(pt, 0x2000, 0x123456000, 0x1000, IOPT_WRITE, 0x48d158df);
	map_one(pt, 0x3000, 0x123456000, 0x1000, RW | IOPT_MMIO, 0x4000000048d158df);
	map_one(pt, 0x10000, 0x20000, 0x10000, RW, 0x800000000000a0df);
	assert_int_equal(last_entry(pt, 0x1f000), 0x800000000000a0df);
	map_one(pt, 0x40000000, 0x80000000, 0x40000000, IOPT_READ, 0x2000005b);
	assert_tables(pt, 0x1000, 1, 0, 2);
	assert_int_equal(iopt_map(pt, 0x5000, 0x5000, 0x1000, 0, 0), -EOPNOTSUPP);
	iopt_destroy(pt);

	pt = make(&iopt_riscv, (struct iopt_config){.iova_bits = 39});
	assert_int_equal(iopt_pgsizes(pt), 0x40201000);
	assert_int_equal(iopt_aperture(pt).last, (1ULL << 38) - 1);
	iopt_destroy(pt);
	pt = make(&iopt_riscv, (struct iopt_config){.iova_bits = 57});
	assert_int_equal(iopt_pgsizes(pt), 0x1008040201000);
	iopt_destroy(pt);
}

static void arm_stage_1_entries_are_as_specified(void **state)
{
	struct iopt *pt = make(&iopt_arm_s1, (struct iopt_config){0});

	(void)state;
	map_one(pt, 0x1000, 0x123456000, 0x1000, IOPT_READ, 0x123456fc7);
	map_one(pt, 0x2000, 0x123456000, 0x1000, RW, 0x123456f47);
	map_one(pt, 0x3000, 0x123456000, 0x1000, RW | IOPT_MMIO, 0x123456e4b);
	map_one(pt, 0x200000, 0x40000000, 0x200000, IOPT_WRITE, 0x40000f45);
	map_one(pt, 0x40000000, 0x80000000, 0x40000000, IOPT_READ, 0x80000fc5);
	assert_tables(pt, 0x1000, 3, 0, 0);
	assert_int_equal(iopt_map(pt, 0x5000, 0x5000, 0x1000, 0, 0), -EINVAL);
	iopt_destroy(pt);

	/* Writable is DBM, and dirty as long as AP[2] is clear. */
	pt = make(&iopt_arm_s1, (struct iopt_config){.features = IOPT_DIRTY});
	map_one(pt, 0x2000, 0x123456000, 0x1000, RW, 0x8000123456f47);
	map_one(pt, 0x1000, 0x123456000, 0x1000, IOPT_READ, 0x123456fc7);
	iopt_destroy(pt);
}

static void arm_stage_2_entries_are_as_specified(void **state)
{
	struct iopt *pt = make(&iopt_arm_s2, (struct iopt_config){0});

	(void)state;
	map_one(pt, 0x1000, 0x123456000, 0x1000, IOPT_READ, 0x12345677f);
	map_one(pt, 0x2000, 0x123456000, 0x1000, RW, 0x1234567ff);
	map_one(pt, 0x3000, 0x123456000, 0x1000, RW | IOPT_MMIO, 0x1234566c7);
	map_one(pt, 0x200000, 0x40000000, 0x200000, IOPT_WRITE, 0x400007bd);
	assert_tables(pt, 0x1000, 3, 0, 0);
	iopt_destroy(pt);
}

static void arm_stage_2_puts_tables_side_by_side(void **state)
{
	struct iopt *pt = make(&iopt_arm_s2, (struct iopt_config){.iova_bits = 42, .oa_bits = 42});
	uint64_t last = (1ULL << 42) - 0x1000;
	unsigned int level;
	const void *root = iopt_root(pt, &level);
	struct iopt_trace trace;

	(void)state;
	assert_int_equal(level, 2);
	assert_int_equal(iopt_memory(pt), 8 * 4096);
	assert_int_equal((uintptr_t)root % (8 * 4096), 0);
	map_one(pt, last, 0x1000, 0x1000, RW, 0x17ff);
	assert_true(iopt_trace(pt, last, &trace));
	assert_int_equal(trace.count, 3);
	assert_ptr_equal(trace.steps[0].table, root);
	assert_int_equal(trace.steps[0].index, 4095);
	/* Across the border of two of the tables. */
	assert_int_equal(iopt_map(pt, (1ULL << 39) - (1 << 30), 0, 2ULL << 30, RW, 0), 0);
	assert_int_equal(iopt_unmap(pt, 0, 1ULL << 42), (2ULL << 30) + 0x1000);
	assert_int_equal(iopt_memory(pt), 8 * 4096);
	iopt_destroy(pt);
}

static void create_refuses_what_the_format_does_not_have(void **state)
{
	const struct {
		const struct iopt_format *format;
		struct iopt_config config;
		int err;
	} cases[] = {
		{&iopt_amdv1, {.iova_bits = 65}, -EINVAL},
		{&iopt_amdv1, {.pgsizes = 1ULL << 39}, -EINVAL},
		{&iopt_amdv1, {.pgsizes = 0x800}, -EINVAL},
		{&iopt_amdv1, {.features = IOPT_NAPOT}, -EOPNOTSUPP},
		{&iopt_amdv1_mock, {.iova_bits = 39}, -EINVAL},
		{&iopt_amdv1_mock, {.features = IOPT_FORCE_COHERENT}, -EOPNOTSUPP},
		{&iopt_vtdss, {.iova_bits = 47}, -EINVAL},
		{&iopt_vtdss, {.pgsizes = 0x2000}, -EINVAL},
		{&iopt_x86_64, {.iova_bits = 39}, -EINVAL},
		{&iopt_x86_64, {.iova_bits = 47, .features = IOPT_SIGN_EXTEND}, -EINVAL},
		{&iopt_x86_64, {.features = IOPT_DIRTY}, -EOPNOTSUPP},
		{&iopt_riscv, {.iova_bits = 47}, -EINVAL},
		{&iopt_riscv, {.features = IOPT_DIRTY}, -EOPNOTSUPP},
		{&iopt_riscv, {.pgsizes = 0x10000}, -EINVAL},
		{&iopt_arm_s1, {.iova_bits = 49}, -EINVAL},
		{&iopt_arm_s2, {.oa_bits = 52}, -EINVAL},
		{&iopt_arm_s2, {.features = IOPT_DIRTY}, -EOPNOTSUPP},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct iopt *pt;

		assert_int_equal(iopt_create(cases[i].format, &cases[i].config, &pt), cases[i].err);
	}
}

static void levels_sizes_and_aperture_follow_the_width(void **state)
{
	static const uint64_t three = 0x40201000; /* 4 KiB, 2 MiB, 1 GiB */
	static const struct {
		const struct iopt_format *format;
		struct iopt_config config;
		unsigned int top, usable; /* level; bits of the aperture */
		uint64_t sizes;
	} cases[] = {
		{&iopt_vtdss, {.iova_bits = 39}, 2, 39, three},
		{&iopt_vtdss, {.iova_bits = 48}, 3, 48, three},
		{&iopt_vtdss, {.iova_bits = 57}, 4, 57, three},
		{&iopt_x86_64, {.iova_bits = 48, .features = IOPT_SIGN_EXTEND}, 3, 47, three},
		{&iopt_x86_64, {.iova_bits = 57, .features = IOPT_SIGN_EXTEND}, 4, 56, three},
		{&iopt_x86_64, {.iova_bits = 47}, 3, 47, three},
		{&iopt_x86_64, {.iova_bits = 56}, 4, 56, three},
		{&iopt_riscv, {.iova_bits = 39}, 2, 38, three},
		{&iopt_riscv, {.iova_bits = 48}, 3, 47, three | 1ULL << 39},
		{&iopt_riscv, {.iova_bits = 57}, 4, 56, three | 1ULL << 39 | 1ULL << 48},
		{&iopt_arm_s1, {.iova_bits = 32}, 2, 32, three},
		{&iopt_arm_s1, {.iova_bits = 39}, 2, 39, three},
		{&iopt_arm_s1, {.iova_bits = 40}, 3, 40, three},
		{&iopt_arm_s1, {.iova_bits = 48}, 3, 48, three},
		/* Two and eight tables side by side take the place of the top. */
		{&iopt_arm_s2, {.iova_bits = 40, .oa_bits = 40}, 2, 40, three},
		{&iopt_arm_s2, {.iova_bits = 42, .oa_bits = 42}, 2, 42, three},
		{&iopt_arm_s2, {.iova_bits = 44, .oa_bits = 44}, 3, 44, three},
		{&iopt_arm_s2, {.iova_bits = 48, .oa_bits = 48}, 3, 48, three},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct iopt *pt = make(cases[i].format, cases[i].config);
		struct iopt_leaf leaf;
		unsigned int top;

		iopt_root(pt, &top);
		assert_int_equal(top, cases[i].top);
		assert_int_equal(iopt_pgsizes(pt), cases[i].sizes);
		assert_int_equal(iopt_aperture(pt).start, 0);
		assert_int_equal(iopt_aperture(pt).last, (1ULL << cases[i].usable) - 1);
		/* All of it can be used. */
		assert_int_equal(
			iopt_map(pt, (1ULL << cases[i].usable) - 0x1000, 0x5000, 0x1000, RW, 0), 0);
		assert_true(iopt_translate(pt, (1ULL << cases[i].usable) - 1, &leaf));
		assert_int_equal(leaf.oa, 0x5fff);
		assert_int_equal(leaf.len, 0x1000);
		iopt_destroy(pt);
	}
}

static void riscv_leaves_are_at_every_level(void **state)
{
	struct iopt *pt = make(&iopt_riscv, (struct iopt_config){.iova_bits = 57});

	(void)state;
	map_one(pt, 0x200000, 0x200000, 0x200000, RW, 0x800df);
	map_one(pt, 1ULL << 39, 1ULL << 40, 1ULL << 39, IOPT_READ, 1ULL << 38 | 0x5b);
	map_one(pt, 1ULL << 48, 1ULL << 49, 1ULL << 48, RW, 1ULL << 47 | 0xdf);
	iopt_destroy(pt);

	/* Without Svpbmt and Svnapot there are no bits for them. */
	pt = make(&iopt_riscv, (struct iopt_config){0});
	map_one(pt, 0x10000, 0x20000, 0x1000, RW | IOPT_MMIO, 0x80df);
	assert_int_equal(iopt_pgsizes(pt) & 0x10000, 0);
	iopt_destroy(pt);
}

static void amdv1_offers_every_power_of_two_but_512_gib(void **state)
{
	struct iopt *pt = make(&iopt_amdv1, (struct iopt_config){0});

	(void)state;
	assert_int_equal(iopt_pgsizes(pt), 0x000fff7ffffff000);
	assert_int_equal(iopt_aperture(pt).last, UINT64_MAX);
	iopt_destroy(pt);
}

static void amdv1_grows_at_the_top(void **state)
{
	struct iopt *pt = make(&iopt_amdv1, (struct iopt_config){0});
	struct iopt_leaf leaf;
	unsigned int level;

	(void)state;
	iopt_root(pt, &level);
	assert_int_equal(level, 2);
	map_one(pt, 0x1000, 0x1000, 0x1000, RW, 0x6000000000001001);
	map_one(pt, 1ULL << 39, 0x2000, 0x1000, RW, 0x6000000000002001);
	iopt_root(pt, &level);
	assert_int_equal(level, 3);
	map_one(pt, UINT64_MAX - 0xfff, 0x3000, 0x1000, RW, 0x6000000000003001);
	iopt_root(pt, &level);
	assert_int_equal(level, 5);
	assert_true(iopt_translate(pt, 0x1000, &leaf));
	assert_int_equal(leaf.oa, 0x1000);
	assert_tables(pt, 0x1000, 0x6000000000000001, 1 << 9, 0);
	assert_tables(pt, UINT64_MAX, 0x6000000000000001, 1 << 9, 0);
	assert_false(iopt_translate(pt, (1ULL << 57) + 0x1000, &leaf));
	iopt_destroy(pt);

	/* An empty top is not kept below: it would be in the way of a large leaf. */
	pt = make(&iopt_amdv1, (struct iopt_config){0});
	assert_int_equal(iopt_map(pt, 0, 0, 1ULL << 40, RW, 0), 0);
	assert_int_equal(last_entry(pt, 0), 0x6000007ffffffe01);
	assert_int_equal(iopt_memory(pt), 4096);
	iopt_destroy(pt);
}

static void a_leaf_as_large_as_the_top_makes_it_grow(void **state)
{
	struct iopt *pt = make(&iopt_amdv1, (struct iopt_config){0});
	unsigned int level;

	(void)state;
	map_one(pt, 1ULL << 40, 0x2000, 0x1000, RW, 0x6000000000002001);
	assert_int_equal(iopt_unmap(pt, 1ULL << 40, 0x1000), 0x1000);
	map_one(pt, 0, 1ULL << 48, 1ULL << 48, RW, 0x6001000000000001);
	iopt_root(pt, &level);
	assert_int_equal(level, 4);
	iopt_destroy(pt);
}

static void map_refuses_what_is_in_use_and_changes_nothing(void **state)
{
	(void)state;
	for (int i = 0; iopt_formats[i]; i++) {
		struct iopt *pt = make(iopt_formats[i], (struct iopt_config){0});
		struct iopt_leaf leaf;
		size_t memory;

		assert_int_equal(iopt_map(pt, 0x40000000, 0x1000, 0x1000, RW, 0), 0);
		memory = iopt_memory(pt);
		/* Fails at its end; inside a large leaf; with a large leaf over a table. */
		assert_int_equal(iopt_map(pt, 0x3ff00000, 0, 0x101000, RW, 0x1000), -EADDRINUSE);
		assert_int_equal(iopt_map(pt, 0x40000000, 0x40000000, 0x40000000, RW, 0),
				 -EADDRINUSE);
		assert_int_equal(iopt_memory(pt), memory);
		assert_false(iopt_translate(pt, 0x3ff00000, &leaf));
		assert_false(iopt_translate(pt, 0x3ffff000, &leaf));
		assert_true(iopt_translate(pt, 0x40000fff, &leaf));
		assert_int_equal(leaf.oa, 0x1fff);
		assert_int_equal(iopt_map(pt, 0x200000, 0x200000, 0x200000, RW, 0), 0);
		assert_int_equal(iopt_map(pt, 0x201000, 0, 0x1000, RW, 0), -EADDRINUSE);
		iopt_destroy(pt);
	}
}

static void map_refuses_addresses_that_do_not_fit(void **state)
{
	struct iopt *pt = make(&iopt_arm_s1, (struct iopt_config){.iova_bits = 36, .oa_bits = 40});

	(void)state;
	assert_int_equal(iopt_map(pt, 0, (1ULL << 40) - 0x1000, 0x2000, RW, 0), -ERANGE);
	assert_int_equal(iopt_map(pt, (1ULL << 36) - 0x1000, 0, 0x2000, RW, 0), -ERANGE);
	assert_int_equal(iopt_map(pt, (1ULL << 36) - 0x1000, (1ULL << 40) - 0x1000, 0x1000, RW, 0),
			 0);
	iopt_destroy(pt);
}

static void unmap_stops_at_a_leaf_that_reaches_out(void **state)
{
	struct iopt *pt = make(&iopt_vtdss, (struct iopt_config){0});

	(void)state;
	assert_int_equal(iopt_map(pt, 0x200000, 0x200000, 0x400000, RW, 0), 0);
	assert_int_equal(iopt_map(pt, 0x601000, 0, 0x1000, RW, 0), 0);
	assert_int_equal(iopt_unmap(pt, 0x201000, 0x1000000), 0);
	assert_int_equal(iopt_unmap(pt, 0, 0x5ff000), 0x200000);
	assert_int_equal(iopt_unmap(pt, 0, UINT64_MAX), 0x201000);
	assert_int_equal(iopt_memory(pt), 4096);
	iopt_destroy(pt);
}

static void count_dirty(struct iova_range dirty, void *arg)
{
	uint64_t *bytes = arg;

	*bytes += dirty.last - dirty.start + 1;
}

static uint64_t dirty_bytes(struct iopt *pt, bool clear)
{
	uint64_t bytes = 0;

	iopt_read_dirty(pt, IOVA_RANGE_ALL, clear, count_dirty, &bytes);
	return bytes;
}

static void amdv1_is_dirty_if_any_copy_is_and_cleans_all(void **state)
{
	struct iopt *pt = make(&iopt_amdv1, (struct iopt_config){.features = IOPT_DIRTY});
	struct iopt_leaf leaf;

	(void)state;
	map_one(pt, 0x10000, 0x10000, 0x8000, RW, 0x6000000000013e01);
	assert_int_equal(dirty_bytes(pt, false), 0);
	*last_slot(pt, 0x13000) |= 1 << 6;
	*last_slot(pt, 0x17000) |= 1 << 6;
	assert_int_equal(dirty_bytes(pt, true), 0x8000);
	assert_int_equal(last_entry(pt, 0x13000), 0x6000000000013e01);
	assert_int_equal(last_entry(pt, 0x17000), 0x6000000000013e01);
	assert_int_equal(dirty_bytes(pt, true), 0);

	assert_true(iopt_set_dirty(pt, 0x15000));
	assert_true(iopt_translate(pt, 0x17000, &leaf));
	assert_true(leaf.dirty);
	assert_false(iopt_set_dirty(pt, 0x18000));
	iopt_destroy(pt);
}

static void arm_stage_1_cleans_by_making_read_only(void **state)
{
	struct iopt *pt = make(&iopt_arm_s1, (struct iopt_config){.features = IOPT_DIRTY});
	struct iopt_leaf leaf;

	(void)state;
	assert_int_equal(iopt_map(pt, 0x1000, 0x1000, 0x1000, RW, 0), 0);
	assert_int_equal(iopt_map(pt, 0x2000, 0x2000, 0x1000, IOPT_READ, 0), 0);
	assert_int_equal(dirty_bytes(pt, true), 0x1000);
	assert_int_equal(last_entry(pt, 0x1000), 0x8000000001fc7);
	assert_int_equal(last_entry(pt, 0x2000), 0x2fc7);
	assert_true(iopt_translate(pt, 0x1000, &leaf));
	assert_int_equal(leaf.prot, RW);
	assert_false(leaf.dirty);
	assert_true(iopt_set_dirty(pt, 0x1000));
	assert_true(iopt_set_dirty(pt, 0x2000));
	assert_int_equal(last_entry(pt, 0x1000), 0x8000000001f47);
	assert_int_equal(last_entry(pt, 0x2000), 0x2fc7);
	iopt_destroy(pt);
}

static void vtd_marks_bit_9_and_only_with_tracking(void **state)
{
	struct iopt *pt = make(&iopt_vtdss, (struct iopt_config){.features = IOPT_DIRTY});

	(void)state;
	map_one(pt, 0x200000, 0x40000000, 0x200000, RW, 0x40000083);
	assert_true(iopt_set_dirty(pt, 0x234567));
	assert_int_equal(last_entry(pt, 0x200000), 0x40000283);
	assert_int_equal(dirty_bytes(pt, true), 0x200000);
	assert_int_equal(last_entry(pt, 0x200000), 0x40000083);
	iopt_destroy(pt);

	pt = make(&iopt_vtdss, (struct iopt_config){0});
	map_one(pt, 0x200000, 0x40000000, 0x200000, RW, 0x40000083);
	assert_true(iopt_set_dirty(pt, 0x234567));
	assert_int_equal(last_entry(pt, 0x200000), 0x40000083);
	assert_int_equal(dirty_bytes(pt, true), 0);
	iopt_destroy(pt);
}

static void dump_prints_every_entry(void **state)
{
	struct iopt *pt = make(&iopt_arm_s2, (struct iopt_config){0});
	char *text;
	size_t len, lines = 0;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	assert_int_equal(iopt_map(pt, 0x201000, 0x5000, 0x1000, RW, 0), 0);
	assert_int_equal(iopt_map(pt, 0x400000, 0x600000, 0x200000, IOPT_READ, 0), 0);
	iopt_dump(pt, out);
	fclose(out);
	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	/* The head, three tables, two leaves. */
	assert_int_equal(lines, 6);
	assert_non_null(strstr(text, "arm-s2 root"));
	assert_non_null(strstr(text, "[1] level 3 iova 0x201000 entry 0x00000000000057ff"));
	assert_non_null(strstr(text, "oa 0x600000 size 0x200000 r-"));
	free(text);
	iopt_destroy(pt);
}

static void dump_prints_leaves_that_go_on_as_one(void **state)
{
	struct iopt *pt = make(&iopt_amdv1, (struct iopt_config){0});
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	/*
	 * Three neighbours, one elsewhere in memory, one with other rights; and one leaf in eight
	 * copies.
	 */
	assert_int_equal(iopt_map(pt, 0x1000, 0x5000, 0x3000, RW, 0x1000), 0);
	assert_int_equal(iopt_map(pt, 0x4000, 0x9000, 0x1000, RW, 0), 0);
	assert_int_equal(iopt_map(pt, 0x5000, 0xa000, 0x1000, IOPT_READ, 0), 0);
	assert_int_equal(iopt_map(pt, 0x8000, 0x10000, 0x8000, RW, 0), 0);
	iopt_dump(pt, out);
	fclose(out);
	assert_non_null(strstr(text, "[1-3] level 0 iova 0x1000 "));
	assert_non_null(strstr(text, " oa 0x5000 size 0x1000 x 3 rw\n"));
	assert_non_null(strstr(text, "[4] level 0 iova 0x4000 "));
	assert_non_null(strstr(text, " oa 0x9000 size 0x1000 rw\n"));
	assert_non_null(strstr(text, " oa 0xa000 size 0x1000 r-\n"));
	assert_non_null(strstr(text, "[8-15] level 0 iova 0x8000 "));
	assert_non_null(strstr(text, " oa 0x10000 size 0x8000 rw\n"));
	free(text);
	iopt_destroy(pt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(amdv1_entries_are_as_specified),
		cmocka_unit_test(the_mocks_entries_are_amds_one_bit_higher),
		cmocka_unit_test(vtd_second_stage_entries_are_as_specified),
		cmocka_unit_test(x86_64_entries_are_as_specified),
		cmocka_unit_test(riscv_entries_are_as_specified),
		cmocka_unit_test(arm_stage_1_entries_are_as_specified),
		cmocka_unit_test(arm_stage_2_entries_are_as_specified),
		cmocka_unit_test(arm_stage_2_puts_tables_side_by_side),
		cmocka_unit_test(create_refuses_what_the_format_does_not_have),
		cmocka_unit_test(levels_sizes_and_aperture_follow_the_width),
		cmocka_unit_test(riscv_leaves_are_at_every_level),
		cmocka_unit_test(amdv1_offers_every_power_of_two_but_512_gib),
		cmocka_unit_test(amdv1_grows_at_the_top),
		cmocka_unit_test(a_leaf_as_large_as_the_top_makes_it_grow),
		cmocka_unit_test(map_refuses_what_is_in_use_and_changes_nothing),
		cmocka_unit_test(map_refuses_addresses_that_do_not_fit),
		cmocka_unit_test(unmap_stops_at_a_leaf_that_reaches_out),
		cmocka_unit_test(amdv1_is_dirty_if_any_copy_is_and_cleans_all),
		cmocka_unit_test(arm_stage_1_cleans_by_making_read_only),
		cmocka_unit_test(vtd_marks_bit_9_and_only_with_tracking),
		cmocka_unit_test(dump_prints_every_entry),
		cmocka_unit_test(dump_prints_leaves_that_go_on_as_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
