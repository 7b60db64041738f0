/* SPDX-License-Identifier: MIT */
/*
 * 00-model, 6: the holders of each kind of object, each alone and in turn; one test per row of the
 * table.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "groups.h"
#include "nested.h"

static void s00_6_holders_row1_an_ioas(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t ioas = new_ioas(t->iommu), hwpt = new_hwpt(t->iommu, mock.idev, ioas, 0);
	int access;

	/* A table that nothing is attached to. */
	expect_busy(t->iommu, ioas);
	destroy(t->iommu, hwpt);
	access = mock_access(t->iommu, ioas, 0);
	expect_busy(t->iommu, ioas);
	close(access);
	/* Neither what is mapped nor the compatibility pointer. */
	map_at(t->iommu, ioas, RW, IOVA, mem_pages(PAGE), PAGE);
	expect_ok(t->iommu, IOMMU_VFIO_IOAS,
		  CMD(iommu_vfio_ioas, .op = IOMMU_VFIO_IOAS_SET, .ioas_id = ioas));
	destroy(t->iommu, ioas);
	/* An automatic one holds as well. */
	expect_busy(t->iommu, t->ioas);
}

static void s00_6_holders_row2_a_paging_hwpt(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t hwpt = new_hwpt(t->iommu, mock.idev, t->ioas, IOMMU_HWPT_ALLOC_PASID);
	struct mock one = add_mock(t->iommu, hwpt, MOCK_DEVICE_PASID);
	struct mock two = add_mock(t->iommu, hwpt, 0);
	uint32_t other = new_hwpt(t->iommu, mock.idev, t->ioas, IOMMU_HWPT_ALLOC_PASID);
	uint32_t nested_one = nested_hwpt(t->iommu, mock.idev, nested.parent, 0);

	/* Each attachment. */
	test_ok(t->iommu, PASID_ATTACH, one.stdev, .pasid_attach = {.pasid = 5, .pt_id = hwpt});
	destroy(t->iommu, two.stdev);
	expect_busy(t->iommu, hwpt);
	move_mock(t->iommu, one.stdev, other);
	expect_busy(t->iommu, hwpt);
	test_ok(t->iommu, PASID_DETACH, one.stdev, .pasid_detach.pasid = 5);
	destroy(t->iommu, hwpt);
	/* A nested HWPT and a vIOMMU. */
	destroy(t->iommu, nested.viommu);
	expect_busy(t->iommu, nested.parent);
	destroy(t->iommu, nested_one);
	destroy(t->iommu, nested.parent);
}

static void s00_6_holders_row3_a_nested_hwpt(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t hwpt = nested_hwpt(t->iommu, mock.idev, nested.parent, IOMMU_HWPT_ALLOC_PASID);
	struct mock device = add_mock(t->iommu, hwpt, MOCK_DEVICE_PASID);

	test_ok(t->iommu, PASID_ATTACH, device.stdev, .pasid_attach = {.pasid = 5, .pt_id = hwpt});
	expect_busy(t->iommu, hwpt);
	test_ok(t->iommu, PASID_DETACH, device.stdev, .pasid_detach.pasid = 5);
	expect_busy(t->iommu, hwpt);
	destroy(t->iommu, device.stdev);
	destroy(t->iommu, hwpt);
}

static void s00_6_holders_row4_a_device_is_always_EBUSY(void **state)
{
	struct fixture *t = fixture(state);

	expect_busy(t->iommu, mock.idev);
	/* Bound, and attached to nothing. */
	expect_busy(t->iommu, other_iommu(t));
}

static void s00_6_holders_row5_an_access_is_always_EBUSY(void **state)
{
	struct fixture *t = fixture(state);
	/* The access takes the lowest free ID. */
	uint32_t id = new_ioas(t->iommu);
	int access;

	destroy(t->iommu, id);
	access = mock_access(t->iommu, t->ioas, 0);
	expect_busy(t->iommu, id);
	close(access);
	expect_gone(t->iommu, id);
}

static void s00_6_holders_row6_a_fault_queue(void **state)
{
	struct fixture *t = fixture(state);
	struct queue queue = new_fault_queue(t->iommu);
	uint32_t hwpt = faulting_hwpt(t->iommu, mock.idev, nested.parent, 0, queue.id);

	expect_busy(t->iommu, queue.id);
	close(queue.fd);
	expect_busy(t->iommu, queue.id);
	destroy(t->iommu, hwpt);
	destroy(t->iommu, queue.id);
}

static void s00_6_holders_row7_a_viommu(void **state)
{
	struct fixture *t = fixture(state);
	struct region region = new_region(t->iommu, mock.idev, nested.parent, 1);
	uint32_t viommu = region.viommu, hwpt, vdevice;
	struct queue queue;
	void *memory;

	hwpt = nested_hwpt(t->iommu, mock.idev, viommu, 0);
	expect_busy(t->iommu, viommu);
	destroy(t->iommu, hwpt);
	vdevice = new_vdevice(t->iommu, viommu, mock.idev, 1);
	expect_busy(t->iommu, viommu);
	destroy(t->iommu, vdevice);
	queue = new_veventq(t->iommu, viommu, IOMMU_VEVENTQ_TYPE_SELFTEST, 1);
	close(queue.fd);
	expect_busy(t->iommu, viommu);
	destroy(t->iommu, queue.id);
	memory = mmap(NULL, region.length, PROT_READ, MAP_SHARED, t->iommu, (off_t)region.offset);
	expect_true(memory != MAP_FAILED);
	expect_busy(t->iommu, viommu);
	munmap(memory, region.length);
	destroy(t->iommu, viommu);
}

/* A HW queue of the fixture's vIOMMU, on @memory. */
static uint32_t new_hw_queue(const struct fixture *t, uint32_t index, void *memory)
{
	const uint64_t iova = IOVA + index * PAGE;
	struct iommu_hw_queue_alloc cmd = {
		.size = sizeof(cmd),
		.viommu_id = nested.viommu,
		.type = IOMMU_HW_QUEUE_TYPE_SELFTEST,
		.index = index,
		.nesting_parent_iova = iova,
		.length = PAGE,
	};

	map_at(t->iommu, t->ioas, RW, iova, memory, PAGE);
	expect_ok(t->iommu, IOMMU_HW_QUEUE_ALLOC, &cmd);
	return cmd.out_hw_queue_id;
}

static void s00_6_holders_row7_a_viommu_with_a_hw_queue(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t queue = new_hw_queue(t, 0, mem_pages(PAGE));

	expect_busy(t->iommu, nested.viommu);
	destroy(t->iommu, queue);
	destroy(t->iommu, nested.viommu);
}

static void s00_6_holders_row8_nobody_holds_a_vdevice(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t vdevice = new_vdevice(t->iommu, nested.viommu, mock.idev, VIRT_ID);

	/* Not even the device that sits on it. */
	move_mock(t->iommu, mock.stdev, nested_hwpt(t->iommu, mock.idev, nested.viommu, 0));
	destroy(t->iommu, vdevice);
}

static void s00_6_holders_row9_a_veventq(void **state)
{
	struct fixture *t = fixture(state);
	struct queue queue = new_veventq(t->iommu, nested.viommu, IOMMU_VEVENTQ_TYPE_SELFTEST, 1);
	int copy = close_later(dup(queue.fd));

	close(queue.fd);
	expect_busy(t->iommu, queue.id);
	close(copy);
	destroy(t->iommu, queue.id);
}

static void s00_6_holders_row10_a_hw_queue(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mem_pages(2 * PAGE);
	uint32_t first = new_hw_queue(t, 0, memory), second = new_hw_queue(t, 1, memory + PAGE);

	expect_busy(t->iommu, first);
	destroy(t->iommu, second);
	destroy(t->iommu, first);
}

static void s00_6_holders_row11_nobody_holds_a_mock_device(void **state)
{
	struct fixture *t = fixture(state);

	new_vdevice(t->iommu, nested.viommu, mock.idev, VIRT_ID);
	move_mock(t->iommu, mock.stdev, nested_hwpt(t->iommu, mock.idev, nested.viommu, 0));
	destroy(t->iommu, mock.stdev);
	expect_gone(t->iommu, mock.idev);
}

int model_holders(void)
{
	const struct CMUnitTest tests[] = {
		CASE(mock, s00_6_holders_row1_an_ioas),
		CASE(viommu, s00_6_holders_row2_a_paging_hwpt),
		CASE(nested, s00_6_holders_row3_a_nested_hwpt),
		CASE(mock, s00_6_holders_row4_a_device_is_always_EBUSY),
		CASE(ioas, s00_6_holders_row5_an_access_is_always_EBUSY),
		CASE(nested, s00_6_holders_row6_a_fault_queue),
		CASE(nested, s00_6_holders_row7_a_viommu),
		CASE(viommu, s00_6_holders_row7_a_viommu_with_a_hw_queue),
		CASE(viommu, s00_6_holders_row8_nobody_holds_a_vdevice),
		CASE(viommu, s00_6_holders_row9_a_veventq),
		CASE(viommu, s00_6_holders_row10_a_hw_queue),
		CASE(viommu, s00_6_holders_row11_nobody_holds_a_mock_device),
	};

	return cmocka_run_group_tests_name("00-model 6: holders", tests, NULL, NULL);
}
