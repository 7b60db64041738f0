/* SPDX-License-Identifier: MIT */
/*
 * MAP, UNMAP and COPY of present memory, through uiommufd_ioctl() as a program calls them: hot, a
 * thousand mappings of 4 KiB, with no page table and with one, where it is known which memory is
 * present and where it is not; large mappings; UNMAP of everything; threads; and the memory that
 * ten million mappings take. The bars are the project's targets for an idle machine.
 *
 * Presence is known in two ways: pages that were populated before are touched under the guard, one
 * by one; of registered memory nothing is asked. Huge pages that are not registered are populated
 * by the system call again.
 *
 * A system call costs a virtual machine several times what it does elsewhere: populating one page
 * (madvise), which a MAP cannot do without unless presence is known, is in the table; also inside
 * of as many calls as there are of the library, since a processor may predict none of their returns
 * afterwards (README.md).
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <uiommufd/caller.h>
#include <uiommufd/iommufd.h>
#include <uiommufd/memory.h>
#include <uiommufd/uiommufd.h>

#include "../tests/lib/page.h"
#include "base/sys.h"
#include "bench.h"

enum {
	HOT = 1000, /* mappings of a run */
	REPEATS = 20,
	LARGE = 2 << 20,
	LARGE_OPS = 20,
	MOST = 10000000,
	SOURCES = 65536, /* pages, mapped over and over */
	THREAD_OPS = 200000,
	EIGHT = 8,
	TURNS = 7,
	CONTEXTS = 64,
	CHAIN = 16, /* MAPs before as many UNMAPs */
	DEPTH = 8,  /* calls that a MAP is inside of when it makes its system calls */
	NOBODY = 65534,
};

#define GIANT	   (UINT64_C(1) << 30)
#define IOVA_BASE  UINT64_C(0x100000000000)
#define IOVA_OTHER UINT64_C(0x200000000000)

struct space {
	struct uiommufd *ctx;
	struct uiommufd_iommu *iommu;
	struct uiommufd_endpoint *device;
	uint32_t ioas;
	char *block, *memory; /* what was allocated, and the part of it that is in use */
	uint64_t len, count;  /* of each mapping, and how many */
	uint64_t iova;
};

static void check(int rc, const char *what)
{
	if (!rc)
		return;
	fprintf(stderr, "mapping_bench: %s: %s\n", what, strerror(-rc));
	exit(1);
}

static void call(const struct space *space, unsigned int cmd, void *arg, const char *what)
{
	check(uiommufd_ioctl(space->ctx, NULL, cmd, (uintptr_t)arg), what);
}

static uint32_t new_ioas(const struct space *space)
{
	struct iommu_ioas_alloc cmd = {.size = sizeof(cmd)};

	call(space, IOMMU_IOAS_ALLOC, &cmd, "IOAS_ALLOC");
	return cmd.out_ioas_id;
}

static void map(const struct space *space, uint64_t iova, uint64_t offset)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = space->ioas,
		.user_va = (uintptr_t)space->memory + offset,
		.length = space->len,
		.iova = iova,
	};

	call(space, IOMMU_IOAS_MAP, &cmd, "IOAS_MAP");
}

static void unmap(const struct space *space, uint64_t iova, uint64_t len)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd), .ioas_id = space->ioas, .iova = iova, .length = len};

	call(space, IOMMU_IOAS_UNMAP, &cmd, "IOAS_UNMAP");
}

static void do_map(void *arg, uint64_t ops)
{
	const struct space *space = arg;

	for (uint64_t i = 0; i < ops; i++)
		map(space, space->iova + i * space->len, i % SOURCES * PAGE);
}

static void do_unmap(void *arg, uint64_t ops)
{
	const struct space *space = arg;

	for (uint64_t i = 0; i < ops; i++)
		unmap(space, space->iova + i * space->len, space->len);
}

static void do_copy(void *arg, uint64_t ops)
{
	const struct space *space = arg;

	for (uint64_t i = 0; i < ops; i++) {
		struct iommu_ioas_copy cmd = {
			.size = sizeof(cmd),
			.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE,
			.dst_ioas_id = space->ioas,
			.src_ioas_id = space->ioas,
			.length = PAGE,
			.dst_iova = IOVA_OTHER + i * PAGE,
			.src_iova = space->iova + i * PAGE,
		};

		call(space, IOMMU_IOAS_COPY, &cmd, "IOAS_COPY");
	}
}

/* All mappings in one UNMAP. */
static void do_unmap_all(void *arg, uint64_t ops)
{
	(void)ops;
	unmap(arg, 0, UINT64_MAX);
}

static void map_all(void *arg)
{
	const struct space *space = arg;

	do_map(arg, space->count);
}

static void unmap_all(void *arg)
{
	do_unmap_all(arg, 1);
}

static void do_populate(void *arg, uint64_t ops)
{
	const struct space *space = arg;

	for (uint64_t i = 0; i < ops; i++)
		if (madvise(space->memory + i % SOURCES * PAGE, PAGE, MADV_POPULATE_WRITE))
			check(-22, "madvise");
}

/* Each of the calls returns after the system call. */
static __attribute__((noinline)) int populate_inside(void *page, unsigned int calls)
{
	int rc = calls ? populate_inside(page, calls - 1)
		       : madvise(page, PAGE, MADV_POPULATE_WRITE);

	bench_use((uint64_t)calls);
	return rc;
}

static void do_populate_inside(void *arg, uint64_t ops)
{
	const struct space *space = arg;

	for (uint64_t i = 0; i < ops; i++)
		if (populate_inside(space->memory + i % SOURCES * PAGE, DEPTH))
			check(-22, "madvise");
}

static void attach(struct space *space)
{
	uint32_t dev_id, pt_id = space->ioas;

	check(uiommufd_iommu_create("amd", "amd0", &space->iommu), "IOMMU");
	check(uiommufd_endpoint_create(space->iommu, "bench", &space->device), "endpoint");
	check(uiommufd_endpoint_bind(space->device, space->ctx, &dev_id), "bind");
	check(uiommufd_endpoint_attach(space->device, UIOMMUFD_NO_PASID, &pt_id), "attach");
}

static void space_open(struct space *space, bool table, uint64_t bytes, int advice)
{
	*space = (struct space){.len = PAGE, .count = HOT, .iova = IOVA_BASE};
	space->block = aligned_alloc(LARGE, 2 * bytes);
	if (!space->block)
		check(-12, "memory");
	/* The library remembers of an address how large the pages were there. */
	space->memory = space->block + (advice == MADV_HUGEPAGE ? bytes : 0);
	if (madvise(space->memory, bytes, advice))
		check(-12, "memory");
	memset(space->memory, 1, bytes);
	check(uiommufd_open(NULL, &space->ctx), "open");
	space->ioas = new_ioas(space);
	if (table)
		attach(space);
}

static void space_close(struct space *space)
{
	if (space->device)
		uiommufd_endpoint_destroy(space->device);
	uiommufd_close(space->ctx);
	if (space->iommu)
		uiommufd_iommu_put(space->iommu);
	free(space->block);
}

struct bars {
	double map, unmap, copy; /* ns; 0: none */
};

static void row(const char *name, struct bench_result result, double bar)
{
	bench_row(name, result, result);
	if (bar > 0)
		bench_at_most(name, result.min, bar, " ns");
}

/* Few operations, so that other work of the machine does not happen in all runs; and many runs. */
static struct bench_result measure(const struct bench_case *bench, struct space *space)
{
	struct bench_case each = *bench;
	struct bench_result best;

	each.arg = space;
	best = bench_run(&each);
	for (unsigned int i = 0; i < REPEATS; i++) {
		const struct bench_result now = bench_run(&each);

		if (now.min < best.min)
			best = now;
	}
	return best;
}

static void measure_pages(const char *title, bool table, const struct bars *bars)
{
	const struct {
		const char *name;
		double bar;
		struct bench_case bench;
	} cases[] = {
		{"MAP 4K", bars->map, {.body = do_map, .teardown = unmap_all, .ops = HOT}},
		{"UNMAP 4K", bars->unmap, {.setup = map_all, .body = do_unmap, .ops = HOT}},
		{"COPY 4K",
		 bars->copy,
		 {.setup = map_all, .body = do_copy, .teardown = unmap_all, .ops = HOT}},
		{"UNMAP of 1000, each", 50, {.setup = map_all, .body = do_unmap_all, .ops = HOT}},
	};
	const struct bench_case populate = {.body = do_populate, .ops = HOT},
				inside = {.body = do_populate_inside, .ops = HOT};
	struct space space;
	char name[80];

	space_open(&space, table, (uint64_t)SOURCES * PAGE, MADV_NOHUGEPAGE);
	bench_table(title);
	row("populate one page (madvise)", measure(&populate, &space), 0);
	row("the same inside of 8 calls", measure(&inside, &space), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(name, sizeof(name), "%s, %s", cases[i].name, title);
		row(name, measure(&cases[i].bench, &space), cases[i].bar);
	}
	space_close(&space);
}

struct large {
	const char *title;
	int advice;
	bool registered;
	uint64_t len, ops;
	double bar; /* ns */
};

static void measure_large(const struct large *large)
{
	struct space space;

	space_open(&space, true, GIANT, large->advice);
	space.len = large->len;
	if (large->registered)
		check(uiommufd_memory_register(space.memory, GIANT, 1), "register");
	/* The same memory each time, from its start. */
	row(large->title,
	    measure(&(struct bench_case){.body = do_map, .teardown = unmap_all, .ops = large->ops},
		    &space),
	    large->bar);
	if (large->registered)
		check(uiommufd_memory_unregister(space.memory, GIANT), "unregister");
	space_close(&space);
}

/* ---- threads ---- */

struct worker {
	struct space space;
	pthread_barrier_t *barrier;
	pthread_t thread;
};

static void *work(void *arg)
{
	struct worker *worker = arg;

	pthread_barrier_wait(worker->barrier);
	for (unsigned int i = 0; i < THREAD_OPS / CHAIN; i++) {
		do_map(&worker->space, CHAIN);
		do_unmap(&worker->space, CHAIN);
	}
	pthread_barrier_wait(worker->barrier);
	return NULL;
}

/* Million pairs of MAP and UNMAP a second, of @count threads on one IOAS or each on its own. */
static double rate_of(struct space *space, unsigned int count, bool one_ioas)
{
	struct worker workers[EIGHT];
	pthread_barrier_t barrier;
	uint64_t began, ended;

	pthread_barrier_init(&barrier, NULL, count + 1);
	for (unsigned int i = 0; i < count; i++) {
		workers[i] = (struct worker){.space = *space, .barrier = &barrier};
		workers[i].space.iova = IOVA_BASE + i * GIANT;
		if (!one_ioas)
			workers[i].space.ioas = new_ioas(space);
		check(-pthread_create(&workers[i].thread, NULL, work, &workers[i]), "thread");
	}
	pthread_barrier_wait(&barrier);
	began = bench_now();
	pthread_barrier_wait(&barrier);
	ended = bench_now();
	for (unsigned int i = 0; i < count; i++)
		pthread_join(workers[i].thread, NULL);
	pthread_barrier_destroy(&barrier);
	return (double)count * THREAD_OPS * 1000 / (double)(ended - began);
}

/* What seven other threads would have in the IOAS of @space on average, while one is measured. */
static void fill_for_others(struct space *space)
{
	struct space other = *space;

	for (unsigned int i = 1; i < EIGHT; i++) {
		other.iova = IOVA_BASE + i * GIANT;
		do_map(&other, CHAIN / 2);
	}
}

static double larger(double a, double b)
{
	return a > b ? a : b;
}

/*
 * What eight threads have mapped at a time fills several leaves of the map of areas, where each
 * call has more to do than in the map of one thread; so they are compared with one thread in as
 * full a map, too: the rest is what they cost each other.
 */
static void measure_threads(void)
{
	double one = 0, two = 0, shared = 0, eight = 0, full = 0;
	struct space space, filled;

	space_open(&space, false, (uint64_t)SOURCES * PAGE, MADV_NOHUGEPAGE);
	filled = space;
	filled.ioas = new_ioas(&space);
	fill_for_others(&filled);
	for (unsigned int turn = 0; turn < TURNS; turn++) {
		one = larger(one, rate_of(&space, 1, false));
		two = larger(two, rate_of(&space, 2, false));
		shared = larger(shared, rate_of(&space, 2, true));
		eight = larger(eight, rate_of(&space, EIGHT, true));
		full = larger(full, rate_of(&filled, 1, true));
	}
	printf("\nMAP and UNMAP without a table, one thread: %.2f million pairs a second\n", one);
	bench_at_least("two threads on two IOASes", two / one, 1.95, "x");
	bench_at_least("two threads on one IOAS", shared / one, 1, "x");
	bench_at_least("eight threads on one IOAS", eight / one, 0.9, "x");
	bench_at_least("eight threads on one IOAS, over one in as full a map", eight / full, 0.9,
		       "x");
	space_close(&space);
}

/* ---- memory ---- */

/* Memory of the process, and of the page tables that its devices have. */
static uint64_t resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	uint64_t pages = 0;

	if (!file || fscanf(file, "%*u %lu", &pages) != 1)
		check(-5, "/proc/self/statm");
	fclose(file);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void measure_memory(void)
{
	struct uiommufd *contexts[CONTEXTS];
	uint64_t before, after;
	struct space space;

	check(uiommufd_open(NULL, &space.ctx), "open");
	before = resident_bytes();
	for (unsigned int i = 0; i < CONTEXTS; i++)
		check(uiommufd_open(NULL, &contexts[i]), "open");
	bench_at_most("memory of an idle context, beside the first",
		      (double)(resident_bytes() - before) / CONTEXTS / 1024, 64, " KiB");
	for (unsigned int i = 0; i < CONTEXTS; i++)
		uiommufd_close(contexts[i]);
	uiommufd_close(space.ctx);
	space_open(&space, false, (uint64_t)SOURCES * PAGE, MADV_NOHUGEPAGE);
	before = resident_bytes();
	do_map(&space, MOST);
	after = resident_bytes();
	bench_at_most("memory of a mapping of 4K, of ten million, without tables",
		      (double)(after - before) / MOST, 96, " bytes");
	space_close(&space);
}

/*
 * From now on the locked memory of the calling thread is limited, as that of most users is: its
 * MAPs charge the user, and ask for the limit each time. False: it was so before, or the limit is
 * too low.
 */
static bool give_up_privilege(void)
{
	struct rlimit limit;

	if (geteuid() || getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur < HOT * PAGE ||
	    sys_call(SYS_setresuid, NOBODY, NOBODY, NOBODY, 0, 0, 0))
		return false;
	uiommufd_caller_rights_changed();
	return true;
}

int main(void)
{
	static const struct bars bare = {100, 90, 120}, table = {300, 120, 200},
				 known = {180, 120, 200};
	static const struct large large[] = {
		{"MAP 2M of 4K pages", MADV_NOHUGEPAGE, false, LARGE, LARGE_OPS, 3000},
		{"MAP 1G of 4K pages", MADV_NOHUGEPAGE, false, GIANT, 1, 1000000},
		{"MAP 2M of huge pages", MADV_HUGEPAGE, false, LARGE, LARGE_OPS, 300},
		{"MAP 1G of huge pages", MADV_HUGEPAGE, false, GIANT, 1, 100000},
		{"MAP 2M of 4K pages, registered", MADV_NOHUGEPAGE, true, LARGE, LARGE_OPS, 3000},
		{"MAP 2M of huge pages, registered", MADV_HUGEPAGE, true, LARGE, LARGE_OPS, 300},
	};

	/* Before the library watches anything: presence and rights are asked for each time. */
	measure_memory();
	measure_pages("one table, not known", true, &table);
	/* Rights are followed, as under `uiommufd run`. */
	uiommufd_caller_rights_changed();
	measure_pages("one table, rights known", true, &table);
	check(uiommufd_guard_memory(), "guard");
	measure_pages("no table", false, &bare);
	measure_pages("one table", true, &known);
	bench_table("large mappings, one table");
	for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++)
		measure_large(&large[i]);
	measure_threads();
	if (give_up_privilege())
		measure_pages("one table, locked memory limited", true, &known);
	return 0;
}
