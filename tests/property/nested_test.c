/* SPDX-License-Identifier: MIT */
/*
 * Nested translation against a naive walk: a guest changes random entries of its tables and
 * invalidates what they cover, the VMM maps and unmaps random pages, and the device reads and
 * writes. Each access must end as the tables say at that time, and change nothing of them but the
 * accessed and dirty bits of what it used.
 */
#include <stdio.h>

#include "kit.h"

enum {
	PAGES = 128,
	DATA_PAGES = 112, /* the first pages of the guest; those after them hold tables */
	TABLES = PAGES - DATA_PAGES,
	STEPS = 60000,
	SLOTS = 8, /* entries of each table that are used */
	LEVELS = 4,
};

struct format {
	const char *kind;
	bool (*present)(uint64_t entry);
	bool (*is_leaf)(uint64_t entry, unsigned int level);
	unsigned int (*restrict_leaf)(uint64_t entry, unsigned int rights);
	unsigned int (*restrict_table)(uint64_t entry, unsigned int rights);
	/* What an access makes of an entry on its way. */
	uint64_t (*used)(uint64_t entry, bool leaf, bool write);
	uint64_t (*random_entry)(uint64_t address, unsigned int level, bool leaf, uint64_t random);
	uint64_t (*address)(uint64_t entry); /* of the table or page */
	struct nested_config (*config)(struct guest *guest, uint64_t root);
};

struct model {
	const struct format *format;
	struct guest *guest;
	uint64_t root;
	unsigned int prot[PAGES]; /* of the parent; 0: not mapped */
	uint64_t shadow[TABLES][512];
};

static uint64_t address_in_place(uint64_t entry)
{
	return entry & BITS(47, 12);
}

/* ---- x86-64 ---- */

static bool x86_present(uint64_t entry)
{
	return entry & X86_P;
}

static bool x86_is_leaf(uint64_t entry, unsigned int level)
{
	return !level || (entry & X86_PS);
}

static unsigned int x86_restrict(uint64_t entry, unsigned int rights)
{
	if (!(entry & X86_US))
		return 0;
	return entry & X86_RW ? rights : rights & ~(unsigned int)IOPT_WRITE;
}

static uint64_t x86_used(uint64_t entry, bool leaf, bool write)
{
	return entry | X86_A | (leaf && write ? X86_D : 0);
}

static uint64_t x86_random(uint64_t address, unsigned int level, bool leaf, uint64_t random)
{
	uint64_t entry = address | X86_ALL | (level && leaf ? X86_PS : 0);

	if (random % 8 == 0)
		entry &= ~X86_RW;
	if (random % 31 == 0)
		entry &= ~X86_US;
	if (random % 29 == 0)
		entry &= ~X86_P;
	return entry;
}

static struct nested_config x86_config(struct guest *guest, uint64_t root)
{
	(void)guest;
	return (struct nested_config){
		.format = NESTED_VTD,
		.vtd = {.pgtbl_addr = root, .addr_width = 48},
	};
}

/* ---- AArch64, with hardware updates ---- */

static bool arm_present(uint64_t entry)
{
	return entry & 1;
}

static bool arm_is_leaf(uint64_t entry, unsigned int level)
{
	return !level || !(entry & 2);
}

static unsigned int arm_restrict_leaf(uint64_t entry, unsigned int rights)
{
	if (!(entry & ARM_USER))
		return 0;
	return (entry & ARM_RO) && !(entry & ARM_DBM) ? rights & ~(unsigned int)IOPT_WRITE : rights;
}

static unsigned int arm_restrict_table(uint64_t entry, unsigned int rights)
{
	if (entry & BIT(61))
		return 0;
	return entry & BIT(62) ? rights & ~(unsigned int)IOPT_WRITE : rights;
}

static uint64_t arm_used(uint64_t entry, bool leaf, bool write)
{
	if (!leaf)
		return entry;
	entry |= ARM_AF;
	return write ? entry & ~ARM_RO : entry;
}

static uint64_t arm_random(uint64_t address, unsigned int level, bool leaf, uint64_t random)
{
	uint64_t entry = address | (leaf && level ? ARM_BLOCK : ARM_TABLE);

	if (random % 29 == 0)
		entry &= ~UINT64_C(1);
	if (!leaf)
		return entry | (random % 8 == 0 ? BIT(62) : 0) | (random % 31 == 0 ? BIT(61) : 0);
	entry |= ARM_USER | ARM_NG | (random & BIT(40) ? ARM_AF : 0);
	if (random % 31 == 0)
		entry &= ~ARM_USER;
	if (random % 3 == 0)
		entry |= ARM_RO;
	if (random % 5 == 0)
		entry |= ARM_DBM;
	return entry;
}

static struct nested_config arm_config(struct guest *guest, uint64_t root)
{
	uint64_t cds = guest_alloc(guest, 1), *cd = guest_word(guest, cds);

	cd[0] = 16 | BIT(30) | BIT(31) | UINT64_C(5) << 32 | BIT(41) | BIT(42) | BIT(43) | BIT(45);
	cd[1] = root;
	return (struct nested_config){
		.format = NESTED_SMMUV3,
		.ste = {BIT(0) | UINT64_C(5) << 1 | cds},
	};
}

static const struct format x86 = {
	.kind = "amd", /* its parents can be read-only */
	.present = x86_present,
	.is_leaf = x86_is_leaf,
	.restrict_leaf = x86_restrict,
	.restrict_table = x86_restrict,
	.used = x86_used,
	.random_entry = x86_random,
	.address = address_in_place,
	.config = x86_config,
};

static const struct format arm = {
	.kind = "smmuv3",
	.present = arm_present,
	.is_leaf = arm_is_leaf,
	.restrict_leaf = arm_restrict_leaf,
	.restrict_table = arm_restrict_table,
	.used = arm_used,
	.random_entry = arm_random,
	.address = address_in_place,
	.config = arm_config,
};

/* ---- software nesting ---- */

static struct nested_config soft_config(uint32_t format, uint64_t root, bool marks)
{
	struct nested_config config;

	assert_int_equal(nested_soft_config(format, root, 48, marks, &config), 0);
	return config;
}

static struct nested_config x86_soft_config(struct guest *guest, uint64_t root)
{
	(void)guest;
	return soft_config(IOMMU_SOFT_S1_X86_4, root, false);
}

/* Without MARK. */
static uint64_t unchanged(uint64_t entry, bool leaf, bool write)
{
	(void)leaf;
	(void)write;
	return entry;
}

/* Formats without bits to mark accesses in, as they are used here. */
static unsigned int read_and_write_bits(uint64_t entry, unsigned int shift, unsigned int rights)
{
	return rights & (unsigned int)(entry >> shift);
}

static unsigned int vtdss_restrict(uint64_t entry, unsigned int rights)
{
	return read_and_write_bits(entry, 0, rights);
}

static bool vtdss_present(uint64_t entry)
{
	return entry & 3;
}

static uint64_t vtdss_used(uint64_t entry, bool leaf, bool write)
{
	return entry | BIT(8) | (leaf && write ? BIT(9) : 0);
}

static uint64_t vtdss_random(uint64_t address, unsigned int level, bool leaf, uint64_t random)
{
	const uint64_t rights = random % 8 ? 3 : random >> 8 & 3;

	return address | rights | (level && leaf ? X86_PS : 0);
}

static struct nested_config vtdss_config(struct guest *guest, uint64_t root)
{
	(void)guest;
	return soft_config(IOMMU_SOFT_S1_VTDSS, root, true);
}

static bool amdv1_is_leaf(uint64_t entry, unsigned int level)
{
	return !level || !(entry & BITS(11, 9));
}

static unsigned int amdv1_restrict(uint64_t entry, unsigned int rights)
{
	return read_and_write_bits(entry, 61, rights);
}

static uint64_t amdv1_used(uint64_t entry, bool leaf, bool write)
{
	return leaf ? entry | BIT(5) | (write ? BIT(6) : 0) : entry;
}

static uint64_t amdv1_random(uint64_t address, unsigned int level, bool leaf, uint64_t random)
{
	const uint64_t rights = random % 8 ? 3 : random >> 8 & 3;

	return address | (random % 29 != 0) | rights << 61 | (leaf ? 0 : (uint64_t)level << 9);
}

static struct nested_config amdv1_config(struct guest *guest, uint64_t root)
{
	(void)guest;
	return soft_config(IOMMU_SOFT_S1_AMDV1, root, true);
}

static bool riscv_present(uint64_t entry)
{
	return entry & 1;
}

static bool riscv_is_leaf(uint64_t entry, unsigned int level)
{
	(void)level;
	return entry & BITS(3, 1);
}

static unsigned int riscv_restrict_leaf(uint64_t entry, unsigned int rights)
{
	return entry & BIT(4) ? read_and_write_bits(entry, 1, rights) : 0;
}

static unsigned int riscv_restrict_table(uint64_t entry, unsigned int rights)
{
	(void)entry;
	return rights;
}

static uint64_t riscv_used(uint64_t entry, bool leaf, bool write)
{
	return leaf ? entry | BIT(6) | (write ? BIT(7) : 0) : entry;
}

static uint64_t riscv_random(uint64_t address, unsigned int level, bool leaf, uint64_t random)
{
	uint64_t entry = address >> 2 | (random % 29 != 0);

	(void)level;
	if (!leaf)
		return entry;
	return entry | (random % 31 ? BIT(4) : 0) |
	       (const uint64_t[]){BIT(1) | BIT(2), BIT(1) | BIT(2), BIT(1),
				  BIT(3)}[random >> 8 & 3];
}

static uint64_t riscv_address(uint64_t entry)
{
	return bits_get(entry, BITS(53, 10)) << 12;
}

static struct nested_config riscv_config(struct guest *guest, uint64_t root)
{
	(void)guest;
	return soft_config(IOMMU_SOFT_S1_SV48, root, true);
}

static const struct format soft_x86 = {
	.kind = "smmuv3",
	.present = x86_present,
	.is_leaf = x86_is_leaf,
	.restrict_leaf = x86_restrict,
	.restrict_table = x86_restrict,
	.used = unchanged,
	.random_entry = x86_random,
	.address = address_in_place,
	.config = x86_soft_config,
};

static const struct format soft_vtdss = {
	.kind = "riscv",
	.present = vtdss_present,
	.is_leaf = x86_is_leaf,
	.restrict_leaf = vtdss_restrict,
	.restrict_table = vtdss_restrict,
	.used = vtdss_used,
	.random_entry = vtdss_random,
	.address = address_in_place,
	.config = vtdss_config,
};

static const struct format soft_amdv1 = {
	.kind = "x86",
	.present = x86_present,
	.is_leaf = amdv1_is_leaf,
	.restrict_leaf = amdv1_restrict,
	.restrict_table = amdv1_restrict,
	.used = amdv1_used,
	.random_entry = amdv1_random,
	.address = address_in_place,
	.config = amdv1_config,
};

static const struct format soft_riscv = {
	.kind = "amd",
	.present = riscv_present,
	.is_leaf = riscv_is_leaf,
	.restrict_leaf = riscv_restrict_leaf,
	.restrict_table = riscv_restrict_table,
	.used = riscv_used,
	.random_entry = riscv_random,
	.address = riscv_address,
	.config = riscv_config,
};

/* ---- the naive walk ---- */

static uint64_t page_address(size_t page)
{
	return GUEST_BASE + page * PAGE;
}

static uint64_t table_address(size_t n)
{
	return page_address(DATA_PAGES + n);
}

static uint64_t *shadow_of(struct model *m, uint64_t table)
{
	return m->shadow[guest_page_of(table) - DATA_PAGES];
}

/* Where @iova leads for an access; false: nowhere. On success marks the shadow of the tables. */
static bool walk(struct model *m, uint64_t iova, bool write, uint64_t *ipa)
{
	const unsigned int need = write ? IOPT_WRITE : IOPT_READ;
	unsigned int rights = GUEST_RW, level = LEVELS - 1;
	uint64_t *path[LEVELS], table = m->root;
	size_t page;

	for (;; level--) {
		uint64_t *entry = &shadow_of(m, table)[iova >> (12 + 9 * level) & 511];

		path[level] = entry;
		if (!m->format->present(*entry))
			return false;
		if (m->format->is_leaf(*entry, level))
			break;
		rights = m->format->restrict_table(*entry, rights);
		table = m->format->address(*entry);
	}
	rights = m->format->restrict_leaf(*path[level], rights);
	*ipa = (m->format->address(*path[level]) & ~(BIT(12 + 9 * level) - 1)) |
	       (iova & (BIT(12 + 9 * level) - 1));
	if (!(rights & need))
		return false;
	/* Bits are set also when stage 2 then refuses the page. */
	for (unsigned int i = level; i < LEVELS; i++)
		*path[i] = m->format->used(*path[i], i == level, write);
	page = guest_page_of(*ipa);
	return page < PAGES && (m->prot[page] & need);
}

/* ---- operations ---- */

static uint64_t random_iova(void)
{
	uint64_t random = random_u64(), iova = 0;

	for (unsigned int level = 0; level < LEVELS; level++)
		iova |= (random >> (8 * level) & (SLOTS - 1)) << (12 + 9 * level);
	/* Few tables, many pages. */
	return iova & (BITS(14, 12) | BITS(22, 21) | BIT(30) | BIT(39));
}

static size_t random_data_page(void)
{
	return random_u64() % DATA_PAGES;
}

/* One root, and more tables the lower the level. */
static unsigned int level_of_table(size_t n)
{
	return n == 0 ? 3 : n < 3 ? 2 : n < 6 ? 1 : 0;
}

static size_t random_table_of(unsigned int level)
{
	static const size_t first[] = {6, 3, 1, 0}, count[] = {TABLES - 1 - 6, 3, 2, 1};

	return first[level] + random_u64() % count[level];
}

static void change_entry(struct model *m)
{
	const size_t n = random_u64() % (TABLES - 1), slot = random_u64() % SLOTS;
	const unsigned int level = level_of_table(n);
	const bool leaf = !level || (level == 1 && random_u64() % 8 == 0);
	uint64_t address = leaf && level ? GUEST_BASE
			   : leaf	 ? page_address(random_data_page())
					 : table_address(random_table_of(level - 1));

	m->shadow[n][slot] = m->format->random_entry(address, level, leaf, random_u64());
	guest_word(m->guest, table_address(n))[slot] = m->shadow[n][slot];
	iommu_tlb_invalidate(m->guest->device, &(struct tlb_match){.domain = NULL});
}

/* An entry of a lowest table, after which cached addresses of tables still hold. */
static void change_leaf(struct model *m)
{
	const uint64_t iova = random_iova();
	uint64_t table = m->root;
	uint64_t *entry;

	for (unsigned int level = LEVELS - 1; level; level--) {
		entry = &shadow_of(m, table)[iova >> (12 + 9 * level) & 511];
		if (!m->format->present(*entry) || m->format->is_leaf(*entry, level))
			return;
		table = m->format->address(*entry);
	}
	entry = &shadow_of(m, table)[iova >> 12 & 511];
	*entry = m->format->random_entry(page_address(random_data_page()), 0, true, random_u64());
	guest_word(m->guest, table)[iova >> 12 & 511] = *entry;
	/* The table may be used for other addresses, too. */
	iommu_tlb_invalidate_parent(m->guest->parent, &(struct tlb_match){.leaf_only = true});
}

static void change_parent(struct model *m)
{
	size_t page = random_data_page();

	if (m->prot[page])
		guest_unmap(m->guest, page_address(page));
	m->prot[page] = (const unsigned int[]){0, IOPT_READ, GUEST_RW, GUEST_RW}[random_u64() % 4];
	if (m->prot[page])
		guest_map_page(m->guest, page, m->prot[page]);
}

static void access_one(struct model *m)
{
	const uint64_t iova = random_iova() + (random_u64() & 0xff8);
	const bool write = random_u64() & 1;
	uint64_t ipa = 0, value = random_u64(), found = 0;
	bool leads = walk(m, iova, write, &ipa);
	int rc = write ? guest_write(m->guest, 0, iova, value)
		       : guest_read(m->guest, 0, iova, &found);

	assert_int_equal(rc, leads ? 0 : -EFAULT);
	if (!leads)
		return;
	assert_int_equal(*guest_word(m->guest, ipa), write ? value : found);
}

static void check_tables(struct model *m)
{
	for (size_t n = 0; n < TABLES - 1; n++)
		assert_memory_equal(m->shadow[n], guest_at(m->guest, table_address(n)), PAGE);
}

static void check(const struct format *format)
{
	struct model *m = calloc(1, sizeof(*m));
	struct nested_config config;

	assert_non_null(m);
	m->format = format;
	m->guest = guest_create(format->kind, PAGES);
	m->guest->used = DATA_PAGES;
	m->root = guest_alloc(m->guest, TABLES - 1);
	config = format->config(m->guest, m->root);
	guest_attach(m->guest, &config);
	for (size_t page = 0; page < PAGES; page++)
		m->prot[page] = GUEST_RW;
	for (int i = 0; i < 400; i++)
		change_entry(m);
	for (int step = 0; step < STEPS; step++) {
		switch (random_u64() % 16) {
		case 0:
			change_entry(m);
			break;
		case 1:
			change_leaf(m);
			break;
		case 2:
			change_parent(m);
			break;
		default:
			access_one(m);
			break;
		}
		if (step % 64 == 0)
			check_tables(m);
	}
	check_tables(m);
	guest_destroy(m->guest);
	free(m);
}

static void x86_tables_translate_as_a_naive_walk_does(void **state)
{
	(void)state;
	check(&x86);
}

static void arm_tables_translate_as_a_naive_walk_does(void **state)
{
	(void)state;
	check(&arm);
}

static void software_nesting_translates_as_a_naive_walk_does(void **state)
{
	static const struct format *const formats[] = {&soft_x86, &soft_vtdss, &soft_amdv1,
						       &soft_riscv};

	(void)state;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		check(formats[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(software_nesting_translates_as_a_naive_walk_does),
		cmocka_unit_test(x86_tables_translate_as_a_naive_walk_does),
		cmocka_unit_test(arm_tables_translate_as_a_naive_walk_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
