/* SPDX-License-Identifier: MIT */
#include "ioat_rig.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>

#include "devices/devices.h"
#include "require.h"

uint64_t ioat_get(struct ioat_rig *t, unsigned int reg, unsigned int size)
{
	uint64_t value = 0;

	require(rig_pread(&t->rig, &value, size, reg) == (long)size);
	return value;
}

void ioat_set(struct ioat_rig *t, unsigned int reg, unsigned int size, uint64_t value)
{
	require(rig_pwrite(&t->rig, &value, size, reg) == (long)size);
}

struct ioat_descriptor *ioat_slot(struct ioat_rig *t, unsigned int i)
{
	return (struct ioat_descriptor *)(void *)t->memory + i % RING_SLOTS;
}

uint64_t ioat_slot_iova(unsigned int i)
{
	return RING_IOVA + i % RING_SLOTS * sizeof(struct ioat_descriptor);
}

volatile uint64_t *ioat_completion(struct ioat_rig *t)
{
	return (volatile uint64_t *)(void *)(t->memory + COMPLETION_OFFSET);
}

long ioat_open(struct ioat_rig *t, uint64_t size)
{
	*t = (struct ioat_rig){.size = size};
	t->memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t->memory == MAP_FAILED)
		return -ENOMEM;
	rig_open(&t->rig, &device_ioat, NULL);
	return rig_connect(&t->rig, t->memory, size, RING_IOVA, &t->ioas_id);
}

void ioat_close(struct ioat_rig *t)
{
	rig_close(&t->rig);
	munmap(t->memory, t->size);
}

void ioat_start_ring(struct ioat_rig *t)
{
	for (unsigned int i = 0; i < RING_SLOTS; i++)
		*ioat_slot(t, i) = (struct ioat_descriptor){.next = ioat_slot_iova(i + 1)};
	*ioat_completion(t) = 0;
	ioat_set(t, IOAT_CHANCMP, 8, RING_IOVA + COMPLETION_OFFSET);
	ioat_set(t, IOAT_CHAINADDR, 8, ioat_slot_iova(0));
	t->given = 0;
}

struct ioat_descriptor *ioat_prepare(struct ioat_rig *t, uint64_t dst, uint64_t src, uint32_t size,
				     uint32_t control)
{
	struct ioat_descriptor *slot = ioat_slot(t, t->given++);

	slot->size = size;
	slot->control = control;
	slot->source = RING_IOVA + src;
	slot->destination = RING_IOVA + dst;
	return slot;
}

void ioat_submit(struct ioat_rig *t)
{
	ioat_set(t, IOAT_DMACOUNT, 2, t->given);
}

enum ioat_state ioat_state(struct ioat_rig *t)
{
	return (enum ioat_state)(ioat_get(t, IOAT_CHANSTS, 8) & 7);
}

enum ioat_state ioat_await(struct ioat_rig *t)
{
	enum ioat_state state = ioat_state(t);

	for (int i = 0; state == CHANSTS_ACTIVE && i < 100000; i++) {
		usleep(50);
		state = ioat_state(t);
	}
	return state;
}

int ioat_take_interrupts(struct ioat_rig *t, uint32_t index)
{
	int32_t fd = eventfd(0, EFD_NONBLOCK);
	union rig_irqs irqs;

	rig_irqs(&irqs, VFIO_IRQ_SET_ACTION_TRIGGER, index, 1, &fd);
	require(!rig_ioctl(&t->rig, VFIO_DEVICE_SET_IRQS, &irqs));
	return fd;
}

uint64_t ioat_events(int fd, int timeout_ms)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	uint64_t count = 0;

	if (poll(&pfd, 1, timeout_ms) != 1 || read(fd, &count, sizeof(count)) != sizeof(count))
		return 0;
	return count;
}
