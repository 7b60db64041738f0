/* SPDX-License-Identifier: MIT */
/*
 * Memory that is mapped for a device and goes away inside the C library, or by an instruction of
 * the program: the device goes on with the very pages. Needs one edu. x86-64.
 */
#include <fcntl.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../lib/page.h"
#include "check.h"
#include "direct_call.h"

#ifdef __x86_64__

struct bind {
	uint32_t argsz, flags;
	int32_t iommufd;
	uint32_t out_devid;
};

struct attach {
	uint32_t argsz, flags, pt_id;
};

#define BIND_IOMMUFD 0x3b76
#define ATTACH_PT    0x3b77

enum {
	CONFIG_COMMAND = 4,
	MEMORY_AND_MASTER = 6,
	EDU_SOURCE = 0x80,
	EDU_DESTINATION = 0x88,
	EDU_COUNT = 0x90,
	EDU_COMMAND = 0x98,
	EDU_START = 1,
	EDU_TO_MEMORY = 2,
	EDU_BUFFER = 0x40000,
	IOVA = 0x100000,
	MAPPED_FROM = 512 << 10, /* blocks of the allocator that have a mapping of their own */
};

#define CONFIG_OFFSET (UINT64_C(7) << 40)

static int context, device, ioas;

static void set_up(void)
{
	struct bind bind = {.argsz = sizeof(bind)};
	struct attach attach = {.argsz = sizeof(attach)};
	const uint16_t command = MEMORY_AND_MASTER;

	context = open("/dev/iommu", O_RDWR);
	device = open("/dev/vfio/devices/vfio0", O_RDWR);
	bind.iommufd = context;
	CHECK(ioctl(device, BIND_IOMMUFD, &bind) == 0);
	ioas = new_ioas(context);
	attach.pt_id = (uint32_t)ioas;
	CHECK(ioctl(device, ATTACH_PT, &attach) == 0);
	CHECK(pwrite(device, &command, sizeof(command), (off_t)(CONFIG_OFFSET + CONFIG_COMMAND)) ==
	      sizeof(command));
}

static void map(void *memory, size_t len)
{
	struct ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = 7, /* fixed, readable, writable */
		.ioas_id = (uint32_t)ioas,
		.user_va = (uintptr_t)memory,
		.length = len,
		.iova = IOVA,
	};

	CHECK(ioctl(context, IOMMU_IOAS_MAP, &cmd) == 0);
}

static void unmap(size_t len)
{
	struct ioas_unmap cmd = {
		.size = sizeof(cmd), .ioas_id = (uint32_t)ioas, .iova = IOVA, .length = len};

	CHECK(ioctl(context, IOMMU_IOAS_UNMAP, &cmd) == 0 && cmd.length == len);
}

static void copy(uint64_t source, uint64_t destination, uint64_t command)
{
	const uint64_t count = 16;

	CHECK(pwrite(device, &source, 8, EDU_SOURCE) == 8);
	CHECK(pwrite(device, &destination, 8, EDU_DESTINATION) == 8);
	CHECK(pwrite(device, &count, 8, EDU_COUNT) == 8);
	CHECK(pwrite(device, &command, 8, EDU_COMMAND) == 8);
	while (pread(device, &command, 8, EDU_COMMAND) == 8 && command & EDU_START)
		continue;
}

/* The byte that the device finds at the IOVA: it copies it to where another IOVA leads. */
static char seen_by_device(void)
{
	struct ioas_map cmd = {.size = sizeof(cmd),
			       .flags = 7,
			       .ioas_id = (uint32_t)ioas,
			       .length = PAGE,
			       .iova = 16 * IOVA};
	struct ioas_unmap gone = {
		.size = sizeof(gone), .ioas_id = (uint32_t)ioas, .iova = 16 * IOVA, .length = PAGE};
	char *to = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char byte;

	cmd.user_va = (uintptr_t)to;
	CHECK(ioctl(context, IOMMU_IOAS_MAP, &cmd) == 0);
	copy(IOVA, EDU_BUFFER, EDU_START);
	copy(EDU_BUFFER, 16 * IOVA, EDU_START | EDU_TO_MEMORY);
	byte = *to;
	CHECK(ioctl(context, IOMMU_IOAS_UNMAP, &gone) == 0);
	munmap(to, PAGE);
	return byte;
}

static char *pages(size_t count)
{
	char *memory = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	memset(memory, 'a', count * PAGE);
	return memory;
}

static void an_unmap_by_an_instruction(void)
{
	char *memory = pages(1);

	map(memory, PAGE);
	CHECK(direct(SYS_munmap, (long)memory, PAGE, 0, 0, 0, 0) == 0);
	CHECK(direct(SYS_mmap, (long)memory, PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == (long)memory);
	*memory = 'b';
	CHECK(seen_by_device() == 'a');
	unmap(PAGE);
	munmap(memory, PAGE);
}

static void a_mapping_over_it_by_an_instruction(void)
{
	char *memory = pages(2);

	map(memory, PAGE);
	CHECK(direct(SYS_mmap, (long)memory, PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == (long)memory);
	CHECK(*memory == 0);
	CHECK(seen_by_device() == 'a');
	CHECK(direct(SYS_madvise, (long)memory, PAGE, MADV_DONTNEED, 0, 0, 0) == 0);
	CHECK(seen_by_device() == 'a');
	unmap(PAGE);
	CHECK(direct(SYS_mremap, (long)memory, PAGE, 8 * PAGE, MREMAP_MAYMOVE, 0, 0) > 0);
}

static void free_of_a_large_block(void)
{
	const size_t len = 1 << 20;
	char *block = malloc(len);
	char *first = (char *)(((uintptr_t)block + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
	char *again;

	memset(block, 'a', len);
	map(first, PAGE);
	free(block);
	again = malloc(len);
	memset(again, 'b', len);
	CHECK(seen_by_device() == 'a');
	unmap(PAGE);
	free(again);
}

static void realloc_of_a_large_block(void)
{
	const size_t len = 1 << 20;
	char *block = malloc(len);
	char *first = (char *)(((uintptr_t)block + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
	const size_t offset = (size_t)(first - block);

	memset(block, 'a', len);
	map(first, PAGE);
	block = realloc(block, 64 * len);
	CHECK(block[offset] == 'a');
	block[offset] = 'b';
	CHECK(seen_by_device() == 'b'); /* what moves stays the program's, and the device's */
	unmap(PAGE);
	free(block);
}

static void the_allocator_trims_its_heap(void)
{
	const size_t len = 64 * PAGE;
	char *block, *first;

	block = malloc(len);
	first = (char *)(((uintptr_t)block + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
	memset(block, 'a', len);
	map(first + 8 * PAGE, PAGE);
	free(block);
	malloc_trim(0);
	block = malloc(len);
	memset(block, 'b', len);
	CHECK(seen_by_device() == 'a');
	unmap(PAGE);
	free(block);
}

int main(void)
{
	static const struct check_test tests[] = {
		TEST(an_unmap_by_an_instruction),   TEST(a_mapping_over_it_by_an_instruction),
		TEST(free_of_a_large_block),	    TEST(realloc_of_a_large_block),
		TEST(the_allocator_trims_its_heap),
	};

	mallopt(M_PERTURB, 0);			/* else free() writes to the block */
	mallopt(M_MMAP_THRESHOLD, MAPPED_FROM); /* else it rises with what is freed */
	set_up();
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}

#else

int main(void)
{
	return 77; /* skipped */
}

#endif
