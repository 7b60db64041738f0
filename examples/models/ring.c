/* SPDX-License-Identifier: MIT */
/*
 * A DMA engine with a ring of descriptors in the program's memory. The program writes descriptors,
 * and then the index behind the last one to a doorbell, which does not trap while it is busy. The
 * device copies what each descriptor says, adds 1 to a counter of the program for each, and
 * sends an interrupt when it has caught up.
 */
#include <string.h>

#include <uiommufd/device.h>

/* BAR 0: registers of 32 bits in the first page, doorbells in the second. */
enum {
	RING = 0x00,	/* IOVA of the descriptors: low half; the high half follows */
	COUNTER = 0x08, /* IOVA of the counter, a word of 8 bytes */
	SIZE = 0x10,	/* how many descriptors there are */
	STATUS = 0x14,	/* 1: a copy, a descriptor or the counter was refused; the device stops */
	REGISTERS_END = 0x18,
	DOORBELL = 0x1000, /* the index behind the last descriptor: less than SIZE */
	PAGE = 0x1000,
	NO_INDEX = 0x7fffffff,
	BATCH = 64, /* descriptors at once: a reset waits for them */
};

struct descriptor {
	uint64_t source, destination;
	uint64_t length;
};

struct ring {
	uint32_t registers[REGISTERS_END / 4];
	uint32_t head, tail;
};

static uint64_t address(const struct ring *ring, unsigned int off)
{
	return ring->registers[off / 4] | (uint64_t)ring->registers[off / 4 + 1] << 32;
}

/* Does the descriptor at @index, without the lock. False: the IOMMU has refused something. */
static bool perform(struct uiommufd_device *dev, uint64_t descriptors, uint64_t counter,
		    uint32_t index)
{
	struct descriptor todo;
	uint64_t before;

	return !uiommufd_device_dma_read(dev, descriptors + index * sizeof(todo), &todo,
					 sizeof(todo)) &&
	       !uiommufd_device_dma_copy(dev, todo.destination, todo.source, todo.length, NULL) &&
	       !uiommufd_device_atomic(dev, 0, counter, UIOMMUFD_ATOMIC_FETCH_ADD, 8, 1, 0,
				       &before);
}

static void work(struct uiommufd_device *dev)
{
	struct ring *ring = uiommufd_device_state(dev);

	uiommufd_device_lock(dev);
	for (unsigned int i = 0; i < BATCH && ring->head != ring->tail; i++) {
		const uint64_t descriptors = address(ring, RING), counter = address(ring, COUNTER);
		const uint32_t index = ring->head;
		bool done;

		uiommufd_device_unlock(dev);
		done = perform(dev, descriptors, counter, index);
		uiommufd_device_lock(dev);
		if (done) {
			ring->head = (index + 1) % ring->registers[SIZE / 4];
		} else {
			ring->registers[STATUS / 4] = 1;
			ring->tail = ring->head;
		}
	}
	if (ring->head != ring->tail)
		uiommufd_device_queue_work(dev, work);
	else
		(void)uiommufd_device_send_msi(dev, 0);
	uiommufd_device_unlock(dev);
}

static void ring_reset(struct uiommufd_device *dev)
{
	memset(uiommufd_device_state(dev), 0, sizeof(struct ring));
}

static uint64_t ring_read(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			  unsigned int size)
{
	const struct ring *ring = uiommufd_device_state(dev);

	(void)bar, (void)size;
	return off < REGISTERS_END ? ring->registers[off / 4] : UINT64_MAX;
}

static void ring_doorbell(struct uiommufd_device *dev, uint32_t tail)
{
	struct ring *ring = uiommufd_device_state(dev);

	if (tail >= ring->registers[SIZE / 4]) {
		uiommufd_device_report(dev, "index %u is written to the doorbell of %u descriptors",
				       tail, ring->registers[SIZE / 4]);
		return;
	}
	if (ring->registers[STATUS / 4])
		return;
	ring->tail = tail;
	uiommufd_device_queue_work(dev, work);
}

static void ring_write(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
		       unsigned int size, uint64_t value)
{
	struct ring *ring = uiommufd_device_state(dev);

	(void)bar, (void)size;
	if (off == DOORBELL)
		ring_doorbell(dev, (uint32_t)value);
	else if (off < STATUS && ring->head == ring->tail)
		ring->registers[off / 4] = (uint32_t)value;
	else if (off < STATUS)
		uiommufd_device_report(dev, "register 0x%x is written while the ring is not empty",
				       (unsigned int)off);
}

static const struct uiommufd_bar_part parts[] = {
	{.kind = UIOMMUFD_PART_DOORBELLS,
	 .bar = 0,
	 .off = DOORBELL,
	 .size = PAGE,
	 .empty = NO_INDEX},
	{.size = 0},
};

static const struct uiommufd_model ring = {
	.name = "ring",
	.summary = "a DMA engine with a ring, a doorbell and a counter in memory",
	.vendor = 0x1234,
	.device = 0xc0e0,
	.class_code = 0x088000,
	.bars = {{.size = 2 * PAGE, .flags = UIOMMUFD_BAR_MMAP, .min_access = 4, .max_access = 4}},
	.msi_vectors = 1,
	.pcie = true,
	.state_size = sizeof(struct ring),
	.reset = ring_reset,
	.read = ring_read,
	.write = ring_write,
	.bar_parts = parts,
};

UIOMMUFD_MODEL(ring);
