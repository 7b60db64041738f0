/* SPDX-License-Identifier: MIT */
/*
 * Pages that were populated are remembered in a table of words, each for some aligned pages and
 * found by a hash of their address: in the upper half the rest of the address and what size the
 * pages were, in the lower half a bit for each page. A word changes at once, so a reader never
 * takes the bits of one address for those of another. A word that is needed for other pages is
 * overwritten.
 *
 * Huge pages are populated by the system call much faster than they can be touched by 4 KiB, so a
 * long range is touched only where small pages were seen.
 */
#include "mem/resident.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/ioctl.h>

#include "base/check.h"
#include "base/sys.h"
#include "mem/guard.h"
#include "mem/maps.h"

enum {
	WORD_PAGES = 32,
	WORD_SHIFT = PAGE_SHIFT + 5,
	WORDS = 1 << 14,
	LINE = 64,	       /* by which guard_touch() goes on */
	FEW_PAGES = 16,	       /* touched whatever their size */
	MOST_TOUCHED = 512,    /* pages; beyond, asking is faster */
	MOST_LEARNT = 1 << 14, /* pages of one range */
};

#define PAGES_MASK UINT64_C(0xffffffff)
#define SMALL_SEEN (UINT64_C(1) << 63)
#define HUGE_SEEN  (UINT64_C(1) << 62)
#define TAG_MASK   (~(PAGES_MASK | SMALL_SEEN | HUGE_SEEN))

static _Atomic uint64_t words[WORDS];

static _Atomic uint64_t *word_of(uint64_t va)
{
	return &words[(va >> WORD_SHIFT) % WORDS];
}

/* An address has at most 57 bits, so what is left of it above the index fits. */
static uint64_t tag_of(uint64_t va)
{
	return ((va >> WORD_SHIFT) / WORDS + 1) << WORD_PAGES;
}

/* The pages of [@va, @end) that are in the word of @va. */
static uint64_t bits_of(uint64_t va, uint64_t end)
{
	const unsigned int first = (unsigned int)(va >> PAGE_SHIFT) % WORD_PAGES;
	const uint64_t count =
		min_u64((end - va + PAGE_MASK) >> PAGE_SHIFT, (uint64_t)(WORD_PAGES - first));

	return (((UINT64_C(1) << count) - 1) << first) & PAGES_MASK;
}

static uint64_t end_of_word(uint64_t va)
{
	return (va | ((UINT64_C(1) << WORD_SHIFT) - 1)) + 1;
}

/* Whether all pages of [@va, @end) were populated and, of many, were small. */
static bool all_known(uint64_t va, uint64_t end)
{
	const uint64_t size = (end - va) >> PAGE_SHIFT > FEW_PAGES ? SMALL_SEEN : 0;

	for (; va < end; va = end_of_word(va)) {
		const uint64_t bits = bits_of(va, end) | size;
		const uint64_t word = atomic_load_explicit(word_of(va), memory_order_relaxed);

		if ((word & TAG_MASK) != tag_of(va) || (word & bits) != bits)
			return false;
	}
	return true;
}

static void learn_word(uint64_t va, uint64_t bits)
{
	_Atomic uint64_t *word = word_of(va);
	uint64_t now = atomic_load_explicit(word, memory_order_relaxed), new;

	do {
		new = ((now & TAG_MASK) == tag_of(va) ? now : tag_of(va)) | bits;
		if (bits & SMALL_SEEN)
			new &= ~HUGE_SEEN;
		if (bits & HUGE_SEEN)
			new &= ~SMALL_SEEN;
	} while (new != now &&
		 !atomic_compare_exchange_weak_explicit(word, &now, new, memory_order_relaxed,
							memory_order_relaxed));
}

void resident_forget(uint64_t va, uint64_t len)
{
	const uint64_t end = va + len;

	if ((len >> WORD_SHIFT) >= WORDS) {
		for (size_t i = 0; i < WORDS; i++)
			atomic_store_explicit(&words[i], 0, memory_order_relaxed);
		return;
	}
	for (; va < end; va = end_of_word(va)) {
		uint64_t word = atomic_load_explicit(word_of(va), memory_order_relaxed);

		while ((word & TAG_MASK) == tag_of(va) &&
		       !atomic_compare_exchange_weak_explicit(
			       word_of(va), &word, 0, memory_order_relaxed, memory_order_relaxed))
			;
	}
}

/* ---- what the kernel says ---- */

/* PAGEMAP_SCAN (Linux 6.7): the pages of some kinds in a range. */
struct page_region {
	uint64_t start, end, kinds;
};

struct page_scan {
	uint64_t size, flags, start, end, walked;
	uint64_t regions, region_count, most_pages;
	uint64_t inverted, all_of, any_of, returned;
};

enum {
	PAGE_PRESENT = 1 << 3,
	PAGE_ZERO = 1 << 5,
	PAGE_HUGE = 1 << 6,
};

#define PAGE_SCAN _IOWR('f', 16, struct page_scan)

/* A fork shares pages with the child until one writes, and the kernel does not say which. */
static atomic_bool forked;

static void on_fork(void)
{
	atomic_store_explicit(&forked, true, memory_order_relaxed);
}

__attribute__((constructor)) static void watch_forks(void)
{
	if (pthread_atfork(NULL, on_fork, on_fork))
		on_fork();
}

/* Each call opens its own: a program that closes all descriptors would close a kept one. */
static int open_own(const char *path)
{
	return sys_confined() ? -EPERM : sys_open(path, O_RDONLY | O_CLOEXEC);
}

/*
 * Whether [@va, @end) is private memory without a file that may be written. (The kernel's own
 * mappings, which may be neither pinned nor written, have no file either.)
 */
static bool is_plain_memory(uint64_t va, uint64_t end)
{
	const uint64_t need = MAPS_READABLE | MAPS_WRITABLE;
	const int fd = open_own("/proc/self/maps");
	bool plain = fd >= 0;

	while (plain && va < end) {
		struct maps_answer answer;

		plain = !maps_ask(fd, va, &answer) && answer.start <= va && !answer.inode &&
			(answer.rights & (need | MAPS_SHARED)) == need;
		va = answer.end;
	}
	if (fd >= 0)
		(void)sys_close(fd);
	return plain;
}

/*
 * How many of the pages of [@va, @end) are of @any_of; of those in @inverted, how many are not. It
 * stops at the first. Negative: the kernel does not say.
 */
static long count_pages(uint64_t va, uint64_t end, uint64_t inverted, uint64_t any_of)
{
	struct page_region region;
	struct page_scan scan = {
		.size = sizeof(scan),
		.start = va,
		.end = end,
		.regions = (uint64_t)(uintptr_t)&region,
		.region_count = 1,
		.most_pages = 1,
		.inverted = inverted,
		.any_of = any_of,
		.returned = any_of,
	};
	const int fd = open_own("/proc/self/pagemap");
	long count;

	if (fd < 0)
		return fd;
	count = sys_call(SYS_ioctl, fd, (long)PAGE_SCAN, (long)&scan, 0, 0, 0);
	(void)sys_close(fd);
	return count;
}

static bool none_absent(uint64_t va, uint64_t end)
{
	if (atomic_load_explicit(&forked, memory_order_relaxed))
		return false;
	return is_plain_memory(va, end) &&
	       !count_pages(va, end, PAGE_PRESENT, PAGE_PRESENT | PAGE_ZERO);
}

/* ---- touching ---- */

/*
 * Pages of which the same offset is touched share a set of the processor's caches, so each has its
 * own: guard_touch() goes on by a line from the first one.
 */
static uint64_t first_offset(uint64_t va, uint64_t pages)
{
	const uint64_t number = va >> PAGE_SHIFT;

	/* One page, which is the usual length, has all its lines to choose from: no division. */
	if (pages == 1)
		return number % (PAGE_SIZE / LINE) * LINE;
	return number % (GUARD_TOUCHES + 1 - pages) * LINE;
}

void resident_prefetch(uint64_t va, uint64_t len)
{
	const uint64_t pages = min_u64(len >> PAGE_SHIFT, GUARD_TOUCHES);

	if (len >> PAGE_SHIFT > MOST_TOUCHED || !guard_installed())
		return;
	__builtin_prefetch((const void *)(uintptr_t)(va + first_offset(va, pages)));
}

static bool touch_all(uint64_t va, uint64_t end, bool write)
{
	while (va < end) {
		const uint64_t pages = min_u64((end - va) >> PAGE_SHIFT, GUARD_TOUCHES);

		if (guard_touch((void *)(uintptr_t)(va + first_offset(va, pages)),
				(unsigned int)pages, write))
			return false;
		va += pages << PAGE_SHIFT;
	}
	return true;
}

static bool huge_seen(uint64_t va)
{
	const uint64_t word = atomic_load_explicit(word_of(va), memory_order_relaxed);

	return (word & TAG_MASK) == tag_of(va) && (word & HUGE_SEEN);
}

bool resident_certain(uint64_t va, uint64_t len, bool write)
{
	const uint64_t end = va + len;

	if (len >> PAGE_SHIFT > MOST_TOUCHED)
		return !huge_seen(va) && none_absent(va, end);
	return guard_installed() && all_known(va, end) && touch_all(va, end, write);
}

/* Whether huge pages were learnt of [@va, @end): the first ones stand for all. */
static bool huge_learnt(uint64_t va, uint64_t end)
{
	const uint64_t wanted = HUGE_SEEN | bits_of(va, end);
	const uint64_t word = atomic_load_explicit(word_of(va), memory_order_relaxed);

	return (word & (TAG_MASK | wanted)) == (tag_of(va) | wanted);
}

void resident_learn(uint64_t va, uint64_t len)
{
	const uint64_t end = va + min_u64(len, MOST_LEARNT << PAGE_SHIFT);
	uint64_t size = 0;

	/* Without the guard no page is touched, whatever is known of it. */
	if (!guard_installed() && len >> PAGE_SHIFT <= MOST_TOUCHED)
		return;
	if (huge_learnt(va, end))
		return;
	if (len >> PAGE_SHIFT > FEW_PAGES && !huge_seen(va)) {
		const long huge = count_pages(va, end, 0, PAGE_HUGE);

		if (huge >= 0)
			size = huge ? HUGE_SEEN : SMALL_SEEN;
	}
	for (; va < end; va = end_of_word(va))
		learn_word(va, bits_of(va, end) | size);
}
