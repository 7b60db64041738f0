/* SPDX-License-Identifier: MIT */
/* Memory behind mappings: addresses and files, pins, accounting, reading and writing. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kit.h"
#include "mem/source.h"

static struct mem_pages pages(uint64_t first, uint64_t count)
{
	return (struct mem_pages){.first = first, .count = count};
}

static uint64_t addr(const void *p)
{
	return (uintptr_t)p;
}

static char *map_pages(size_t count)
{
	char *p = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	assert_ptr_not_equal(p, MAP_FAILED);
	return p;
}

static struct mem_source *va_source(struct mem_caller *caller, const void *va, uint64_t len,
				    enum mem_accounting accounting)
{
	struct mem_source *source;

	assert_int_equal(
		mem_source_from_va(&caller->caller, addr(va), len, true, accounting, &source), 0);
	return source;
}

static struct mem_source *file_source(struct mem_caller *caller, int fd, uint64_t start,
				      uint64_t len)
{
	struct mem_source *source;

	assert_int_equal(mem_source_from_file(&caller->caller, fd, start, len, true,
					      MEM_ACCOUNT_USER, &source),
			 0);
	return source;
}

static int memfd(uint64_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

/* ---- addresses ---- */

static void a_source_has_room_for_its_creator(void **state)
{
	static const char zeros[MEM_SOURCE_OWNER_SIZE];
	struct mem_caller caller;
	struct mem_source *source;

	(void)state;
	mem_caller_init(&caller, 1, UINT64_MAX);
	for (int i = 0; i < 2; i++) {
		source = va_source(&caller, &caller, 1, MEM_ACCOUNT_NONE);
		assert_memory_equal(mem_source_owner_data(source), zeros, sizeof(zeros));
		memset(mem_source_owner_data(source), 0xff, MEM_SOURCE_OWNER_SIZE);
		assert_int_equal(mem_source_len(source), 1);
		mem_source_put(source);
	}
}

static void release_nothing(struct uiommufd_caller *caller)
{
	(void)caller;
}

static void a_source_says_what_it_is(void **state)
{
	struct uiommufd_caller_ops ops;
	struct mem_caller caller;
	struct mem_source *source;

	(void)state;
	mem_caller_init(&caller, 1, UINT64_MAX);
	/* What may be freed is held. */
	ops = *caller.caller.ops;
	ops.release = release_nothing;
	caller.caller.ops = &ops;
	source = va_source(&caller, (void *)0x12345, 0x2000, MEM_ACCOUNT_NONE);
	assert_int_equal(mem_source_kind(source), MEM_KIND_VA);
	assert_true(mem_source_writable(source));
	assert_int_equal(mem_source_len(source), 0x2000);
	assert_int_equal(mem_source_offset(source), 0x345);
	assert_int_equal(mem_source_start(source), 0x12345);
	assert_ptr_equal(mem_source_caller(source), &caller.caller);
	assert_int_equal(caller.caller.refs, 2);
	mem_source_put(mem_source_get(source));
	assert_int_equal(mem_source_pin(source, pages(0, 3)), -EFAULT);
	assert_int_equal(mem_source_pinned_pages(source), 0);
	mem_source_put(source);
	assert_int_equal(caller.caller.refs, 1);
}

static void pages_are_populated_and_charged_for_the_first_user_only(void **state)
{
	struct mem_caller caller;
	char *p = map_pages(10);
	struct mem_source *source;

	(void)state;
	mem_caller_init(&caller, 101, 1000);
	source = va_source(&caller, p, 10 * PAGE, MEM_ACCOUNT_USER);
	assert_int_equal(mem_source_pin(source, pages(2, 3)), 0);
	assert_int_equal(caller.populated, 3);
	assert_int_equal(mem_source_pin(source, pages(3, 4)), 0);
	assert_int_equal(caller.populated, 5);
	assert_int_equal(mem_user_locked(101), 5);
	assert_true(mem_source_pinned(source, pages(2, 5)));
	assert_false(mem_source_pinned(source, pages(2, 6)));
	assert_int_equal(mem_source_pin(source, pages(0, 10)), 0);
	assert_int_equal(caller.populated, 10);
	assert_int_equal(mem_source_pin(source, pages(0, 10)), 0);
	assert_int_equal(caller.populated, 10);
	assert_int_equal(mem_user_locked(101), 10);
	assert_int_equal(caller.caller.pinned_pages, 10);
	mem_source_unpin(source, pages(0, 10));
	mem_source_unpin(source, pages(0, 10));
	assert_int_equal(mem_user_locked(101), 5);
	assert_int_equal(mem_source_pinned_pages(source), 5);
	mem_source_unpin(source, pages(2, 3));
	assert_int_equal(mem_source_pinned_pages(source), 4);
	assert_false(mem_source_pinned(source, pages(2, 1)));
	mem_source_unpin(source, pages(3, 4));
	assert_int_equal(mem_user_locked(101), 0);
	assert_int_equal(caller.caller.pinned_pages, 0);
	mem_source_put(source);
	munmap(p, 10 * PAGE);
}

static void a_split_pin_is_taken_away_in_two_parts(void **state)
{
	struct mem_caller caller;
	char *p = map_pages(10);
	struct mem_source *source;

	(void)state;
	mem_caller_init(&caller, 102, 1000);
	source = va_source(&caller, p, 10 * PAGE, MEM_ACCOUNT_USER);
	assert_int_equal(mem_source_pin(source, pages(0, 10)), 0);
	assert_int_equal(mem_source_split(source, pages(0, 10), 4), 0);
	assert_int_equal(mem_source_split(source, pages(4, 6), 1), 0);
	assert_int_equal(mem_user_locked(102), 10);
	mem_source_unpin(source, pages(5, 5));
	assert_int_equal(mem_user_locked(102), 5);
	assert_true(mem_source_pinned(source, pages(0, 5)));
	mem_source_unpin(source, pages(0, 4));
	mem_source_unpin(source, pages(4, 1));
	assert_int_equal(mem_user_locked(102), 0);
	mem_source_put(source);
	munmap(p, 10 * PAGE);
}

static void one_bad_page_pins_nothing(void **state)
{
	struct mem_caller caller;
	char *p = map_pages(8);
	struct mem_source *source;

	(void)state;
	mem_caller_init(&caller, 103, 1000);
	munmap(p + 6 * PAGE, PAGE);
	source = va_source(&caller, p, 8 * PAGE, MEM_ACCOUNT_USER);
	assert_int_equal(mem_source_pin(source, pages(0, 8)), -EFAULT);
	assert_int_equal(mem_source_pin(source, pages(1, 6)), -EFAULT);
	assert_int_equal(mem_source_pin(source, pages(2, 2)), 0);
	assert_int_equal(mem_source_pin(source, pages(0, 8)), -EFAULT);
	assert_int_equal(mem_source_pinned_pages(source), 2);
	assert_int_equal(mem_user_locked(103), 2);
	mem_source_unpin(source, pages(2, 2));
	mem_source_put(source);
	munmap(p, 8 * PAGE);
}

static void a_dead_process_pins_nothing_new(void **state)
{
	struct mem_caller caller;
	char *p = map_pages(2);
	struct mem_source *source;

	(void)state;
	mem_caller_init(&caller, 104, 1000);
	source = va_source(&caller, p, 2 * PAGE, MEM_ACCOUNT_NONE);
	assert_int_equal(mem_source_pin(source, pages(0, 1)), 0);
	caller.dead = true;
	assert_int_equal(mem_source_pin(source, pages(1, 1)), -EFAULT);
	assert_int_equal(mem_source_pin(source, pages(0, 1)), 0);
	mem_source_unpin(source, pages(0, 1));
	mem_source_unpin(source, pages(0, 1));
	mem_source_put(source);
	munmap(p, 2 * PAGE);
}

/* ---- accounting ---- */

static void the_limit_counts_what_a_user_has_in_all_processes(void **state)
{
	struct mem_caller a, b, stranger;
	struct mem_source *of_a, *of_b, *of_stranger;
	char *p = map_pages(6);

	(void)state;
	mem_caller_init(&a, 110, 8);
	mem_caller_init(&b, 110, 8);
	mem_caller_init(&stranger, 110 + 64, 8); /* in the same list of the hash */
	of_a = va_source(&a, p, 6 * PAGE, MEM_ACCOUNT_USER);
	of_b = va_source(&b, p, 6 * PAGE, MEM_ACCOUNT_USER);
	of_stranger = va_source(&stranger, p, 6 * PAGE, MEM_ACCOUNT_USER);
	assert_int_equal(mem_source_pin(of_a, pages(0, 6)), 0);
	assert_int_equal(mem_source_pin(of_b, pages(0, 3)), -ENOMEM);
	assert_int_equal(mem_source_pin(of_b, pages(0, 2)), 0);
	assert_int_equal(mem_source_pin(of_stranger, pages(0, 6)), 0);
	assert_int_equal(mem_user_locked(110), 8);
	assert_int_equal(b.caller.pinned_pages, 2);
	/* Read at each charge. */
	b.limit_pages = 9;
	assert_int_equal(mem_source_pin(of_b, pages(5, 1)), 0);
	mem_source_unpin(of_b, pages(5, 1));
	mem_source_unpin(of_b, pages(0, 2));
	mem_source_unpin(of_a, pages(0, 6));
	mem_source_unpin(of_stranger, pages(0, 6));
	assert_int_equal(mem_user_locked(110), 0);
	assert_int_equal(mem_user_locked(110 + 64), 0);
	mem_source_put(of_a);
	mem_source_put(of_b);
	mem_source_put(of_stranger);
	munmap(p, 6 * PAGE);
}

static void the_other_modes_charge_the_process_or_nobody(void **state)
{
	struct mem_caller caller;
	struct mem_source *mm, *none;
	char *p = map_pages(6);

	(void)state;
	mem_caller_init(&caller, 120, 4);
	mm = va_source(&caller, p, 6 * PAGE, MEM_ACCOUNT_MM);
	none = va_source(&caller, p, 6 * PAGE, MEM_ACCOUNT_NONE);
	assert_int_equal(mem_source_pin(mm, pages(0, 6)), -ENOMEM);
	assert_int_equal(mem_source_pin(mm, pages(0, 4)), 0);
	assert_int_equal(caller.caller.locked_pages, 4);
	assert_int_equal(mem_source_pin(none, pages(0, 6)), 0);
	assert_int_equal(caller.caller.locked_pages, 4);
	assert_int_equal(caller.caller.pinned_pages, 10);
	assert_int_equal(mem_user_locked(120), 0);
	mem_source_unpin(mm, pages(0, 4));
	mem_source_unpin(none, pages(0, 6));
	assert_int_equal(caller.caller.locked_pages, 0);
	assert_int_equal(caller.caller.pinned_pages, 0);
	mem_source_put(mm);
	mem_source_put(none);
	munmap(p, 6 * PAGE);
}

static uint32_t uid_now;

static uint32_t changing_uid(struct uiommufd_caller *caller)
{
	(void)caller;
	return uid_now;
}

static void who_mapped_pays_whoever_the_process_becomes(void **state)
{
	struct mem_caller caller;
	struct mem_source *before, *after;
	char *p = map_pages(4);

	(void)state;
	mem_caller_init(&caller, 140, UINT64_MAX);
	caller.ops.uid = changing_uid;
	uid_now = 141;
	before = va_source(&caller, p, 2 * PAGE, MEM_ACCOUNT_USER);
	uid_now = 142;
	after = va_source(&caller, p + 2 * PAGE, 2 * PAGE, MEM_ACCOUNT_USER);
	assert_int_equal(mem_source_pin(before, pages(0, 2)), 0);
	assert_int_equal(mem_source_pin(after, pages(0, 1)), 0);
	assert_int_equal(mem_user_locked(141), 2);
	assert_int_equal(mem_user_locked(142), 1);
	uid_now = 143;
	mem_source_unpin(before, pages(0, 2));
	mem_source_unpin(after, pages(0, 1));
	assert_int_equal(mem_user_locked(141), 0);
	assert_int_equal(mem_user_locked(142), 0);
	mem_source_put(before);
	mem_source_put(after);
	munmap(p, 4 * PAGE);
}

static void a_source_moves_to_another_process_with_its_charge(void **state)
{
	struct mem_caller old, new;
	struct mem_source *source;
	int fd = memfd(4 * PAGE);

	(void)state;
	mem_caller_init(&old, 130, 100);
	mem_caller_init(&new, 131, 3);
	source = file_source(&old, fd, 0, 4 * PAGE);
	assert_int_equal(mem_source_pin(source, pages(0, 4)), 0);
	assert_int_equal(mem_source_charge_to(source, &new.caller), -ENOMEM);
	assert_int_equal(new.caller.pinned_pages, 0);
	new.limit_pages = 4;
	assert_int_equal(mem_source_charge_to(source, &new.caller), 0);
	mem_source_move(source, &new.caller);
	mem_source_uncharge_from(source, &old.caller);
	assert_int_equal(mem_user_locked(130), 0);
	assert_int_equal(mem_user_locked(131), 4);
	assert_int_equal(old.caller.pinned_pages, 0);
	assert_int_equal(new.caller.pinned_pages, 4);
	assert_int_equal(old.caller.refs, 1);
	/* To itself changes nothing. */
	assert_int_equal(mem_source_charge_to(source, &new.caller), 0);
	mem_source_move(source, &new.caller);
	mem_source_uncharge_from(source, &new.caller);
	assert_int_equal(mem_user_locked(131), 4);
	mem_source_unpin(source, pages(0, 4));
	assert_int_equal(mem_user_locked(131), 0);
	mem_source_put(source);
	close(fd);
}

/* ---- files ---- */

static char *bus_of(struct mem_source *source, uint64_t byte, uint64_t len)
{
	uint64_t bus, run;

	mem_source_extent(source, byte, len, &bus, &run);
	assert_int_equal(run, len);
	return (char *)(uintptr_t)bus;
}

static void a_files_pages_stay_when_the_descriptor_is_gone(void **state)
{
	struct mem_caller caller;
	struct mem_source *source;
	int fd = memfd(3 * PAGE);

	(void)state;
	mem_caller_init(&caller, 140, 100);
	assert_int_equal(pwrite(fd, "there", 5, PAGE + 10), 5);
	source = file_source(&caller, fd, PAGE + 10, 100);
	assert_int_equal(mem_source_kind(source), MEM_KIND_FILE);
	assert_int_equal(mem_source_start(source), PAGE + 10);
	close(fd);
	assert_int_equal(mem_source_pin(source, pages(0, 1)), 0);
	assert_memory_equal(bus_of(source, 10, 5), "there", 5);
	mem_source_unpin(source, pages(0, 1));
	mem_source_put(source);
}

static void sources_of_one_file_share_its_frames_and_mappings(void **state)
{
	struct mem_caller caller;
	struct mem_source *a, *b;
	const uint64_t size = UINT64_C(3) << 30;
	int fd = memfd(size);
	uint64_t bus, run;

	(void)state;
	mem_caller_init(&caller, 141, 100000);
	a = file_source(&caller, fd, 0, size);
	b = file_source(&caller, fd, 5 * PAGE, PAGE);
	assert_int_equal(mem_source_pin(b, pages(0, 1)), 0);
	assert_int_equal(mem_source_pin(a, pages(3, 8)), 0);
	assert_ptr_equal(bus_of(a, 5 * PAGE, PAGE), bus_of(b, 0, PAGE));
	/* Addresses are congruent with the file, and runs end where a mapping does. */
	assert_int_equal(addr(bus_of(b, 0, 1)) & ((2 << 20) - 1), 5 * PAGE);
	assert_int_equal(mem_source_pin(a, pages((1 << 18) - 2, 4)), 0);
	mem_source_extent(a, ((UINT64_C(1) << 18) - 2) * PAGE, 4 * PAGE, &bus, &run);
	assert_int_equal(run, 2 * PAGE);
	mem_source_unpin(a, pages(3, 8));
	*bus_of(b, 0, 1) = 9;
	mem_source_unpin(a, pages((1 << 18) - 2, 4));
	mem_source_unpin(b, pages(0, 1));
	mem_source_put(a);
	mem_source_put(b);
	close(fd);
}

static void what_is_wrong_with_a_file_shows_when_it_is_pinned(void **state)
{
	struct mem_caller caller;
	struct mem_source *source;
	int fd = memfd(2 * PAGE + 100), null = open("/dev/null", O_RDWR), ends[2];

	(void)state;
	mem_caller_init(&caller, 142, 100);
	assert_int_equal(
		mem_source_from_file(&caller.caller, -1, 0, 1, true, MEM_ACCOUNT_NONE, &source),
		-EBADF);
	assert_int_equal(caller.caller.refs, 1);
	source = file_source(&caller, null, 0, PAGE);
	assert_int_equal(mem_source_pin(source, pages(0, 1)), -EINVAL);
	mem_source_put(source);
	assert_int_equal(pipe(ends), 0);
	source = file_source(&caller, ends[0], 0, PAGE);
	assert_int_equal(mem_source_pin(source, pages(0, 1)), -EINVAL);
	mem_source_put(source);
	/* The last page is only in part inside of the file. */
	source = file_source(&caller, fd, 0, 3 * PAGE);
	assert_int_equal(mem_source_pin(source, pages(0, 3)), -EINVAL);
	assert_int_equal(mem_source_pin(source, pages(2, 1)), -EINVAL);
	assert_int_equal(mem_source_pin(source, pages(0, 2)), 0);
	mem_source_unpin(source, pages(0, 2));
	mem_source_put(source);
	source = file_source(&caller, fd, UINT64_C(1) << 63, PAGE);
	assert_int_equal(mem_source_pin(source, pages(0, 1)), -EINVAL);
	mem_source_put(source);
	source = file_source(&caller, fd, UINT64_MAX - 1, 2);
	assert_int_equal(mem_source_pin(source, pages(0, 1)), -EINVAL);
	mem_source_put(source);
	assert_int_equal(mem_user_locked(142), 0);
	close(fd);
	close(null);
	close(ends[0]);
	close(ends[1]);
}

static void holes_are_allocated(void **state)
{
	struct mem_caller caller;
	struct mem_source *source;
	int fd = memfd(8 * PAGE);
	struct stat st;

	(void)state;
	mem_caller_init(&caller, 143, 100);
	source = file_source(&caller, fd, 0, 8 * PAGE);
	assert_int_equal(mem_source_pin(source, pages(2, 3)), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_blocks * 512, 3 * PAGE);
	mem_source_unpin(source, pages(2, 3));
	mem_source_put(source);
	close(fd);
}

static void a_file_that_is_open_for_reading_can_be_written_to(void **state)
{
	struct mem_caller caller;
	struct mem_source *source;
	int fd = memfd(PAGE), readonly;
	char path[64], got[3];

	(void)state;
	mem_caller_init(&caller, 144, 100);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	readonly = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(readonly >= 0);
	source = file_source(&caller, readonly, 0, PAGE);
	assert_int_equal(mem_source_rw(source, &caller.caller, 5, (char[]){"dma"}, 3, true, false),
			 0);
	assert_int_equal(pread(fd, got, 3, 5), 3);
	assert_memory_equal(got, "dma", 3);
	mem_source_put(source);
	close(readonly);
	close(fd);
}

static void a_file_sealed_against_writing_can_be_pinned_but_not_written(void **state)
{
	struct mem_caller caller;
	struct mem_source *source;
	int fd = memfd(PAGE);

	(void)state;
	mem_caller_init(&caller, 145, 100);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	source = file_source(&caller, fd, 0, PAGE);
	assert_int_equal(mem_source_pin(source, pages(0, 1)), 0);
	assert_int_equal(*bus_of(source, 0, 1), 0);
	mem_source_unpin(source, pages(0, 1));
	mem_source_put(source);
	close(fd);
}

/* ---- reading and writing ---- */

static void rw_by_the_owner_sees_what_is_at_the_address_now(void **state)
{
	struct mem_caller owner, other;
	struct mem_source *source;
	char *p = map_pages(3);
	char got[2 * PAGE];

	(void)state;
	mem_caller_init(&owner, 150, 100);
	mem_caller_init(&other, 150, 100);
	memset(p, 1, 3 * PAGE);
	source = va_source(&owner, p + 100, 2 * PAGE, MEM_ACCOUNT_USER);
	assert_int_equal(mem_source_rw(source, &owner.caller, 100, got, sizeof(got), false, false),
			 0);
	assert_int_equal(got[sizeof(got) - 1], 1);
	assert_int_equal(owner.populated, 0);
	/* Another caller's piece of several pages goes by pinned frames. */
	assert_int_equal(mem_source_rw(source, &other.caller, 100, got, sizeof(got), false, false),
			 0);
	assert_int_equal(owner.populated, 3);
	assert_int_equal(mem_user_locked(150), 0);
	assert_int_equal(mem_source_rw(source, &owner.caller, 100, got, sizeof(got), false, true),
			 0);
	assert_int_equal(owner.populated, 6);
	assert_int_equal(mem_source_rw(source, &other.caller, 100, got, 8, true, false), 0);
	assert_int_equal(owner.populated, 6);
	owner.dead = true;
	assert_int_equal(mem_source_rw(source, &other.caller, 100, got, 8, false, false), -EFAULT);
	mem_source_put(source);
	munmap(p, 3 * PAGE);
}

static void rw_by_address_transfers_what_comes_before_the_bad_page(void **state)
{
	struct mem_caller owner;
	struct mem_source *source;
	char *p = map_pages(3);
	char got[3 * PAGE];

	(void)state;
	mem_caller_init(&owner, 151, 100);
	memset(p, 1, 3 * PAGE);
	munmap(p + 2 * PAGE, PAGE);
	source = va_source(&owner, p, 3 * PAGE, MEM_ACCOUNT_USER);
	for (int slow = 0; slow < 2; slow++) {
		memset(got, 0, sizeof(got));
		assert_int_equal(
			mem_source_rw(source, &owner.caller, 8, got, sizeof(got) - 8, false, slow),
			-EFAULT);
		/* By pins: all or nothing. */
		for (size_t i = 0; i < 2 * PAGE - 8; i++)
			assert_int_equal(got[i], !slow);
		assert_int_equal(got[2 * PAGE - 8], 0);
	}
	assert_int_equal(mem_user_locked(151), 0);
	mem_source_put(source);
	munmap(p, 2 * PAGE);
}

/* ---- threads ---- */

struct hammer {
	struct mem_source *source; /* a reference, which the thread puts */
	int rounds;
	struct rng rng;
};

static void *pin_and_unpin(void *arg)
{
	struct hammer *hammer = arg;

	for (int i = 0; i < hammer->rounds; i++) {
		uint64_t first = rng_below(&hammer->rng, 16);
		uint64_t count = 1 + rng_below(&hammer->rng, 16 - first);
		uint64_t bus, run;

		assert_int_equal(mem_source_pin(hammer->source, pages(first, count)), 0);
		assert_true(mem_source_pinned(hammer->source, pages(first, count)));
		mem_source_extent(hammer->source, first * PAGE, 1, &bus, &run);
		mem_source_unpin(hammer->source, pages(first, count));
	}
	mem_source_put(hammer->source);
	return NULL;
}

/* The threads end one by one: the last of them has the source for itself, and takes no lock. */
static void threads_pin_and_unpin_the_same_source(void **state)
{
	struct mem_caller caller;
	struct mem_source *sources[2];
	struct hammer hammers[8];
	pthread_t threads[8];
	char *p = map_pages(16);
	int fd = memfd(16 * PAGE);

	(void)state;
	mem_caller_init(&caller, 160, 1000);
	sources[0] = va_source(&caller, p, 16 * PAGE, MEM_ACCOUNT_USER);
	sources[1] = file_source(&caller, fd, 0, 16 * PAGE);
	for (int i = 0; i < 8; i++) {
		hammers[i].source = mem_source_get(sources[i & 1]);
		hammers[i].rounds = 1000 + 200 * i;
		hammers[i].rng = rng_of((uint64_t)i);
		assert_int_equal(pthread_create(&threads[i], NULL, pin_and_unpin, &hammers[i]), 0);
	}
	mem_source_put(sources[0]);
	mem_source_put(sources[1]);
	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(mem_user_locked(160), 0);
	close(fd);
	munmap(p, 16 * PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_source_has_room_for_its_creator),
		cmocka_unit_test(a_source_says_what_it_is),
		cmocka_unit_test(pages_are_populated_and_charged_for_the_first_user_only),
		cmocka_unit_test(a_split_pin_is_taken_away_in_two_parts),
		cmocka_unit_test(one_bad_page_pins_nothing),
		cmocka_unit_test(a_dead_process_pins_nothing_new),
		cmocka_unit_test(the_limit_counts_what_a_user_has_in_all_processes),
		cmocka_unit_test(the_other_modes_charge_the_process_or_nobody),
		cmocka_unit_test(who_mapped_pays_whoever_the_process_becomes),
		cmocka_unit_test(a_source_moves_to_another_process_with_its_charge),
		cmocka_unit_test(a_files_pages_stay_when_the_descriptor_is_gone),
		cmocka_unit_test(sources_of_one_file_share_its_frames_and_mappings),
		cmocka_unit_test(what_is_wrong_with_a_file_shows_when_it_is_pinned),
		cmocka_unit_test(holes_are_allocated),
		cmocka_unit_test(a_file_that_is_open_for_reading_can_be_written_to),
		cmocka_unit_test(a_file_sealed_against_writing_can_be_pinned_but_not_written),
		cmocka_unit_test(rw_by_the_owner_sees_what_is_at_the_address_now),
		cmocka_unit_test(rw_by_address_transfers_what_comes_before_the_bad_page),
		cmocka_unit_test(threads_pin_and_unpin_the_same_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
