/* SPDX-License-Identifier: MIT */
/* Queues of the NVMe controller: order, wrapping, interrupts, doorbells, threads, and resets. */
#include <linux/pci_regs.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kit.h"

enum {
	MEMORY_SIZE = 1 << 23,
	SHADOWS = 0x600000, /* offset in the data */
	EVENTS = 0x601000,
	ENTRIES = NVME_RIG_ENTRIES,
	HASTY_ROUNDS = 5000,
	HASTY_COMMANDS = 3,
	HASTY_POLLS = 1000, /* then others may need the processor */
};

static struct nvme_rig t;
static struct nvme_ring *admin, *io;

static int setup(void **state)
{
	static const struct option_value options[] = {{"size", "8M"}, {"queues", "7"}};

	(void)state;
	if (nvme_open(&t, MEMORY_SIZE, options, 2) || !nvme_enable(&t))
		return -1;
	admin = &t.rings[0];
	io = &t.rings[1];
	return report_file_clear();
}

static int teardown(void **state)
{
	(void)state;
	nvme_close(&t);
	return 0;
}

static uint16_t run(struct nvme_ring *ring, struct nvme_command command)
{
	return nvme_do(&t, ring, &command);
}

static const struct nvme_command flush = {.opcode = IO_FLUSH, .nsid = 1};

/* ---- order and space ---- */

static void queues_wrap_many_times(void **state)
{
	(void)state;
	assert_int_equal(nvme_create_ring(&t, 1, 0), ST_SUCCESS);
	for (unsigned int i = 0; i < 5 * ENTRIES + 3; i++)
		assert_int_equal(run(io, flush), ST_SUCCESS);
}

static void a_batch_is_completed_in_order(void **state)
{
	uint16_t first;

	(void)state;
	assert_int_equal(nvme_create_ring(&t, 1, 0), ST_SUCCESS);
	for (unsigned int round = 0; round < 10; round++) {
		first = t.next_cid;
		for (unsigned int i = 0; i < ENTRIES - 1; i++) {
			const struct nvme_command read = nvme_rw(IO_READ, i, 1, i * 512);

			nvme_submit(&t, io, i % 2 ? &read : &flush);
		}
		nvme_ring_tail(&t, io);
		for (unsigned int i = 0; i < ENTRIES - 1; i++) {
			struct nvme_completion completion = nvme_wait(&t, io);

			assert_int_equal(completion.cid, first + i);
			assert_int_equal(nvme_status_of(&completion), ST_SUCCESS);
		}
	}
}

/* Two submission queues, and a completion queue of the size of one. */
static void a_full_completion_queue_stops_its_submission_queues(void **state)
{
	const struct nvme_command create = {
		.opcode = ADMIN_CREATE_SQ,
		.prp1 = nvme_sq_iova(2),
		.cdw10 = 2 | (ENTRIES - 1) << 16,
		.cdw11 = QUEUE_CONTIGUOUS | 1 << 16,
	};
	struct nvme_ring *second = nvme_ring_init(&t, 2, ENTRIES);
	struct nvme_completion completion;
	unsigned int got = 0, of_second = 0;

	(void)state;
	assert_int_equal(nvme_create_ring(&t, 1, 0), ST_SUCCESS);
	assert_int_equal(run(admin, create), ST_SUCCESS);
	for (unsigned int i = 0; i < ENTRIES - 1; i++) {
		nvme_submit(&t, io, &flush);
		nvme_submit(&t, second, &flush);
	}
	nvme_ring_tail(&t, io);
	nvme_ring_tail(&t, second);
	/* One entry always stays free. */
	while (got < ENTRIES - 1)
		got += nvme_poll(io, &completion);
	assert_true(reported_soon("completion queue 1 is full"));
	assert_false(nvme_poll(io, &completion));
	nvme_ring_head(&t, io);
	for (; got < 2 * (ENTRIES - 1); got++) {
		completion = nvme_wait(&t, io);
		of_second += completion.sq_id == 2;
	}
	assert_true(of_second > 0);
}

static void a_command_id_is_used_once_at_a_time(void **state)
{
	struct nvme_completion completion;
	unsigned int conflicts = 0;

	(void)state;
	assert_int_equal(nvme_create_ring(&t, 1, 0), ST_SUCCESS);
	for (unsigned int i = 0; i < 4; i++) {
		nvme_submit(&t, io, &flush);
		io->sq[i].cid = 7;
	}
	nvme_ring_tail(&t, io);
	for (unsigned int i = 0; i < 4; i++) {
		completion = nvme_wait(&t, io);
		conflicts += nvme_status_of(&completion) == ST_CID_CONFLICT;
	}
	assert_int_equal(conflicts, 3);
	assert_true(reported("two commands with ID 7"));
}

static void bad_doorbells_are_reported_and_ignored(void **state)
{
	(void)state;
	assert_int_equal(nvme_create_ring(&t, 1, 0), ST_SUCCESS);
	nvme_set(&t, NVME_DOORBELLS + 8, 4, ENTRIES);
	assert_true(reported("tail 32 of submission queue 1 is ignored"));
	nvme_set(&t, NVME_DOORBELLS + 12, 4, 3);
	assert_true(reported("head 3 of completion queue 1 is ignored"));
	nvme_set(&t, NVME_DOORBELLS + 12, 4, ENTRIES);
	assert_true(reported("the queue has fewer entries"));
	nvme_set(&t, NVME_DOORBELLS + 16, 4, 1);
	assert_true(reported("there is no such queue"));
	nvme_set(&t, NVME_DOORBELLS + 2048, 4, 1);
	assert_int_equal(run(io, flush), ST_SUCCESS);
	nvme_set(&t, NVME_ACQ, 8, nvme_cq_iova(0));
	assert_true(reported("ACQ is written while CC.EN is 1"));
}

static void a_prp_that_leaves_its_mapping_is_reported(void **state)
{
	struct nvme_command read = nvme_rw(IO_READ, 0, 1, 0);

	(void)state;
	assert_int_equal(nvme_create_ring(&t, 1, 0), ST_SUCCESS);
	read.prp1 = NVME_IOVA + MEMORY_SIZE;
	assert_int_equal(run(io, read), ST_DATA_TRANSFER);
	assert_true(reported("of submission queue 1 (opcode 0x02): its PRP leads to memory"));
}

/* ---- interrupts ---- */

static int take_interrupt(uint32_t index, unsigned int vector)
{
	int32_t fds[4] = {-1, -1, -1, -1};
	union rig_irqs irqs;

	fds[vector] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	rig_irqs(&irqs, VFIO_IRQ_SET_ACTION_TRIGGER, index, vector + 1, fds);
	assert_int_equal(rig_ioctl(&t.rig, VFIO_DEVICE_SET_IRQS, &irqs), 0);
	return fds[vector];
}

static void each_queue_has_a_vector(void **state)
{
	int fd = take_interrupt(VFIO_PCI_MSIX_IRQ_INDEX, 3);

	(void)state;
	assert_int_equal(nvme_create_ring(&t, 1, QUEUE_IEN | 3 << 16), ST_SUCCESS);
	assert_int_equal(nvme_create_ring(&t, 2, 3 << 16), ST_SUCCESS);
	assert_int_equal(ioat_events(fd, 0), 0);
	/* This one has no interrupts. */
	assert_int_equal(run(&t.rings[2], flush), ST_SUCCESS);
	assert_int_equal(ioat_events(fd, 50), 0);
	for (unsigned int i = 0; i < 100; i++) {
		assert_int_equal(run(io, flush), ST_SUCCESS);
		assert_int_equal(ioat_events(fd, NVME_PATIENCE_MS), 1);
	}
	close(fd);
}

static void the_line_follows_the_queues_and_the_mask(void **state)
{
	const struct nvme_command identify = {
		.opcode = ADMIN_IDENTIFY, .prp1 = nvme_data_iova(0), .cdw10 = CNS_CONTROLLER};
	int fd = take_interrupt(VFIO_PCI_INTX_IRQ_INDEX, 0);
	const struct vfio_irq_set unmask = {.argsz = sizeof(unmask),
					    .flags = VFIO_IRQ_SET_DATA_NONE |
						     VFIO_IRQ_SET_ACTION_UNMASK,
					    .index = VFIO_PCI_INTX_IRQ_INDEX,
					    .count = 1};
	struct nvme_completion completion;

	(void)state;
	nvme_submit(&t, admin, &identify);
	nvme_ring_tail(&t, admin);
	assert_int_equal(ioat_events(fd, NVME_PATIENCE_MS), 1);
	/* Still asserted: the completion has not been taken off. */
	assert_int_equal(rig_ioctl(&t.rig, VFIO_DEVICE_SET_IRQS, &unmask), 0);
	assert_int_equal(ioat_events(fd, NVME_PATIENCE_MS), 1);
	nvme_set(&t, NVME_INTMS, 4, 1);
	assert_int_equal(rig_ioctl(&t.rig, VFIO_DEVICE_SET_IRQS, &unmask), 0);
	assert_int_equal(ioat_events(fd, 50), 0);
	nvme_set(&t, NVME_INTMC, 4, 1);
	assert_int_equal(ioat_events(fd, NVME_PATIENCE_MS), 1);
	completion = nvme_wait(&t, admin);
	assert_int_equal(nvme_status_of(&completion), ST_SUCCESS);
	assert_int_equal(rig_ioctl(&t.rig, VFIO_DEVICE_SET_IRQS, &unmask), 0);
	assert_int_equal(ioat_events(fd, 50), 0);
	close(fd);
}

/* Submits @count commands at once, takes all off, and returns how many interrupts there were. */
static uint64_t interrupts_for(int fd, unsigned int count)
{
	uint64_t events = 0;

	for (unsigned int i = 0; i < count; i++)
		nvme_submit(&t, io, &flush);
	nvme_ring_tail(&t, io);
	for (unsigned int i = 0; i < count; i++)
		(void)nvme_wait(&t, io);
	/* The last ones are announced in any case. */
	events += ioat_events(fd, NVME_PATIENCE_MS);
	return events + ioat_events(fd, 20);
}

/* 31 commands are more than are taken off the queue at once. */
static void coalescing_saves_interrupts_and_loses_none(void **state)
{
	const struct nvme_command coalesce = {
		.opcode = ADMIN_SET_FEATURES, .cdw10 = FEATURE_COALESCING, .cdw11 = 30 | 200 << 8};
	const struct nvme_command except = {.opcode = ADMIN_SET_FEATURES,
					    .cdw10 = FEATURE_VECTOR,
					    .cdw11 = VECTOR_NOT_COALESCED | 1};
	int fd = take_interrupt(VFIO_PCI_MSIX_IRQ_INDEX, 1);

	(void)state;
	assert_int_equal(nvme_create_ring(&t, 1, QUEUE_IEN | 1 << 16), ST_SUCCESS);
	assert_int_equal(interrupts_for(fd, ENTRIES - 1), 2);
	assert_int_equal(run(admin, coalesce), ST_SUCCESS);
	for (unsigned int i = 0; i < 20; i++)
		assert_int_equal(interrupts_for(fd, ENTRIES - 1), 1);
	assert_int_equal(interrupts_for(fd, 1), 1);
	assert_int_equal(run(admin, except), ST_SUCCESS);
	/* The end of the ring ends a batch, too. */
	assert_in_range(interrupts_for(fd, ENTRIES - 1), 2, 3);
	close(fd);
}

/* ---- shadow doorbells ---- */

static volatile uint32_t *shadow(uint64_t buffer, const struct nvme_ring *ring, bool completion)
{
	return (volatile uint32_t *)(void *)nvme_data_at(&t, buffer) + 2 * ring->id + completion;
}

/* As a driver has to: the doorbell is written only if the controller asks for it. */
static bool ring_by_shadow(struct nvme_ring *ring, uint32_t old)
{
	uint32_t asked;

	*shadow(SHADOWS, ring, false) = ring->tail;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	asked = *shadow(EVENTS, ring, false);
	if ((uint16_t)(ring->tail - asked - 1) >= (uint16_t)(ring->tail - old))
		return false;
	nvme_ring_tail(&t, ring);
	return true;
}

static void shadow_doorbells_take_the_place_of_doorbells(void **state)
{
	struct nvme_command config = {.opcode = ADMIN_DBBUF_CONFIG,
				      .prp1 = nvme_data_iova(SHADOWS),
				      .prp2 = nvme_data_iova(EVENTS) + 8};
	unsigned int written = 0;

	(void)state;
	assert_int_equal(run(admin, config), ST_INVALID_FIELD);
	config.prp2 -= 8;
	assert_int_equal(run(admin, config), ST_SUCCESS);
	assert_int_equal(nvme_create_ring(&t, 1, 0), ST_SUCCESS);
	for (unsigned int i = 0; i < 20000; i++) {
		const uint32_t old = io->tail;
		struct nvme_completion completion;

		for (unsigned int n = 0; n <= i % 8; n++)
			nvme_submit(&t, io, &flush);
		/* The rig's ring wraps at its size, which the comparison does not know. */
		if (io->tail < old) {
			*shadow(SHADOWS, io, false) = io->tail;
			nvme_ring_tail(&t, io);
		} else {
			written += ring_by_shadow(io, old);
		}
		for (unsigned int n = 0; n <= i % 8; n++) {
			while (!nvme_poll(io, &completion))
				;
			assert_int_equal(nvme_status_of(&completion), ST_SUCCESS);
			*shadow(SHADOWS, io, true) = io->head;
		}
	}
	assert_true(written <= 20000);
	/* A tail that cannot be. */
	nvme_submit(&t, io, &flush);
	*shadow(SHADOWS, io, false) = 77;
	nvme_ring_tail(&t, io);
	assert_true(reported_soon("tail 77 of submission queue 1 is ignored"));
}

static void configure_shadows(void)
{
	assert_int_equal(run(admin, (struct nvme_command){.opcode = ADMIN_DBBUF_CONFIG,
							  .prp1 = nvme_data_iova(SHADOWS),
							  .prp2 = nvme_data_iova(EVENTS)}),
			 ST_SUCCESS);
}

static void the_admin_queues_have_shadow_doorbells_too(void **state)
{
	const struct nvme_command identify = {
		.opcode = ADMIN_IDENTIFY, .prp1 = nvme_data_iova(0), .cdw10 = CNS_CONTROLLER};
	unsigned int written = 0;

	(void)state;
	configure_shadows();
	for (unsigned int i = 0; i < 5000; i++) {
		struct nvme_completion completion;
		const uint32_t old = *shadow(SHADOWS, admin, false);

		nvme_submit(&t, admin, &identify);
		if (admin->tail < old) {
			*shadow(SHADOWS, admin, false) = admin->tail;
			nvme_ring_tail(&t, admin);
		} else {
			written += ring_by_shadow(admin, old);
		}
		while (!nvme_poll(admin, &completion))
			;
		assert_int_equal(nvme_status_of(&completion), ST_SUCCESS);
		*shadow(SHADOWS, admin, true) = admin->head;
	}
	assert_true(written <= 5000);
}

static void a_driver_may_leave_the_shadows_of_the_admin_queues_alone(void **state)
{
	const struct nvme_command identify = {
		.opcode = ADMIN_IDENTIFY, .prp1 = nvme_data_iova(0), .cdw10 = CNS_CONTROLLER};

	(void)state;
	/* What was there before the command is no tail either. */
	*shadow(SHADOWS, admin, false) = 5;
	*shadow(SHADOWS, admin, true) = 3;
	configure_shadows();
	for (unsigned int i = 0; i < 1000; i++)
		assert_int_equal(run(admin, identify), ST_SUCCESS);
	assert_false(reported("is ignored"));
}

/* The controller may read the shadow before the doorbell, and look at it after that. */
static void a_head_comes_by_shadow_and_by_doorbell(void **state)
{
	(void)state;
	configure_shadows();
	assert_int_equal(nvme_create_ring(&t, 1, 0), ST_SUCCESS);
	for (unsigned int i = 0; i < 20000; i++) {
		struct nvme_completion completion;

		for (unsigned int n = 0; n < 7; n++) {
			nvme_submit(&t, io, &flush);
			*shadow(SHADOWS, io, false) = io->tail;
			nvme_ring_tail(&t, io);
		}
		for (unsigned int n = 0; n < 7; n++) {
			while (!nvme_poll(io, &completion))
				;
			*shadow(SHADOWS, io, true) = io->head;
			nvme_ring_head(&t, io);
		}
	}
	assert_false(reported("is ignored"));
}

/* A doorbell may arrive when the shadow, which was written before it, has been read again since. */
static void a_doorbell_that_comes_late_changes_nothing(void **state)
{
	(void)state;
	configure_shadows();
	assert_int_equal(nvme_create_ring(&t, 1, 0), ST_SUCCESS);
	for (unsigned int i = 0; i < 1000; i++) {
		struct nvme_ring late;
		struct nvme_completion completion;
		uint16_t cid;

		for (unsigned int n = 0; n < 3; n++) {
			late = *io;
			cid = nvme_submit(&t, io, &flush);
			*shadow(SHADOWS, io, false) = io->tail;
			nvme_ring_tail(&t, io);
			while (!nvme_poll(io, &completion))
				;
			assert_int_equal(completion.cid, cid);
			*shadow(SHADOWS, io, true) = io->head;
		}
		nvme_ring_tail(&t, &late);
		nvme_ring_head(&t, &late);
	}
	usleep(1000);
	assert_false(nvme_poll(io, &(struct nvme_completion){.dw0 = 0}));
	assert_false(reported("is ignored"));
}

struct hasty_driver {
	_Atomic unsigned int waits_for; /* the round whose completions it waits for */
	_Atomic unsigned int done;
};

static void wait_hastily(unsigned int *polls)
{
	if (++*polls % HASTY_POLLS == 0)
		sched_yield();
}

/* As soon as the last completion is there it takes the shadows back. */
static void *take_shadows_back(void *arg)
{
	struct hasty_driver *driver = arg;
	struct nvme_completion completion;
	unsigned int polls = 0;

	for (unsigned int round = 1; round <= HASTY_ROUNDS; round++) {
		while (atomic_load(&driver->waits_for) != round)
			wait_hastily(&polls);
		for (unsigned int i = 0; i < HASTY_COMMANDS; i++)
			while (!nvme_poll(io, &completion))
				wait_hastily(&polls);
		*shadow(SHADOWS, io, false) = 77;
		*shadow(SHADOWS, io, true) = 78;
		atomic_store(&driver->done, round);
	}
	return NULL;
}

/* Such as libvfn, which clears the shadows of a queue and unmaps it before it deletes it. */
static void after_the_last_completion_shadows_are_left_alone(void **state)
{
	struct hasty_driver driver = {.done = 0};
	unsigned int polls = 0;
	pthread_t thread;

	(void)state;
	configure_shadows();
	assert_int_equal(nvme_create_ring(&t, 1, 0), ST_SUCCESS);
	assert_int_equal(pthread_create(&thread, NULL, take_shadows_back, &driver), 0);
	for (unsigned int round = 1; round <= HASTY_ROUNDS; round++) {
		*shadow(SHADOWS, io, true) = io->head;
		for (unsigned int i = 0; i < HASTY_COMMANDS; i++)
			nvme_submit(&t, io, &flush);
		*shadow(SHADOWS, io, false) = io->tail;
		atomic_store(&driver.waits_for, round);
		nvme_ring_tail(&t, io);
		while (atomic_load(&driver.done) != round)
			wait_hastily(&polls);
	}
	pthread_join(thread, NULL);
	assert_false(reported("is ignored"));
}

/* The memory is the driver's again: it may write anything to it. */
static void a_controller_that_is_shut_down_leaves_the_shadows_alone(void **state)
{
	const uint32_t cc = (uint32_t)nvme_get(&t, NVME_CC, 4);

	(void)state;
	configure_shadows();
	nvme_set(&t, NVME_CC, 4, cc | 1u << CC_SHN_SHIFT);
	*shadow(SHADOWS, admin, false) = 77;
	*shadow(SHADOWS, admin, true) = 78;
	assert_true(nvme_await(&t, CSTS_SHST, CSTS_SHST_COMPLETE));
	assert_true(nvme_disable(&t));
	assert_false(reported("is ignored"));
}

static void shadows_that_cannot_be_written_are_refused(void **state)
{
	(void)state;
	assert_int_equal(run(admin, (struct nvme_command){.opcode = ADMIN_DBBUF_CONFIG,
							  .prp1 = UINT64_C(0x7f0000000000),
							  .prp2 = nvme_data_iova(EVENTS)}),
			 ST_DATA_TRANSFER);
}

/* ---- threads, deletion and resets ---- */

struct worker {
	pthread_t thread;
	unsigned int ring;
	unsigned int failures;
	pthread_mutex_t *lock;
};

/*
 * Writes a pattern of its own to one block that all workers share, and reads it: a block is always
 * of one pattern as a whole.
 */
static void *write_and_read(void *arg)
{
	struct worker *w = arg;
	struct nvme_ring *ring = &t.rings[w->ring];
	uint8_t *data = nvme_data_at(&t, w->ring * 0x10000ull);

	for (unsigned int i = 0; i < 500; i++) {
		const bool write = i % 2 == 0;
		struct nvme_command command =
			nvme_rw(write ? IO_WRITE : IO_READ, 40, 16, w->ring * 0x10000ull);
		struct nvme_completion completion;

		if (write)
			memset(data, (int)(w->ring * 16 + i % 16), 8192);
		ring->sq[ring->tail] = command;
		ring->tail = (ring->tail + 1) % ring->entries;
		pthread_mutex_lock(w->lock);
		nvme_ring_tail(&t, ring);
		pthread_mutex_unlock(w->lock);
		while (!nvme_poll(ring, &completion))
			sched_yield();
		pthread_mutex_lock(w->lock);
		nvme_ring_head(&t, ring);
		pthread_mutex_unlock(w->lock);
		w->failures += nvme_status_of(&completion) != ST_SUCCESS;
		w->failures += memcmp(data, data + 1, 8191) != 0;
	}
	return NULL;
}

static void commands_of_different_queues_are_atomic_to_each_other(void **state)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct worker workers[4];
	const struct nvme_command write = nvme_rw(IO_WRITE, 40, 16, 0);

	(void)state;
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(nvme_create_ring(&t, i + 1, 0), ST_SUCCESS);
	assert_int_equal(run(io, write), ST_SUCCESS);
	for (unsigned int i = 0; i < 4; i++) {
		workers[i] = (struct worker){.ring = i + 1, .lock = &lock};
		pthread_create(&workers[i].thread, NULL, write_and_read, &workers[i]);
	}
	for (unsigned int i = 0; i < 4; i++) {
		pthread_join(workers[i].thread, NULL);
		assert_int_equal(workers[i].failures, 0);
	}
}

/* Fills the queue with large reads. */
static void keep_busy(struct nvme_ring *ring)
{
	struct nvme_command read = nvme_rw(IO_READ, 0, 1024, 0);
	uint64_t *list = (uint64_t *)(void *)nvme_data_at(&t, SHADOWS);

	for (unsigned int i = 0; i < 128; i++)
		list[i] = nvme_data_iova((i + 1) * 4096ull);
	read.prp2 = nvme_data_iova(SHADOWS);
	for (unsigned int i = 0; i < ENTRIES - 1; i++)
		nvme_submit(&t, ring, &read);
	nvme_ring_tail(&t, ring);
}

static void a_busy_queue_can_be_deleted(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 20; i++) {
		assert_int_equal(nvme_create_ring(&t, 1, 0), ST_SUCCESS);
		keep_busy(io);
		assert_int_equal(nvme_delete_ring(&t, 1), ST_SUCCESS);
	}
}

static void a_controller_reset_ends_dma(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 20; i++) {
		assert_int_equal(nvme_create_ring(&t, 1, 0), ST_SUCCESS);
		keep_busy(io);
		assert_true(nvme_disable(&t));
		memset(nvme_data_at(&t, 0), 0x99, 1 << 20);
		for (unsigned int n = 0; n < 1 << 20; n += 4096)
			assert_int_equal(*nvme_data_at(&t, n), 0x99);
		assert_true(nvme_enable(&t));
	}
}

static void a_function_level_reset_ends_dma(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 20; i++) {
		assert_int_equal(nvme_create_ring(&t, 1, 0), ST_SUCCESS);
		assert_int_equal(nvme_create_ring(&t, 2, 0), ST_SUCCESS);
		keep_busy(io);
		keep_busy(&t.rings[2]);
		assert_int_equal(rig_ioctl(&t.rig, VFIO_DEVICE_RESET, NULL), 0);
		memset(nvme_data_at(&t, 0), 0x99, 1 << 20);
		for (unsigned int n = 0; n < 1 << 20; n += 4096)
			assert_int_equal(*nvme_data_at(&t, n), 0x99);
		assert_true(nvme_enable(&t));
	}
}

static void closing_while_dma_runs_waits_for_it(void **state)
{
	(void)state;
	assert_int_equal(nvme_create_ring(&t, 1, 0), ST_SUCCESS);
	keep_busy(io);
}

static void a_page_size_of_8_kib_is_used(void **state)
{
	struct nvme_command create_cq = {
		.opcode = ADMIN_CREATE_CQ,
		.cdw10 = 2 | (ENTRIES - 1) << 16,
		.cdw11 = QUEUE_CONTIGUOUS,
	};
	const struct nvme_command create_sq = {
		.opcode = ADMIN_CREATE_SQ,
		.prp1 = nvme_sq_iova(2),
		.cdw10 = 2 | (ENTRIES - 1) << 16,
		.cdw11 = QUEUE_CONTIGUOUS | 2 << 16,
	};
	struct nvme_ring *second;
	struct nvme_command write = nvme_rw(IO_WRITE, 0, 32, 0);
	const struct nvme_command read = nvme_rw(IO_READ, 0, 16, 0x10000);

	(void)state;
	assert_true(nvme_disable(&t));
	nvme_set_admin_queue(&t);
	nvme_set(&t, NVME_CC, 4,
		 CC_EN | 1 << CC_MPS_SHIFT | NVME_SQES << CC_IOSQES_SHIFT |
			 NVME_CQES << CC_IOCQES_SHIFT);
	assert_true(nvme_await(&t, CSTS_RDY, CSTS_RDY));
	/* Queues are at multiples of the page, too. */
	assert_int_equal(nvme_create_ring(&t, 2, 0), ST_PRP_OFFSET);
	second = nvme_ring_init(&t, 2, ENTRIES);
	second->cq = (void *)nvme_data_at(&t, 0x100000);
	create_cq.prp1 = nvme_data_iova(0x100000);
	assert_int_equal(run(admin, create_cq), ST_SUCCESS);
	assert_int_equal(run(admin, create_sq), ST_SUCCESS);
	for (unsigned int i = 0; i < 16384; i++)
		nvme_data_at(&t, 0)[i] = (uint8_t)(i / 64);
	/* Two pages, so PRP 2 is no list. */
	write.prp2 = nvme_data_iova(8192);
	assert_int_equal(run(second, write), ST_SUCCESS);
	assert_int_equal(run(second, read), ST_SUCCESS);
	assert_memory_equal(nvme_data_at(&t, 0x10000), nvme_data_at(&t, 0), 8192);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(queues_wrap_many_times),
		TEST(a_batch_is_completed_in_order),
		TEST(a_full_completion_queue_stops_its_submission_queues),
		TEST(a_command_id_is_used_once_at_a_time),
		TEST(bad_doorbells_are_reported_and_ignored),
		TEST(a_prp_that_leaves_its_mapping_is_reported),
		TEST(each_queue_has_a_vector),
		TEST(the_line_follows_the_queues_and_the_mask),
		TEST(coalescing_saves_interrupts_and_loses_none),
		TEST(shadow_doorbells_take_the_place_of_doorbells),
		TEST(the_admin_queues_have_shadow_doorbells_too),
		TEST(a_driver_may_leave_the_shadows_of_the_admin_queues_alone),
		TEST(a_head_comes_by_shadow_and_by_doorbell),
		TEST(a_doorbell_that_comes_late_changes_nothing),
		TEST(after_the_last_completion_shadows_are_left_alone),
		TEST(a_controller_that_is_shut_down_leaves_the_shadows_alone),
		TEST(shadows_that_cannot_be_written_are_refused),
		TEST(commands_of_different_queues_are_atomic_to_each_other),
		TEST(a_busy_queue_can_be_deleted),
		TEST(a_controller_reset_ends_dma),
		TEST(a_function_level_reset_ends_dma),
		TEST(closing_while_dma_runs_waits_for_it),
		TEST(a_page_size_of_8_kib_is_used),
	};

	return cmocka_run_group_tests(tests, report_file_open, report_file_remove);
}
