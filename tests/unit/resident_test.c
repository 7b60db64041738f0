/* SPDX-License-Identifier: MIT */
/*
 * Memory that was populated is not populated again, and what has changed since is noticed, although
 * nothing reports it. The order matters: first without the guard, and the forks last.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/sys.h"
#include "kit.h"
#include "mem/guard.h"
#include "mem/populate.h"
#include "mem/resident.h"

/* One page, some, as many as are touched at most, and so many that the kernel is asked. */
static const size_t lengths[] = {1, 3, 40, 512, 1500};

#define LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

enum {
	MOST_PAGES = 1500,
	ASKED = LENGTHS - 1, /* index of the length that is not touched */
	FEW_PAGES = 16,	     /* touched whatever their size */
};

/* PAGEMAP_SCAN (Linux 6.7), of a structure at no address. */
#define PAGE_SCAN _IOC(_IOC_READ | _IOC_WRITE, 'f', 16, 96)

static char *memory; /* MOST_PAGES pages, not all there, with a hole behind */

static struct sigaction guarded[2];

static uint64_t va(void)
{
	return (uint64_t)(uintptr_t)memory;
}

static void take_memory(void)
{
	const size_t size = (MOST_PAGES + 1) * PAGE_SIZE;

	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	assert_int_equal(madvise(memory, size, MADV_NOHUGEPAGE), 0);
	assert_int_equal(munmap(memory + MOST_PAGES * PAGE_SIZE, PAGE_SIZE), 0);
	resident_forget(va(), size); /* what was there in another test */
}

static void give_memory(void)
{
	munmap(memory, MOST_PAGES * PAGE_SIZE);
}

/* Memory that was populated for writing, a call for each page or one for all. */
static void populate_memory(size_t pages, bool each)
{
	take_memory();
	for (size_t i = 0; each && i < pages; i++)
		assert_int_equal(populate(va() + i * PAGE_SIZE, PAGE_SIZE, true), 0);
	assert_int_equal(populate(va(), pages * PAGE_SIZE, true), 0);
}

/* The guard's handlers, which cmocka has replaced for the test. */
static void take_signals(void)
{
	assert_int_equal(sigaction(SIGSEGV, &guarded[0], NULL), 0);
	assert_int_equal(sigaction(SIGBUS, &guarded[1], NULL), 0);
}

/* Whether the kernel says how large pages are. Without that, only few are touched. */
static bool kernel_says_sizes(void)
{
	const int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	const bool says = ioctl(fd, PAGE_SCAN, NULL) < 0 && errno == EFAULT;

	close(fd);
	return says;
}

/* Whether the kernel has to do something before a write of @page succeeds. */
static bool write_faults(size_t page)
{
	struct rusage before, after;

	getrusage(RUSAGE_THREAD, &before);
	*(volatile char *)(memory + page * PAGE_SIZE) = 1;
	getrusage(RUSAGE_THREAD, &after);
	return after.ru_minflt != before.ru_minflt;
}

static void without_the_guard_no_page_is_touched(void **state)
{
	(void)state;
	populate_memory(3, true);
	assert_false(resident_certain(va(), PAGE_SIZE, true));
	assert_int_equal(populate(va(), 3 * PAGE_SIZE, true), 0);
	assert_int_equal(mprotect(memory, PAGE_SIZE, PROT_NONE), 0);
	assert_int_equal(populate(va(), 3 * PAGE_SIZE, true), -EFAULT);
	give_memory();
	assert_int_equal(guard_install(), 0);
	sigaction(SIGSEGV, NULL, &guarded[0]);
	sigaction(SIGBUS, NULL, &guarded[1]);
}

static void what_was_populated_is_known_to_be_present(void **state)
{
	(void)state;
	take_signals();
	for (size_t i = 0; i < LENGTHS; i++) {
		const uint64_t len = lengths[i] * PAGE_SIZE;
		const bool possible = lengths[i] <= FEW_PAGES || kernel_says_sizes();

		take_memory();
		assert_false(resident_certain(va(), len, true));
		assert_int_equal(populate(va(), len, true), 0);
		if (i == ASKED && possible && !resident_certain(va(), len, true))
			print_message("this kernel does not say what is absent\n");
		else
			assert_int_equal(resident_certain(va(), len, true), possible);
		assert_false(resident_certain(va(), len + PAGE_SIZE, true));
		memset(memory, 5, len);
		assert_int_equal(populate(va(), len, true), 0);
		assert_int_equal(memory[0], 5);
		assert_int_equal(memory[len - 1], 5);
		give_memory();
	}
}

/* How many pages of memory are there. */
static size_t pages_there(void)
{
	unsigned char there[MOST_PAGES];
	size_t count = 0;

	assert_int_equal(mincore(memory, MOST_PAGES * PAGE_SIZE, there), 0);
	for (size_t i = 0; i < MOST_PAGES; i++)
		count += there[i] & 1;
	return count;
}

static void a_prefetch_neither_makes_pages_nor_raises_a_signal(void **state)
{
	(void)state;
	assert_true(guard_installed());
	take_memory();
	/* A fault would end the process: no guard is around a prefetch. */
	for (size_t i = 0; i < LENGTHS; i++)
		resident_prefetch(va(), lengths[i] * PAGE_SIZE);
	resident_prefetch(va() + MOST_PAGES * PAGE_SIZE, PAGE_SIZE);
	resident_prefetch(0, PAGE_SIZE);
	resident_prefetch(UINT64_C(1) << 63, PAGE_SIZE);
	resident_prefetch(UINT64_MAX - PAGE_MASK, PAGE_SIZE);
	assert_int_equal(pages_there(), 0);
	give_memory();
}

static void what_a_mapping_has_replaced_is_forgotten(void **state)
{
	(void)state;
	take_signals();
	populate_memory(FEW_PAGES, true);
	assert_true(resident_certain(va(), FEW_PAGES * PAGE_SIZE, true));
	resident_forget(va() + 7 * PAGE_SIZE, PAGE_SIZE);
	assert_false(resident_certain(va(), FEW_PAGES * PAGE_SIZE, true));
	assert_false(resident_certain(va() + 7 * PAGE_SIZE, PAGE_SIZE, false));
	assert_int_equal(populate(va(), FEW_PAGES * PAGE_SIZE, true), 0);
	resident_forget(0, UINT64_C(1) << 47);
	assert_false(resident_certain(va() + (FEW_PAGES - 1) * PAGE_SIZE, PAGE_SIZE, false));
	give_memory();
}

static void a_hole_where_memory_was_is_efault(void **state)
{
	(void)state;
	take_signals();
	for (size_t i = 0; i < LENGTHS; i++) {
		const uint64_t len = lengths[i] * PAGE_SIZE;

		populate_memory(lengths[i], false);
		assert_int_equal(munmap(memory + len / 2 / PAGE_SIZE * PAGE_SIZE, PAGE_SIZE), 0);
		assert_int_equal(populate(va(), len, true), -EFAULT);
		assert_int_equal(populate(va(), len, false), -EFAULT);
		give_memory();
	}
}

static void a_right_that_was_taken_is_efault(void **state)
{
	(void)state;
	take_signals();
	for (size_t i = 0; i < LENGTHS; i++) {
		const uint64_t len = lengths[i] * PAGE_SIZE;
		char *last = memory;

		populate_memory(lengths[i], false);
		last = memory + len - PAGE_SIZE;
		assert_int_equal(mprotect(last, PAGE_SIZE, PROT_READ), 0);
		assert_int_equal(populate(va(), len, true), -EFAULT);
		assert_int_equal(populate(va(), len, false), 0);
		assert_int_equal(mprotect(last, PAGE_SIZE, PROT_NONE), 0);
		assert_int_equal(populate(va(), len, false), -EFAULT);
		assert_int_equal(mprotect(last, PAGE_SIZE, PROT_READ | PROT_WRITE), 0);
		assert_int_equal(populate(va(), len, true), 0);
		give_memory();
	}
}

static void pages_that_were_dropped_are_made_again(void **state)
{
	(void)state;
	take_signals();
	for (size_t i = 0; i < LENGTHS; i++) {
		const uint64_t len = lengths[i] * PAGE_SIZE;
		const size_t page = lengths[i] - 1;

		populate_memory(lengths[i], false);
		assert_int_equal(madvise(memory + page * PAGE_SIZE, PAGE_SIZE, MADV_DONTNEED), 0);
		assert_int_equal(populate(va(), len, true), 0);
		assert_false(write_faults(page));
		give_memory();
	}
}

/* Read only, it is the zero page, which a write has to replace. */
static void the_zero_page_is_replaced_for_a_pin_for_writing(void **state)
{
	(void)state;
	take_signals();
	for (size_t i = 0; i < LENGTHS; i++) {
		const uint64_t len = lengths[i] * PAGE_SIZE;
		const size_t page = lengths[i] - 1;

		populate_memory(lengths[i], false);
		assert_int_equal(madvise(memory + page * PAGE_SIZE, PAGE_SIZE, MADV_DONTNEED), 0);
		assert_int_equal(*(volatile char *)(memory + page * PAGE_SIZE), 0);
		assert_int_equal(populate(va(), len, true), 0);
		assert_false(write_faults(page));
		give_memory();
	}
}

static void a_file_that_was_cut_is_efault(void **state)
{
	const int fd = memfd_create("cut", MFD_CLOEXEC);

	(void)state;
	take_signals();
	take_memory();
	assert_int_equal(ftruncate(fd, 3 * PAGE_SIZE), 0);
	assert_ptr_equal(
		mmap(memory, 3 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0),
		memory);
	assert_int_equal(populate(va(), 3 * PAGE_SIZE, true), 0);
	assert_true(resident_certain(va(), 3 * PAGE_SIZE, true));
	assert_int_equal(ftruncate(fd, PAGE_SIZE), 0);
	assert_int_equal(populate(va(), 3 * PAGE_SIZE, true), -EFAULT);
	assert_int_equal(populate(va(), 3 * PAGE_SIZE, false), -EFAULT);
	assert_int_equal(populate(va(), PAGE_SIZE, true), 0);
	close(fd);
	give_memory();
}

/* The pages of a file's private mapping are the file's until they are written. */
static void a_private_page_of_a_file_is_copied_for_a_pin_for_writing(void **state)
{
	const int fd = memfd_create("private", MFD_CLOEXEC);
	char byte = 0;

	(void)state;
	take_signals();
	take_memory();
	assert_int_equal(ftruncate(fd, PAGE_SIZE), 0);
	assert_ptr_equal(
		mmap(memory, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0),
		memory);
	assert_int_equal(populate(va(), PAGE_SIZE, false), 0);
	assert_int_equal(populate(va(), PAGE_SIZE, true), 0);
	assert_int_equal(pwrite(fd, "x", 1, 0), 1);
	assert_int_equal(memory[0], 0);
	assert_int_equal(pread(fd, &byte, 1, 0), 1);
	assert_int_equal(byte, 'x');
	close(fd);
	give_memory();
}

static void a_page_that_a_child_shares_is_copied_for_a_pin_for_writing(void **state)
{
	int go[2];

	(void)state;
	take_signals();
	for (size_t i = 0; i < LENGTHS; i++) {
		const uint64_t len = lengths[i] * PAGE_SIZE;
		pid_t child;
		char byte;

		populate_memory(lengths[i], false);
		memory[len - 1] = 3;
		assert_int_equal(pipe(go), 0);
		child = fork();
		if (!child) {
			close(go[1]);
			(void)!read(go[0], &byte, 1);
			_exit(memory[len - 1]);
		}
		close(go[0]);
		assert_int_equal(populate(va(), len, true), 0);
		assert_false(write_faults(lengths[i] - 1));
		assert_false(write_faults(0));
		close(go[1]);
		assert_int_equal(waitpid(child, NULL, 0), child);
		give_memory();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_the_guard_no_page_is_touched),
		cmocka_unit_test(what_was_populated_is_known_to_be_present),
		cmocka_unit_test(a_prefetch_neither_makes_pages_nor_raises_a_signal),
		cmocka_unit_test(what_a_mapping_has_replaced_is_forgotten),
		cmocka_unit_test(a_hole_where_memory_was_is_efault),
		cmocka_unit_test(a_right_that_was_taken_is_efault),
		cmocka_unit_test(pages_that_were_dropped_are_made_again),
		cmocka_unit_test(the_zero_page_is_replaced_for_a_pin_for_writing),
		cmocka_unit_test(a_file_that_was_cut_is_efault),
		cmocka_unit_test(a_private_page_of_a_file_is_copied_for_a_pin_for_writing),
		cmocka_unit_test(a_page_that_a_child_shares_is_copied_for_a_pin_for_writing),
	};

	/* Pages that were touched one by one are not remembered: there is nothing to test. */
	if (!madvise(NULL, PAGE_SIZE, MADV_POPULATE_READ) || errno != ENOMEM)
		return 77; /* skipped, for Meson */

	return cmocka_run_group_tests(tests, NULL, NULL);
}
