/* SPDX-License-Identifier: MIT */
/*
 * The ioat device, bound and attached to an IOAS in which the rig's memory is mapped at RING_IOVA.
 * The memory begins with a ring of descriptors; the completion and data follow at the offsets
 * below.
 */
#ifndef TESTS_LIB_IOAT_RIG_H
#define TESTS_LIB_IOAT_RIG_H

#include <stdint.h>

#include "devices/ioat_regs.h"
#include "vfio_rig.h"

enum {
	RING_SLOTS = 64,
	RING_IOVA = 0x100000, /* also that of the memory */
	COMPLETION_OFFSET = 0x1000,
	DATA_OFFSET = 0x10000,
};

struct ioat_rig {
	struct vfio_rig rig;
	uint8_t *memory;
	uint64_t size;
	uint32_t ioas_id;
	uint16_t given; /* descriptors filled so far, as DMACOUNT counts them */
};

/* With @size bytes of memory; 0 or a negative errno. */
long ioat_open(struct ioat_rig *t, uint64_t size);
void ioat_close(struct ioat_rig *t);

/* A register of @size bytes. */
uint64_t ioat_get(struct ioat_rig *t, unsigned int reg, unsigned int size);
void ioat_set(struct ioat_rig *t, unsigned int reg, unsigned int size, uint64_t value);

/* Slot @i of the ring, modulo its size; its IOVA; the completion that the device writes. */
struct ioat_descriptor *ioat_slot(struct ioat_rig *t, unsigned int i);
uint64_t ioat_slot_iova(unsigned int i);
volatile uint64_t *ioat_completion(struct ioat_rig *t);

/* Links the ring, and points the channel at its first slot and at the completion. */
void ioat_start_ring(struct ioat_rig *t);

/*
 * Fills the next slot with a copy between two offsets of the memory. ioat_submit() hands all filled
 * slots to the device.
 */
struct ioat_descriptor *ioat_prepare(struct ioat_rig *t, uint64_t dst, uint64_t src, uint32_t size,
				     uint32_t control);

void ioat_submit(struct ioat_rig *t);

enum ioat_state ioat_state(struct ioat_rig *t);

/* Waits some seconds for the channel to leave ACTIVE; returns its state. */
enum ioat_state ioat_await(struct ioat_rig *t);

/* Returns an eventfd that the device's interrupts of @index signal. */
int ioat_take_interrupts(struct ioat_rig *t, uint32_t index);

/* Waits up to @timeout_ms for @fd; returns and clears its count. */
uint64_t ioat_events(int fd, int timeout_ms);

#endif
