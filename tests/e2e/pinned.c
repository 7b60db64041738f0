/* SPDX-License-Identifier: MIT */
/*
 * What is mapped for a device keeps meaning the same pages, whatever the program does to its own
 * view of them [IOAS-PIN-VIEW]. Needs one device, edu.
 */
#include <linux/falloc.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../lib/page.h"
#include "device.h"

#ifndef MADV_GUARD_INSTALL /* missing in older headers */
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE  103
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

#define MSEAL 462 /* mseal(2), the same number everywhere */

enum {
	PAGES = 4,
	BYTES = PAGES * PAGE,
	IOVA = 0x100000,
	OLD = 0x61, /* in pages 0, 1, ...: this and what follows it */
	NEW = 0x33,
};

/* ---- an allocator that knows when it is entered again ---- */

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && defined(__GLIBC__)
#define OWN_ALLOCATOR
#define VISIBLE __attribute__((visibility("default"))) /* to all libraries */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *old);

static __thread bool holds_lock; /* of the allocator */
static __thread int entered_again;

VISIBLE void *malloc(size_t size)
{
	entered_again += holds_lock;
	return __libc_malloc(size);
}

VISIBLE void *calloc(size_t count, size_t size)
{
	entered_again += holds_lock;
	return __libc_calloc(count, size);
}

VISIBLE void *realloc(void *old, size_t size)
{
	entered_again += holds_lock;
	return __libc_realloc(old, size);
}

VISIBLE int posix_memalign(void **out, size_t align, size_t size)
{
	entered_again += holds_lock;
	*out = __libc_memalign(align, size);
	return *out ? 0 : ENOMEM;
}

VISIBLE void free(void *old)
{
	entered_again += holds_lock;
	__libc_free(old);
}
#endif

/* ---- memory of a kind ---- */

static void fill(unsigned char *memory)
{
	for (size_t i = 0; i < PAGES; i++)
		memset(memory + i * PAGE, OLD + (int)i, PAGE);
}

static unsigned char *anonymous(int kind)
{
	unsigned char *memory =
		mmap(NULL, BYTES, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED);
	fill(memory);
	return memory;
}

static unsigned char *of_file(int *fd)
{
	unsigned char *memory;

	*fd = memfd_create("pinned", MFD_ALLOW_SEALING);
	CHECK(ftruncate(*fd, BYTES) == 0);
	memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	CHECK(memory != MAP_FAILED);
	fill(memory);
	return memory;
}

static void set_up_with(unsigned char *memory)
{
	set_up();
	map_scratch();
	CHECK(map(memory, BYTES, IOVA) == 0);
}

/* The device still has the page that was @page; @now is the program's, if not NULL. */
static void check_kept(size_t page, const unsigned char *now)
{
	const uint64_t iova = IOVA + page * PAGE;
	const int before = now ? *now : 0;

	CHECK(dma_read(iova) == OLD + (int)page);
	dma_write(iova, NEW);
	CHECK(dma_read(iova) == NEW);
	dma_write(iova, (unsigned char)(OLD + page));
	CHECK(!now || *now == before);
}

/* The program and the device have the same page. */
static void check_shared(size_t page, unsigned char *now)
{
	const uint64_t iova = IOVA + page * PAGE;

	*now = NEW;
	CHECK(dma_read(iova) == NEW);
	dma_write(iova, NEW + 1);
	CHECK(*now == NEW + 1);
	*now = (unsigned char)(OLD + page);
}

/* ---- rights ---- */

static void protect_and_check(unsigned char *memory)
{
	set_up_with(memory);
	CHECK(mprotect(memory, PAGE, PROT_READ) == 0);
	dma_write(IOVA, NEW);
	CHECK(memory[0] == NEW);
	CHECK(mprotect(memory, 2 * PAGE, PROT_NONE) == 0);
	CHECK(dma_read(IOVA) == NEW);
	dma_write(IOVA + PAGE, NEW);
	CHECK(mprotect(memory, 2 * PAGE, PROT_READ | PROT_WRITE) == 0);
	CHECK(memory[PAGE] == NEW);
	/* Then the program takes it away, with no rights to it. */
	memory[0] = OLD;
	CHECK(mprotect(memory, PAGE, PROT_NONE) == 0);
	CHECK(munmap(memory, PAGE) == 0);
	check_kept(0, NULL);
	munmap(memory, BYTES);
	tear_down();
}

/* [IOAS-PIN-VIEW.7] */
static void rights_of_the_program_do_not_concern_the_device(void)
{
	protect_and_check(anonymous(MAP_PRIVATE));
	protect_and_check(anonymous(MAP_SHARED));
}

/* [IOAS-PIN-VIEW.2] */
static void rights_move_with_the_memory(void)
{
	unsigned char *memory = anonymous(MAP_PRIVATE);
	unsigned char *moved = mmap(NULL, BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	set_up_with(memory);
	CHECK(mprotect(memory, BYTES, PROT_NONE) == 0);
	CHECK(mremap(memory, BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, moved) == moved);
	check_kept(1, NULL);
	CHECK(mprotect(moved, BYTES, PROT_READ | PROT_WRITE) == 0);
	check_shared(1, moved + PAGE);
	munmap(moved, BYTES);
	tear_down();
}

/* ---- advice ---- */

/* [IOAS-PIN-VIEW.5] */
static void pages_that_are_freed_lazily_stay_the_devices(void)
{
	unsigned char *memory = anonymous(MAP_PRIVATE);

	set_up();
	map_scratch();
	CHECK(map(memory + PAGE, PAGE, IOVA + PAGE) == 0);
	CHECK(madvise(memory, BYTES, MADV_FREE) == 0);
	CHECK(madvise(memory, BYTES, MADV_PAGEOUT) == 0 || errno == EINVAL);
	CHECK(memory[PAGE] == OLD + 1);
	check_shared(1, memory + PAGE);
	munmap(memory, BYTES);
	tear_down();
}

/* [IOAS-PIN-VIEW.5] */
static void private_memory_of_the_zero_device_is_no_files(void)
{
	const int fd = open("/dev/zero", O_RDWR);
	unsigned char *memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

	fill(memory);
	set_up_with(memory);
	CHECK(madvise(memory, 2 * PAGE, MADV_FREE) == 0);
	CHECK(memory[PAGE] == OLD + 1);
	check_shared(1, memory + PAGE);
	CHECK(madvise(memory, PAGE, MADV_DONTNEED) == 0);
	check_kept(0, memory);
	munmap(memory, BYTES);
	close(fd);
	tear_down();
}

/* [IOAS-PIN-VIEW.3] */
static void dropped_pages_stay_the_devices(void)
{
	const int advices[] = {MADV_DONTNEED, MADV_DONTNEED_LOCKED};

	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++) {
		unsigned char *memory = anonymous(MAP_PRIVATE);

		set_up_with(memory);
		if (madvise(memory + PAGE, PAGE, advices[i]) == 0) {
			CHECK(memory[PAGE] == 0 && memory[2 * PAGE] == OLD + 2);
			check_kept(1, memory + PAGE);
			check_shared(2, memory + 2 * PAGE);
		}
		munmap(memory, BYTES);
		tear_down();
	}
}

/* [IOAS-PIN-VIEW.3] Behind a hole, too, which the kernel tells of when it has dropped the pages. */
static void pages_of_several_mappings_are_dropped_and_stay_the_devices(void)
{
	unsigned char *memory = anonymous(MAP_PRIVATE);

	set_up_with(memory);
	CHECK(mprotect(memory, PAGE, PROT_READ) == 0);
	CHECK(munmap(memory + 2 * PAGE, PAGE) == 0);
	CHECK(madvise(memory, BYTES, MADV_DONTNEED) == -1 && errno == ENOMEM);
	for (size_t i = 0; i < PAGES; i++) {
		unsigned char *now = i == 2 ? NULL : memory + i * PAGE;

		CHECK(!now || *now == 0);
		check_kept(i, now);
	}
	munmap(memory, BYTES);
	tear_down();
}

/* [IOAS-PIN-VIEW.4] */
static void dropping_shared_memory_drops_no_page(void)
{
	unsigned char *memory = anonymous(MAP_SHARED);

	set_up_with(memory);
	CHECK(madvise(memory, 2 * PAGE, MADV_DONTNEED) == 0);
	CHECK(memory[PAGE] == OLD + 1);
	check_shared(1, memory + PAGE);
	CHECK(munmap(memory, BYTES) == 0);
	check_kept(1, NULL);
	tear_down();
}

/* The page stays in its file, and is the device's still, but not at the program's address. */
static void guards_take_the_place_of_the_programs_view_only(void)
{
	const int kinds[] = {MAP_PRIVATE, MAP_SHARED};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		unsigned char *memory = anonymous(kinds[i]);

		set_up_with(memory);
		if (madvise(memory + PAGE, PAGE, MADV_GUARD_INSTALL) == 0) {
			check_kept(1, NULL);
			CHECK(madvise(memory + PAGE, PAGE, MADV_GUARD_REMOVE) == 0);
			if (kinds[i] == MAP_SHARED)
				check_shared(1, memory + PAGE);
			else
				check_kept(1, memory + PAGE);
			check_shared(2, memory + 2 * PAGE);
		}
		munmap(memory, BYTES);
		tear_down();
	}
}

/* [IOAS-PIN-VIEW.8] */
static void memory_that_is_locked_with_all_other_is_not_dropped(void)
{
	unsigned char *memory = anonymous(MAP_PRIVATE);

	set_up_with(memory);
	if (mlockall(MCL_CURRENT) == 0) {
		CHECK(madvise(memory, BYTES, MADV_DONTNEED) == -1 && errno == EINVAL);
		CHECK(memory[PAGE] == OLD + 1);
		check_shared(1, memory + PAGE);
		CHECK(munlockall() == 0);
	}
	munmap(memory, BYTES);
	tear_down();
}

/* A field of /proc/self/status, in KiB. */
static long status_of(const char *field)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[256];
	long value = -1;

	while (status && fgets(line, sizeof(line), status)) {
		if (strncmp(line, field, strlen(field)) == 0)
			value = strtol(line + strlen(field), NULL, 10);
	}
	CHECK(status && fclose(status) == 0);
	return value;
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
/* Nor does what the engine has reserved, or allocates from then on. */
static void only_memory_of_the_program_counts_as_locked(void)
{
	unsigned char *memory = anonymous(MAP_PRIVATE);
	long before;

	set_up_with(memory);
	if (mlockall(MCL_CURRENT | MCL_FUTURE) == 0) {
		before = status_of("VmLck:");
		CHECK(before < 4 << 20);
		CHECK(munmap(memory, PAGE) == 0);
		CHECK(status_of("VmLck:") == before - PAGE / 1024);
		check_kept(0, NULL);
		CHECK(munlockall() == 0);
	}
	munmap(memory, BYTES);
	tear_down();
}
#endif

static void locked_memory_that_is_taken_away_does_not_count(void)
{
	unsigned char *memory = anonymous(MAP_PRIVATE);
	const long kib = PAGE / 1024, before = status_of("VmLck:");

	set_up_with(memory);
	if (mlock(memory, BYTES) == 0) {
		CHECK(munmap(memory, PAGE) == 0);
		CHECK(status_of("VmLck:") == before + 3 * kib);
		if (madvise(memory + PAGE, PAGE, MADV_DONTNEED_LOCKED) == 0)
			CHECK(memory[PAGE] == 0);
		CHECK(status_of("VmLck:") == before + 3 * kib);
		CHECK(mmap(memory + PAGE, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, 9999, 0) ==
		      MAP_FAILED);
		CHECK(status_of("VmLck:") == before + 3 * kib);
		CHECK(munmap(memory + 3 * PAGE, PAGE) == 0);
		CHECK(munlock(memory + PAGE, 2 * PAGE) == 0);
		CHECK(status_of("VmLck:") == before);
		check_kept(0, NULL);
		check_kept(1, NULL);
		check_shared(2, memory + 2 * PAGE);
		check_kept(3, NULL);
	}
	munmap(memory, BYTES);
	tear_down();
}

/* Sealed memory cannot move, but its pages can be dropped [IOAS-PIN-VIEW.3]. */
static void pages_of_sealed_memory_are_dropped_and_stay_the_devices(void)
{
	unsigned char *memory = anonymous(MAP_PRIVATE);

	set_up_with(memory);
	if (syscall(MSEAL, memory, 2 * PAGE, 0) == 0) {
		CHECK(munmap(memory, PAGE) == -1 && errno == EPERM);
		check_shared(0, memory);
		CHECK(madvise(memory, 3 * PAGE, MADV_DONTNEED) == 0);
		for (size_t i = 0; i < 3; i++) {
			CHECK(memory[i * PAGE] == 0);
			check_kept(i, memory + i * PAGE);
		}
		check_shared(3, memory + 3 * PAGE);
	}
	tear_down();
}

/* What is kept for the device is not the program's. */
static void memory_is_given_back_at_the_limit_of_data(void)
{
	unsigned char *memory = anonymous(MAP_PRIVATE);
	struct rlimit before, limit;

	set_up_with(memory);
	check_shared(0, memory);
	CHECK(getrlimit(RLIMIT_DATA, &before) == 0);
	limit = before;
	limit.rlim_cur = (rlim_t)status_of("VmData:") * 1024;
	CHECK(setrlimit(RLIMIT_DATA, &limit) == 0);
	CHECK(munmap(memory, 2 * PAGE) == 0);
	/* On a shared machine, what is kept is another process's. */
	CHECK(madvise(memory + 3 * PAGE, PAGE, MADV_DONTNEED) == 0 || errno == ENOMEM);
	CHECK(setrlimit(RLIMIT_DATA, &before) == 0);
	check_kept(1, NULL);
	check_shared(2, memory + 2 * PAGE);
	munmap(memory, BYTES);
	tear_down();
}

/* The child of a vfork() has its parent's memory. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static int set_limit_of_addresses(rlim_t bytes)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_AS, &limit) ||
	       setrlimit(RLIMIT_AS, &(struct rlimit){bytes, limit.rlim_max});
}

/* Whether 256 MiB can be mapped, and 4 GiB cannot, below a limit of a GiB. */
static bool limit_leaves_space(void)
{
	const int kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	const size_t fits = (size_t)256 << 20;
	void *memory;

	if (mmap(NULL, (size_t)4 << 30, PROT_READ, kind, -1, 0) != MAP_FAILED)
		return false;
	memory = mmap(NULL, fits, PROT_READ | PROT_WRITE, kind, -1, 0);
	return memory != MAP_FAILED && munmap(memory, fits) == 0;
}

/* In a process of its own: [IOAS-PIN-VIEW.1, 3] below a limit that comes late. */
static void live_with_few_addresses(void)
{
	unsigned char *memory = anonymous(MAP_PRIVATE);

	set_up_with(memory);
	CHECK(munmap(memory, PAGE) == 0);
	CHECK(set_limit_of_addresses((rlim_t)1 << 30) == 0);
	CHECK(limit_leaves_space());
	check_kept(0, NULL);
	CHECK(madvise(memory + PAGE, PAGE, MADV_DONTNEED) == 0);
	check_kept(1, memory + PAGE);
	CHECK(munmap(memory + 2 * PAGE, 2 * PAGE) == 0);
	check_kept(3, NULL);
	CHECK(prlimit(0, RLIMIT_AS, NULL, NULL) == 0 &&
	      prlimit(0, RLIMIT_AS, &(struct rlimit){2, 1}, NULL) < 0);
	CHECK(errno == EINVAL);
}

static void addresses_that_are_only_reserved_do_not_count(void)
{
	for (int early = 0; early < 2; early++) {
		pid_t child = fork();
		int status = 0;

		if (!child) {
			if (early)
				CHECK(set_limit_of_addresses((rlim_t)1 << 30) == 0);
			live_with_few_addresses();
			_exit(check_failed);
		}
		CHECK(waitpid(child, &status, 0) == child && status == 0);
	}
}
#endif

static void a_child_with_the_same_memory_takes_it_from_its_parent(void)
{
	unsigned char *memory = anonymous(MAP_PRIVATE);
	pid_t child;
	int status;

	set_up_with(memory);
	child = vfork();
	if (!child) {
		munmap(memory, PAGE);
		madvise(memory + PAGE, PAGE, MADV_DONTNEED);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK(memory[PAGE] == 0);
	check_kept(0, NULL);
	check_kept(1, memory + PAGE);
	check_shared(2, memory + 2 * PAGE);
	munmap(memory, BYTES);
	tear_down();
}

/* ---- files ---- */

static int punch(int fd, unsigned char *memory)
{
	(void)memory;
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE / 2, 2 * PAGE);
}

static int remove_by_address(int fd, unsigned char *memory)
{
	(void)fd;
	return madvise(memory + PAGE, PAGE, MADV_REMOVE);
}

static int cut_and_grow(int fd, unsigned char *memory)
{
	(void)memory;
	return ftruncate(fd, PAGE) || ftruncate(fd, BYTES);
}

static int cut_by_path(int fd, unsigned char *memory)
{
	char path[64];

	(void)memory;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return truncate(path, PAGE) || ftruncate(fd, BYTES);
}

/* Without a free descriptor. */
static int cut_at_the_limit(int fd, unsigned char *memory)
{
	struct rlimit limit;
	int rc;

	(void)memory;
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	CHECK(setrlimit(RLIMIT_NOFILE, &(struct rlimit){1, limit.rlim_max}) == 0);
	CHECK(dup(fd) < 0 && errno == EMFILE);
	rc = ftruncate(fd, PAGE) || ftruncate(fd, BYTES);
	CHECK(dup(fd) < 0 && errno == EMFILE);
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	return rc;
}

static int cut_by_opening(int fd, unsigned char *memory)
{
	char path[64];
	int again;

	(void)memory;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR | O_TRUNC);
	return close(again) || ftruncate(fd, BYTES);
}

static int cut_by_creating(int fd, unsigned char *memory)
{
	char path[64];

	(void)memory;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return close(creat(path, 0600)) || ftruncate(fd, BYTES);
}

static int cut_by_stream(int fd, unsigned char *memory)
{
	char path[64];

	(void)memory;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return fclose(fopen(path, "w+")) || ftruncate(fd, BYTES);
}

static int cut_by_reopened_stream(int fd, unsigned char *memory)
{
	char path[64];

	(void)memory;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return fclose(freopen(path, "w", fopen("/dev/null", "r"))) || ftruncate(fd, BYTES);
}

static int (*const departures[])(int fd, unsigned char *memory) = {
	punch,		 cut_by_path,	cut_and_grow,		cut_by_opening,	 remove_by_address,
	cut_by_creating, cut_by_stream, cut_by_reopened_stream, cut_at_the_limit};

/* Page 1 leaves the file; page 0 is at most changed, or goes, too [IOAS-PIN-VIEW.6]. */
static void pages_that_leave_a_file_stay_the_devices(void)
{
	for (size_t i = 0; i < sizeof(departures) / sizeof(departures[0]); i++) {
		for (int by_file = 0; by_file < 2; by_file++) {
			int fd;
			unsigned char *memory = of_file(&fd);

			set_up();
			map_scratch();
			CHECK((by_file ? map_file(fd, BYTES, IOVA) : map(memory, BYTES, IOVA)) ==
			      0);
			CHECK(departures[i](fd, memory) == 0);
			CHECK(memory[PAGE] == 0);
			check_kept(1, memory + PAGE);
			if (memory[0])
				check_shared(0, memory);
			else
				check_kept(0, memory);
			munmap(memory, BYTES);
			close(fd);
			tear_down();
		}
	}
}

static void mappings_of_one_page_that_has_left_its_file_are_one_page(void)
{
	int fd;
	unsigned char *memory = of_file(&fd);

	set_up();
	map_scratch();
	CHECK(map(memory, BYTES, IOVA) == 0);
	CHECK(map_file(fd, BYTES, IOVA + 0x10000) == 0);
	CHECK(munmap(memory, BYTES) == 0);
	CHECK(ftruncate(fd, 0) == 0);
	check_kept(1, NULL);
	dma_write(IOVA + PAGE, NEW);
	CHECK(dma_read(IOVA + 0x10000 + PAGE) == NEW);
	CHECK(unmap(BYTES, IOVA) == 0);
	CHECK(dma_read(IOVA + 0x10000 + PAGE) == NEW);
	close(fd);
	tear_down();
}

/* The flags of MAP: fixed IOVA, readable. */
#define FOR_READING 5

static int map_for_reading(void *memory, uint64_t iova)
{
	struct ioas_map cmd = {.size = sizeof(cmd),
			       .flags = FOR_READING,
			       .ioas_id = (uint32_t)ioas,
			       .user_va = (uintptr_t)memory,
			       .length = BYTES,
			       .iova = iova};

	return ioctl(context, IOMMU_IOAS_MAP, &cmd);
}

/* A pin gives the program its own pages, for reading as well [IOAS-PIN-ERRORS]. */
/* By a path that cannot lead to the machine. */
static void a_file_that_openat2_empties_leaves_its_pages_to_the_device(void)
{
	const struct open_how how = {.flags = O_RDWR | O_TRUNC};
	char path[] = "/dev/shm/pinned-XXXXXX";
	const int fd = mkstemp(path);
	unsigned char *memory;
	int again;

	CHECK(fd >= 0 && ftruncate(fd, BYTES) == 0);
	memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(memory != MAP_FAILED);
	fill(memory);
	set_up_with(memory);
	again = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	CHECK(again >= 0 && unlink(path) == 0 && ftruncate(fd, BYTES) == 0);
	for (size_t i = 0; i < PAGES; i++)
		check_kept(i, memory + i * PAGE);
	close(again);
	close(fd);
	munmap(memory, BYTES);
	tear_down();
}

/* The program's copies are dropped as well where the rest of a file on a disk moves. */
static void a_file_whose_rest_moves_leaves_copies_to_the_device(void)
{
	static const int modes[] = {FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_INSERT_RANGE};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		char path[] = "pinned-XXXXXX";
		unsigned char *memory, page[PAGE];
		const int fd = mkstemp(path);

		CHECK(fd >= 0 && unlink(path) == 0);
		for (size_t k = 0; k < PAGES; k++) {
			memset(page, OLD + (int)k, PAGE);
			CHECK(write(fd, page, PAGE) == PAGE);
		}
		memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
		CHECK(memory != MAP_FAILED);
		set_up_with(memory);
		/* Not every file system can do that. */
		if (fallocate(fd, modes[i], PAGE, PAGE) == 0) {
			check_kept(1, NULL);
			check_kept(2, NULL);
		}
		check_shared(0, memory);
		munmap(memory, BYTES);
		close(fd);
		tear_down();
	}
}

static void what_is_written_to_a_file_does_not_reach_pinned_copies(void)
{
	const int rights[] = {PROT_READ, PROT_READ | PROT_WRITE};

	for (size_t i = 0; i < 2 * sizeof(rights) / sizeof(rights[0]); i++) {
		int fd;
		unsigned char *memory = of_file(&fd);
		unsigned char *copy = mmap(NULL, BYTES, rights[i / 2], MAP_PRIVATE, fd, 0);

		set_up();
		map_scratch();
		if (i % 2 && rights[i / 2] & PROT_WRITE)
			CHECK(map(copy, BYTES, IOVA) == 0);
		else
			CHECK(map_for_reading(copy, IOVA) == 0);
		memory[PAGE] = NEW;
		CHECK(copy[PAGE] == OLD + 1);
		CHECK(dma_read(IOVA + PAGE) == OLD + 1);
		CHECK(ftruncate(fd, 0) == 0);
		CHECK(dma_read(IOVA + 2 * PAGE) == OLD + 2);
		munmap(copy, BYTES);
		munmap(memory, BYTES);
		close(fd);
		tear_down();
	}
}

/* ---- the break, and System V ---- */

/* [IOAS-PIN-VIEW.1] */
static void a_break_that_moves_down_and_up_has_other_pages(void)
{
	unsigned char *memory, *again;

	(void)sbrk((intptr_t)(PAGE - (uintptr_t)sbrk(0) % PAGE));
	memory = sbrk(BYTES);
	fill(memory);
	set_up_with(memory);
	CHECK(sbrk(-BYTES) == memory + BYTES);
	again = sbrk(BYTES);
	CHECK(again == memory && again[PAGE] == 0);
	check_kept(1, again + PAGE);
	CHECK(brk(memory + PAGE) == 0 && brk(memory + BYTES) == 0);
	CHECK(sbrk(0) == memory + BYTES);
	check_kept(2, memory + 2 * PAGE);
	/* Not into other memory. */
	CHECK(unmap(BYTES, IOVA) == 0);
	fill(memory);
	CHECK(map(memory, BYTES, IOVA) == 0);
	CHECK(brk((void *)PAGE) == 0 || errno == ENOMEM);
	CHECK(sbrk(0) == memory + BYTES && memory[PAGE] == OLD + 1);
	check_shared(1, memory + PAGE);
	tear_down();
}

/* [IOAS-PIN-VIEW.1] */
static void a_segment_that_is_detached_stays_the_devices(void)
{
	const int id = shmget(IPC_PRIVATE, BYTES, IPC_CREAT | 0600);
	const int other = shmget(IPC_PRIVATE, BYTES, IPC_CREAT | 0600);
	unsigned char *memory = shmat(id, NULL, 0), *again;

	CHECK(memory != (void *)-1);
	fill(memory);
	set_up_with(memory);
	CHECK(shmat(other, memory, SHM_REMAP) == memory);
	CHECK(memory[PAGE] == 0);
	check_kept(1, memory + PAGE);
	CHECK(shmdt(memory) == 0);
	again = shmat(id, NULL, 0);
	check_shared(2, again + 2 * PAGE);
	CHECK(map(again, BYTES, IOVA + 0x10000) == 0);
	CHECK(shmdt(again) == 0);
	CHECK(dma_read(IOVA + 0x10000) == OLD);
	CHECK(shmctl(id, IPC_RMID, NULL) == 0 && shmctl(other, IPC_RMID, NULL) == 0);
	check_kept(3, NULL);
	tear_down();
}

/* ---- calls that fail ---- */

static void check_untouched(unsigned char *memory)
{
	for (size_t i = 0; i < PAGES; i++) {
		CHECK(memory[i * PAGE] == OLD + i);
		check_shared(i, memory + i * PAGE);
	}
}

/* [IOAS-PIN-VIEW.8] */
static void a_call_that_fails_takes_nothing_away(void)
{
	int fd;
	unsigned char *memory = anonymous(MAP_PRIVATE), *file = of_file(&fd);
	unsigned char *copy = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	unsigned char *hole = anonymous(MAP_PRIVATE);
	const int read_only = open("/proc/self/exe", O_RDONLY);
	const int write = PROT_READ | PROT_WRITE;

	set_up_with(memory);
	munmap(hole, BYTES);
	CHECK(mmap(memory, BYTES, write, MAP_SHARED | MAP_FIXED, 9999, 0) == MAP_FAILED);
	CHECK(mmap(memory, BYTES, write, MAP_SHARED | MAP_FIXED, read_only, 0) == MAP_FAILED);
	CHECK(mmap(memory, BYTES, write, MAP_PRIVATE | MAP_FIXED, read_only, 1) == MAP_FAILED);
	CHECK(munmap(memory + 1, BYTES) == -1);
	CHECK(mremap(memory, BYTES, PAGE, 64) == MAP_FAILED);
	CHECK(mremap(memory, BYTES - PAGE, BYTES - PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		     memory + PAGE) == MAP_FAILED);
	CHECK(mremap(hole, BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, memory) == MAP_FAILED);
	CHECK(errno == EFAULT);
	CHECK(shmat(-1, memory, SHM_REMAP) == (void *)-1);
	CHECK(shmdt(memory) == -1);
	CHECK(madvise(memory, BYTES, MADV_REMOVE) == -1);
	if (mlock(memory, BYTES) == 0)
		CHECK(madvise(memory, BYTES, MADV_DONTNEED) == -1 && errno == EINVAL);
	check_untouched(memory);
	CHECK(unmap(BYTES, IOVA) == 0);

	CHECK(map(copy, BYTES, IOVA) == 0);
	CHECK(madvise(copy, BYTES, MADV_FREE) == -1 && errno == EINVAL);
	check_untouched(copy);
	CHECK(unmap(BYTES, IOVA) == 0);
	munmap(copy, BYTES);

	CHECK(map(file, BYTES, IOVA) == 0);
	CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
	CHECK(ftruncate(fd, 0) == -1 && errno == EPERM);
	CHECK(madvise(file, BYTES, MADV_FREE) == -1 && errno == EINVAL);
	check_untouched(file);
	close(fd);
	close(read_only);
	munmap(memory, BYTES);
	munmap(file, BYTES);
	tear_down();
}

/* ---- calls of the allocator ---- */

#ifdef OWN_ALLOCATOR
enum {
	MANY = 200
};

/* All kinds of calls, for memory that is mapped piece by piece. */
static void take_everything_away(unsigned char *memory[MANY], unsigned char *file, int fd)
{
	(void)mprotect(memory[0], BYTES, PROT_NONE);
	(void)mprotect(memory[0], BYTES, PROT_READ | PROT_WRITE);
	(void)madvise(memory[0], BYTES, MADV_FREE);
	(void)madvise(memory[0], 2 * PAGE, MADV_DONTNEED);
	(void)madvise(file, PAGE, MADV_REMOVE);
	(void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE, PAGE);
	CHECK(ftruncate(fd, 0) == 0);
	(void)mremap(memory[1], BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, memory[2]);
	(void)mmap(memory[2], BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	(void)shmdt(memory[3]);
	(void)sbrk(-BYTES);
	for (size_t i = 4; i < MANY; i++)
		munmap(memory[i], BYTES);
}

/* The C library's allocator gives memory back with its lock held. */
static void taking_memory_away_does_not_enter_the_allocator(void)
{
	unsigned char *memory[MANY], *file;
	int fd, again;

	file = of_file(&fd);
	set_up();
	CHECK(map(file, BYTES, IOVA + 0x800000) == 0);
	CHECK(map_file(fd, BYTES, IOVA + 0x900000) == 0);
	for (size_t i = 0; i < MANY; i++) {
		memory[i] = anonymous(MAP_PRIVATE);
		CHECK(map(memory[i], BYTES, IOVA + i * BYTES) == 0);
		CHECK(map(memory[i] + PAGE, PAGE, IOVA + 0x1000000 + i * BYTES) == 0);
	}
	CHECK(map(sbrk(BYTES), BYTES, IOVA + 0xa00000) == 0);
	holds_lock = true;
	take_everything_away(memory, file, fd);
	holds_lock = false;
	again = entered_again;
	CHECK(again == 0);
	close(fd);
	tear_down();
}
#endif

/* ---- what nobody sees ---- */

#ifdef __x86_64__
static long direct(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "+a"(number)
			 : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return number;
}

/* The device goes on with its pages, or is cut off; it never gets the new ones. */
static void memory_that_takes_the_place_of_pinned_pages_is_not_the_devices(void)
{
	unsigned char *memory = anonymous(MAP_PRIVATE), *again;
	int got;

	set_up_with(memory);
	CHECK(direct(SYS_munmap, (long)memory, BYTES, 0, 0, 0, 0) == 0);
	again = mmap(memory, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(again == memory);
	fill(again);
	again[PAGE] = NEW;
	got = dma_read(IOVA + PAGE);
	CHECK(got == -1 || got == OLD + 1);
	dma_write(IOVA + 2 * PAGE, NEW);
	CHECK(again[2 * PAGE] == OLD + 2);
	munmap(again, BYTES);
	tear_down();
}
#endif

int main(void)
{
	const struct check_test tests[] = {
		TEST(rights_of_the_program_do_not_concern_the_device),
		TEST(rights_move_with_the_memory),
		TEST(pages_that_are_freed_lazily_stay_the_devices),
		TEST(private_memory_of_the_zero_device_is_no_files),
		TEST(dropped_pages_stay_the_devices),
		TEST(pages_of_several_mappings_are_dropped_and_stay_the_devices),
		TEST(dropping_shared_memory_drops_no_page),
		TEST(guards_take_the_place_of_the_programs_view_only),
		TEST(memory_that_is_locked_with_all_other_is_not_dropped),
		TEST(locked_memory_that_is_taken_away_does_not_count),
		TEST(pages_of_sealed_memory_are_dropped_and_stay_the_devices),
		TEST(memory_is_given_back_at_the_limit_of_data),
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
		TEST(only_memory_of_the_program_counts_as_locked),
		TEST(addresses_that_are_only_reserved_do_not_count),
#endif
		TEST(a_child_with_the_same_memory_takes_it_from_its_parent),
		TEST(pages_that_leave_a_file_stay_the_devices),
		TEST(mappings_of_one_page_that_has_left_its_file_are_one_page),
		TEST(a_file_that_openat2_empties_leaves_its_pages_to_the_device),
		TEST(a_file_whose_rest_moves_leaves_copies_to_the_device),
		TEST(what_is_written_to_a_file_does_not_reach_pinned_copies),
		TEST(a_break_that_moves_down_and_up_has_other_pages),
		TEST(a_segment_that_is_detached_stays_the_devices),
		TEST(a_call_that_fails_takes_nothing_away),
#ifdef OWN_ALLOCATOR
		TEST(taking_memory_away_does_not_enter_the_allocator),
#endif
#ifdef __x86_64__
		TEST(memory_that_takes_the_place_of_pinned_pages_is_not_the_devices),
#endif
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
