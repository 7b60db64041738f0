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
}
