/* SPDX-License-Identifier: MIT */
/*
 * Each thread is given the next set when it first counts, and adds to it without an atomic
 * operation. The last set is that of all further threads.
 */
#include "report/counts.h"

#include <stdatomic.h>
#include <string.h>

#include "base/check.h"

enum {
	SETS = 64
};

static struct set {
	_Atomic uint64_t values[COUNTS];
} __attribute__((aligned(64))) sets[SETS];

static atomic_uint next_set;
static __thread struct set *own_set __attribute__((tls_model("initial-exec")));

static __attribute__((noinline)) struct set *take_set(void)
{
	const unsigned int next = atomic_load(&next_set);

	if (next >= SETS - 1)
		return &sets[SETS - 1];
	return &sets[min_u64(atomic_fetch_add(&next_set, 1), SETS - 1)];
}

void count_add(enum count count, uint64_t n)
{
	_Atomic uint64_t *value;

	if (!own_set)
		own_set = take_set();
	value = &own_set->values[count];
	if (own_set == &sets[SETS - 1])
		atomic_fetch_add_explicit(value, n, memory_order_relaxed);
	else
		atomic_store_explicit(value, atomic_load_explicit(value, memory_order_relaxed) + n,
				      memory_order_relaxed);
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
