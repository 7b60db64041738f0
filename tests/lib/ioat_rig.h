/* SPDX-License-Identifier: MIT */
/*
 * A rig for the ioat device: bound, attached to an IO address space in which one piece of memory is
 * mapped, and a ring of descriptors at its beginning.
 */
#ifndef TESTS_IOAT_RIG_H
#define TESTS_IOAT_RIG_H

#include <linux/pci_regs.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "devices/devices.h"
#include "devices/ioat_regs.h"
#include "vfio_rig.h"

enum {
	RING_SLOTS = 64,
	RING_IOVA = 0x100000, /* of the memory, too */
	COMPLETION_OFFSET = 0x1000,
	DATA_OFFSET = 0x10000,
};

struct ioat_rig {
	struct rig rig;
	uint8_t *memory;
	uint64_t size;
	uint32_t ioas_id;
	uint16_t given; /* descriptors, as DMACOUNT counts them */
};

static inline uint64_t ioat_get(struct ioat_rig *t, unsigned int reg, unsigned int size)
{
	uint64_t value = 0;
	ssize_t n = rig_pread(&t->rig, &value, size, reg);

	assert(n == (ssize_t)size);
	(void)n;
	return value;
}

static inline void ioat_set(struct ioat_rig *t, unsigned int reg, unsigned int size, uint64_t value)
{
	ssize_t n = rig_pwrite(&t->rig, &value, size, reg);

	assert(n == (ssize_t)size);
	(void)n;
}

static inline void ioat_set_command(struct ioat_rig *t, uint16_t command)
{
	(void)rig_pwrite(&t->rig, &command, sizeof(command), rig_pos(7, PCI_COMMAND));
}

static inline struct ioat_descriptor *ioat_slot(struct ioat_rig *t, unsigned int i)
{
	return (struct ioat_descriptor *)(void *)t->memory + i % RING_SLOTS;
}

static inline uint64_t ioat_slot_iova(unsigned int i)
{
	return RING_IOVA + i % RING_SLOTS * sizeof(struct ioat_descriptor);
}

static inline volatile uint64_t *ioat_completion(struct ioat_rig *t)
{
	return (volatile uint64_t *)(void *)(t->memory + COMPLETION_OFFSET);
}

/* Binds, attaches and maps; 0 or an error. */
static inline long ioat_connect(struct ioat_rig *t)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach)};
	struct iommu_ioas_map map = {.size = sizeof(map),
				     .flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE |
					      IOMMU_IOAS_MAP_FIXED_IOVA,
				     .length = t->size,
				     .user_va = (uintptr_t)t->memory,
				     .iova = RING_IOVA};
	long rc = rig_bind(&t->rig);

	if (!rc)
		rc = rig_iommu(&t->rig, IOMMU_IOAS_ALLOC, &alloc);
	t->ioas_id = map.ioas_id = attach.pt_id = alloc.out_ioas_id;
	if (!rc)
		rc = rig_ioctl(&t->rig, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
	if (!rc)
		rc = rig_iommu(&t->rig, IOMMU_IOAS_MAP, &map);
	ioat_set_command(t, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	return rc;
}

static inline long ioat_open(struct ioat_rig *t, uint64_t size)
{
	*t = (struct ioat_rig){.size = size};
	t->memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t->memory == MAP_FAILED)
		return -ENOMEM;
	rig_open(&t->rig, &device_ioat, NULL);
	return ioat_connect(t);
}

static inline void ioat_close(struct ioat_rig *t)
{
	rig_close(&t->rig);
	munmap(t->memory, t->size);
}

/* Links the ring, and points the channel to its first slot and to the completion. */
static inline void ioat_start_ring(struct ioat_rig *t)
{
	for (unsigned int i = 0; i < RING_SLOTS; i++)
		*ioat_slot(t, i) = (struct ioat_descriptor){.next = ioat_slot_iova(i + 1)};
	*ioat_completion(t) = 0;
	ioat_set(t, IOAT_CHANCMP, 8, RING_IOVA + COMPLETION_OFFSET);
	ioat_set(t, IOAT_CHAINADDR, 8, ioat_slot_iova(0));
	t->given = 0;
}

/* Fills the next slot with a copy between offsets of the memory; ioat_submit() makes it count. */
static inline struct ioat_descriptor *ioat_prepare(struct ioat_rig *t, uint64_t dst, uint64_t src,
						   uint32_t size, uint32_t control)
{
	struct ioat_descriptor *slot = ioat_slot(t, t->given++);

	slot->size = size;
	slot->control = control;
	slot->source = RING_IOVA + src;
	slot->destination = RING_IOVA + dst;
	return slot;
}

static inline void ioat_submit(struct ioat_rig *t)
{
	ioat_set(t, IOAT_DMACOUNT, 2, t->given);
}

static inline enum ioat_state ioat_state(struct ioat_rig *t)
{
	return (enum ioat_state)(ioat_get(t, IOAT_CHANSTS, 8) & 7);
}

/* The state once it is not ACTIVE any more (or is, after some seconds). */
static inline enum ioat_state ioat_await(struct ioat_rig *t)
{
	enum ioat_state state = ioat_state(t);

	for (int i = 0; state == CHANSTS_ACTIVE && i < 100000; i++) {
		usleep(50);
		state = ioat_state(t);
	}
	return state;
}

/* An eventfd that gets the device's interrupts of @index. */
static inline int ioat_take_interrupts(struct ioat_rig *t, uint32_t index)
{
	int32_t fd = eventfd(0, EFD_NONBLOCK);
	union rig_irqs irqs;
	long rc;

	rig_irqs(&irqs, VFIO_IRQ_SET_ACTION_TRIGGER, index, 1, &fd);
	rc = rig_ioctl(&t->rig, VFIO_DEVICE_SET_IRQS, &irqs);
	assert(!rc);
	(void)rc;
	return fd;
}

/* What @fd has counted within @timeout_ms of the first; 0: nothing. */
static inline uint64_t ioat_events(int fd, int timeout_ms)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	uint64_t count = 0;

	if (poll(&pfd, 1, timeout_ms) != 1 || read(fd, &count, sizeof(count)) != sizeof(count))
		return 0;
	return count;
}

#endif
