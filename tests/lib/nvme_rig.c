/* SPDX-License-Identifier: MIT */
#include "nvme_rig.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>

#include "devices/devices.h"
#include "require.h"

enum {
	PAGE_BYTES = 4096,
};

uint64_t nvme_get(struct nvme_rig *t, unsigned int reg, unsigned int size)
{
	uint64_t value = 0;

	if (t->registers && size == sizeof(uint32_t))
		return *(volatile uint32_t *)(volatile void *)(t->registers + reg);
	if (t->registers)
		return *(volatile uint64_t *)(volatile void *)(t->registers + reg);
	require(rig_pread(&t->rig, &value, size, reg) == (long)size);
	return value;
}

void nvme_set(struct nvme_rig *t, unsigned int reg, unsigned int size, uint64_t value)
{
	if (!t->registers)
		require(rig_pwrite(&t->rig, &value, size, reg) == (long)size);
	else if (size == sizeof(uint32_t))
		*(volatile uint32_t *)(volatile void *)(t->registers + reg) = (uint32_t)value;
	else
		*(volatile uint64_t *)(volatile void *)(t->registers + reg) = value;
}

bool nvme_await(struct nvme_rig *t, uint32_t mask, uint32_t value)
{
	for (unsigned int i = 0; i < NVME_PATIENCE_MS * 10; i++) {
		if ((nvme_get(t, NVME_CSTS, 4) & mask) == value)
			return true;
		usleep(100);
	}
	return false;
}

/* ---- memory ---- */

uint64_t nvme_data_iova(uint64_t off)
{
	return NVME_IOVA + NVME_DATA + off;
}

uint8_t *nvme_data_at(struct nvme_rig *t, uint64_t off)
{
	return t->memory + NVME_DATA + off;
}

/* Two pages for each ring. */
uint64_t nvme_sq_iova(unsigned int id)
{
	return NVME_IOVA + 2 * id * PAGE_BYTES;
}

uint64_t nvme_cq_iova(unsigned int id)
{
	return nvme_sq_iova(id) + PAGE_BYTES;
}

/* ---- life ---- */

long nvme_open(struct nvme_rig *t, uint64_t size, const struct option_value *options,
	       unsigned int count)
{
	long rc;

	*t = (struct nvme_rig){.size = size};
	t->memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t->memory == MAP_FAILED)
		return -ENOMEM;
	rig_open_with(&t->rig, &device_nvme, options, count);
	rc = rig_connect(&t->rig, t->memory, size, NVME_IOVA, &t->ioas_id);
	if (!rc)
		t->stride = nvme_get(t, NVME_CAP, 8) >> 32 & 0xf;
	return rc;
}

void nvme_close(struct nvme_rig *t)
{
	rig_close(&t->rig);
	munmap(t->memory, t->size);
}

void nvme_set_admin_queue(struct nvme_rig *t)
{
	const struct nvme_ring *ring = nvme_ring_init(t, 0, NVME_RIG_ENTRIES);

	nvme_set(t, NVME_AQA, 4, (ring->entries - 1) | (ring->entries - 1) << 16);
	nvme_set(t, NVME_ASQ, 8, nvme_sq_iova(0));
	nvme_set(t, NVME_ACQ, 8, nvme_cq_iova(0));
}

bool nvme_enable(struct nvme_rig *t)
{
	nvme_set_admin_queue(t);
	nvme_set(t, NVME_CC, 4,
		 CC_EN | NVME_SQES << CC_IOSQES_SHIFT | NVME_CQES << CC_IOCQES_SHIFT);
	return nvme_await(t, CSTS_RDY | CSTS_CFS, CSTS_RDY);
}

bool nvme_disable(struct nvme_rig *t)
{
	nvme_set(t, NVME_CC, 4, NVME_SQES << CC_IOSQES_SHIFT | NVME_CQES << CC_IOCQES_SHIFT);
	return nvme_await(t, CSTS_RDY | CSTS_CFS, 0);
}

/* ---- rings ---- */

struct nvme_ring *nvme_ring_init(struct nvme_rig *t, unsigned int id, unsigned int entries)
{
	struct nvme_ring *ring = &t->rings[id];

	*ring = (struct nvme_ring){
		.id = id,
		.sq = (void *)(t->memory + (nvme_sq_iova(id) - NVME_IOVA)),
		.cq = (void *)(t->memory + (nvme_cq_iova(id) - NVME_IOVA)),
		.entries = entries,
		.phase = true,
	};
	memset(ring->sq, 0, 2 * PAGE_BYTES);
	return ring;
}

uint16_t nvme_create_ring(struct nvme_rig *t, unsigned int id, uint32_t cq_flags)
{
	const struct nvme_ring *ring = nvme_ring_init(t, id, NVME_RIG_ENTRIES);
	const struct nvme_command cq = {
		.opcode = ADMIN_CREATE_CQ,
		.prp1 = nvme_cq_iova(id),
		.cdw10 = id | (ring->entries - 1) << 16,
		.cdw11 = QUEUE_CONTIGUOUS | cq_flags,
	};
	const struct nvme_command sq = {
		.opcode = ADMIN_CREATE_SQ,
		.prp1 = nvme_sq_iova(id),
		.cdw10 = id | (ring->entries - 1) << 16,
		.cdw11 = QUEUE_CONTIGUOUS | id << 16,
	};
	uint16_t status = nvme_do(t, &t->rings[0], &cq);

	return status ? status : nvme_do(t, &t->rings[0], &sq);
}

uint16_t nvme_delete_ring(struct nvme_rig *t, unsigned int id)
{
	const struct nvme_command sq = {.opcode = ADMIN_DELETE_SQ, .cdw10 = id};
	const struct nvme_command cq = {.opcode = ADMIN_DELETE_CQ, .cdw10 = id};
	uint16_t status = nvme_do(t, &t->rings[0], &sq);

	return status ? status : nvme_do(t, &t->rings[0], &cq);
}

static unsigned int doorbell(const struct nvme_rig *t, const struct nvme_ring *ring, bool cq)
{
	return NVME_DOORBELLS + (2 * ring->id + cq) * (4u << t->stride);
}

uint16_t nvme_submit(struct nvme_rig *t, struct nvme_ring *ring, const struct nvme_command *command)
{
	ring->sq[ring->tail] = *command;
	ring->sq[ring->tail].cid = t->next_cid;
	ring->tail = (ring->tail + 1) % ring->entries;
	return t->next_cid++;
}

void nvme_ring_tail(struct nvme_rig *t, struct nvme_ring *ring)
{
	nvme_set(t, doorbell(t, ring, false), 4, ring->tail);
}

void nvme_ring_head(struct nvme_rig *t, struct nvme_ring *ring)
{
	nvme_set(t, doorbell(t, ring, true), 4, ring->head);
}

bool nvme_poll(struct nvme_ring *ring, struct nvme_completion *completion)
{
	volatile struct nvme_completion *entry = &ring->cq[ring->head];
	uint16_t status = __atomic_load_n(&entry->status, __ATOMIC_ACQUIRE);

	if ((status & 1) != ring->phase)
		return false;
	*completion = *entry;
	ring->head = (ring->head + 1) % ring->entries;
	if (!ring->head)
		ring->phase = !ring->phase;
	return true;
}

struct nvme_completion nvme_wait(struct nvme_rig *t, struct nvme_ring *ring)
{
	struct nvme_completion completion;
	unsigned int i;

	for (i = 0; i < NVME_PATIENCE_MS * 20 && !nvme_poll(ring, &completion); i++)
		usleep(50);
	require(i < NVME_PATIENCE_MS * 20);
	nvme_ring_head(t, ring);
	return completion;
}

uint16_t nvme_status_of(const struct nvme_completion *completion)
{
	return (uint16_t)(completion->status >> 1 & ~ST_DNR);
}

uint16_t nvme_do(struct nvme_rig *t, struct nvme_ring *ring, const struct nvme_command *command)
{
	const uint16_t cid = nvme_submit(t, ring, command);
	struct nvme_completion completion;

	nvme_ring_tail(t, ring);
	completion = nvme_wait(t, ring);
	require(completion.cid == cid && completion.sq_id == ring->id);
	require(completion.sq_head == ring->tail);
	t->result = completion.dw0;
	return nvme_status_of(&completion);
}

struct nvme_command nvme_rw(uint8_t opcode, uint64_t lba, uint32_t blocks, uint64_t off)
{
	return (struct nvme_command){
		.opcode = opcode,
		.nsid = 1,
		.prp1 = nvme_data_iova(off),
		.prp2 = nvme_data_iova((off & ~(uint64_t)(PAGE_BYTES - 1)) + PAGE_BYTES),
		.cdw10 = (uint32_t)lba,
		.cdw11 = (uint32_t)(lba >> 32),
		.cdw12 = blocks - 1,
	};
}
