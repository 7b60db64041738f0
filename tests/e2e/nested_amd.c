/* SPDX-License-Identifier: MIT */
/*
 * AMD: a guest's device table entry, GCR3 table and v2 tables (AMD I/O Virtualization 3.08, 2.2.2.1
 * and 2.2.6). The ABI has no invalidation of them yet: attaching anew is one. Run with --iommu amd
 * --device edu.
 */
#include "nested.h"

#define P  BIT(0)
#define RW BIT(1)
#define US BIT(2)
#define A  BIT(5)
#define D  BIT(6)
#define PS BIT(7)

#define TABLE (P | RW | US)

/*
 * Device table entry. The edu device sends no PASID: with GIOV its requests are those of PASID 0.
 */
#define DTE0_V	  BIT(0)
#define DTE0_GIOV BIT(54)
#define DTE0_GV	  BIT(55)

static uint32_t hwpt;

static void invalidate(const struct rig *rig, uint64_t iova)
{
	(void)iova;
	rig_detach(rig);
	rig_attach(rig, hwpt);
}

/* A GCR3 table of one level at @gcr3. */
static void attach(struct rig *rig, uint64_t gcr3)
{
	const struct iommu_hwpt_amd_guest data = {
		.dte =
			{
				[0] = DTE0_V | DTE0_GIOV | DTE0_GV | (gcr3 >> 12 & 7) << 58,
				[1] = (gcr3 >> 15 & 0xffff) << 16 | (gcr3 >> 31 & 0x1fffff) << 43,
			},
	};
	/* There is no type for it yet; any will do. */
	const uint32_t viommu = rig_viommu(rig, 1);

	hwpt = rig_nested(rig, viommu, IOMMU_HWPT_DATA_AMD_GUEST, &data, sizeof(data));
	rig_attach(rig, hwpt);
}

/* With @bad in @entry, DMA fails as @text says. */
static void fails(const struct rig *rig, const struct stage1 *stage1, uint64_t *entry, uint64_t bad,
		  bool write, const char *text)
{
	rig_expect_log(text);
	stage1_refuses(rig, stage1, entry, bad, write);
}

int main(void)
{
	struct stage1 stage1 = {.leaf = TABLE, .invalidate = invalidate};
	uint64_t root, gcr3, *leaf, *middle, *top;
	struct rig rig;

	rig_open(&rig);
	rig_make_guest(&rig);
	root = guest_page(&rig);
	gcr3 = guest_page(&rig);
	stage1_map(&rig, &stage1, root, TABLE);
	*guest_word(&rig, gcr3) = root | P;
	attach(&rig, gcr3);
	stage1_translates(&rig, &stage1);
	leaf = stage1.entry_in[0];
	middle = guest_entry(&rig, root, IOVA_IN, 2, TABLE);
	top = guest_entry(&rig, root, IOVA_IN, 3, TABLE);
	CHECK((*middle & (A | D)) == A);
	CHECK((*leaf & (A | D)) == A);
	CHECK((*stage1.entry_out[0] & (A | D)) == (A | D));
	stage1_caches(&rig, &stage1);

	fails(&rig, &stage1, leaf, *leaf & ~P, false, "stage 1, IO_PAGE_FAULT:");
	fails(&rig, &stage1, leaf, *leaf & ~P, true, "stage 1, IO_PAGE_FAULT:");
	fails(&rig, &stage1, leaf, *leaf & ~RW, true, "stage 1, IO_PAGE_FAULT:");
	fails(&rig, &stage1, middle, *middle & ~US, false, "stage 1, IO_PAGE_FAULT:");
	fails(&rig, &stage1, top, *top | PS, false, "stage 1, IO_PAGE_FAULT:");
	/* A page that the guest does not have. */
	fails(&rig, &stage1, leaf, *leaf | BIT(40), false, "stage 2, IO_PAGE_FAULT,");
	fails(&rig, &stage1, guest_word(&rig, gcr3), root, false, "stage 1, IO_PAGE_FAULT:");
	return 0;
}
