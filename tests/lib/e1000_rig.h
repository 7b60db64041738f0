/* SPDX-License-Identifier: MIT */
/*
 * An e1000, bound and attached to an IOAS in which the rig's memory is mapped at E1000_IOVA, and a
 * small driver of it, which polls. The memory has the two rings, the receive buffers, and at
 * E1000_DATA what is sent.
 */
#ifndef TESTS_LIB_E1000_RIG_H
#define TESTS_LIB_E1000_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/e1000/e1000_regs.h"
#include "vfio_rig.h"

enum {
	E1000_IOVA = 0x1000000,
	E1000_RIG_RING = 64, /* descriptors of each ring */
	E1000_TX_RING = 0,   /* offsets in the memory */
	E1000_RX_RING = 0x1000,
	E1000_BUFFERS = 0x10000, /* of receive descriptors, 16 KiB each */
	E1000_BUFFER = 0x4000,
	E1000_DATA = E1000_BUFFERS + E1000_RIG_RING * E1000_BUFFER,
	E1000_RIG_MEMORY = E1000_DATA + 0x100000,
	E1000_PATIENCE_MS = 20000,
};

struct e1000_rig {
	struct vfio_rig rig;
	uint8_t *memory;
	uint32_t ioas_id;
	volatile struct e1000_descriptor *tx, *rx;
	unsigned int tx_tail, rx_next; /* rx_next: the next that the host looks at */
};

/* A frame that was received: what its descriptors said, together. */
struct e1000_received {
	uint32_t len, descriptors;
	uint32_t upper; /* of the last */
	uint16_t checksum;
	uint8_t data[0x5000];
};

/* With options of the model; 0 or a negative errno. */
long e1000_open(struct e1000_rig *t, const struct option_value *options, unsigned int count);
void e1000_close(struct e1000_rig *t);

uint32_t e1000_get(struct e1000_rig *t, uint32_t reg);
void e1000_set(struct e1000_rig *t, uint32_t reg, uint32_t value);

/* Waits until the bits @mask of register @reg are @value. False: they are not after some time. */
bool e1000_await(struct e1000_rig *t, uint32_t reg, uint32_t mask, uint32_t value);

/* Empties both rings, in memory and in the registers. Nothing is enabled. */
void e1000_make_rings(struct e1000_rig *t);

/*
 * The rings, with all but one receive descriptor given to the device; sending and receiving are
 * enabled, with @rctl beside RCTL.EN. The link is up.
 */
void e1000_start(struct e1000_rig *t, uint32_t rctl);

/* Gives @count more receive descriptors to the device. */
void e1000_give(struct e1000_rig *t, unsigned int count);

/* The byte of memory at @off of what is sent; its IOVA. */
uint8_t *e1000_data_at(struct e1000_rig *t, uint32_t off);
uint64_t e1000_data_iova(uint32_t off);

/* Adds a descriptor, and does not write TDT; writes it. */
void e1000_put(struct e1000_rig *t, uint64_t address, uint32_t lower, uint32_t upper);
void e1000_kick(struct e1000_rig *t);

/* Waits until all descriptors are done: TDH is TDT. */
void e1000_drain(struct e1000_rig *t);

/* Sends @len bytes at @off of the data by a legacy descriptor, with @lower beside EOP, IFCS, RS. */
void e1000_send(struct e1000_rig *t, uint32_t off, uint32_t len, uint32_t lower, uint32_t upper);

/* Takes a frame, if there is one, and gives its descriptors back. */
bool e1000_take(struct e1000_rig *t, struct e1000_received *frame);

/* Waits for one; false: it does not come. */
bool e1000_wait(struct e1000_rig *t, struct e1000_received *frame);

/* Puts a pattern into the data at @off. */
void e1000_fill(struct e1000_rig *t, uint32_t off, uint32_t len, unsigned int seed);

#endif
