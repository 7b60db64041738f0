/* SPDX-License-Identifier: MIT */
/*
 * The holders of each type of object, each alone and in turn: one test for each of
 * [HOLDERS.1..11].
 */
#include <sys/mman.h>
#include <unistd.h>

#include "groups.h"
#include "nested.h"

static void holders_of_an_ioas_make_destroy_EBUSY(void **state)
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

static void holders_of_a_paging_hwpt_make_destroy_EBUSY(void **state)
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

static void holders_of_a_nested_hwpt_make_destroy_EBUSY(void **state)
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

static void destroy_of_a_mock_device_object_is_EBUSY(void **state)
{
	struct fixture *t = fixture(state);

	expect_busy(t->iommu, mock.idev);
	/* Bound, and attached to nothing. */
	expect_busy(t->iommu, other_iommu(t));
}

static void destroy_of_an_access_is_EBUSY(void **state)
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

static void holders_of_a_fault_queue_make_destroy_EBUSY(void **state)
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

static void holders_of_a_viommu_make_destroy_EBUSY(void **state)
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

static void a_hw_queue_holds_its_viommu(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t queue = new_hw_queue(t, 0, mem_pages(PAGE));

	expect_busy(t->iommu, nested.viommu);
	destroy(t->iommu, queue);
	destroy(t->iommu, nested.viommu);
}

static void nothing_holds_a_vdevice(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t vdevice = new_vdevice(t->iommu, nested.viommu, mock.idev, VIRT_ID);

	/* Not even the device that sits on it. */
	move_mock(t->iommu, mock.stdev, nested_hwpt(t->iommu, mock.idev, nested.viommu, 0));
	destroy(t->iommu, vdevice);
}

static void holders_of_a_veventq_make_destroy_EBUSY(void **state)
{
	struct fixture *t = fixture(state);
	struct queue queue = new_veventq(t->iommu, nested.viommu, IOMMU_VEVENTQ_TYPE_SELFTEST, 1);
	int copy = close_later(dup(queue.fd));

	close(queue.fd);
	expect_busy(t->iommu, queue.id);
	close(copy);
	destroy(t->iommu, queue.id);
}

static void holders_of_a_hw_queue_make_destroy_EBUSY(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mem_pages(2 * PAGE);
	uint32_t first = new_hw_queue(t, 0, memory), second = new_hw_queue(t, 1, memory + PAGE);

	expect_busy(t->iommu, first);
	destroy(t->iommu, second);
	destroy(t->iommu, first);
}

static void nothing_holds_the_handle_of_a_mock_device(void **state)
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
		CASE(mock, holders_of_an_ioas_make_destroy_EBUSY, "DESTROY, HOLDERS.1"),
		CASE(viommu, holders_of_a_paging_hwpt_make_destroy_EBUSY, "DESTROY, HOLDERS.2"),
		CASE(nested, holders_of_a_nested_hwpt_make_destroy_EBUSY, "DESTROY, HOLDERS.3"),
		CASE(mock, destroy_of_a_mock_device_object_is_EBUSY, "DESTROY, HOLDERS.4"),
		CASE(ioas, destroy_of_an_access_is_EBUSY, "DESTROY, HOLDERS.5"),
		CASE(nested, holders_of_a_fault_queue_make_destroy_EBUSY, "DESTROY, HOLDERS.6"),
		CASE(nested, holders_of_a_viommu_make_destroy_EBUSY, "DESTROY, HOLDERS.7"),
		CASE(viommu, a_hw_queue_holds_its_viommu, "DESTROY, HOLDERS.7"),
		CASE(viommu, nothing_holds_a_vdevice, "DESTROY, HOLDERS.8"),
		CASE(viommu, holders_of_a_veventq_make_destroy_EBUSY, "DESTROY, HOLDERS.9"),
		CASE(viommu, holders_of_a_hw_queue_make_destroy_EBUSY, "DESTROY, HOLDERS.10"),
		CASE(viommu, nothing_holds_the_handle_of_a_mock_device, "DESTROY, HOLDERS.11"),
	};

	return cmocka_run_group_tests_name("holders", tests, NULL, NULL);
}
