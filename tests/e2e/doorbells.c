/* SPDX-License-Identifier: MIT */
/*
 * Doorbells without a trap: doorbells BURSTS [rate]. The device is doorbell_model.c. 20000 bursts
 * are about 10^9 writes.
 *
 * Each burst writes rising values to some doorbells, in a row or with pauses about as long as the
 * device takes to rest, and then waits until each has arrived: one that is lost never does. With
 * "rate", how many are written in a second is printed, and what the process costs when it is
 * silent: that is for people.
 */
#include <dirent.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../examples/models/driver.h"
#include "check.h"

#if __has_include(<linux/iommufd.h>)
#include <linux/vfio.h>
#else
#include <uiommufd/vfio.h>
#endif

enum {
	PAGE = 4096,
	WORDS = PAGE / 4,
	SHOWN = PAGE / 16,
	THREADS = 2,
	PATIENCE = 10, /* seconds */
};

static struct driver driver;
static volatile uint32_t *doorbells, *memory;

static double now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void check(bool good, const char *what)
{
	if (!good)
		fail("%s", what);
}

static uint32_t last(unsigned int i)
{
	return driver.registers[4 * i];
}

static uint32_t arrivals(unsigned int i)
{
	return driver.registers[4 * i + 1];
}

/* What the device has put into its memory: a register that is read would have it look. */
static uint32_t seen(unsigned int i)
{
	return memory[SHOWN + i];
}

static void await(unsigned int i, uint32_t value)
{
	const double end = now(CLOCK_MONOTONIC) + PATIENCE;

	while (seen(i) != value)
		if (now(CLOCK_MONOTONIC) > end)
			fail("doorbell %u: 0x%x is lost; the device has 0x%x", i, value, seen(i));
}

/* ---- the race of the last write with the rest ---- */

struct ringer {
	pthread_t thread;
	unsigned int number, bursts;
	uint64_t random, writes;
};

static uint32_t draw(struct ringer *ringer, uint32_t below)
{
	ringer->random = ringer->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(ringer->random >> 33) % below;
}

/* Up to 400 us: twice as long as the device looks for more. */
static void rest(struct ringer *ringer)
{
	const double end = now(CLOCK_MONOTONIC) + draw(ringer, 400) * 1e-6;

	while (now(CLOCK_MONOTONIC) < end)
		;
}

static void *ring(void *arg)
{
	struct ringer *ringer = arg;
	uint32_t value = 1;

	for (unsigned int burst = 0; burst < ringer->bursts; burst++) {
		const unsigned int i = THREADS * draw(ringer, SHOWN / THREADS) + ringer->number;
		const uint32_t most = ringer->bursts < 20000 ? 10000 : 200000;
		const unsigned int count = 1 + draw(ringer, draw(ringer, 4) ? 4 : most);

		for (unsigned int n = 0; n < count; n++)
			doorbells[i] = value++ & 0xffffff;
		ringer->writes += count;
		if (draw(ringer, 2))
			rest(ringer);
		await(i, (value - 1) & 0xffffff);
	}
	return NULL;
}

/* Returns how many there were. */
static uint64_t no_write_is_lost(unsigned int bursts)
{
	struct ringer ringers[THREADS];
	uint64_t writes = 0;

	for (unsigned int i = 0; i < THREADS; i++) {
		ringers[i] = (struct ringer){.number = i, .bursts = bursts, .random = i + 1};
		check(!pthread_create(&ringers[i].thread, NULL, ring, &ringers[i]), "a thread");
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		pthread_join(ringers[i].thread, NULL);
		writes += ringers[i].writes;
	}
	return writes;
}

/* ---- what else must hold ---- */

static void the_same_value_arrives_again(void)
{
	for (unsigned int n = 0; n < 200; n++) {
		const uint32_t before = memory[2 * SHOWN + 7];
		const double end = now(CLOCK_MONOTONIC) + PATIENCE;

		doorbells[7] = 5;
		while (memory[2 * SHOWN + 7] == before)
			check(now(CLOCK_MONOTONIC) < end, "the same value is lost");
	}
	check(last(7) == 5, "another value arrived");
}

/* A register that is written after a doorbell finds it rung. */
static void a_register_comes_after_the_doorbells_before_it(void)
{
	for (uint32_t n = 1; n < 20000; n++) {
		doorbells[9] = n;
		driver.registers[4 * 9 + 2] = 0;
		if (driver.registers[4 * 9 + 2] != n)
			fail("the register came before doorbell %u: it had 0x%x", n,
			     driver.registers[4 * 9 + 2]);
	}
}

/* A register that is read after a doorbell shows that it is rung. */
static void a_read_comes_after_the_doorbells_before_it(void)
{
	for (uint32_t n = 1; n < 20000; n++) {
		doorbells[9] = n;
		if (last(9) != n)
			fail("a read came before doorbell %u: it had 0x%x", n, last(9));
	}
}

/* What the program does to the mapping leaves its doorbells what they were. */
static void the_mapping_may_change(void)
{
	char *page = (char *)doorbells;
	void *second;

	for (unsigned int n = 0; n < 50; n++)
		doorbells[9] = n;
	await(9, 49);
	second = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, driver.device, 0);
	check(second != MAP_FAILED, "a second mapping");
	for (uint32_t n = 50; n < 100; n++) {
		((volatile uint32_t *)second)[WORDS + 9] = n;
		await(9, n);
		doorbells[9] = n + 1000;
		await(9, n + 1000);
	}
	check(!munmap(second, 4 * PAGE), "munmap of it");
	doorbells[9] = 1;
	await(9, 1);
	check(!mprotect(page, PAGE, PROT_READ) && !mprotect(page, PAGE, PROT_READ | PROT_WRITE),
	      "mprotect");
	for (uint32_t n = 200; n < 250; n++) {
		doorbells[9] = n;
		await(9, n);
	}
}

static void memory_is_the_devices(void)
{
	memory[0] = 21;
	doorbells[WORDS - 1] = 1;
	for (double end = now(CLOCK_MONOTONIC) + PATIENCE; memory[1] != 42;)
		check(now(CLOCK_MONOTONIC) < end, "the device does not see its memory");
}

static void a_reset_forgets(void)
{
	for (unsigned int n = 1; n < 100; n++)
		doorbells[3] = n;
	check(!ioctl(driver.device, VFIO_DEVICE_RESET), "reset");
	check(last(3) == 0, "a doorbell from before the reset arrived after it");
	for (unsigned int n = 1; n < 100; n++)
		doorbells[3] = n;
	await(3, 99);
}

/* How long, and how often, all threads but this one have run. False: the system does not say. */
static bool others_have_run(uint64_t *ns, uint64_t *times)
{
	DIR *tasks = opendir("/proc/self/task");
	const struct dirent *entry;
	bool all = tasks;

	*ns = *times = 0;
	while (tasks && (entry = readdir(tasks))) {
		char path[64];
		unsigned long long run = 0, count = 0;
		FILE *file;

		if (entry->d_name[0] == '.' || atoi(entry->d_name) == gettid())
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%d/schedstat", atoi(entry->d_name));
		file = fopen(path, "re");
		all &= file && fscanf(file, "%llu %*u %llu", &run, &count) == 2;
		if (file)
			fclose(file);
		*ns += run;
		*times += count;
	}
	if (tasks)
		closedir(tasks);
	return all;
}

/* Whoever looked for doorbells sleeps soon after the last one: no thread runs any more. */
static void silence_costs_nothing(void)
{
	const double end = now(CLOCK_MONOTONIC) + PATIENCE;
	uint64_t ns, times, ns_before, times_before;

	for (unsigned int n = 0; n < 100; n++)
		doorbells[9] = n;
	if (!others_have_run(&ns, &times))
		return;
	do {
		ns_before = ns;
		times_before = times;
		usleep(20000);
		check(now(CLOCK_MONOTONIC) < end, "the device does not come to rest");
		check(others_have_run(&ns, &times), "the threads' times");
	} while (ns != ns_before || times != times_before);
	check(seen(9) == 99, "the last doorbell is lost");
}

static void await_register(unsigned int i, uint32_t value)
{
	const double end = now(CLOCK_MONOTONIC) + PATIENCE;

	while (last(i) != value)
		check(now(CLOCK_MONOTONIC) < end, "a doorbell of a process of two is lost");
}

/* Each process has a device, which has seen what was written before the fork. */
static void a_child_has_its_own_doorbells(void)
{
	pid_t child;
	int status;

	for (unsigned int n = 1; n <= 100; n++)
		doorbells[5] = n;
	child = fork();
	if (child == 0) {
		alarm(2 * PATIENCE);
		await_register(5, 100);
		for (uint32_t n = 500; n < 600; n++)
			doorbells[5] = n;
		await_register(5, 599);
		_exit(0);
	}
	check(child > 0 && waitpid(child, &status, 0) == child && status == 0, "the child");
	await_register(5, 100);
}

/* ---- for people ---- */

static void print_rate(void)
{
	enum {
		WRITES = 200000000
	};
	double begin = now(CLOCK_MONOTONIC), silent;

	for (uint32_t n = 0; n < WRITES; n++)
		doorbells[11] = n & 0xffffff;
	await(11, (WRITES - 1) & 0xffffff);
	printf("%.1f million doorbells a second, %u of them seen\n",
	       WRITES / 1e6 / (now(CLOCK_MONOTONIC) - begin), arrivals(11));
	usleep(1000);
	silent = now(CLOCK_PROCESS_CPUTIME_ID);
	sleep(2);
	printf("%.3f ms of processor in 2 s of silence\n",
	       (now(CLOCK_PROCESS_CPUTIME_ID) - silent) * 1e3);
}

int main(int argc, char **argv)
{
	driver_open(&driver, 0x1234, 0xd00b);
	doorbells = driver.registers + WORDS;
	memory = driver.registers + 2 * WORDS;
	printf("%llu writes arrived\n",
	       (unsigned long long)no_write_is_lost(
		       argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 1000));
	the_same_value_arrives_again();
	a_register_comes_after_the_doorbells_before_it();
	a_read_comes_after_the_doorbells_before_it();
	silence_costs_nothing();
	memory_is_the_devices();
	a_reset_forgets();
	if (!is_skipped("a_child_has_its_own_doorbells"))
		a_child_has_its_own_doorbells();
	if (argc > 2)
		print_rate();
	the_mapping_may_change();
	puts("all doorbells arrived");
	return 0;
}
