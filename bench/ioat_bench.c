/* SPDX-License-Identifier: MIT */
/*
 * The ioat device: copies against memcpy in the same run, and interrupts, each of which must arrive
 * once. Exit status 1 if one was lost.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tests/lib/ioat_rig.h"
#include "bench.h"

enum {
	COPY_BYTES = 1 << 21,
	MAX_BUFFERS = 32,
	MEMORY_BYTES = DATA_OFFSET + 2 * MAX_BUFFERS * COPY_BYTES,
	CHAIN = 32,
	RUNS = 51,
	INTERRUPTS = 1000000,
};

static struct ioat_rig t;
static unsigned int buffers; /* how many are used */

static uint64_t source(uint64_t i)
{
	return DATA_OFFSET + i % buffers * COPY_BYTES;
}

static uint64_t destination(uint64_t i)
{
	return source(i) + MAX_BUFFERS * COPY_BYTES;
}

static void await_idle(void)
{
	/* As a driver does: in memory, not in the registers. */
	while (*ioat_completion(&t) != (ioat_slot_iova(t.given - 1u) | CHANSTS_IDLE))
		usleep(20);
}

static void copy_by_memcpy(void)
{
	for (unsigned int i = 0; i < CHAIN; i++)
		memcpy(t.memory + destination(i), t.memory + source(i), COPY_BYTES);
}

static void copy_by_device(void)
{
	*ioat_completion(&t) = 0;
	for (unsigned int i = 0; i < CHAIN; i++)
		ioat_prepare(&t, destination(i), source(i), COPY_BYTES,
			     i == CHAIN - 1 ? DESCRIPTOR_COMPLETION : 0);
	ioat_submit(&t);
	await_idle();
}

static uint64_t time_of(void (*copy)(void))
{
	uint64_t begin = bench_now();

	copy();
	return bench_now() - begin;
}

static int compare_times(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static struct bench_result result_of(uint64_t times[RUNS])
{
	qsort(times, RUNS, sizeof(times[0]), compare_times);
	return (struct bench_result){.median = (double)times[RUNS / 2] / CHAIN,
				     .min = (double)times[0] / CHAIN};
}

/* By turns, so that whatever else the machine does meets both. */
static void bench_copies(const char *title)
{
	uint64_t by_memcpy[RUNS], by_device[RUNS];
	struct bench_result reference, device;

	for (unsigned int i = 0; i < RUNS; i++) {
		by_memcpy[i] = time_of(copy_by_memcpy);
		by_device[i] = time_of(copy_by_device);
	}
	reference = result_of(by_memcpy);
	device = result_of(by_device);
	bench_table(title);
	bench_row("memcpy", reference, reference);
	bench_row("ioat", device, reference);
	printf("memcpy %.1f GB/s, ioat %.1f GB/s\n", COPY_BYTES / reference.median,
	       COPY_BYTES / device.median);
}

/* One at a time: submit, wait for the interrupt, enable it again. */
static int bench_interrupts(void)
{
	int fd = ioat_take_interrupts(&t, VFIO_PCI_MSIX_IRQ_INDEX);
	uint64_t total = 0, begin = bench_now();
	struct bench_result result;

	for (unsigned int i = 0; i < INTERRUPTS; i++) {
		ioat_prepare(&t, destination(0), source(0), 64, DESCRIPTOR_INTERRUPT);
		ioat_submit(&t);
		total += ioat_events(fd, 5000);
		ioat_set(&t, IOAT_CHANCTRL, 2, CHANCTRL_INT_DISABLE);
	}
	result = bench_once(bench_now() - begin, INTERRUPTS);
	bench_table("interrupts: submit a copy of 64 bytes, sleep until its eventfd is signalled");
	bench_row("ioat", result, result);
	total += ioat_events(fd, 100);
	printf("%" PRIu64 " interrupts for %d completions\n", total, INTERRUPTS);
	close(fd);
	return total == INTERRUPTS ? 0 : 1;
}

int main(void)
{
	int rc;

	if (ioat_open(&t, MEMORY_BYTES)) {
		fprintf(stderr, "ioat_bench: no memory, or the memlock limit is too low\n");
		return 1;
	}
	memset(t.memory, 1, t.size);
	ioat_start_ring(&t);
	buffers = MAX_BUFFERS;
	bench_copies("copies of 2 MiB, in chains of 32, from 64 MiB to 64 MiB");
	buffers = 1;
	bench_copies("copies of 2 MiB, in chains of 32, always the same (in the cache)");
	rc = bench_interrupts();
	ioat_close(&t);
	return rc;
}
