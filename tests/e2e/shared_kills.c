/* SPDX-License-Identifier: MIT */
/*
 * Programs of a shared machine are killed at random moments, with DMA running, and nobody else
 * notices. Needs two edu devices: one is this program's, the other is that of the one to be killed.
 * Argument: how many are killed. What they do is random, too, so that it is also a test of the
 * server's boundary: wrong requests are made with the right ones.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"
#include "device.h"
#include "shared_rig.h"

enum {
	PAGE = 4096,
	PAGES = 16,
	IOVA = 0x100000,
	OTHERS_IOVA = 0x4000000,
	LONGEST = 3000000, /* nanoseconds of a life */
	SLACK = 1200,	   /* descriptors: the server remembers that many threads */
};

/* An address: of our memory, of nothing, of nobody. */
static uint64_t random_address(unsigned char *memory)
{
	switch (random_number() % 4) {
	case 0:
		return random_number();
	case 1:
		return (random_number() << 44) | random_number();
	case 2:
		return (uintptr_t)memory + PAGES * PAGE - random_number() % 64;
	default:
		return (uintptr_t)memory + random_number() % PAGE;
	}
}

/* One request that may be wrong in any way. */
static void ask_anything(int fd, unsigned char *memory)
{
	const uint64_t address = random_address(memory), len = random_number() % (1 << 20);
	const off_t offset = (off_t)((random_number() % 12 << 40) + random_number() % 8192);

	for (int i = 0; i < 64; i++)
		memory[i] = (unsigned char)(random_number() % 3 ? 0 : random_number());
	memory[0] =
		(unsigned char)(random_number() % 2 ? 8 + random_number() % 48 : random_number());
	switch (random_number() % 5) {
	case 0:
		(void)!ioctl(fd, (0x3b << 8) + random_number() % 256, address);
		break;
	case 1:
		(void)!ioctl(fd, (0x3b << 8) + random_number() % 256, memory);
		break;
	case 2:
		(void)!pread(fd, (void *)(uintptr_t)address, len, offset);
		break;
	case 3:
		(void)!pwrite(fd, (void *)(uintptr_t)address, len % 64, offset);
		break;
	default:
		(void)!open((const char *)(uintptr_t)address, O_RDONLY);
		break;
	}
}

static void *map_registers(void)
{
	return mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, device, (off_t)registers);
}

/* What the one that is killed does: on the context that it shares, and on a device of its own. */
static void live(int shared, int shared_ioas)
{
	unsigned char *memory = mmap(NULL, (PAGES + 1) * PAGE, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile uint32_t *bar;
	int own_ioas, own;

	/* What it reads must not be written over what happens to be behind. */
	(void)mprotect(memory + PAGES * PAGE, PAGE, PROT_NONE);
	device_path = "/dev/vfio/devices/vfio1";
	set_up();
	own = context;
	own_ioas = ioas;
	bar = random_number() % 4 ? MAP_FAILED : map_registers();
	for (;;) {
		if (map(memory, PAGES * PAGE, IOVA))
			_exit(1);
		transfer(IOVA, EDU_MEMORY, 64);
		unmap(PAGES * PAGE, IOVA);
		context = shared;
		ioas = shared_ioas;
		map(memory, PAGE, OTHERS_IOVA + random_number() % 16 * PAGE);
		unmap(PAGE, OTHERS_IOVA + random_number() % 16 * PAGE);
		context = own;
		ioas = own_ioas;
		if (bar != MAP_FAILED && bar[0] != 0x010000ed)
			_exit(2);
		ask_anything(random_number() % 2 ? open("/dev/iommu", O_RDWR) : device, memory);
	}
}

static void kill_at_a_random_moment(void)
{
	const struct timespec life = {.tv_nsec = (long)(random_number() % LONGEST)};
	int status;
	pid_t pid = fork();

	if (pid == 0)
		live(context, ioas);
	nanosleep(&life, NULL);
	kill(pid, SIGKILL);
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
	      WTERMSIG(status) == SIGKILL);
}

static long kills = 200;

static void nobody_notices_that_another_is_killed(void)
{
	static unsigned char memory[PAGE] __attribute__((aligned(PAGE)));
	int before;

	random_state = (uint64_t)time(NULL);
	printf("seed %llu\n", (unsigned long long)random_state);
	(void)fflush(stdout);
	set_up();
	map_scratch();
	CHECK(map(memory, PAGE, IOVA) == 0);
	before = descriptors_of_server();
	for (long i = 0; i < kills && !check_failed; i++) {
		const unsigned char byte = (unsigned char)(i % 100 + 1);

		kill_at_a_random_moment();
		dma_write(IOVA, byte);
		CHECK(memory[0] == byte);
		CHECK(dma_read(IOVA) == byte);
	}
	printf("the server has %d more descriptors\n", descriptors_of_server() - before);
	CHECK(descriptors_of_server() - before < SLACK);
	tear_down();
	/* Both devices are free. */
	device_path = "/dev/vfio/devices/vfio1";
	set_up();
	tear_down();
}

int main(int argc, char **argv)
{
	const struct check_test tests[] = {
		TEST(nobody_notices_that_another_is_killed),
	};

	if (argc > 1)
		kills = strtol(argv[1], NULL, 10);
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
