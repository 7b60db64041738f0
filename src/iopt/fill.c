/* SPDX-License-Identifier: MIT */
/*
 * Filling a whole table: most of the time of a map of many small pages. Processors with 32-byte
 * registers (AVX2) use a loop that is more than twice as fast.
 */
#include "iopt/iopt_internal.h"

static void fill(uint64_t *table, uint64_t entry, uint64_t step)
{
	for (unsigned int i = 0; i < IOPT_ENTRIES; i++, entry += step)
		entry_store_unseen(&table[i], entry);
}

#if defined(__x86_64__) && !defined(BASE_THREAD_SANITIZER)

enum {
	LANES = 4
};

typedef uint64_t lanes __attribute__((vector_size(LANES * sizeof(uint64_t)), may_alias));

static __attribute__((target("avx2"))) void fill_wide(uint64_t *table, uint64_t entry,
						      uint64_t step)
{
	lanes even = {entry, entry + step, entry + 2 * step, entry + 3 * step};
	lanes odd = even + LANES * step;

	for (unsigned int i = 0; i < IOPT_ENTRIES; i += 2 * LANES) {
		*(lanes *)&table[i] = even;
		*(lanes *)&table[i + LANES] = odd;
		even += 2 * LANES * step;
		odd += 2 * LANES * step;
	}
}

void iopt_fill_table(uint64_t *table, uint64_t entry, uint64_t step)
{
	if (__builtin_cpu_supports("avx2"))
		fill_wide(table, entry, step);
	else
		fill(table, entry, step);
}

#else

void iopt_fill_table(uint64_t *table, uint64_t entry, uint64_t step)
{
	fill(table, entry, step);
}

#endif
