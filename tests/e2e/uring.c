/* SPDX-License-Identifier: MIT */
/*
 * io_uring on emulated and on other descriptors, and on memory that is mapped for a device, by
 * system calls without the C library. Needs one device, edu.
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../lib/page.h"
#include "device.h"
#include "direct_call.h"

#if defined(__x86_64__) && defined(IORING_OFF_SQES)

/* Newer than some headers. */
#ifndef IORING_SETUP_NO_MMAP
#define IORING_SETUP_NO_MMAP (1U << 14)
#endif

enum {
	ENTRIES = 8,
	REGISTER_RING_FDS = 20,
	SKIPPED = 77,
	PAGES = 8,
	BYTES = PAGES * PAGE,
	IOVA = 0x100000,
	OLD = 0x61, /* in pages 0, 1, ...: this and what follows it */
};

/* Newer than some headers, too. */
enum {
	FALLOCATE = 17,
	OPENAT = 18,
	CLOSE = 19,
	STATX = 21,
	MADVISE = 25,
	OPENAT2 = 28,
	RENAMEAT = 35,
	UNLINKAT = 36,
	MKDIRAT = 37,
	SYMLINKAT = 38,
	LINKAT = 39,
	FTRUNCATE = 55,
	FEATURE_MIN_TIMEOUT = 1 << 15,
};

static struct io_uring_params params;
static int ring;
static char *queue, *completions;
static struct io_uring_sqe *requests;

static int set_up_ring(unsigned int flags)
{
	memset(&params, 0, sizeof(params));
	params.flags = flags;
	return (int)direct(SYS_io_uring_setup, ENTRIES, (long)&params, 0, 0, 0, 0);
}

/* Beside the one whose layout is known here. */
static int set_up_another(void)
{
	struct io_uring_params others = {0};

	return (int)direct(SYS_io_uring_setup, ENTRIES, (long)&others, 0, 0, 0, 0);
}

/* Whether the kernel, as new as this, has requests that give a result. */
static bool has_results(void)
{
	return params.features & FEATURE_MIN_TIMEOUT;
}

static void *map_ring(size_t len, off_t offset)
{
	return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, offset);
}

static unsigned int *word(char *base, unsigned int offset)
{
	return (unsigned int *)(void *)(base + offset);
}

/* Submits @request. Returns its result. */
static int submit_request(const struct io_uring_sqe *request)
{
	const unsigned int tail = *word(queue, params.sq_off.tail);
	const unsigned int head = *word(completions, params.cq_off.head);
	struct io_uring_cqe *results = (void *)(completions + params.cq_off.cqes);

	requests[0] = *request;
	word(queue, params.sq_off.array)[tail % ENTRIES] = 0;
	__atomic_store_n(word(queue, params.sq_off.tail), tail + 1, __ATOMIC_RELEASE);
	CHECK(direct(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, 0, 0) == 1);
	__atomic_store_n(word(completions, params.cq_off.head), head + 1, __ATOMIC_RELEASE);
	CHECK(results[head % (2 * ENTRIES)].user_data == request->user_data);
	return results[head % (2 * ENTRIES)].res;
}

static int submit(unsigned char opcode, int fd, void *buf, unsigned int len, uint64_t offset)
{
	return submit_request(&(struct io_uring_sqe){
		.opcode = opcode, .fd = fd, .addr = (uintptr_t)buf, .len = len, .off = offset});
}

/* @other: a second path, a structure, or NULL. */
static int submit_path(unsigned char opcode, const char *path, unsigned int len, const void *other,
		       int flags)
{
	return submit_request(&(struct io_uring_sqe){
		.opcode = opcode,
		.fd = AT_FDCWD,
		.addr = (uintptr_t)path,
		.len = len,
		.off = (uintptr_t)other,
		.rw_flags = flags,
		.user_data = 77,
	});
}

/* The first test: nothing of the machine has been opened yet. */
static void paths_lead_to_the_machine(void)
{
	const int expected = has_results() ? 0 : -EBADF;
	const struct open_how how = {.flags = O_RDWR};
	struct statx stx = {0};
	int fd = submit_path(OPENAT, "/dev/iommu", 0, NULL, O_RDWR);

	CHECK(expected ? fd == expected : new_ioas(fd) > 0);
	CHECK(submit(CLOSE, fd, NULL, 0, 0) == expected);
	CHECK(fcntl(fd, F_GETFD) < 0 && errno == EBADF);
	fd = submit_path(OPENAT2, "/dev/iommu", sizeof(how), &how, 0);
	CHECK(expected ? fd == expected : new_ioas(fd) > 0);
	close(fd);
	CHECK(submit_path(STATX, "/dev/vfio/vfio", STATX_MODE, &stx, 0) == expected);
	CHECK(expected || S_ISCHR(stx.stx_mode));
	CHECK(submit_path(STATX, "/dev/null", STATX_MODE, &stx, 0) == 0 && S_ISCHR(stx.stx_mode));
	fd = submit_path(OPENAT, "/dev/null", 0, NULL, O_RDWR);
	CHECK(fd >= 0 && close(fd) == 0);
}

static void names_of_the_machine_are_not_made_outside(void)
{
	const char *const node = "/dev/vfio/vfio", *const none = "/dev/vfio/none";
	const int expected = has_results() ? 0 : -EBADF;

	CHECK(submit_path(MKDIRAT, "/dev/vfio", 0700, NULL, 0) == (expected ? expected : -EEXIST));
	CHECK(submit_path(SYMLINKAT, "x", 0, node, 0) == (expected ? expected : -EEXIST));
	CHECK(submit_path(RENAMEAT, none, (unsigned int)AT_FDCWD, node, 0) ==
	      (expected ? expected : -ENOENT));
	CHECK(submit_path(LINKAT, node, (unsigned int)AT_FDCWD, "/tmp/none", 0) ==
	      (expected ? expected : -EXDEV));
	CHECK(submit_path(UNLINKAT, none, 0, NULL, 0) == (expected ? expected : -ENOENT));
}

static void other_descriptors_work(void)
{
	char byte = 1;
	int zero = open("/dev/zero", O_RDONLY);

	CHECK(submit(IORING_OP_NOP, -1, NULL, 0, 0) == 0);
	CHECK(submit(IORING_OP_READ, zero, &byte, 1, 0) == 1 && byte == 0);
	close(zero);
}

static void a_request_on_an_emulated_descriptor_is_EBADF(void)
{
	char byte;

	context = open("/dev/iommu", O_RDWR);
	CHECK(submit(IORING_OP_READ, context, &byte, 1, 0) == -EBADF);
	CHECK(submit(IORING_OP_FSYNC, context, NULL, 0, 0) == -EBADF);
	CHECK(direct(SYS_io_uring_register, ring, IORING_REGISTER_FILES, (long)&context, 1, 0, 0) ==
	      -EBADF);
	CHECK(new_ioas(context) > 0);
}

/* Under the number of standard input, as in a daemon, and under that of a copy. */
static void the_number_of_a_ring_does_not_matter(void)
{
	const int original = ring, input = dup(STDIN_FILENO);
	char byte;

	ring = dup(original);
	CHECK(submit(IORING_OP_READ, context, &byte, 1, 0) == -EBADF);
	CHECK(submit(IORING_OP_NOP, -1, NULL, 0, 0) == 0);
	CHECK(close(ring) == 0 && dup2(original, STDIN_FILENO) == STDIN_FILENO);
	ring = STDIN_FILENO;
	CHECK(submit(IORING_OP_READ, context, &byte, 1, 0) == -EBADF);
	ring = original;
	CHECK(close(STDIN_FILENO) == 0 && set_up_another() == STDIN_FILENO);
	CHECK(dup2(input, STDIN_FILENO) == STDIN_FILENO && close(input) == 0);
}

/* More than are remembered, one after the other under numbers of their own. */
static void rings_that_are_closed_are_forgotten(void)
{
	for (int i = 0; i < 300 && !check_failed; i++) {
		const int fd = set_up_another(), copy = fcntl(fd, F_DUPFD, 100 + i);

		CHECK(fd >= 0 && copy >= 100);
		CHECK(direct(SYS_io_uring_enter, copy, 1, 0, 0, 0, 0) == 0);
		CHECK(close(fd) == 0 && close(copy) == 0);
	}
}

static void what_cannot_be_seen_is_refused(void)
{
	CHECK(set_up_ring(IORING_SETUP_SQPOLL) == -EPERM);
	CHECK(set_up_ring(IORING_SETUP_NO_MMAP) == -EINVAL);
	CHECK(direct(SYS_io_uring_setup, ENTRIES, 8, 0, 0, 0, 0) == -EFAULT);
	CHECK(direct(SYS_io_uring_register, ring, REGISTER_RING_FDS, 0, 0, 0, 0) == -EINVAL);
}

/* ---- memory that is mapped for a device ---- */

static char file_path[32]; /* of the memory file */

/* Memory of a file, and of no file, which a device has: at IOVA, and behind it. */
static unsigned char *map_memory(int *fd)
{
	unsigned char *memory =
		mmap(NULL, 2 * BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	*fd = memfd_create("uring", 0);
	snprintf(file_path, sizeof(file_path), "/proc/self/fd/%d", *fd);
	CHECK(memory != MAP_FAILED && ftruncate(*fd, BYTES) == 0);
	CHECK(mmap(memory, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, *fd, 0) ==
	      memory);
	for (size_t i = 0; i < 2 * PAGES; i++)
		memset(memory + i * PAGE, OLD + (int)i, PAGE);
	CHECK(map(memory, 2 * BYTES, IOVA) == 0);
	return memory;
}

/* The device still has the page that was @page, and the program, if not @gone, a new one. */
static void check_kept(const unsigned char *memory, size_t page, bool gone)
{
	const uint64_t iova = IOVA + page * PAGE;

	CHECK(dma_read(iova) == OLD + (int)page);
	dma_write(iova, OLD - 1);
	CHECK(dma_read(iova) == OLD - 1);
	CHECK(gone || memory[page * PAGE] == 0);
}

static void advise_by_ring(unsigned char *memory)
{
	unsigned char *const own = memory + BYTES;

	CHECK(submit_request(&(struct io_uring_sqe){.opcode = MADVISE,
						    .fd = -1,
						    .addr = (uintptr_t)own,
						    .len = PAGE,
						    .fadvise_advice = MADV_DONTNEED}) == 0);
	check_kept(memory, PAGES, false);
	CHECK(submit_request(&(struct io_uring_sqe){.opcode = MADVISE,
						    .fd = -1,
						    .addr = (uintptr_t)own + PAGE,
						    .off = PAGE,
						    .fadvise_advice = MADV_DONTNEED}) == 0);
	check_kept(memory, PAGES + 1, false);
	CHECK(own[2 * PAGE] == OLD + PAGES + 2);
	CHECK(submit_request(&(struct io_uring_sqe){.opcode = MADVISE,
						    .fd = -1,
						    .addr = (uintptr_t)memory,
						    .len = PAGE,
						    .fadvise_advice = MADV_REMOVE}) == 0);
	check_kept(memory, 0, false);
	CHECK(submit_request(&(struct io_uring_sqe){.opcode = MADVISE,
						    .fd = -1,
						    .addr = (uintptr_t)memory + 1,
						    .len = PAGE,
						    .fadvise_advice = MADV_DONTNEED}) == -EINVAL);
}

static void cut_by_ring(unsigned char *memory, int fd)
{
	const struct open_how how = {.flags = O_RDWR | O_TRUNC};
	int opened;

	CHECK(submit(FALLOCATE, fd, (void *)(uintptr_t)PAGE,
		     FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE) == 0);
	check_kept(memory, 1, false);
	CHECK(submit(FTRUNCATE, fd, NULL, 0, (PAGES - 1) * PAGE) == 0);
	check_kept(memory, PAGES - 1, true);
	CHECK(submit(FTRUNCATE, fd, NULL, 0, BYTES) == 0);
	CHECK(memory[(PAGES - 1) * PAGE] == 0);
	opened = submit_path(OPENAT2, file_path, sizeof(how), &how, 0);
	CHECK(opened >= 0 && close(opened) == 0);
	check_kept(memory, 2, true);
	CHECK(ftruncate(fd, BYTES) == 0);
	memory[3 * PAGE] = 1;
	CHECK(map(memory + 3 * PAGE, PAGE, IOVA + 4 * BYTES) == 0);
	opened = submit_path(OPENAT, file_path, 0, NULL, O_RDWR | O_TRUNC);
	CHECK(opened >= 0 && close(opened) == 0);
	CHECK(dma_read(IOVA + 4 * BYTES) == 1);
	check_kept(memory, 3, true);
}

static void memory_that_a_request_takes_away_stays_the_devices(void)
{
	unsigned char *memory;
	int fd;

	if (!has_results())
		return;
	set_up();
	map_scratch();
	memory = map_memory(&fd);
	advise_by_ring(memory);
	cut_by_ring(memory, fd);
	close(fd);
	CHECK(munmap(memory, 2 * BYTES) == 0);
	tear_down();
}

/* The ring opens the file itself, which is empty then. */
static void a_file_that_is_emptied_may_be_opened_by_the_ring(void)
{
	const int none = -1;
	unsigned char *memory;
	struct stat st;
	int fd;

	if (!has_results())
		return;
	set_up();
	map_scratch();
	memory = map_memory(&fd);
	CHECK(direct(SYS_io_uring_register, ring, IORING_REGISTER_FILES, (long)&none, 1, 0, 0) ==
	      0);
	CHECK(submit_request(&(struct io_uring_sqe){.opcode = OPENAT,
						    .fd = AT_FDCWD,
						    .addr = (uintptr_t)file_path,
						    .open_flags = O_RDWR | O_TRUNC,
						    .splice_fd_in = 1}) == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_size == 0);
	check_kept(memory, 0, true);
	CHECK(direct(SYS_io_uring_register, ring, IORING_UNREGISTER_FILES, 0, 0, 0, 0) == 0);
	close(fd);
	CHECK(munmap(memory, 2 * BYTES) == 0);
	tear_down();
}

int main(void)
{
	static const struct check_test tests[] = {
		TEST(paths_lead_to_the_machine),
		TEST(names_of_the_machine_are_not_made_outside),
		TEST(other_descriptors_work),
		TEST(a_request_on_an_emulated_descriptor_is_EBADF),
		TEST(the_number_of_a_ring_does_not_matter),
		TEST(rings_that_are_closed_are_forgotten),
		TEST(memory_that_a_request_takes_away_stays_the_devices),
		TEST(a_file_that_is_emptied_may_be_opened_by_the_ring),
		TEST(what_cannot_be_seen_is_refused), /* forgets the layout */
	};

	ring = set_up_ring(0);
	if (ring < 0)
		return SKIPPED;
	queue = map_ring(params.sq_off.array + params.sq_entries * sizeof(unsigned int),
			 IORING_OFF_SQ_RING);
	completions = map_ring(params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe),
			       IORING_OFF_CQ_RING);
	requests = map_ring(params.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}

#else

int main(void)
{
	return 77;
}

#endif
