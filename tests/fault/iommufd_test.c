/* SPDX-License-Identifier: MIT */
/*
 * Every step that may fail in the commands of an iommufd fails in turn (lib/sweep.h). What the test
 * ABI and vIOMMUs add is in mock_test.c and viommu_test.c, what VFIO does in vfio_sweep_test.c.
 */
#include <unistd.h>

#include <uiommufd/uiommufd.h>

#include "kit.h"

enum {
	PAGES = 8
};

#define IOVA UINT64_C(0x10000)
#define FAR  (UINT64_C(1) << 32) /* needs tables that IOVA does not have */

#define READ  IOMMU_IOAS_MAP_READABLE
#define RW    (READ | IOMMU_IOAS_MAP_WRITEABLE)
#define FIXED IOMMU_IOAS_MAP_FIXED_IOVA

static struct group_rig rig;
static int iommu, device;
static uint32_t dev_id, ioas, other; /* address spaces; pages are mapped in the first */
static uint32_t made;		     /* the object that the last step has made */
static uint64_t made_iova;
static char *memory;
static int file;

#define CMD(type, ...)	  (&(struct type){.size = sizeof(struct type), __VA_ARGS__})
#define call(number, arg) group_rig_ioctl(&rig, iommu, number, (uintptr_t)(arg))
#define must(expression)  assert_true((expression) >= 0)

static void destroy(uint32_t id)
{
	must(call(IOMMU_DESTROY, CMD(iommu_destroy, .id = id)));
}

static void destroy_made(void)
{
	destroy(made);
}

static long unmap(uint32_t id, uint64_t iova, uint64_t length)
{
	return call(IOMMU_IOAS_UNMAP,
		    CMD(iommu_ioas_unmap, .ioas_id = id, .iova = iova, .length = length));
}

static long map(uint32_t id, uint32_t flags, uint64_t iova)
{
	struct iommu_ioas_map *cmd = CMD(iommu_ioas_map, .flags = flags, .ioas_id = id,
					 .iova = iova, .user_va = (uintptr_t)memory,
					 .length = PAGES * PAGE);
	long rc = call(IOMMU_IOAS_MAP, cmd);

	made_iova = cmd->iova;
	return rc;
}

static void unmap_made(void)
{
	must(unmap(ioas, made_iova, PAGES * PAGE));
}

static long new_ioas(void)
{
	struct iommu_ioas_alloc *cmd = CMD(iommu_ioas_alloc);
	long rc = call(IOMMU_IOAS_ALLOC, cmd);

	made = cmd->out_ioas_id;
	return rc;
}

static long attach(uint32_t pt_id)
{
	struct vfio_device_attach_iommufd_pt cmd = {.argsz = sizeof(cmd), .pt_id = pt_id};

	return group_rig_ioctl(&rig, device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, (uintptr_t)&cmd);
}

static long new_hwpt(uint32_t flags)
{
	struct iommu_hwpt_alloc *cmd =
		CMD(iommu_hwpt_alloc, .flags = flags, .dev_id = dev_id, .pt_id = ioas);
	long rc = call(IOMMU_HWPT_ALLOC, cmd);

	made = cmd->out_hwpt_id;
	return rc;
}

/* ---- fixture ---- */

static int set_up(void **state)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind)};

	(void)state;
	group_rig_open(&rig);
	memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	file = memfd_create("pages", MFD_CLOEXEC);
	must(file);
	must(ftruncate(file, PAGES * PAGE));
	iommu = group_rig_container(&rig);
	device = group_rig_cdev(&rig, 0);
	bind.iommufd = iommu;
	must(group_rig_ioctl(&rig, device, VFIO_DEVICE_BIND_IOMMUFD, (uintptr_t)&bind));
	dev_id = bind.out_devid;
	must(new_ioas());
	ioas = made;
	must(new_ioas());
	other = made;
	must(map(ioas, RW | FIXED, IOVA));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	failure_disarm();
	group_rig_close(&rig);
	close(file);
	munmap(memory, PAGES * PAGE);
	return 0;
}

static void attached(void)
{
	must(attach(ioas));
}

/* ---- steps: contexts and address spaces ---- */

static long open_context(void)
{
	struct uiommufd *context;
	int rc = uiommufd_open(NULL, &context);

	if (!rc)
		uiommufd_close(context);
	return rc;
}

static long destroy_ioas(void)
{
	return call(IOMMU_DESTROY, CMD(iommu_destroy, .id = ioas));
}

static void restore_ioas(void)
{
	must(new_ioas());
	assert_int_equal(made, ioas);
	must(map(ioas, RW | FIXED, IOVA));
}

static long iova_ranges(void)
{
	struct iommu_iova_range ranges[4];

	return call(IOMMU_IOAS_IOVA_RANGES,
		    CMD(iommu_ioas_iova_ranges, .ioas_id = ioas, .num_iovas = 4,
			.allowed_iovas = (uintptr_t)ranges));
}

static long allow(uint32_t count)
{
	static const struct iommu_iova_range ranges[] = {{0x1000, 0xffff}, {0x20000, 0x2ffff}};

	return call(IOMMU_IOAS_ALLOW_IOVAS,
		    CMD(iommu_ioas_allow_iovas, .ioas_id = ioas, .num_iovas = count,
			.allowed_iovas = (uintptr_t)ranges));
}

static long allow_two(void)
{
	return allow(2);
}

static void allow_all(void)
{
	must(allow(0));
}

static long map_fixed(void)
{
	return map(ioas, RW | FIXED, FAR);
}

static long map_anywhere(void)
{
	return map(ioas, READ, 0);
}

static long map_file(void)
{
	struct iommu_ioas_map_file *cmd = CMD(iommu_ioas_map_file, .flags = RW | FIXED,
					      .ioas_id = ioas, .fd = file, .iova = FAR,
					      .length = PAGES * PAGE);

	made_iova = FAR;
	return call(IOMMU_IOAS_MAP_FILE, cmd);
}

/* Of two areas, the first from its middle. */
static void two_areas(void)
{
	attached();
	must(map(ioas, RW | FIXED, IOVA + PAGES * PAGE));
}

static long copy(uint32_t flags)
{
	struct iommu_ioas_copy *cmd = CMD(iommu_ioas_copy, .flags = flags, .dst_ioas_id = ioas,
					  .src_ioas_id = ioas, .length = PAGES * PAGE,
					  .dst_iova = FAR, .src_iova = IOVA + 2 * PAGE);
	long rc = call(IOMMU_IOAS_COPY, cmd);

	made_iova = cmd->dst_iova;
	return rc;
}

static long copy_fixed(void)
{
	return copy(READ | FIXED);
}

static long copy_anywhere(void)
{
	return copy(RW);
}

static long copy_to_another(void)
{
	return call(IOMMU_IOAS_COPY,
		    CMD(iommu_ioas_copy, .flags = RW | FIXED, .dst_ioas_id = other,
			.src_ioas_id = ioas, .length = PAGE, .dst_iova = FAR, .src_iova = IOVA));
}

static void unmap_another(void)
{
	must(unmap(other, FAR, PAGE));
}

static long unmap_area(void)
{
	return unmap(ioas, IOVA, PAGES * PAGE);
}

static long unmap_everything(void)
{
	return unmap(ioas, 0, UINT64_MAX);
}

static void map_again(void)
{
	must(map(ioas, RW | FIXED, IOVA));
}

static long set_huge_pages(bool on)
{
	return call(IOMMU_OPTION, CMD(iommu_option, .option_id = IOMMU_OPTION_HUGE_PAGES,
				      .op = IOMMU_OPTION_OP_SET, .object_id = ioas, .val64 = on));
}

static long huge_pages_off(void)
{
	return set_huge_pages(false);
}

static void huge_pages_on(void)
{
	must(set_huge_pages(true));
}

static long get_rlimit_mode(void)
{
	return call(IOMMU_OPTION, CMD(iommu_option, .option_id = IOMMU_OPTION_RLIMIT_MODE,
				      .op = IOMMU_OPTION_OP_GET));
}

static long set_compat(void)
{
	return call(IOMMU_VFIO_IOAS,
		    CMD(iommu_vfio_ioas, .ioas_id = ioas, .op = IOMMU_VFIO_IOAS_SET));
}

static void clear_compat(void)
{
	must(call(IOMMU_VFIO_IOAS, CMD(iommu_vfio_ioas, .op = IOMMU_VFIO_IOAS_CLEAR)));
}

static void only_a_file(void)
{
	attached();
	must(unmap_area());
	must(map_file());
}

static long change_process(void)
{
	return call(IOMMU_IOAS_CHANGE_PROCESS, CMD(iommu_ioas_change_process));
}

/* ---- steps: devices and tables ---- */

static long get_hw_info(void)
{
	char info[64];

	return call(IOMMU_GET_HW_INFO, CMD(iommu_hw_info, .dev_id = dev_id,
					   .data_len = sizeof(info), .data_uptr = (uintptr_t)info));
}

static long hwpt_alloc(void)
{
	return new_hwpt(0);
}

static long dirty_hwpt_alloc(void)
{
	return new_hwpt(IOMMU_HWPT_ALLOC_DIRTY_TRACKING);
}

static long parent_alloc(void)
{
	return new_hwpt(IOMMU_HWPT_ALLOC_NEST_PARENT);
}

static uint32_t table;

static void table_to_destroy(void)
{
	must(new_hwpt(0));
	table = made;
}

static long destroy_table(void)
{
	return call(IOMMU_DESTROY, CMD(iommu_destroy, .id = table));
}

static long set_tracking(bool on)
{
	return call(IOMMU_HWPT_SET_DIRTY_TRACKING,
		    CMD(iommu_hwpt_set_dirty_tracking, .hwpt_id = table,
			.flags = on ? IOMMU_HWPT_DIRTY_TRACKING_ENABLE : 0));
}

static void dirty_table(void)
{
	must(new_hwpt(IOMMU_HWPT_ALLOC_DIRTY_TRACKING));
	table = made;
	must(attach(table));
}

static long tracking_on(void)
{
	return set_tracking(true);
}

static void tracking_off(void)
{
	must(set_tracking(false));
}

static void tracking_table(void)
{
	dirty_table();
	must(tracking_on());
}

static long get_bitmap(void)
{
	uint64_t bits = 0;

	return call(IOMMU_HWPT_GET_DIRTY_BITMAP,
		    CMD(iommu_hwpt_get_dirty_bitmap, .hwpt_id = table, .iova = IOVA,
			.length = PAGES * PAGE, .page_size = PAGE, .data = (uintptr_t)&bits));
}

static long resv_ranges(void)
{
	struct iommu_iova_range ranges[4];

	return call(IOMMU_RESV_IOVA_RANGES, CMD(iommu_resv_iova_ranges, .dev_id = dev_id,
						.num_iovas = 4, .resv_iovas = (uintptr_t)ranges));
}

static long dev_ranges(void)
{
	struct iommu_iova_range ranges[4];

	return call(IOMMU_DEV_IOVA_RANGES, CMD(iommu_dev_iova_ranges, .dev_id = dev_id,
					       .num_iovas = 4, .allowed_iovas = (uintptr_t)ranges));
}

static long lookup_ioas(void)
{
	return call(IOMMU_IOVA_LOOKUP, CMD(iommu_iova_lookup, .pt_id = ioas, .iova = IOVA));
}

static long lookup_table(void)
{
	return call(IOMMU_IOVA_LOOKUP, CMD(iommu_iova_lookup, .pt_id = table, .iova = IOVA));
}

static long get_info(void)
{
	return call(IOMMU_IOAS_GET_INFO, CMD(iommu_ioas_get_info, .ioas_id = ioas));
}

static const struct sweep_step steps[] = {
	{"open", NULL, open_context, NULL, true},
	{"IOAS_ALLOC", NULL, new_ioas, destroy_made, true},
	{"DESTROY of an IOAS", NULL, destroy_ioas, restore_ioas, false},
	{"IOVA_RANGES", NULL, iova_ranges, NULL, true},
	{"IOVA_RANGES with a device", attached, iova_ranges, NULL, true},
	{"ALLOW_IOVAS", NULL, allow_two, allow_all, true},
	{"ALLOW_IOVAS with a device", attached, allow_two, allow_all, true},
	{"MAP", NULL, map_fixed, unmap_made, true},
	{"MAP at any IOVA", NULL, map_anywhere, unmap_made, true},
	{"MAP with a device", attached, map_fixed, unmap_made, true},
	{"MAP at any IOVA with a device", attached, map_anywhere, unmap_made, true},
	{"MAP_FILE", NULL, map_file, unmap_made, true},
	{"MAP_FILE with a device", attached, map_file, unmap_made, true},
	{"COPY", two_areas, copy_fixed, unmap_made, true},
	{"COPY to any IOVA", two_areas, copy_anywhere, unmap_made, true},
	{"COPY out of a table", attached, copy_to_another, unmap_another, true},
	{"COPY without a device", NULL, copy_to_another, unmap_another, true},
	{"UNMAP", NULL, unmap_area, map_again, false},
	{"UNMAP with a device", attached, unmap_area, map_again, false},
	{"UNMAP of everything", attached, unmap_everything, map_again, false},
	{"HUGE_PAGES off", NULL, huge_pages_off, huge_pages_on, false},
	{"RLIMIT_MODE", NULL, get_rlimit_mode, NULL, false},
	{"VFIO_IOAS", NULL, set_compat, clear_compat, false},
	{"CHANGE_PROCESS", only_a_file, change_process, NULL, true},
	{"GET_HW_INFO", NULL, get_hw_info, NULL, false},
	{"HWPT_ALLOC", NULL, hwpt_alloc, destroy_made, true},
	{"HWPT_ALLOC beside another", attached, hwpt_alloc, destroy_made, true},
	{"HWPT_ALLOC with dirty tracking", NULL, dirty_hwpt_alloc, destroy_made, true},
	{"HWPT_ALLOC of a nesting parent", NULL, parent_alloc, destroy_made, true},
	{"DESTROY of a HWPT", table_to_destroy, destroy_table, table_to_destroy, false},
	{"SET_DIRTY_TRACKING", dirty_table, tracking_on, tracking_off, false},
	{"GET_DIRTY_BITMAP", tracking_table, get_bitmap, NULL, false},
	{"RESV_IOVA_RANGES", NULL, resv_ranges, NULL, true},
	{"DEV_IOVA_RANGES", NULL, dev_ranges, NULL, true},
	{"IOAS_GET_INFO", attached, get_info, NULL, true},
	{"IOVA_LOOKUP in an IOAS", NULL, lookup_ioas, NULL, false},
	{"IOVA_LOOKUP in a HWPT", dirty_table, lookup_table, NULL, false},
};

static void survives_each_failure(void **state)
{
	sweep(&rig, iommu, *state);
}

int main(void)
{
	return sweep_all("each failure in the commands of an iommufd", steps,
			 sizeof(steps) / sizeof(steps[0]), survives_each_failure, set_up,
			 tear_down);
}
