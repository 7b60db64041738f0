/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "arguments.h"
#include "places.h"
#include "record.h"
#include "steps.h"

static enum kind kind_of_result(uint32_t draw, uint32_t pt_id)
{
	if (draw < 6)
		return KIND_HWPT;
	for (uint32_t i = 0; draw == 9 && i < known.ids[KIND_IOAS].count; i++) {
		if (known.ids[KIND_IOAS].id[i] == pt_id)
			return KIND_HWPT;
	}
	return KIND_NESTED;
}

static uint32_t some_parent(uint32_t draw)
{
	if (draw < 6)
		return some_id(KIND_IOAS);
	if (draw < 8)
		return some_id(KIND_HWPT);
	return draw < 9 ? some_id(KIND_VIOMMU) : any_id();
}

static void choose_flags(struct iommu_hwpt_alloc *cmd, bool nested)
{
	cmd->flags = percent(92) ? ONE_OF32(0, 0, 1, 1, 2, 2, 3, 8, 9, 10, 11, 4, 12, 5)
				 : ONE_OF32(16, 0x80000000, 32, 15, 7);
	if (nested && percent(80))
		cmd->flags &= IOMMU_HWPT_FAULT_ID_VALID | IOMMU_HWPT_ALLOC_PASID;
	if (cmd->flags & IOMMU_HWPT_FAULT_ID_VALID)
		cmd->fault_id = some_id(KIND_FAULT);
	else if (percent(3))
		cmd->fault_id = 7;
	if (nested ? percent(92) : percent(35)) {
		cmd->data_type = percent(94) ? IOMMU_HWPT_DATA_SELFTEST : below(5);
		cmd->data_len = percent(85) ? 8 : ONE_OF32(4, 4, 0, 3, 7, 12, 16, 5000);
	}
}

void step_hwpt_alloc(void)
{
	struct iommu_hwpt_selftest data[2] = {{0}};
	struct iommu_hwpt_alloc cmd = {0};
	const uint32_t target = below(10);
	const bool nested = target >= 6 && target < 9;
	enum kind kind;

	cmd.dev_id = some_id(KIND_DEVICE);
	cmd.pt_id = some_parent(target);
	choose_flags(&cmd, nested);
	data[0].iotlb = nested && percent(70) ? MOCK_IOTLB_INITIAL : below(4);
	data[0].pagetable_type = nested ? below(2) : ONE_OF32(0, 0, 1, 1, 2);
	if (percent(20))
		data[1].iotlb = 1;
	cmd.data_uptr = some_pointer(0, 16);
	buffer_put(cmd.data_uptr, data, 16);
	record("{%x %x %x}", data[0].iotlb, data[0].pagetable_type, data[1].iotlb);
	kind = kind_of_result(target, cmd.pt_id);
	if (!COMMAND(HWPT_ALLOC, cmd))
		id_add(kind, cmd.out_hwpt_id);
}

void step_hw_info(void)
{
	struct iommu_hw_info cmd = {.dev_id = some_id(KIND_DEVICE)};

	cmd.flags = percent(60) ? 0 : percent(90) ? 1 : 2;
	cmd.in_data_type = percent(50) ? 0 : percent(80) ? IOMMU_HW_INFO_TYPE_SELFTEST : below(6);
	cmd.data_len = ONE_OF32(0, 4, 8, 8, 8, 12, 16, 64, 1, 5, 100);
	cmd.data_uptr = some_pointer(0, cmd.data_len);
	if (percent(6))
		cmd.data_uptr = 0;
	buffer_fill(0xee, 512);
	COMMAND(GET_HW_INFO, cmd);
}

static uint32_t some_entry_count(uint32_t entry_len)
{
	uint32_t count = percent(90) ? below(5) : ONE_OF32(0x80000, 0x80001, 0xffffffff, 100);

	/* Not more than are there. */
	if (count > 5 && count <= 0x80000 && entry_len && entry_len < 4097)
		return 5;
	return count;
}

/* Entries of @size bytes each: flags, the vIOMMU's vDEVICE, number of the cache. */
static void some_entries(uint8_t *bytes, uint32_t size, bool viommu)
{
	for (uint32_t i = 0; i < 5; i++) {
		uint32_t words[3] = {0};

		words[0] = percent(60) ? 0 : percent(90) ? 1 : 2;
		if (viommu)
			words[1] = percent(85) ? 1 + below(3) : below(100);
		words[viommu ? 2 : 1] = percent(90) ? below(4) : 4 + below(2);
		memcpy(bytes + i * size, words, viommu ? 12 : 8);
	}
	if (percent(5))
		bytes[below(64)] ^= 1;
}

void step_invalidate(void)
{
	const bool viommu = percent(40) && known.ids[KIND_VIOMMU].count;
	const uint32_t known_size = viommu ? 12 : 8;
	struct iommu_hwpt_invalidate cmd = {0};
	uint8_t bytes[256] = {0};

	cmd.hwpt_id = some_id(viommu ? KIND_VIOMMU : KIND_NESTED);
	cmd.data_type = percent(90) ? 0xdeadbeef : ONE_OF32(0, 1, 2, 0xdadbeef);
	cmd.entry_len = percent(85) ? known_size
				    : ONE_OF32(0, 4, 8, 12, 16, 20, 4096, 4097, 0xffffffff);
	cmd.entry_num = some_entry_count(cmd.entry_len);
	some_entries(bytes, cmd.entry_len > 20 ? known_size : cmd.entry_len, viommu);
	cmd.data_uptr = some_pointer(0, 60);
	buffer_put(cmd.data_uptr, bytes, 120);
	record("{%llx}", (long long)hash_of(bytes, 64));
	COMMAND(HWPT_INVALIDATE, cmd);
}

void step_set_dirty(void)
{
	struct iommu_hwpt_set_dirty_tracking cmd = {0};

	cmd.hwpt_id = some_id_or(KIND_HWPT, KIND_NESTED, 5);
	cmd.flags = percent(95) ? percent(75) : 2;
	COMMAND(HWPT_SET_DIRTY_TRACKING, cmd);
}

void step_get_dirty(void)
{
	const struct part part = some_part(some_mapping());
	struct iommu_hwpt_get_dirty_bitmap cmd = {.iova = part.iova, .length = part.length};

	cmd.hwpt_id = some_id_or(KIND_HWPT, KIND_NESTED, 5);
	cmd.page_size = percent(85) ? ONE_OF(PAGE, PAGE, 2048, 8192)
				    : ONE_OF(0, 1, 512, 1024, 65536, 3000, 1ull << 63, 1ull << 31);
	cmd.flags = percent(92) ? below(2) : 2;
	cmd.data = some_pointer(below(4) * 8, 64);
	if (cmd.length > 1 << 22 && percent(95))
		cmd.length = 1 << 20;
	buffer_fill(percent(50) ? 0 : 0x11, 512);
	COMMAND(HWPT_GET_DIRTY_BITMAP, cmd);
}

static void some_bitmap(void)
{
	uint8_t *bytes = AT(BUFFER);

	for (int i = 0; i < 64; i++)
		bytes[i] = (uint8_t)draw();
	if (percent(30))
		buffer_fill(0xff, 64);
	if (percent(20)) {
		uint8_t bit;

		buffer_fill(0, 64);
		bit = (uint8_t)(1 << below(8));
		bytes[below(3)] = bit;
	}
}

void step_dirty(void)
{
	struct iommu_test_cmd cmd = TEST_CMD(DIRTY);
	struct part part;

	if (!known.small)
		return;
	part = some_part(some_mapping());
	cmd.id = some_id(KIND_HWPT);
	cmd.dirty.page_size = percent(90) ? ONE_OF(PAGE, PAGE, 2048)
					  : ONE_OF(0, 1, 512, 3000, 8192);
	cmd.dirty.iova = part.iova;
	cmd.dirty.length = part.length > 64 * PAGE ? 64 * PAGE : part.length;
	cmd.dirty.uptr = some_pointer(0, 32);
	if (percent(3))
		cmd.dirty.flags = 1;
	some_bitmap();
	record("{%llx}", (long long)*(uint64_t *)AT(BUFFER));
	test_run("DIRTY", &cmd);
}
