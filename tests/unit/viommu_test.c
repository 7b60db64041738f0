/* SPDX-License-Identifier: MIT */
/* vIOMMUs, vDEVICEs with their tombstones, and event queues with what they lose. */
#include <poll.h>

#include "iommufd/object/ctx.h"
#include "iommufd/viommu/veventq.h"
#include "iommufd/viommu/viommu.h"
#include "kit.h"

enum {
	EVENT_TYPE = IOMMU_VEVENTQ_TYPE_ARM_SMMUV3
};

struct vm {
	struct engine *e;
	uint32_t ioas, parent, viommu;
};

static int alloc_viommu_of(struct vm *vm, uint32_t dev_id, uint32_t type, uint32_t hwpt,
			   uint32_t *id)
{
	struct iommu_viommu_alloc cmd = {
		.size = sizeof(cmd),
		.type = type,
		.dev_id = dev_id,
		.hwpt_id = hwpt,
	};
	int rc = engine_call(vm->e, IOMMU_VIOMMU_ALLOC, &cmd);

	*id = cmd.out_viommu_id;
	return rc;
}

static int alloc_viommu(struct vm *vm, uint32_t type, uint32_t hwpt, uint32_t *id)
{
	return alloc_viommu_of(vm, vm->e->dev_ids[0], type, hwpt, id);
}

static int set_up(void **state)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	struct iommu_hwpt_alloc hwpt = {.flags = IOMMU_HWPT_ALLOC_NEST_PARENT};

	assert_non_null(vm);
	vm->e = engine_create("smmuv3", 16);
	vm->ioas = engine_ioas(vm->e);
	hwpt.pt_id = vm->ioas;
	assert_int_equal(engine_hwpt(vm->e, 0, &hwpt), 0);
	vm->parent = hwpt.out_hwpt_id;
	assert_int_equal(alloc_viommu(vm, IOMMU_VIOMMU_TYPE_ARM_SMMUV3, vm->parent, &vm->viommu),
			 0);
	*state = vm;
	return 0;
}

static int tear_down(void **state)
{
	struct vm *vm = *state;

	engine_destroy(vm->e);
	free(vm);
	return 0;
}

static int alloc_vdevice_of(struct vm *vm, uint32_t dev_id, uint64_t virt_id, uint32_t *id)
{
	struct iommu_vdevice_alloc cmd = {
		.size = sizeof(cmd),
		.viommu_id = vm->viommu,
		.dev_id = dev_id,
		.virt_id = virt_id,
	};
	int rc = engine_call(vm->e, IOMMU_VDEVICE_ALLOC, &cmd);

	*id = cmd.out_vdevice_id;
	return rc;
}

static int alloc_vdevice(struct vm *vm, int device, uint64_t virt_id, uint32_t *id)
{
	return alloc_vdevice_of(vm, vm->e->dev_ids[device], virt_id, id);
}

static int alloc_queue(struct vm *vm, uint32_t type, uint32_t depth, uint32_t *id, uint32_t *fd)
{
	struct iommu_veventq_alloc cmd = {
		.size = sizeof(cmd),
		.viommu_id = vm->viommu,
		.type = type,
		.veventq_depth = depth,
	};
	int rc = engine_call(vm->e, IOMMU_VEVENTQ_ALLOC, &cmd);

	*id = cmd.out_veventq_id;
	*fd = cmd.out_veventq_fd;
	return rc;
}

static void alloc_checks_its_arguments(void **state)
{
	struct vm *vm = *state;
	struct iommu_hwpt_alloc plain = {.pt_id = vm->ioas};
	uint32_t id;

	assert_int_equal(alloc_viommu(vm, 0, vm->parent, &id), -EOPNOTSUPP);
	assert_int_equal(alloc_viommu(vm, 77, vm->parent, &id), -EOPNOTSUPP);
	assert_int_equal(alloc_viommu(vm, IOMMU_VIOMMU_TYPE_ARM_SMMUV3, 9999, &id), -ENOENT);
	assert_int_equal(alloc_viommu(vm, IOMMU_VIOMMU_TYPE_ARM_SMMUV3, vm->ioas, &id), -ENOENT);
	assert_int_equal(engine_hwpt(vm->e, 0, &plain), 0);
	assert_int_equal(alloc_viommu(vm, IOMMU_VIOMMU_TYPE_ARM_SMMUV3, plain.out_hwpt_id, &id),
			 -EINVAL);
}

/* The tables belong to another SMMU than the one that would have to walk them. */
static void a_parent_of_another_smmu_is_refused(void **state)
{
	struct vm *vm = *state;
	struct iommufd_device_info info = {0};
	struct iommufd_device *device;
	struct iommu *other;
	uint32_t dev_id, id;

	assert_int_equal(iommu_create(iommu_kind_find("smmuv3"), "iommu1", &other), 0);
	assert_int_equal(iommu_endpoint_create(other, "device", &info.endpoint), 0);
	assert_int_equal(iommufd_group_create(9, &info.group), 0);
	assert_int_equal(iommufd_device_bind(vm->e->ctx, &info, &device, &dev_id), 0);
	assert_int_equal(alloc_viommu_of(vm, dev_id, IOMMU_VIOMMU_TYPE_ARM_SMMUV3, vm->parent, &id),
			 -EINVAL);
	assert_int_equal(alloc_vdevice_of(vm, dev_id, 1, &id), -EINVAL);
	iommufd_device_unbind(device);
	iommufd_group_destroy(info.group);
	iommu_endpoint_destroy(info.endpoint);
	iommu_put(other);
}

static void everything_on_a_viommu_keeps_it(void **state)
{
	struct vm *vm = *state;
	uint32_t vdevice, queue, fd;

	assert_int_equal(engine_object_destroy(vm->e, vm->parent), -EBUSY);
	assert_int_equal(alloc_vdevice(vm, 0, 5, &vdevice), 0);
	assert_int_equal(engine_object_destroy(vm->e, vm->viommu), -EBUSY);
	assert_int_equal(engine_object_destroy(vm->e, vdevice), 0);
	assert_int_equal(alloc_queue(vm, EVENT_TYPE, 4, &queue, &fd), 0);
	assert_int_equal(engine_object_destroy(vm->e, vm->viommu), -EBUSY);
	assert_int_equal(engine_object_destroy(vm->e, queue), -EBUSY);
	engine_close(vm->e, fd);
	assert_int_equal(engine_object_destroy(vm->e, queue), 0);
	assert_int_equal(engine_object_destroy(vm->e, vm->viommu), 0);
	assert_int_equal(engine_object_destroy(vm->e, vm->parent), 0);
}

static void device_and_virtual_id_are_unique(void **state)
{
	struct vm *vm = *state;
	uint32_t first, second;

	assert_int_equal(alloc_vdevice(vm, 0, 5, &first), 0);
	assert_int_equal(alloc_vdevice(vm, 0, 6, &second), -EEXIST);
	assert_int_equal(alloc_vdevice(vm, 1, 5, &second), -EEXIST);
	assert_int_equal(alloc_vdevice(vm, 1, 0, &second), 0);
	assert_int_equal(engine_object_destroy(vm->e, first), 0);
	assert_int_equal(alloc_vdevice(vm, 0, 5, &first), 0);
}

static void unbound_device_leaves_a_tombstone(void **state)
{
	struct vm *vm = *state;
	uint32_t vdevice, next, after;

	assert_int_equal(alloc_vdevice(vm, 1, 5, &vdevice), 0);
	next = engine_ioas(vm->e);
	assert_int_equal(next, vdevice + 1);
	engine_unbind(vm->e, 1);
	assert_int_equal(engine_object_destroy(vm->e, vdevice), -ENOENT);
	/* The device's own ID is free again, the tombstone's never. */
	assert_int_equal(engine_ioas(vm->e), vm->e->dev_ids[1]);
	after = engine_ioas(vm->e);
	assert_int_equal(after, next + 1);
	/* Its place in the vIOMMU is free. */
	assert_int_equal(alloc_vdevice(vm, 0, 5, &vdevice), 0);
	assert_int_equal(engine_object_destroy(vm->e, vdevice), 0);
	assert_int_equal(engine_object_destroy(vm->e, vm->viommu), 0);
}

static void queue_checks_its_arguments(void **state)
{
	struct vm *vm = *state;
	uint32_t id, fd;

	assert_int_equal(alloc_queue(vm, 0, 4, &id, &fd), -EOPNOTSUPP);
	assert_int_equal(alloc_queue(vm, EVENT_TYPE, 0, &id, &fd), -EINVAL);
	assert_int_equal(alloc_queue(vm, EVENT_TYPE, 524289, &id, &fd), -EINVAL);
	assert_int_equal(alloc_queue(vm, EVENT_TYPE, 524288, &id, &fd), 0);
	assert_int_equal(alloc_queue(vm, EVENT_TYPE, 4, &id, &fd), -EEXIST);
	assert_int_equal(alloc_queue(vm, 12345, 4, &id, &fd), 0);
}

static void report(struct vm *vm, uint32_t value, int expected)
{
	struct viommu *viommu = viommu_get(vm->e->ctx, vm->viommu);

	assert_int_equal(viommu_report_event(viommu, EVENT_TYPE, &value, sizeof(value)), expected);
	object_put(&viommu->object);
}

struct record {
	struct iommufd_vevent_header header;
	uint32_t value;
};

static bool readable(struct vm *vm, uint32_t fd)
{
	struct uiommufd_file *file = engine_file(vm->e, fd);
	struct pollfd poll_fd = {.fd = file->ops->readiness(file), .events = POLLIN | POLLOUT};

	poll(&poll_fd, 1, 0);
	assert_false(poll_fd.revents & POLLOUT);
	return poll_fd.revents & POLLIN;
}

static void events_come_in_order_with_their_sequence(void **state)
{
	struct vm *vm = *state;
	struct record records[4];
	uint32_t id, fd;

	report(vm, 1, -EOPNOTSUPP);
	assert_int_equal(alloc_queue(vm, EVENT_TYPE, 4, &id, &fd), 0);
	assert_int_equal(engine_read(vm->e, fd, records, 7), -EINVAL);
	assert_int_equal(engine_read(vm->e, fd, records, sizeof(records)), 0);
	assert_false(readable(vm, fd));
	report(vm, 10, 0);
	report(vm, 11, 0);
	assert_true(readable(vm, fd));
	assert_int_equal(engine_read(vm->e, fd, records, 8), -EINVAL);
	assert_int_equal(engine_read(vm->e, fd, records, 20), 12);
	assert_int_equal(records[0].header.sequence, 0);
	assert_int_equal(records[0].value, 10);
	assert_int_equal(engine_read(vm->e, fd, records, sizeof(records)), 12);
	assert_int_equal(records[0].header.sequence, 1);
	assert_false(readable(vm, fd));
	assert_int_equal(engine_write(vm->e, fd, records, 8), -EINVAL);
}

static void overflow_is_told_once_at_the_end(void **state)
{
	struct vm *vm = *state;
	struct record records[4];
	struct iommufd_vevent_header lost;
	uint32_t id, fd;

	assert_int_equal(alloc_queue(vm, EVENT_TYPE, 2, &id, &fd), 0);
	for (uint32_t i = 0; i < 5; i++)
		report(vm, i, 0);
	assert_int_equal(engine_read(vm->e, fd, records, sizeof(records)), 12 + 12 + 8);
	assert_int_equal(records[0].header.sequence, 0);
	assert_int_equal(records[1].header.sequence, 1);
	memcpy(&lost, &records[2], sizeof(lost));
	assert_int_equal(lost.flags, IOMMU_VEVENTQ_FLAG_LOST_EVENTS);
	assert_int_equal(lost.sequence, 4);
	report(vm, 9, 0);
	assert_int_equal(engine_read(vm->e, fd, records, sizeof(records)), 12);
	assert_int_equal(records[0].header.flags, 0);
	assert_int_equal(records[0].header.sequence, 5);
}

static void event_after_a_loss_leaves_only_the_gap(void **state)
{
	struct vm *vm = *state;
	struct record records[4];
	uint32_t id, fd;

	assert_int_equal(alloc_queue(vm, EVENT_TYPE, 1, &id, &fd), 0);
	report(vm, 0, 0);
	report(vm, 1, 0);
	assert_int_equal(engine_read(vm->e, fd, records, 12), 12);
	report(vm, 2, 0);
	assert_int_equal(engine_read(vm->e, fd, records, sizeof(records)), 12);
	assert_int_equal(records[0].header.flags, 0);
	assert_int_equal(records[0].header.sequence, 2);
}

static void unreadable_buffer_keeps_the_event(void **state)
{
	struct vm *vm = *state;
	struct record record;
	uint32_t id, fd;

	assert_int_equal(alloc_queue(vm, EVENT_TYPE, 2, &id, &fd), 0);
	report(vm, 3, 0);
	assert_int_equal(engine_read(vm->e, fd, NULL, 12), -EFAULT);
	assert_int_equal(engine_read(vm->e, fd, &record, sizeof(record)), 12);
	assert_int_equal(record.value, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define VM_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		VM_TEST(alloc_checks_its_arguments),
		VM_TEST(a_parent_of_another_smmu_is_refused),
		VM_TEST(everything_on_a_viommu_keeps_it),
		VM_TEST(device_and_virtual_id_are_unique),
		VM_TEST(unbound_device_leaves_a_tombstone),
		VM_TEST(queue_checks_its_arguments),
		VM_TEST(events_come_in_order_with_their_sequence),
		VM_TEST(overflow_is_told_once_at_the_end),
		VM_TEST(event_after_a_loss_leaves_only_the_gap),
		VM_TEST(unreadable_buffer_keeps_the_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
