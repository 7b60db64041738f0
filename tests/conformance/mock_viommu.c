/* SPDX-License-Identifier: MIT */
/* vIOMMUs of the mock IOMMU, their devices, events and HW queues [MOCK-VIOMMU]. */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mock.h"

static uint32_t parent, viommu;

static uint32_t new_viommu(int iommu)
{
	struct iommu_viommu_alloc cmd = {
		.size = sizeof(cmd),
		.type = IOMMU_VIOMMU_TYPE_SELFTEST,
		.dev_id = mock.idev,
		.hwpt_id = parent,
	};

	expect_ok(iommu, IOMMU_VIOMMU_ALLOC, &cmd);
	return cmd.out_viommu_id;
}

/* viommu: a nesting parent, and a vIOMMU on it. */
static int setup_viommu(void **state)
{
	struct fixture *t;

	if (setup_mock(state))
		return -1;
	t = *state;
	parent = mock_hwpt(t->iommu, mock.idev, t->ioas, IOMMU_HWPT_ALLOC_NEST_PARENT, 0);
	viommu = new_viommu(t->iommu);
	return 0;
}

static uint32_t new_vdevice(int iommu, uint32_t on, uint32_t idev, uint64_t virt_id)
{
	struct iommu_vdevice_alloc cmd = {
		.size = sizeof(cmd), .viommu_id = on, .dev_id = idev, .virt_id = virt_id};

	expect_ok(iommu, IOMMU_VDEVICE_ALLOC, &cmd);
	return cmd.out_vdevice_id;
}

static uint32_t nested_hwpt(int iommu, uint32_t flags)
{
	const struct iommu_hwpt_selftest data = {.iotlb = 9};
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.dev_id = mock.idev,
		.pt_id = viommu,
		.data_type = IOMMU_HWPT_DATA_SELFTEST,
		.data_len = sizeof(data),
		.data_uptr = (uintptr_t)&data,
	};

	expect_ok(iommu, IOMMU_HWPT_ALLOC, &cmd);
	return cmd.out_hwpt_id;
}

/* ---- data and region ---- */

static struct iommu_viommu_alloc *viommu_cmd(const void *data, uint32_t len)
{
	static struct iommu_viommu_alloc cmd;

	cmd = (struct iommu_viommu_alloc){.size = sizeof(cmd),
					  .type = IOMMU_VIOMMU_TYPE_SELFTEST,
					  .dev_id = mock.idev,
					  .hwpt_id = parent,
					  .data_len = len,
					  .data_uptr = (uintptr_t)data};
	return &cmd;
}

static void mock_viommu_data_comes_back_with_a_region_to_map(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_viommu_selftest data = {.in_data = 0x1234};
	struct iommu_viommu_alloc *cmd = viommu_cmd(&data, sizeof(data));
	uint32_t *one, *two;

	expect_ok(t->iommu, IOMMU_VIOMMU_ALLOC, cmd);
	expect_equal(data.out_data, 0x1234);
	expect_equal(data.out_mmap_length, 2 * PAGE);
	one = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, t->iommu,
		   (off_t)data.out_mmap_offset);
	two = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, t->iommu, (off_t)data.out_mmap_offset);
	expect_true(one != MAP_FAILED && two != MAP_FAILED);
	expect_equal(one[0], 0x1234);
	expect_equal(one[1], 0);
	one[1000] = 5;
	expect_equal(two[1000], 5);
	expect_errno(EBUSY, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = cmd->out_viommu_id));
	munmap(one, 2 * PAGE);
	munmap(two, 2 * PAGE);
	destroy(t->iommu, cmd->out_viommu_id);
}

static void mock_viommu_data_is_8_to_24_bytes(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_viommu_selftest data[2] = {{.in_data = 7, .out_mmap_offset = 1}};

	expect_errno(EINVAL, t->iommu, IOMMU_VIOMMU_ALLOC, viommu_cmd(data, 7));
	expect_errno(EINVAL, t->iommu, IOMMU_VIOMMU_ALLOC, viommu_cmd(data, 25));
	expect_errno(EFAULT, t->iommu, IOMMU_VIOMMU_ALLOC,
		     viommu_cmd(mem_of_kind(PAGE, MEM_HOLE), 24));
	expect_errno(EFAULT, t->iommu, IOMMU_VIOMMU_ALLOC,
		     viommu_cmd(mem_of_kind(PAGE, MEM_RO), 24));
	expect_ok(t->iommu, IOMMU_VIOMMU_ALLOC, viommu_cmd(data, 8));
	expect_equal(data[0].out_data, 7);
	/* No more than was given is written. */
	expect_equal(data[0].out_mmap_offset, 1);
}

static void viommu_alloc_of_another_type_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_viommu_alloc *cmd = viommu_cmd(NULL, 0);

	cmd->type = IOMMU_VIOMMU_TYPE_ARM_SMMUV3;
	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_VIOMMU_ALLOC, cmd);
	cmd = viommu_cmd(NULL, 0);
	cmd->hwpt_id = mock.hwpt;
	expect_errno(EINVAL, t->iommu, IOMMU_VIOMMU_ALLOC, cmd);
}

/* ---- vDEVICEs and where devices sit ---- */

static void a_rid_on_a_mock_viommu_needs_a_vdevice(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t hwpt = nested_hwpt(t->iommu, 0), other = new_viommu(t->iommu), vdevice;

	test_errno(ENOENT, t->iommu, MOCK_DOMAIN_REPLACE, mock.stdev,
		   .mock_domain_replace.pt_id = hwpt);
	vdevice = new_vdevice(t->iommu, other, mock.idev, 7);
	test_errno(ENOENT, t->iommu, MOCK_DOMAIN_REPLACE, mock.stdev,
		   .mock_domain_replace.pt_id = hwpt);
	destroy(t->iommu, vdevice);
	new_vdevice(t->iommu, viommu, mock.idev, 7);
	test_ok(t->iommu, MOCK_DOMAIN_REPLACE, mock.stdev, .mock_domain_replace.pt_id = hwpt);
}

static void a_pasid_on_a_mock_viommu_needs_no_vdevice(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t hwpt = nested_hwpt(t->iommu, IOMMU_HWPT_ALLOC_PASID);
	uint32_t table = mock_hwpt(t->iommu, mock.idev, t->ioas, IOMMU_HWPT_ALLOC_PASID, 0);
	struct mock device = add_mock(t->iommu, table, MOCK_DEVICE_PASID);

	test_ok(t->iommu, PASID_ATTACH, device.stdev, .pasid_attach = {.pasid = 5, .pt_id = hwpt});
}

static void destroying_the_handle_of_a_mock_device_leaves_a_tombstone(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t vdevice = new_vdevice(t->iommu, viommu, mock.idev, 7);

	destroy(t->iommu, mock.stdev);
	expect_errno(ENOENT, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = vdevice));
	destroy(t->iommu, viommu);
	/* All other IDs are free, that one is not. */
	for (int i = 0; i < 10; i++)
		expect_true(new_ioas(t->iommu) != vdevice);
}

/* ---- events ---- */

static int event_fd;

static void new_veventq(int iommu, uint32_t depth)
{
	struct iommu_veventq_alloc cmd = {
		.size = sizeof(cmd),
		.viommu_id = viommu,
		.type = IOMMU_VEVENTQ_TYPE_SELFTEST,
		.veventq_depth = depth,
	};

	expect_ok(iommu, IOMMU_VEVENTQ_ALLOC, &cmd);
	event_fd = close_later((int)cmd.out_veventq_fd);
}

#define trigger_errno(error, dev) \
	test_errno(error, t->iommu, TRIGGER_VEVENT, 0, .trigger_vevent.dev_id = dev)

static void trigger(int iommu)
{
	test_ok(iommu, TRIGGER_VEVENT, 0, .trigger_vevent.dev_id = mock.idev);
}

static void sit(int iommu, uint64_t virt_id)
{
	new_vdevice(iommu, viommu, mock.idev, virt_id);
	test_ok(iommu, MOCK_DOMAIN_REPLACE, mock.stdev,
		.mock_domain_replace.pt_id = nested_hwpt(iommu, 0));
}

struct event {
	struct iommufd_vevent_header header;
	uint32_t virt_id;
};

static void a_mock_event_has_the_virtual_id(void **state)
{
	struct fixture *t = fixture(state);
	struct event event;

	sit(t->iommu, 0x500000099);
	new_veventq(t->iommu, 4);
	trigger(t->iommu);
	expect_equal(read(event_fd, &event, sizeof(event)), sizeof(event));
	expect_equal(event.header.flags, 0);
	expect_equal(event.header.sequence, 0);
	expect_equal(event.virt_id, 0x99);
	expect_equal(read(event_fd, &event, sizeof(event)), 0);
}

static void mock_events_need_an_attached_device_and_a_queue(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t vdevice;

	trigger_errno(ENOENT, 99);
	trigger_errno(ENOENT, mock.stdev);
	trigger_errno(ENOENT, mock.idev);
	vdevice = new_vdevice(t->iommu, viommu, mock.idev, 7);
	trigger_errno(ENOENT, mock.idev);
	destroy(t->iommu, vdevice);
	sit(t->iommu, 7);
	trigger_errno(EOPNOTSUPP, mock.idev);
	new_veventq(t->iommu, 4);
	trigger(t->iommu);
	/* From elsewhere there is no event. */
	test_ok(t->iommu, MOCK_DOMAIN_REPLACE, mock.stdev, .mock_domain_replace.pt_id = t->ioas);
	trigger_errno(ENOENT, mock.idev);
}

static void a_virtual_id_of_0_has_no_mock_events(void **state)
{
	struct fixture *t = fixture(state);

	sit(t->iommu, 0);
	new_veventq(t->iommu, 4);
	trigger_errno(ENOENT, mock.idev);
}

static void mock_events_keep_the_virtual_id_of_the_attach(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t vdevice = new_vdevice(t->iommu, viommu, mock.idev, 7);
	struct event event;

	test_ok(t->iommu, MOCK_DOMAIN_REPLACE, mock.stdev,
		.mock_domain_replace.pt_id = nested_hwpt(t->iommu, 0));
	destroy(t->iommu, vdevice);
	new_vdevice(t->iommu, viommu, mock.idev, 8);
	new_veventq(t->iommu, 4);
	trigger(t->iommu);
	expect_equal(read(event_fd, &event, sizeof(event)), sizeof(event));
	expect_equal(event.virt_id, 7);
	/* So does an attach to another HWPT of the vIOMMU; one from elsewhere takes the new one. */
	test_ok(t->iommu, MOCK_DOMAIN_REPLACE, mock.stdev,
		.mock_domain_replace.pt_id = nested_hwpt(t->iommu, 0));
	trigger(t->iommu);
	expect_equal(read(event_fd, &event, sizeof(event)), sizeof(event));
	expect_equal(event.virt_id, 7);
	test_ok(t->iommu, MOCK_DOMAIN_REPLACE, mock.stdev, .mock_domain_replace.pt_id = t->ioas);
	test_ok(t->iommu, MOCK_DOMAIN_REPLACE, mock.stdev,
		.mock_domain_replace.pt_id = nested_hwpt(t->iommu, 0));
	trigger(t->iommu);
	expect_equal(read(event_fd, &event, sizeof(event)), sizeof(event));
	expect_equal(event.virt_id, 8);
}

static void events_beyond_the_depth_are_lost(void **state)
{
	struct fixture *t = fixture(state);
	struct {
		struct event events[2];
		struct iommufd_vevent_header lost;
	} all;
	struct event next;

	sit(t->iommu, 7);
	new_veventq(t->iommu, 2);
	for (int i = 0; i < 5; i++)
		trigger(t->iommu);
	expect_equal(read(event_fd, &all, sizeof(all)), sizeof(all));
	expect_equal(all.events[1].header.sequence, 1);
	expect_equal(all.lost.flags, IOMMU_VEVENTQ_FLAG_LOST_EVENTS);
	expect_equal(all.lost.sequence, 4);
	trigger(t->iommu);
	expect_equal(read(event_fd, &next, sizeof(next)), sizeof(next));
	expect_equal(next.header.sequence, 5);
}

/* ---- caches ---- */

static void check_cache(int iommu, uint32_t id, uint32_t cache)
{
	test_ok(iommu, DEV_CHECK_CACHE, mock.idev, .dev_check_cache = {.id = id, .cache = cache});
}

enum {
	TYPE = IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST
};

static void check_cache_takes_the_device_object(void **state)
{
	struct fixture *t = fixture(state);

	for (uint32_t id = 0; id < MOCK_DEV_CACHE_ENTRIES; id++)
		check_cache(t->iommu, id, MOCK_DEV_CACHE_INITIAL);
	test_errno(EINVAL, t->iommu, DEV_CHECK_CACHE, mock.idev,
		   .dev_check_cache = {.id = 4, .cache = MOCK_DEV_CACHE_INITIAL});
	test_errno(EINVAL, t->iommu, DEV_CHECK_CACHE, mock.idev, .dev_check_cache = {.id = 0});
	test_errno(ENOENT, t->iommu, DEV_CHECK_CACHE, mock.stdev, .dev_check_cache = {.id = 0});
}

static void mock_invalidation_zeroes_the_cache_of_the_device(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_viommu_invalidate_selftest entries[] = {
		{.vdev_id = 7, .cache_id = 1}, {.vdev_id = 8}, {.vdev_id = 7, .cache_id = 0}};
	const struct iommu_viommu_invalidate_selftest all = {.flags = 1, .vdev_id = 7};

	new_vdevice(t->iommu, viommu, mock.idev, 7);
	expect_equal(
		invalidate_entries(t->iommu, viommu, EINVAL, TYPE, entries, sizeof(entries[0]), 3),
		1);
	check_cache(t->iommu, 1, 0);
	check_cache(t->iommu, 0, MOCK_DEV_CACHE_INITIAL);
	expect_equal(invalidate_entries(t->iommu, viommu, 0, TYPE, &all, sizeof(all), 1), 1);
	for (uint32_t id = 0; id < MOCK_DEV_CACHE_ENTRIES; id++)
		check_cache(t->iommu, id, 0);
}

static void mock_viommu_invalidation_checks_its_entries(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_viommu_invalidate_selftest flags[] = {{.vdev_id = 7}, {.flags = 2}};
	const struct iommu_viommu_invalidate_selftest far[] = {
		{.flags = 1, .vdev_id = 7, .cache_id = 4}};
	uint32_t longer[8] = {0, 7, 0, 0, 0, 7, 1, 1};
	char *border;

	new_vdevice(t->iommu, viommu, mock.idev, 7);
	expect_equal(invalidate_entries(t->iommu, viommu, EINVAL, TYPE - 1, NULL, 0, 0), 0);
	expect_equal(invalidate_entries(t->iommu, viommu, 0, TYPE, NULL, 0, 0), 0);
	expect_equal(invalidate_entries(t->iommu, viommu, EINVAL, TYPE, far, sizeof(far[0]), 1), 0);
	/* None is executed before all are read. */
	expect_equal(invalidate_entries(t->iommu, viommu, E2BIG, TYPE, longer, 16, 2), 0);
	border = at_border(flags, sizeof(flags), sizeof(flags[0]), MEM_RO, MEM_HOLE);
	expect_equal(
		invalidate_entries(t->iommu, viommu, EFAULT, TYPE, border, sizeof(flags[0]), 2), 0);
	check_cache(t->iommu, 0, MOCK_DEV_CACHE_INITIAL);
	expect_equal(
		invalidate_entries(t->iommu, viommu, EOPNOTSUPP, TYPE, flags, sizeof(flags[0]), 2),
		1);
	check_cache(t->iommu, 0, 0);
	/* Longer with a tail of zeros; shorter is extended. */
	longer[7] = 0;
	expect_equal(invalidate_entries(t->iommu, viommu, 0, TYPE, longer, 16, 2), 2);
	check_cache(t->iommu, 1, 0);
	expect_equal(invalidate_entries(t->iommu, viommu, 0, TYPE, longer, 8, 1), 1);
	expect_equal(invalidate_entries(t->iommu, viommu, EFAULT, TYPE, mem_of_kind(PAGE, MEM_HOLE),
					sizeof(far[0]), 1),
		     0);
}

/* ---- HW queues ---- */

static struct iommu_hw_queue_alloc *queue_cmd(uint32_t index, uint64_t iova, uint64_t length)
{
	static struct iommu_hw_queue_alloc cmd;

	cmd = (struct iommu_hw_queue_alloc){.size = sizeof(cmd),
					    .viommu_id = viommu,
					    .type = IOMMU_HW_QUEUE_TYPE_SELFTEST,
					    .index = index,
					    .nesting_parent_iova = iova,
					    .length = length};
	return &cmd;
}

#define queue_errno(error, index, iova, length) \
	expect_errno(error, t->iommu, IOMMU_HW_QUEUE_ALLOC, queue_cmd(index, iova, length))

static uint32_t new_queue(int iommu, uint32_t index)
{
	struct iommu_hw_queue_alloc *cmd = queue_cmd(index, IOVA + index * PAGE, PAGE);

	expect_ok(iommu, IOMMU_HW_QUEUE_ALLOC, cmd);
	return cmd->out_hw_queue_id;
}

static void mock_hw_queues_depend_on_each_other(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mem_pages(2 * PAGE);
	uint32_t first, second;

	map_at(t->iommu, t->ioas, RW, IOVA, memory, 2 * PAGE);
	queue_errno(EIO, 1, IOVA, PAGE);
	queue_errno(EINVAL, 2, IOVA, PAGE);
	first = new_queue(t->iommu, 0);
	queue_errno(EEXIST, 0, IOVA, PAGE);
	second = new_queue(t->iommu, 1);
	queue_errno(EEXIST, 1, IOVA, PAGE);
	expect_errno(EBUSY, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = first));
	expect_errno(EBUSY, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = viommu));
	check_refs(t->iommu, memory, 2 * PAGE, 1);
	expect_errno(EBUSY, t->iommu, IOMMU_IOAS_UNMAP,
		     CMD(iommu_ioas_unmap, .ioas_id = t->ioas, .iova = IOVA, .length = 2 * PAGE));
	destroy(t->iommu, second);
	destroy(t->iommu, first);
	unmap(t->iommu, t->ioas, IOVA, 2 * PAGE);
	destroy(t->iommu, viommu);
}

static void mock_hw_queues_check_type_and_memory(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_hw_queue_alloc *cmd = queue_cmd(0, IOVA, PAGE);

	cmd->type = IOMMU_HW_QUEUE_TYPE_SELFTEST - 1;
	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_HW_QUEUE_ALLOC, cmd);
	queue_errno(ENOENT, 0, IOVA, PAGE);
	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(2 * PAGE), 2 * PAGE);
	queue_errno(ENOENT, 0, IOVA, 3 * PAGE);
	/* Ordinary pages are never neighbours. */
	queue_errno(EFAULT, 0, IOVA, 2 * PAGE);
	queue_errno(EFAULT, 0, IOVA + PAGE - 8, 16);
	expect_ok(t->iommu, IOMMU_HW_QUEUE_ALLOC, queue_cmd(0, IOVA + PAGE - 16, 16));
}

static void hw_queues_end_with_the_context(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mem_pages(2 * PAGE);

	map_at(t->iommu, t->ioas, RW, IOVA, memory, 2 * PAGE);
	new_queue(t->iommu, 0);
	new_queue(t->iommu, 1);
	sit(t->iommu, 7);
	new_veventq(t->iommu, 1);
	trigger(t->iommu);
	close(event_fd);
	close(t->iommu);
	check_refs(open_context(), memory, 2 * PAGE, 0);
}

int mock_viommu(void)
{
	const struct CMUnitTest tests[] = {
		CASE(viommu, mock_viommu_data_comes_back_with_a_region_to_map, "MOCK-VIOMMU"),
		CASE(viommu, mock_viommu_data_is_8_to_24_bytes, "MOCK-VIOMMU"),
		CASE(viommu, viommu_alloc_of_another_type_is_EOPNOTSUPP, "VIOMMU-ALLOC"),
		CASE(viommu, a_rid_on_a_mock_viommu_needs_a_vdevice, "MOCK-VIOMMU"),
		CASE(viommu, a_pasid_on_a_mock_viommu_needs_no_vdevice, "MOCK-VIOMMU"),
		CASE(viommu, destroying_the_handle_of_a_mock_device_leaves_a_tombstone,
		     "TOMBSTONE, DESTROY.1"),
		CASE(viommu, a_mock_event_has_the_virtual_id, "MOCK-VIOMMU, TEST-CONSTANTS.9"),
		CASE(viommu, mock_events_need_an_attached_device_and_a_queue, "MOCK-VIOMMU"),
		CASE(viommu, a_virtual_id_of_0_has_no_mock_events, "MOCK-VIOMMU"),
		CASE(viommu, mock_events_keep_the_virtual_id_of_the_attach, "MOCK-VIOMMU"),
		CASE(viommu, events_beyond_the_depth_are_lost, "VEVENTQ-EVENTS"),
		CASE(viommu, check_cache_takes_the_device_object, "MOCK-VIOMMU, TEST-CONSTANTS.12"),
		CASE(viommu, mock_invalidation_zeroes_the_cache_of_the_device, "MOCK-VIOMMU"),
		CASE(viommu, mock_viommu_invalidation_checks_its_entries,
		     "MOCK-VIOMMU, TEST-CONSTANTS.8"),
		CASE(viommu, mock_hw_queues_depend_on_each_other, "MOCK-VIOMMU"),
		CASE(viommu, mock_hw_queues_check_type_and_memory, "MOCK-VIOMMU"),
		CASE(viommu, hw_queues_end_with_the_context, "HW-QUEUE, OBJECTS.10"),
	};

	return cmocka_run_group_tests_name("vIOMMUs", tests, NULL, NULL);
}
