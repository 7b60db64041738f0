/* SPDX-License-Identifier: MIT */
/* Memory of another process: where it is on the bus, and copies from and to there. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "kit.h"
#include "mem/maps.h"
#include "mem/process_memory.h"
#include "mem/view.h"

/* A child that waits, with the same page at the same address as we, of its own unless shared. */
struct other {
	pid_t pid;
	int file; /* what is shared */
	char *page;
	struct process_memory *memory;
	uint64_t bus, run;
};

static int open_file(const struct maps_entry *entry, void *arg)
{
	const struct other *other = arg;

	assert_true(entry->shared);
	return dup(other->file);
}

/* @kind: MAP_SHARED or MAP_PRIVATE; @rights: those that it leaves itself. */
static void start_with(struct other *other, int kind, int rights)
{
	char path[64], byte;
	int ready[2], fd, list;

	other->file = memfd_create("other", MFD_CLOEXEC);
	assert_int_equal(ftruncate(other->file, 2 * PAGE_SIZE), 0);
	other->page = mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, kind, other->file, 0);
	assert_ptr_not_equal(other->page, MAP_FAILED);
	strcpy(other->page, "shared before the fork");
	assert_int_equal(pipe(ready), 0);
	other->pid = fork();
	if (!other->pid) {
		(void)mprotect(other->page, 2 * PAGE_SIZE, rights);
		(void)!write(ready[1], "", 1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	assert_true(other->pid > 0);
	snprintf(path, sizeof(path), "/proc/%d/mem", other->pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	snprintf(path, sizeof(path), "/proc/%d/maps", other->pid);
	list = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(list >= 0);
	assert_int_equal(process_memory_create(fd, list, open_file, other, &other->memory), 0);
	assert_int_equal(process_memory_resolve(other->memory, (uintptr_t)other->page,
						2 * PAGE_SIZE, &other->bus, &other->run),
			 0);
}

static void start(struct other *other)
{
	start_with(other, MAP_PRIVATE, PROT_READ | PROT_WRITE);
}

static void end(struct other *other)
{
	kill(other->pid, SIGKILL);
	assert_int_equal(waitpid(other->pid, NULL, 0), other->pid);
}

static void finish(struct other *other)
{
	process_memory_destroy(other->memory);
	munmap(other->page, 2 * PAGE_SIZE);
	close(other->file);
}

static void a_copy_reaches_the_other_process_and_not_this_one(void **state)
{
	struct other other;
	char seen[32] = "";

	(void)state;
	start(&other);
	assert_int_equal(other.run, 2 * PAGE_SIZE);
	assert_true(process_memory_is_bus((void *)(uintptr_t)other.bus));
	assert_int_equal(view_copy((void *)(uintptr_t)(other.bus + 8), "written", 8), 0);
	assert_int_equal(view_copy(seen, (void *)(uintptr_t)other.bus, 16), 0);
	assert_string_equal(seen, "shared bwritten");
	assert_string_equal(other.page, "shared before the fork");
	end(&other);
	finish(&other);
}

static void a_copy_from_remote_to_process_memory_works(void **state)
{
	struct other other;
	char seen[32] = "";

	(void)state;
	start(&other);
	assert_int_equal(view_copy((void *)(uintptr_t)(other.bus + PAGE_SIZE),
				   (void *)(uintptr_t)other.bus, 23),
			 0);
	assert_int_equal(view_copy(seen, (void *)(uintptr_t)(other.bus + PAGE_SIZE), 23), 0);
	assert_string_equal(seen, "shared before the fork");
	end(&other);
	finish(&other);
}

static void rights_of_the_other_process_do_not_matter(void **state)
{
	static const int kinds[] = {MAP_PRIVATE, MAP_SHARED};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct other other;
		char seen[16] = "";

		start_with(&other, kinds[i], PROT_NONE);
		/* Over the end of a page. */
		assert_int_equal(
			view_copy((void *)(uintptr_t)(other.bus + PAGE_SIZE - 4), "written", 8), 0);
		assert_int_equal(view_copy(seen, (void *)(uintptr_t)(other.bus + PAGE_SIZE - 4), 8),
				 0);
		assert_string_equal(seen, "written");
		assert_string_equal(other.page + PAGE_SIZE - 4, i ? "written" : "");
		end(&other);
		finish(&other);
	}
}

static void memory_of_a_process_that_has_ended_is_a_fault(void **state)
{
	struct other other;
	char byte;

	(void)state;
	start(&other);
	assert_true(process_memory_exists(other.memory));
	end(&other);
	assert_false(process_memory_exists(other.memory));
	assert_int_equal(view_copy(&byte, (void *)(uintptr_t)other.bus, 1), -EFAULT);
	assert_int_equal(view_copy((void *)(uintptr_t)other.bus, "x", 1), -EFAULT);
	finish(&other);
}

static void bad_addresses_on_either_side_are_a_fault(void **state)
{
	uint64_t bus, run;
	struct other other;
	char byte;

	(void)state;
	start(&other);
	assert_int_equal(process_memory_resolve(other.memory, PAGE_SIZE, 1, &bus, &run), 0);
	assert_int_equal(view_copy(&byte, (void *)(uintptr_t)bus, 1), -EFAULT);
	assert_int_equal(view_copy((void *)8, (void *)(uintptr_t)other.bus, 1), -EFAULT);
	assert_int_equal(view_copy((void *)(uintptr_t)other.bus, (void *)8, 1), -EFAULT);
	assert_int_equal(view_copy((void *)(uintptr_t)(PROCESS_MEMORY_END - 8), &byte, 1), -EFAULT);
	assert_int_equal(process_memory_resolve(other.memory, PROCESS_ADDRESSES_END, 1, &bus, &run),
			 -EFAULT);
	end(&other);
	finish(&other);
}

static void a_run_ends_where_its_window_does(void **state)
{
	const uint64_t edge = UINT64_C(5) << 32;
	uint64_t bus, run, next;
	struct other other;

	(void)state;
	start(&other);
	assert_int_equal(
		process_memory_resolve(other.memory, edge - PAGE_SIZE, 2 * PAGE_SIZE, &bus, &run),
		0);
	assert_int_equal(run, PAGE_SIZE);
	assert_int_equal(process_memory_resolve(other.memory, edge, PAGE_SIZE, &next, &run), 0);
	assert_int_equal(run, PAGE_SIZE);
	assert_int_equal(
		process_memory_resolve(other.memory, edge - PAGE_SIZE, PAGE_SIZE, &next, &run), 0);
	assert_int_equal(next, bus);
	end(&other);
	finish(&other);
}

static void a_word_of_another_process_is_not_changed_atomically(void **state)
{
	struct other other;
	uint64_t old;

	(void)state;
	start(&other);
	assert_int_equal(view_atomic((void *)(uintptr_t)other.bus, 8, GUARD_ADD, 1, 0, &old),
			 -EFAULT);
	assert_int_equal(view_exchange((uint64_t *)(uintptr_t)other.bus, 0, 1), -EFAULT);
	end(&other);
	finish(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_reaches_the_other_process_and_not_this_one),
		cmocka_unit_test(a_copy_from_remote_to_process_memory_works),
		cmocka_unit_test(rights_of_the_other_process_do_not_matter),
		cmocka_unit_test(memory_of_a_process_that_has_ended_is_a_fault),
		cmocka_unit_test(bad_addresses_on_either_side_are_a_fault),
		cmocka_unit_test(a_run_ends_where_its_window_does),
		cmocka_unit_test(a_word_of_another_process_is_not_changed_atomically),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
