/* SPDX-License-Identifier: MIT */
/*
 * Mappings of a device, and memory that is taken away while it is mapped for one. Needs one device.
 */
#include <fcntl.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../lib/page.h"
#include "check.h"

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

static int context, device, ioas;

/* Addresses that nothing is mapped at, in a way that the compiler does not see through. */
static void *volatile nowhere = (void *)16;

static void set_up(void)
{
	struct bind bind = {.argsz = sizeof(bind)};
	struct attach attach = {.argsz = sizeof(attach)};

	context = open("/dev/iommu", O_RDWR);
	device = open("/dev/vfio/devices/vfio0", O_RDWR);
	bind.iommufd = context;
	CHECK(ioctl(device, BIND_IOMMUFD, &bind) == 0);
	ioas = new_ioas(context);
	attach.pt_id = (uint32_t)ioas;
	CHECK(ioctl(device, ATTACH_PT, &attach) == 0);
}

static void tear_down(void)
{
	close(device);
	close(context);
}

static int map(void *memory, size_t len, uint64_t iova)
{
	struct ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = 7, /* fixed, readable, writable */
		.ioas_id = (uint32_t)ioas,
		.user_va = (uintptr_t)memory,
		.length = len,
		.iova = iova,
	};

	return ioctl(context, IOMMU_IOAS_MAP, &cmd);
}

static int unmap(size_t len, uint64_t iova)
{
	struct ioas_unmap cmd = {
		.size = sizeof(cmd), .ioas_id = (uint32_t)ioas, .iova = iova, .length = len};

	return ioctl(context, IOMMU_IOAS_UNMAP, &cmd);
}

static unsigned char *pages(size_t count)
{
	void *memory = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	CHECK(memory != MAP_FAILED);
	memset(memory, 0x5a, count * PAGE);
	return memory;
}

static void a_device_file_transfers_at_offsets(void)
{
	struct vfio_region_info info = {.argsz = sizeof(info),
					.index = VFIO_PCI_CONFIG_REGION_INDEX};
	unsigned char bytes[4];

	set_up();
	CHECK(ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info) == 0);
	CHECK(pread(device, bytes, 4, (off_t)info.offset) == 4);
	CHECK(bytes[0] == 0x34 && bytes[1] == 0x12);
	CHECK(pread(device, nowhere, 4, (off_t)info.offset) < 0 && errno == EFAULT);
	tear_down();
}

static void mapped_memory_that_is_unmapped_stays_the_programs_business(void)
{
	unsigned char *memory = pages(4);

	set_up();
	CHECK(map(memory, 4 * PAGE, 0x100000) == 0);
	CHECK(munmap(memory + PAGE, PAGE) == 0);
	CHECK(memory[0] == 0x5a && memory[2 * PAGE] == 0x5a);
	CHECK(mmap(memory + PAGE, PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == memory + PAGE);
	CHECK(memory[PAGE] == 0);
	CHECK(madvise(memory + 2 * PAGE, PAGE, MADV_DONTNEED) == 0);
	CHECK(memory[2 * PAGE] == 0 && memory[3 * PAGE] == 0x5a);
	CHECK(munmap(memory, 4 * PAGE) == 0);
	tear_down();
}

static void mapped_memory_that_moves_keeps_its_content(void)
{
	unsigned char *memory = pages(2);
	unsigned char *moved;
	unsigned char *blocker;

	set_up();
	CHECK(map(memory, 2 * PAGE, 0x200000) == 0);
	blocker = mmap(memory + 2 * PAGE, PAGE, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	moved = mremap(memory, 2 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);
	CHECK(moved != MAP_FAILED && moved != memory);
	CHECK(moved[0] == 0x5a && moved[2 * PAGE - 1] == 0x5a && moved[2 * PAGE] == 0);
	moved[7 * PAGE] = 1;
	CHECK(mremap(moved, 8 * PAGE, PAGE, 0) == moved);
	CHECK(moved[0] == 0x5a);
	munmap(moved, PAGE);
	if (blocker != MAP_FAILED)
		munmap(blocker, PAGE);
	tear_down();
}

enum {
	TAKERS = 3,
	TAKES = 2000,
};

/*
 * Maps new memory for the device, takes it away from under it, and sees that only its own went: the
 * addresses are given to the other threads as soon as they are free.
 */
static void *take_memory_away(void *arg)
{
	const uint64_t iova = UINT64_C(0x1000000) * (1 + (uintptr_t)arg);

	for (int i = 0; i < TAKES; i++) {
		const size_t count = 1 + (size_t)i % 8;
		unsigned char *memory = pages(count);

		CHECK(map(memory, count * PAGE, iova) == 0);
		CHECK(memory[0] == 0x5a && memory[count * PAGE - 1] == 0x5a);
		CHECK(munmap(memory, count * PAGE) == 0);
		CHECK(unmap(count * PAGE, iova) == 0);
	}
	return NULL;
}

static void threads_lose_only_what_they_unmap(void)
{
	pthread_t threads[TAKERS];

	set_up();
	for (uintptr_t i = 0; i < TAKERS; i++)
		CHECK(pthread_create(&threads[i], NULL, take_memory_away, (void *)i) == 0);
	for (int i = 0; i < TAKERS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	tear_down();
}

static sigjmp_buf jump;
static volatile int caught;

static void on_signal(int signo, siginfo_t *info, void *context_)
{
	(void)context_;
	caught = signo;
	CHECK(info->si_addr == nowhere);
	siglongjmp(jump, 1);
}

static void handlers_of_the_program_see_its_faults(void)
{
	struct sigaction act = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
	struct sigaction old;
	int fd;

	CHECK(sigaction(SIGSEGV, NULL, &old) == 0 && old.sa_handler == SIG_DFL);
	CHECK(sigaction(SIGSEGV, &act, NULL) == 0);
	fd = open("/dev/iommu", O_RDWR);
	CHECK(sigaction(SIGSEGV, NULL, &old) == 0 && old.sa_sigaction == on_signal);
	caught = 0;
	if (sigsetjmp(jump, 1) == 0)
		*(volatile int *)nowhere = 1;
	CHECK(caught == SIGSEGV);
	CHECK(signal(SIGBUS, SIG_IGN) == SIG_DFL);
	CHECK(signal(SIGBUS, SIG_DFL) == SIG_IGN);
	act.sa_handler = SIG_DFL;
	CHECK(sigaction(SIGSEGV, &act, NULL) == 0);
	close(fd);
}

int main(void)
{
	const struct check_test tests[] = {
		TEST(a_device_file_transfers_at_offsets),
		TEST(mapped_memory_that_is_unmapped_stays_the_programs_business),
		TEST(mapped_memory_that_moves_keeps_its_content),
		TEST(threads_lose_only_what_they_unmap),
		TEST(handlers_of_the_program_see_its_faults),
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
