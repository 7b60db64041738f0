/* SPDX-License-Identifier: MIT */
/*
 * Software nesting through the user API: tables of every format on every kind of IOMMU, their
 * faults, their invalidation [EXT-SOFT-NESTING].
 */
#include "base/alloc.h"
#include "inspect/show_lookup.h"
#include "inspect/show_state.h"
#include "iommu/iommu.h"
#include "kit.h"

enum {
	PAGES = 32,
	ROOT_PAGE = 0, /* of the buffer; tables come after it */
	DATA_A = 24,
	DATA_B,
	CANARY_A = 0xa0a0,
	CANARY_B = 0xb0b0,
};

/* Where the buffer is for the device's IOMMU: below the hole of POWER, a multiple of 2 MiB. */
#define MEMORY UINT64_C(0x20000000)

/* What the device is given: below 2^38, where stage 2 alone leads nowhere. */
#define INPUT UINT64_C(0x3040505000)

#define ALL_PAGES UINT64_MAX

struct soft {
	struct fixture *f;
	const struct soft_tables *tables;
	uint32_t ioas, parent, nested;
	size_t used; /* pages of tables */
};

static uint64_t page_at(size_t page)
{
	return MEMORY + page * PAGE;
}

static uint64_t *word_at(const struct soft *s, uint64_t address)
{
	return (uint64_t *)(s->f->buffer + (address - MEMORY));
}

/* The entry for @iova at @level; makes the tables on the way to it. */
static uint64_t *entry_at(struct soft *s, uint64_t iova, unsigned int level)
{
	uint64_t table = page_at(ROOT_PAGE);

	for (unsigned int at = s->tables->levels - 1;; at--) {
		uint64_t *entry = word_at(s, table) + (iova >> (12 + 9 * at) & 511);

		if (at == level)
			return entry;
		if (!*entry)
			*entry = s->tables->table(page_at(++s->used), at);
		table = s->tables->address(*entry);
	}
}

static uint64_t *map_page(struct soft *s, uint64_t iova, size_t page, unsigned int rights)
{
	uint64_t *entry = entry_at(s, iova, 0);

	*entry = s->tables->leaf(page_at(page), 0, rights) | s->tables->accessed;
	if ((rights & SOFT_WRITE) && s->tables->dirty_clears)
		*entry &= ~s->tables->dirty;
	else if (rights & SOFT_WRITE)
		*entry |= s->tables->dirty;
	return entry;
}

static int alloc_on(struct soft *s, uint32_t pt_id, const struct iommu_hwpt_soft_s1 *data,
		    uint32_t flags)
{
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.dev_id = s->f->dev_ids[0],
		.pt_id = pt_id,
		.data_type = IOMMU_HWPT_DATA_SOFT_S1,
		.data_len = sizeof(*data),
		.data_uptr = (uintptr_t)data,
	};
	int rc = fixture_call(s->f, IOMMU_HWPT_ALLOC, &cmd);

	s->nested = rc ? 0 : cmd.out_hwpt_id;
	return rc;
}

static struct soft start(const char *kind, const struct soft_tables *tables)
{
	struct soft s = {.f = fixture_create(kind, PAGES), .tables = tables};

	s.ioas = fixture_ioas(s.f);
	assert_int_equal(fixture_map(s.f, s.ioas, MEMORY, 0, PAGES * PAGE, FIXTURE_RW), 0);
	assert_int_equal(fixture_hwpt(s.f, 0, s.ioas, 0, &s.parent), 0);
	*word_at(&s, page_at(DATA_A)) = CANARY_A;
	*word_at(&s, page_at(DATA_B)) = CANARY_B;
	return s;
}

/* Puts the device behind the tables. */
static void nest(struct soft *s, uint32_t flags)
{
	const struct iommu_hwpt_soft_s1 data = {
		.format = s->tables->format, .flags = flags, .root = page_at(ROOT_PAGE)};
	uint32_t pt_id;

	assert_int_equal(alloc_on(s, s->parent, &data, 0), 0);
	pt_id = s->nested;
	assert_int_equal(fixture_attach(s->f, 0, UIOMMUFD_NO_PASID, &pt_id), 0);
}

static void stop(struct soft *s)
{
	fixture_destroy(s->f);
}

static int read_word(const struct soft *s, uint64_t iova, uint64_t *value)
{
	*value = 0;
	return uiommufd_dma_read(s->f->devices[0], UIOMMUFD_NO_PASID, iova, value, sizeof(*value));
}

static int write_word(const struct soft *s, uint64_t iova, uint64_t value)
{
	return uiommufd_dma_write(s->f->devices[0], UIOMMUFD_NO_PASID, iova, &value, sizeof(value));
}

static void reads(const struct soft *s, uint64_t iova, uint64_t expected)
{
	uint64_t value;

	assert_int_equal(read_word(s, iova, &value), 0);
	assert_int_equal(value, expected);
}

static void refuses(const struct soft *s, uint64_t iova, bool write, const char *name)
{
	char text[80];
	uint64_t value;

	assert_int_equal(report_file_clear(), 0);
	assert_int_equal(write ? write_word(s, iova, 1) : read_word(s, iova, &value), -EFAULT);
	snprintf(text, sizeof(text), "stage 1, %s: ", name);
	assert_true(reported(text));
}

static int invalidate(const struct soft *s, uint32_t type,
		      const struct iommu_hwpt_soft_s1_invalidate *entries, uint32_t *count)
{
	struct iommu_hwpt_invalidate cmd = {
		.size = sizeof(cmd),
		.hwpt_id = s->nested,
		.data_uptr = (uintptr_t)entries,
		.data_type = type,
		.entry_len = sizeof(*entries),
		.entry_num = *count,
	};
	int rc = fixture_call(s->f, IOMMU_HWPT_INVALIDATE, &cmd);

	*count = cmd.entry_num;
	return rc;
}

static void forget(const struct soft *s, uint64_t iova, uint64_t npages)
{
	const struct iommu_hwpt_soft_s1_invalidate entry = {.iova = iova, .npages = npages};
	uint32_t count = 1;

	assert_int_equal(invalidate(s, IOMMU_HWPT_INVALIDATE_DATA_SOFT_S1, &entry, &count), 0);
	assert_int_equal(count, 1);
}

/* ---- each format on each kind ---- */

static void check_translation(struct soft *s)
{
	reads(s, INPUT + 8, 0);
	reads(s, INPUT, CANARY_A);
	assert_int_equal(write_word(s, INPUT, CANARY_B + 1), 0);
	assert_int_equal(*word_at(s, page_at(DATA_A)), CANARY_B + 1);
	refuses(s, INPUT + PAGE, true, s->tables->denied);
	refuses(s, INPUT + 2 * PAGE, false, s->tables->not_present);
}

static void check_invalidation(struct soft *s, uint64_t *entry)
{
	*word_at(s, page_at(DATA_A)) = CANARY_A;
	*entry = s->tables->leaf(page_at(DATA_B), 0, SOFT_READ) | s->tables->accessed;
	reads(s, INPUT, CANARY_A);
	forget(s, INPUT + PAGE, 1);
	reads(s, INPUT, CANARY_A);
	forget(s, INPUT, 1);
	reads(s, INPUT, CANARY_B);
	*entry = 0;
	reads(s, INPUT, CANARY_B);
	forget(s, 0, ALL_PAGES);
	refuses(s, INPUT, false, s->tables->not_present);
}

static void check_lookup(struct soft *s)
{
	struct iommu_iova_lookup cmd = {
		.size = sizeof(cmd), .pt_id = s->nested, .iova = INPUT + PAGE + 8};

	assert_int_equal(fixture_call(s->f, IOMMU_IOVA_LOOKUP, &cmd), 0);
	assert_int_equal(cmd.out_kind, IOMMU_IOVA_LOOKUP_KIND_GUEST);
	assert_int_equal(cmd.out_addr, page_at(DATA_B) + 8);
	assert_int_equal(cmd.out_start, INPUT + PAGE);
	assert_int_equal(cmd.out_length, PAGE);
	assert_int_equal(cmd.out_perm, IOMMU_IOVA_LOOKUP_PERM_READ);
}

static void check_pair(const char *kind, const struct soft_tables *tables)
{
	struct soft s = start(kind, tables);
	uint64_t *entry = map_page(&s, INPUT, DATA_A, SOFT_READ | SOFT_WRITE);
	const uint64_t was = *entry;

	map_page(&s, INPUT + PAGE, DATA_B, SOFT_READ);
	nest(&s, 0);
	check_translation(&s);
	assert_int_equal(*entry, was);
	check_lookup(&s);
	check_invalidation(&s, entry);
	stop(&s);
}

static void every_format_works_on_every_kind(void **state)
{
	const struct iommu_kind *kind;

	(void)state;
	for (size_t k = 0; (kind = iommu_kind_at(k)); k++) {
		for (size_t i = 0; i < SOFT_TABLES; i++)
			check_pair(iommu_kind_name(kind), &soft_tables[i]);
	}
}

/* ---- accessed and dirty bits ---- */

static bool is_dirty(const struct soft_tables *tables, uint64_t entry)
{
	return !!(entry & tables->dirty) != tables->dirty_clears;
}

static void marks_are_set_only_if_asked_for(void **state)
{
	(void)state;
	for (size_t i = 0; i < SOFT_TABLES; i++) {
		const struct soft_tables *tables = &soft_tables[i];
		struct soft s = start("riscv", tables);
		uint64_t *entry = entry_at(&s, INPUT, 0), value;

		*entry = tables->leaf(page_at(DATA_A), 0, SOFT_READ | SOFT_WRITE);
		nest(&s, IOMMU_SOFT_S1_MARK);
		assert_false(*entry & tables->accessed);
		reads(&s, INPUT, CANARY_A);
		assert_true(*entry & tables->accessed);
		assert_false(is_dirty(tables, *entry));
		assert_int_equal(write_word(&s, INPUT, 1), 0);
		assert_true(is_dirty(tables, *entry));

		/* Without: as it was, or a fault where software sets them. */
		*entry = tables->leaf(page_at(DATA_A), 0, SOFT_READ | SOFT_WRITE);
		nest(&s, 0);
		assert_int_equal(read_word(&s, INPUT, &value), tables->clear_faults ? -EFAULT : 0);
		assert_false(*entry & tables->accessed);
		stop(&s);
	}
}

static void riscv_pages_that_are_clean_refuse_writes_without_marks(void **state)
{
	struct soft s = start("amd", &soft_tables[3]);
	uint64_t *entry = map_page(&s, INPUT, DATA_A, SOFT_READ | SOFT_WRITE);

	(void)state;
	*entry &= ~s.tables->dirty;
	nest(&s, 0);
	reads(&s, INPUT, CANARY_A);
	refuses(&s, INPUT, true, "write page fault");
	*entry |= s.tables->dirty;
	forget(&s, INPUT, 1);
	assert_int_equal(write_word(&s, INPUT, 1), 0);
	stop(&s);
}

/* ---- sizes, addresses and encodings ---- */

/* 2 MiB at level 1, and from one entry to the other end of it. */
static void large_pages_lead_to_all_of_their_memory(void **state)
{
	(void)state;
	for (size_t i = 0; i < SOFT_TABLES; i++) {
		const struct soft_tables *tables = &soft_tables[i];
		struct soft s = start("64bit", tables);
		const uint64_t start_of = INPUT & ~(BIT(21) - 1);

		*entry_at(&s, INPUT, 1) = tables->leaf(MEMORY, 1, SOFT_READ) | tables->accessed;
		nest(&s, 0);
		reads(&s, start_of + DATA_A * PAGE, CANARY_A);
		reads(&s, start_of + DATA_B * PAGE, CANARY_B);
		/* Any page of it makes all of it forgotten. */
		*entry_at(&s, INPUT, 1) = 0;
		forget(&s, start_of + BIT(20), 1);
		refuses(&s, start_of + DATA_A * PAGE, false, tables->not_present);
		stop(&s);
	}
}

static const struct soft_tables *tables_of(uint32_t format)
{
	return &soft_tables[format - IOMMU_SOFT_S1_X86_4];
}

/* A single entry of the lowest level: what a read of it gives. */
static void entries_mean_what_their_specification_says(void **state)
{
	const uint64_t a = page_at(DATA_A), amd = a | BIT(0) | BIT(61) | BIT(62);
	/* 64 KiB from page 16 of the buffer on. */
	const uint64_t large = page_at(16), riscv = large >> 2 | 0xd3;
	const struct {
		uint32_t format;
		uint64_t entry;
		uint64_t iova; /* the entry is that of this address */
		bool write;
		const char *refused; /* NULL: it leads to DATA_A */
	} cases[] = {
		/* AMD: next level 7, and the address's ones and first zero say 64 KiB. */
		{IOMMU_SOFT_S1_AMDV1, large | BITS(14, 12) | 7 << 9 | BIT(0) | BIT(61),
		 INPUT + 3 * PAGE, false, NULL},
		{IOMMU_SOFT_S1_AMDV1, amd | 1 << 9, INPUT, false, "IO_PAGE_FAULT"},
		{IOMMU_SOFT_S1_AMDV1, amd & ~BIT(0), INPUT, false, "IO_PAGE_FAULT"},
		{IOMMU_SOFT_S1_AMDV1, amd & ~BIT(61), INPUT, false, "IO_PAGE_FAULT"},
		{IOMMU_SOFT_S1_AMDV1, amd & ~BIT(61), INPUT, true, NULL},
		{IOMMU_SOFT_S1_AMDV1, amd | BITS(51, 12) | 7 << 9, INPUT, false, "IO_PAGE_FAULT"},
		/* VT-d: write-only, and neither. */
		{IOMMU_SOFT_S1_VTDSS, a | 2, INPUT, true, NULL},
		{IOMMU_SOFT_S1_VTDSS, a | 2, INPUT, false, "SGN.7"},
		{IOMMU_SOFT_S1_VTDSS, a, INPUT, false, "SSS.2"},
		/* RISC-V: 64 KiB by Svnapot; N with other sizes; reserved bits and encodings. */
		{IOMMU_SOFT_S1_SV48, riscv | BIT(63) | BIT(13), INPUT + 3 * PAGE, false, NULL},
		{IOMMU_SOFT_S1_SV48, riscv | BIT(63) | BIT(12), INPUT, false, "read page fault"},
		{IOMMU_SOFT_S1_SV48, a >> 2 | 0xd3, INPUT, false, NULL},
		{IOMMU_SOFT_S1_SV48, a >> 2 | 0xd3 | BIT(54), INPUT, false, "read page fault"},
		{IOMMU_SOFT_S1_SV48, a >> 2 | 0xd3 | BITS(62, 61), INPUT, false, "read page fault"},
		{IOMMU_SOFT_S1_SV48, a >> 2 | 0xd5, INPUT, false, "read page fault"},
		{IOMMU_SOFT_S1_SV48, a >> 2 | 0xc3, INPUT, false, "read page fault"},
		{IOMMU_SOFT_S1_SV48, a >> 2 | 0xd1, INPUT, false, "read page fault"},
		{IOMMU_SOFT_S1_SV48, a >> 2 | 0xd9, INPUT, false, "read page fault"},
		/* x86: a supervisor's. Arm: a privileged one. */
		{IOMMU_SOFT_S1_X86_4, a | 3, INPUT, false, "SGN.2"},
		{IOMMU_SOFT_S1_ARM_4K, a | 0x403, INPUT, false, "F_PERMISSION"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct soft s = start("amd", tables_of(cases[i].format));
		/* 64 KiB: page 24 of the buffer is 8 pages behind the first of them. */
		const uint64_t at = cases[i].iova == INPUT ? INPUT : INPUT + 3 * PAGE;

		*entry_at(&s, at, 0) = cases[i].entry;
		*word_at(&s, page_at(16) + (at & 0xffff)) = CANARY_A;
		nest(&s, 0);
		if (cases[i].refused)
			refuses(&s, at, cases[i].write, cases[i].refused);
		else if (cases[i].write)
			assert_int_equal(write_word(&s, at, 1), 0);
		else
			reads(&s, at, CANARY_A);
		stop(&s);
	}
}

/* The first address that a table cannot have, and where the format extends the sign, the last. */
static void addresses_out_of_range_are_refused(void **state)
{
	static const struct {
		uint32_t format;
		uint64_t iova;
		const char *name;
	} cases[] = {
		{IOMMU_SOFT_S1_X86_4, BIT(47), "SGN.1"},
		{IOMMU_SOFT_S1_X86_5, BIT(56), "SGN.1"},
		{IOMMU_SOFT_S1_SV39, BIT(38), "read page fault"},
		{IOMMU_SOFT_S1_SV39, ~(BIT(38) - 1) - 8, "read page fault"},
		{IOMMU_SOFT_S1_SV57, BIT(56), "read page fault"},
		{IOMMU_SOFT_S1_ARM_4K, BIT(48), "F_TRANSLATION"},
		{IOMMU_SOFT_S1_VTDSS, BIT(57), "SGN.5"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct soft s = start("amd", tables_of(cases[i].format));

		map_page(&s, cases[i].iova & (BIT(38) - 1), DATA_A, SOFT_READ);
		nest(&s, 0);
		refuses(&s, cases[i].iova, false, cases[i].name);
		stop(&s);
	}
}

static void the_upper_half_of_signed_addresses_is_translated(void **state)
{
	static const struct {
		uint32_t format;
		unsigned int bits;
	} cases[] = {
		{IOMMU_SOFT_S1_X86_4, 48},
		{IOMMU_SOFT_S1_SV39, 39},
		{IOMMU_SOFT_S1_SV48, 48},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct soft s = start("power", tables_of(cases[i].format));
		const uint64_t iova = ~(BIT(cases[i].bits - 1) - 1) + 5 * PAGE;

		map_page(&s, iova, DATA_A, SOFT_READ);
		nest(&s, 0);
		reads(&s, iova, CANARY_A);
		stop(&s);
	}
}

/* AMD: an entry may lead to a table several levels lower, for addresses that are 0 there. */
static void amd_tables_may_skip_levels(void **state)
{
	struct soft s = start("riscv", tables_of(IOMMU_SOFT_S1_AMDV1));
	uint64_t *root = word_at(&s, page_at(ROOT_PAGE));

	(void)state;
	root[0] = s.tables->table(page_at(1), 1);
	word_at(&s, page_at(1))[5] = s.tables->leaf(page_at(DATA_A), 0, SOFT_READ);
	nest(&s, 0);
	reads(&s, 5 * PAGE, CANARY_A);
	refuses(&s, BIT(21) + 5 * PAGE, false, "IO_PAGE_FAULT");
	refuses(&s, BIT(48) + 5 * PAGE, false, "IO_PAGE_FAULT");
	stop(&s);
}

/* ---- what is refused ---- */

static void bad_tables_are_refused_in_order(void **state)
{
	static const struct {
		const char *row;
		int error;
		struct iommu_hwpt_soft_s1 data;
	} cases[] = {
		{"EXT-SOFT-NESTING-LAYOUT.1", -EOPNOTSUPP, {.format = 0, .root = MEMORY}},
		{"EXT-SOFT-NESTING.1", -EOPNOTSUPP, {.format = 9, .root = MEMORY + 1}},
		{"EXT-SOFT-NESTING-LAYOUT.2", -EOPNOTSUPP, {.format = 1, .flags = 2, .root = 1}},
		{"EXT-SOFT-NESTING-LAYOUT.5",
		 -EOPNOTSUPP,
		 {.format = 1, .__reserved = 1, .root = 1}},
		{"EXT-SOFT-NESTING-LAYOUT.3", -EINVAL, {.format = 1, .root = MEMORY + 8}},
		{"EXT-SOFT-NESTING.2", -EINVAL, {.format = 1, .root = BIT(52)}},
		{"EXT-SOFT-NESTING.2", -EINVAL, {.format = 6, .root = BIT(48)}},
		{"EXT-SOFT-NESTING.2", -EINVAL, {.format = 3, .root = BIT(56)}},
		{"EXT-SOFT-NESTING-LAYOUT.4", -EINVAL, {.format = 1, .addr_width = 57}},
		{"EXT-SOFT-NESTING-LAYOUT.4", -EINVAL, {.format = 2, .addr_width = 48}},
		{"EXT-SOFT-NESTING-LAYOUT.4", -EINVAL, {.format = 4, .addr_width = 39}},
		{"EXT-SOFT-NESTING-LAYOUT.4", -EINVAL, {.format = 6, .addr_width = 24}},
		{"EXT-SOFT-NESTING-LAYOUT.4", -EINVAL, {.format = 6, .addr_width = 49}},
		{"EXT-SOFT-NESTING-LAYOUT.4", -EINVAL, {.format = 7, .addr_width = 65}},
		{"EXT-SOFT-NESTING-LAYOUT.4", -EINVAL, {.format = 8, .addr_width = 40}},
		/* Arm's first table is aligned to its size: 16 entries of level 2 at 34 bits. */
		{"EXT-SOFT-NESTING-LAYOUT.3",
		 -EINVAL,
		 {.format = 6, .addr_width = 34, .root = MEMORY + 64}},
		{"EXT-SOFT-NESTING-LAYOUT.3",
		 0,
		 {.format = 6, .addr_width = 34, .root = MEMORY + 128}},
		{"EXT-SOFT-NESTING-LAYOUT.4", 0, {.format = 7, .addr_width = 48}},
		{"EXT-SOFT-NESTING-LAYOUT.4", 0, {.format = 8, .addr_width = 39}},
	};
	struct soft s = start("riscv", &soft_tables[0]);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (alloc_on(&s, s.parent, &cases[i].data, 0) != cases[i].error)
			fail_msg("case %zu, %s", i, cases[i].row);
	}
	stop(&s);
}

/* [EXT-SOFT-NESTING.3] */
static void other_checks_are_those_of_nested_hwpts(void **state)
{
	const struct iommu_hwpt_soft_s1 data = {.format = IOMMU_SOFT_S1_SV48, .root = MEMORY};
	struct soft s = start("riscv", &soft_tables[0]);
	uint32_t automatic = s.ioas;

	(void)state;
	/* Flags of paging HWPTs, and PASIDs that the kind does not have. */
	assert_int_equal(alloc_on(&s, s.parent, &data, IOMMU_HWPT_ALLOC_NEST_PARENT), -EOPNOTSUPP);
	assert_int_equal(alloc_on(&s, s.parent, &data, IOMMU_HWPT_ALLOC_DIRTY_TRACKING),
			 -EOPNOTSUPP);
	assert_int_equal(alloc_on(&s, s.parent, &data, IOMMU_HWPT_ALLOC_PASID), -EOPNOTSUPP);
	/* An IOAS, an automatic HWPT, a nested one. */
	assert_int_equal(alloc_on(&s, s.ioas, &data, 0), -EOPNOTSUPP);
	assert_int_equal(fixture_attach(s.f, 1, UIOMMUFD_NO_PASID, &automatic), 0);
	if (automatic != s.parent)
		assert_int_equal(alloc_on(&s, automatic, &data, 0), -EINVAL);
	assert_int_equal(alloc_on(&s, s.parent, &data, 0), 0);
	assert_int_equal(alloc_on(&s, s.nested, &data, 0), -EINVAL);
	stop(&s);
}

static void invalidations_are_checked_and_counted(void **state)
{
	const struct iommu_hwpt_soft_s1_invalidate entries[] = {
		{.iova = INPUT, .npages = 1},
		{.iova = INPUT + 8, .npages = 1},
		{.iova = 0, .npages = ALL_PAGES},
	};
	struct soft s = start("power", &soft_tables[0]);
	uint32_t count = 3;

	(void)state;
	nest(&s, 0);
	assert_int_equal(invalidate(&s, IOMMU_HWPT_INVALIDATE_DATA_SOFT_S1, entries, &count),
			 -EINVAL);
	assert_int_equal(count, 1);
	assert_int_equal(invalidate(&s, IOMMU_HWPT_INVALIDATE_DATA_VTD_S1, entries, &count),
			 -EINVAL);
	assert_int_equal(count, 0);
	assert_int_equal(invalidate(&s, IOMMU_HWPT_INVALIDATE_DATA_SOFT_S1, &entries[1], &count),
			 0);
	count = 1;
	assert_int_equal(invalidate(&s, IOMMU_HWPT_INVALIDATE_DATA_SOFT_S1, &entries[2], &count),
			 0);
	assert_int_equal(count, 1);
	stop(&s);
}

static void without_extensions_the_type_is_unknown(void **state)
{
	const struct uiommufd_options options = {.size = sizeof(options),
						 .flags = UIOMMUFD_OPEN_NO_EXTENSIONS};
	static const char *const kinds[] = {"riscv", "intel"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct iommu_hwpt_soft_s1 data = {.format = IOMMU_SOFT_S1_SV48,
							.root = MEMORY};
		struct soft s = start(kinds[i], &soft_tables[0]);
		struct uiommufd *with = s.f->ctx;

		uiommufd_endpoint_unbind(s.f->devices[0]);
		assert_int_equal(uiommufd_open(&options, &s.f->ctx), 0);
		assert_int_equal(
			uiommufd_endpoint_bind(s.f->devices[0], s.f->ctx, &s.f->dev_ids[0]), 0);
		s.ioas = fixture_ioas(s.f);
		assert_int_equal(fixture_hwpt(s.f, 0, s.ioas, i ? IOMMU_HWPT_ALLOC_NEST_PARENT : 0,
					      &s.parent),
				 0);
		assert_int_equal(alloc_on(&s, s.parent, &data, 0), -EOPNOTSUPP);
		uiommufd_endpoint_unbind(s.f->devices[0]);
		uiommufd_close(s.f->ctx);
		s.f->ctx = with;
		stop(&s);
	}
}

/* ---- a look into it ---- */

static void shows(char *json, const char *part)
{
	if (!strstr(json, part))
		fail_msg("%s is not in %s", part, json);
}

static void show_names_the_format_and_lookup_walks_both_stages(void **state)
{
	struct soft s = start("riscv", tables_of(IOMMU_SOFT_S1_AMDV1));
	char *json, address[40];
	size_t len;

	(void)state;
	map_page(&s, INPUT, DATA_A, SOFT_READ);
	nest(&s, 0);
	assert_int_equal(show_state(100, &json, &len), 0);
	shows(json, "\"soft_format\":\"AMD v1\"");
	alloc_free(json);

	assert_int_equal(show_lookup(0, s.nested, INPUT, &json, &len), 0);
	shows(json, "\"stage1\":{\"walked\":true");
	snprintf(address, sizeof(address), "\"address\":\"0x%llx\"",
		 (unsigned long long)page_at(DATA_A));
	shows(json, address);
	shows(json, "\"format\":\"riscv\"");
	/* The guest's entry in the names of its format, the table's in those of the IOMMU. */
	shows(json, "\"kind\":\"page\",\"bits\":\"PR A IR\"");
	shows(json, "\"kind\":\"page\",\"bits\":\"V R W X U A D\"");
	alloc_free(json);
	stop(&s);
}

static void faults_name_the_entry_in_the_formats_numbering(void **state)
{
	struct soft s = start("power", tables_of(IOMMU_SOFT_S1_SV39));
	uint64_t *entry = map_page(&s, INPUT, DATA_A, SOFT_READ), value;

	(void)state;
	nest(&s, 0);
	reads(&s, INPUT, CANARY_A);
	*entry = 0;
	forget(&s, INPUT, 1);
	assert_int_equal(report_file_clear(), 0);
	assert_int_equal(read_word(&s, INPUT, &value), -EFAULT);
	assert_true(reported("level 0 entry 0x0000000000000000"));
	stop(&s);
}

/* ---- vIOMMUs and PASIDs ---- */

static void tables_on_a_viommu_need_no_vdevice(void **state)
{
	static const struct {
		const char *kind;
		uint32_t type;
	} cases[] = {
		{"smmuv3", IOMMU_VIOMMU_TYPE_ARM_SMMUV3},
		{"amd", 1},
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct soft s = start(cases[i].kind, tables_of(IOMMU_SOFT_S1_SV39));
		struct iommu_viommu_alloc viommu = {
			.size = sizeof(viommu), .type = cases[i].type, .dev_id = s.f->dev_ids[0]};

		assert_int_equal(
			fixture_hwpt(s.f, 0, s.ioas, IOMMU_HWPT_ALLOC_NEST_PARENT, &viommu.hwpt_id),
			0);
		assert_int_equal(fixture_call(s.f, IOMMU_VIOMMU_ALLOC, &viommu), 0);
		s.parent = viommu.out_viommu_id;
		map_page(&s, INPUT, DATA_A, SOFT_READ);
		nest(&s, 0);
		reads(&s, INPUT, CANARY_A);
		refuses(&s, INPUT + PAGE, false, "read page fault");
		forget(&s, 0, ALL_PAGES);
		stop(&s);
	}
}

static void a_pasid_can_have_a_table_of_its_own(void **state)
{
	const struct iommu_hwpt_soft_s1 data = {.format = IOMMU_SOFT_S1_AMDV1,
						.root = page_at(ROOT_PAGE)};
	struct soft s = start("smmuv3", tables_of(IOMMU_SOFT_S1_AMDV1));
	uint64_t value = 0;
	uint32_t pt_id;

	(void)state;
	map_page(&s, INPUT, DATA_A, SOFT_READ);
	assert_int_equal(alloc_on(&s, s.parent, &data, IOMMU_HWPT_ALLOC_PASID), 0);
	pt_id = s.nested;
	assert_int_equal(fixture_attach(s.f, 0, 7, &pt_id), 0);
	assert_int_equal(uiommufd_dma_read(s.f->devices[0], 7, INPUT, &value, sizeof(value)), 0);
	assert_int_equal(value, CANARY_A);
	assert_int_equal(read_word(&s, INPUT, &value), -EFAULT);
	stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_format_works_on_every_kind),
		cmocka_unit_test(marks_are_set_only_if_asked_for),
		cmocka_unit_test(riscv_pages_that_are_clean_refuse_writes_without_marks),
		cmocka_unit_test(large_pages_lead_to_all_of_their_memory),
		cmocka_unit_test(entries_mean_what_their_specification_says),
		cmocka_unit_test(addresses_out_of_range_are_refused),
		cmocka_unit_test(the_upper_half_of_signed_addresses_is_translated),
		cmocka_unit_test(amd_tables_may_skip_levels),
		cmocka_unit_test(bad_tables_are_refused_in_order),
		cmocka_unit_test(other_checks_are_those_of_nested_hwpts),
		cmocka_unit_test(invalidations_are_checked_and_counted),
		cmocka_unit_test(without_extensions_the_type_is_unknown),
		cmocka_unit_test(show_names_the_format_and_lookup_walks_both_stages),
		cmocka_unit_test(faults_name_the_entry_in_the_formats_numbering),
		cmocka_unit_test(tables_on_a_viommu_need_no_vdevice),
		cmocka_unit_test(a_pasid_can_have_a_table_of_its_own),
	};

	return cmocka_run_group_tests(tests, report_file_open, report_file_remove);
}
