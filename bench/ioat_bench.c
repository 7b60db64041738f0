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
	BUFFERS = 32, /* together beyond what a cache holds */
	MEMORY_BYTES = DATA_OFFSET + 2 * BUFFERS * COPY_BYTES,
	CHAIN = 32,
	INTERRUPTS = 1000000,
};

static struct ioat_rig t;

static uint64_t source(uint64_t i)
{
	return DATA_OFFSET + i % BUFFERS * COPY_BYTES;
}

static uint64_t destination(uint64_t i)
{
	return source(i) + BUFFERS * COPY_BYTES;
}

static void await_idle(void)
{
	/* As a driver does: in memory, not in the registers. */
	while (*ioat_completion(&t) != (ioat_slot_iova(t.given - 1u) | CHANSTS_IDLE))
		usleep(20);
}

static void copy_by_memcpy(void *arg, uint64_t ops)
{
	(void)arg;
	for (uint64_t i = 0; i < ops; i++)
		memcpy(t.memory + destination(i), t.memory + source(i), COPY_BYTES);
}

static void copy_by_device(void *arg, uint64_t ops)
{
	(void)arg;
	for (uint64_t i = 0; i < ops;) {
		*ioat_completion(&t) = 0;
		for (unsigned int n = 0; n < CHAIN; n++, i++)
			ioat_prepare(&t, destination(i), source(i), COPY_BYTES,
				     n == CHAIN - 1 ? DESCRIPTOR_COMPLETION : 0);
		ioat_submit(&t);
		await_idle();
	}
}

static void bench_copies(void)
{
	struct bench_case by_memcpy = {.body = copy_by_memcpy, .ops = 8 * CHAIN};
	struct bench_case by_device = {.body = copy_by_device, .ops = 8 * CHAIN};
	struct bench_result reference, device;

	bench_table("copies of 2 MiB, 64 MiB to 64 MiB; the device in chains of 32");
	reference = bench_run(&by_memcpy);
	device = bench_run(&by_device);
	bench_row("memcpy", reference, reference);
	bench_row("ioat", device, reference);
	printf("ioat: %.1f GB/s\n", COPY_BYTES / device.median);
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
	bench_copies();
	rc = bench_interrupts();
	ioat_close(&t);
	return rc;
}
