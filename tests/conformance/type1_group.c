/* SPDX-License-Identifier: MIT */
/* Groups, and devices opened through them [VFIO-GROUP]. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "container.h"
#include "edu.h"
#include "groups.h"

static uint32_t status(int group)
{
	struct vfio_group_status status = {.argsz = sizeof(status)};

	expect_ok(group, VFIO_GROUP_GET_STATUS, &status);
	return status.flags;
}

/* ---- the node ---- */

static void opening_a_group_twice_is_EBUSY(void **state)
{
	int group = need_group(0);

	(void)state;
	expect_failed(EBUSY, open_group(0));
	close(group);
	need_group(0);
}

static void opening_a_group_is_EBUSY_while_a_cdev_of_it_is_bound(void **state)
{
	struct fixture *t = fixture(state);

	bind_device(t->device, t->iommu);
	expect_failed(EBUSY, open_group(0));
	close(t->device);
	need_group(0);
}

static void bind_is_EBUSY_while_the_group_is_open(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = 0x7fff};
	int group = need_group(0);

	/* This is tested before the descriptor, [VFIO-BIND.9]. */
	expect_errno(EBUSY, t->device, VFIO_DEVICE_BIND_IOMMUFD, &bind);
	close(group);
	expect_errno(EBADF, t->device, VFIO_DEVICE_BIND_IOMMUFD, &bind);
	/* What failed does not keep the group closed. */
	close(need_group(0));
	bind_device(t->device, t->iommu);
}

static void device_descriptors_keep_the_group_open(void **state)
{
	struct fixture *t = fixture(state);
	struct user user;

	use_container(&user, open_container(), VFIO_TYPE1v2_IOMMU);
	close(user.group);
	close(user.container);
	expect_failed(EBUSY, open_group(0));
	expect_errno(EBUSY, t->device, VFIO_DEVICE_BIND_IOMMUFD,
		     VFIO_CMD(vfio_device_bind_iommufd, .iommufd = t->iommu));
	expect_ok(user.device, VFIO_DEVICE_RESET, NULL);
	close(user.device);
	need_group(0);
}

static void other_commands_on_a_group_are_ENOTTY(void **state)
{
	const unsigned int commands[] = {VFIO_GET_API_VERSION, VFIO_IOMMU_MAP_DMA,
					 VFIO_DEVICE_GET_INFO, IOMMU_IOAS_ALLOC, 0x3b7f};
	int group = need_group(0);
	char byte = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		expect_errno(ENOTTY, group, commands[i], NULL);
	expect_failed(EINVAL, read(group, &byte, 1));
	expect_failed(EINVAL, write(group, &byte, 1));
}

/* ---- GET_STATUS ---- */

static void group_get_status_checks_its_argument(void **state)
{
	struct vfio_group_status cmd = {.argsz = 7};
	int group = need_group(0);

	(void)state;
	expect_errno(EFAULT, group, VFIO_GROUP_GET_STATUS, NULL);
	expect_errno(EFAULT, group, VFIO_GROUP_GET_STATUS, before_hole(&cmd, 7));
	expect_errno(EINVAL, group, VFIO_GROUP_GET_STATUS, &cmd);
	cmd.argsz = 8;
	expect_errno(EFAULT, group, VFIO_GROUP_GET_STATUS, read_only(&cmd, sizeof(cmd)));
}

static void group_get_status_says_whether_there_is_a_container(void **state)
{
	const uint32_t both = VFIO_GROUP_FLAGS_VIABLE | VFIO_GROUP_FLAGS_CONTAINER_SET;
	struct user user;

	(void)state;
	user.group = need_group(0);
	expect_equal(status(user.group), VFIO_GROUP_FLAGS_VIABLE);
	close(user.group);
	use_container(&user, open_container(), VFIO_TYPE1v2_IOMMU);
	expect_equal(status(user.group), both);
	expect_ok(user.group, VFIO_GROUP_UNSET_CONTAINER, NULL);
	/* The device is still bound. */
	expect_equal(status(user.group), 0);
	close(user.device);
	expect_equal(status(user.group), VFIO_GROUP_FLAGS_VIABLE);
}

/* ---- SET_CONTAINER, UNSET_CONTAINER ---- */

static void set_container_checks_its_argument(void **state)
{
	int group = need_group(0), other = mem_file(PAGE);

	(void)state;
	expect_errno(EFAULT, group, VFIO_GROUP_SET_CONTAINER, NULL);
	expect_equal(set_container(group, 0x7fff), -EBADF);
	expect_equal(set_container(group, -1), -EBADF);
	expect_equal(set_container(group, other), -EBADFD);
	expect_equal(set_container(group, group), -EBADFD);
	expect_equal(set_container(group, open_container()), 0);
	expect_equal(set_container(group, open_container()), -EINVAL);
	expect_equal(set_container(group, other), -EINVAL);
	expect_equal(set_container(group, 0x7fff), -EBADF);
}

static void unset_container_is_EINVAL_without_one(void **state)
{
	int group = need_group(0);

	(void)state;
	expect_errno(EINVAL, group, VFIO_GROUP_UNSET_CONTAINER, NULL);
	expect_equal(set_container(group, open_container()), 0);
	expect_ok(group, VFIO_GROUP_UNSET_CONTAINER, NULL);
	expect_errno(EINVAL, group, VFIO_GROUP_UNSET_CONTAINER, NULL);
	expect_equal(set_container(group, open_container()), 0);
}

static void set_container_gives_an_iommufd_a_compat_ioas(void **state)
{
	struct fixture *t = *state;
	struct iommu_vfio_ioas cmd = {.size = sizeof(cmd), .op = IOMMU_VFIO_IOAS_GET};
	int group = need_group(0);

	expect_errno(ENODEV, t->iommu, IOMMU_VFIO_IOAS, &cmd);
	expect_equal(set_container(group, t->iommu), 0);
	expect_ok(t->iommu, IOMMU_VFIO_IOAS, &cmd);
	/* It is like any other. */
	destroy(t->iommu, cmd.ioas_id);
	expect_errno(ENODEV, t->iommu, IOMMU_VFIO_IOAS, &cmd);
	expect_equal(get_device_fd(group, device_name(0)), -ENODEV);
}

static void set_container_leaves_an_existing_compat_ioas(void **state)
{
	struct fixture *t = *state;
	uint32_t ioas = new_ioas(t->iommu);
	struct iommu_vfio_ioas cmd = {
		.size = sizeof(cmd), .ioas_id = ioas, .op = IOMMU_VFIO_IOAS_SET};
	int group = need_group(0);

	expect_ok(t->iommu, IOMMU_VFIO_IOAS, &cmd);
	expect_equal(set_container(group, t->iommu), 0);
	cmd.op = IOMMU_VFIO_IOAS_GET;
	cmd.ioas_id = 0;
	expect_ok(t->iommu, IOMMU_VFIO_IOAS, &cmd);
	expect_equal(cmd.ioas_id, ioas);
}

/* ---- GET_DEVICE_FD ---- */

static void get_device_fd_checks_its_argument(void **state)
{
	int group = need_group(0);
	char *name = mem_pages(2 * PAGE);

	(void)state;
	expect_equal(get_device_fd(group, NULL), -EFAULT);
	expect_equal(get_device_fd(group, before_hole("0000", 4)), -EFAULT);
	memset(name, 'x', 2 * PAGE - 1);
	expect_equal(get_device_fd(group, name), -EINVAL);
	/* 4096 bytes with the NUL are allowed. */
	name[PAGE - 1] = '\0';
	expect_equal(get_device_fd(group, name), -ENODEV);
	name[PAGE - 1] = 'x';
	name[PAGE] = '\0';
	expect_equal(get_device_fd(group, name), -EINVAL);
	expect_equal(get_device_fd(group, ""), -ENODEV);
	expect_equal(get_device_fd(group, "ffff:ff:1f.7"), -ENODEV);
	/* A device that is there comes before a container that is not. */
	expect_equal(get_device_fd(group, device_name(0)), -EINVAL);
	name = before_hole(device_name(0), strlen(device_name(0)) + 1);
	expect_equal(get_device_fd(group, name), -EINVAL);
}

static void get_device_fd_of_a_device_of_another_group_is_ENODEV(void **state)
{
	int group = need_group(0);

	(void)state;
	if (group_number(0) == group_number(1))
		skip_test("both devices are in one group");
	expect_equal(set_container(group, open_container()), 0);
	expect_equal(get_device_fd(group, device_name(1)), -ENODEV);
}

static void get_device_fd_returns_a_read_write_close_on_exec_descriptor(void **state)
{
	struct user user;

	(void)state;
	use_container(&user, open_container(), VFIO_TYPE1v2_IOMMU);
	expect_equal(fcntl(user.device, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	expect_equal(config_read(user.device, 0, 2) != 0xffff, true);
}

static void repeated_calls_of_get_device_fd_share_one_binding(void **state)
{
	struct user user;
	int second;

	(void)state;
	use_container(&user, open_container(), VFIO_TYPE1v2_IOMMU);
	second = close_later(get_device_fd(user.group, device_name(0)));
	expect_true(second >= 0 && second != user.device);
	config_write(user.device, 4, 2, 6);
	expect_equal(config_read(second, 4, 2) & 6, 6);
	close(user.device);
	expect_ok(second, VFIO_DEVICE_RESET, NULL);
	expect_equal(status(user.group) & VFIO_GROUP_FLAGS_CONTAINER_SET, 2);
	/* Nobody has powered the device up again meanwhile. */
	expect_equal(config_read(second, 4, 2) & 6, 6);
}

static void device_descriptors_of_a_group_do_not_know_attach_detach_and_bind(void **state)
{
	struct fixture *t = *state;
	struct user user;

	use_container(&user, open_container(), VFIO_TYPE1v2_IOMMU);
	expect_errno(ENOTTY, user.device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, NULL);
	expect_errno(ENOTTY, user.device, VFIO_DEVICE_DETACH_IOMMUFD_PT, NULL);
	expect_errno(EFAULT, user.device, VFIO_DEVICE_BIND_IOMMUFD, NULL);
	expect_errno(EINVAL, user.device, VFIO_DEVICE_BIND_IOMMUFD,
		     VFIO_CMD(vfio_device_bind_iommufd, .iommufd = t->iommu));
}

static void a_device_of_a_group_does_dma_in_the_ioas_of_the_container(void **state)
{
	struct fixture *t = *state;
	uint64_t *from = mem_pages(PAGE), *to = mem_pages(PAGE);
	struct user user;

	use_container(&user, open_container(), VFIO_TYPE1v2_IOMMU);
	t->device = user.device;
	need_edu(t);
	expect_equal(map_dma(user.container, VFIO_DMA_MAP_FLAG_READ, IOVA, from, PAGE), 0);
	expect_equal(map_dma(user.container, VFIO_DMA_MAP_FLAG_WRITE, 2 * IOVA, to, PAGE), 0);
	*from = 0x1122334455667788;
	edu_copy(user.device, 2 * IOVA, IOVA, 8);
	expect_equal(*(volatile uint64_t *)to, 0x1122334455667788);
	/* The container may be closed before the device. */
	close(user.container);
	*from = 99;
	edu_copy(user.device, 2 * IOVA, IOVA, 8);
	expect_equal(*(volatile uint64_t *)to, 99);
}

static void the_container_of_a_group_may_be_an_iommufd_with_vfio_ioas(void **state)
{
	struct fixture *t = *state;
	uint32_t ioas = new_ioas(t->iommu);
	uint64_t *memory = mem_pages(PAGE);
	struct user user;

	expect_ok(t->iommu, IOMMU_VFIO_IOAS,
		  CMD(iommu_vfio_ioas, .ioas_id = ioas, .op = IOMMU_VFIO_IOAS_SET));
	use_container(&user, t->iommu, VFIO_TYPE1v2_IOMMU);
	t->device = user.device;
	t->ioas = ioas;
	need_edu(t);
	edu_scratch(t);
	*memory = 5;
	/* Both interfaces see one address space. */
	expect_equal(map_dma(t->iommu, DMA_RW, IOVA, memory, PAGE), 0);
	expect_equal(edu_peek(user.device, IOVA), 5);
	expect_true(is_mapped(t->iommu, ioas, IOVA));
	unmap(t->iommu, ioas, IOVA, PAGE);
	expect_errno(EBUSY, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = ioas));
}

/* ---- two devices in one group ---- */

/* The index of a device that is in a group with the next one. */
static unsigned int pair(void)
{
	for (unsigned int i = 0; i < 4; i++) {
		if (group_number(i) == group_number(i + 1))
			return i;
	}
	skip_test("no two devices are in one group");
}

static void both_devices_of_a_group_come_from_one_group_file(void **state)
{
	unsigned int first = pair();
	int group = need_group(first), container = open_container();
	int a, b;

	(void)state;
	expect_equal(set_container(group, container), 0);
	a = close_later(get_device_fd(group, device_name(first)));
	b = close_later(get_device_fd(group, device_name(first + 1)));
	expect_true(a >= 0 && b >= 0);
	close(a);
	expect_failed(EBUSY, open_group(first + 1));
	expect_ok(b, VFIO_DEVICE_GET_INFO, VFIO_CMD(vfio_device_info));
}

static void a_bound_cdev_of_one_device_keeps_the_group_from_the_other(void **state)
{
	struct fixture *t = *state;
	unsigned int first = pair();
	int device = need_device(first);

	bind_device(device, t->iommu);
	expect_failed(EBUSY, open_group(first + 1));
	/* Another context gets nothing of the group; the same one does. */
	expect_errno(EPERM, need_device(first + 1), VFIO_DEVICE_BIND_IOMMUFD,
		     VFIO_CMD(vfio_device_bind_iommufd, .iommufd = open_context()));
	bind_device(need_device(first + 1), t->iommu);
}

int type1_group(void)
{
	const struct CMUnitTest tests[] = {
		CASE(context, opening_a_group_twice_is_EBUSY, "VFIO-GROUP, NODES.4, VFIO-FILES.2"),
		CASE(cdev, opening_a_group_is_EBUSY_while_a_cdev_of_it_is_bound, "VFIO-GROUP"),
		CASE(cdev, bind_is_EBUSY_while_the_group_is_open, "VFIO-BIND.6"),
		CASE(cdev, device_descriptors_keep_the_group_open, "VFIO-GROUP"),
		CASE(context, other_commands_on_a_group_are_ENOTTY, "VFIO-GROUP.5"),
		CASE(context, group_get_status_checks_its_argument, "VFIO-GROUP.1"),
		CASE(context, group_get_status_says_whether_there_is_a_container, "VFIO-GROUP.1"),
		CASE(context, set_container_checks_its_argument, "VFIO-GROUP.2"),
		CASE(context, unset_container_is_EINVAL_without_one, "VFIO-GROUP.3"),
		CASE(context, set_container_gives_an_iommufd_a_compat_ioas,
		     "VFIO-GROUP.2, OBJECTS.1"),
		CASE(context, set_container_leaves_an_existing_compat_ioas, "VFIO-GROUP.2"),
		CASE(context, get_device_fd_checks_its_argument, "VFIO-GROUP.4"),
		CASE(context, get_device_fd_of_a_device_of_another_group_is_ENODEV, "VFIO-GROUP.4"),
		CASE(context, get_device_fd_returns_a_read_write_close_on_exec_descriptor,
		     "VFIO-GROUP"),
		CASE(context, repeated_calls_of_get_device_fd_share_one_binding, "VFIO-GROUP.4"),
		CASE(context, device_descriptors_of_a_group_do_not_know_attach_detach_and_bind,
		     "VFIO-GROUP, VFIO-BIND.5"),
		CASE(context, a_device_of_a_group_does_dma_in_the_ioas_of_the_container,
		     "VFIO-GROUP"),
		CASE(context, the_container_of_a_group_may_be_an_iommufd_with_vfio_ioas,
		     "VFIO-GROUP"),
		CASE(context, both_devices_of_a_group_come_from_one_group_file, "VFIO-GROUP"),
		CASE(context, a_bound_cdev_of_one_device_keeps_the_group_from_the_other,
		     "VFIO-GROUP"),
	};

	return cmocka_run_group_tests_name("groups", tests, NULL, NULL);
}
