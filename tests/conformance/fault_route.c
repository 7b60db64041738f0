/* SPDX-License-Identifier: MIT */
/* Which queue a fault goes to [FAULT-ROUTING]. */
#include <errno.h>
#include <unistd.h>

#include "groups.h"
#include "nested.h"

#define NOBODY UINT32_MAX

/* Two queues, and a device with PASIDs whose RID goes through a table that allows them. */
static struct queue queues[2];
static struct mock device;

static int setup_queues(void **state)
{
	struct fixture *t;

	if (setup_nested(state))
		return -1;
	t = *state;
	queues[0] = new_fault_queue(t->iommu);
	queues[1] = new_fault_queue(t->iommu);
	t->hwpt = new_hwpt(t->iommu, mock.idev, t->ioas, IOMMU_HWPT_ALLOC_PASID);
	device = add_mock(t->iommu, t->hwpt, MOCK_DEVICE_PASID);
	return 0;
}

/* A paging table with a fault queue. */
static uint32_t paging(const struct fixture *t, uint32_t fault)
{
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_HWPT_ALLOC_PASID | IOMMU_HWPT_FAULT_ID_VALID,
		.dev_id = mock.idev,
		.pt_id = t->ioas,
		.fault_id = fault,
	};

	expect_ok(t->iommu, IOMMU_HWPT_ALLOC, &cmd);
	return cmd.out_hwpt_id;
}

static uint32_t nested_with(const struct fixture *t, uint32_t fault)
{
	return faulting_hwpt(t->iommu, mock.idev, nested.parent, IOMMU_HWPT_ALLOC_PASID, fault);
}

static void attach_pasid(const struct fixture *t, uint32_t pasid, uint32_t hwpt)
{
	test_ok(t->iommu, PASID_ATTACH, device.stdev,
		.pasid_attach = {.pasid = pasid, .pt_id = hwpt});
}

/* A fault of @pasid (0: none) comes to queue @at, or to nobody. */
static void expect_route(const struct fixture *t, uint32_t pasid, uint32_t at)
{
	static uint32_t grpid;
	struct iommu_hwpt_pgfault record;

	test_ok(t->iommu, TRIGGER_IOPF, 0,
		.trigger_iopf = {.dev_id = device.idev, .pasid = pasid, .grpid = ++grpid});
	for (uint32_t i = 0; i < ARRAY_SIZE(queues); i++) {
		size_t bytes = i == at ? sizeof(record) : 0;

		expect_equal(read(queues[i].fd, &record, sizeof(record)), bytes);
		if (i != at)
			continue;
		expect_equal(record.dev_id, device.idev);
		expect_equal(record.grpid, grpid);
		expect_equal(record.pasid, pasid);
		expect_equal(record.flags & IOMMU_PGFAULT_FLAGS_PASID_VALID, pasid ? 1 : 0);
	}
}

static void a_hwpt_without_a_queue_takes_no_faults(void **state)
{
	struct fixture *t = fixture(state);

	expect_route(t, 0, NOBODY);
	attach_pasid(t, 5, t->hwpt);
	expect_route(t, 5, NOBODY);
	expect_route(t, 6, NOBODY);
}

static void a_fault_without_pasid_goes_to_the_rids_queue(void **state)
{
	struct fixture *t = fixture(state);

	move_mock(t->iommu, device.stdev, paging(t, queues[0].id));
	expect_route(t, 0, 0);
	move_mock(t->iommu, device.stdev, nested_with(t, queues[1].id));
	expect_route(t, 0, 1);
	move_mock(t->iommu, device.stdev, t->hwpt);
	expect_route(t, 0, NOBODY);
}

static void a_fault_with_pasid_goes_to_the_queue_of_its_pasid(void **state)
{
	struct fixture *t = fixture(state);

	move_mock(t->iommu, device.stdev, nested_with(t, queues[0].id));
	attach_pasid(t, 5, paging(t, queues[1].id));
	expect_route(t, 5, 1);
	expect_route(t, 0, 0);
	/* That it has no queue does not make it the RID's. */
	attach_pasid(t, 6, t->hwpt);
	expect_route(t, 6, NOBODY);
}

static void faults_of_unattached_pasids_go_to_a_nested_rid(void **state)
{
	struct fixture *t = fixture(state);

	move_mock(t->iommu, device.stdev, nested_with(t, queues[0].id));
	expect_route(t, 7, 0);
	move_mock(t->iommu, device.stdev, paging(t, queues[1].id));
	expect_route(t, 7, NOBODY);
}

static void a_detached_pasid_has_no_fault_queue(void **state)
{
	struct fixture *t = fixture(state);

	attach_pasid(t, 5, paging(t, queues[0].id));
	expect_route(t, 5, 0);
	test_ok(t->iommu, PASID_DETACH, device.stdev, .pasid_detach.pasid = 5);
	expect_route(t, 5, NOBODY);
}

static void hwpts_and_devices_share_a_fault_queue(void **state)
{
	struct fixture *t = fixture(state);
	struct mock other = add_mock(t->iommu, nested_with(t, queues[0].id), 0);
	struct iommu_hwpt_pgfault records[3];

	move_mock(t->iommu, device.stdev, paging(t, queues[0].id));
	test_ok(t->iommu, TRIGGER_IOPF, 0, .trigger_iopf = {.dev_id = other.idev, .grpid = 1});
	test_ok(t->iommu, TRIGGER_IOPF, 0, .trigger_iopf = {.dev_id = device.idev, .grpid = 1});
	test_ok(t->iommu, TRIGGER_IOPF, 0, .trigger_iopf = {.dev_id = other.idev, .grpid = 2});
	/* In the order in which they were complete. */
	expect_equal(read(queues[0].fd, records, sizeof(records)), sizeof(records));
	expect_equal(records[0].dev_id, other.idev);
	expect_equal(records[1].dev_id, device.idev);
	expect_equal(records[2].dev_id, other.idev);
	expect_equal(records[1].grpid, 1);
	expect_equal(records[2].grpid, 2);
	for (uint32_t i = 0; i < 3; i++)
		expect_equal(records[i].cookie, i + 1);
}

static void a_pasids_faults_end_with_its_attachment_only(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_hwpt_page_response response = {.cookie = 2};
	uint32_t one = paging(t, queues[0].id), two = paging(t, queues[0].id);
	struct iommu_hwpt_pgfault records[2];

	move_mock(t->iommu, device.stdev, one);
	attach_pasid(t, 5, one);
	test_ok(t->iommu, TRIGGER_IOPF, 0, .trigger_iopf = {.dev_id = device.idev, .pasid = 5});
	test_ok(t->iommu, TRIGGER_IOPF, 0, .trigger_iopf = {.dev_id = device.idev});
	expect_equal(read(queues[0].fd, records, sizeof(records)), sizeof(records));
	test_ok(t->iommu, PASID_REPLACE, device.stdev, .pasid_attach = {.pasid = 5, .pt_id = two});
	response.cookie = records[0].cookie;
	expect_failed(EINVAL, write(queues[0].fd, &response, sizeof(response)));
	response.cookie = records[1].cookie;
	expect_equal(write(queues[0].fd, &response, sizeof(response)), sizeof(response));
}

int fault_route(void)
{
	const struct CMUnitTest tests[] = {
		CASE(queues, a_hwpt_without_a_queue_takes_no_faults, "FAULT-ROUTING"),
		CASE(queues, a_fault_without_pasid_goes_to_the_rids_queue, "FAULT-ROUTING"),
		CASE(queues, a_fault_with_pasid_goes_to_the_queue_of_its_pasid, "FAULT-ROUTING"),
		CASE(queues, faults_of_unattached_pasids_go_to_a_nested_rid, "FAULT-ROUTING"),
		CASE(queues, a_detached_pasid_has_no_fault_queue, "FAULT-ROUTING"),
		CASE(queues, hwpts_and_devices_share_a_fault_queue, "FAULT-ROUTING"),
		CASE(queues, a_pasids_faults_end_with_its_attachment_only, "FAULT-CLEANUP"),
	};

	return cmocka_run_group_tests_name("routes of faults", tests, NULL, NULL);
}
