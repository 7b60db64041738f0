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
	CHAIN = 4 * RING_SLOTS, /* around the ring: starting and waiting are little of it */
	INTERRUPTS = 1000000,
	PATIENCE_MS = 5000,
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

static void copy_by_memcpy(void *arg, uint64_t ops)
{
	(void)arg;
	for (uint64_t i = 0; i < ops; i++)
		memcpy(t.memory + destination(i), t.memory + source(i), COPY_BYTES);
}

/* As a driver does: asleep until the interrupt, and then looks in memory, not in the registers. */
static void await_completion(int fd)
{
	while (*ioat_completion(&t) != (ioat_slot_iova(t.given - 1u) | CHANSTS_IDLE)) {
		ioat_events(fd, PATIENCE_MS);
		ioat_set(&t, IOAT_CHANCTRL, 2, CHANCTRL_INT_DISABLE);
	}
}

static void copy_by_device(void *arg, uint64_t ops)
{
	*ioat_completion(&t) = 0;
	for (unsigned int i = 0; i < RING_SLOTS; i++)
		ioat_prepare(&t, destination(i), source(i), COPY_BYTES,
			     i == RING_SLOTS - 1 ? DESCRIPTOR_COMPLETION | DESCRIPTOR_INTERRUPT
						 : 0);
	t.given = (uint16_t)(t.given + ops - RING_SLOTS);
	ioat_submit(&t);
	await_completion(*(int *)arg);
}

static void bench_copies(const char *title, const char *bar, int fd)
{
	const struct bench_case reference = {.body = copy_by_memcpy, .ops = CHAIN};
	const struct bench_case device = {.body = copy_by_device, .arg = &fd, .ops = CHAIN};
	const struct bench_pair pair = bench_pair(&reference, &device);

	bench_table(title);
	bench_row("memcpy", pair.first, pair.first);
	bench_row("ioat", pair.second, pair.first);
	printf("memcpy %.1f GB/s, ioat %.1f GB/s\n", COPY_BYTES / pair.first.median,
	       COPY_BYTES / pair.second.median);
	bench_at_least(bar, 1 / pair.ratio, 0.9, "x");
}

/* One at a time: submit, wait for the interrupt, enable it again. */
static int bench_interrupts(int fd)
{
	uint64_t total = 0, begin = bench_now();
	struct bench_result result;

	for (unsigned int i = 0; i < INTERRUPTS; i++) {
		ioat_prepare(&t, destination(0), source(0), 64, DESCRIPTOR_INTERRUPT);
		ioat_submit(&t);
		total += ioat_events(fd, PATIENCE_MS);
		ioat_set(&t, IOAT_CHANCTRL, 2, CHANCTRL_INT_DISABLE);
	}
	result = bench_once(bench_now() - begin, INTERRUPTS);
	bench_table("interrupts: submit a copy of 64 bytes, sleep until its eventfd is signalled");
	bench_row("ioat", result, result);
	total += ioat_events(fd, 100);
	printf("%" PRIu64 " interrupts for %d completions\n", total, INTERRUPTS);
	bench_at_most("interrupts lost of 1,000,000", (double)(INTERRUPTS - total), 0, "");
	return total == INTERRUPTS ? 0 : 1;
}

int main(void)
{
	int rc, fd;

	if (ioat_open(&t, MEMORY_BYTES)) {
		fprintf(stderr, "ioat_bench: no memory, or the memlock limit is too low\n");
		return 1;
	}
	memset(t.memory, 1, t.size);
	ioat_start_ring(&t);
	fd = ioat_take_interrupts(&t, VFIO_PCI_MSIX_IRQ_INDEX);
	buffers = MAX_BUFFERS;
	bench_copies("copies of 2 MiB, in chains of 256, from 64 MiB to 64 MiB",
		     "speed of ioat's copies over memcpy's, memory to memory", fd);
	buffers = 1;
	bench_copies("copies of 2 MiB, in chains of 256, always the same (in the cache)",
		     "speed of ioat's copies over memcpy's, in the cache", fd);
	rc = bench_interrupts(fd);
	close(fd);
	ioat_close(&t);
	return rc;
}
