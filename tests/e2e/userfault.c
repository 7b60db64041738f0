/* SPDX-License-Identifier: MIT */
/*
 * Memory under userfaultfd that is mapped for a device. Needs one device, edu. Without the right to
 * a userfaultfd, or with a kernel that lacks what a test needs, it does nothing.
 */
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "../lib/page.h"
#include "device.h"

enum {
	PAGES = 4,
	BYTES = PAGES * PAGE,
	IOVA = 0x100000,
	OLD = 0x61, /* in pages 0, 1, ...: this and what follows it */
	PROVIDED = 0x33,
};

/* Newer than some headers. */
struct move {
	uint64_t dst, src, len, mode;
	int64_t moved;
};

#define MOVE	     _IOWR(0xaa, 5, struct move)
#define FEATURE_MOVE (UINT64_C(1) << 15)

static int faults; /* the descriptor */

static bool open_faults(uint64_t features)
{
	struct uffdio_api api = {.api = UFFD_API, .features = features};

	faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (faults >= 0 && ioctl(faults, UFFDIO_API, &api) == 0)
		return true;
	close(faults);
	return false;
}

static void watch(const unsigned char *memory)
{
	struct uffdio_register range = {.range = {.start = (uintptr_t)memory, .len = BYTES},
					.mode = UFFDIO_REGISTER_MODE_MISSING};

	CHECK(ioctl(faults, UFFDIO_REGISTER, &range) == 0);
}

static unsigned char *new_memory(void)
{
	return mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void fill(unsigned char *memory)
{
	for (size_t i = 0; i < PAGES; i++)
		memset(memory + i * PAGE, OLD + (int)i, PAGE);
}

/* ---- pages that the program provides ---- */

static void *provide(void *arg)
{
	static unsigned char page[PAGE] __attribute__((aligned(PAGE)));
	unsigned int *count = arg;
	struct uffd_msg message;

	memset(page, PROVIDED, PAGE);
	while (read(faults, &message, sizeof(message)) == sizeof(message)) {
		struct uffdio_copy copy = {
			.dst = message.arg.pagefault.address & ~UINT64_C(0xfff),
			.src = (uintptr_t)page,
			.len = PAGE,
		};

		__atomic_add_fetch(count, 1, __ATOMIC_RELAXED);
		CHECK(ioctl(faults, UFFDIO_COPY, &copy) == 0);
		if (__atomic_load_n(count, __ATOMIC_RELAXED) == PAGES)
			break;
	}
	return NULL;
}

/* Page 0 is there; the others are, and page 1 again when it was dropped, PAGES in all. */
static void mapping_waits_for_the_pages_that_the_program_provides(void)
{
	unsigned char *memory = new_memory();
	unsigned int count = 0;
	pthread_t thread;

	if (!open_faults(0))
		return;
	set_up();
	map_scratch();
	memory[0] = OLD;
	watch(memory);
	CHECK(pthread_create(&thread, NULL, provide, &count) == 0);
	CHECK(map(memory, BYTES, IOVA) == 0);
	CHECK(__atomic_load_n(&count, __ATOMIC_RELAXED) == PAGES - 1);
	CHECK(dma_read(IOVA) == OLD && dma_read(IOVA + 3 * PAGE) == PROVIDED);
	dma_write(IOVA + PAGE, OLD);
	CHECK(memory[PAGE] == OLD);
	CHECK(madvise(memory + PAGE, PAGE, MADV_DONTNEED) == 0 && memory[PAGE] == PROVIDED);
	CHECK(dma_read(IOVA + PAGE) == OLD);
	CHECK(pthread_join(thread, NULL) == 0);
	close(faults);
	munmap(memory, BYTES);
	tear_down();
}

/* ---- pages that move ---- */

static int move(unsigned char *to, unsigned char *from, uint64_t len, int64_t *moved)
{
	struct move request = {.dst = (uintptr_t)to, .src = (uintptr_t)from, .len = len};
	int rc = ioctl(faults, MOVE, &request) ? -errno : 0;

	*moved = request.moved;
	return rc;
}

/* The kernel moves those before them; where another process answers, none is moved. */
static void pages_before_pinned_ones_move(unsigned char *to, unsigned char *from)
{
	int64_t moved = 0;
	int rc = move(to, from, BYTES, &moved);

	CHECK((rc == -EAGAIN && moved == PAGE && to[0] == OLD) ||
	      (rc == -EBUSY && moved == -EBUSY && from[0] == OLD));
}

static void pages_that_are_pinned_are_not_moved(void)
{
	unsigned char *from = new_memory(), *to = new_memory();
	int64_t moved = 0;

	if (!open_faults(FEATURE_MOVE))
		return;
	set_up();
	map_scratch();
	fill(from);
	CHECK(map(from + PAGE, PAGE, IOVA) == 0);
	watch(to);
	CHECK(move(to + PAGE, from + PAGE, PAGE, &moved) == -EBUSY && moved == -EBUSY);
	pages_before_pinned_ones_move(to, from);
	from[PAGE] = OLD + 4;
	CHECK(dma_read(IOVA) == OLD + 4);
	CHECK(move(to + 2 * PAGE, from + 2 * PAGE, 2 * PAGE, &moved) == 0 && moved == 2 * PAGE);
	CHECK(to[3 * PAGE] == OLD + 3);
	CHECK(unmap(PAGE, IOVA) == 0);
	CHECK(move(to + PAGE, from + PAGE, PAGE, &moved) == 0 && to[PAGE] == OLD + 4);
	close(faults);
	munmap(from, BYTES);
	munmap(to, BYTES);
	tear_down();
}

int main(void)
{
	static const struct check_test tests[] = {
		TEST(mapping_waits_for_the_pages_that_the_program_provides),
		TEST(pages_that_are_pinned_are_not_moved),
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
