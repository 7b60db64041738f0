/* SPDX-License-Identifier: MIT */
/*
 * Page tables: what map, unmap and translation cost in each format, and the two comparisons that
 * say whether that is good: translation against a flat two-level array that holds the same answers,
 * and a map of many small pages against memset over the tables that it fills.
 *
 * Reading threads are timed by their own CPU time, so that a machine with fewer processors than
 * threads says the same.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "bench.h"
#include "iopt/iopt.h"

enum {
	PAGE_BITS = 12,
	GIGA_BITS = 30,
	HUGE_PAGE = 1 << 21,
	PAGES = 1 << 20, /* of the translation benchmarks: 4 GiB */
	MAPS = 64,	 /* calls of one run of the map benchmarks, if the aperture has the room */
	NAME_MAX_LEN = 64,
};

static const uint64_t page = UINT64_C(1) << PAGE_BITS;
static const uint64_t giga = UINT64_C(1) << GIGA_BITS;
static const uint64_t base_iova = UINT64_C(4) << GIGA_BITS;
static const uint64_t base_oa = UINT64_C(1) << 46;

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "iopt_bench: %s failed\n", what);
	exit(1);
}

static void *huge_memory(size_t size)
{
	void *memory = aligned_alloc(HUGE_PAGE, size);

	check(memory, "allocation");
	madvise(memory, size, MADV_HUGEPAGE);
	memset(memory, 0, size);
	return memory;
}

static struct iopt *table_new(const struct iopt_format *format, uint64_t pgsizes)
{
	struct iopt_config config = {.pgsizes = pgsizes};
	struct iopt *pt;

	check(iopt_create(format, &config, &pt) == 0, "create");
	return pt;
}

/* ---- map and unmap in each format ---- */

struct maps {
	struct iopt *pt;
	uint64_t len; /* of one map */
	uint64_t ops;
};

static void map_all(void *arg, uint64_t ops)
{
	struct maps *maps = arg;

	for (uint64_t i = 0; i < ops; i++)
		check(iopt_map(maps->pt, i * maps->len, base_oa + i * maps->len, maps->len,
			       IOPT_READ | IOPT_WRITE, 0) == 0,
		      "map");
}

static void unmap_all(void *arg, uint64_t ops)
{
	struct maps *maps = arg;

	for (uint64_t i = 0; i < ops; i++)
		check(iopt_unmap(maps->pt, i * maps->len, maps->len) == maps->len, "unmap");
}

static void translate_all(void *arg, uint64_t ops)
{
	struct maps *maps = arg;
	struct iopt_leaf leaf;

	for (uint64_t i = 0; i < ops; i++)
		bench_use(iopt_translate(maps->pt, i % maps->ops * maps->len, &leaf) ? leaf.oa : 0);
}

static void do_map(void *arg)
{
	map_all(arg, ((struct maps *)arg)->ops);
}

static void do_unmap(void *arg)
{
	unmap_all(arg, ((struct maps *)arg)->ops);
}

static void bench_size(const struct iopt_format *format, unsigned int bits, uint64_t entries)
{
	static const char *const units[] = {"4K", "2M", "1G"};
	struct maps maps = {.pt = table_new(format, UINT64_C(1) << bits), .len = entries << bits};
	uint64_t room = iopt_aperture(maps.pt).last / maps.len;
	struct bench_case map = {.body = map_all, .teardown = do_unmap, .arg = &maps};
	struct bench_case unmap = {.body = unmap_all, .setup = do_map, .arg = &maps};
	struct bench_case translate = {.body = translate_all, .arg = &maps, .ops = 100000};
	struct bench_result mapped, walked;
	char name[NAME_MAX_LEN];

	maps.ops = room < MAPS ? room : MAPS;
	map.ops = maps.ops;
	unmap.ops = maps.ops;
	if (maps.ops == 0) {
		iopt_destroy(maps.pt);
		return;
	}
	/* A neighbour keeps the upper tables, as in a space in use. */
	check(iopt_map(maps.pt, maps.ops * maps.len, base_oa, UINT64_C(1) << bits, IOPT_READ, 0) ==
		      0,
	      "map");
	mapped = bench_run(&map);
	snprintf(name, sizeof(name), "%s: map %d of %s", format->name, (int)entries,
		 units[(bits - PAGE_BITS) / 9]);
	bench_row(name, mapped, mapped);
	snprintf(name, sizeof(name), "%s: unmap", format->name);
	bench_row(name, bench_run(&unmap), mapped);
	do_map(&maps);
	walked = bench_run(&translate);
	snprintf(name, sizeof(name), "%s: translate", format->name);
	bench_row(name, walked, mapped);
	snprintf(name, sizeof(name), "%s: tables, per entry", format->name);
	bench_row_bytes(name, iopt_memory(maps.pt), 8 * maps.ops * entries, maps.ops * entries);
	iopt_destroy(maps.pt);
}

static void bench_formats(void)
{
	for (int i = 0; iopt_formats[i]; i++) {
		bench_table(iopt_formats[i]->name);
		for (unsigned int bits = PAGE_BITS; bits <= GIGA_BITS; bits += 9) {
			bench_size(iopt_formats[i], bits, 1);
			bench_size(iopt_formats[i], bits, 256);
		}
	}
}

/* ---- translation against a flat array ---- */

enum {
	FLAT_TOP = 64,		      /* GiB that the array covers */
	FLAT_ENTRIES = HUGE_PAGE / 8, /* of a second level, for 1 GiB */
	FLAT_DIRTY = 1 << 2,	      /* above the rights, in the low bits of an entry */
};

struct flat {
	uint64_t *top[FLAT_TOP];
};

static __attribute__((noinline)) bool flat_translate(const struct flat *flat, uint64_t iova,
						     struct iopt_leaf *leaf)
{
	const uint64_t *second;
	uint64_t entry;

	if (iova >> GIGA_BITS >= FLAT_TOP)
		return false;
	second = __atomic_load_n(&flat->top[iova >> GIGA_BITS], __ATOMIC_ACQUIRE);
	if (!second)
		return false;
	entry = __atomic_load_n(&second[(iova >> PAGE_BITS) % FLAT_ENTRIES], __ATOMIC_ACQUIRE);
	if (!entry)
		return false;
	leaf->oa = (entry & ~(page - 1)) | (iova & (page - 1));
	leaf->start = iova & ~(page - 1);
	leaf->len = page;
	leaf->prot = (unsigned int)entry & (IOPT_READ | IOPT_WRITE);
	leaf->dirty = entry & FLAT_DIRTY;
	return true;
}

static void flat_fill(struct flat *flat)
{
	for (uint64_t i = 0; i < PAGES; i++) {
		uint64_t iova = base_iova + i * page;
		uint64_t **second = &flat->top[iova >> GIGA_BITS];

		if (!*second)
			*second = huge_memory(HUGE_PAGE);
		(*second)[(iova >> PAGE_BITS) % FLAT_ENTRIES] = (base_oa + i * page) | IOPT_READ |
								IOPT_WRITE;
	}
}

/* Every page once. */
static uint64_t *random_order(void)
{
	uint64_t *iovas = huge_memory(PAGES * sizeof(*iovas));
	uint64_t state = 1;

	for (uint64_t i = 0; i < PAGES; i++)
		iovas[i] = base_iova + i * page;
	for (uint64_t i = PAGES - 1; i > 0; i--) {
		uint64_t j, swap = iovas[i];

		state = state * 6364136223846793005u + 1442695040888963407u;
		j = (state >> 20) % (i + 1);
		iovas[i] = iovas[j];
		iovas[j] = swap;
	}
	return iovas;
}

struct look_up {
	const struct iopt *pt;
	const struct flat *flat;
	const uint64_t *iovas;
	uint64_t sum;
};

static void look_up_table(void *arg, uint64_t ops)
{
	struct look_up *look_up = arg;
	struct iopt_leaf leaf;

	look_up->sum = 0;
	for (uint64_t i = 0; i < ops; i++)
		if (iopt_translate(look_up->pt, look_up->iovas[i], &leaf))
			look_up->sum += leaf.oa;
}

static void look_up_flat(void *arg, uint64_t ops)
{
	struct look_up *look_up = arg;
	struct iopt_leaf leaf;

	look_up->sum = 0;
	for (uint64_t i = 0; i < ops; i++)
		if (flat_translate(look_up->flat, look_up->iovas[i], &leaf))
			look_up->sum += leaf.oa;
}

/* The same where each address waits for the answer before, as in a device that follows a ring. */
static void follow_table(void *arg, uint64_t ops)
{
	struct look_up *look_up = arg;
	struct iopt_leaf leaf = {0};

	for (uint64_t i = 0; i < ops; i++)
		iopt_translate(look_up->pt, look_up->iovas[i] + leaf.oa % page, &leaf);
	bench_use(leaf.oa);
}

static void follow_flat(void *arg, uint64_t ops)
{
	struct look_up *look_up = arg;
	struct iopt_leaf leaf = {0};

	for (uint64_t i = 0; i < ops; i++)
		flat_translate(look_up->flat, look_up->iovas[i] + leaf.oa % page, &leaf);
	bench_use(leaf.oa);
}

static struct iopt *million_pages(const struct iopt_format *format)
{
	struct iopt *pt = table_new(format, page);

	check(iopt_map(pt, base_iova, base_oa, PAGES * page, IOPT_READ | IOPT_WRITE, 0) == 0,
	      "map");
	return pt;
}

static void bench_look_up(const char *title, struct look_up *look_up,
			  void (*table)(void *, uint64_t), void (*array)(void *, uint64_t))
{
	struct bench_case ours = {.body = table, .arg = look_up, .ops = PAGES};
	struct bench_case theirs = {.body = array, .arg = look_up, .ops = PAGES};

	bench_table(title);
	for (int i = 0; iopt_formats[i]; i++) {
		struct iopt *pt = million_pages(iopt_formats[i]);
		struct bench_result result, reference;
		uint64_t sum;

		look_up->pt = pt;
		reference = bench_run(&theirs);
		sum = look_up->sum;
		result = bench_run(&ours);
		check(look_up->sum == sum, "comparison of the answers");
		bench_row("flat two-level array", reference, reference);
		bench_row(iopt_formats[i]->name, result, reference);
		iopt_destroy(pt);
	}
}

/* ---- map against memset ---- */

static void map_giga(void *arg, uint64_t ops)
{
	(void)ops;
	check(iopt_map(arg, base_iova, base_oa, giga, IOPT_READ | IOPT_WRITE, page) == 0, "map");
}

static void unmap_giga(void *arg, uint64_t ops)
{
	(void)ops;
	check(iopt_unmap(arg, base_iova, giga) == giga, "unmap");
}

static void do_map_giga(void *arg)
{
	map_giga(arg, 1);
}

static void do_unmap_giga(void *arg)
{
	unmap_giga(arg, 1);
}

static void set_tables(void *arg, uint64_t ops)
{
	(void)ops;
	memset(arg, 1, HUGE_PAGE);
	__asm__ volatile("" : : "r"(arg) : "memory");
}

/* One operation is one entry. */
static void bench_bulk(void)
{
	enum {
		ENTRIES = HUGE_PAGE / 8
	};
	char *memory = huge_memory(HUGE_PAGE);

	bench_table("1 GiB in 4K pages, per entry; bar 0.5x");
	for (int i = 0; iopt_formats[i]; i++) {
		struct iopt *pt = table_new(iopt_formats[i], page);
		struct bench_case set = {.body = set_tables, .arg = memory, .ops = ENTRIES};
		struct bench_case map = {
			.body = map_giga, .teardown = do_unmap_giga, .arg = pt, .ops = ENTRIES};
		struct bench_case unmap = {
			.body = unmap_giga, .setup = do_map_giga, .arg = pt, .ops = ENTRIES};
		struct bench_result reference = bench_run(&set);
		char name[NAME_MAX_LEN];

		bench_row("memset over 2 MiB of tables", reference, reference);
		snprintf(name, sizeof(name), "%s: map", iopt_formats[i]->name);
		bench_row(name, bench_run(&map), reference);
		snprintf(name, sizeof(name), "%s: unmap", iopt_formats[i]->name);
		bench_row(name, bench_run(&unmap), reference);
		iopt_destroy(pt);
	}
	free(memory);
}

/* ---- threads ---- */

enum {
	READS = 4 * PAGES
};

struct reader {
	pthread_t thread;
	const struct iopt *pt;
	const uint64_t *iovas;
	uint64_t ns; /* of CPU time */
};

static uint64_t thread_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void *reader_main(void *arg)
{
	struct reader *reader = arg;
	uint64_t start = thread_ns();
	struct iopt_leaf leaf;
	uint64_t sum = 0;

	for (uint64_t i = 0; i < READS; i++) {
		iopt_read_lock();
		if (iopt_translate(reader->pt, reader->iovas[i % PAGES], &leaf))
			sum += leaf.oa;
		iopt_read_unlock();
	}
	bench_use(sum);
	reader->ns = thread_ns() - start;
	return NULL;
}

struct writer {
	struct iopt *pt;
	atomic_bool stop;
};

/* Maps and unmaps 16 MiB of small pages beside what the readers read, tables and all. */
static void *writer_main(void *arg)
{
	struct writer *writer = arg;
	uint64_t len = UINT64_C(16) << 20;

	while (!atomic_load(&writer->stop)) {
		check(iopt_map(writer->pt, 0, base_oa, len, IOPT_READ, 0) == 0, "map");
		check(iopt_unmap(writer->pt, 0, len) == len, "unmap");
	}
	return NULL;
}

static struct bench_result run_readers(struct iopt *pt, const uint64_t *iovas, unsigned int count,
				       bool write)
{
	struct reader readers[2];
	struct writer writer = {.pt = pt};
	pthread_t thread;
	uint64_t ns = 0;

	if (write)
		check(pthread_create(&thread, NULL, writer_main, &writer) == 0, "thread");
	for (unsigned int i = 0; i < count; i++) {
		readers[i] = (struct reader){.pt = pt, .iovas = iovas};
		check(pthread_create(&readers[i].thread, NULL, reader_main, &readers[i]) == 0,
		      "thread");
	}
	for (unsigned int i = 0; i < count; i++) {
		pthread_join(readers[i].thread, NULL);
		ns += readers[i].ns;
	}
	if (write) {
		atomic_store(&writer.stop, true);
		pthread_join(thread, NULL);
	}
	return bench_once(ns, (uint64_t)READS * count);
}

static void bench_threads(const struct iopt_format *format, const uint64_t *iovas)
{
	struct iopt *pt = million_pages(format);
	struct bench_result one;
	char title[NAME_MAX_LEN];

	snprintf(title, sizeof(title), "%s: readers, CPU time each", format->name);
	bench_table(title);
	one = run_readers(pt, iovas, 1, false);
	bench_row("one", one, one);
	bench_row("two", run_readers(pt, iovas, 2, false), one);
	bench_row("one beside a writer", run_readers(pt, iovas, 1, true), one);
	bench_row("two beside a writer", run_readers(pt, iovas, 2, true), one);
	iopt_destroy(pt);
}

int main(void)
{
	static struct flat flat;
	struct look_up look_up = {.flat = &flat, .iovas = random_order()};

	flat_fill(&flat);
	bench_formats();
	bench_look_up("translate a million 4K pages; bar 0.67x", &look_up, look_up_table,
		      look_up_flat);
	bench_look_up("the same, each waiting for the last", &look_up, follow_table, follow_flat);
	bench_bulk();
	bench_threads(&iopt_vtdss, look_up.iovas);
	bench_threads(&iopt_amdv1, look_up.iovas);
	return 0;
}
