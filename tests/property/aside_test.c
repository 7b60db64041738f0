/* SPDX-License-Identifier: MIT */
/*
 * Random takes, holds and releases of addresses for pages moved aside, compared with a count and a
 * tag for each page: no page is taken twice, and none loses its memory before its last holder, also
 * when addresses are given back.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <cmocka.h>

#include "base/sys.h"
#include "mem/aside.h"
#include "mem/self.h"

enum {
	PAGES = 512, /* in use at most */
	STEPS = 30000,
	TAKE_MAX = 24,
};

/* A page that is held, in no order. */
struct page {
	uint64_t addr;
	unsigned int holders;
	uint32_t tag;
};

static struct page model[PAGES];
static unsigned int model_count;
static uint64_t random_state;

static uint64_t random_below(uint64_t bound)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % bound;
}

static struct page *find(uint64_t addr)
{
	for (unsigned int i = 0; i < model_count; i++) {
		if (model[i].addr == addr)
			return &model[i];
	}
	return NULL;
}

static void check_page(const struct page *page)
{
	uint32_t tag;

	assert_int_equal(self_read(&tag, page->addr, sizeof(tag)), 0);
	assert_int_equal(tag, page->tag);
}

static void take(void)
{
	const uint64_t count = 1 + random_below(TAKE_MAX);
	uint64_t addr;
	void *memory;

	if (model_count + count > PAGES)
		return;
	assert_int_equal(aside_take(random_below(1 << 20) << PAGE_SHIFT, count, &addr), 0);
	for (uint64_t i = 0; i < count; i++)
		assert_null(find(addr + (i << PAGE_SHIFT)));
	assert_int_equal(sys_mmap((void *)(uintptr_t)addr, count << PAGE_SHIFT,
				  PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
				  -1, 0, &memory),
			 0);
	for (uint64_t i = 0; i < count; i++) {
		struct page *page = &model[model_count++];

		*page = (struct page){addr + (i << PAGE_SHIFT), 1,
				      (uint32_t)random_below(1u << 31)};
		*(uint32_t *)(uintptr_t)page->addr = page->tag;
	}
}

/* The pages from a random one on, by whichever takes, that are neighbours; at most @limit. */
static uint64_t neighbours(uint64_t limit, uint64_t *addr)
{
	uint64_t count = 0;

	*addr = model[random_below(model_count)].addr;
	while (count < limit && find(*addr + (count << PAGE_SHIFT)))
		count++;
	return count;
}

static void hold(void)
{
	uint64_t addr, count = neighbours(1 + random_below(2 * TAKE_MAX), &addr);

	aside_hold(addr, count);
	for (uint64_t i = 0; i < count; i++)
		find(addr + (i << PAGE_SHIFT))->holders++;
}

static void release(void)
{
	uint64_t addr, count = neighbours(1 + random_below(2 * TAKE_MAX), &addr);

	aside_release(addr, count);
	for (uint64_t i = 0; i < count; i++) {
		struct page *page = find(addr + (i << PAGE_SHIFT));
		uint32_t tag;

		if (--page->holders)
			continue;
		assert_int_not_equal(self_read(&tag, page->addr, sizeof(tag)), 0);
		*page = model[--model_count];
	}
}

/* Pages of address space of this process. */
static uint64_t address_space(void)
{
	FILE *statm = fopen("/proc/self/statm", "r");
	uint64_t pages = 0;

	assert_non_null(statm);
	assert_int_equal(fscanf(statm, "%" SCNu64, &pages), 1);
	(void)fclose(statm);
	return pages;
}

static void take_steps(bool trims)
{
	for (int i = 0; i < STEPS; i++) {
		const uint64_t what = random_below(100);

		if (!model_count || what < 30)
			take();
		else if (what < 50)
			hold();
		else if (what == 99 && trims)
			aside_trim();
		else
			release();
		assert_int_equal(aside_held(), model_count);
		if (model_count)
			check_page(&model[random_below(model_count)]);
	}
	for (unsigned int i = 0; i < model_count; i++)
		check_page(&model[i]);
	while (model_count)
		release();
	assert_int_equal(aside_held(), 0);
}

static void pages_live_as_long_as_their_holders(void **state)
{
	(void)state;
	take_steps(false);
}

static void addresses_that_nobody_holds_are_given_back(void **state)
{
	const uint64_t before = address_space();

	(void)state;
	take();
	aside_trim();
	assert_true(address_space() + (UINT64_C(8) << 30 >> PAGE_SHIFT) < before);
	take_steps(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_live_as_long_as_their_holders),
		cmocka_unit_test(addresses_that_nobody_holds_are_given_back),
	};
	const char *given = getenv("UIOMMUFD_SEED");

	random_state = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	random_state |= 1;
	printf("UIOMMUFD_SEED=%" PRIu64 "\n", random_state);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
