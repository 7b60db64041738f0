/* SPDX-License-Identifier: MIT */
/*
 * Everything at once, through the user API: DMA through both stages and through the parent alone,
 * page requests and their answers, the guest's changes and invalidations, the VMM's unmaps, attach,
 * replace and detach, and resets. No thread may wait for ever, DMA may read only what is mapped,
 * and nothing may be left over.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/bits.h"
#include "base/log.h"
#include "iommufd/device/group.h"
#include "iommufd/device/page_request.h"
#include "kit.h"

enum {
	PAGES = 32,
	TABLE_PAGES = 5, /* four levels, and the structure that points at them */
	DATA_PAGES = 8,	 /* that the guest maps at IOVA */
	ROUNDS = 600,
	STREAM = 7,
	GOOD = 0x600d,
	POISON = 0xbad,
};

#define GUEST	UINT64_C(0x140000000)
#define IOVA	UINT64_C(0x5000000)
#define TABLES	GUEST
#define CONTEXT (GUEST + 4 * PAGE)
#define DATA	(GUEST + TABLE_PAGES * PAGE)

struct stress {
	struct engine *e;
	bool arm;
	uint64_t table, page;	     /* bits of entries */
	uint32_t ioas, parent, base; /* what is nested on: the parent or a vIOMMU */
	uint32_t faulting, plain;    /* nested page tables: with a queue, and without */
	uint32_t queue, events;	     /* descriptors */
	atomic_bool stop;
	atomic_uint done, answered;
};

static uint64_t *word_at(const struct stress *s, uint64_t gpa)
{
	return (uint64_t *)(void *)(s->e->buffer + (gpa - GUEST));
}

static uint64_t *entry_of(const struct stress *s, unsigned int i)
{
	const uint64_t iova = IOVA + i * (uint64_t)PAGE;

	return word_at(s, TABLES + 3 * PAGE + (iova >> 12 & 511) * 8);
}

static uint64_t good_entry(const struct stress *s, unsigned int i)
{
	return (DATA + i * (uint64_t)PAGE) | s->page;
}

static void build_tables(struct stress *s)
{
	for (unsigned int level = 3; level; level--) {
		const uint64_t table = TABLES + (3 - level) * (uint64_t)PAGE;

		*word_at(s, table + (IOVA >> (12 + 9 * level) & 511) * 8) = (table + PAGE) |
									    s->table;
	}
	for (unsigned int i = 0; i < DATA_PAGES; i++) {
		*entry_of(s, i) = good_entry(s, i);
		*word_at(s, DATA + i * (uint64_t)PAGE) = GOOD;
	}
	/* CD: 48 bits in, EPD1, V, 44 bits out, AA64, R. */
	word_at(s, CONTEXT)[0] = 16 | BIT(30) | BIT(31) | UINT64_C(4) << 32 | BIT(41) | BIT(45);
	word_at(s, CONTEXT)[1] = TABLES;
}

/* ---- setting up ---- */

static uint32_t nested(struct stress *s, uint32_t flags, uint32_t fault_id)
{
	const struct iommu_hwpt_vtd_s1 vtd = {.pgtbl_addr = TABLES, .addr_width = 48};
	const struct iommu_hwpt_arm_smmuv3 ste = {.ste = {BIT(0) | 5 << 1 | CONTEXT, 0}};
	struct iommu_hwpt_alloc cmd = {
		.flags = flags,
		.pt_id = s->base,
		.data_type = s->arm ? IOMMU_HWPT_DATA_ARM_SMMUV3 : IOMMU_HWPT_DATA_VTD_S1,
		.data_len = s->arm ? sizeof(ste) : sizeof(vtd),
		.data_uptr = s->arm ? (uintptr_t)&ste : (uintptr_t)&vtd,
		.fault_id = fault_id,
	};

	assert_int_equal(engine_hwpt(s->e, 0, &cmd), 0);
	return cmd.out_hwpt_id;
}

static void make_viommu(struct stress *s)
{
	struct iommu_viommu_alloc viommu = {
		.size = sizeof(viommu),
		.type = IOMMU_VIOMMU_TYPE_ARM_SMMUV3,
		.dev_id = s->e->dev_ids[0],
		.hwpt_id = s->parent,
	};
	struct iommu_vdevice_alloc vdevice = {.size = sizeof(vdevice)};
	struct iommu_veventq_alloc veventq = {
		.size = sizeof(veventq),
		.type = IOMMU_VEVENTQ_TYPE_ARM_SMMUV3,
		.veventq_depth = 4,
	};

	assert_int_equal(engine_call(s->e, IOMMU_VIOMMU_ALLOC, &viommu), 0);
	s->base = vdevice.viommu_id = veventq.viommu_id = viommu.out_viommu_id;
	for (unsigned int i = 0; i < ENGINE_DEVICES; i++) {
		vdevice.dev_id = s->e->dev_ids[i];
		vdevice.virt_id = STREAM + i;
		assert_int_equal(engine_call(s->e, IOMMU_VDEVICE_ALLOC, &vdevice), 0);
	}
	assert_int_equal(engine_call(s->e, IOMMU_VEVENTQ_ALLOC, &veventq), 0);
	s->events = veventq.out_veventq_fd;
}

static struct stress *create(bool arm)
{
	struct stress *s = calloc(1, sizeof(*s));
	struct iommu_hwpt_alloc parent = {.flags = IOMMU_HWPT_ALLOC_NEST_PARENT};
	struct iommu_fault_alloc queue = {.size = sizeof(queue)};

	assert_non_null(s);
	s->arm = arm;
	s->table = arm ? 3 : X86_ALL;
	s->page = arm ? ARM_PAGE | ARM_LEAF : X86_ALL;
	s->e = engine_create(arm ? "smmuv3" : "intel", PAGES);
	s->ioas = parent.pt_id = engine_ioas(s->e);
	build_tables(s);
	for (uint64_t i = 0; i < PAGES; i++)
		assert_int_equal(engine_map(s->e, s->ioas, GUEST + i * PAGE, i * PAGE, PAGE), 0);
	assert_int_equal(engine_hwpt(s->e, 0, &parent), 0);
	s->base = s->parent = parent.out_hwpt_id;
	if (arm)
		make_viommu(s);
	assert_int_equal(engine_call(s->e, IOMMU_FAULT_QUEUE_ALLOC, &queue), 0);
	s->queue = queue.out_fault_fd;
	s->faulting = nested(s, IOMMU_HWPT_FAULT_ID_VALID, queue.out_fault_id);
	s->plain = nested(s, 0, 0);
	return s;
}

/* ---- the threads ---- */

/*
 * The devices, through whatever they are attached to: pages of the guest, one beside them, and the
 * guest's own addresses.
 */
static void *do_dma(void *arg)
{
	struct stress *s = arg;
	struct rng rng = rng_of((uintptr_t)&rng);

	while (!atomic_load(&s->stop)) {
		struct iommu_endpoint *device = s->e->endpoints[rng_next(&rng) % ENGINE_DEVICES];
		const uint64_t page = rng_next(&rng) % (DATA_PAGES + 1) * PAGE;
		const uint64_t base = rng_next(&rng) % 8 ? IOVA : DATA;
		uint64_t value = GOOD;

		if (rng_next(&rng) & 1)
			(void)iommu_dma(device, 0, base + page + 8, &value, 8, DMA_WRITE);
		else if (page < DATA_PAGES * PAGE &&
			 !iommu_dma(device, 0, base + page, &value, 8, DMA_READ) && value != GOOD)
			abort();
		atomic_fetch_add(&s->done, 1);
	}
	return NULL;
}

/* Answers page requests, one way or the other, and reads what the guest is told. */
static void *answer(void *arg)
{
	struct stress *s = arg;
	struct rng rng = rng_of(1);

	while (!atomic_load(&s->stop)) {
		struct iommu_hwpt_page_response response;
		struct iommu_hwpt_pgfault fault;
		char bytes[256];

		if (s->arm)
			(void)engine_read(s->e, s->events, bytes, sizeof(bytes));
		if (engine_read(s->e, s->queue, &fault, sizeof(fault)) != sizeof(fault)) {
			sched_yield();
			continue;
		}
		response.cookie = fault.cookie;
		response.code = rng_next(&rng) % 4 ? IOMMUFD_PAGE_RESP_SUCCESS
						   : IOMMUFD_PAGE_RESP_INVALID;
		/* Detaching the device has answered it already. */
		(void)engine_write(s->e, s->queue, &response, sizeof(response));
		atomic_fetch_add(&s->answered, 1);
	}
	return NULL;
}

static void invalidate(struct stress *s, uint64_t iova)
{
	const struct iommu_hwpt_vtd_s1_invalidate vtd = {.addr = iova, .npages = 1};
	const struct iommu_viommu_arm_smmuv3_invalidate cmds[] = {
		{.cmd = {0x12, iova}},			      /* TLBI_NH_VA */
		{.cmd = {0x06 | (uint64_t)STREAM << 32, 31}}, /* CFGI_CD_ALL */
	};
	struct iommu_hwpt_invalidate cmd = {
		.size = sizeof(cmd),
		.hwpt_id = s->arm ? s->base : s->plain,
		.data_uptr = s->arm ? (uintptr_t)cmds : (uintptr_t)&vtd,
		.data_type = s->arm ? IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3
				    : IOMMU_HWPT_INVALIDATE_DATA_VTD_S1,
		.entry_len = s->arm ? sizeof(cmds[0]) : sizeof(vtd),
		.entry_num = 1,
	};

	assert_int_equal(engine_call(s->e, IOMMU_HWPT_INVALIDATE, &cmd), 0);
	if (s->arm) {
		/* Both: of the second, bits are set that it does not have. */
		cmd.entry_num = 2;
		assert_int_equal(engine_call(s->e, IOMMU_HWPT_INVALIDATE, &cmd), -EIO);
		assert_int_equal(cmd.entry_num, 1);
		return;
	}
	cmd.hwpt_id = s->faulting;
	assert_int_equal(engine_call(s->e, IOMMU_HWPT_INVALIDATE, &cmd), 0);
}

/* The guest takes its last pages out of its tables and puts them back. */
static void *change_tables(void *arg)
{
	struct stress *s = arg;
	struct rng rng = rng_of(2);

	while (!atomic_load(&s->stop)) {
		const unsigned int i =
			DATA_PAGES / 2 + (unsigned int)(rng_next(&rng) % (DATA_PAGES / 2));

		__atomic_store_n(entry_of(s, i), 0, __ATOMIC_RELEASE);
		invalidate(s, IOVA + i * (uint64_t)PAGE);
		__atomic_store_n(entry_of(s, i), good_entry(s, i), __ATOMIC_RELEASE);
		sched_yield();
	}
	return NULL;
}

/* The VMM takes the first pages away; no DMA may reach them until they are back. */
static void *unmap_pages(void *arg)
{
	struct stress *s = arg;
	struct rng rng = rng_of(3);

	while (!atomic_load(&s->stop)) {
		const uint64_t gpa = DATA + rng_next(&rng) % (DATA_PAGES / 2) * PAGE;
		volatile uint64_t *word = word_at(s, gpa);

		assert_int_equal(engine_unmap(s->e, s->ioas, gpa, PAGE), 0);
		*word = POISON;
		sched_yield();
		*word = GOOD;
		assert_int_equal(engine_map(s->e, s->ioas, gpa, (size_t)(gpa - GUEST), PAGE), 0);
	}
	return NULL;
}

static void move(struct stress *s, unsigned int device, uint64_t choice)
{
	const uint32_t targets[] = {s->faulting, s->plain, s->parent, s->faulting};
	uint32_t pt_id = targets[choice % 4];

	if (choice % 8 < 5)
		assert_int_equal(iommufd_device_attach_or_replace(s->e->devices[device], 0, &pt_id),
				 0);
	else if (choice % 8 < 7)
		iommufd_device_detach(s->e->devices[device], 0);
	else {
		/* As a reset does while it waits for the device's work. */
		iommufd_device_refuse_pages(s->e->devices[device], true);
		sched_yield();
		iommufd_device_refuse_pages(s->e->devices[device], false);
	}
}

static void run(bool arm)
{
	void *(*const roles[])(void *) = {do_dma, do_dma, answer, change_tables, unmap_pages};
	enum {
		ROLES = sizeof(roles) / sizeof(roles[0])
	};
	struct stress *s = create(arm);
	pthread_t threads[ROLES];
	struct rng rng = rng_of(4);

	log_set_level(LOG_LEVEL_ERROR);
	for (unsigned int i = 0; i < ROLES; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, roles[i], s), 0);
	for (unsigned int i = 0; i < ROUNDS || !atomic_load(&s->answered); i++) {
		move(s, i % ENGINE_DEVICES, rng_next(&rng));
		sched_yield();
	}
	atomic_store(&s->stop, true);
	/* Closing the descriptor does not answer waiting DMAs, detaching does. */
	for (unsigned int i = 0; i < ENGINE_DEVICES; i++)
		iommufd_device_detach(s->e->devices[i], 0);
	for (unsigned int i = 0; i < ROLES; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_true(atomic_load(&s->done) > 0);
	log_set_level(LOG_LEVEL_FAULT);
	engine_destroy(s->e);
	free(s);
}

static void everything_at_once_on_vtd(void **state)
{
	(void)state;
	run(false);
}

static void everything_at_once_on_an_smmu(void **state)
{
	(void)state;
	run(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_at_once_on_vtd),
		cmocka_unit_test(everything_at_once_on_an_smmu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
