/* SPDX-License-Identifier: MIT */
/*
 * Pages moved aside. Those that one source alone has need no record: they are unmapped when it
 * gives them back. Those that several sources have are in a block that counts for each page; blocks
 * are in a list, which is short, since moving pages aside at all is a program's mistake.
 */
#include "mem/aside.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/lock.h"
#include "base/sys.h"

#define LARGE_PAGE (UINT64_C(2) << 20)

struct block {
	struct block *next;
	uint64_t addr, pages;
	uint64_t live; /* sum of sharers */
	uint32_t sharers[];
};

static struct lock lock = LOCK_INIT(LOCK_ASIDE);
static struct block *blocks GUARDED_BY(lock); /* and what is in them */

/* What points to the block that holds @addr, or to NULL. */
static struct block **find_block(uint64_t addr) REQUIRES(lock)
{
	struct block **link = &blocks;

	lock_assert_held(&lock);

	while (*link && addr - (*link)->addr >= (*link)->pages << PAGE_SHIFT)
		link = &(*link)->next;
	return link;
}

static int add_block(uint64_t addr, uint64_t pages)
{
	struct block *block;
	uint64_t size;

	if (__builtin_mul_overflow(pages, sizeof(block->sharers[0]), &size) ||
	    check_add(size, sizeof(*block), &size))
		return -ENOMEM;
	block = alloc_zeroed(size);
	if (!block)
		return -ENOMEM;
	block->addr = addr;
	block->pages = pages;
	lock_acquire(&lock);
	block->next = blocks;
	blocks = block;
	lock_release(&lock);
	return 0;
}

static void unmap(uint64_t addr, uint64_t pages)
{
	(void)sys_munmap((void *)(uintptr_t)addr, pages << PAGE_SHIFT);
}

int aside_take(uint64_t va, uint64_t pages, bool shared, uint64_t *addr)
{
	uint64_t align = pages << PAGE_SHIFT < LARGE_PAGE ? PAGE_SIZE : LARGE_PAGE;
	void *got;

	if (sys_reserve(pages << PAGE_SHIFT, align, va & (align - 1), &got))
		return -ENOMEM;
	*addr = (uint64_t)(uintptr_t)got;
	if (shared && add_block(*addr, pages)) {
		unmap(*addr, pages);
		return -ENOMEM;
	}
	return 0;
}

static void remove_block(struct block **link) REQUIRES(lock)
{
	struct block *block = *link;

	lock_assert_held(&lock);

	*link = block->next;
	alloc_free(block);
}

void aside_cancel(uint64_t addr, uint64_t pages)
{
	struct block **link;

	lock_acquire(&lock);
	link = find_block(addr);
	if (*link)
		remove_block(link);
	lock_release(&lock);
	unmap(addr, pages);
}

void aside_share(uint64_t addr, uint64_t pages)
{
	struct block *block;
	uint64_t first;

	lock_acquire(&lock);
	block = *find_block(addr);
	assert(block);
	first = (addr - block->addr) >> PAGE_SHIFT;
	for (uint64_t i = 0; i < pages; i++)
		block->sharers[first + i]++;
	block->live += pages;
	lock_release(&lock);
}

/* Takes a sharer from each page, and unmaps those that have none left. */
static void drop_sharer(struct block *block, uint64_t addr, uint64_t pages) REQUIRES(lock)
{
	const uint64_t first = (addr - block->addr) >> PAGE_SHIFT;
	uint64_t gone = 0; /* pages without a sharer, just before page i */

	lock_assert_held(&lock);

	for (uint64_t i = 0; i < pages; i++) {
		if (--block->sharers[first + i] == 0) {
			gone++;
		} else {
			if (gone)
				unmap(addr + ((i - gone) << PAGE_SHIFT), gone);
			gone = 0;
		}
	}
	if (gone)
		unmap(addr + ((pages - gone) << PAGE_SHIFT), gone);
	block->live -= pages;
}

void aside_release(uint64_t addr, uint64_t pages)
{
	struct block **link;
	bool shared;

	lock_acquire(&lock);
	link = find_block(addr);
	shared = *link;
	if (shared) {
		drop_sharer(*link, addr, pages);
		if (!(*link)->live)
			remove_block(link);
	}
	lock_release(&lock);
	if (!shared)
		unmap(addr, pages);
}
