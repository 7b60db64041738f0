/* SPDX-License-Identifier: MIT */
/* Memory behind mappings: each step that can fail does so in turn, and nothing has changed. */
#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "kit.h"
#include "mem/displace.h"
#include "mem/source.h"

enum {
	PAGES = 12,
	UID = 300,
};

static struct mem_caller caller;

static struct mem_pages pages(uint64_t first, uint64_t count)
{
	return (struct mem_pages){.first = first, .count = count};
}

static char *map_memory(void)
{
	char *p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	assert_ptr_not_equal(p, MAP_FAILED);
	for (int i = 0; i < PAGES; i++)
		p[(size_t)i * PAGE] = (char)(i + 1);
	return p;
}

static char *map_file_memory(int fd)
{
	char *p;

	assert_int_equal(ftruncate(fd, PAGES * PAGE), 0);
	p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	for (int i = 0; i < PAGES; i++)
		p[(size_t)i * PAGE] = (char)(i + 1);
	return p;
}

static struct mem_source *source_of(const char *va)
{
	struct mem_source *source;

	assert_int_equal(mem_source_from_va(&caller.caller, (uintptr_t)va, PAGES * PAGE, true,
					    MEM_ACCOUNT_USER, &source),
			 0);
	return source;
}

/* Runs @step with its n-th chance to fail taken, for n from 1 until it does not fail any more. */
static void fail_in_turn(int (*step)(void *arg), void *arg, void (*check_unchanged)(void *arg),
			 uint64_t least)
{
	uint64_t n = 0;
	int rc;

	do {
		failure_arm(++n);
		rc = step(arg);
		if (rc) {
			assert_int_equal(failure_left(), 0);
			assert_true(rc == -ENOMEM || rc == -EFAULT);
			check_unchanged(arg);
		}
	} while (rc);
	assert_true(n > least);
	failure_disarm();
}

/* A source with its pins of parts, and what they should be. */
struct pinned {
	struct mem_source *source;
	bool expected[PAGES];
	uint64_t locked;
	const char *va;
	const char *target; /* of mremap */
	int fd;
};

static void check_pins(void *arg)
{
	const struct pinned *pinned = arg;

	for (uint64_t i = 0; i < PAGES; i++)
		assert_int_equal(mem_source_pinned(pinned->source, pages(i, 1)),
				 pinned->expected[i]);
	assert_int_equal(mem_user_locked(UID), pinned->locked);
}

static int pin_all(void *arg)
{
	struct pinned *pinned = arg;

	return mem_source_pin(pinned->source, pages(0, PAGES));
}

static int pin_most(void *arg)
{
	struct pinned *pinned = arg;

	return mem_source_pin(pinned->source, pages(1, PAGES - 2));
}

static int split_all(void *arg)
{
	struct pinned *pinned = arg;

	return mem_source_split(pinned->source, pages(0, PAGES), 5);
}

static void set_expected(struct pinned *pinned, uint64_t first, uint64_t count)
{
	for (uint64_t i = first; i < first + count; i++) {
		pinned->locked += !pinned->expected[i];
		pinned->expected[i] = true;
	}
}

static void check_pinning(struct pinned *pinned)
{
	assert_int_equal(mem_source_pin(pinned->source, pages(2, 3)), 0);
	assert_int_equal(mem_source_pin(pinned->source, pages(6, 1)), 0);
	set_expected(pinned, 2, 3);
	set_expected(pinned, 6, 1);
	fail_in_turn(pin_most, pinned, check_pins, 5);
	set_expected(pinned, 1, PAGES - 2);
	fail_in_turn(pin_all, pinned, check_pins, 2);
	set_expected(pinned, 0, PAGES);
	fail_in_turn(split_all, pinned, check_pins, 2);
	check_pins(pinned);
	mem_source_unpin(pinned->source, pages(0, 5));
	mem_source_unpin(pinned->source, pages(5, PAGES - 5));
	mem_source_unpin(pinned->source, pages(1, PAGES - 2));
	mem_source_unpin(pinned->source, pages(2, 3));
	mem_source_unpin(pinned->source, pages(6, 1));
	assert_int_equal(mem_user_locked(UID), 0);
	assert_int_equal(mem_source_pinned_pages(pinned->source), 0);
	mem_source_put(pinned->source);
}

static void a_failed_pin_of_addresses_changes_nothing(void **state)
{
	char *va = map_memory();
	struct pinned pinned = {.source = source_of(va)};

	(void)state;
	check_pinning(&pinned);
	munmap(va, PAGES * PAGE);
}

static void a_failed_pin_of_a_file_changes_nothing(void **state)
{
	int fd = memfd_create("faults", MFD_CLOEXEC);
	struct pinned pinned = {.source = NULL};

	(void)state;
	assert_int_equal(ftruncate(fd, PAGES * PAGE), 0);
	assert_int_equal(mem_source_from_file(&caller.caller, fd, 0, PAGES * PAGE, true,
					      MEM_ACCOUNT_USER, &pinned.source),
			 0);
	check_pinning(&pinned);
	close(fd);
}

static int make_sources(void *arg)
{
	int *fd = arg;
	struct mem_source *va, *file;
	int rc;

	rc = mem_source_from_va(&caller.caller, 0x1000, 0x1000, true, MEM_ACCOUNT_USER, &va);
	if (rc)
		return rc;
	rc = mem_source_from_file(&caller.caller, *fd, 0, 0x1000, true, MEM_ACCOUNT_USER, &file);
	if (!rc)
		mem_source_put(file);
	mem_source_put(va);
	return rc;
}

/* No reference and no descriptor is left behind. */
static void check_nothing_left(void *arg)
{
	int *fd = arg, next;

	assert_int_equal(caller.caller.refs, 1);
	next = dup(*fd);
	assert_int_equal(next, *fd + 1);
	close(next);
}

static void a_source_that_cannot_be_made_leaves_nothing(void **state)
{
	int fd = memfd_create("faults", MFD_CLOEXEC);

	(void)state;
	fail_in_turn(make_sources, &fd, check_nothing_left, 3);
	check_nothing_left(&fd);
	close(fd);
}

static int displace_some(void *arg)
{
	struct pinned *pinned = arg;

	return displace_range((uintptr_t)pinned->va + 2 * PAGE, 8 * PAGE, DISPLACE_MUNMAP, false);
}

static void check_in_place(void *arg)
{
	struct pinned *pinned = arg;

	check_pins(pinned);
	for (uint64_t i = 0; i < PAGES; i++) {
		uint64_t bus, run;

		mem_source_extent(pinned->source, i * PAGE, 1, &bus, &run);
		assert_int_equal(bus, (uintptr_t)pinned->va + i * PAGE);
		assert_int_equal(pinned->va[i * PAGE], i + 1);
	}
}

static void a_failed_displacement_moves_everything_back(void **state)
{
	char *va = map_memory();
	struct pinned pinned = {.source = source_of(va), .va = va};
	struct mem_source *second = source_of(va);

	(void)state;
	assert_int_equal(mem_source_pin(pinned.source, pages(1, 4)), 0);
	assert_int_equal(mem_source_pin(pinned.source, pages(9, 2)), 0);
	assert_int_equal(mem_source_pin(second, pages(3, 4)), 0);
	set_expected(&pinned, 1, 4);
	set_expected(&pinned, 9, 2);
	pinned.locked += 4;
	fail_in_turn(displace_some, &pinned, check_in_place, 10);
	for (uint64_t i = 2; i < 5; i++) {
		uint64_t bus, run;

		mem_source_extent(pinned.source, i * PAGE, 1, &bus, &run);
		assert_int_not_equal(bus, (uintptr_t)va + i * PAGE);
		assert_int_equal(*(char *)(uintptr_t)bus, i + 1);
	}
	mem_source_unpin(pinned.source, pages(1, 4));
	mem_source_unpin(pinned.source, pages(9, 2));
	mem_source_unpin(second, pages(3, 4));
	mem_source_put(pinned.source);
	mem_source_put(second);
	munmap(va, PAGES * PAGE);
}

static long drop(void *arg)
{
	struct pinned *pinned = arg;

	return madvise((char *)pinned->va + 2 * PAGE, 8 * PAGE, MADV_DONTNEED) ? -errno : 0;
}

static int drop_some(void *arg)
{
	struct pinned *pinned = arg;

	return (int)displace_around((uintptr_t)pinned->va + 2 * PAGE, 8 * PAGE, DISPLACE_MADVISE,
				    drop, pinned);
}

/* It cannot move, and is copied. */
static void a_failed_displacement_of_sealed_memory_leaves_it_in_place(void **state)
{
	enum {
		MSEAL = 462 /* mseal(2) */
	};
	char *va = map_memory();
	struct pinned pinned = {.source = source_of(va), .va = va};
	uint64_t bus, run;

	(void)state;
	if (syscall(MSEAL, va, PAGES * PAGE, 0)) {
		mem_source_put(pinned.source);
		munmap(va, PAGES * PAGE);
		skip();
	}
	assert_int_equal(mem_source_pin(pinned.source, pages(1, 4)), 0);
	set_expected(&pinned, 1, 4);
	fail_in_turn(drop_some, &pinned, check_in_place, 6);
	mem_source_extent(pinned.source, 3 * PAGE, 1, &bus, &run);
	assert_int_equal(*(char *)(uintptr_t)bus, 4);
	assert_int_equal(va[3 * PAGE], 0);
	mem_source_unpin(pinned.source, pages(1, 4));
	mem_source_put(pinned.source);
}

static long empty_file(void *fd)
{
	return ftruncate(*(int *)fd, 0) ? -errno : 0;
}

static int empty_some(void *arg)
{
	struct pinned *pinned = arg;
	struct displace_file file = {.end = UINT64_MAX >> PAGE_SHIFT, .copies = true};
	struct stat st;

	assert_int_equal(fstat(pinned->fd, &st), 0);
	file.dev = st.st_dev;
	file.ino = st.st_ino;
	return (int)displace_file(&file, empty_file, &pinned->fd);
}

/* By address and by the file: both have the same copy when it has succeeded. */
static void a_failed_truncation_leaves_the_file_its_pages(void **state)
{
	int fd = memfd_create("faults", MFD_CLOEXEC);
	char *va = map_file_memory(fd);
	struct pinned pinned = {.source = source_of(va), .va = va, .fd = fd};
	uint64_t bus, other, run;
	struct mem_source *file;

	(void)state;
	assert_int_equal(mem_source_from_file(&caller.caller, dup(fd), 0, PAGES * PAGE, true,
					      MEM_ACCOUNT_NONE, &file),
			 0);
	assert_int_equal(mem_source_pin(file, pages(0, PAGES)), 0);
	assert_int_equal(mem_source_pin(pinned.source, pages(1, 4)), 0);
	set_expected(&pinned, 1, 4);
	fail_in_turn(empty_some, &pinned, check_in_place, 6);
	mem_source_extent(pinned.source, 2 * PAGE, 1, &bus, &run);
	mem_source_extent(file, 2 * PAGE, 1, &other, &run);
	assert_int_not_equal(bus, (uintptr_t)va + 2 * PAGE);
	assert_int_equal(bus, other);
	assert_int_equal(*(char *)(uintptr_t)bus, 3);
	mem_source_unpin(pinned.source, pages(1, 4));
	assert_int_equal(*(char *)(uintptr_t)other, 3);
	mem_source_unpin(file, pages(0, PAGES));
	mem_source_put(pinned.source);
	mem_source_put(file);
	munmap(va, PAGES * PAGE);
	close(fd);
}

static int remap_some(void *arg)
{
	struct pinned *pinned = arg;
	long rc = displace_mremap((uintptr_t)pinned->va + 2 * PAGE, 8 * PAGE, 8 * PAGE,
				  MREMAP_MAYMOVE | MREMAP_FIXED, (uintptr_t)pinned->target);

	return rc < 0 ? (int)rc : 0;
}

static void a_failed_mremap_leaves_everything_in_place(void **state)
{
	char *va = map_memory(), *target = map_memory();
	struct pinned pinned = {.source = source_of(va), .va = va, .target = target};
	struct mem_source *second = source_of(va);
	uint64_t bus, run;

	(void)state;
	assert_int_equal(mem_source_pin(pinned.source, pages(1, 4)), 0);
	assert_int_equal(mem_source_pin(second, pages(3, 4)), 0);
	set_expected(&pinned, 1, 4);
	pinned.locked += 4;
	fail_in_turn(remap_some, &pinned, check_in_place, 6);
	mem_source_extent(pinned.source, 2 * PAGE, 1, &bus, &run);
	assert_int_equal(bus, (uintptr_t)target);
	mem_source_unpin(pinned.source, pages(1, 4));
	mem_source_unpin(second, pages(3, 4));
	mem_source_put(pinned.source);
	mem_source_put(second);
	munmap(va, PAGES * PAGE);
	munmap(target, PAGES * PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failed_pin_of_addresses_changes_nothing),
		cmocka_unit_test(a_failed_pin_of_a_file_changes_nothing),
		cmocka_unit_test(a_source_that_cannot_be_made_leaves_nothing),
		cmocka_unit_test(a_failed_displacement_moves_everything_back),
		cmocka_unit_test(a_failed_displacement_of_sealed_memory_leaves_it_in_place),
		cmocka_unit_test(a_failed_truncation_leaves_the_file_its_pages),
		cmocka_unit_test(a_failed_mremap_leaves_everything_in_place),
	};

	log_set_level(LOG_LEVEL_ERROR);
	displace_enable();
	mem_caller_init(&caller, UID, UINT64_MAX / PAGE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
