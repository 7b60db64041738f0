/* SPDX-License-Identifier: MIT */
/*
 * Page tables: the cost of map, unmap and translation in each format, and two comparisons that say
 * whether it is low: translation against a flat two-level array with the same answers, and a map
 * of many small pages against memset over the tables that it fills.
 *
 * Reading threads are timed by their own CPU time, so the results do not depend on whether the
 * machine has fewer processors than threads.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "../tests/lib/random.h"
#include "base/sys.h"
#include "bench.h"
#include "iopt/iopt.h"

enum {
	PAGE_BITS = 12,
	GIGA_BITS = 30,
	HUGE_PAGE = 1 << 21,
	PAGES = 1 << 20, /* of the translation benchmarks: 4 GiB */
	MAPS = 64,	 /* calls of one run of the map benchmarks, if they fit in the aperture */
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

/* One line of a format's table; none if it does not fit in the aperture. */
static void bench_size(const struct iopt_format *format, unsigned int bits, uint64_t entries)
{
	static const char *const units[] = {"4K", "2M", "1G"};
	struct maps maps = {.pt = table_new(format, UINT64_C(1) << bits), .len = entries << bits};
	uint64_t room = iopt_aperture(maps.pt).last / maps.len;
	struct bench_case map = {.body = map_all, .teardown = do_unmap, .arg = &maps};
	struct bench_case unmap = {.body = unmap_all, .setup = do_map, .arg = &maps};
	struct bench_case translate = {.body = translate_all, .arg = &maps, .ops = 100000};
	struct bench_result mapped, unmapped, walked;

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
	unmapped = bench_run(&unmap);
	do_map(&maps);
	walked = bench_run(&translate);
	printf("  %-12s %3d of %s %10.1f %10.1f %10.1f %16.1f\n", format->name, (int)entries,
	       units[(bits - PAGE_BITS) / 9], mapped.median, unmapped.median, walked.median,
	       (double)iopt_memory(maps.pt) / (double)(maps.ops * entries));
	fflush(stdout);
	iopt_destroy(maps.pt);
}

/*
 * "256 of 4K" is one call that maps, or unmaps, 1 MiB. Tables that hold few entries cost a page
 * each nevertheless.
 */
static void bench_formats(void)
{
	printf("\n%-25s %10s %10s %10s %16s\n", "ns per call", "map", "unmap", "translate",
	       "tables, B/entry");
	for (int i = 0; iopt_formats[i]; i++) {
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
	struct rng rng = {.state = 1};

	for (uint64_t i = 0; i < PAGES; i++)
		iovas[i] = base_iova + i * page;
	for (uint64_t i = PAGES - 1; i > 0; i--) {
		uint64_t j = rng_below(&rng, i + 1), swap = iovas[i];

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

/* Those that hardware has; the mock's tables are for tests. */
static bool has_bar(const struct iopt_format *format)
{
	return format != &iopt_amdv1_mock;
}

static void bench_look_up(const char *title, struct look_up *look_up,
			  void (*table)(void *, uint64_t), void (*array)(void *, uint64_t),
			  double bar)
{
	struct bench_case ours = {.body = table, .arg = look_up, .ops = PAGES, .cold = true};
	struct bench_case flat = {.body = array, .arg = look_up, .ops = PAGES, .cold = true};

	bench_table(title);
	for (int i = 0; iopt_formats[i]; i++) {
		struct iopt *pt = million_pages(iopt_formats[i]);
		struct bench_pair pair;
		char name[NAME_MAX_LEN];
		uint64_t sum;

		look_up->pt = pt;
		array(look_up, PAGES);
		sum = look_up->sum;
		table(look_up, PAGES);
		check(look_up->sum == sum, "comparison of the answers");
		pair = bench_pair(&flat, &ours);
		bench_row("flat two-level array", pair.first, pair.first);
		bench_row(iopt_formats[i]->name, pair.second, pair.first);
		snprintf(name, sizeof(name), "%s: translate over a flat array",
			 iopt_formats[i]->name);
		if (bar > 0 && has_bar(iopt_formats[i]))
			bench_at_most(name, pair.ratio, bar, "x");
		iopt_destroy(pt);
	}
}

/* ---- map against memset ---- */

static void map_giga(void *arg, uint64_t ops)
{
	(void)ops;
	check(iopt_map(arg, base_iova, base_oa, giga, IOPT_READ | IOPT_WRITE, page) == 0, "map");
}

/* What the engine does after an unmap that leaves tables empty is a part of it. */
static void unmap_giga(void *arg, uint64_t ops)
{
	(void)ops;
	check(iopt_unmap(arg, base_iova, giga) == giga, "unmap");
	iopt_settle(arg);
}

static void do_map_giga(void *arg)
{
	map_giga(arg, 1);
}

static void do_unmap_giga(void *arg)
{
	unmap_giga(arg, 1);
}

struct new_table {
	const struct iopt_format *format;
	struct iopt *pt;
};

static void make_table(void *arg)
{
	struct new_table *new = arg;

	new->pt = table_new(new->format, page);
}

static void destroy_table(void *arg)
{
	iopt_destroy(((struct new_table *)arg)->pt);
}

static void map_new_giga(void *arg, uint64_t ops)
{
	map_giga(((struct new_table *)arg)->pt, ops);
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

	bench_table("1 GiB in 4K pages, per entry");
	for (int i = 0; iopt_formats[i]; i++) {
		struct iopt *pt = table_new(iopt_formats[i], page);
		struct bench_case set = {.body = set_tables, .arg = memory, .ops = ENTRIES};
		struct bench_case map = {
			.body = map_giga, .teardown = do_unmap_giga, .arg = pt, .ops = ENTRIES};
		struct bench_case unmap = {
			.body = unmap_giga, .setup = do_map_giga, .arg = pt, .ops = ENTRIES};
		struct new_table new = {.format = iopt_formats[i]};
		struct bench_case map_new = {.body = map_new_giga,
					     .setup = make_table,
					     .teardown = destroy_table,
					     .arg = &new,
					     .ops = ENTRIES};
		struct bench_pair pair = bench_pair(&set, &map);
		char name[NAME_MAX_LEN];

		bench_row("memset over 2 MiB of tables", pair.first, pair.first);
		snprintf(name, sizeof(name), "%s: map", iopt_formats[i]->name);
		bench_row(name, pair.second, pair.first);
		snprintf(name, sizeof(name), "%s: map in new memory", iopt_formats[i]->name);
		bench_row(name, bench_run(&map_new), pair.first);
		snprintf(name, sizeof(name), "%s: unmap", iopt_formats[i]->name);
		bench_row(name, bench_run(&unmap), pair.first);
		snprintf(name, sizeof(name), "%s: speed of a 1 GiB map in 4K pages, of memset's",
			 iopt_formats[i]->name);
		if (has_bar(iopt_formats[i]))
			bench_at_least(name, 1 / pair.ratio, 0.5, "x");
		iopt_destroy(pt);
	}
	free(memory);
}

/* ---- populating the memory behind a map ---- */

static char *giga_memory;

static void populate_giga(void *arg, uint64_t ops)
{
	(void)arg;
	(void)ops;
	check(madvise(giga_memory, giga, MADV_POPULATE_WRITE) == 0, "populate");
}

/* What a MAP of 1 GiB does besides: see that the memory is there. */
static void bench_populate(void)
{
	struct bench_case populate = {.body = populate_giga, .ops = giga >> PAGE_BITS};
	struct bench_result there;

	giga_memory = mmap(NULL, giga, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	check(giga_memory != MAP_FAILED, "mmap");
	madvise(giga_memory, giga, MADV_HUGEPAGE);
	there = bench_run(&populate);
	bench_row("apart: check that the memory is present", there, there);
	munmap(giga_memory, giga);
}

/* ---- dirty state ---- */

enum {
	DIRTY_PAGES = 1024
};

/* Pages far apart, of which every sixteenth is dirty. */
struct dirty {
	struct iopt *pt;
	uint64_t step;
	uint64_t found;
};

static void count_dirty(struct iova_range range, void *arg)
{
	(void)range;
	((struct dirty *)arg)->found++;
}

static void read_dirty(void *arg, uint64_t ops)
{
	struct dirty *dirty = arg;
	struct iova_range range = {.start = 0, .last = dirty->step * DIRTY_PAGES - 1};

	(void)ops;
	dirty->found = 0;
	iopt_read_dirty(dirty->pt, range, false, count_dirty, dirty);
	check(dirty->found == DIRTY_PAGES / 16, "dirty pages");
}

static void dirty_fill(struct dirty *dirty)
{
	const struct iopt_config config = {.pgsizes = page, .features = IOPT_DIRTY};

	check(iopt_create(&iopt_vtdss, &config, &dirty->pt) == 0, "create");
	for (uint64_t i = 0; i < DIRTY_PAGES; i++) {
		check(iopt_map(dirty->pt, i * dirty->step, base_oa, page, IOPT_READ | IOPT_WRITE,
			       0) == 0,
		      "map");
		if (i % 16 == 0)
			check(iopt_set_dirty(dirty->pt, i * dirty->step), "dirty");
	}
}

static struct bench_case dirty_case(struct dirty *dirty)
{
	return (struct bench_case){
		.body = read_dirty, .arg = dirty, .ops = iopt_memory(dirty->pt) >> PAGE_BITS};
}

/*
 * One operation is one table. The same pages, next to each other as far as they need tables of
 * their own, and over 1 TiB.
 */
static void bench_dirty(void)
{
	struct dirty near = {.step = HUGE_PAGE}, far = {.step = giga};
	struct bench_case near_case, far_case;
	struct bench_pair pair;

	dirty_fill(&near);
	dirty_fill(&far);
	near_case = dirty_case(&near);
	far_case = dirty_case(&far);
	bench_table("read the dirty state, per table");
	pair = bench_pair(&near_case, &far_case);
	bench_row("1024 pages in 2 GiB, a table each", pair.first, pair.first);
	bench_row("1024 pages in 1 TiB, two tables each", pair.second, pair.first);
	bench_at_most("dirty read of a sparse 1 TiB, per table, over one of 2 GiB", pair.ratio, 2,
		      "x");
	iopt_destroy(near.pt);
	iopt_destroy(far.pt);
}

/* ---- threads ---- */

enum {
	READS = 4 * PAGES, /* the first of which fetch the tables */
	READER_TURNS = 11
};

/* What threads read, and beside what. */
struct scene {
	struct iopt *pt;
	const struct flat *flat; /* NULL: they read @pt */
	const uint64_t *iovas;
	bool write; /* another thread changes @pt meanwhile */
};

struct reader {
	pthread_t thread;
	const struct scene *scene;
	uint64_t first; /* of the scene's addresses */
	uint64_t ns;	/* of CPU time */
};

static uint64_t thread_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t read_table(const struct scene *scene, uint64_t first)
{
	struct iopt_leaf leaf;
	uint64_t sum = 0;

	for (uint64_t i = 0; i < READS; i++) {
		rcu_read_lock();
		if (iopt_translate(scene->pt, scene->iovas[(first + i) % PAGES], &leaf))
			sum += leaf.oa;
		rcu_read_unlock();
	}
	return sum;
}

static uint64_t read_flat(const struct scene *scene, uint64_t first)
{
	struct iopt_leaf leaf;
	uint64_t sum = 0;

	for (uint64_t i = 0; i < READS; i++) {
		if (flat_translate(scene->flat, scene->iovas[(first + i) % PAGES], &leaf))
			sum += leaf.oa;
	}
	return sum;
}

static void *reader_main(void *arg)
{
	struct reader *reader = arg;
	const struct scene *scene = reader->scene;
	uint64_t start = thread_ns();

	bench_use(scene->flat ? read_flat(scene, reader->first) : read_table(scene, reader->first));
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

/* CPU time of a translation, in each of @count threads. */
static double run_readers(const struct scene *scene, unsigned int count)
{
	struct reader readers[2];
	struct writer writer = {.pt = scene->pt};
	pthread_t thread;
	uint64_t ns = 0;

	if (scene->write)
		check(pthread_create(&thread, NULL, writer_main, &writer) == 0, "thread");
	for (unsigned int i = 0; i < count; i++) {
		/* Apart, so that none finds in the cache what the other has just read. */
		readers[i] = (struct reader){.scene = scene, .first = i * (PAGES / 2)};
		check(pthread_create(&readers[i].thread, NULL, reader_main, &readers[i]) == 0,
		      "thread");
	}
	for (unsigned int i = 0; i < count; i++) {
		pthread_join(readers[i].thread, NULL);
		ns += readers[i].ns;
	}
	if (scene->write) {
		atomic_store(&writer.stop, true);
		pthread_join(thread, NULL);
	}
	return (double)ns / ((double)READS * count);
}

/*
 * Two readers in turns with one, both alone or beside a writer: how many times as much they
 * translate. The rows of the flat array say what the machine has for two threads: where they share
 * a cache, or three of them two processors, no structure reaches the bar.
 */
static void compare_readers(const struct scene *scene)
{
	double one[READER_TURNS], two[READER_TURNS], gain[READER_TURNS];
	const char *what = scene->flat ? "flat array" : iopt_format(scene->pt)->name;
	const char *beside = scene->write ? " beside a writer" : "";
	struct bench_result first, second;
	char name[NAME_MAX_LEN];

	for (int i = 0; i < READER_TURNS; i++) {
		one[i] = run_readers(scene, 1);
		two[i] = run_readers(scene, 2);
		gain[i] = 2 * one[i] / two[i];
	}
	first.median = bench_median(one, READER_TURNS);
	first.min = one[0];
	second.median = bench_median(two, READER_TURNS);
	second.min = two[0];
	snprintf(name, sizeof(name), "%s: one reader%s", what, beside);
	bench_row(name, first, first);
	snprintf(name, sizeof(name), "%s: each of two%s", what, beside);
	bench_row(name, second, first);
	snprintf(name, sizeof(name), "%s: two readers%s, of one", what, beside);
	if (!scene->flat)
		bench_at_least(name, bench_median(gain, READER_TURNS), 1.9, "x");
}

static void bench_threads(const struct iopt_format *format, const struct look_up *look_up)
{
	struct scene scene = {.pt = million_pages(format), .iovas = look_up->iovas};
	char title[NAME_MAX_LEN];

	snprintf(title, sizeof(title), "%s: readers, CPU time each", format->name);
	bench_table(title);
	for (int write = 0; write <= 1; write++) {
		scene.write = write;
		scene.flat = look_up->flat;
		compare_readers(&scene);
		scene.flat = NULL;
		compare_readers(&scene);
	}
	iopt_destroy(scene.pt);
}

int main(void)
{
	static struct flat flat;
	struct look_up look_up = {.flat = &flat, .iovas = random_order()};

	flat_fill(&flat);
	bench_formats();
	bench_look_up("translate a million 4K pages, random order", &look_up, look_up_table,
		      look_up_flat, 1.5);
	bench_look_up("the same, each waiting for the last", &look_up, follow_table, follow_flat,
		      0);
	bench_bulk();
	bench_populate();
	bench_dirty();
	bench_threads(&iopt_vtdss, &look_up);
	bench_threads(&iopt_amdv1, &look_up);
	return 0;
}
