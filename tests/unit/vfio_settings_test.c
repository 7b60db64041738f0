/* SPDX-License-Identifier: MIT */
/* What a machine says about a device, whichever model it has: struct device_settings. */
#include <linux/pci_regs.h>

#include "devices/devices.h"
#include "kit.h"

static uint32_t region_flags(struct vfio_rig *rig, unsigned int region)
{
	struct vfio_region_info info = {.argsz = sizeof(info), .index = region};

	assert_int_equal(rig_ioctl(rig, VFIO_DEVICE_GET_REGION_INFO, &info), 0);
	return info.flags;
}

static int map_bar(struct vfio_rig *rig)
{
	struct file_mapping map;

	return rig->file->ops->mmap(rig->file, 0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, &map);
}

/* The registers are reached by read and write all the same. */
static void without_mmap_a_bar_is_only_read_and_written(void **state)
{
	struct device_spec spec = {.model = &device_edu};
	struct vfio_rig rig;
	uint32_t id = 0;

	(void)state;
	rig_open_as(&rig, &spec);
	assert_int_equal(rig_bind(&rig), 0);
	assert_int_equal(region_flags(&rig, 0) & VFIO_REGION_INFO_FLAG_MMAP,
			 FILE_CAN_TRAP ? VFIO_REGION_INFO_FLAG_MMAP : 0);
	assert_int_equal(map_bar(&rig), FILE_CAN_TRAP ? 0 : -EINVAL);
	rig_close(&rig);

	spec.settings.no_mmap = true;
	rig_open_as(&rig, &spec);
	assert_int_equal(rig_bind(&rig), 0);
	assert_int_equal(region_flags(&rig, 0),
			 VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE);
	assert_int_equal(map_bar(&rig), -EINVAL);
	assert_int_equal(rig_pread(&rig, &id, sizeof(id), rig_pos(0, 0)), sizeof(id));
	assert_int_equal(id, 0x010000ed);
	rig_close(&rig);
}

static void without_a_transport_that_traps_no_bar_is_mapped(void **state)
{
	struct device_spec spec = {.model = &device_edu};
	struct vfio_rig rig;

	(void)state;
	vfio_bars_set_mappable(false);
	rig_open_as(&rig, &spec);
	assert_int_equal(rig_bind(&rig), 0);
	assert_int_equal(region_flags(&rig, 0),
			 VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE);
	assert_int_equal(map_bar(&rig), -EINVAL);
	rig_close(&rig);
	vfio_bars_set_mappable(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_mmap_a_bar_is_only_read_and_written),
		cmocka_unit_test(without_a_transport_that_traps_no_bar_is_mapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
