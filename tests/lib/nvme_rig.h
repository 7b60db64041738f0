/* SPDX-License-Identifier: MIT */
/*
 * An NVMe controller, bound and attached to an IOAS in which the rig's memory is mapped at
 * NVME_IOVA, and a small driver of it, which polls: queues are in the first part of the memory, the
 * rest is for data.
 */
#ifndef TESTS_LIB_NVME_RIG_H
#define TESTS_LIB_NVME_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/nvme/nvme_regs.h"
#include "vfio_rig.h"

enum {
	NVME_IOVA = 0x1000000,
	NVME_RIG_QUEUES = 8, /* with the admin queue */
	NVME_RIG_ENTRIES = 32,
	NVME_DATA = 0x100000, /* offset of the data in the memory */
	NVME_PATIENCE_MS = 20000,
};

/* A submission queue and its completion queue. */
struct nvme_ring {
	unsigned int id;
	struct nvme_command *sq;
	volatile struct nvme_completion *cq;
	unsigned int entries, tail, head;
	bool phase;
};

struct nvme_rig {
	struct vfio_rig rig;
	volatile uint8_t *registers; /* BAR 0 if it is mapped; NULL: by the rig */
	uint8_t *memory;
	uint64_t size;
	uint32_t ioas_id;
	unsigned int stride; /* CAP.DSTRD, as the controller has it */
	uint16_t next_cid;
	uint32_t result; /* of the last command of nvme_do() */
	struct nvme_ring rings[NVME_RIG_QUEUES];
};

/* With @size bytes of memory, and options of the model; 0 or a negative errno. */
long nvme_open(struct nvme_rig *t, uint64_t size, const struct option_value *options,
	       unsigned int count);
void nvme_close(struct nvme_rig *t);

/* A register of @size bytes. */
uint64_t nvme_get(struct nvme_rig *t, unsigned int reg, unsigned int size);
void nvme_set(struct nvme_rig *t, unsigned int reg, unsigned int size, uint64_t value);

/* Waits until the bits @mask of CSTS are @value. False: they are not after some seconds. */
bool nvme_await(struct nvme_rig *t, uint32_t mask, uint32_t value);

/* Sets up the admin queue and enables the controller; the reverse. */
void nvme_set_admin_queue(struct nvme_rig *t);
bool nvme_enable(struct nvme_rig *t);
bool nvme_disable(struct nvme_rig *t);

/* The IOVA of byte @off of the data; the byte. */
uint64_t nvme_data_iova(uint64_t off);
uint8_t *nvme_data_at(struct nvme_rig *t, uint64_t off);

/* The IOVAs of queue @id. */
uint64_t nvme_sq_iova(unsigned int id);
uint64_t nvme_cq_iova(unsigned int id);

/* Starts to use ring @id: empty, with @entries. */
struct nvme_ring *nvme_ring_init(struct nvme_rig *t, unsigned int id, unsigned int entries);

/* Creates the queues of ring @id (not 0). @cq_flags: QUEUE_IEN, and a vector in bits 31:16. */
uint16_t nvme_create_ring(struct nvme_rig *t, unsigned int id, uint32_t cq_flags);
uint16_t nvme_delete_ring(struct nvme_rig *t, unsigned int id);

/* Puts a command into the queue, with an ID of its own, which it returns. */
uint16_t nvme_submit(struct nvme_rig *t, struct nvme_ring *ring,
		     const struct nvme_command *command);

/* Writes the doorbell of the submission queue; of the completion queue. */
void nvme_ring_tail(struct nvme_rig *t, struct nvme_ring *ring);
void nvme_ring_head(struct nvme_rig *t, struct nvme_ring *ring);

/* Takes a completion off, if there is one. Does not write the doorbell. */
bool nvme_poll(struct nvme_ring *ring, struct nvme_completion *completion);

/* Waits for one, and writes the doorbell; it must come. */
struct nvme_completion nvme_wait(struct nvme_rig *t, struct nvme_ring *ring);

/* Executes one command. Returns its status, without Do Not Retry. */
uint16_t nvme_do(struct nvme_rig *t, struct nvme_ring *ring, const struct nvme_command *command);

/* The status of a completion, without the phase and Do Not Retry. */
uint16_t nvme_status_of(const struct nvme_completion *completion);

/*
 * An IO command for @blocks blocks from @lba on, with data at @off of the data: up to two pages, by
 * its PRPs.
 */
struct nvme_command nvme_rw(uint8_t opcode, uint64_t lba, uint32_t blocks, uint64_t off);

#endif
