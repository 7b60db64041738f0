/* SPDX-License-Identifier: MIT */
/*
 * A program of a shared machine that keeps the server waiting: calls that take pinned memory away
 * are made once more by the server, and the program puts another instruction in their place
 * meanwhile, an endless loop. Whether it comes in time is chance, so it is tried with several
 * delays. Needs one device, edu.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "../lib/page.h"
#include "check.h"
#include "device.h"

enum {
	IOVA = 0x100000,
	OTHERS_IOVA = 0x200000,
	STEPS = 6,
	STEP_NS = 15000,
	ENDLESS_LOOP = 0xfeeb, /* jmp to itself; as long as a system call */
};

/* A function with two arguments: nop; mov $SYS_munmap, %eax; syscall; ret. */
static const unsigned char function[] = {0x90, 0xb8, 11, 0, 0, 0, 0x0f, 0x05, 0xc3};

static unsigned char *code;
static atomic_bool calls;

static void *replace_the_call(void *delay)
{
	struct timespec start, now;

	while (!atomic_load(&calls))
		continue;
	clock_gettime(CLOCK_MONOTONIC, &start);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - start.tv_sec) * 1000000000 + now.tv_nsec - start.tv_nsec <
	       *(long *)delay);
	*(_Atomic uint16_t *)(void *)(code + 6) = ENDLESS_LOOP;
	return NULL;
}

/* Does not return. */
static void stall(long delay, int ready)
{
	void *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_t thread;

	code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	CHECK(code != MAP_FAILED && memory != MAP_FAILED);
	memcpy(code, function, sizeof(function));
	CHECK(map(memory, PAGE, OTHERS_IOVA) == 0);
	CHECK(pthread_create(&thread, NULL, replace_the_call, &delay) == 0);
	CHECK(write(ready, "", 1) == 1);
	atomic_store(&calls, true);
	((long (*)(void *, size_t))(void *)code)(memory, PAGE);
	pause();
	_exit(0);
}

/* A child stalls, with @delay nanoseconds, and this program goes on. */
static void go_on_beside_one_that_stalls(long delay)
{
	void *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int ready[2], status;
	pid_t child;
	char byte;

	CHECK(pipe(ready) == 0);
	child = fork();
	if (!child)
		stall(delay, ready[1]);
	CHECK(read(ready[0], &byte, 1) == 1);
	usleep(1000);
	CHECK(map(memory, PAGE, IOVA) == 0);
	dma_write(IOVA, 0x5a);
	CHECK(*(unsigned char *)memory == 0x5a);
	CHECK(munmap(memory, PAGE) == 0);
	CHECK(dma_read(IOVA) == 0x5a);
	CHECK(unmap(PAGE, IOVA) == 0);
	CHECK(kill(child, SIGKILL) == 0);
	CHECK(waitpid(child, &status, 0) == child);
	(void)unmap(PAGE, OTHERS_IOVA);
	close(ready[0]);
	close(ready[1]);
}

static void a_program_that_stalls_the_server_holds_nobody_up(void)
{
	alarm(60);
	set_up();
	map_scratch();
	for (long i = 1; i <= STEPS && !check_failed; i++)
		go_on_beside_one_that_stalls(i * STEP_NS);
	tear_down();
}

int main(void)
{
	const struct check_test tests[] = {
		TEST(a_program_that_stalls_the_server_holds_nobody_up),
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
