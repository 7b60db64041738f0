/* SPDX-License-Identifier: MIT */
/* HW queues that depend on each other, while the creation of one of them fails. */
#include <pthread.h>
#include <sched.h>

#include "kit.h"

enum {
	YIELDS = 2000,
};

#define IOVA UINT64_C(0x1000000)

static char memory[PAGE] __attribute__((aligned(4096)));

struct rig {
	struct mock_rig mock; /* must be first: the caller */
	uint32_t viommu;
	pthread_t thread;
	bool armed;
	int second; /* result of the creation of the second queue */
};

static int alloc_queue(struct rig *rig, uint32_t index)
{
	return mock_rig_ioctl(&rig->mock, IOMMU_HW_QUEUE_ALLOC,
			      RIG_CMD(iommu_hw_queue_alloc, .viommu_id = rig->viommu,
				      .type = IOMMU_HW_QUEUE_TYPE_SELFTEST, .index = index,
				      .nesting_parent_iova = IOVA, .length = PAGE));
}

static void *alloc_second(void *arg)
{
	struct rig *rig = arg;

	rig->second = alloc_queue(rig, 1);
	return NULL;
}

/*
 * The first queue is complete except for its place in the table when its ID cannot be written back.
 * Meanwhile another thread creates the second.
 */
static int failing_write(struct uiommufd_caller *caller, uint64_t dst, const void *src, size_t len)
{
	struct rig *rig = (struct rig *)caller;

	if (!rig->armed)
		return uiommufd_caller_self()->ops->write(caller, dst, src, len);
	rig->armed = false;
	assert_int_equal(pthread_create(&rig->thread, NULL, alloc_second, rig), 0);
	for (int i = 0; i < YIELDS; i++)
		sched_yield();
	return -EFAULT;
}

static void set_up_viommu(struct rig *rig)
{
	struct iommu_ioas_alloc ioas = {.size = sizeof(ioas)};
	struct iommu_hwpt_alloc parent = {.size = sizeof(parent),
					  .flags = IOMMU_HWPT_ALLOC_NEST_PARENT};
	struct iommu_viommu_alloc viommu = {.size = sizeof(viommu),
					    .type = IOMMU_VIOMMU_TYPE_SELFTEST};
	struct iommu_test_cmd *domain;

	assert_int_equal(mock_rig_ioctl(&rig->mock, IOMMU_IOAS_ALLOC, &ioas), 0);
	domain = RIG_TEST(MOCK_DOMAIN, ioas.out_ioas_id);
	assert_int_equal(mock_rig_ioctl(&rig->mock, IOMMU_TEST_CMD, domain), 0);
	parent.dev_id = viommu.dev_id = domain->mock_domain.out_idev_id;
	parent.pt_id = ioas.out_ioas_id;
	assert_int_equal(mock_rig_ioctl(&rig->mock, IOMMU_HWPT_ALLOC, &parent), 0);
	viommu.hwpt_id = parent.out_hwpt_id;
	assert_int_equal(mock_rig_ioctl(&rig->mock, IOMMU_VIOMMU_ALLOC, &viommu), 0);
	rig->viommu = viommu.out_viommu_id;
	assert_int_equal(
		mock_rig_ioctl(&rig->mock, IOMMU_IOAS_MAP,
			       RIG_CMD(iommu_ioas_map,
				       .flags = IOMMU_IOAS_MAP_FIXED_IOVA |
						IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
				       .ioas_id = ioas.out_ioas_id, .user_va = (uintptr_t)memory,
				       .length = PAGE, .iova = IOVA)),
		0);
}

static void a_queue_never_depends_on_one_whose_creation_fails(void **state)
{
	struct rig rig = {.second = -1};

	(void)state;
	mock_rig_init(&rig.mock);
	rig.mock.ops.write = failing_write;
	set_up_viommu(&rig);
	rig.armed = true;
	assert_int_equal(alloc_queue(&rig, 0), -EFAULT);
	pthread_join(rig.thread, NULL);
	assert_int_equal(rig.second, -EIO);
	/* Nothing is left of either. */
	assert_int_equal(alloc_queue(&rig, 0), 0);
	assert_int_equal(alloc_queue(&rig, 1), 0);
	mock_rig_release(&rig.mock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_queue_never_depends_on_one_whose_creation_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
