/* SPDX-License-Identifier: MIT */
/*
 * Random pins, unpins, splits, displacements and moves of parts of a source, compared with a count
 * for each page: what is pinned, what is charged, what was populated, and what each page holds.
 */
#include <inttypes.h>

#include "base/log.h"
#include "base/sys.h"
#include "kit.h"
#include "mem/displace.h"
#include "mem/source_internal.h"

enum {
	PAGES = 64,
	PINS = 40,
	STEPS = 20000,
	UID = 400,
	LIMIT = 56, /* pages; fewer than there are */
};

struct model {
	struct mem_caller caller;
	struct mem_source *source;
	char *va;
	char *elsewhere; /* where the program moves some of its memory, over what it had there */
	struct mem_pages pins[PINS];
	size_t pin_count;
	unsigned int users[PAGES];
	char holds[PAGES];   /* what the frame has, of a page that is pinned */
	char program[PAGES]; /* what the program sees */
	unsigned int moves;
};

static struct mem_pages random_pages(void)
{
	uint64_t first, count;

	if (random_below(4) == 0)
		return (struct mem_pages){.first = 0, .count = PAGES};
	first = random_below(PAGES);
	count = 1 + random_below(PAGES - first);
	if (random_below(2))
		count = 1 + random_below(count);
	return (struct mem_pages){.first = first, .count = count};
}

static uint64_t pinned_pages(const struct model *m)
{
	uint64_t pinned = 0;

	for (int i = 0; i < PAGES; i++)
		pinned += m->users[i] != 0;
	return pinned;
}

static void step_pin(struct model *m)
{
	struct mem_pages pages = random_pages();
	uint64_t before = pinned_pages(m), fresh = 0, populated = m->caller.populated;
	int rc;

	if (m->pin_count == PINS)
		return;
	for (uint64_t i = pages.first; i < pages.first + pages.count; i++)
		fresh += !m->users[i];
	rc = mem_source_pin(m->source, pages);
	assert_int_equal(rc, before + fresh > LIMIT && fresh ? -ENOMEM : 0);
	assert_int_equal(m->caller.populated - populated, fresh);
	if (rc)
		return;
	for (uint64_t i = pages.first; i < pages.first + pages.count; i++) {
		if (!m->users[i]++)
			m->holds[i] = m->program[i];
	}
	m->pins[m->pin_count++] = pages;
}

static void step_unpin(struct model *m)
{
	size_t which;
	struct mem_pages pages;

	if (!m->pin_count)
		return;
	which = random_below(m->pin_count);
	pages = m->pins[which];
	m->pins[which] = m->pins[--m->pin_count];
	mem_source_unpin(m->source, pages);
	for (uint64_t i = pages.first; i < pages.first + pages.count; i++)
		m->users[i]--;
}

static void step_split(struct model *m)
{
	struct mem_pages *pages;
	uint64_t count;

	if (!m->pin_count || m->pin_count == PINS)
		return;
	pages = &m->pins[random_below(m->pin_count)];
	if (pages->count == 1)
		return;
	count = 1 + random_below(pages->count - 1);
	assert_int_equal(mem_source_split(m->source, *pages, count), 0);
	m->pins[m->pin_count++] =
		(struct mem_pages){.first = pages->first + count, .count = pages->count - count};
	pages->count = count;
}

/* The program empties some of its memory, and fills it with something else. */
static void step_displace(struct model *m)
{
	struct mem_pages pages = random_pages();
	char fill = (char)random_below(100);

	assert_int_equal(displace_range((uintptr_t)m->va + pages.first * PAGE_SIZE,
					pages.count * PAGE_SIZE, DISPLACE_MADVISE, true),
			 0);
	for (uint64_t i = pages.first; i < pages.first + pages.count; i++) {
		m->va[i * PAGE_SIZE] = fill;
		m->program[i] = fill;
	}
}

/* The program moves some of its memory, and has empty memory in its place. */
static void step_move(struct model *m)
{
	struct mem_pages pages = random_pages();
	const uint64_t from = (uintptr_t)m->va + pages.first * PAGE_SIZE;
	const uint64_t to =
		(uintptr_t)m->elsewhere + random_below(PAGES - pages.count + 1) * PAGE_SIZE;
	const uint64_t len = pages.count * PAGE_SIZE;
	long rc;

	assert_int_equal(displace_range(to, len, DISPLACE_MMAP_FIXED, true), 0);
	rc = displace_mremap(from, len, len, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to);
	/* Several mappings at once, on a kernel that moves only one. */
	if (rc == -EFAULT || rc == -EINVAL)
		return;
	assert_int_equal(rc, (long)to);
	for (uint64_t i = pages.first; i < pages.first + pages.count; i++) {
		assert_int_equal(m->va[i * PAGE_SIZE], 0);
		m->program[i] = 0;
	}
	m->moves++;
}

static void check(struct model *m)
{
	struct mem_pages pages = random_pages();
	bool all = true;

	for (uint64_t i = pages.first; i < pages.first + pages.count; i++)
		all = all && m->users[i];
	assert_int_equal(mem_source_pinned(m->source, pages), all);
	assert_null(source_check(m->source));
	assert_int_equal(mem_source_pinned_pages(m->source), pinned_pages(m));
	assert_int_equal(mem_user_locked(UID), pinned_pages(m));
	assert_int_equal(m->caller.caller.pinned_pages, pinned_pages(m));
	if (!all)
		return;
	for (uint64_t page = pages.first; page < pages.first + pages.count;) {
		uint64_t left = (pages.first + pages.count - page) * PAGE_SIZE, bus, run;

		mem_source_extent(m->source, page * PAGE_SIZE, left, &bus, &run);
		for (uint64_t i = 0; i < run; i += PAGE_SIZE)
			assert_int_equal(*(char *)(uintptr_t)(bus + i), m->holds[page++]);
	}
}

static void pins_of_parts_agree_with_a_count_for_each_page(void **state)
{
	struct model m = {.pin_count = 0};

	(void)state;
	mem_caller_init(&m.caller, UID, LIMIT);
	m.va = mmap(NULL, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	assert_ptr_not_equal(m.va, MAP_FAILED);
	m.elsewhere = mmap(NULL, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(m.elsewhere, MAP_FAILED);
	assert_int_equal(mem_source_from_va(&m.caller.caller, (uintptr_t)m.va, PAGES * PAGE_SIZE,
					    true, MEM_ACCOUNT_USER, &m.source),
			 0);
	for (int i = 0; i < STEPS; i++) {
		uint64_t what = random_below(100);

		if (what < 40)
			step_pin(&m);
		else if (what < 80)
			step_unpin(&m);
		else if (what < 90)
			step_split(&m);
		else if (what < 95)
			step_displace(&m);
		else
			step_move(&m);
		check(&m);
	}
	while (m.pin_count)
		step_unpin(&m);
	assert_int_equal(mem_user_locked(UID), 0);
	mem_source_put(m.source);
	assert_int_equal(m.caller.caller.refs, 1);
	munmap(m.va, PAGES * PAGE_SIZE);
	munmap(m.elsewhere, PAGES * PAGE_SIZE);
	assert_true(m.moves > STEPS / 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pins_of_parts_agree_with_a_count_for_each_page),
	};

	log_set_level(LOG_LEVEL_ERROR);
	displace_enable();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
