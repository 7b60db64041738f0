/* SPDX-License-Identifier: MIT */
/* The device node and the operations of its descriptors [NODES]. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "conformance.h"
#include "groups.h"

static void dev_iommu_is_a_misc_character_device(void **state)
{
	struct fixture *t = fixture(state);
	struct stat node, file;

	expect_equal(stat("/dev/iommu", &node), 0);
	expect_equal(fstat(t->iommu, &file), 0);
	expect_true(S_ISCHR(node.st_mode));
	expect_equal(major(node.st_rdev), 10);
	expect_equal(file.st_rdev, node.st_rdev);
}

static void each_open_is_a_new_context(void **state)
{
	struct fixture *t = fixture(state);
	int other = open_context();

	expect_errno(ENOENT, other, IOMMU_DESTROY, CMD(iommu_destroy, .id = t->ioas));
	destroy(t->iommu, t->ioas);
}

static void the_vfio_container_is_a_context(void **state)
{
	int fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	struct stat file;

	(void)state;
	if (fd < 0)
		skip_test("no /dev/vfio/vfio");
	close_later(fd);
	expect_equal(fstat(fd, &file), 0);
	expect_true(S_ISCHR(file.st_mode));
	expect_equal(file.st_rdev, makedev(10, 196));
	expect_equal(new_ioas(fd), 1);
}

static void proc_lists_the_nodes(void **state)
{
	struct fixture *t = fixture(state);
	int container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);

	expect_fd_name(t->iommu, "/dev/iommu");
	if (container >= 0)
		expect_fd_name(close_later(container), "/dev/vfio/vfio");
}

static void descriptors_made_by_dup_share_the_context(void **state)
{
	struct fixture *t = fixture(state);
	int copy = close_later(dup(t->iommu));
	int second = close_later(fcntl(t->iommu, F_DUPFD_CLOEXEC, 100));

	close(t->iommu);
	map_at(copy, t->ioas, RW, IOVA, mem_pages(PAGE), PAGE);
	unmap(second, t->ioas, IOVA, PAGE);
	close(copy);
	destroy(second, t->ioas);
}

static void read_and_write_of_the_iommufd_are_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	char byte = 0;

	expect_failed(EINVAL, read(t->iommu, &byte, 1));
	expect_failed(EINVAL, write(t->iommu, &byte, 1));
}

static void ioctls_of_a_closed_descriptor_are_EBADF(void **state)
{
	struct fixture *t = fixture(state);

	close(t->iommu);
	expect_errno(EBADF, t->iommu, IOMMU_IOAS_ALLOC, CMD(iommu_ioas_alloc));
}

int model_nodes(void)
{
	const struct CMUnitTest tests[] = {
		CASE(context, dev_iommu_is_a_misc_character_device, "NODES.1"),
		CASE(context, the_vfio_container_is_a_context, "NODES.2, VFIO-FILES.3"),
		CASE(context, proc_lists_the_nodes, "NODES"),
		CASE(ioas, each_open_is_a_new_context, "NODES.1"),
		CASE(ioas, descriptors_made_by_dup_share_the_context, "CONVENTIONS"),
		CASE(context, read_and_write_of_the_iommufd_are_EINVAL, "NODES"),
		CASE(context, ioctls_of_a_closed_descriptor_are_EBADF, "NODES"),
	};

	return cmocka_run_group_tests_name("nodes", tests, NULL, NULL);
}
