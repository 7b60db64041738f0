/* SPDX-License-Identifier: MIT */
#include "hw.h"

#include "edu.h"

enum {
	LEVELS = 4,
	INDEX_BITS = 9,
	INDEX_MASK = (1 << INDEX_BITS) - 1,
	PAGE_SHIFT = 12
};

/* AMD64 4.3 5.4: present, writable, user, accessed, dirty. */
#define X86_TABLE UINT64_C(0x27)
#define X86_LEAF  UINT64_C(0x67)

/*
 * Arm DDI 0487 D8.3: table or page; access flag, inner shareable, unprivileged access, attribute 1.
 */
#define ARM_TABLE UINT64_C(0x3)
#define ARM_LEAF  UINT64_C(0x747)

static uint64_t *memory;

uint32_t hw_type(const struct fixture *t)
{
	struct iommu_hw_info cmd = {.size = sizeof(cmd), .dev_id = t->dev_id};

	expect_ok(t->iommu, IOMMU_GET_HW_INFO, &cmd);
	return cmd.out_data_type;
}

void need_hw(const struct fixture *t, uint32_t type)
{
	if (hw_type(t) != type)
		skip_test("the device is behind an IOMMU of another kind");
}

uint32_t hw_table(const struct fixture *t, uint32_t pt_id, uint32_t flags)
{
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.dev_id = t->dev_id,
		.pt_id = pt_id,
	};

	expect_ok(t->iommu, IOMMU_HWPT_ALLOC, &cmd);
	return cmd.out_hwpt_id;
}

/* ---- the guest ---- */

int setup_guest(void **state)
{
	struct fixture *t;

	if (setup_bound(state))
		return -1;
	t = *state;
	memory = mem_pages(GUEST_PAGES * PAGE);
	map_at(t->iommu, t->ioas, RW, GUEST_BASE, memory, GUEST_PAGES * PAGE);
	return 0;
}

uint64_t guest_address(enum guest_page page)
{
	return GUEST_BASE + page * PAGE;
}

volatile uint64_t *guest_memory(enum guest_page page)
{
	return memory + page * PAGE / sizeof(*memory);
}

/* The entry of @level, 0 for the pages', on the way to page @index. */
static volatile uint64_t *entry_of(unsigned int level, unsigned int index)
{
	const uint64_t input = INPUT + index * PAGE;
	const uint64_t at = input >> (PAGE_SHIFT + level * INDEX_BITS) & INDEX_MASK;

	return guest_memory(GUEST_TABLES) + (LEVELS - 1 - level) * PAGE / sizeof(*memory) + at;
}

void guest_map(enum guest_format format, unsigned int index, enum guest_page page)
{
	const uint64_t table = format == GUEST_X86 ? X86_TABLE : ARM_TABLE;
	const uint64_t leaf = format == GUEST_X86 ? X86_LEAF : ARM_LEAF;

	for (unsigned int level = LEVELS - 1; level; level--)
		*entry_of(level, index) = (guest_address(GUEST_TABLES) + (LEVELS - level) * PAGE) |
					  table;
	*entry_of(0, index) = guest_address(page) | leaf;
}

void guest_unmap(unsigned int index)
{
	*entry_of(0, index) = 0;
}

uint64_t guest_dma(const struct fixture *t, enum guest_page to)
{
	*guest_memory(to) = 0;
	edu_copy(t->device, INPUT + PAGE, INPUT, sizeof(uint64_t));
	return *guest_memory(to);
}
