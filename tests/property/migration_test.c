/* SPDX-License-Identifier: MIT */
/*
 * Saving and loading a device at every point of a random program equals not having saved it. Each
 * program runs three times: undisturbed, with a migration after every step, and with migrations at
 * random. What the device has done to memory, and what its registers show at the end of each part,
 * must be the same. Steps start work and do not wait for it, so that most migrations find the
 * device in the middle of something.
 */
#include <linux/pci_regs.h>
#include <stdio.h>

#include <uiommufd/iommufd.h>

#include "devices/devices.h"
#include "kit.h"

enum {
	PROGRAMS = 6,
	STEPS = 60,
	PART = 15, /* steps between two looks at everything */
	MEMORY = 1 << 20,
};

/* FNV-1a of all that has been seen. */
static uint64_t seen;

static void see(const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		seen = (seen ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
}

static void see_number(uint64_t value)
{
	see(&value, sizeof(value));
}

struct subject {
	void (*begin)(struct rng *rng);
	void (*step)(struct rng *rng);
	void (*settle)(void); /* waits for all that was started, and sees it */
	void (*end)(void);
	struct vfio_rig *rig;
};

static void fill(uint8_t *memory, size_t len, struct rng *rng)
{
	for (size_t i = 0; i < len; i += sizeof(uint64_t)) {
		const uint64_t value = rng_next(rng);

		memcpy(memory + i, &value, sizeof(value));
	}
}

/* ---- edu ---- */

enum {
	EDU_LIVENESS = 0x04,
	EDU_FACTORIAL = 0x08,
	EDU_STATUS = 0x20,
	EDU_IRQ_STATUS = 0x24,
	EDU_IRQ_RAISE = 0x60,
	EDU_IRQ_ACK = 0x64,
	EDU_SOURCE = 0x80,
	EDU_DESTINATION = 0x88,
	EDU_COUNT = 0x90,
	EDU_COMMAND = 0x98,
	EDU_BUFFER = 0x40000,
	EDU_IOVA = 0x100000,
	EDU_MEMORY = 4 * PAGE,
};

static struct vfio_rig edu;
static uint8_t *edu_memory;

static uint32_t edu_get(uint64_t off)
{
	uint32_t value = 0;

	assert_int_equal(rig_pread(&edu, &value, 4, off), 4);
	return value;
}

static void edu_set(uint64_t off, uint32_t value)
{
	assert_int_equal(rig_pwrite(&edu, &value, 4, off), 4);
}

static void edu_begin(struct rng *rng)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach)};
	struct iommu_ioas_map map = {.size = sizeof(map),
				     .flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE |
					      IOMMU_IOAS_MAP_FIXED_IOVA,
				     .length = EDU_MEMORY,
				     .iova = EDU_IOVA};
	const uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;

	rig_open(&edu, &device_edu, NULL);
	edu_memory =
		mmap(NULL, EDU_MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(edu_memory != MAP_FAILED);
	assert_int_equal(rig_bind(&edu), 0);
	assert_int_equal(rig_iommu(&edu, IOMMU_IOAS_ALLOC, &alloc), 0);
	map.ioas_id = attach.pt_id = alloc.out_ioas_id;
	map.user_va = (uintptr_t)edu_memory;
	assert_int_equal(rig_iommu(&edu, IOMMU_IOAS_MAP, &map), 0);
	assert_int_equal(rig_ioctl(&edu, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach), 0);
	assert_int_equal(rig_pwrite(&edu, &command, 2, rig_pos(7, PCI_COMMAND)), 2);
	fill(edu_memory, EDU_MEMORY, rng);
}

static void edu_wait_dma(void)
{
	while (edu_get(EDU_COMMAND) & 1)
		sched_yield();
}

static void edu_wait_factorial(void)
{
	while (edu_get(EDU_STATUS) & 1)
		sched_yield();
}

/* Between a random part of the buffer and of memory. */
static void edu_start_dma(struct rng *rng)
{
	const uint32_t count = (uint32_t)(1 + rng_below(rng, 2048));
	const uint32_t inside = (uint32_t)(EDU_BUFFER + rng_below(rng, 2048));
	const uint32_t outside = (uint32_t)(EDU_IOVA + rng_below(rng, EDU_MEMORY - count));
	const bool to_ram = rng_below(rng, 2);

	edu_wait_dma();
	edu_set(EDU_SOURCE, to_ram ? inside : outside);
	edu_set(EDU_DESTINATION, to_ram ? outside : inside);
	edu_set(EDU_COUNT, count);
	edu_set(EDU_COMMAND, 1 | (to_ram ? 2 : 0) | (rng_below(rng, 2) ? 4 : 0));
}

static void edu_step(struct rng *rng)
{
	switch (rng_below(rng, 8)) {
	case 0:
		edu_set(EDU_LIVENESS, (uint32_t)rng_next(rng));
		break;
	case 1:
		edu_wait_factorial();
		edu_set(EDU_STATUS, rng_below(rng, 2) ? 0x80 : 0);
		edu_set(EDU_FACTORIAL, (uint32_t)rng_below(rng, 14));
		break;
	case 2:
		edu_set(EDU_IRQ_RAISE, (uint32_t)rng_next(rng) << 16);
		break;
	case 3:
		edu_set(EDU_IRQ_ACK, (uint32_t)rng_next(rng) << 16);
		break;
	default:
		edu_start_dma(rng);
	}
}

static void edu_settle(void)
{
	uint16_t status;

	edu_wait_dma();
	edu_wait_factorial();
	see(edu_memory, EDU_MEMORY);
	see_number(edu_get(EDU_LIVENESS));
	see_number(edu_get(EDU_FACTORIAL));
	see_number(edu_get(EDU_IRQ_STATUS));
	see_number(edu_get(EDU_COUNT));
	/* INTA#. */
	assert_int_equal(rig_pread(&edu, &status, 2, rig_pos(7, PCI_STATUS)), 2);
	see_number(status & PCI_STATUS_INTERRUPT);
}

static void edu_end(void)
{
	rig_close(&edu);
	munmap(edu_memory, EDU_MEMORY);
}

/* ---- ioat ---- */

static struct ioat_rig ioat;
static unsigned int ioat_given;

static void ioat_begin(struct rng *rng)
{
	assert_int_equal(ioat_open(&ioat, MEMORY), 0);
	fill(ioat.memory + DATA_OFFSET, MEMORY - DATA_OFFSET, rng);
	ioat_start_ring(&ioat);
	ioat_given = 0;
}

static void ioat_step(struct rng *rng)
{
	const uint32_t size = (uint32_t)(1 + rng_below(rng, 60000));
	const uint64_t room = MEMORY - DATA_OFFSET - size;
	const uint32_t interrupts = rng_below(rng, 4) ? 0 : 1;

	switch (rng_below(rng, 6)) {
	case 0:
		ioat_set(&ioat, IOAT_CHANCMD, 1, CHANCMD_SUSPEND);
		break;
	case 1:
		ioat_set(&ioat, IOAT_CHANCMD, 1, CHANCMD_RESUME);
		break;
	default:
		if (ioat_given++ == RING_SLOTS / 2) {
			ioat_set(&ioat, IOAT_CHANCMD, 1, CHANCMD_RESUME);
			(void)ioat_await(&ioat);
			ioat_given = 1;
		}
		ioat_prepare(&ioat, DATA_OFFSET + rng_below(rng, room),
			     DATA_OFFSET + rng_below(rng, room), size,
			     interrupts | DESCRIPTOR_COMPLETION);
		ioat_submit(&ioat);
	}
}

static void ioat_settle(void)
{
	ioat_set(&ioat, IOAT_CHANCMD, 1, CHANCMD_RESUME);
	while (ioat_state(&ioat) == CHANSTS_SUSPENDED)
		ioat_set(&ioat, IOAT_CHANCMD, 1, CHANCMD_RESUME);
	see_number(ioat_await(&ioat));
	see(ioat.memory, MEMORY);
	see_number(ioat_get(&ioat, IOAT_CHANSTS, 8));
	see_number(ioat_get(&ioat, IOAT_DMACOUNT, 2));
	see_number(ioat_get(&ioat, IOAT_CHANERR, 4));
	see_number(ioat_get(&ioat, IOAT_ATTNSTATUS, 4));
	ioat_given = 0;
}

static void ioat_end(void)
{
	ioat_close(&ioat);
}

/* ---- nvme ---- */

enum {
	NVME_RINGS = 2,
	NVME_LBAS = 256, /* of each ring */
	NVME_BUFFERS = 128 << 10,
};

static struct nvme_rig nvme;
static unsigned int nvme_waiting[NVME_RINGS];

static void nvme_begin(struct rng *rng)
{
	const struct option_value options[] = {{"size", "1M"}, {"cmb", "4K"}};

	assert_int_equal(nvme_open(&nvme, 2 << 20, options, 2), 0);
	nvme_set_admin_queue(&nvme);
	assert_true(nvme_enable(&nvme));
	for (unsigned int i = 0; i < NVME_RINGS; i++) {
		nvme_ring_init(&nvme, i + 1, NVME_RIG_ENTRIES);
		assert_int_equal(nvme_create_ring(&nvme, i + 1, 0), 0);
		nvme_waiting[i] = 0;
	}
	fill(nvme_data_at(&nvme, 0), NVME_BUFFERS * NVME_RINGS, rng);
}

static void nvme_collect(unsigned int i)
{
	for (; nvme_waiting[i]; nvme_waiting[i]--) {
		const struct nvme_completion completion = nvme_wait(&nvme, &nvme.rings[i + 1]);

		see_number(nvme_status_of(&completion));
	}
}

/* A command on one of the rings, with memory and blocks that are that ring's. */
static void nvme_step(struct rng *rng)
{
	const unsigned int i = (unsigned int)rng_below(rng, NVME_RINGS);
	const uint32_t blocks = (uint32_t)(1 + rng_below(rng, 8));
	const uint64_t lba = i * NVME_LBAS + rng_below(rng, NVME_LBAS - 8);
	const uint64_t off = i * NVME_BUFFERS + rng_below(rng, 31) * 4096;
	const struct nvme_command command =
		nvme_rw(rng_below(rng, 2) ? IO_WRITE : IO_READ, lba, blocks, off);

	if (nvme_waiting[i] == NVME_RIG_ENTRIES / 2)
		nvme_collect(i);
	nvme_submit(&nvme, &nvme.rings[i + 1], &command);
	nvme_ring_tail(&nvme, &nvme.rings[i + 1]);
	nvme_waiting[i]++;
}

static void nvme_settle(void)
{
	for (unsigned int i = 0; i < NVME_RINGS; i++)
		nvme_collect(i);
	see(nvme_data_at(&nvme, 0), NVME_BUFFERS * NVME_RINGS);
	see_number(nvme_get(&nvme, NVME_CC, 4));
	see_number(nvme_get(&nvme, NVME_CSTS, 4));
	see_number(nvme_get(&nvme, NVME_INTMS, 4));
	/* The disk, by reading all of it. */
	for (uint64_t lba = 0; lba < NVME_LBAS * NVME_RINGS; lba += 8) {
		const struct nvme_command command =
			nvme_rw(IO_READ, lba, 8, NVME_BUFFERS * NVME_RINGS);

		assert_int_equal(nvme_do(&nvme, &nvme.rings[1], &command), 0);
		see(nvme_data_at(&nvme, NVME_BUFFERS * NVME_RINGS), 4096);
	}
}

static void nvme_end(void)
{
	nvme_close(&nvme);
}

/* ---- the property ---- */

static const struct subject subjects[] = {
	{edu_begin, edu_step, edu_settle, edu_end, &edu},
	{ioat_begin, ioat_step, ioat_settle, ioat_end, &ioat.rig},
	{nvme_begin, nvme_step, nvme_settle, nvme_end, &nvme.rig},
};

/* Runs program @number, migrating after each step for which @when says so; what has been seen. */
static uint64_t run(const struct subject *subject, uint64_t number,
		    bool (*when)(struct rng *chance))
{
	struct rng program = rng_of(number), chance = rng_of(1000 + number);

	seen = UINT64_C(0xcbf29ce484222325);
	subject->begin(&program);
	for (unsigned int i = 1; i <= STEPS; i++) {
		subject->step(&program);
		if (when(&chance))
			assert_int_equal(rig_migrate(subject->rig), 0);
		if (i % PART == 0)
			subject->settle();
	}
	subject->end();
	return seen;
}

static bool never(struct rng *chance)
{
	(void)chance;
	return false;
}

static bool always(struct rng *chance)
{
	(void)chance;
	return true;
}

static bool sometimes(struct rng *chance)
{
	return !rng_below(chance, 3);
}

static void a_migrated_device_does_the_same(void **state)
{
	const struct subject *subject = *state;

	for (uint64_t number = 0; number < PROGRAMS; number++) {
		const uint64_t expected = run(subject, number, never);

		assert_int_equal(run(subject, number, always), expected);
		assert_int_equal(run(subject, number, sometimes), expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"a_migrated_edu_does_the_same", a_migrated_device_does_the_same, NULL, NULL,
		 (void *)&subjects[0]},
		{"a_migrated_ioat_does_the_same", a_migrated_device_does_the_same, NULL, NULL,
		 (void *)&subjects[1]},
		{"a_migrated_nvme_does_the_same", a_migrated_device_does_the_same, NULL, NULL,
		 (void *)&subjects[2]},
	};

	(void)random_seed(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
