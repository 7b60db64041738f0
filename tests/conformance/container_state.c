/* SPDX-License-Identifier: MIT */
/* The container of VFIO: its states, its groups, SET_IOMMU [TYPE1-CONTAINER], [TYPE1-GROUP]. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "container.h"
#include "edu.h"
#include "groups.h"

static int set_iommu(int container, unsigned long type)
{
	return do_ioctl(container, VFIO_SET_IOMMU, (void *)type);
}

static int extension(int container, unsigned long number)
{
	return do_ioctl(container, VFIO_CHECK_EXTENSION, (void *)number);
}

static uint32_t status(int group)
{
	struct vfio_group_status status = {.argsz = sizeof(status)};

	expect_ok(group, VFIO_GROUP_GET_STATUS, &status);
	return status.flags;
}

/* A group in a container: state G. */
static void enter_group(struct user *user)
{
	user->container = open_container();
	user->group = need_group(0);
	expect_equal(set_container(user->group, user->container), 0);
}

/* ---- the file ---- */

static void the_file_takes_only_ioctls(void **state)
{
	int container = open_container();
	char byte = 0;

	(void)state;
	expect_failed(EINVAL, read(container, &byte, 1));
	expect_failed(EINVAL, write(container, &byte, 1));
	expect_true(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, container, 0) == MAP_FAILED);
	expect_equal(errno, ENODEV);
}

/* ---- commands by state ---- */

static void commands_without_a_driver_are_EINVAL(void **state)
{
	static const unsigned long commands[] = {
		VFIO_IOMMU_GET_INFO,  VFIO_IOMMU_MAP_DMA,
		VFIO_IOMMU_UNMAP_DMA, VFIO_IOMMU_DIRTY_PAGES,
		VFIO_IOMMU_ENABLE,    IOMMU_IOAS_ALLOC,
		0x12345678,
	};
	struct user user;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		expect_equal(do_ioctl(open_container(), commands[i], NULL), -EINVAL);
	enter_group(&user);
	expect_equal(do_ioctl(user.container, VFIO_GET_API_VERSION, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		expect_equal(do_ioctl(user.container, commands[i], NULL), -EINVAL);
}

static void unknown_commands_of_a_driver_are_ENOTTY(void **state)
{
	struct user user;

	(void)state;
	use_container(&user, open_container(), VFIO_TYPE1v2_IOMMU);
	expect_equal(do_ioctl(user.container, VFIO_GET_API_VERSION, NULL), 0);
	expect_equal(do_ioctl(user.container, VFIO_IOMMU_ENABLE, NULL), -ENOTTY);
	expect_equal(do_ioctl(user.container, IOMMU_IOAS_ALLOC, NULL), -ENOTTY);
	expect_equal(do_ioctl(user.container, 0x12345678, NULL), -ENOTTY);
}

static void extensions_depend_on_the_driver(void **state)
{
	struct user user;

	(void)state;
	user.container = open_container();
	for (unsigned long number = 0; number < 32; number++) {
		const bool always = number == VFIO_TYPE1_IOMMU || number == VFIO_TYPE1v2_IOMMU ||
				    number == VFIO_UNMAP_ALL;

		if (number != VFIO_NOIOMMU_IOMMU)
			expect_equal(extension(user.container, number), always);
	}
	expect_equal(extension(user.container, ~0ul), 0);
	expect_equal(extension(user.container, UINT64_C(1) << 32 | VFIO_TYPE1_IOMMU), 0);
	use_container(&user, user.container, VFIO_TYPE1v2_IOMMU);
	expect_equal(extension(user.container, VFIO_TYPE1_IOMMU), 1);
	expect_equal(extension(user.container, VFIO_TYPE1v2_IOMMU), 1);
	expect_equal(extension(user.container, VFIO_UNMAP_ALL), 1);
	expect_equal(extension(user.container, VFIO_UPDATE_VADDR), 1);
	expect_equal(extension(user.container, VFIO_NOIOMMU_IOMMU), 0);
	expect_true(extension(user.container, VFIO_DMA_CC_IOMMU) >= 0);
}

static void set_iommu_checks_in_order(void **state)
{
	struct user user;

	(void)state;
	expect_equal(set_iommu(open_container(), VFIO_TYPE1v2_IOMMU), -EINVAL);
	expect_equal(set_iommu(open_container(), 2), -EINVAL);
	enter_group(&user);
	for (unsigned long type = 0; type < 32; type++) {
		if (type == VFIO_UNMAP_ALL)
			expect_equal(set_iommu(user.container, type), -EINVAL);
		else if (type != VFIO_TYPE1_IOMMU && type != VFIO_TYPE1v2_IOMMU)
			expect_equal(set_iommu(user.container, type), -ENODEV);
	}
	expect_equal(set_iommu(user.container, ~0ul), -ENODEV);
	expect_equal(set_iommu(user.container, VFIO_TYPE1_IOMMU), 0);
	expect_equal(set_iommu(user.container, VFIO_TYPE1_IOMMU), -EINVAL);
	expect_equal(set_iommu(user.container, VFIO_TYPE1v2_IOMMU), -EINVAL);
	expect_equal(set_iommu(user.container, 2), -EINVAL);
}

static void the_last_group_takes_driver_and_mappings_with_it(void **state)
{
	void *memory = mem_pages(PAGE);
	struct user user;

	(void)state;
	use_container(&user, open_container(), VFIO_TYPE1v2_IOMMU);
	expect_equal(map_dma(user.container, DMA_RW, IOVA, memory, PAGE), 0);
	close(user.device);
	expect_ok(user.group, VFIO_GROUP_UNSET_CONTAINER, NULL);
	expect_equal(map_dma(user.container, DMA_RW, IOVA, memory, PAGE), -EINVAL);
	expect_equal(extension(user.container, VFIO_UPDATE_VADDR), 0);
	expect_equal(set_container(user.group, user.container), 0);
	expect_equal(set_iommu(user.container, VFIO_TYPE1_IOMMU), 0);
	expect_equal(map_dma(user.container, DMA_RW, IOVA, memory, PAGE), 0);
}

/* ---- groups ---- */

static void set_container_checks_in_order(void **state)
{
	int file = mem_file(PAGE), fd = -1;
	struct user user;

	(void)state;
	user.group = need_group(0);
	expect_errno(EFAULT, user.group, VFIO_GROUP_SET_CONTAINER, NULL);
	expect_errno(EBADF, user.group, VFIO_GROUP_SET_CONTAINER, &fd);
	expect_equal(set_container(user.group, file), -EBADFD);
	expect_errno(EINVAL, user.group, VFIO_GROUP_UNSET_CONTAINER, NULL);
	expect_equal(status(user.group), VFIO_GROUP_FLAGS_VIABLE);
	user.container = open_container();
	expect_equal(set_container(user.group, user.container), 0);
	expect_equal(status(user.group), VFIO_GROUP_FLAGS_VIABLE | VFIO_GROUP_FLAGS_CONTAINER_SET);
	expect_errno(EBADF, user.group, VFIO_GROUP_SET_CONTAINER, &fd);
	expect_equal(set_container(user.group, user.container), -EINVAL);
	expect_equal(set_container(user.group, file), -EINVAL);
	expect_ok(user.group, VFIO_GROUP_UNSET_CONTAINER, NULL);
	expect_errno(EINVAL, user.group, VFIO_GROUP_UNSET_CONTAINER, NULL);
}

static void unset_container_is_EBUSY_while_a_device_is_open(void **state)
{
	struct user user;
	int again;

	(void)state;
	use_container(&user, open_container(), VFIO_TYPE1v2_IOMMU);
	again = get_device_fd(user.group, device_name(0));
	expect_true(again >= 0);
	expect_errno(EBUSY, user.group, VFIO_GROUP_UNSET_CONTAINER, NULL);
	close(user.device);
	expect_errno(EBUSY, user.group, VFIO_GROUP_UNSET_CONTAINER, NULL);
	close(again);
	expect_ok(user.group, VFIO_GROUP_UNSET_CONTAINER, NULL);
}

static void a_device_is_opened_after_set_iommu(void **state)
{
	struct user user;
	int fd;

	(void)state;
	user.group = need_group(0);
	expect_errno(EFAULT, user.group, VFIO_GROUP_GET_DEVICE_FD, NULL);
	expect_equal(get_device_fd(user.group, "0000:ff:1f.7"), -ENODEV);
	expect_equal(get_device_fd(user.group, device_name(0)), -EINVAL);
	user.container = open_container();
	expect_equal(set_container(user.group, user.container), 0);
	expect_equal(get_device_fd(user.group, device_name(0)), -EINVAL);
	expect_equal(get_device_fd(user.group, "0000:ff:1f.7"), -ENODEV);
	expect_equal(set_iommu(user.container, VFIO_TYPE1_IOMMU), 0);
	fd = get_device_fd(user.group, device_name(0));
	expect_true(fd >= 0);
	close(fd);
}

/* No other descriptor may be opened: the number is chosen before the group is looked at. */
static void open_without_a_number(void *arg)
{
	struct rlimit none = {.rlim_cur = 3, .rlim_max = 3};
	const char *name = device_name(0);
	int group = need_group(0);

	(void)arg;
	expect_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	expect_equal(get_device_fd(group, "0000:ff:1f.7"), -ENODEV);
	expect_equal(get_device_fd(group, name), -EMFILE);
}

static void opening_a_device_without_a_number_is_EMFILE(void **state)
{
	(void)state;
	run_in_child(open_without_a_number, NULL);
}

static void the_fds_may_be_closed_in_any_order(void **state)
{
	struct user user;

	(void)state;
	for (unsigned int order = 0; order < 6; order++) {
		int fds[3];

		use_container(&user, open_container(), VFIO_TYPE1v2_IOMMU);
		fds[0] = dup(user.container);
		fds[1] = dup(user.group);
		fds[2] = dup(user.device);
		expect_equal(map_dma(fds[0], DMA_RW, IOVA, mem_pages(PAGE), PAGE), 0);
		close(user.container);
		close(user.group);
		close(user.device);
		close(fds[order % 3]);
		close(fds[(order + 1 + order / 3) % 3]);
		close(fds[(order + 2 - order / 3) % 3]);
		/* Nothing of it is left. */
		close(need_group(0));
	}
}

/* ---- several groups ---- */

/* The first device in @user's container, and the group of the second one outside of it. */
static void use_first(struct user *user, int *second)
{
	use_container(user, open_container(), VFIO_TYPE1v2_IOMMU);
	*second = need_group(1);
}

static void a_group_that_joins_a_driver_is_attached(void **state)
{
	uint64_t *memory = mem_pages(2 * PAGE);
	struct fixture user_device = {.device = -1};
	struct user user;
	int second;

	(void)state;
	use_first(&user, &second);
	expect_equal(map_dma(user.container, DMA_RW, IOVA, memory, 2 * PAGE), 0);
	expect_equal(set_container(second, user.container), 0);
	user_device.device = get_device_fd(second, device_name(1));
	expect_true(user_device.device >= 0);
	close_later(user_device.device);
	need_edu(&user_device);
	memory[0] = UINT64_C(0x1122334455667788);
	edu_copy(user_device.device, IOVA + PAGE, IOVA, sizeof(memory[0]));
	expect_equal(memory[PAGE / sizeof(memory[0])], memory[0]);
	/* The mapping stays while another group does. */
	close(user_device.device);
	expect_ok(second, VFIO_GROUP_UNSET_CONTAINER, NULL);
	expect_equal(map_dma(user.container, DMA_RW, IOVA, memory, PAGE), -EEXIST);
}

static void a_group_joins_unless_a_mapping_is_where_it_cannot_be(void **state)
{
	/* Outside of the aperture; where the second device has its MSI window. */
	static const uint64_t iovas[] = {UINT64_C(1) << 50, 0x8000000};
	void *memory = mem_pages(PAGE);
	uint64_t size = PAGE;
	struct user user;
	int second;

	(void)state;
	use_first(&user, &second);
	for (size_t i = 0; i < ARRAY_SIZE(iovas); i++) {
		expect_equal(map_dma(user.container, DMA_RW, iovas[i], memory, PAGE), 0);
		expect_equal(set_container(second, user.container), -EINVAL);
		expect_equal(status(second), VFIO_GROUP_FLAGS_VIABLE);
		expect_equal(unmap_dma(user.container, 0, iovas[i], &size), 0);
	}
	expect_equal(set_container(second, user.container), 0);
	for (size_t i = 0; i < ARRAY_SIZE(iovas); i++)
		expect_equal(map_dma(user.container, DMA_RW, iovas[i], memory, PAGE), -EINVAL);
	expect_ok(second, VFIO_GROUP_UNSET_CONTAINER, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(iovas); i++)
		expect_equal(map_dma(user.container, DMA_RW, iovas[i], memory, PAGE), 0);
}

static void a_group_does_not_join_while_an_address_is_invalid(void **state)
{
	uint64_t size = PAGE;
	struct user user;
	int second;

	(void)state;
	use_first(&user, &second);
	expect_equal(map_dma(user.container, DMA_RW, IOVA, mem_pages(PAGE), PAGE), 0);
	expect_equal(unmap_dma(user.container, VFIO_DMA_UNMAP_FLAG_VADDR, IOVA, &size), 0);
	expect_equal(set_container(second, user.container), -EBUSY);
	expect_equal(unmap_dma(user.container, 0, IOVA, &size), 0);
	expect_equal(set_container(second, user.container), 0);
}

static void groups_set_their_driver_together(void **state)
{
	struct user user;
	int second;

	(void)state;
	enter_group(&user);
	second = need_group(1);
	expect_equal(set_container(second, user.container), 0);
	expect_equal(set_iommu(user.container, VFIO_TYPE1v2_IOMMU), 0);
	expect_equal(map_dma(user.container, DMA_RW, 0x8000000, mem_pages(PAGE), PAGE), -EINVAL);
	expect_ok(second, VFIO_GROUP_UNSET_CONTAINER, NULL);
	expect_equal(map_dma(user.container, DMA_RW, 0x8000000, mem_pages(PAGE), PAGE), 0);
}

/* The third device can reach nothing that the second one can. */
static void a_group_that_leaves_nothing_usable_does_not_join(void **state)
{
	int container = open_container(), second = need_group(1), third = need_group(2);

	(void)state;
	expect_equal(set_container(second, container), 0);
	expect_equal(set_container(third, container), 0);
	expect_equal(set_iommu(container, VFIO_TYPE1v2_IOMMU), -EINVAL);
	/* The state is as before. */
	expect_equal(do_ioctl(container, VFIO_IOMMU_GET_INFO, NULL), -EINVAL);
	expect_ok(third, VFIO_GROUP_UNSET_CONTAINER, NULL);
	expect_equal(set_iommu(container, VFIO_TYPE1v2_IOMMU), 0);
	expect_equal(set_container(third, container), -EINVAL);
	expect_equal(status(third), VFIO_GROUP_FLAGS_VIABLE);
}

static void a_group_leaves_others_of_its_page_table_behind(void **state)
{
	int container = open_container(), second = need_group(1), fourth = need_group(3);
	void *memory = mem_pages(PAGE);

	(void)state;
	expect_equal(set_container(second, container), 0);
	expect_equal(set_container(fourth, container), 0);
	expect_equal(set_iommu(container, VFIO_TYPE1v2_IOMMU), 0);
	expect_equal(map_dma(container, DMA_RW, IOVA, memory, PAGE), 0);
	expect_ok(second, VFIO_GROUP_UNSET_CONTAINER, NULL);
	expect_equal(map_dma(container, DMA_RW, IOVA, memory, PAGE), -EEXIST);
	expect_equal(map_dma(container, DMA_RW, 0x8000000, memory, PAGE), -EINVAL);
	expect_equal(set_container(second, container), 0);
}

static void the_iova_keeps_pages_that_are_unmapped(void **state)
{
	const uint64_t value = UINT64_C(0x1122334455667788);
	uint64_t *memory = mem_pages(PAGE), *copy = mem_pages(PAGE);
	struct fixture device = {.device = -1};
	struct user user;

	(void)state;
	use_container(&user, open_container(), VFIO_TYPE1v2_IOMMU);
	device.device = user.device;
	need_edu(&device);
	*memory = value;
	expect_equal(map_dma(user.container, DMA_RW, IOVA, memory, PAGE), 0);
	expect_equal(map_dma(user.container, DMA_RW, IOVA + PAGE, copy, PAGE), 0);
	expect_equal(munmap(memory, PAGE), 0);
	edu_copy(user.device, IOVA + PAGE, IOVA, sizeof(value));
	expect_equal(*(volatile uint64_t *)copy, value);
}

int container_state(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(context, the_file_takes_only_ioctls, "TYPE1-CONTAINER"),
		CASE(context, commands_without_a_driver_are_EINVAL,
		     "TYPE1-STATES.1..2, TYPE1-COMMANDS.1, TYPE1-COMMANDS.4..5, "
		     "TYPE1-DIFFERENCES.1..3"),
		CASE(context, unknown_commands_of_a_driver_are_ENOTTY,
		     "TYPE1-COMMANDS.1, TYPE1-COMMANDS.5, TYPE1-DIFFERENCES.1"),
		CASE(context, extensions_depend_on_the_driver,
		     "TYPE1-COMMANDS.2, TYPE1-EXTENSIONS.1..5, TYPE1-DIFFERENCES.7..8"),
		CASE(context, set_iommu_checks_in_order,
		     "TYPE1-COMMANDS.3, TYPE1-SET-IOMMU.1..3a, TYPE1-DIFFERENCES.4..6"),
		CASE(context, the_last_group_takes_driver_and_mappings_with_it,
		     "TYPE1-STATES.3, TYPE1-DETACH.4, TYPE1-UNSET-CONTAINER.3, "
		     "TYPE1-PROCESSES.5, TYPE1-DIFFERENCES.27"),
		CASE(context, set_container_checks_in_order,
		     "TYPE1-SET-CONTAINER.1..2, TYPE1-SET-CONTAINER.4, "
		     "TYPE1-UNSET-CONTAINER.1, TYPE1-UNSET-CONTAINER.3, TYPE1-GET-STATUS.1"),
		CASE(context, unset_container_is_EBUSY_while_a_device_is_open,
		     "TYPE1-UNSET-CONTAINER.2, TYPE1-DIFFERENCES.10"),
		CASE(context, a_device_is_opened_after_set_iommu,
		     "TYPE1-GET-DEVICE-FD.1..2, TYPE1-GET-DEVICE-FD.3b, TYPE1-GET-DEVICE-FD.5, "
		     "TYPE1-DIFFERENCES.9"),
		CASE(context, opening_a_device_without_a_number_is_EMFILE, "TYPE1-GET-DEVICE-FD.3"),
		CASE(context, the_fds_may_be_closed_in_any_order,
		     "TYPE1-CONTAINER, TYPE1-PROCESSES.5"),
		CASE(context, a_group_that_joins_a_driver_is_attached,
		     "TYPE1-SET-CONTAINER.9, TYPE1-DETACH.2"),
		CASE(context, a_group_joins_unless_a_mapping_is_where_it_cannot_be,
		     "TYPE1-SET-CONTAINER.9, TYPE1-ATTACH.4..5, TYPE1-DETACH.2, "
		     "TYPE1-DIFFERENCES.23"),
		CASE(context, a_group_does_not_join_while_an_address_is_invalid,
		     "TYPE1-ATTACH.1, TYPE1-VADDR.2"),
		CASE(context, a_group_that_leaves_nothing_usable_does_not_join,
		     "TYPE1-SET-IOMMU.4, TYPE1-ATTACH.6, TYPE1-SET-CONTAINER.9"),
		CASE(context, a_group_leaves_others_of_its_page_table_behind, "TYPE1-DETACH.1"),
		CASE(context, the_iova_keeps_pages_that_are_unmapped, "TYPE1-PROCESSES.4"),
		CASE(context, groups_set_their_driver_together, "TYPE1-DETACH.2, TYPE1-IOVA-LIST"),
	};

	return cmocka_run_group_tests_name("container_state", tests, NULL, NULL);
}
