/* SPDX-License-Identifier: MIT */
/*
 * Every step that may fail in every operation of the test ABI, and in what hangs off nesting
 * parents, fails in turn: each step is run with the n-th failure injected, n = 1, 2, 3 ... until it
 * runs through. After each failure all that can be seen is as before; what leaks is found by the
 * leak checker.
 */
#include "kit.h"

enum {
	PAGES = 4,
	LIMIT = 1000,
};

#define IOVA UINT64_C(0x1000000)

static struct mock_rig rig;
static char *memory;
static uint32_t ioas, other_ioas;
static uint32_t stdev, idev, hwpt;	 /* a device with PASIDs, on @hwpt */
static uint32_t table, parent, dirty;	 /* for PASIDs; for nesting; with dirty tracking on */
static uint32_t viommu, vdevice, nested; /* on @parent */
static int access_fd, dmabuf_fd;

static void call(unsigned int cmd, const void *arg)
{
	assert_true(mock_rig_ioctl(&rig, cmd, arg) >= 0);
}

static uint32_t new_ioas(void)
{
	struct iommu_ioas_alloc *cmd = RIG_CMD(iommu_ioas_alloc);

	call(IOMMU_IOAS_ALLOC, cmd);
	return cmd->out_ioas_id;
}

static struct iommu_hwpt_alloc *hwpt_cmd(uint32_t on, uint32_t flags)
{
	static const struct iommu_hwpt_selftest data = {.iotlb = 9};
	static struct iommu_hwpt_alloc cmd;

	cmd = (struct iommu_hwpt_alloc){.size = sizeof(cmd),
					.flags = flags,
					.dev_id = idev,
					.pt_id = on,
					.data_type = IOMMU_HWPT_DATA_SELFTEST,
					.data_len = sizeof(data),
					.data_uptr = (uintptr_t)&data};
	return &cmd;
}

static uint32_t new_hwpt(uint32_t on, uint32_t flags)
{
	struct iommu_hwpt_alloc *cmd = hwpt_cmd(on, flags);

	call(IOMMU_HWPT_ALLOC, cmd);
	return cmd->out_hwpt_id;
}

static void add_device(void)
{
	struct iommu_test_cmd *cmd =
		RIG_TEST(MOCK_DOMAIN_FLAGS, ioas, .mock_domain_flags.dev_flags = MOCK_DEVICE_PASID);

	call(IOMMU_TEST_CMD, cmd);
	stdev = cmd->mock_domain_flags.out_stdev_id;
	idev = cmd->mock_domain_flags.out_idev_id;
	hwpt = cmd->mock_domain_flags.out_hwpt_id;
}

static struct iommu_viommu_selftest viommu_data;

static struct iommu_viommu_alloc *viommu_cmd(void)
{
	static struct iommu_viommu_alloc cmd;

	viommu_data.in_data = 1;
	cmd = (struct iommu_viommu_alloc){.size = sizeof(cmd),
					  .type = IOMMU_VIOMMU_TYPE_SELFTEST,
					  .dev_id = idev,
					  .hwpt_id = parent,
					  .data_len = sizeof(viommu_data),
					  .data_uptr = (uintptr_t)&viommu_data};
	return &cmd;
}

static void add_viommu(void)
{
	struct iommu_viommu_alloc *cmd = viommu_cmd();
	struct iommu_vdevice_alloc vdev = {.size = sizeof(vdev), .dev_id = idev, .virt_id = 7};

	call(IOMMU_VIOMMU_ALLOC, cmd);
	viommu = vdev.viommu_id = cmd->out_viommu_id;
	call(IOMMU_VDEVICE_ALLOC, &vdev);
	vdevice = vdev.out_vdevice_id;
	nested = new_hwpt(viommu, 0);
}

static void map_pages(uint32_t id)
{
	call(IOMMU_IOAS_MAP, RIG_CMD(iommu_ioas_map,
				     .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
					      IOMMU_IOAS_MAP_WRITEABLE,
				     .ioas_id = id, .user_va = (uintptr_t)memory,
				     .length = PAGES * PAGE, .iova = IOVA));
}

static int set_up(void **state)
{
	struct iommu_test_cmd *cmd;

	(void)state;
	mock_rig_init(&rig);
	memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	ioas = new_ioas();
	other_ioas = new_ioas();
	add_device();
	table = new_hwpt(ioas, IOMMU_HWPT_ALLOC_PASID);
	parent = new_hwpt(ioas, IOMMU_HWPT_ALLOC_NEST_PARENT);
	dirty = new_hwpt(ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING);
	call(IOMMU_HWPT_SET_DIRTY_TRACKING, RIG_CMD(iommu_hwpt_set_dirty_tracking, .hwpt_id = dirty,
						    .flags = IOMMU_HWPT_DIRTY_TRACKING_ENABLE));
	add_viommu();
	map_pages(ioas);
	cmd = RIG_TEST(CREATE_ACCESS, ioas, .create_access.flags = MOCK_ACCESS_NEEDS_PIN_PAGES);
	call(IOMMU_TEST_CMD, cmd);
	access_fd = (int)cmd->create_access.out_access_fd;
	dmabuf_fd = mock_rig_ioctl(&rig, IOMMU_TEST_CMD,
				   RIG_TEST(DMABUF_GET, 0, .dmabuf_get.length = PAGE));
	assert_true(dmabuf_fd >= 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	failure_disarm();
	mock_rig_release(&rig);
	munmap(memory, PAGES * PAGE);
	return 0;
}

/* ---- what can be seen ---- */

struct view {
	uint32_t next_id;
	uint32_t ranges[2];
	uint64_t alignment[2];
	uint32_t refs;
	bool on_hwpt, pasid_free;
	unsigned int descriptors;
};

static uint32_t count_refs(void)
{
	uint32_t refs = 0;

	while (mock_rig_ioctl(&rig, IOMMU_TEST_CMD,
			      RIG_TEST(MD_CHECK_REFS, 0,
				       .md_check_refs = {.length = PAGE,
							 .uptr = (uintptr_t)memory,
							 .refs = refs})) == -EIO)
		refs++;
	return refs;
}

static bool check_hwpt(uint32_t pasid, uint32_t id)
{
	return !mock_rig_ioctl(&rig, IOMMU_TEST_CMD,
			       RIG_TEST(PASID_CHECK_HWPT, stdev,
					.pasid_check_hwpt = {.pasid = pasid, .hwpt_id = id}));
}

static struct view look(void)
{
	const uint32_t ids[2] = {ioas, other_ioas};
	struct view view;

	memset(&view, 0, sizeof(view));
	view.next_id = new_ioas();
	call(IOMMU_DESTROY, RIG_CMD(iommu_destroy, .id = view.next_id));
	for (int i = 0; i < 2; i++) {
		struct iommu_iova_range range;
		struct iommu_ioas_iova_ranges cmd = {.size = sizeof(cmd),
						     .ioas_id = ids[i],
						     .num_iovas = 1,
						     .allowed_iovas = (uintptr_t)&range};

		(void)mock_rig_ioctl(&rig, IOMMU_IOAS_IOVA_RANGES, &cmd);
		view.ranges[i] = cmd.num_iovas;
		view.alignment[i] = cmd.out_iova_alignment;
	}
	view.refs = count_refs();
	view.on_hwpt = check_hwpt(0, hwpt);
	view.pasid_free = check_hwpt(5, 0);
	for (int i = 0; i < MOCK_FDS; i++)
		view.descriptors += rig.files[i] != NULL;
	return view;
}

/* Runs @step with each failure in turn until it succeeds without one. */
static void fail_each(int (*step)(void))
{
	const struct view before = look();

	for (uint64_t n = 1; n < LIMIT; n++) {
		struct view after;
		uint64_t left;
		int rc;

		failure_arm(n);
		rc = step();
		left = failure_disarm();
		if (left) {
			/* Without a failure the step has no reason to fail. */
			assert_true(rc >= 0);
			return;
		}
		/*
		 * If the step succeeds in spite of a failure, undoing it leaves nothing visible,
		 * either.
		 */
		after = look();
		assert_memory_equal(&before, &after, sizeof(before));
	}
	fail_msg("still failing after %d failures", LIMIT);
}

/* ---- steps ---- */

/* A test NAME of a step that is one call. */
#define STEP(name, cmd, ...)                                   \
	static int name##_step(void)                           \
	{                                                      \
		return mock_rig_ioctl(&rig, cmd, __VA_ARGS__); \
	}                                                      \
	static void name##_survives_each_failure(void **state) \
	{                                                      \
		(void)state;                                   \
		fail_each(name##_step);                        \
	}

#define TEST_STEP(name, ...) STEP(name, IOMMU_TEST_CMD, RIG_TEST(__VA_ARGS__))

TEST_STEP(mock_domain, MOCK_DOMAIN, ioas)
TEST_STEP(mock_domain_on_a_new_table, MOCK_DOMAIN_FLAGS, other_ioas,
	  .mock_domain_flags.dev_flags = MOCK_DEVICE_NO_DIRTY)
TEST_STEP(replace, MOCK_DOMAIN_REPLACE, stdev, .mock_domain_replace.pt_id = table)
TEST_STEP(replace_by_a_new_table, MOCK_DOMAIN_REPLACE, stdev,
	  .mock_domain_replace.pt_id = other_ioas)
TEST_STEP(replace_by_a_nested_table, MOCK_DOMAIN_REPLACE, stdev,
	  .mock_domain_replace.pt_id = nested)
TEST_STEP(add_reserved, ADD_RESERVED, other_ioas, .add_reserved = {.start = PAGE, .length = PAGE})
TEST_STEP(check_map, MD_CHECK_MAP, hwpt,
	  .md_check_map = {.iova = IOVA, .length = PAGE, .uptr = (uintptr_t)memory})
TEST_STEP(check_refs, MD_CHECK_REFS, 0,
	  .md_check_refs = {.length = PAGES * PAGE, .uptr = (uintptr_t)memory, .refs = 1})
TEST_STEP(create_access, CREATE_ACCESS, other_ioas,
	  .create_access.flags = MOCK_ACCESS_NEEDS_PIN_PAGES)
TEST_STEP(access_replace_ioas, ACCESS_REPLACE_IOAS, access_fd,
	  .access_replace_ioas.ioas_id = other_ioas)
TEST_STEP(access_pages, ACCESS_PAGES, access_fd,
	  .access_pages = {.iova = IOVA, .length = PAGES * PAGE, .uptr = (uintptr_t)memory})
TEST_STEP(access_part_of_pages, ACCESS_PAGES, access_fd,
	  .access_pages = {.iova = IOVA + PAGE, .length = 2 * PAGE, .flags = MOCK_ACCESS_WRITE})
TEST_STEP(access_read, ACCESS_RW, access_fd,
	  .access_rw = {.iova = IOVA, .length = PAGE, .uptr = (uintptr_t)memory + PAGE})
TEST_STEP(access_slow_write, ACCESS_RW, access_fd,
	  .access_rw = {.iova = IOVA + 100,
			.length = 2 * PAGE,
			.uptr = (uintptr_t)memory,
			.flags = MOCK_ACCESS_WRITE | MOCK_ACCESS_SLOW_PATH})
TEST_STEP(temp_memory_limit, SET_TEMP_MEMORY_LIMIT, 0, .set_temp_memory_limit.limit = 65536)
TEST_STEP(pasid_attach, PASID_ATTACH, stdev, .pasid_attach = {.pasid = 5, .pt_id = table})
TEST_STEP(trigger_iopf, TRIGGER_IOPF, 0, .trigger_iopf = {.dev_id = idev, .grpid = 1})
TEST_STEP(dmabuf_get, DMABUF_GET, 0, .dmabuf_get.length = 2 * PAGE)
TEST_STEP(dmabuf_revoke, DMABUF_REVOKE, 0, .dmabuf_revoke = {.dmabuf_fd = dmabuf_fd, .revoked = 1})

STEP(map_dmabuf, IOMMU_IOAS_MAP_FILE,
     RIG_CMD(iommu_ioas_map_file, .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE,
	     .ioas_id = ioas, .fd = dmabuf_fd, .length = PAGE, .iova = 2 * IOVA))
STEP(hwpt_alloc, IOMMU_HWPT_ALLOC, hwpt_cmd(ioas, 0))
STEP(hwpt_alloc_on_an_empty_ioas, IOMMU_HWPT_ALLOC, hwpt_cmd(other_ioas, 0))
STEP(nested_alloc, IOMMU_HWPT_ALLOC, hwpt_cmd(parent, 0))
STEP(nested_alloc_on_a_viommu, IOMMU_HWPT_ALLOC, hwpt_cmd(viommu, 0))
STEP(viommu_alloc, IOMMU_VIOMMU_ALLOC, viommu_cmd())
STEP(veventq_alloc, IOMMU_VEVENTQ_ALLOC,
     RIG_CMD(iommu_veventq_alloc, .viommu_id = viommu, .type = IOMMU_VEVENTQ_TYPE_SELFTEST,
	     .veventq_depth = 2))
STEP(fault_alloc, IOMMU_FAULT_QUEUE_ALLOC, RIG_CMD(iommu_fault_alloc))
STEP(hw_queue_alloc, IOMMU_HW_QUEUE_ALLOC,
     RIG_CMD(iommu_hw_queue_alloc, .viommu_id = viommu, .type = IOMMU_HW_QUEUE_TYPE_SELFTEST,
	     .nesting_parent_iova = IOVA, .length = PAGE))

static const struct iommu_viommu_invalidate_selftest invalidation = {.vdev_id = 7};

STEP(viommu_invalidation, IOMMU_HWPT_INVALIDATE,
     RIG_CMD(iommu_hwpt_invalidate, .hwpt_id = viommu, .data_uptr = (uintptr_t)&invalidation,
	     .data_type = IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST, .entry_len = sizeof(invalidation),
	     .entry_num = 1))

static const struct iommu_hwpt_invalidate_selftest nested_invalidation = {
	.flags = MOCK_INVALIDATE_ALL};

STEP(nested_invalidation, IOMMU_HWPT_INVALIDATE,
     RIG_CMD(iommu_hwpt_invalidate, .hwpt_id = nested, .data_uptr = (uintptr_t)&nested_invalidation,
	     .data_type = IOMMU_HWPT_INVALIDATE_DATA_SELFTEST,
	     .entry_len = sizeof(nested_invalidation), .entry_num = 1))
STEP(nested_lookup, IOMMU_IOVA_LOOKUP, RIG_CMD(iommu_iova_lookup, .pt_id = nested, .iova = IOVA))
STEP(hw_info, IOMMU_GET_HW_INFO, RIG_CMD(iommu_hw_info, .dev_id = idev))
TEST_STEP(check_iotlb, MD_CHECK_IOTLB, nested, .md_check_iotlb = {.iotlb = 9})
TEST_STEP(check_cache, DEV_CHECK_CACHE, idev, .dev_check_cache = {.cache = MOCK_DEV_CACHE_INITIAL})
TEST_STEP(check_pasid, PASID_CHECK_HWPT, stdev, .pasid_check_hwpt = {.pasid = 5})

/* ---- steps that need others before ---- */

static void destroy_vdevice(void)
{
	call(IOMMU_DESTROY, RIG_CMD(iommu_destroy, .id = vdevice));
}

STEP(vdevice_alloc, IOMMU_VDEVICE_ALLOC,
     RIG_CMD(iommu_vdevice_alloc, .viommu_id = viommu, .dev_id = idev, .virt_id = 7))

static void vdevice_alloc_after_destruction_survives_each_failure(void **state)
{
	destroy_vdevice();
	vdevice_alloc_survives_each_failure(state);
}

TEST_STEP(pasid_replace, PASID_REPLACE, stdev, .pasid_attach = {.pasid = 6, .pt_id = table})

static void pasid_replace_after_attach_survives_each_failure(void **state)
{
	uint32_t other = new_hwpt(ioas, IOMMU_HWPT_ALLOC_PASID);

	call(IOMMU_TEST_CMD,
	     RIG_TEST(MOCK_DOMAIN_REPLACE, stdev, .mock_domain_replace.pt_id = table));
	call(IOMMU_TEST_CMD,
	     RIG_TEST(PASID_ATTACH, stdev, .pasid_attach = {.pasid = 6, .pt_id = other}));
	pasid_replace_survives_each_failure(state);
	assert_true(check_hwpt(6, table));
}

static void pasid_attach_on_its_table_survives_each_failure(void **state)
{
	call(IOMMU_TEST_CMD,
	     RIG_TEST(MOCK_DOMAIN_REPLACE, stdev, .mock_domain_replace.pt_id = table));
	pasid_attach_survives_each_failure(state);
	assert_true(check_hwpt(5, table));
}

static uint64_t bits = 0xf;

TEST_STEP(dirty, DIRTY, dirty,
	  .dirty = {.iova = IOVA,
		    .length = PAGES * PAGE,
		    .page_size = PAGE,
		    .uptr = (uintptr_t)&bits})
TEST_STEP(trigger_vevent, TRIGGER_VEVENT, 0, .trigger_vevent.dev_id = idev)

static void trigger_vevent_on_its_seat_survives_each_failure(void **state)
{
	call(IOMMU_TEST_CMD,
	     RIG_TEST(MOCK_DOMAIN_REPLACE, stdev, .mock_domain_replace.pt_id = nested));
	assert_int_equal(veventq_alloc_step(), 0);
	trigger_vevent_survives_each_failure(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define FAULT_TEST(name) \
	cmocka_unit_test_setup_teardown(name##_survives_each_failure, set_up, tear_down)
		FAULT_TEST(mock_domain),
		FAULT_TEST(mock_domain_on_a_new_table),
		FAULT_TEST(replace),
		FAULT_TEST(replace_by_a_new_table),
		FAULT_TEST(replace_by_a_nested_table),
		FAULT_TEST(add_reserved),
		FAULT_TEST(check_map),
		FAULT_TEST(check_refs),
		FAULT_TEST(create_access),
		FAULT_TEST(access_replace_ioas),
		FAULT_TEST(access_pages),
		FAULT_TEST(access_part_of_pages),
		FAULT_TEST(access_read),
		FAULT_TEST(access_slow_write),
		FAULT_TEST(temp_memory_limit),
		FAULT_TEST(pasid_attach_on_its_table),
		FAULT_TEST(pasid_replace_after_attach),
		FAULT_TEST(trigger_iopf),
		FAULT_TEST(dirty),
		FAULT_TEST(dmabuf_get),
		FAULT_TEST(dmabuf_revoke),
		FAULT_TEST(map_dmabuf),
		FAULT_TEST(hwpt_alloc),
		FAULT_TEST(hwpt_alloc_on_an_empty_ioas),
		FAULT_TEST(nested_alloc),
		FAULT_TEST(nested_alloc_on_a_viommu),
		FAULT_TEST(viommu_alloc),
		FAULT_TEST(veventq_alloc),
		FAULT_TEST(fault_alloc),
		FAULT_TEST(hw_queue_alloc),
		FAULT_TEST(viommu_invalidation),
		FAULT_TEST(nested_invalidation),
		FAULT_TEST(nested_lookup),
		FAULT_TEST(hw_info),
		FAULT_TEST(check_iotlb),
		FAULT_TEST(check_cache),
		FAULT_TEST(check_pasid),
		FAULT_TEST(vdevice_alloc_after_destruction),
		FAULT_TEST(trigger_vevent_on_its_seat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
