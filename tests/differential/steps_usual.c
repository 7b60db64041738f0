/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "arguments.h"
#include "places.h"
#include "steps.h"

static void add_mock(uint32_t flags)
{
	struct iommu_test_cmd cmd = TEST_CMD(MOCK_DOMAIN_FLAGS);
	uint32_t given;

	if (known.ids[KIND_MOCK].count > 4)
		return;
	cmd.id = given = known_id(KIND_IOAS);
	cmd.mock_domain_flags.dev_flags = flags;
	if (test_run("MOCK_DOMAIN", &cmd))
		return;
	id_add(KIND_MOCK, cmd.mock_domain.out_stdev_id);
	id_add(KIND_DEVICE, cmd.mock_domain.out_idev_id);
	id_add_attached(cmd.mock_domain.out_hwpt_id, given);
}

void usual_mock(void)
{
	add_mock(0);
}

void usual_pasid_mock(void)
{
	add_mock(MOCK_DEVICE_PASID);
}

/* ---- page tables ---- */

/* An allocation for some device. Returns the HWPT, or 0. */
static uint32_t alloc_hwpt(enum kind kind, uint32_t pt_id, uint32_t flags, uint32_t fault_id)
{
	static const struct iommu_hwpt_selftest data = {.iotlb = MOCK_IOTLB_INITIAL};
	struct iommu_hwpt_alloc cmd = {.flags = flags, .pt_id = pt_id, .fault_id = fault_id};

	cmd.dev_id = known_id(KIND_DEVICE);
	if (kind == KIND_NESTED) {
		cmd.data_type = IOMMU_HWPT_DATA_SELFTEST;
		cmd.data_len = sizeof(data);
		cmd.data_uptr = BUFFER;
		buffer_put(BUFFER, &data, sizeof(data));
		buffer_used();
	}
	if (COMMAND(HWPT_ALLOC, cmd))
		return 0;
	id_add(kind, cmd.out_hwpt_id);
	return cmd.out_hwpt_id;
}

static void attach(uint32_t pt_id)
{
	struct iommu_test_cmd cmd = TEST_CMD(MOCK_DOMAIN_REPLACE);

	cmd.id = known_id(KIND_MOCK);
	cmd.mock_domain_replace.pt_id = pt_id;
	if (!test_run("REPLACE", &cmd))
		id_add_attached(cmd.mock_domain_replace.pt_id, pt_id);
}

void usual_parent(void)
{
	const uint32_t tracking = below(2) ? IOMMU_HWPT_ALLOC_DIRTY_TRACKING : 0;
	const uint32_t ioas = known_id(KIND_IOAS);
	const uint32_t hwpt =
		alloc_hwpt(KIND_HWPT, ioas, IOMMU_HWPT_ALLOC_NEST_PARENT | tracking, 0);

	if (hwpt && percent(40))
		attach(hwpt);
}

void usual_nested(void)
{
	const bool faults = percent(30) && known.ids[KIND_FAULT].count;
	uint32_t fault = 0, flags, parent, hwpt;

	if (faults) {
		fault = known_id(KIND_FAULT);
		flags = IOMMU_HWPT_FAULT_ID_VALID;
	} else {
		flags = below(2) ? IOMMU_HWPT_ALLOC_PASID : 0;
	}
	parent = known_id(percent(75) ? KIND_VIOMMU : KIND_HWPT);
	hwpt = alloc_hwpt(KIND_NESTED, parent, flags, fault);
	if (hwpt && percent(75))
		attach(hwpt);
}

void usual_dirty(void)
{
	const uint32_t parent = below(2) ? IOMMU_HWPT_ALLOC_NEST_PARENT : 0;
	const uint32_t ioas = known_id(KIND_IOAS);
	struct iommu_hwpt_set_dirty_tracking cmd = {0};

	cmd.hwpt_id = alloc_hwpt(KIND_HWPT, ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING | parent, 0);
	if (!cmd.hwpt_id)
		return;
	if (percent(60))
		attach(cmd.hwpt_id);
	cmd.flags = percent(90);
	COMMAND(HWPT_SET_DIRTY_TRACKING, cmd);
}

static void get_dirty(uint32_t hwpt, const struct mapping *mapping)
{
	struct iommu_hwpt_get_dirty_bitmap cmd = {.hwpt_id = hwpt, .data = BUFFER};

	cmd.flags = below(2);
	cmd.iova = mapping->iova;
	cmd.length = mapping->length > 32 * PAGE ? 32 * PAGE : mapping->length;
	cmd.page_size = ONE_OF(PAGE, PAGE, PAGE, 2048, 8192);
	if (percent(20)) {
		cmd.iova &= ~UINT64_C(0x3fff);
		cmd.length = 0x8000;
	}
	buffer_fill(0, 256);
	buffer_used();
	COMMAND(HWPT_GET_DIRTY_BITMAP, cmd);
}

void usual_set_dirty(void)
{
	const struct mapping *mapping = some_mapping();
	struct iommu_test_cmd cmd = TEST_CMD(DIRTY);
	uint8_t *bitmap = AT(BUFFER);
	bool pages;

	if (!known.small || !mapping)
		return;
	cmd.id = last_id(KIND_HWPT);
	cmd.dirty.iova = mapping->iova & ~UINT64_C(2047);
	cmd.dirty.length = mapping->length > 16 * PAGE ? 16 * PAGE
						       : (mapping->length + 2047) & ~UINT64_C(2047);
	pages = percent(70) && !(mapping->iova & 2048) && !(cmd.dirty.length & 2048);
	cmd.dirty.page_size = pages ? PAGE : 2048;
	cmd.dirty.uptr = BUFFER;
	for (int i = 0; i < 8; i++) {
		uint64_t bits = draw();

		bitmap[i] = (uint8_t)(bits & draw());
	}
	buffer_used();
	test_run("DIRTY", &cmd);
	get_dirty(cmd.id, mapping);
}

/* ---- vIOMMUs ---- */

void usual_viommu(void)
{
	struct iommu_viommu_alloc cmd = {.type = IOMMU_VIOMMU_TYPE_SELFTEST};
	struct iommu_viommu_selftest data = {0};

	cmd.dev_id = known_id(KIND_DEVICE);
	cmd.hwpt_id = last_id(KIND_HWPT);
	data.in_data = below(1000);
	if (percent(60)) {
		cmd.data_len = sizeof(data);
		cmd.data_uptr = BUFFER;
		buffer_put(BUFFER, &data, sizeof(data));
		buffer_used();
	}
	if (COMMAND(VIOMMU_ALLOC, cmd))
		return;
	id_add(KIND_VIOMMU, cmd.out_viommu_id);
	if (cmd.data_len)
		region_add(&cmd);
}

void usual_vdevice(void)
{
	struct iommu_vdevice_alloc cmd = {0};

	cmd.viommu_id = known_id(KIND_VIOMMU);
	cmd.dev_id = known_id(KIND_DEVICE);
	cmd.virt_id = 1 + below(2);
	if (!COMMAND(VDEVICE_ALLOC, cmd))
		id_add(KIND_VDEVICE, cmd.out_vdevice_id);
}

void usual_veventq(void)
{
	struct iommu_veventq_alloc cmd = {.type = IOMMU_VEVENTQ_TYPE_SELFTEST};

	cmd.viommu_id = known_id(KIND_VIOMMU);
	cmd.veventq_depth = 1 + below(3);
	if (known.file_count == MOST_FILES || COMMAND(VEVENTQ_ALLOC, cmd))
		return;
	id_add(KIND_VEVENTQ, cmd.out_veventq_id);
	file_add((int)cmd.out_veventq_fd, FILE_VEVENT);
}

void usual_vevent(void)
{
	for (uint32_t left = 1 + below(4); left; left--) {
		struct iommu_test_cmd cmd = TEST_CMD(TRIGGER_VEVENT);

		cmd.trigger_vevent.dev_id = known_id(KIND_DEVICE);
		test_run("VEVENT", &cmd);
	}
	if (percent(50))
		step_read();
}

void usual_invalidate(void)
{
	const bool viommu = below(2);
	const uint32_t words = viommu ? 3 : 2;
	struct iommu_hwpt_invalidate cmd = {
		.data_uptr = BUFFER, .data_type = 0xdeadbeef, .entry_len = 4 * words};
	uint32_t entries[15] = {0};

	cmd.hwpt_id = known_id(viommu ? KIND_VIOMMU : KIND_NESTED);
	cmd.entry_num = below(4);
	for (uint32_t i = 0; i < 5; i++) {
		uint32_t *entry = entries + i * words;

		entry[0] = percent(70) ? 0 : percent(90);
		if (viommu)
			entry[1] = 1 + below(2);
		entry[words - 1] = percent(95) ? below(4) : 4;
	}
	buffer_put(BUFFER, entries, sizeof(entries));
	buffer_used();
	COMMAND(HWPT_INVALIDATE, cmd);
}

void usual_hw_queue(void)
{
	const struct mapping *mapping = some_mapping();
	struct iommu_hw_queue_alloc cmd = {.type = IOMMU_HW_QUEUE_TYPE_SELFTEST, .length = 32};

	cmd.viommu_id = known_id(KIND_VIOMMU);
	/* Index 0, as in step_hw_queue(). */
	(void)below(2);
	if (mapping)
		cmd.nesting_parent_iova = mapping->iova + 64 * below(8);
	if (!COMMAND(HW_QUEUE_ALLOC, cmd))
		id_add(KIND_HW_QUEUE, cmd.out_hw_queue_id);
}

/* ---- PASIDs and faults ---- */

void usual_pasid_hwpt(void)
{
	const bool faults = percent(40) && known.ids[KIND_FAULT].count;
	const uint32_t fault = faults ? known_id(KIND_FAULT) : 0;
	const uint32_t flags = IOMMU_HWPT_ALLOC_PASID | (faults ? IOMMU_HWPT_FAULT_ID_VALID : 0);
	const uint32_t ioas = known_id(KIND_IOAS);
	const uint32_t hwpt = alloc_hwpt(KIND_HWPT, ioas, flags, fault);

	if (hwpt && percent(60))
		attach(hwpt);
}

void usual_fault_hwpt(void)
{
	uint32_t fault, ioas, hwpt;

	if (!known.ids[KIND_FAULT].count)
		return;
	fault = known_id(KIND_FAULT);
	ioas = known_id(KIND_IOAS);
	hwpt = alloc_hwpt(KIND_HWPT, ioas, IOMMU_HWPT_FAULT_ID_VALID, fault);
	if (hwpt)
		attach(hwpt);
}

void usual_pasid(void)
{
	struct iommu_test_cmd cmd = {0};
	uint32_t pasid, pt_id;

	cmd.op = ONE_OF32(IOMMU_TEST_OP_PASID_ATTACH, IOMMU_TEST_OP_PASID_ATTACH,
			  IOMMU_TEST_OP_PASID_REPLACE, IOMMU_TEST_OP_PASID_CHECK_HWPT);
	cmd.id = known_id(KIND_MOCK);
	pasid = ONE_OF32(1, 2, 2, 1024);
	pt_id = known_id(percent(70) ? KIND_HWPT : percent(50) ? KIND_IOAS : KIND_NESTED);
	pasid_run(&cmd, pasid, pt_id);
}

void usual_iopf(void)
{
	struct iommu_test_cmd cmd = TEST_CMD(TRIGGER_IOPF);

	cmd.trigger_iopf.dev_id = known_id(KIND_DEVICE);
	cmd.trigger_iopf.pasid = percent(60) ? 0 : 1 + below(2);
	cmd.trigger_iopf.grpid = below(4);
	cmd.trigger_iopf.perm = below(4);
	cmd.trigger_iopf.addr = PAGE * below(100);
	test_run("IOPF", &cmd);
	if (percent(50))
		step_read();
	if (percent(30))
		step_respond();
}
