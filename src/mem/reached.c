/* SPDX-License-Identifier: MIT */
/*
 * A table of words, each for one page, found by the low bits of its number: the number, and how it
 * was reached. A word changes at once; one that is needed for another page is overwritten.
 */
#include "mem/reached.h"

#include <stdatomic.h>

#include "base/check.h"

enum {
	WORDS = 256,
	BY_BITS = 2,
	MOST_PAGES = 32, /* of a copy; longer ones are the kernel's, for which a call is little */
};

static _Atomic uint64_t words[WORDS];

static _Atomic uint64_t *word_of(uint64_t page)
{
	return &words[page % WORDS];
}

/* The numbers of the pages of [@addr, @addr + @len), which is not empty. False: too many. */
static bool pages_of(uint64_t addr, size_t len, uint64_t *page, uint64_t *last)
{
	if (!len || len > (MOST_PAGES - 1) * PAGE_SIZE || addr > UINT64_MAX - len)
		return false;
	*page = addr >> PAGE_SHIFT;
	*last = (addr + len - 1) >> PAGE_SHIFT;
	return true;
}

bool reached_before(uint64_t addr, size_t len, enum reached_by by)
{
	uint64_t page, last;

	if (!pages_of(addr, len, &page, &last))
		return false;
	for (; page <= last; page++) {
		const uint64_t word = atomic_load_explicit(word_of(page), memory_order_relaxed);

		if (word >> BY_BITS != page || !(word & by))
			return false;
	}
	return true;
}

void reached_learn(uint64_t addr, size_t len, enum reached_by by)
{
	uint64_t page, last;

	if (!pages_of(addr, len, &page, &last))
		return;
	for (; page <= last; page++) {
		uint64_t word = atomic_load_explicit(word_of(page), memory_order_relaxed);

		if (word >> BY_BITS != page)
			word = page << BY_BITS;
		atomic_store_explicit(word_of(page), word | by, memory_order_relaxed);
	}
}

void reached_forget(uint64_t addr, uint64_t len)
{
	const uint64_t page = addr >> PAGE_SHIFT;
	const uint64_t count = (len >> PAGE_SHIFT) + ((len & PAGE_MASK) != 0);

	for (uint64_t i = 0; i < min_u64(count, WORDS); i++) {
		_Atomic uint64_t *word = word_of(page + i);
		uint64_t now = atomic_load_explicit(word, memory_order_relaxed);

		if ((now >> BY_BITS) - page < count)
			(void)atomic_compare_exchange_strong_explicit(
				word, &now, 0, memory_order_relaxed, memory_order_relaxed);
	}
}
