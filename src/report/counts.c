/* SPDX-License-Identifier: MIT */
/* Each thread is given the next set when it first counts. */
#include "report/counts.h"

#include <stdatomic.h>
#include <string.h>

enum {
	SETS = 64
};

static struct set {
	_Atomic uint64_t values[COUNTS];
} __attribute__((aligned(64))) sets[SETS];

static atomic_uint next_set;
static __thread struct set *own_set __attribute__((tls_model("initial-exec")));

void count_add(enum count count, uint64_t n)
{
	if (!own_set)
		own_set = &sets[atomic_fetch_add(&next_set, 1) % SETS];
	atomic_fetch_add_explicit(&own_set->values[count], n, memory_order_relaxed);
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
