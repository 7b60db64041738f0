/* SPDX-License-Identifier: MIT */
/* Attachments of devices that share a group [BIND], [GROUP], [ATTACH], [REPLACE]. */
#include <errno.h>
#include <unistd.h>

#include "container.h"
#include "groups.h"

/* The files and IDs of two devices in one group, bound to the fixture's context. */
static int first, second;
static uint32_t first_id;

static int setup_pair(void **state)
{
	struct fixture *t;

	if (setup_ioas(state))
		return -1;
	t = *state;
	t->missing = true;
	for (unsigned int i = 0; i < 4 && t->missing; i++) {
		first = open_device(i);
		second = open_device(i + 1);
		if (first >= 0)
			close_later(first);
		if (second < 0)
			break;
		close_later(second);
		t->missing = group_number(i) != group_number(i + 1);
	}
	if (!t->missing) {
		first_id = bind_device(first, t->iommu);
		bind_device(second, t->iommu);
	}
	return 0;
}

static struct fixture *pair_fixture(void **state)
{
	struct fixture *t = *state;

	if (t->missing)
		skip_test("no two devices are in one group");
	return t;
}

static void attach_errno(int error, int device, uint32_t pt_id)
{
	expect_errno(error, device, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
		     VFIO_CMD(vfio_device_attach_iommufd_pt, .pt_id = pt_id));
}

static void expect_destroy(int error, const struct fixture *t, uint32_t id)
{
	expect_errno(error, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = id));
}

static uint32_t manual_table(const struct fixture *t, uint32_t ioas)
{
	struct iommu_hwpt_alloc cmd = {.size = sizeof(cmd), .dev_id = first_id, .pt_id = ioas};

	expect_ok(t->iommu, IOMMU_HWPT_ALLOC, &cmd);
	return cmd.out_hwpt_id;
}

static void the_second_device_of_a_group_joins_and_holds_its_hwpt(void **state)
{
	struct fixture *t = pair_fixture(state);
	uint32_t hwpt = attach_device(first, t->ioas);

	expect_equal(attach_device(second, t->ioas), hwpt);
	detach_device(first);
	expect_destroy(EBUSY, t, hwpt);
	detach_device(second);
	expect_destroy(ENOENT, t, hwpt);
}

static void reserved_regions_of_a_group_stay_until_its_last_device_leaves(void **state)
{
	struct fixture *t = pair_fixture(state);
	uint32_t hwpt = manual_table(t, t->ioas);
	uint32_t before = iova_ranges(t->iommu, t->ioas, NULL, 0, NULL), attached;

	attach_device(first, hwpt);
	attached = iova_ranges(t->iommu, t->ioas, NULL, 0, NULL);
	attach_device(second, hwpt);
	detach_device(first);
	expect_equal(iova_ranges(t->iommu, t->ioas, NULL, 0, NULL), attached);
	detach_device(second);
	expect_equal(iova_ranges(t->iommu, t->ioas, NULL, 0, NULL), before);
}

static void a_group_is_attached_to_one_hwpt(void **state)
{
	struct fixture *t = pair_fixture(state);
	uint32_t hwpt = attach_device(first, t->ioas), other = new_ioas(t->iommu);
	uint32_t manual = manual_table(t, t->ioas);

	attach_errno(EINVAL, second, other);
	attach_errno(EINVAL, second, manual);
	/* Nothing is left of the attempts. */
	destroy(t->iommu, manual);
	destroy(t->iommu, other);
	expect_equal(attach_device(second, t->ioas), hwpt);
}

static void attaching_to_an_ioas_does_not_choose_the_manual_hwpt_of_the_group(void **state)
{
	struct fixture *t = pair_fixture(state);
	uint32_t manual = manual_table(t, t->ioas), next;

	attach_device(first, manual);
	attach_errno(EINVAL, second, t->ioas);
	next = new_ioas(t->iommu);
	expect_equal(next, manual + 1);
	attach_device(second, manual);
}

static void replace_by_one_device_moves_the_group(void **state)
{
	struct fixture *t = pair_fixture(state);
	uint32_t hwpt = attach_device(first, t->ioas), other = new_ioas(t->iommu), moved;
	uint32_t attached = iova_ranges(t->iommu, t->ioas, NULL, 0, NULL);

	attach_device(second, t->ioas);
	moved = attach_device(first, other);
	expect_destroy(ENOENT, t, hwpt);
	expect_equal(iova_ranges(t->iommu, t->ioas, NULL, 0, NULL), 1);
	expect_equal(iova_ranges(t->iommu, other, NULL, 0, NULL), attached);
	/* The second holds the new one, too. */
	detach_device(first);
	expect_destroy(EBUSY, t, moved);
	expect_equal(iova_ranges(t->iommu, other, NULL, 0, NULL), attached);
	detach_device(second);
	expect_destroy(ENOENT, t, moved);
	destroy(t->iommu, other);
	destroy(t->iommu, t->ioas);
}

static void a_refused_replace_moves_no_device_of_the_group(void **state)
{
	struct fixture *t = pair_fixture(state);
	uint32_t hwpt = attach_device(first, t->ioas), other = new_ioas(t->iommu);
	struct iommu_iova_range gap;

	attach_device(second, t->ioas);
	if (!reserved_gap(t->iommu, t->ioas, &gap))
		skip_test("the devices reserve nothing");
	map_at(t->iommu, other, RW, gap.start, mem_pages(PAGE), PAGE);
	attach_errno(EADDRINUSE, first, other);
	attach_errno(EADDRINUSE, second, other);
	unmap(t->iommu, other, gap.start, PAGE);
	destroy(t->iommu, other);
	expect_destroy(EBUSY, t, hwpt);
	detach_device(first);
	expect_destroy(EBUSY, t, hwpt);
}

static void a_group_belongs_to_one_context(void **state)
{
	struct fixture *t = pair_fixture(state);
	unsigned int index = 0;
	int device;

	while (group_number(index) != group_number(index + 1))
		index++;
	close(second);
	device = need_device(index + 1);
	expect_errno(EPERM, device, VFIO_DEVICE_BIND_IOMMUFD,
		     VFIO_CMD(vfio_device_bind_iommufd, .iommufd = open_context()));
	bind_device(device, t->iommu);
}

int group_attach(void)
{
	const struct CMUnitTest tests[] = {
		CASE(pair, the_second_device_of_a_group_joins_and_holds_its_hwpt,
		     "GROUP, DEVICE.2"),
		CASE(pair, reserved_regions_of_a_group_stay_until_its_last_device_leaves, "GROUP"),
		CASE(pair, a_group_is_attached_to_one_hwpt, "ATTACH.4"),
		CASE(pair, attaching_to_an_ioas_does_not_choose_the_manual_hwpt_of_the_group,
		     "ATTACH"),
		CASE(pair, replace_by_one_device_moves_the_group, "REPLACE"),
		CASE(pair, a_refused_replace_moves_no_device_of_the_group, "REPLACE.5"),
		CASE(pair, a_group_belongs_to_one_context, "BIND.5, VFIO-BIND.11"),
	};

	return cmocka_run_group_tests_name("devices of one group", tests, NULL, NULL);
}
