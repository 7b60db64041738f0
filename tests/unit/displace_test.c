/* SPDX-License-Identifier: MIT */
/*
 * Pinned memory that the program unmaps, moves or replaces: mappings keep the pages that were
 * pinned.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/gate.h"
#include "base/log.h"
#include "kit.h"
#include "mem/aside.h"
#include "mem/displace.h"
#include "mem/guard.h"
#include "mem/index.h"
#include "mem/self.h"
#include "mem/source.h"
#include "mem/view.h"

enum {
	SOURCES = 4
};

/* Memory of the program, and sources over it. */
struct scene {
	struct mem_caller caller;
	char *va;
};

static const struct mem_source *told_source[SOURCES];
static struct mem_pages told_pages[SOURCES];
static atomic_int told;

static void note(const struct displace_moved *moved, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int n = told++;

		if (n < SOURCES) {
			told_source[n] = moved[i].source;
			told_pages[n] = moved[i].pages;
		}
		assert_ptr_equal(displace_find_moved(moved, count, moved[i].source), &moved[i]);
	}
	assert_null(displace_find_moved(moved, count, NULL));
}

static struct mem_pages pages(uint64_t first, uint64_t count)
{
	return (struct mem_pages){.first = first, .count = count};
}

static uint64_t addr(const void *p)
{
	return (uintptr_t)p;
}

static void mark(char *va, size_t count)
{
	for (size_t i = 0; i < count; i++)
		memset(va + i * PAGE, (int)(i + 1), PAGE);
}

static void set_up(struct scene *f, size_t count)
{
	mem_caller_init(&f->caller, 200, UINT64_MAX / PAGE);
	f->va = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		     0);
	assert_ptr_not_equal(f->va, MAP_FAILED);
	mark(f->va, count);
	told = 0;
}

static struct mem_source *source_of(struct scene *f, size_t first, size_t count)
{
	struct mem_source *source;

	assert_int_equal(mem_source_from_va(&f->caller.caller, addr(f->va) + first * PAGE,
					    count * PAGE, true, MEM_ACCOUNT_NONE, &source),
			 0);
	return source;
}

/* What the IOVA of page @page would lead to. */
static char *bus_of(struct mem_source *source, uint64_t page)
{
	uint64_t bus, run;

	mem_source_extent(source, page * PAGE, PAGE, &bus, &run);
	assert_int_equal(run, PAGE);
	return (char *)(uintptr_t)bus;
}

static bool mapped(const void *va)
{
	unsigned char present;

	return !mincore((void *)(addr(va) & ~(PAGE - 1)), PAGE, &present);
}

/* Whether there is memory at @va, which need not be the program's. */
static bool readable(const void *va)
{
	char byte;

	return !self_read(&byte, addr(va), 1);
}

static int displace(const struct scene *f, size_t first, size_t count, bool keep)
{
	return displace_range(addr(f->va) + first * PAGE, count * PAGE, DISPLACE_MUNMAP, keep);
}

static void only_pinned_memory_needs_to_move(void **state)
{
	struct scene f;
	struct mem_source *source;

	(void)state;
	set_up(&f, 8);
	source = source_of(&f, 2, 4);
	assert_false(displace_needed(addr(f.va), 8 * PAGE));
	assert_int_equal(mem_source_pin(source, pages(0, 4)), 0);
	assert_true(displace_needed(addr(f.va), 8 * PAGE));
	assert_true(displace_needed(addr(f.va) + 5 * PAGE, 1));
	assert_true(displace_needed(0, UINT64_MAX));
	assert_false(displace_needed(addr(f.va) + 6 * PAGE, PAGE));
	assert_false(displace_needed(addr(f.va), 2 * PAGE));
	assert_false(displace_needed(addr(f.va) + 3 * PAGE, 0));
	assert_int_equal(displace(&f, 0, 2, false), 0);
	assert_int_equal(told, 0);
	mem_source_unpin(source, pages(0, 4));
	assert_false(displace_needed(addr(f.va), 8 * PAGE));
	mem_source_put(source);
	munmap(f.va, 8 * PAGE);
}

static void unmapped_pages_keep_their_contents(void **state)
{
	struct scene f;
	struct mem_source *source;
	uint64_t generation = displace_generation();
	char *aside, *former;

	(void)state;
	set_up(&f, 8);
	former = f.va;
	source = source_of(&f, 0, 8);
	assert_int_equal(mem_source_pin(source, pages(0, 8)), 0);
	assert_false(displace_settle(generation));
	assert_int_equal(displace(&f, 2, 3, false), 0);
	assert_true(displace_settle(generation));
	assert_int_equal(told, 1);
	assert_ptr_equal(told_source[0], source);
	assert_int_equal(told_pages[0].first, 2);
	assert_int_equal(told_pages[0].count, 3);
	assert_true(mapped(former + PAGE));
	assert_false(mapped(former + 2 * PAGE));
	for (uint64_t i = 0; i < 8; i++) {
		bool moved = i >= 2 && i < 5;

		assert_int_equal(*bus_of(source, i), i + 1);
		assert_int_equal(bus_of(source, i) != former + i * PAGE, moved);
	}
	aside = bus_of(source, 2);
	/* Once more over all of it: only what is still in place moves. */
	assert_int_equal(displace(&f, 0, 8, false), 0);
	assert_ptr_equal(bus_of(source, 2), aside);
	for (uint64_t i = 0; i < 8; i++)
		assert_int_equal(*bus_of(source, i), i + 1);
	mem_source_unpin(source, pages(0, 8));
	assert_false(readable(aside));
	/* The next pin looks at the address again. */
	assert_int_equal(mem_source_pin(source, pages(0, 8)), -EFAULT);
	mem_source_put(source);
}

static long refuse(void *va)
{
	/* The program's addresses are empty while its call is made. */
	assert_int_equal(*(volatile char *)va, 0);
	return -EPERM;
}

static void a_call_that_fails_moves_the_pages_back(void **state)
{
	struct scene f;
	struct mem_source *source;
	uint64_t held = aside_held();

	(void)state;
	set_up(&f, 8);
	source = source_of(&f, 0, 8);
	assert_int_equal(mem_source_pin(source, pages(0, 8)), 0);
	assert_int_equal(displace_around(addr(f.va), 8 * PAGE, DISPLACE_MADVISE, refuse, f.va),
			 -EPERM);
	assert_int_equal(told, 0);
	assert_int_equal(aside_held(), held);
	for (uint64_t i = 0; i < 8; i++) {
		assert_ptr_equal(bus_of(source, i), f.va + i * PAGE);
		assert_int_equal(f.va[i * PAGE], i + 1);
	}
	mem_source_unpin(source, pages(0, 8));
	mem_source_put(source);
	munmap(f.va, 8 * PAGE);
}

/* Memory has gone by a call that was not seen, and there is something new. */
static void devices_are_cut_off_from_what_takes_the_place_of_pinned_pages(void **state)
{
	struct scene f;
	struct mem_source *source;

	(void)state;
	set_up(&f, 4);
	source = source_of(&f, 0, 4);
	assert_int_equal(mem_source_pin(source, pages(0, 4)), 0);
	displace_lost(addr(f.va) + PAGE, 2 * PAGE);
	assert_int_equal(told, 1);
	assert_ptr_equal(bus_of(source, 0), f.va);
	assert_ptr_equal(bus_of(source, 3), f.va + 3 * PAGE);
	assert_false(readable(bus_of(source, 1)));
	assert_false(readable(bus_of(source, 2)));
	mem_source_unpin(source, pages(0, 4));
	/* The next pin is one of what is there now. */
	assert_int_equal(mem_source_pin(source, pages(0, 4)), 0);
	assert_ptr_equal(bus_of(source, 1), f.va + PAGE);
	mem_source_unpin(source, pages(0, 4));
	mem_source_put(source);
	munmap(f.va, 4 * PAGE);
}

/* What displace_by_piece() shows of a scene: a letter for each page. */
struct pieces {
	uint64_t base;
	char seen[9];
};

static long note_piece(uint64_t va, uint64_t len, bool pinned, void *arg)
{
	struct pieces *pieces = arg;

	for (uint64_t at = va; at < va + len; at += PAGE)
		pieces->seen[(at - pieces->base) / PAGE] = pinned ? 'P' : 'u';
	return 0;
}

static void pieces_are_pinned_or_not(void **state)
{
	struct scene f;
	struct mem_source *source, *second;
	struct pieces pieces = {.seen = "........"};

	(void)state;
	set_up(&f, 8);
	source = source_of(&f, 1, 4);
	second = source_of(&f, 2, 5);
	assert_int_equal(mem_source_pin(source, pages(0, 2)), 0);
	assert_int_equal(mem_source_pin(second, pages(2, 2)), 0);
	pieces.base = addr(f.va);
	assert_int_equal(displace_by_piece(addr(f.va), 7 * PAGE, note_piece, &pieces), 0);
	assert_string_equal(pieces.seen, "uPPuPPu.");
	mem_source_unpin(source, pages(0, 2));
	mem_source_unpin(second, pages(2, 2));
	mem_source_put(source);
	mem_source_put(second);
	munmap(f.va, 8 * PAGE);
}

/* What the program does after displace(): its own call, which takes more than what was pinned. */
static void lose(const struct scene *f, size_t first, size_t count)
{
	assert_int_equal(displace(f, first, count, true), 0);
	assert_int_equal(munmap(f->va + first * PAGE, count * PAGE), 0);
}

/* The kept pages of the first call must not be in the hole that it leaves: the second covers it. */
static void kept_pages_are_not_in_the_hole_that_the_program_left(void **state)
{
	struct scene f;
	struct mem_source *source;

	(void)state;
	set_up(&f, 8);
	source = source_of(&f, 0, 8);
	assert_int_equal(mem_source_pin(source, pages(0, 8)), 0);
	lose(&f, 2, 4);
	lose(&f, 4, 4);
	lose(&f, 0, 8);
	for (uint64_t i = 0; i < 8; i++) {
		assert_true(readable(bus_of(source, i)));
		assert_int_equal(*bus_of(source, i), i + 1);
	}
	mem_source_unpin(source, pages(0, 8));
	mem_source_put(source);
	assert_int_equal(aside_held(), 0);
}

/*
 * Pages that one of two sources gives back are taken again for others, while the rest of them is
 * still held.
 */
static void addresses_that_are_given_back_serve_others(void **state)
{
	struct scene f, g;
	struct mem_source *all, *one, *later;

	(void)state;
	for (int round = 0; round < 100; round++) {
		set_up(&f, 8);
		set_up(&g, 12);
		all = source_of(&f, 0, 8);
		one = source_of(&f, 0, 1);
		later = source_of(&g, 0, 12);
		assert_int_equal(mem_source_pin(all, pages(0, 8)), 0);
		assert_int_equal(mem_source_pin(one, pages(0, 1)), 0);
		assert_int_equal(mem_source_pin(later, pages(0, 12)), 0);
		lose(&f, 0, 8);
		mem_source_unpin(all, pages(0, 8));
		assert_int_equal(aside_held(), 1);
		lose(&g, 0, 12);
		assert_int_equal(aside_held(), 13);
		mem_source_unpin(later, pages(0, 12));
		assert_int_equal(*bus_of(one, 0), 1);
		mem_source_unpin(one, pages(0, 1));
		assert_int_equal(aside_held(), 0);
		mem_source_put(all);
		mem_source_put(one);
		mem_source_put(later);
	}
}

/* Pages that were moved aside by two calls may be given back as one extent. */
static void neighbours_that_moved_apart_are_given_back_together(void **state)
{
	struct scene f;
	struct mem_source *all, *most;

	(void)state;
	set_up(&f, 16);
	all = source_of(&f, 0, 16);
	most = source_of(&f, 1, 14);
	assert_int_equal(mem_source_pin(all, pages(0, 16)), 0);
	assert_int_equal(mem_source_pin(most, pages(0, 14)), 0);
	lose(&f, 0, 8);
	lose(&f, 8, 8);
	assert_int_equal(mem_source_pin(all, pages(2, 12)), 0);
	mem_source_unpin(all, pages(2, 12)); /* which joins the pieces */
	mem_source_unpin(all, pages(0, 16));
	assert_int_equal(aside_held(), 14);
	for (uint64_t i = 0; i < 14; i++)
		assert_int_equal(*bus_of(most, i), i + 2);
	mem_source_unpin(most, pages(0, 14));
	assert_int_equal(aside_held(), 0);
	mem_source_put(all);
	mem_source_put(most);
}

static void memory_that_is_all_aside_is_not_found_where_it_was(void **state)
{
	struct scene f;
	struct mem_source *source;

	(void)state;
	set_up(&f, 4);
	source = source_of(&f, 0, 4);
	assert_int_equal(mem_source_pin(source, pages(0, 4)), 0);
	assert_int_equal(displace(&f, 0, 3, true), 0);
	assert_true(displace_needed(addr(f.va), PAGE)); /* the last page is still there */
	assert_int_equal(displace(&f, 3, 1, true), 0);
	assert_false(displace_needed(addr(f.va), 4 * PAGE));
	/* The next pin is one of the program's memory, and is found. */
	mem_source_unpin(source, pages(0, 4));
	assert_int_equal(mem_source_pin(source, pages(0, 4)), 0);
	assert_true(displace_needed(addr(f.va), PAGE));
	mem_source_unpin(source, pages(0, 4));
	mem_source_put(source);
	munmap(f.va, 4 * PAGE);
}

static unsigned int count_lines(const char *path)
{
	FILE *file = fopen(path, "r");
	unsigned int lines = 0;
	int c;

	assert_non_null(file);
	while ((c = getc(file)) != EOF)
		lines += c == '\n';
	(void)fclose(file);
	return lines;
}

static void a_program_that_does_it_always_is_not_told_each_time(void **state)
{
	char path[] = "/tmp/displace_test.XXXXXX";
	struct scene f;
	struct mem_source *source;

	(void)state;
	assert_int_equal(close(mkstemp(path)), 0);
	assert_int_equal(log_open(path), 0);
	log_set_level(LOG_LEVEL_FAULT);
	set_up(&f, 1);
	for (int i = 0; i < 500; i++) {
		source = source_of(&f, 0, 1);
		assert_int_equal(mem_source_pin(source, pages(0, 1)), 0);
		assert_int_equal(displace(&f, 0, 1, true), 0);
		mem_source_unpin(source, pages(0, 1));
		mem_source_put(source);
	}
	log_set_level(LOG_LEVEL_ERROR);
	assert_in_range(count_lines(path), 1, 30);
	(void)unlink(path);
	munmap(f.va, PAGE);
}

static void emptied_pages_stay_mapped_for_the_program(void **state)
{
	struct scene f;
	struct mem_source *source;

	(void)state;
	set_up(&f, 4);
	source = source_of(&f, 0, 4);
	assert_int_equal(mem_source_pin(source, pages(0, 4)), 0);
	assert_int_equal(displace(&f, 1, 2, true), 0);
	assert_int_equal(f.va[PAGE], 0);
	f.va[PAGE] = 77;
	assert_int_equal(*bus_of(source, 1), 2);
	mem_source_unpin(source, pages(0, 4));
	assert_int_equal(mem_source_pin(source, pages(0, 4)), 0);
	assert_ptr_equal(bus_of(source, 1), f.va + PAGE);
	mem_source_unpin(source, pages(0, 4));
	mem_source_put(source);
	munmap(f.va, 4 * PAGE);
}

static void two_sources_of_a_page_keep_the_same_page(void **state)
{
	struct scene f;
	struct mem_source *a, *b;
	char *aside;

	(void)state;
	set_up(&f, 6);
	a = source_of(&f, 0, 4);
	b = source_of(&f, 2, 4);
	assert_int_equal(mem_source_pin(a, pages(0, 4)), 0);
	assert_int_equal(mem_source_pin(b, pages(0, 2)), 0);
	assert_int_equal(mem_source_pin(b, pages(3, 1)), 0);
	assert_int_equal(displace(&f, 0, 6, false), 0);
	assert_int_equal(told, 2);
	aside = bus_of(a, 2);
	assert_ptr_equal(aside, bus_of(b, 0));
	assert_int_equal(*aside, 3);
	assert_int_equal(*bus_of(b, 3), 6);
	/* Page 4 was not pinned, so the program loses its content. */
	assert_true(mapped(f.va + 4 * PAGE));
	mem_source_unpin(a, pages(0, 4));
	assert_true(readable(aside));
	assert_false(readable(aside - PAGE));
	assert_int_equal(*bus_of(b, 0), 3);
	mem_source_unpin(b, pages(0, 2));
	assert_false(readable(aside));
	mem_source_unpin(b, pages(3, 1));
	mem_source_put(a);
	mem_source_put(b);
	munmap(f.va, 6 * PAGE);
}

static void parts_that_stay_pinned_stay_aside(void **state)
{
	struct scene f;
	struct mem_source *source;
	char *aside;

	(void)state;
	set_up(&f, 8);
	source = source_of(&f, 0, 8);
	assert_int_equal(mem_source_pin(source, pages(0, 8)), 0);
	assert_int_equal(mem_source_pin(source, pages(3, 2)), 0);
	assert_int_equal(displace(&f, 0, 8, false), 0);
	aside = bus_of(source, 3);
	mem_source_unpin(source, pages(0, 8));
	assert_int_equal(*bus_of(source, 3), 4);
	assert_false(readable(aside - PAGE));
	/* A later pin of a page that was moved aside gets that page. */
	assert_int_equal(mem_source_pin(source, pages(4, 1)), 0);
	mem_source_unpin(source, pages(3, 2));
	assert_int_equal(*bus_of(source, 4), 5);
	assert_false(readable(aside));
	mem_source_unpin(source, pages(4, 1));
	assert_false(readable(aside + PAGE));
	mem_source_put(source);
}

/* One run of addresses over several mappings, and a page that has gone unseen. */
static void mappings_of_several_kinds_move_together(void **state)
{
	struct scene f;
	struct mem_source *source;
	int fd = memfd_create("shared", MFD_CLOEXEC);

	(void)state;
	set_up(&f, 8);
	source = source_of(&f, 0, 8);
	assert_int_equal(ftruncate(fd, 2 * PAGE), 0);
	assert_ptr_equal(mmap(f.va + 3 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_FIXED, fd, 0),
			 f.va + 3 * PAGE);
	mark(f.va, 8);
	assert_int_equal(mem_source_pin(source, pages(0, 8)), 0);
	assert_int_equal(mprotect(f.va + 6 * PAGE, PAGE, PROT_READ), 0);
	assert_int_equal(munmap(f.va + PAGE, PAGE), 0);
	assert_int_equal(displace(&f, 0, 8, false), 0);
	for (uint64_t i = 0; i < 8; i++) {
		if (i != 1)
			assert_int_equal(*bus_of(source, i), i + 1);
		assert_false(mapped(f.va + i * PAGE));
	}
	/* It is still the file's page. */
	*bus_of(source, 3) = 99;
	assert_int_equal(pwrite(fd, "\x62", 1, 1), 1);
	assert_int_equal(bus_of(source, 3)[1], 0x62);
	mem_source_unpin(source, pages(0, 8));
	mem_source_put(source);
	close(fd);
}

static void sources_of_all_sizes_are_found(void **state)
{
	const uint64_t sizes[] = {1, 17, 600, 20000, 70000, 3000000};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct mem_caller caller;
		struct mem_source *source;
		char *va = mmap(NULL, sizes[i] * PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		uint64_t last = sizes[i] - 1;

		assert_ptr_not_equal(va, MAP_FAILED);
		mem_caller_init(&caller, 200, UINT64_MAX / PAGE);
		assert_int_equal(mem_source_from_va(&caller.caller, addr(va) + 1,
						    sizes[i] * PAGE - 1, true, MEM_ACCOUNT_NONE,
						    &source),
				 0);
		assert_int_equal(mem_source_pin(source, pages(last, 1)), 0);
		assert_true(displace_needed(addr(va) + last * PAGE, PAGE));
		assert_false(displace_needed(addr(va) + sizes[i] * PAGE, PAGE));
		assert_false(displace_needed(addr(va) - PAGE, PAGE));
		mem_source_unpin(source, pages(last, 1));
		mem_source_put(source);
		munmap(va, sizes[i] * PAGE);
	}
}

/* ---- memory that the program moves ---- */

/* mremap of pages of @from to a place of their own; what is there now. */
static char *move_to(char *from, size_t count, char *to)
{
	long rc = displace_mremap(addr(from), count * PAGE, count * PAGE,
				  MREMAP_MAYMOVE | MREMAP_FIXED, addr(to));

	assert_int_equal(rc, (long)addr(to));
	return to;
}

static char *free_pages(size_t count)
{
	char *va = mmap(NULL, count * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(va, MAP_FAILED);
	return va;
}

static void pins_go_where_the_program_moves_its_memory(void **state)
{
	struct scene f;
	struct mem_source *source, *other;
	char *to = free_pages(4);

	(void)state;
	set_up(&f, 8);
	source = source_of(&f, 0, 8);
	other = source_of(&f, 3, 1);
	assert_int_equal(mem_source_pin(source, pages(0, 8)), 0);
	assert_int_equal(mem_source_pin(other, pages(0, 1)), 0);
	move_to(f.va + 2 * PAGE, 4, to);
	assert_int_equal(told, 2);
	for (uint64_t i = 0; i < 8; i++) {
		bool moved = i >= 2 && i < 6;

		assert_ptr_equal(bus_of(source, i), moved ? to + (i - 2) * PAGE : f.va + i * PAGE);
		assert_int_equal(*bus_of(source, i), i + 1);
	}
	assert_ptr_equal(bus_of(other, 0), to + PAGE);
	/* The program may unmap them, or the pins may go first. */
	assert_false(displace_needed(addr(f.va) + 2 * PAGE, 0));
	mem_source_unpin(source, pages(0, 8));
	mem_source_unpin(other, pages(0, 1));
	assert_true(mapped(to + PAGE));
	assert_int_equal(to[PAGE], 4);
	mem_source_put(source);
	mem_source_put(other);
	munmap(f.va, 8 * PAGE);
	munmap(to, 4 * PAGE);
}

/* So DMA that goes on at once passes them. */
static void rights_move_with_pinned_pages(void **state)
{
	struct scene f;
	struct mem_source *source;
	char *to = free_pages(4);
	char byte = 0;

	(void)state;
	assert_int_equal(guard_install(), 0);
	set_up(&f, 4);
	source = source_of(&f, 0, 4);
	assert_int_equal(mem_source_pin(source, pages(0, 4)), 0);
	assert_int_equal(view_restrict(addr(f.va), 4 * PAGE), 0);
	assert_int_equal(mprotect(f.va, 4 * PAGE, PROT_NONE), 0);
	move_to(f.va, 4, to);
	assert_int_equal(view_copy(&byte, to + PAGE, 1), 0);
	assert_int_equal(byte, 2);
	assert_int_equal(mprotect(to, 4 * PAGE, PROT_READ | PROT_WRITE), 0);
	view_forget(addr(to), 4 * PAGE);
	assert_false(view_any());
	mem_source_unpin(source, pages(0, 4));
	mem_source_put(source);
	munmap(to, 4 * PAGE);
}

static void moved_memory_is_found_where_it_is(void **state)
{
	struct scene f;
	struct mem_source *source;
	char *first = free_pages(4), *second = free_pages(4);

	(void)state;
	set_up(&f, 4);
	source = source_of(&f, 0, 4);
	assert_int_equal(mem_source_pin(source, pages(0, 4)), 0);
	move_to(f.va, 4, first);
	/* A part of it again, and another part of it goes. */
	move_to(first + PAGE, 2, second);
	assert_ptr_equal(bus_of(source, 2), second + PAGE);
	assert_true(displace_needed(addr(first), PAGE));
	assert_int_equal(displace_range(addr(first), PAGE, DISPLACE_MUNMAP, false), 0);
	assert_false(mapped(first));
	assert_int_equal(*bus_of(source, 0), 1);
	assert_true(displace_needed(addr(second), PAGE));
	assert_int_equal(displace_range(addr(second) + PAGE, PAGE, DISPLACE_MADVISE, true), 0);
	assert_int_equal(second[PAGE], 0);
	for (uint64_t i = 0; i < 4; i++)
		assert_int_equal(*bus_of(source, i), i + 1);
	mem_source_unpin(source, pages(0, 4));
	assert_int_equal(second[0], 2);
	mem_source_put(source);
	assert_false(displace_needed(0, UINT64_MAX));
	munmap(first, 4 * PAGE);
	munmap(second, 4 * PAGE);
}

/* Of many sources that have moved, those near the range are looked at. */
static void moved_memory_is_found_without_a_look_at_all(void **state)
{
	enum {
		COUNT = 500,
		APART = 32 /* pages */
	};
	struct mem_source *sources[COUNT];
	char *to = free_pages(COUNT * APART);
	uint64_t before;
	struct scene f;

	(void)state;
	set_up(&f, COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		sources[i] = source_of(&f, i, 1);
		assert_int_equal(mem_source_pin(sources[i], pages(0, 1)), 0);
		move_to(f.va + i * PAGE, 1, to + i * APART * PAGE);
	}
	before = index_places_looked_at();
	for (size_t i = 0; i < COUNT; i++) {
		assert_true(displace_needed(addr(to + i * APART * PAGE), PAGE));
		assert_false(displace_needed(addr(to + (i * APART + 1) * PAGE), PAGE));
	}
	assert_true(index_places_looked_at() - before <= 4 * COUNT);
	/* All at once. */
	assert_true(displace_needed(addr(to), (uint64_t)COUNT * APART * PAGE));
	assert_int_equal(
		displace_range(addr(to), (uint64_t)COUNT * APART * PAGE, DISPLACE_MUNMAP, false),
		0);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(*bus_of(sources[i], 0), (char)(i + 1));
		mem_source_unpin(sources[i], pages(0, 1));
		mem_source_put(sources[i]);
	}
	assert_false(displace_needed(0, UINT64_MAX));
	munmap(to, (size_t)COUNT * APART * PAGE);
}

static void memory_that_returns_is_in_place_again(void **state)
{
	struct scene f;
	struct mem_source *source;
	char *to = free_pages(4);

	(void)state;
	set_up(&f, 4);
	source = source_of(&f, 0, 4);
	assert_int_equal(mem_source_pin(source, pages(0, 4)), 0);
	move_to(f.va, 4, to);
	move_to(to, 4, f.va);
	for (uint64_t i = 0; i < 4; i++)
		assert_ptr_equal(bus_of(source, i), f.va + i * PAGE);
	mem_source_unpin(source, pages(0, 4));
	mem_source_put(source);
	munmap(f.va, 4 * PAGE);
}

static void memory_moves_over_pinned_pages(void **state)
{
	struct scene f;
	struct mem_source *moved, *lost;

	(void)state;
	set_up(&f, 8);
	moved = source_of(&f, 0, 2);
	lost = source_of(&f, 4, 4);
	assert_int_equal(mem_source_pin(moved, pages(0, 2)), 0);
	assert_int_equal(mem_source_pin(lost, pages(0, 4)), 0);
	assert_int_equal(displace_mremap(addr(f.va), 2 * PAGE, 2 * PAGE,
					 MREMAP_MAYMOVE | MREMAP_FIXED, addr(f.va) + 5 * PAGE),
			 addr(f.va) + 5 * PAGE);
	assert_false(mapped(f.va));
	assert_ptr_equal(bus_of(moved, 0), f.va + 5 * PAGE);
	assert_ptr_equal(bus_of(moved, 1), f.va + 6 * PAGE);
	assert_int_equal(f.va[5 * PAGE], 1);
	assert_int_equal(f.va[6 * PAGE], 2);
	for (uint64_t i = 0; i < 4; i++)
		assert_int_equal(*bus_of(lost, i), i + 5);
	assert_int_equal(aside_held(), 2);
	mem_source_unpin(moved, pages(0, 2));
	mem_source_unpin(lost, pages(0, 4));
	mem_source_put(moved);
	mem_source_put(lost);
	munmap(f.va, 8 * PAGE);
}

static void a_failed_mremap_onto_pinned_pages_leaves_them_to_the_program(void **state)
{
	struct scene f;
	struct mem_source *source;

	(void)state;
	set_up(&f, 8);
	source = source_of(&f, 4, 4);
	assert_int_equal(mem_source_pin(source, pages(0, 4)), 0);
	assert_int_equal(munmap(f.va + PAGE, PAGE), 0);
	assert_int_equal(displace_mremap(addr(f.va), 2 * PAGE, 2 * PAGE,
					 MREMAP_MAYMOVE | MREMAP_FIXED, addr(f.va) + 5 * PAGE),
			 -EFAULT);
	assert_int_equal(told, 0);
	assert_int_equal(f.va[0], 1);
	for (uint64_t i = 0; i < 4; i++) {
		assert_ptr_equal(bus_of(source, i), f.va + (4 + i) * PAGE);
		assert_int_equal(f.va[(4 + i) * PAGE], 5 + i);
	}
	assert_int_equal(aside_held(), 0);
	mem_source_unpin(source, pages(0, 4));
	mem_source_put(source);
	munmap(f.va, 8 * PAGE);
}

static void a_refused_mremap_moves_nothing(void **state)
{
	struct scene f;
	struct mem_source *source;

	(void)state;
	set_up(&f, 4);
	source = source_of(&f, 0, 4);
	assert_int_equal(mem_source_pin(source, pages(1, 2)), 0);
	assert_int_equal(displace_mremap(addr(f.va), 4 * PAGE, 4 * PAGE,
					 MREMAP_MAYMOVE | MREMAP_FIXED, addr(f.va) + 1),
			 -EINVAL);
	assert_int_equal(told, 0);
	assert_ptr_equal(bus_of(source, 1), f.va + PAGE);
	mem_source_unpin(source, pages(1, 2));
	mem_source_put(source);
	munmap(f.va, 4 * PAGE);
}

/* ---- threads ---- */

struct race {
	struct scene f;
	struct mem_source *source;
	atomic_bool stop;
};

static void *pin_on_and_on(void *arg)
{
	struct race *race = arg;

	while (!race->stop) {
		if (mem_source_pin(race->source, pages(1, 2)))
			continue;
		(void)bus_of(race->source, 1);
		mem_source_unpin(race->source, pages(1, 2));
	}
	return NULL;
}

static void *make_and_free(void *arg)
{
	struct race *race = arg;

	while (!race->stop)
		mem_source_put(source_of(&race->f, 0, 1));
	return NULL;
}

static void pages_that_move_can_be_pinned_and_freed_meanwhile(void **state)
{
	struct race race = {.stop = false};
	pthread_t threads[2];

	(void)state;
	set_up(&race.f, 4);
	race.source = source_of(&race.f, 0, 4);
	assert_int_equal(pthread_create(&threads[0], NULL, pin_on_and_on, &race), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, make_and_free, &race), 0);
	for (int i = 0; i < 500; i++)
		assert_int_equal(displace(&race.f, 0, 4, true), 0);
	race.stop = true;
	assert_int_equal(pthread_join(threads[0], NULL), 0);
	assert_int_equal(pthread_join(threads[1], NULL), 0);
	assert_int_equal(mem_source_pinned_pages(race.source), 0);
	mem_source_put(race.source);
	munmap(race.f.va, 4 * PAGE);
}

/* A page that is taken away, in a thread of its own. */
static void *take_away(void *arg)
{
	const struct scene *f = arg;

	return (void *)(intptr_t)displace(f, 0, 1, false);
}

static void pages_move_only_when_no_dma_is_under_way(void **state)
{
	struct mem_source *source;
	struct scene f;
	pthread_t thread;
	void *result;

	(void)state;
	set_up(&f, 1);
	source = source_of(&f, 0, 1);
	assert_int_equal(mem_source_pin(source, pages(0, 1)), 0);
	assert_false(displace_in_progress());
	assert_int_equal(gate_enter(&f), 0);
	assert_int_equal(pthread_create(&thread, NULL, take_away, &f), 0);
	while (!displace_in_progress())
		sched_yield();
	/* As many chances as a page takes to move. */
	for (int i = 0; i < 1000; i++) {
		sched_yield();
		assert_true(mapped(f.va));
	}
	gate_leave();
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_null(result);
	assert_false(mapped(f.va));
	assert_int_equal(*bus_of(source, 0), 1);
	mem_source_unpin(source, pages(0, 1));
	mem_source_put(source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_pinned_memory_needs_to_move),
		cmocka_unit_test(unmapped_pages_keep_their_contents),
		cmocka_unit_test(a_call_that_fails_moves_the_pages_back),
		cmocka_unit_test(devices_are_cut_off_from_what_takes_the_place_of_pinned_pages),
		cmocka_unit_test(pieces_are_pinned_or_not),
		cmocka_unit_test(kept_pages_are_not_in_the_hole_that_the_program_left),
		cmocka_unit_test(addresses_that_are_given_back_serve_others),
		cmocka_unit_test(neighbours_that_moved_apart_are_given_back_together),
		cmocka_unit_test(memory_that_is_all_aside_is_not_found_where_it_was),
		cmocka_unit_test(emptied_pages_stay_mapped_for_the_program),
		cmocka_unit_test(a_program_that_does_it_always_is_not_told_each_time),
		cmocka_unit_test(two_sources_of_a_page_keep_the_same_page),
		cmocka_unit_test(parts_that_stay_pinned_stay_aside),
		cmocka_unit_test(mappings_of_several_kinds_move_together),
		cmocka_unit_test(sources_of_all_sizes_are_found),
		cmocka_unit_test(pins_go_where_the_program_moves_its_memory),
		cmocka_unit_test(moved_memory_is_found_where_it_is),
		cmocka_unit_test(moved_memory_is_found_without_a_look_at_all),
		cmocka_unit_test(memory_that_returns_is_in_place_again),
		cmocka_unit_test(memory_moves_over_pinned_pages),
		cmocka_unit_test(a_failed_mremap_onto_pinned_pages_leaves_them_to_the_program),
		cmocka_unit_test(a_refused_mremap_moves_nothing),
		cmocka_unit_test(pages_that_move_can_be_pinned_and_freed_meanwhile),
		cmocka_unit_test(pages_move_only_when_no_dma_is_under_way),
		cmocka_unit_test(rights_move_with_pinned_pages),
	};

	log_set_level(LOG_LEVEL_ERROR);
	displace_set_notify(note);
	displace_enable();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
