/* SPDX-License-Identifier: MIT */
/* The device file before and after VFIO_DEVICE_BIND_IOMMUFD [VFIO-CDEV], [VFIO-BIND]. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "conformance.h"
#include "edu.h"
#include "groups.h"

static struct vfio_device_bind_iommufd good(const struct fixture *t)
{
	return (struct vfio_device_bind_iommufd){.argsz = sizeof(struct vfio_device_bind_iommufd),
						 .iommufd = t->iommu};
}

static void expect_bind(int error, const struct fixture *t, const void *bind)
{
	expect_errno(error, t->device, VFIO_DEVICE_BIND_IOMMUFD, bind);
}

/* ---- the node ---- */

static void sysfs_has_the_number_of_the_device_node(void **state)
{
	struct fixture *t = fixture(state);
	unsigned int device_major, device_minor;
	struct stat file;
	char path[64];
	FILE *dev;

	snprintf(path, sizeof(path), "/sys/class/vfio-dev/vfio%u/dev", device_number(0));
	dev = fopen(path, "re");
	expect_true(dev != NULL);
	expect_equal(fscanf(dev, "%u:%u", &device_major, &device_minor), 2);
	fclose(dev);
	expect_equal(fstat(t->device, &file), 0);
	expect_true(S_ISCHR(file.st_mode));
	expect_equal(major(file.st_rdev), device_major);
	expect_equal(minor(file.st_rdev), device_minor);
}

/* True if @path is there, from the sysfs directory of the device. */
static bool in_sysfs(const char *path)
{
	char text[128];

	snprintf(text, sizeof(text), "/sys/class/vfio-dev/vfio%u/device/%s", device_number(0),
		 path);
	return access(text, F_OK) == 0;
}

static void sysfs_leads_from_the_device_to_node_and_group(void **state)
{
	char link[64], node[32], path[PATH_MAX], member[64];
	const char *bdf;

	fixture(state);
	snprintf(link, sizeof(link), "/sys/class/vfio-dev/vfio%u/device", device_number(0));
	expect_true(realpath(link, path) != NULL);
	bdf = strrchr(path, '/') + 1;
	snprintf(node, sizeof(node), "vfio-dev/vfio%u/dev", device_number(0));
	snprintf(member, sizeof(member), "iommu_group/devices/%s/vendor", bdf);
	expect_true(in_sysfs(node) && in_sysfs(member));
	expect_true(in_sysfs("iommu_group/reserved_regions") && in_sysfs("iommu_group/type"));
}

static void fdinfo_names_the_device_of_a_descriptor(void **state)
{
	struct fixture *t = fixture(state);
	char link[64], text[1024] = "", path[PATH_MAX], expected[PATH_MAX + 64];
	FILE *info;

	snprintf(link, sizeof(link), "/dev/vfio/devices/vfio%u", device_number(0));
	expect_fd_name(t->device, link);
	snprintf(link, sizeof(link), "/sys/class/vfio-dev/vfio%u/device", device_number(0));
	expect_true(realpath(link, path) != NULL);
	snprintf(expected, sizeof(expected), "\nvfio-device-syspath: %s\n", path);
	snprintf(link, sizeof(link), "/proc/self/fdinfo/%d", t->device);
	info = fopen(link, "re");
	expect_true(info != NULL);
	expect_true(fread(text, 1, sizeof(text) - 1, info) > 0);
	fclose(info);
	expect_true(strstr(text, expected) != NULL);
}

static void a_cdev_can_be_opened_several_times_and_bound_once(void **state)
{
	struct fixture *t = fixture(state);
	int second = need_device(0);

	bind_device(t->device, t->iommu);
	expect_errno(EINVAL, second, VFIO_DEVICE_BIND_IOMMUFD,
		     VFIO_CMD(vfio_device_bind_iommufd, .iommufd = t->iommu));
	expect_errno(EINVAL, second, VFIO_DEVICE_RESET, NULL);
	close(t->device);
	bind_device(second, t->iommu);
}

/* ---- before and after ---- */

static void every_other_ioctl_before_bind_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	const unsigned int commands[] = {
		VFIO_DEVICE_GET_INFO,
		VFIO_DEVICE_GET_REGION_INFO,
		VFIO_DEVICE_GET_IRQ_INFO,
		VFIO_DEVICE_SET_IRQS,
		VFIO_DEVICE_RESET,
		VFIO_DEVICE_FEATURE,
		VFIO_DEVICE_ATTACH_IOMMUFD_PT,
		VFIO_DEVICE_DETACH_IOMMUFD_PT,
		IOMMU_IOAS_ALLOC,
		0x3b7f,
	};

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		expect_errno(EINVAL, t->device, commands[i], NULL);
}

static void read_write_and_mmap_before_bind_are_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	const off_t config = (off_t)VFIO_PCI_CONFIG_REGION_INDEX << 40;
	char byte = 0;

	expect_failed(EINVAL, pread(t->device, &byte, 1, config));
	expect_failed(EINVAL, pwrite(t->device, &byte, 1, config));
	expect_failed(EINVAL, (intptr_t)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, t->device, 0));
}

static void unknown_ioctls_after_bind_are_ENOTTY(void **state)
{
	struct fixture *t = fixture(state);
	const unsigned int numbers[] = {VFIO_GROUP_GET_STATUS,
					VFIO_GET_API_VERSION,
					0x3b7f,
					IOMMU_IOAS_ALLOC,
					0x3b00,
					0x5401};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		expect_errno(ENOTTY, t->device, numbers[i], NULL);
}

/* ---- BIND_IOMMUFD ---- */

static void bind_with_an_unreadable_argsz_is_EFAULT(void **state)
{
	struct fixture *t = fixture(state);

	expect_bind(EFAULT, t, NULL);
	expect_bind(EFAULT, t, mem_of_kind(PAGE, MEM_NONE));
	expect_bind(EFAULT, t, before_hole("\030\0", 3));
}

static void bind_with_argsz_below_16_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_bind_iommufd bind = good(t);

	for (bind.argsz = 0; bind.argsz < 16; bind.argsz++)
		expect_bind(EINVAL, t, before_hole(&bind, sizeof(bind.argsz)));
}

static void bind_takes_an_argsz_of_16(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_bind_iommufd bind = good(t);
	struct vfio_device_bind_iommufd *copy;

	bind.argsz = 16;
	copy = before_hole(&bind, 16);
	expect_bind(0, t, copy);
	expect_equal(copy->out_devid, t->ioas + 1);
}

static void bind_wants_a_readable_tail_of_zeros(void **state)
{
	struct fixture *t = fixture(state);
	struct {
		struct vfio_device_bind_iommufd bind;
		uint8_t tail[64];
	} longer = {.bind = good(t)};

	longer.bind.argsz = sizeof(longer);
	longer.tail[63] = 1;
	expect_bind(E2BIG, t, &longer);
	longer.tail[63] = 0;
	longer.tail[0] = 1;
	longer.bind.flags = UINT32_MAX;
	expect_bind(E2BIG, t, &longer);
	longer.tail[0] = 0;
	longer.bind.flags = 0;
	expect_bind(EFAULT, t, before_hole(&longer, sizeof(longer) - 1));
	longer.tail[40] = 1;
	expect_bind(E2BIG, t, before_hole(&longer, sizeof(longer) - 1));
	longer.tail[40] = 0;
	expect_bind(0, t, before_hole(&longer, sizeof(longer)));
}

static void bind_with_a_negative_iommufd_or_unknown_flags_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_bind_iommufd bind = good(t);

	bind.iommufd = -1;
	expect_bind(EINVAL, t, &bind);
	bind.iommufd = INT32_MIN;
	expect_bind(EINVAL, t, &bind);
	bind = good(t);
	for (unsigned int bit = 1; bit < 32; bit++) {
		bind.flags = 1u << bit;
		expect_bind(EINVAL, t, &bind);
	}
	/* Not even that the iommufd is none comes first. */
	bind.iommufd = 12345;
	expect_bind(EINVAL, t, &bind);
}

static void bind_of_a_bound_file_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_bind_iommufd bind = good(t);

	expect_bind(EINVAL, t, &bind);
	bind.iommufd = open_context();
	expect_bind(EINVAL, t, &bind);
	bind.iommufd = 12345;
	expect_bind(EINVAL, t, &bind);
}

static void bind_with_a_token_for_a_device_without_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_bind_iommufd bind = good(t);
	int probe = need_device(0);
	uint8_t uuid[16] = {1};
	bool edu;

	bind_device(probe, t->iommu);
	edu = is_edu(probe);
	close(probe);
	if (!edu)
		skip_test("the device may have tokens");
	bind.flags = VFIO_DEVICE_BIND_FLAG_TOKEN;
	bind.token_uuid_ptr = (uintptr_t)uuid;
	expect_bind(EINVAL, t, &bind);
	bind.token_uuid_ptr = 0;
	expect_bind(EINVAL, t, &bind);
}

static void bind_to_no_descriptor_is_EBADF(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_bind_iommufd bind = good(t);

	bind.iommufd = 12345;
	expect_bind(EBADF, t, &bind);
	close(t->iommu);
	bind.iommufd = t->iommu;
	expect_bind(EBADF, t, &bind);
}

static void bind_to_another_kind_of_descriptor_is_EBADFD(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_bind_iommufd bind = good(t);

	bind.iommufd = close_later(open("/dev/null", O_RDWR | O_CLOEXEC));
	expect_bind(EBADFD, t, &bind);
	bind.iommufd = mem_file(PAGE);
	expect_bind(EBADFD, t, &bind);
	bind.iommufd = t->device;
	expect_bind(EBADFD, t, &bind);
}

static void bind_of_a_device_bound_through_another_file_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	int other = need_device(0);

	/* [VFIO-BIND.9] comes first. */
	expect_errno(EBADF, other, VFIO_DEVICE_BIND_IOMMUFD,
		     VFIO_CMD(vfio_device_bind_iommufd, .iommufd = 12345));
	expect_errno(EINVAL, other, VFIO_DEVICE_BIND_IOMMUFD,
		     VFIO_CMD(vfio_device_bind_iommufd, .iommufd = t->iommu));
	expect_errno(EINVAL, other, VFIO_DEVICE_BIND_IOMMUFD,
		     VFIO_CMD(vfio_device_bind_iommufd, .iommufd = open_context()));
}

static void bind_with_an_unwritable_out_devid_undoes_all(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_bind_iommufd bind = good(t);

	expect_bind(EFAULT, t, read_only(&bind, sizeof(bind)));
	expect_errno(EINVAL, t->device, VFIO_DEVICE_RESET, NULL);
	expect_equal(new_ioas(t->iommu), t->ioas + 1);
	expect_bind(0, t, &bind);
	expect_equal(bind.out_devid, t->ioas + 2);
}

static void bind_writes_out_devid_only(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_bind_iommufd bind = good(t);

	expect_bind(0, t,
		    at_border(&bind, sizeof(bind),
			      offsetof(struct vfio_device_bind_iommufd, out_devid), MEM_RO,
			      MEM_RW));
}

static void bind_works_again_after_close(void **state)
{
	struct fixture *t = fixture(state);
	int other = open_context();

	for (int i = 0; i < 10; i++) {
		int device = need_device(0);

		expect_equal(bind_device(device, i & 1 ? t->iommu : other), i & 1 ? 2 : 1);
		close(device);
	}
}

int vfio_bind(void)
{
	const struct CMUnitTest tests[] = {
		CASE(cdev, sysfs_has_the_number_of_the_device_node, "VFIO-FILES.4, NODES.3"),
		CASE(cdev, sysfs_leads_from_the_device_to_node_and_group, "VFIO-FILES.4..5"),
		CASE(bound, fdinfo_names_the_device_of_a_descriptor, "VFIO-FILES.6"),
		CASE(cdev, a_cdev_can_be_opened_several_times_and_bound_once, "VFIO-FILES.1"),
		CASE(cdev, every_other_ioctl_before_bind_is_EINVAL, "VFIO-CDEV"),
		CASE(cdev, read_write_and_mmap_before_bind_are_EINVAL, "VFIO-CDEV"),
		CASE(bound, unknown_ioctls_after_bind_are_ENOTTY, "VFIO-CDEV"),
		CASE(cdev, bind_with_an_unreadable_argsz_is_EFAULT, "VFIO-BIND.1"),
		CASE(cdev, bind_with_argsz_below_16_is_EINVAL, "VFIO-BIND.2"),
		CASE(cdev, bind_takes_an_argsz_of_16, "VFIO-BIND"),
		CASE(cdev, bind_wants_a_readable_tail_of_zeros, "VFIO-BIND.3"),
		CASE(cdev, bind_with_a_negative_iommufd_or_unknown_flags_is_EINVAL, "VFIO-BIND.4"),
		CASE(bound, bind_of_a_bound_file_is_EINVAL, "VFIO-BIND.7"),
		CASE(cdev, bind_with_a_token_for_a_device_without_is_EINVAL, "VFIO-BIND.8"),
		CASE(cdev, bind_to_no_descriptor_is_EBADF, "VFIO-BIND.9"),
		CASE(cdev, bind_to_another_kind_of_descriptor_is_EBADFD, "VFIO-BIND.9"),
		CASE(bound, bind_of_a_device_bound_through_another_file_is_EINVAL, "VFIO-BIND.10"),
		CASE(cdev, bind_with_an_unwritable_out_devid_undoes_all, "VFIO-BIND.12"),
		CASE(cdev, bind_writes_out_devid_only, "VFIO-BIND"),
		CASE(cdev, bind_works_again_after_close, "VFIO-BIND"),
	};

	return cmocka_run_group_tests_name("BIND_IOMMUFD", tests, NULL, NULL);
}
