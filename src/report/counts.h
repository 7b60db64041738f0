/* SPDX-License-Identifier: MIT */
/*
 * What was checked: how many calls, mappings, DMAs and interrupts there were, for the line at the
 * end of a run; and what each device did, for `uiommufd show --json` and `uiommufd top`.
 *
 * Threads are spread over several sets of counters, so that they rarely share a cache line.
 */
#ifndef REPORT_COUNTS_H
#define REPORT_COUNTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/observe.h"

enum count {
	COUNT_CALLS, /* of emulated files */
	COUNT_MAPS,
	COUNT_DMAS,
	COUNT_DMA_BYTES,
	COUNT_INTERRUPTS,
	COUNTS,
};

struct counts {
	uint64_t values[COUNTS];
};

/* Of one device, since it was there. */
enum device_count {
	DEVICE_DMA_READS, /* one that copies or is atomic reads and writes */
	DEVICE_DMA_READ_BYTES,
	DEVICE_DMA_WRITES,
	DEVICE_DMA_WRITE_BYTES,
	DEVICE_FAULTS,
	DEVICE_INTERRUPTS,
	DEVICE_REGISTER_READS, /* of its BARs, where the engine sees them */
	DEVICE_REGISTER_WRITES,
	DEVICE_COUNTS,
};

enum {
	COUNTED_DEVICES = 64 /* at a time; number 0 stands for all others, which nobody reads */
};

struct device_counts {
	uint64_t values[DEVICE_COUNTS];
};

/*
 * Whether anything is counted: while recording() (report/origin.h), and in the server of a machine
 * that programs share.
 */
static inline bool counting(void)
{
	return observed_by(OBSERVER_REPORTS | OBSERVER_COUNTS);
}

/* The set of one thread, which adds to it without an atomic operation. */
struct count_set {
	_Atomic uint64_t values[COUNTS];
	_Atomic uint64_t devices[COUNTED_DEVICES][DEVICE_COUNTS];
} __attribute__((aligned(64)));

/* NULL: the thread has not counted yet, or shares the set of all further threads. */
extern __thread struct count_set *count_own_set __attribute__((tls_model("initial-exec")));

/* The two below where the thread has no set of its own. */
void count_add_shared(enum count count, uint64_t n);
void count_device_shared(unsigned int device, enum device_count count, uint64_t n);

/* Adds @n to @value, to which only this thread adds. */
static inline void count_add_own(_Atomic uint64_t *value, uint64_t n)
{
	atomic_store_explicit(value, atomic_load_explicit(value, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/* Adds @n to @count. */
static inline void count_add(enum count count, uint64_t n)
{
	if (count_own_set)
		count_add_own(&count_own_set->values[count], n);
	else
		count_add_shared(count, n);
}

/* Adds @n to @count of the @device that count_take_device() gave a number. */
static inline void count_device(unsigned int device, enum device_count count, uint64_t n)
{
	if (count_own_set)
		count_add_own(&count_own_set->devices[device][count], n);
	else
		count_device_shared(device, count, n);
}

/* The number of a new device, whose counts are 0; 0: there are too many, it is not counted. */
unsigned int count_take_device(void);

/* The device is gone. Context: nobody counts for it any more. */
void count_leave_device(unsigned int device);

/* *@counts: the sums so far of @device, which is not 0. */
void count_device_read(unsigned int device, struct device_counts *counts);

/* *@counts: the sums so far. */
void counts_read(struct counts *counts);

/* Begins at 0 again, devices too, which keep their numbers. Context: no other thread counts. */
void counts_reset(void);

#endif
