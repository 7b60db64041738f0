/* SPDX-License-Identifier: MIT */
/*
 * An NVMe controller, as the files of this folder see it.
 *
 * Work. Thread 0 of the device changes the controller's state (nvme_state.c) and executes admin
 * commands. The other threads execute IO commands: the queues that share a completion queue are
 * served by one thread, which is that completion queue's only writer. A thread takes a few commands
 * at a time off a queue (nvme_queue.c), executes each without a lock, and gives the queue back.
 *
 * Locks. The device lock guards registers, the table of queues, features, events and the error log.
 * While a queue is busy, its thread alone advances the submission queue's head, and the completion
 * queue's tail and phase. Queues disappear only when they are not busy: ADMIN_THREAD sets
 * `deleting` of the queue, or finds `stopping` of the controller set, and goes on when the thread
 * that serves the queue has queued work for it. The disk needs no lock (nvme_disk.h).
 */
#ifndef DEVICES_NVME_NVME_H
#define DEVICES_NVME_NVME_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <uiommufd/device.h>

#include "devices/nvme/nvme_disk.h"
#include "devices/nvme/nvme_regs.h"

enum {
	NVME_MAX_QUEUES = 64, /* IO queues; queue 0 is the admin queue */
	NVME_MAX_ENTRIES = 1024,
	NVME_MAX_NAMESPACES = 32,
	NVME_MAX_PAGE_SHIFT = 16, /* of memory pages, CC.MPS */
	NVME_MAX_STRIDE = 4,	  /* CAP.DSTRD */
	NVME_MAX_CMB = 1 << 19,
	NVME_BATCH = 16,	 /* commands that are taken off a queue at once */
	NVME_ASYNC_EVENTS = 4,	 /* Asynchronous Event Request commands */
	NVME_ERROR_ENTRIES = 16, /* of the error log */
	NVME_ABORTS = 4,
	NVME_TEMPERATURE = 313, /* kelvin */
	NVME_THREADS = UIOMMUFD_MAX_WORK_THREADS,
	ADMIN_THREAD = 0,
};

/* BAR 0. */
enum {
	NVME_MSIX_TABLE = 0x8000,
	NVME_MSIX_PBA = 0xc000,
	NVME_CMB = 0x80000, /* the controller memory buffer */
	NVME_BAR_SIZE = 0x100000,
};

struct nvme_sq {
	uint64_t base;
	uint32_t size; /* entries; 0: there is no such queue */
	uint32_t head;
	uint32_t tail;
	uint16_t cq;
	bool busy; /* a thread executes commands of it */
	bool deleting;
	bool starved;	    /* it goes on when its completion queue has space */
	bool full_reported; /* that it has none */
	/* Of IO queues with shadow doorbells (nvme_doorbell.c); a tail, plus 1; 0: none. */
	uint32_t asked; /* the host rings when it goes on from there */
	uint32_t rung;	/* the host has rung for this one, and the shadow was not read since */
};

struct nvme_cq {
	uint64_t base;
	uint32_t size; /* entries; 0: there is no such queue */
	_Atomic uint32_t head;
	_Atomic uint32_t tail;
	bool phase; /* of the entry at tail */
	bool interrupts;
	uint16_t vector;
	uint16_t users;	      /* submission queues */
	uint32_t uncollected; /* completions since the last message */
	uint64_t collecting_since;
};

struct nvme_namespace {
	uint64_t offset; /* on the disk */
	uint64_t size;	 /* bytes */
	/* Formatting changes it: a command looks again when it has its claim. */
	_Atomic unsigned int block_shift;
};

/* What a thread has for itself. */
struct nvme_thread {
	struct nvme_command commands[NVME_BATCH];
	uint8_t piece[NVME_DISK_PIECE];
	/* Statistics, which others only read. */
	_Atomic uint64_t reads, writes, bytes_read, bytes_written;
};

struct nvme_event {
	bool pending, masked; /* masked: until its log page has been read */
	uint8_t info, log;
};

enum nvme_state {
	NVME_OFF,      /* CC.EN is 0 */
	NVME_ON,       /* CSTS.RDY is 1 */
	NVME_FAILED,   /* CSTS.CFS is 1 */
	NVME_SHUT_DOWN /* still enabled, but executes nothing */
};

struct nvme {
	/* Options. */
	unsigned int queues; /* IO queues of either kind */
	unsigned int mdts;
	unsigned int stride;
	uint32_t cmb_size;
	unsigned int namespace_count;
	unsigned int initial_shift;
	struct nvme_namespace namespaces[NVME_MAX_NAMESPACES];
	struct nvme_disk disk;
	uint8_t *cmb;
	uint32_t address; /* of the device, as a number that tells controllers apart */

	/* Registers. */
	uint32_t masked; /* INTMS */
	uint32_t cc, csts, aqa;
	uint64_t asq, acq, cmbmsc;
	enum nvme_state state;
	_Atomic bool stopping; /* a controller reset waits for the threads */
	bool subsystem_reset;  /* which is one by NSSR */
	bool stuck;	       /* it never ends: the device is hostile */
	bool latched;	       /* the admin queues are in use: ASQ and ACQ have been read */
	bool late_reported;    /* that they are written late */
	bool line;	       /* INTA# is asserted */
	_Atomic uint64_t page; /* bytes of a memory page, CC.MPS */

	struct nvme_sq sqs[NVME_MAX_QUEUES + 1];
	struct nvme_cq cqs[NVME_MAX_QUEUES + 1];
	_Atomic uint64_t ready[NVME_THREADS];	  /* IO queues to look at: bit 0 is queue 1 */
	uint64_t shadow_doorbells, event_indexes; /* Doorbell Buffer Config; 0: none */
	uint32_t admin_shadows[2];		  /* of the tail and the head, as last seen */
	unsigned int looking; /* threads that access shadows, or event indexes */

	/* Admin commands. */
	uint16_t async_cids[NVME_ASYNC_EVENTS]; /* outstanding; ADMIN_THREAD alone uses them */
	unsigned int async_count;
	uint16_t aborted_cids[NVME_ASYNC_EVENTS]; /* to be completed as aborted */
	unsigned int aborted_count;
	struct nvme_event events[EVENT_TYPES];
	bool changed[NVME_MAX_NAMESPACES]; /* since the log page was read */
	struct nvme_error_entry errors[NVME_ERROR_ENTRIES];
	uint64_t error_count;

	/* Features. */
	uint32_t arbitration, power, error_recovery[NVME_MAX_NAMESPACES], write_atomicity;
	uint32_t async_config, coalescing;
	_Atomic bool write_cache;
	uint16_t thresholds[2];		 /* of temperature: over, under */
	bool alone[NVME_MAX_QUEUES + 1]; /* vectors that are not coalesced */
	uint64_t timestamp, timestamp_at;
	bool timestamp_set;
	uint8_t host_id[16];

	struct nvme_thread *threads; /* NVME_THREADS */
};

static inline struct nvme *nvme_of(struct uiommufd_device *dev)
{
	return uiommufd_device_state(dev);
}

/* The namespace with ID @nsid; NULL: there is none. */
static inline struct nvme_namespace *nvme_namespace(struct nvme *n, uint32_t nsid)
{
	return nsid && nsid <= n->namespace_count ? &n->namespaces[nsid - 1] : NULL;
}

/* Blocks of @ns, whose blocks have 1 << @shift bytes. */
static inline uint64_t nvme_blocks(const struct nvme_namespace *ns, unsigned int shift)
{
	return ns->size >> shift;
}

/* Commands in the queue. With the device lock. */
static inline uint32_t nvme_sq_queued(const struct nvme_sq *sq)
{
	return sq->tail >= sq->head ? sq->tail - sq->head : sq->tail + sq->size - sq->head;
}

/* Entries from @from to @to. */
static inline uint32_t nvme_cq_distance(const struct nvme_cq *cq, uint32_t from, uint32_t to)
{
	return to >= from ? to - from : to + cq->size - from;
}

/* Completions that can be posted. */
static inline uint32_t nvme_cq_space(const struct nvme_cq *cq)
{
	return cq->size - 1 - nvme_cq_distance(cq, atomic_load(&cq->head), atomic_load(&cq->tail));
}

/* The most that a command moves; 0: no limit. */
static inline uint64_t nvme_max_transfer(const struct nvme *n)
{
	return n->mdts ? UINT64_C(4096) << n->mdts : 0;
}

/* Whether the doorbells of all queues fit into a page, for Doorbell Buffer Config. */
static inline bool nvme_has_shadows(const struct nvme *n)
{
	return (n->queues + 1) * 2 * (UINT64_C(4) << n->stride) <= 4096;
}

/* Puts @size bytes of @value at @off of a structure. */
static inline void nvme_put(uint8_t *structure, unsigned int off, uint64_t value, unsigned int size)
{
	for (unsigned int i = 0; i < size; i++)
		structure[off + i] = (uint8_t)(value >> (8 * i));
}

#endif
