/* SPDX-License-Identifier: MIT */
/* Objects and fixtures of nested translation (nested.h). */
#include "nested.h"

#include <errno.h>

struct nested nested;

uint32_t new_hwpt(int iommu, uint32_t dev_id, uint32_t pt_id, uint32_t flags)
{
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.dev_id = dev_id,
		.pt_id = pt_id,
	};

	expect_ok(iommu, IOMMU_HWPT_ALLOC, &cmd);
	return cmd.out_hwpt_id;
}

uint32_t faulting_hwpt(int iommu, uint32_t dev_id, uint32_t pt_id, uint32_t flags, uint32_t fault)
{
	const struct iommu_hwpt_selftest data = {.iotlb = MOCK_IOTLB_INITIAL};
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = flags | (fault ? IOMMU_HWPT_FAULT_ID_VALID : 0),
		.dev_id = dev_id,
		.pt_id = pt_id,
		.data_type = IOMMU_HWPT_DATA_SELFTEST,
		.data_len = sizeof(data),
		.data_uptr = (uintptr_t)&data,
		.fault_id = fault,
	};

	expect_ok(iommu, IOMMU_HWPT_ALLOC, &cmd);
	return cmd.out_hwpt_id;
}

uint32_t nested_hwpt(int iommu, uint32_t dev_id, uint32_t pt_id, uint32_t flags)
{
	return faulting_hwpt(iommu, dev_id, pt_id, flags, 0);
}

struct queue new_fault_queue(int iommu)
{
	struct iommu_fault_alloc cmd = {.size = sizeof(cmd)};

	expect_ok(iommu, IOMMU_FAULT_QUEUE_ALLOC, &cmd);
	return (struct queue){cmd.out_fault_id, close_later((int)cmd.out_fault_fd)};
}

struct queue new_veventq(int iommu, uint32_t viommu, uint32_t type, uint32_t depth)
{
	struct iommu_veventq_alloc cmd = {
		.size = sizeof(cmd),
		.viommu_id = viommu,
		.type = type,
		.veventq_depth = depth,
	};

	expect_ok(iommu, IOMMU_VEVENTQ_ALLOC, &cmd);
	return (struct queue){cmd.out_veventq_id, close_later((int)cmd.out_veventq_fd)};
}

uint32_t new_viommu(int iommu, uint32_t dev_id, uint32_t hwpt, uint32_t type)
{
	struct iommu_viommu_alloc cmd = {
		.size = sizeof(cmd),
		.type = type,
		.dev_id = dev_id,
		.hwpt_id = hwpt,
	};

	expect_ok(iommu, IOMMU_VIOMMU_ALLOC, &cmd);
	return cmd.out_viommu_id;
}

uint32_t new_vdevice(int iommu, uint32_t viommu, uint32_t dev_id, uint64_t virt_id)
{
	struct iommu_vdevice_alloc cmd = {
		.size = sizeof(cmd),
		.viommu_id = viommu,
		.dev_id = dev_id,
		.virt_id = virt_id,
	};

	expect_ok(iommu, IOMMU_VDEVICE_ALLOC, &cmd);
	return cmd.out_vdevice_id;
}

struct region new_region(int iommu, uint32_t dev_id, uint32_t hwpt, uint32_t first_word)
{
	struct iommu_viommu_selftest data = {.in_data = first_word};
	struct iommu_viommu_alloc cmd = {
		.size = sizeof(cmd),
		.type = IOMMU_VIOMMU_TYPE_SELFTEST,
		.dev_id = dev_id,
		.hwpt_id = hwpt,
		.data_len = sizeof(data),
		.data_uptr = (uintptr_t)&data,
	};

	expect_ok(iommu, IOMMU_VIOMMU_ALLOC, &cmd);
	expect_equal(data.out_data, first_word);
	return (struct region){cmd.out_viommu_id, data.out_mmap_offset, data.out_mmap_length};
}

void expect_busy(int iommu, uint32_t id)
{
	expect_errno(EBUSY, iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = id));
}

void expect_gone(int iommu, uint32_t id)
{
	expect_errno(ENOENT, iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = id));
}

void move_mock(int iommu, uint32_t stdev, uint32_t pt_id)
{
	test_ok(iommu, MOCK_DOMAIN_REPLACE, stdev, .mock_domain_replace.pt_id = pt_id);
}

/* ---- fixtures ---- */

int setup_nested(void **state)
{
	struct fixture *t;

	if (setup_mock(state))
		return -1;
	t = *state;
	nested.parent = new_hwpt(t->iommu, mock.idev, t->ioas, IOMMU_HWPT_ALLOC_NEST_PARENT);
	return 0;
}

int setup_viommu(void **state)
{
	struct fixture *t;

	if (setup_nested(state))
		return -1;
	t = *state;
	nested.viommu = new_viommu(t->iommu, mock.idev, nested.parent, IOMMU_VIOMMU_TYPE_SELFTEST);
	return 0;
}

int setup_seated(void **state)
{
	struct fixture *t;

	if (setup_viommu(state))
		return -1;
	t = *state;
	new_vdevice(t->iommu, nested.viommu, mock.idev, VIRT_ID);
	t->hwpt = nested_hwpt(t->iommu, mock.idev, nested.viommu, 0);
	move_mock(t->iommu, mock.stdev, t->hwpt);
	return 0;
}

uint32_t other_iommu(const struct fixture *t)
{
	return bind_device(need_device(0), t->iommu);
}

/* ---- invalidation ---- */

void check_invalidate(const char *file, int line, int error, uint32_t handled, int iommu,
		      uint32_t id, uint32_t type, const void *entries, uint32_t length,
		      uint32_t count)
{
	struct iommu_hwpt_invalidate cmd = {
		.size = sizeof(cmd),
		.hwpt_id = id,
		.data_uptr = (uintptr_t)entries,
		.data_type = type,
		.entry_len = length,
		.entry_num = count,
	};

	expect_ioctl(error, iommu, IOMMU_HWPT_INVALIDATE, "IOMMU_HWPT_INVALIDATE", &cmd, file,
		     line);
	if (cmd.entry_num != handled)
		conformance_fail(file, line,
				 "IOMMU_HWPT_INVALIDATE: %u entries handled, expected %u",
				 cmd.entry_num, handled);
}
