/* SPDX-License-Identifier: MIT */
/* Hot resets of several devices, and the proof of ownership they need [PCI-HOT-RESET]. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "container.h"
#include "edu.h"
#include "groups.h"

enum {
	MAX_DEVICES = 16
};

/* A struct vfio_pci_hot_reset_info with its entries. */
struct info {
	uint32_t argsz, flags, count;
	struct vfio_pci_dependent_device devices[MAX_DEVICES];
};

static struct info get_info(int device)
{
	struct info info = {.argsz = sizeof(info)};
	int rc = do_ioctl(device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &info);

	if (rc == -ENODEV)
		skip_test("the device's slot cannot be reset");
	expect_equal(rc, 0);
	return info;
}

static int hot_reset(int device, uint32_t count, int32_t group)
{
	/* A struct vfio_pci_hot_reset with room for one descriptor. */
	struct {
		uint32_t argsz, flags, count;
		int32_t group;
	} reset = {.argsz = sizeof(reset), .count = count, .group = group};

	return do_ioctl(device, VFIO_DEVICE_PCI_HOT_RESET, &reset);
}

/* The index of a device on one bus, and in one group, with the next one. */
static unsigned int pair(void)
{
	const size_t bus = strlen("0000:00:");

	for (unsigned int i = 0; i < 4; i++) {
		char first[32];

		strcpy(first, device_name(i));
		if (!strncmp(first, device_name(i + 1), bus) &&
		    group_number(i) == group_number(i + 1))
			return i;
	}
	skip_test("no two devices are on one bus");
}

static void hot_reset_info_of_a_group_device_lists_groups(void **state)
{
	struct user user;
	struct info info;

	(void)state;
	use_container(&user, open_container(), VFIO_TYPE1v2_IOMMU);
	info = get_info(user.device);
	expect_equal(info.flags, 0);
	expect_true(info.count >= 1);
	expect_equal(info.devices[0].group_id, group_number(0));
}

static void hot_reset_of_a_group_device_takes_group_descriptors(void **state)
{
	struct user user;

	(void)state;
	use_container(&user, open_container(), VFIO_TYPE1v2_IOMMU);
	get_info(user.device);
	expect_equal(hot_reset(user.device, 0, 0), -EINVAL);
	expect_equal(hot_reset(user.device, 1, 0x7fff), -EBADF);
	expect_equal(hot_reset(user.device, 1, mem_file(PAGE)), -EINVAL);
	expect_equal(hot_reset(user.device, 1, user.container), -EINVAL);
	expect_equal(hot_reset(user.device, 1, user.device), -EINVAL);
	expect_equal(hot_reset(user.device, 17, user.group), -EINVAL);
	expect_equal(hot_reset(user.device, 1, user.group), 0);
}

static void hot_reset_with_another_group_is_EINVAL(void **state)
{
	struct user user;
	int other;

	(void)state;
	if (group_number(0) == group_number(1))
		skip_test("both devices are in one group");
	other = need_group(1);
	use_container(&user, open_container(), VFIO_TYPE1v2_IOMMU);
	get_info(user.device);
	expect_equal(hot_reset(user.device, 1, other), -EINVAL);
}

static void hot_reset_reaches_all_devices_of_the_bus(void **state)
{
	unsigned int first = pair();
	int group = need_group(first), a, b;

	(void)state;
	expect_equal(set_container(group, open_container()), 0);
	a = close_later(get_device_fd(group, device_name(first)));
	b = close_later(get_device_fd(group, device_name(first + 1)));
	if (!is_edu(b))
		skip_test("needs an edu device (1234:11e8)");
	edu_write(b, EDU_LIVENESS, 5);
	expect_equal(edu_read(b, EDU_LIVENESS), ~5u);
	expect_true(get_info(a).count >= 2);
	expect_equal(hot_reset(a, 1, group), 0);
	expect_true(edu_read(b, EDU_LIVENESS) != ~5u);
}

static void hot_reset_of_a_cdev_counts_what_its_context_owns(void **state)
{
	struct fixture *t = *state;
	unsigned int first = pair();
	int a = need_device(first), b = need_device(first + 1);
	uint32_t id = bind_device(a, t->iommu);
	struct info info = get_info(a);

	expect_equal(info.flags,
		     VFIO_PCI_HOT_RESET_FLAG_DEV_ID | VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED);
	for (uint32_t i = 0; i < info.count; i++)
		expect_true(info.devices[i].devid == id ||
			    info.devices[i].devid == VFIO_PCI_DEVID_OWNED);
	id = bind_device(b, t->iommu);
	info = get_info(a);
	for (uint32_t i = 0; i < info.count; i++)
		expect_true(info.devices[i].devid != VFIO_PCI_DEVID_OWNED);
	expect_equal(hot_reset(a, 0, 0), 0);
	expect_equal(hot_reset(a, 1, b), -EINVAL);
}

int type1_hot_reset(void)
{
	const struct CMUnitTest tests[] = {
		CASE(context, hot_reset_info_of_a_group_device_lists_groups, "PCI-HOT-RESET"),
		CASE(context, hot_reset_of_a_group_device_takes_group_descriptors, "PCI-HOT-RESET"),
		CASE(context, hot_reset_with_another_group_is_EINVAL, "PCI-HOT-RESET"),
		CASE(context, hot_reset_reaches_all_devices_of_the_bus, "PCI-HOT-RESET"),
		CASE(context, hot_reset_of_a_cdev_counts_what_its_context_owns, "PCI-HOT-RESET"),
	};

	return cmocka_run_group_tests_name("hot resets", tests, NULL, NULL);
}
