/* SPDX-License-Identifier: MIT */
/*
 * Every step that may fail in nested translation and page faults on real kinds of IOMMU fails in
 * turn: each step is run with the n-th failure injected, n = 1, 2, 3 ... until it runs through
 * without one. After each failure all that can be seen is as before, and at the end every object
 * can be destroyed: none has kept a user. What leaks is found by the leak checker. (HW queues,
 * which only the test ABI has: mock_test.c.)
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/bits.h"
#include "iommufd/device/page_request.h"
#include "iommufd/object/ctx.h"
#include "iommufd/queue/fault_queue.h"
#include "iommufd/viommu/veventq.h"
#include "iommufd/viommu/viommu.h"
#include "kit.h"

enum {
	PAGES = 16,
	LIMIT = 1000,
	EVENT_TYPE = IOMMU_VEVENTQ_TYPE_ARM_SMMUV3,
	STREAM = 7,
	ASID = 3,
	GROUP_ID = 5,
};

#define GUEST UINT64_C(0x140000000)
#define IOVA  UINT64_C(0x5000000)

/* Where in the guest: tables from the top, what finds them, and the page. */
#define TABLES	GUEST
#define CONTEXT (GUEST + 4 * PAGE)
#define TARGET	(GUEST + 5 * PAGE)

/* What stage 1 of a kind is made of. */
struct guest_kind {
	const char *name;
	uint64_t table, page; /* bits of entries */
	bool has_viommu;
	uint64_t context[2]; /* words at CONTEXT */
	uint32_t data_type, data_len;
	const void *data;
};

static const struct guest_kind intel = {
	.name = "intel",
	.table = X86_ALL,
	.page = X86_ALL,
	.data_type = IOMMU_HWPT_DATA_VTD_S1,
	.data_len = sizeof(struct iommu_hwpt_vtd_s1),
	.data = &(struct iommu_hwpt_vtd_s1){.pgtbl_addr = TABLES, .addr_width = 48},
};

/* STE: V, stage 1; CD: 48 bits in, EPD1, V, 44 bits out, AA64, R. */
static const struct guest_kind smmuv3 = {
	.name = "smmuv3",
	.table = ARM_TABLE,
	.page = ARM_PAGE | ARM_LEAF,
	.has_viommu = true,
	.context = {16 | BIT(30) | BIT(31) | UINT64_C(4) << 32 | BIT(41) | BIT(45) |
			    (uint64_t)ASID << 48,
		    TABLES},
	.data_type = IOMMU_HWPT_DATA_ARM_SMMUV3,
	.data_len = sizeof(struct iommu_hwpt_arm_smmuv3),
	.data = &(struct iommu_hwpt_arm_smmuv3){.ste = {BIT(0) | 5 << 1 | CONTEXT, 0}},
};

/* DTE: V, GIOV, GV and the GCR3 table, which has the table for PASID 0. */
static const struct guest_kind amd = {
	.name = "amd",
	.table = X86_ALL,
	.page = X86_ALL,
	.has_viommu = true,
	.context = {TABLES | BIT(0)},
	.data_type = IOMMU_HWPT_DATA_AMD_GUEST,
	.data_len = sizeof(struct iommu_hwpt_amd_guest),
	.data =
		&(struct iommu_hwpt_amd_guest){
			.dte = {BIT(0) | BIT(54) | BIT(55) | (CONTEXT >> 12 & 7) << 58,
				(CONTEXT >> 15 & 0xffff) << 16 | (CONTEXT >> 31) << 43}},
};

/* By software, on a kind that nests other tables. */
static const struct guest_kind soft = {
	.name = "amd",
	.table = IOPT_READ | IOPT_WRITE,
	.page = IOPT_READ | IOPT_WRITE,
	.data_type = IOMMU_HWPT_DATA_SOFT_S1,
	.data_len = sizeof(struct iommu_hwpt_soft_s1),
	.data =
		&(struct iommu_hwpt_soft_s1){
			.format = IOMMU_SOFT_S1_VTDSS,
			.flags = IOMMU_SOFT_S1_MARK,
			.root = TABLES,
			.addr_width = 48,
		},
};

static const struct guest_kind *kind;
static struct engine *e;
static uint32_t ioas, parent;
static uint32_t viommu, vdevice; /* of device 0; 0 if the kind has none */
static uint32_t nested;		 /* on the vIOMMU or the parent; its page faults go to: */
static struct iommu_fault_alloc queue;
static uint32_t made; /* what the last step has made: an object, and its descriptor */
static uint32_t made_fd;

static void destroy(uint32_t id)
{
	assert_int_equal(engine_object_destroy(e, id), 0);
}

static uint32_t nest_on(void)
{
	return kind->has_viommu ? viommu : parent;
}

/* ---- the steps that make objects ---- */

static int fault_alloc(void)
{
	struct iommu_fault_alloc cmd = {.size = sizeof(cmd)};
	int rc = engine_call(e, IOMMU_FAULT_QUEUE_ALLOC, &cmd);

	made = cmd.out_fault_id;
	made_fd = cmd.out_fault_fd;
	return rc;
}

static int viommu_alloc(void)
{
	struct iommu_viommu_alloc cmd = {
		.size = sizeof(cmd),
		.type = IOMMU_VIOMMU_TYPE_ARM_SMMUV3,
		.dev_id = e->dev_ids[0],
		.hwpt_id = parent,
	};
	int rc = engine_call(e, IOMMU_VIOMMU_ALLOC, &cmd);

	made = cmd.out_viommu_id;
	return rc;
}

static int vdevice_alloc(int index, uint64_t virt_id)
{
	struct iommu_vdevice_alloc cmd = {
		.size = sizeof(cmd),
		.viommu_id = viommu,
		.dev_id = e->dev_ids[index],
		.virt_id = virt_id,
	};
	int rc = engine_call(e, IOMMU_VDEVICE_ALLOC, &cmd);

	made = cmd.out_vdevice_id;
	return rc;
}

static int second_vdevice_alloc(void)
{
	return vdevice_alloc(1, STREAM + 1);
}

static int veventq_alloc(void)
{
	struct iommu_veventq_alloc cmd = {
		.size = sizeof(cmd),
		.viommu_id = viommu,
		.type = EVENT_TYPE,
		.veventq_depth = 4,
	};
	int rc = engine_call(e, IOMMU_VEVENTQ_ALLOC, &cmd);

	made = cmd.out_veventq_id;
	made_fd = cmd.out_veventq_fd;
	return rc;
}

static int nested_alloc(void)
{
	struct iommu_hwpt_alloc cmd = {
		.flags = IOMMU_HWPT_FAULT_ID_VALID,
		.pt_id = nest_on(),
		.data_type = kind->data_type,
		.data_len = kind->data_len,
		.data_uptr = (uintptr_t)kind->data,
		.fault_id = queue.out_fault_id,
	};
	int rc = engine_hwpt(e, 0, &cmd);

	made = cmd.out_hwpt_id;
	return rc;
}

static int parent_alloc(void)
{
	struct iommu_hwpt_alloc cmd = {.flags = IOMMU_HWPT_ALLOC_NEST_PARENT, .pt_id = ioas};
	int rc = engine_hwpt(e, 0, &cmd);

	made = cmd.out_hwpt_id;
	return rc;
}

static void destroy_made(void)
{
	destroy(made);
}

static void close_and_destroy_made(void)
{
	engine_close(e, made_fd);
	destroy(made);
}

/* ---- fixtures ---- */

static void write_guest(uint64_t gpa, uint64_t value)
{
	memcpy(e->buffer + (gpa - GUEST), &value, sizeof(value));
}

static void build_tables(void)
{
	uint64_t table = TABLES;

	for (unsigned int shift = 39; shift; shift -= 9, table += PAGE) {
		const uint64_t at = table + (IOVA >> shift & 511) * sizeof(uint64_t);

		if (shift == 12) {
			write_guest(at, TARGET | kind->page);
			break;
		}
		write_guest(at, (table + PAGE) | kind->table);
	}
	for (unsigned int i = 0; i < 2; i++)
		write_guest(CONTEXT + i * sizeof(uint64_t), kind->context[i]);
}

static int set_up(const struct guest_kind *of)
{
	kind = of;
	viommu = vdevice = 0;
	e = engine_create(kind->name, PAGES);
	ioas = engine_ioas(e);
	assert_int_equal(engine_map(e, ioas, GUEST, 0, PAGES * PAGE), 0);
	build_tables();
	assert_int_equal(parent_alloc(), 0);
	parent = made;
	queue = (struct iommu_fault_alloc){.size = sizeof(queue)};
	assert_int_equal(engine_call(e, IOMMU_FAULT_QUEUE_ALLOC, &queue), 0);
	if (kind->has_viommu) {
		assert_int_equal(viommu_alloc(), 0);
		viommu = made;
		assert_int_equal(vdevice_alloc(0, STREAM), 0);
		vdevice = made;
	}
	assert_int_equal(nested_alloc(), 0);
	nested = made;
	return 0;
}

static int set_up_intel(void **state)
{
	(void)state;
	return set_up(&intel);
}

static int set_up_smmuv3(void **state)
{
	(void)state;
	return set_up(&smmuv3);
}

static int set_up_amd(void **state)
{
	(void)state;
	return set_up(&amd);
}

static int set_up_soft(void **state)
{
	(void)state;
	return set_up(&soft);
}

/* No object is still in use. */
static int tear_down(void **state)
{
	(void)state;
	failure_disarm();
	for (int i = 0; i < ENGINE_DEVICES; i++) {
		if (iommufd_device_attached(e->devices[i], NO_PASID))
			iommufd_device_detach(e->devices[i], NO_PASID);
	}
	destroy(nested);
	if (kind->has_viommu) {
		destroy(vdevice);
		destroy(viommu);
	}
	destroy(parent);
	engine_close(e, queue.out_fault_fd);
	destroy(queue.out_fault_id);
	destroy(ioas);
	engine_destroy(e);
	return 0;
}

/* ---- what can be seen ---- */

struct view {
	uint32_t next_id;
	unsigned int descriptors;
	bool attached;
	int translates; /* 0, or why not */
	void *bus;
	uint64_t len;
};

static struct view look(void)
{
	struct view view;

	memset(&view, 0, sizeof(view));
	view.next_id = engine_ioas(e);
	destroy(view.next_id);
	for (int i = 0; i < ENGINE_FILES; i++)
		view.descriptors += e->files[i] != NULL;
	view.attached = iommufd_device_attached(e->devices[0], NO_PASID);
	view.translates =
		iommu_translate(e->endpoints[0], NO_PASID, IOVA, IOPT_READ, &view.bus, &view.len);
	return view;
}

/*
 * Runs @step with each failure in turn, and @undo when it has succeeded, until it does so without
 * one.
 */
static void fail_each(int (*step)(void), void (*undo)(void))
{
	const struct view before = look();

	for (uint64_t n = 1; n < LIMIT; n++) {
		struct view after;
		uint64_t left;
		int rc;

		failure_arm(n);
		rc = step();
		left = failure_disarm();
		if (rc >= 0 && undo)
			undo();
		after = look();
		assert_memory_equal(&before, &after, sizeof(before));
		if (left) {
			assert_true(rc >= 0);
			/* At least one failure was met. */
			assert_true(n > 1);
			return;
		}
	}
	fail_msg("still failing after %d failures", LIMIT);
}

static void fault_queue_alloc_survives_each_failure(void **state)
{
	(void)state;
	fail_each(fault_alloc, close_and_destroy_made);
}

static void viommu_alloc_survives_each_failure(void **state)
{
	(void)state;
	fail_each(viommu_alloc, destroy_made);
}

static void vdevice_alloc_survives_each_failure(void **state)
{
	(void)state;
	fail_each(second_vdevice_alloc, destroy_made);
}

static void veventq_alloc_survives_each_failure(void **state)
{
	(void)state;
	fail_each(veventq_alloc, close_and_destroy_made);
}

static void parent_alloc_survives_each_failure(void **state)
{
	(void)state;
	fail_each(parent_alloc, destroy_made);
}

static void nested_alloc_survives_each_failure(void **state)
{
	(void)state;
	fail_each(nested_alloc, destroy_made);
}

/* ---- attaching ---- */

static int attach_to(uint32_t pt_id)
{
	return iommufd_device_attach_or_replace(e->devices[0], NO_PASID, &pt_id);
}

static int attach_nested(void)
{
	return attach_to(nested);
}

static void detach(void)
{
	iommufd_device_detach(e->devices[0], NO_PASID);
}

static void back_to_the_parent(void)
{
	assert_int_equal(attach_to(parent), 0);
}

static void nested_attach_survives_each_failure(void **state)
{
	(void)state;
	fail_each(attach_nested, detach);
	assert_int_equal(attach_nested(), 0);
	assert_int_equal(look().translates, 0);
}

static void nested_replace_survives_each_failure(void **state)
{
	(void)state;
	back_to_the_parent();
	assert_int_not_equal(look().translates, 0);
	fail_each(attach_nested, back_to_the_parent);
}

/* ---- a device at work ---- */

/* TLBI_NH_VA. */
static int invalidate(void)
{
	const struct iommu_viommu_arm_smmuv3_invalidate entry = {
		.cmd = {0x12 | (uint64_t)ASID << 48, IOVA},
	};
	struct iommu_hwpt_invalidate cmd = {
		.size = sizeof(cmd),
		.hwpt_id = viommu,
		.data_uptr = (uintptr_t)&entry,
		.data_type = IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3,
		.entry_len = sizeof(entry),
		.entry_num = 1,
	};

	return engine_call(e, IOMMU_HWPT_INVALIDATE, &cmd);
}

static void invalidation_survives_each_failure(void **state)
{
	(void)state;
	assert_int_equal(attach_nested(), 0);
	assert_int_equal(look().translates, 0);
	fail_each(invalidate, NULL);
}

static int report(uint32_t flags, uint64_t addr, struct fault_waiter *waiter)
{
	const struct iommu_hwpt_pgfault fault = {
		.flags = flags,
		.grpid = GROUP_ID,
		.perm = IOMMU_PGFAULT_PERM_READ,
		.addr = addr,
	};

	return device_report_fault(e->devices[0], &fault, waiter);
}

static int report_partial(void)
{
	return report(0, 2 * PAGE, NULL);
}

static int report_last(void)
{
	return report(IOMMU_PGFAULT_FLAGS_LAST_PAGE, 3 * PAGE, NULL);
}

/* The group is there, whole and in order, once: reads and answers it. */
static void take_group(void)
{
	struct iommu_hwpt_pgfault records[4];
	struct iommu_hwpt_page_response response = {.code = IOMMUFD_PAGE_RESP_SUCCESS};

	assert_int_equal(engine_read(e, queue.out_fault_fd, records, sizeof(records)),
			 3 * sizeof(records[0]));
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(records[i].addr, (i + 1) * PAGE);
	response.cookie = records[0].cookie;
	assert_int_equal(engine_write(e, queue.out_fault_fd, &response, sizeof(response)),
			 sizeof(response));
	assert_int_equal(engine_read(e, queue.out_fault_fd, records, sizeof(records)), 0);
}

static void reported_faults_survive_each_failure(void **state)
{
	(void)state;
	assert_int_equal(attach_nested(), 0);
	assert_int_equal(report(0, PAGE, NULL), 0);
	fail_each(report_partial, NULL);
	/* What came before the last one is not lost with it. */
	fail_each(report_last, take_group);
	assert_int_equal(report_last(), 0);
}

static int read_fault(void)
{
	struct iommu_hwpt_pgfault record;
	ssize_t rc = engine_read(e, queue.out_fault_fd, &record, sizeof(record));

	if (rc < 0)
		return (int)rc;
	/* Its cookie is the first, whatever has failed before. */
	assert_int_equal(rc, sizeof(record));
	assert_int_equal(record.cookie, 1);
	return 0;
}

static void read_of_a_fault_survives_each_failure(void **state)
{
	(void)state;
	assert_int_equal(attach_nested(), 0);
	assert_int_equal(report_last(), 0);
	fail_each(read_fault, NULL);
}

/* Refuses the first page request that comes. */
static void *refuse_one(void *arg)
{
	struct uiommufd_file *file = engine_file(e, queue.out_fault_fd);
	struct pollfd pfd = {.fd = file->ops->readiness(file), .events = POLLIN};
	struct iommu_hwpt_page_response response = {.code = IOMMUFD_PAGE_RESP_INVALID};
	struct iommu_hwpt_pgfault record;

	while (poll(&pfd, 1, -1) < 0)
		;
	if (engine_read(e, queue.out_fault_fd, &record, sizeof(record)) != sizeof(record))
		return NULL;
	atomic_store((atomic_bool *)arg, true);
	response.cookie = record.cookie;
	(void)engine_write(e, queue.out_fault_fd, &response, sizeof(response));
	return NULL;
}

static atomic_bool asked;

/* DMA to a missing page, which fails. 0: its page request was made, and refused. */
static int miss(void)
{
	char byte;

	assert_int_equal(iommu_dma(e->endpoints[0], NO_PASID, IOVA + PAGE, &byte, 1, DMA_READ),
			 -EFAULT);
	return atomic_load(&asked) ? 0 : -ENOMEM;
}

/* DMA whose page request cannot be made does not wait for an answer. */
static void page_requests_survive_each_failure(void **state)
{
	pthread_t pager;

	(void)state;
	assert_int_equal(attach_nested(), 0);
	atomic_store(&asked, false);
	assert_int_equal(pthread_create(&pager, NULL, refuse_one, &asked), 0);
	fail_each(miss, NULL);
	assert_int_equal(pthread_join(pager, NULL), 0);
}

/* An event for which there is no memory is a lost one. */
static void event_without_memory_is_lost(void **state)
{
	const uint32_t value = 1;
	struct viommu *object = viommu_get(e->ctx, viommu);
	struct iommufd_vevent_header header;

	(void)state;
	assert_int_equal(veventq_alloc(), 0);
	failure_arm(1);
	assert_int_equal(viommu_report_event(object, EVENT_TYPE, &value, sizeof(value)), 0);
	assert_int_equal(failure_left(), 0);
	failure_disarm();
	object_put(&object->object);
	assert_int_equal(engine_read(e, made_fd, &header, sizeof(header)), sizeof(header));
	assert_int_equal(header.flags, IOMMU_VEVENTQ_FLAG_LOST_EVENTS);
	assert_int_equal(header.sequence, 0);
	close_and_destroy_made();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ON(name, of) {#name "_" #of, name, set_up_##of, tear_down, NULL}
#define ON_ALL(name) ON(name, intel), ON(name, smmuv3), ON(name, amd), ON(name, soft)
		ON_ALL(fault_queue_alloc_survives_each_failure),
		ON_ALL(parent_alloc_survives_each_failure),
		ON_ALL(nested_alloc_survives_each_failure),
		ON_ALL(nested_attach_survives_each_failure),
		ON_ALL(nested_replace_survives_each_failure),
		ON_ALL(reported_faults_survive_each_failure),
		ON_ALL(read_of_a_fault_survives_each_failure),
		ON_ALL(page_requests_survive_each_failure),
		ON(viommu_alloc_survives_each_failure, smmuv3),
		ON(viommu_alloc_survives_each_failure, amd),
		ON(vdevice_alloc_survives_each_failure, smmuv3),
		ON(veventq_alloc_survives_each_failure, smmuv3),
		ON(invalidation_survives_each_failure, smmuv3),
		ON(event_without_memory_is_lost, smmuv3),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
