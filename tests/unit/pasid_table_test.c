/* SPDX-License-Identifier: MIT */
/*
 * A device that tags its DMA with a PASID (edu with the option pasid) and a guest's table of
 * PASIDs: AMD's GCR3 table, whose entries lead to page tables [FORMATS].
 */
#include "devices/devices.h"
#include "kit.h"

enum {
	DEVICE = 1, /* the first object of the rig's context */

	/* edu */
	SOURCE = 0x80,
	DESTINATION = 0x88,
	COUNT = 0x90,
	COMMAND = 0x98,
	DMA_PASID = 0xa0,
	BUFFER = 0x40000,
};

enum {
	/* Pages of the guest's memory: four levels of tables for each PASID, and their pages. */
	GCR3,
	TABLES_OF_3,
	TABLES_OF_5 = TABLES_OF_3 + 4,
	PAGE_OF_3 = TABLES_OF_5 + 4,
	PAGE_OF_5,
	OUTPUT,
	PAGES,
};

#define GUEST  UINT64_C(0x10000000)
#define IOVA   UINT64_C(0x5000000)
#define OUT_AT (IOVA + PAGE)

static struct vfio_rig rig;
static char *memory;

static uint64_t *page_of(unsigned int page)
{
	return (uint64_t *)(memory + (size_t)page * PAGE);
}

static uint64_t address_of(unsigned int page)
{
	return GUEST + (uint64_t)page * PAGE;
}

/* Four levels from @tables on, which lead IOVA to @page and OUT_AT to OUTPUT. */
static void build(unsigned int tables, unsigned int page)
{
	for (unsigned int i = 0; i < 3; i++)
		page_of(tables + i)[IOVA >> (39 - 9 * i) & 511] = address_of(tables + i + 1) |
								  X86_ALL;
	page_of(tables + 3)[IOVA >> 12 & 511] = address_of(page) | X86_ALL;
	page_of(tables + 3)[OUT_AT >> 12 & 511] = address_of(OUTPUT) | X86_ALL;
}

static uint32_t made_hwpt(struct iommu_hwpt_alloc *cmd)
{
	cmd->size = sizeof(*cmd);
	cmd->dev_id = DEVICE;
	assert_int_equal(rig_iommu(&rig, IOMMU_HWPT_ALLOC, cmd), 0);
	return cmd->out_hwpt_id;
}

/* Puts the device's RID behind the guest's GCR3 table, of one level. */
static void attach(uint32_t ioas)
{
	const uint64_t gcr3 = address_of(GCR3);
	/* V, GV, the table's address. Without GIOV, requests without a PASID have no stage 1. */
	const struct iommu_hwpt_amd_guest guest = {
		.dte = {BIT(0) | BIT(55) | (gcr3 >> 12 & 7) << 58,
			(gcr3 >> 15 & 0xffff) << 16 | (gcr3 >> 31 & 0x1fffff) << 43}};
	struct iommu_hwpt_alloc parent = {.flags = IOMMU_HWPT_ALLOC_NEST_PARENT, .pt_id = ioas};
	struct iommu_hwpt_alloc nested = {.data_type = IOMMU_HWPT_DATA_AMD_GUEST,
					  .data_len = sizeof(guest),
					  .data_uptr = (uintptr_t)&guest};
	struct iommu_viommu_alloc viommu = {.size = sizeof(viommu), .type = 1, .dev_id = DEVICE};
	struct vfio_device_attach_iommufd_pt pt = {.argsz = sizeof(pt)};

	viommu.hwpt_id = made_hwpt(&parent);
	assert_int_equal(rig_iommu(&rig, IOMMU_VIOMMU_ALLOC, &viommu), 0);
	nested.pt_id = viommu.out_viommu_id;
	pt.pt_id = made_hwpt(&nested);
	assert_int_equal(rig_ioctl(&rig, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &pt), 0);
}

static int set_up(void **state)
{
	const struct option_value option = {"pasid", "3"};
	const size_t size = (size_t)PAGES * PAGE;
	uint32_t ioas;

	(void)state;
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	rig_open(&rig, &device_edu, &option);
	assert_int_equal(rig_connect(&rig, memory, size, GUEST, &ioas), 0);
	build(TABLES_OF_3, PAGE_OF_3);
	build(TABLES_OF_5, PAGE_OF_5);
	page_of(GCR3)[3] = address_of(TABLES_OF_3) | X86_P;
	page_of(GCR3)[5] = address_of(TABLES_OF_5) | X86_P;
	*page_of(PAGE_OF_3) = 0x33;
	*page_of(PAGE_OF_5) = 0x55;
	attach(ioas);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	rig_close(&rig);
	munmap(memory, (size_t)PAGES * PAGE);
	return 0;
}

static void put(unsigned int reg, uint64_t value)
{
	assert_int_equal(rig_pwrite(&rig, &value, sizeof(value), reg), sizeof(value));
}

static void dma(uint64_t from, uint64_t to, uint64_t command)
{
	uint64_t busy = 1;

	put(SOURCE, from);
	put(DESTINATION, to);
	put(COUNT, sizeof(uint64_t));
	put(COMMAND, command);
	while (busy & 1)
		assert_int_equal(rig_pread(&rig, &busy, sizeof(busy), COMMAND), sizeof(busy));
}

/* What the device reads at IOVA with @pasid, and writes at OUT_AT; 0 if it is refused either. */
static uint64_t copied(uint32_t pasid)
{
	assert_int_equal(rig_pwrite(&rig, &pasid, sizeof(pasid), DMA_PASID), sizeof(pasid));
	*page_of(OUTPUT) = 0;
	dma(IOVA, BUFFER, 1);
	dma(BUFFER, OUT_AT, 3);
	return *page_of(OUTPUT);
}

static void each_pasid_has_the_tables_that_the_guest_gave_it(void **state)
{
	(void)state;
	assert_int_equal(copied(3), 0x33);
	assert_int_equal(copied(5), 0x55);
	assert_int_equal(copied(3), 0x33);
	/* Accessed by what they are for, and dirty where it was written. */
	assert_true(page_of(TABLES_OF_5 + 3)[IOVA >> 12 & 511] & X86_A);
	assert_true(page_of(TABLES_OF_5 + 3)[OUT_AT >> 12 & 511] & X86_D);
}

static void pasids_without_tables_and_requests_without_a_pasid_are_refused(void **state)
{
	(void)state;
	assert_int_equal(copied(4), 0);
	assert_int_equal(copied(0), 0);
	assert_int_equal(copied(1000), 0);
	assert_int_equal(copied(3), 0x33);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_pasid_has_the_tables_that_the_guest_gave_it,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			pasids_without_tables_and_requests_without_a_pasid_are_refused, set_up,
			tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
