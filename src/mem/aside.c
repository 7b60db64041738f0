/* SPDX-License-Identifier: MIT */
/*
 * Arenas, and the holders of their pages.
 *
 * Invariants, under the lock:
 * - an arena and its counts are never unmapped, except for a tail that nobody holds (aside_trim()),
 *   nor is the list of arenas shortened;
 * - a page with a count of 0 is reserved and without memory, so it can be taken;
 * - a page that is LOST is not ours any more (the system had no memory to reserve it again), and is
 *   never taken again;
 * - @held of an arena is the number of its pages that have a holder.
 *
 * Pages are taken from @next on, and from the beginning again when the end is reached: pages that
 * were taken by neighbouring calls are neighbours.
 */
#include "mem/aside.h"

#include <assert.h>
#include <sys/resource.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "base/lock.h"
#include "base/sys.h"

#define LARGE_PAGE  (UINT64_C(2) << 20)
#define ARENA_PAGES (UINT64_C(1) << 22) /* 16 GiB */
#define SMALL_ARENA (UINT64_C(1) << 12) /* the same where the program's addresses are limited */
#define LOST	    UINT32_MAX

struct arena {
	struct arena *next_arena;
	uint64_t addr, pages;
	uint64_t next; /* the page at which the search for free ones goes on */
	uint64_t held;
	uint32_t *holders; /* by page */
};

static struct lock lock = LOCK_INIT(LOCK_ASIDE);
static struct arena *arenas GUARDED_BY(lock); /* and what is in them */

static bool arena_has(const struct arena *arena, uint64_t addr)
{
	return addr - arena->addr < arena->pages << PAGE_SHIFT;
}

/* The arena of @addr, which is in one. */
static struct arena *arena_of(uint64_t addr) REQUIRES(lock)
{
	struct arena *arena = arenas;

	lock_assert_held(&lock);
	while (arena && !arena_has(arena, addr))
		arena = arena->next_arena;
	assert(arena);
	return arena;
}

static uint64_t page_of(const struct arena *arena, uint64_t addr)
{
	return (addr - arena->addr) >> PAGE_SHIFT;
}

/* ---- arenas ---- */

static int map_arena(struct arena *arena, uint64_t pages)
{
	void *space, *holders;

	if (sys_map_aligned(pages << PAGE_SHIFT, LARGE_PAGE, 0, PROT_NONE, &space))
		return -ENOMEM;
	if (sys_map_aligned(pages * sizeof(*arena->holders), PAGE_SIZE, 0, PROT_READ | PROT_WRITE,
			    &holders)) {
		(void)sys_munmap(space, pages << PAGE_SHIFT);
		return -ENOMEM;
	}
	arena->addr = (uint64_t)(uintptr_t)space;
	arena->pages = pages;
	arena->holders = holders;
	return 0;
}

static bool addresses_are_limited(void)
{
	struct rlimit limit;

	/* A program that has confined itself may have no right to ask. */
	return !sys_confined() &&
	       sys_call(SYS_prlimit64, 0, RLIMIT_AS, 0, (long)&limit, 0, 0) == 0 &&
	       limit.rlim_cur != RLIM_INFINITY;
}

/* Adds an arena of at least @pages, a multiple of 2 MiB of addresses and of counts. */
static struct arena *add_arena(uint64_t pages) REQUIRES(lock)
{
	const uint64_t unit = LARGE_PAGE >> PAGE_SHIFT, least_unit = max_u64(unit, PAGE_SIZE / 4);
	const uint64_t usual = addresses_are_limited() ? SMALL_ARENA : ARENA_PAGES;
	struct arena *arena;
	uint64_t least, size;

	lock_assert_held(&lock);
	/* Aligned to a large page, the pages may begin almost as much further on. */
	if (pages > UINT64_MAX >> PAGE_SHIFT >> 1 ||
	    check_align_up(pages + unit, least_unit, &least))
		return NULL;
	arena = alloc_zeroed(sizeof(*arena));
	if (!arena)
		return NULL;
	for (size = max_u64(least, usual); map_arena(arena, size); size /= 2) {
		if (size / 2 < least) {
			alloc_free(arena);
			return NULL;
		}
		size = align_down(size, 2 * least_unit);
	}
	arena->next_arena = arenas;
	arenas = arena;
	return arena;
}

void aside_prepare(void)
{
	lock_acquire(&lock);
	if (!arenas)
		(void)add_arena(0);
	lock_release(&lock);
}

/* How many pages of @arena have to stay: all that are held, and some. */
static uint64_t pages_to_keep(const struct arena *arena) REQUIRES(lock)
{
	uint64_t end = arena->pages;

	lock_assert_held(&lock);
	while (end > SMALL_ARENA && !arena->holders[end - 1])
		end--;
	return align_down(end + SMALL_ARENA - 1, SMALL_ARENA);
}

void aside_trim(void)
{
	lock_acquire(&lock);
	for (struct arena *arena = arenas; arena; arena = arena->next_arena) {
		const uint64_t keep = pages_to_keep(arena), rest = arena->pages - keep;

		if (keep >= arena->pages ||
		    sys_munmap((void *)(uintptr_t)(arena->addr + (keep << PAGE_SHIFT)),
			       rest << PAGE_SHIFT))
			continue;
		(void)sys_munmap(arena->holders + keep, rest * sizeof(*arena->holders));
		arena->pages = keep;
		arena->next = min_u64(arena->next, keep);
	}
	lock_release(&lock);
}

void aside_unlock(void)
{
	lock_acquire(&lock);
	for (const struct arena *arena = arenas; arena; arena = arena->next_arena)
		(void)sys_call(SYS_munlock, (long)arena->addr, (long)(arena->pages << PAGE_SHIFT),
			       0, 0, 0, 0);
	lock_release(&lock);
}

/* ---- taking ---- */

/* The first page from @page on whose address is @congruent modulo @align. */
static uint64_t align_page(const struct arena *arena, uint64_t page, uint64_t align,
			   uint64_t congruent)
{
	const uint64_t addr = arena->addr + (page << PAGE_SHIFT);

	return page + (((congruent - addr) & (align - 1)) >> PAGE_SHIFT);
}

/* The last page of [@page, @page + @pages) that cannot be taken, or UINT64_MAX. */
static uint64_t last_taken(const struct arena *arena, uint64_t page, uint64_t pages)
{
	for (uint64_t i = page + pages; i-- > page;) {
		if (arena->holders[i])
			return i;
	}
	return UINT64_MAX;
}

/*
 * *@page: the first of @pages free pages in [@from, @end) of @arena, aligned. False: there are
 * none.
 */
static bool find_free(const struct arena *arena, uint64_t from, uint64_t end, uint64_t pages,
		      uint64_t align, uint64_t congruent, uint64_t *page)
{
	uint64_t at = align_page(arena, from, align, congruent), taken;

	while (at <= end && pages <= end - at) {
		taken = last_taken(arena, at, pages);
		if (taken == UINT64_MAX) {
			*page = at;
			return true;
		}
		at = align_page(arena, taken + 1, align, congruent);
	}
	return false;
}

static bool take_from(struct arena *arena, uint64_t va, uint64_t pages, uint64_t *addr)
	REQUIRES(lock)
{
	const uint64_t align = pages << PAGE_SHIFT < LARGE_PAGE ? PAGE_SIZE : LARGE_PAGE;
	const uint64_t congruent = va & (align - 1);
	uint64_t page;

	lock_assert_held(&lock);
	if (pages > arena->pages - arena->held)
		return false;
	if (!find_free(arena, arena->next, arena->pages, pages, align, congruent, &page) &&
	    !find_free(arena, 0, arena->pages, pages, align, congruent, &page))
		return false;
	for (uint64_t i = 0; i < pages; i++)
		arena->holders[page + i] = 1;
	arena->held += pages;
	arena->next = page + pages;
	*addr = arena->addr + (page << PAGE_SHIFT);
	return true;
}

int aside_take(uint64_t va, uint64_t pages, uint64_t *addr)
{
	struct arena *arena;
	bool taken = false;

	if (fail_inject())
		return -ENOMEM;
	lock_acquire(&lock);
	for (arena = arenas; arena && !taken; arena = arena->next_arena)
		taken = take_from(arena, va, pages, addr);
	if (!taken) {
		arena = add_arena(pages);
		taken = arena && take_from(arena, va, pages, addr);
	}
	lock_release(&lock);
	return taken ? 0 : -ENOMEM;
}

/* ---- holding ---- */

/* How many of @pages from @addr on are in @arena: arenas may be neighbours. */
static uint64_t pages_in(const struct arena *arena, uint64_t addr, uint64_t pages)
{
	return min_u64(pages, arena->pages - page_of(arena, addr));
}

void aside_hold(uint64_t addr, uint64_t pages)
{
	lock_acquire(&lock);
	while (pages) {
		struct arena *arena = arena_of(addr);
		const uint64_t first = page_of(arena, addr), count = pages_in(arena, addr, pages);

		for (uint64_t i = first; i < first + count; i++) {
			assert(arena->holders[i] && arena->holders[i] < LOST - 1);
			arena->holders[i]++;
		}
		addr += count << PAGE_SHIFT;
		pages -= count;
	}
	lock_release(&lock);
}

/*
 * Frees the memory of @count pages of @arena, which have no holder left, and reserves them again.
 */
static void free_pages(struct arena *arena, uint64_t first, uint64_t count) REQUIRES(lock)
{
	void *addr = (void *)(uintptr_t)(arena->addr + (first << PAGE_SHIFT)), *got;

	lock_assert_held(&lock);
	arena->held -= count;
	if (!sys_mmap(addr, count << PAGE_SHIFT, PROT_NONE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0, &got))
		return;
	/* Too many mappings: the system may give these addresses to the program now. */
	(void)sys_munmap(addr, count << PAGE_SHIFT);
	for (uint64_t i = first; i < first + count; i++)
		arena->holders[i] = LOST;
}

static void release_in(struct arena *arena, uint64_t first, uint64_t count) REQUIRES(lock)
{
	uint64_t unheld = 0; /* pages just before page i */

	lock_assert_held(&lock);
	for (uint64_t i = first; i < first + count; i++) {
		assert(arena->holders[i]);
		if (arena->holders[i] != LOST && !--arena->holders[i]) {
			unheld++;
			continue;
		}
		if (unheld)
			free_pages(arena, i - unheld, unheld);
		unheld = 0;
	}
	if (unheld)
		free_pages(arena, first + count - unheld, unheld);
}

void aside_release(uint64_t addr, uint64_t pages)
{
	lock_acquire(&lock);
	while (pages) {
		struct arena *arena = arena_of(addr);
		const uint64_t count = pages_in(arena, addr, pages);

		release_in(arena, page_of(arena, addr), count);
		addr += count << PAGE_SHIFT;
		pages -= count;
	}
	lock_release(&lock);
}

void aside_lose(uint64_t addr, uint64_t pages)
{
	lock_acquire(&lock);
	while (pages) {
		struct arena *arena = arena_of(addr);
		const uint64_t first = page_of(arena, addr), count = pages_in(arena, addr, pages);

		for (uint64_t i = first; i < first + count; i++) {
			assert(arena->holders[i] == 1);
			arena->holders[i] = LOST;
		}
		arena->held -= count;
		addr += count << PAGE_SHIFT;
		pages -= count;
	}
	lock_release(&lock);
}

bool aside_has(uint64_t addr)
{
	bool found = false;

	lock_acquire(&lock);
	for (const struct arena *arena = arenas; arena && !found; arena = arena->next_arena)
		found = arena_has(arena, addr);
	lock_release(&lock);
	return found;
}

uint64_t aside_held(void)
{
	uint64_t held = 0;

	lock_acquire(&lock);
	for (const struct arena *arena = arenas; arena; arena = arena->next_arena)
		held += arena->held;
	lock_release(&lock);
	return held;
}
