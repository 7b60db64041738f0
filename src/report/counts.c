/* SPDX-License-Identifier: MIT */
/*
 * Each thread is given the next set when it first counts. The last set is that of all further
 * threads, which ask for one each time and add by atomic operations.
 */
#include "report/counts.h"

#include <string.h>

enum {
	SETS = 64
};

static struct count_set sets[SETS];
static struct count_set *const shared_set = &sets[SETS - 1];
static atomic_uint next_set;
static _Atomic uint64_t devices = 1; /* bit N: number N is taken */
_Static_assert(COUNTED_DEVICES <= 64, "there is a bit for each");
__thread struct count_set *count_own_set;

/* The set of this thread from now on. */
static struct count_set *take_set(void)
{
	if (atomic_load(&next_set) < SETS - 1) {
		const unsigned int next = atomic_fetch_add(&next_set, 1);

		if (next < SETS - 1)
			count_own_set = &sets[next];
	}
	return count_own_set ? count_own_set : shared_set;
}

void count_add_shared(enum count count, uint64_t n)
{
	atomic_fetch_add_explicit(&take_set()->values[count], n, memory_order_relaxed);
}

void count_device_shared(unsigned int device, enum device_count count, uint64_t n)
{
	atomic_fetch_add_explicit(&take_set()->devices[device][count], n, memory_order_relaxed);
}

/* The sets that were given to threads so far, and the one of all others. */
static bool is_used(size_t set)
{
	return set < atomic_load_explicit(&next_set, memory_order_relaxed) || set == SETS - 1;
}

/* Sets the counts of @device to 0. Sets that nobody has used are not touched: they are pages. */
static void clear_device(unsigned int device)
{
	for (size_t set = 0; set < SETS; set++) {
		for (size_t i = 0; is_used(set) && i < DEVICE_COUNTS; i++)
			atomic_store_explicit(&sets[set].devices[device][i], 0,
					      memory_order_relaxed);
	}
}

unsigned int count_take_device(void)
{
	uint64_t taken = atomic_load(&devices);
	unsigned int device;

	do {
		if (taken == UINT64_MAX)
			return 0;
		device = (unsigned int)__builtin_ctzll(~taken);
	} while (!atomic_compare_exchange_weak(&devices, &taken, taken | UINT64_C(1) << device));
	clear_device(device);
	return device;
}

void count_leave_device(unsigned int device)
{
	if (device)
		atomic_fetch_and(&devices, ~(UINT64_C(1) << device));
}

void count_device_read(unsigned int device, struct device_counts *counts)
{
	memset(counts, 0, sizeof(*counts));
	for (size_t set = 0; set < SETS; set++) {
		for (size_t i = 0; is_used(set) && i < DEVICE_COUNTS; i++)
			counts->values[i] += atomic_load_explicit(&sets[set].devices[device][i],
								  memory_order_relaxed);
	}
}

void counts_read(struct counts *counts)
{
	memset(counts, 0, sizeof(*counts));
	for (size_t set = 0; set < SETS; set++)
		for (size_t i = 0; i < COUNTS; i++)
			counts->values[i] +=
				atomic_load_explicit(&sets[set].values[i], memory_order_relaxed);
}

void counts_reset(void)
{
	for (size_t set = 0; set < SETS; set++)
		for (size_t i = 0; i < COUNTS; i++)
			atomic_store_explicit(&sets[set].values[i], 0, memory_order_relaxed);
	for (unsigned int device = 0; device < COUNTED_DEVICES; device++) {
		if (atomic_load(&devices) >> device & 1)
			clear_device(device);
	}
}
