/* SPDX-License-Identifier: MIT */
/*
 * Two calls that meet at the worst moment. Where possible the test chooses the moment: a command
 * writes the caller's memory when its work is done but the call has not returned, so the caller's
 * write operation starts the other call.
 */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "iommufd/ioas/ioas.h"
#include "kit.h"

enum {
	ROUNDS = 2000,
	YIELDS = 2000, /* turns that another thread gets, which may need fewer */
	IOVA = 0x100000,
};

/* Called when the engine writes the next structure back; returns the result of that write. */
struct moment {
	struct engine *e;
	int (*happens)(struct moment *moment);
	pthread_t thread;
	uint32_t id; /* of what the other call is about */
	int rc;	     /* of the other call */
	struct uiommufd_file *file;
};

static struct moment *armed;

static int write_back(struct uiommufd_caller *caller, uint64_t dst, const void *src, size_t len)
{
	struct moment *moment = armed;

	armed = NULL;
	if (moment) {
		int rc = moment->happens(moment);

		if (rc)
			return rc;
	}
	return uiommufd_caller_self()->ops->write(caller, dst, src, len);
}

static struct engine *create(const char *kind, struct moment *moment,
			     int (*happens)(struct moment *moment))
{
	struct engine *e = engine_create(kind, 4);

	e->ops.write = write_back;
	*moment = (struct moment){.e = e, .happens = happens};
	return e;
}

/* Lets another thread run. It cannot be joined here, because it may be waiting for this one. */
static void start_and_yield(struct moment *moment, void *(*run)(void *arg))
{
	assert_int_equal(pthread_create(&moment->thread, NULL, run, moment), 0);
	for (int i = 0; i < YIELDS; i++)
		sched_yield();
}

/* ---- vDEVICEs ---- */

static void *unbind(void *arg)
{
	struct moment *moment = arg;

	engine_unbind(moment->e, 0);
	return NULL;
}

static int device_is_unbound(struct moment *moment)
{
	start_and_yield(moment, unbind);
	return 0;
}

static uint32_t alloc_parent(struct engine *e, uint32_t device)
{
	struct iommu_hwpt_alloc hwpt = {
		.flags = IOMMU_HWPT_ALLOC_NEST_PARENT,
		.pt_id = engine_ioas(e),
	};

	assert_int_equal(engine_hwpt(e, (int)device, &hwpt), 0);
	return hwpt.out_hwpt_id;
}

static uint32_t alloc_viommu(struct engine *e, uint32_t device)
{
	struct iommu_viommu_alloc cmd = {
		.size = sizeof(cmd),
		.type = IOMMU_VIOMMU_TYPE_ARM_SMMUV3,
		.dev_id = e->dev_ids[device],
		.hwpt_id = alloc_parent(e, device),
	};

	assert_int_equal(engine_call(e, IOMMU_VIOMMU_ALLOC, &cmd), 0);
	return cmd.out_viommu_id;
}

static void a_vdevice_whose_device_is_unbound_while_it_is_created_becomes_a_tombstone(void **state)
{
	struct moment moment;
	struct engine *e = create("smmuv3", &moment, device_is_unbound);
	struct iommu_vdevice_alloc cmd = {
		.size = sizeof(cmd),
		.viommu_id = alloc_viommu(e, 1),
		.dev_id = e->dev_ids[0],
		.virt_id = 7,
	};

	(void)state;
	armed = &moment;
	assert_int_equal(engine_call(e, IOMMU_VDEVICE_ALLOC, &cmd), 0);
	pthread_join(moment.thread, NULL);
	assert_int_equal(engine_object_destroy(e, cmd.out_vdevice_id), -ENOENT);
	assert_int_equal(engine_object_destroy(e, cmd.viommu_id), 0);
	engine_destroy(e);
}

struct invalidator {
	struct engine *e;
	uint32_t viommu;
	atomic_bool stop;
	int unexpected;
};

static void *invalidate_stream(void *arg)
{
	struct invalidator *invalidator = arg;
	struct iommu_viommu_arm_smmuv3_invalidate command = {
		.cmd = {UINT64_C(5) << 32 | 0x06}, /* CFGI_CD_ALL of stream 5 */
	};

	while (!atomic_load(&invalidator->stop)) {
		struct iommu_hwpt_invalidate cmd = {
			.size = sizeof(cmd),
			.hwpt_id = invalidator->viommu,
			.data_uptr = (uintptr_t)&command,
			.data_type = IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3,
			.entry_len = sizeof(command),
			.entry_num = 1,
		};
		int rc = engine_call(invalidator->e, IOMMU_HWPT_INVALIDATE, &cmd);

		if (rc && rc != -EIO)
			invalidator->unexpected = rc;
	}
	return NULL;
}

static void an_invalidation_finds_a_vdevice_with_its_device_or_none(void **state)
{
	struct engine *e = engine_create("smmuv3", 4);
	struct invalidator invalidator = {.e = e, .viommu = alloc_viommu(e, 0)};
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, invalidate_stream, &invalidator), 0);
	for (int i = 0; i < ROUNDS; i++) {
		struct iommu_vdevice_alloc cmd = {
			.size = sizeof(cmd),
			.viommu_id = invalidator.viommu,
			.dev_id = e->dev_ids[0],
			.virt_id = 5,
		};

		assert_int_equal(engine_call(e, IOMMU_VDEVICE_ALLOC, &cmd), 0);
		assert_int_equal(engine_object_destroy(e, cmd.out_vdevice_id), 0);
	}
	atomic_store(&invalidator.stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(invalidator.unexpected, 0);
	assert_int_equal(engine_object_destroy(e, invalidator.viommu), 0);
	engine_destroy(e);
}

/* ---- queues with a file ---- */

/* Another thread of the program has got hold of the descriptor. */
static int file_is_kept(struct moment *moment)
{
	moment->file = file_get(moment->e->files[0]);
	return -EFAULT;
}

/* The file of a queue that failed to be created is harmless, and holds the last reference to it. */
static void check_orphan(struct moment *moment, uint32_t id)
{
	struct engine *e = moment->e;
	char bytes[64];

	assert_null(e->files[0]);
	assert_int_equal(engine_object_destroy(e, id), -ENOENT);
	assert_int_equal(moment->file->ops->read(moment->file, &e->caller, (uintptr_t)bytes, 40,
						 &moment->file->pos),
			 0);
	file_put(moment->file);
	assert_int_equal(engine_ioas(e), id);
}

static void a_fault_queue_whose_creation_fails_stays_while_its_file_is_open(void **state)
{
	struct moment moment;
	struct engine *e = create("amd", &moment, file_is_kept);
	struct iommu_fault_alloc cmd = {.size = sizeof(cmd)};
	uint32_t id = engine_ioas(e) + 1;

	(void)state;
	armed = &moment;
	assert_int_equal(engine_call(e, IOMMU_FAULT_QUEUE_ALLOC, &cmd), -EFAULT);
	check_orphan(&moment, id);
	engine_destroy(e);
}

static void a_veventq_whose_creation_fails_stays_while_its_file_is_open(void **state)
{
	struct moment moment;
	struct engine *e = create("smmuv3", &moment, file_is_kept);
	struct iommu_veventq_alloc cmd = {
		.size = sizeof(cmd),
		.viommu_id = alloc_viommu(e, 0),
		.type = IOMMU_VEVENTQ_TYPE_ARM_SMMUV3,
		.veventq_depth = 4,
	};
	uint32_t id = engine_ioas(e) + 1;

	(void)state;
	armed = &moment;
	assert_int_equal(engine_call(e, IOMMU_VEVENTQ_ALLOC, &cmd), -EFAULT);
	check_orphan(&moment, id);
	assert_int_equal(engine_object_destroy(e, cmd.viommu_id), 0);
	engine_destroy(e);
}

/* ---- automatic HWPTs ---- */

struct crowd {
	struct engine *e;
	uint32_t ioas, hwpt;
	atomic_bool stop;
};

static void *destroy_hwpt(void *arg)
{
	struct crowd *crowd = arg;

	while (!atomic_load(&crowd->stop))
		(void)engine_object_destroy(crowd->e, crowd->hwpt);
	return NULL;
}

static void *look_at_hwpt(void *arg)
{
	struct crowd *crowd = arg;

	while (!atomic_load(&crowd->stop)) {
		struct iommu_hwpt_set_dirty_tracking cmd = {.size = sizeof(cmd),
							    .hwpt_id = crowd->hwpt};

		(void)engine_call(crowd->e, IOMMU_HWPT_SET_DIRTY_TRACKING, &cmd);
	}
	return NULL;
}

static void *attach_and_detach(void *arg)
{
	struct crowd *crowd = arg;

	for (int i = 0; i < ROUNDS; i++) {
		uint32_t pt_id = crowd->ioas;

		if (!iommufd_device_attach(crowd->e->devices[1], NO_PASID, &pt_id))
			iommufd_device_detach(crowd->e->devices[1], NO_PASID);
	}
	return NULL;
}

/*
 * Its last holder destroys it, however briefly it held it: nothing stays that would keep the IOAS.
 */
static void an_automatic_hwpt_ends_with_its_last_device_whoever_looks_at_it(void **state)
{
	struct crowd crowd = {.e = engine_create("amd", 4)};
	pthread_t destroyer, looker, attacher;

	(void)state;
	crowd.ioas = engine_ioas(crowd.e);
	crowd.hwpt = crowd.ioas + 1;
	assert_int_equal(pthread_create(&destroyer, NULL, destroy_hwpt, &crowd), 0);
	assert_int_equal(pthread_create(&looker, NULL, look_at_hwpt, &crowd), 0);
	assert_int_equal(pthread_create(&attacher, NULL, attach_and_detach, &crowd), 0);
	for (int i = 0; i < ROUNDS; i++) {
		uint32_t pt_id = crowd.ioas;

		assert_int_equal(iommufd_device_attach(crowd.e->devices[0], NO_PASID, &pt_id), 0);
		iommufd_device_detach(crowd.e->devices[0], NO_PASID);
	}
	pthread_join(attacher, NULL);
	atomic_store(&crowd.stop, true);
	pthread_join(destroyer, NULL);
	pthread_join(looker, NULL);
	assert_int_equal(engine_object_destroy(crowd.e, crowd.ioas), 0);
	engine_destroy(crowd.e);
}

/* ---- HWPTs and concurrent MAPs ---- */

struct mapper {
	struct engine *e;
	uint32_t ioas;
	uint64_t iova;
	int rc;
};

static struct pinning {
	sem_t begun, go;
	atomic_int begins;
} pinning;

static int slow_populate(struct uiommufd_caller *caller, uint64_t va, uint64_t len, bool write)
{
	atomic_fetch_add(&pinning.begins, 1);
	sem_post(&pinning.begun);
	sem_wait(&pinning.go);
	return uiommufd_caller_self()->ops->populate(caller, va, len, write);
}

static void *map_page(void *arg)
{
	struct mapper *mapper = arg;

	mapper->rc = engine_map(mapper->e, mapper->ioas, mapper->iova, 0, PAGE);
	return NULL;
}

static void *add_hwpt(void *arg)
{
	struct mapper *mapper = arg;
	struct iommu_hwpt_alloc cmd = {.pt_id = mapper->ioas};

	mapper->rc = engine_hwpt(mapper->e, 0, &cmd);
	/* Only now may the second MAP go on. */
	sem_post(&pinning.go);
	return NULL;
}

static void wait_for_waiter(struct ioas *ioas)
{
	bool waits = false;

	while (!waits) {
		lock_acquire(&ioas->lock);
		waits = ioas->waiting;
		lock_release(&ioas->lock);
		sched_yield();
	}
}

/* Otherwise MAPs that overlap in time could keep a HWPT waiting without limit. */
static void a_hwpt_does_not_wait_for_maps_that_begin_after_it(void **state)
{
	struct engine *e = engine_create("amd", 4);
	struct iommu_hwpt_alloc first = {.pt_id = engine_ioas(e)};
	struct mapper early = {.e = e, .ioas = first.pt_id, .iova = IOVA};
	struct mapper adder = early, late = early;
	struct ioas *ioas = ioas_get(e->ctx, first.pt_id);
	pthread_t threads[3];

	(void)state;
	late.iova += PAGE;
	sem_init(&pinning.begun, 0, 0);
	sem_init(&pinning.go, 0, 0);
	e->ops.populate = slow_populate;
	assert_int_equal(engine_hwpt(e, 0, &first), 0);
	pthread_create(&threads[0], NULL, map_page, &early);
	sem_wait(&pinning.begun);
	pthread_create(&threads[1], NULL, add_hwpt, &adder);
	wait_for_waiter(ioas);
	pthread_create(&threads[2], NULL, map_page, &late);
	for (int i = 0; i < YIELDS; i++)
		sched_yield();
	assert_int_equal(atomic_load(&pinning.begins), 1);
	sem_post(&pinning.go);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(early.rc, 0);
	assert_int_equal(adder.rc, 0);
	assert_int_equal(late.rc, 0);
	object_put(&ioas->object);
	engine_destroy(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_vdevice_whose_device_is_unbound_while_it_is_created_becomes_a_tombstone),
		cmocka_unit_test(an_invalidation_finds_a_vdevice_with_its_device_or_none),
		cmocka_unit_test(a_fault_queue_whose_creation_fails_stays_while_its_file_is_open),
		cmocka_unit_test(a_veventq_whose_creation_fails_stays_while_its_file_is_open),
		cmocka_unit_test(an_automatic_hwpt_ends_with_its_last_device_whoever_looks_at_it),
		cmocka_unit_test(a_hwpt_does_not_wait_for_maps_that_begin_after_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
