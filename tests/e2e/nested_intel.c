/* SPDX-License-Identifier: MIT */
/*
 * VT-d: a guest's first-stage table on a second-stage nesting parent (VT-d 5.0, 3.6 and 7.1.3). Run
 * with --iommu intel --device edu.
 */
#include "nested.h"

#define P  BIT(0)
#define RW BIT(1)
#define US BIT(2)
#define A  BIT(5)
#define D  BIT(6)
#define PS BIT(7)

#define TABLE (P | RW | US)

static uint32_t hwpt;

static void invalidate(const struct rig *rig, uint64_t iova)
{
	const struct iommu_hwpt_vtd_s1_invalidate entry = {.addr = iova, .npages = 1};

	rig_invalidate(rig, hwpt, IOMMU_HWPT_INVALIDATE_DATA_VTD_S1, &entry, sizeof(entry));
}

static void attach(struct rig *rig, uint64_t root)
{
	const struct iommu_hwpt_vtd_s1 data = {.pgtbl_addr = root, .addr_width = 48};

	hwpt = rig_nested(rig, rig->parent, IOMMU_HWPT_DATA_VTD_S1, &data, sizeof(data));
	rig_attach(rig, hwpt);
}

/* The hardware sets them on the way down, and dirty where it has written. */
static void accessed_and_dirty_are_set(struct rig *rig, const struct stage1 *stage1, uint64_t root)
{
	for (unsigned int level = 1; level < 4; level++)
		CHECK((*guest_entry(rig, root, IOVA_IN, level, TABLE) & (A | D)) == A);
	CHECK((*stage1->entry_in[0] & (A | D)) == A);
	CHECK((*stage1->entry_out[0] & (A | D)) == (A | D));
}

/* With @clear and @set in the entry of @level, DMA fails for @reason. */
static void fails(struct rig *rig, const struct stage1 *stage1, uint64_t root, unsigned int level,
		  uint64_t clear, uint64_t set, bool write, const char *reason)
{
	uint64_t *entry = guest_entry(rig, root, IOVA_IN, level, TABLE);

	rig_expect_log(reason);
	stage1_refuses(rig, stage1, entry, (*entry & ~clear) | set, write);
}

int main(void)
{
	struct stage1 stage1 = {.leaf = TABLE, .invalidate = invalidate};
	struct rig rig;
	uint64_t root;

	rig_open(&rig);
	rig_make_guest(&rig);
	root = guest_page(&rig);
	stage1_map(&rig, &stage1, root, TABLE);
	attach(&rig, root);
	stage1_translates(&rig, &stage1);
	accessed_and_dirty_are_set(&rig, &stage1, root);
	stage1_caches(&rig, &stage1);

	fails(&rig, &stage1, root, 0, P, 0, false, "stage 1, SFS.2:");
	fails(&rig, &stage1, root, 0, P, 0, true, "stage 1, SFS.2:");
	fails(&rig, &stage1, root, 2, P, 0, false, "stage 1, SFS.2:");
	fails(&rig, &stage1, root, 3, 0, PS, false, "stage 1, SFS.3:");
	fails(&rig, &stage1, root, 0, RW, 0, true, "stage 1, SGN.6:");
	fails(&rig, &stage1, root, 1, US, 0, false, "stage 1, SGN.2:");
	/* A page that the guest does not have. */
	fails(&rig, &stage1, root, 0, 0, BIT(40), false, "stage 2, SSS.2,");
	fails(&rig, &stage1, root, 1, 0, BIT(40), false, "stage 2, SSS.2,");
	return 0;
}
