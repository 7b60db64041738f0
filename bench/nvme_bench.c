/* SPDX-License-Identifier: MIT */
/*
 * The NVMe controller with a disk in memory, driven by polling, one queue: random reads of 4 KiB at
 * queue depth 32, and sequential reads and writes of 128 KiB, against memcpy in the same run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tests/lib/nvme_rig.h"
#include "../tests/lib/random.h"
#include "../tests/lib/require.h"
#include "bench.h"

enum {
	DISK_BYTES = 64 << 20,
	DEPTH = 32,
	SMALL = 4096,
	LARGE = 128 << 10,
	LARGE_DEPTH = 8,
	MEMORY_BYTES = NVME_DATA + (32 << 20),
	LISTS = 31 << 20, /* offset in the data */
	SMALL_OPS = 400000,
	LARGE_OPS = 4000,
	BLOCK = 512,
};

static struct nvme_rig t;
static struct rng rng;
static uint8_t *other; /* what memcpy copies from, or to */

/* Offset of the data of the command in slot @i. */
static uint64_t buffer(unsigned int i, uint64_t bytes)
{
	return i * bytes;
}

static struct nvme_command random_read(unsigned int i)
{
	return nvme_rw(IO_READ, rng_below(&rng, DISK_BYTES / SMALL) * (SMALL / BLOCK),
		       SMALL / BLOCK, buffer(i, SMALL));
}

static struct nvme_command sequential(uint8_t opcode, uint64_t n)
{
	const unsigned int i = (unsigned int)(n % LARGE_DEPTH);
	struct nvme_command command =
		nvme_rw(opcode, n * LARGE % DISK_BYTES / BLOCK, LARGE / BLOCK, buffer(i, LARGE));
	uint64_t *list = (uint64_t *)(void *)(t.memory + NVME_DATA + LISTS + i * 4096ull);

	for (unsigned int page = 1; page < LARGE / 4096; page++)
		list[page - 1] = nvme_data_iova(buffer(i, LARGE) + page * 4096ull);
	command.prp2 = nvme_data_iova(LISTS + i * 4096ull);
	return command;
}

/* Keeps @depth commands in the queue until @ops have completed; a doorbell for all that are new. */
static void drive(uint64_t ops, unsigned int depth, uint8_t opcode)
{
	struct nvme_ring *ring = &t.rings[1];
	uint64_t given = 0, done = 0;

	while (done < ops) {
		struct nvme_completion completion;
		const uint64_t before = given, taken = done;

		while (nvme_poll(ring, &completion)) {
			require(nvme_status_of(&completion) == ST_SUCCESS);
			done++;
		}
		if (done != taken)
			nvme_ring_head(&t, ring);
		for (; given < ops && given - done < depth; given++) {
			const struct nvme_command command =
				opcode ? sequential(opcode, given)
				       : random_read((unsigned int)(given % DEPTH));

			nvme_submit(&t, ring, &command);
		}
		if (given != before)
			nvme_ring_tail(&t, ring);
	}
}

static void read_small(void *arg, uint64_t ops)
{
	(void)arg;
	drive(ops, DEPTH - 1, 0);
}

static void read_large(void *arg, uint64_t ops)
{
	(void)arg;
	drive(ops, LARGE_DEPTH, IO_READ);
}

static void write_large(void *arg, uint64_t ops)
{
	(void)arg;
	drive(ops, LARGE_DEPTH, IO_WRITE);
}

static void copy_out(void *arg, uint64_t ops)
{
	(void)arg;
	for (uint64_t i = 0; i < ops; i++)
		memcpy(t.memory + NVME_DATA + buffer((unsigned int)(i % LARGE_DEPTH), LARGE),
		       other + i * LARGE % DISK_BYTES, LARGE);
}

static void copy_in(void *arg, uint64_t ops)
{
	(void)arg;
	for (uint64_t i = 0; i < ops; i++)
		memcpy(other + i * LARGE % DISK_BYTES,
		       t.memory + NVME_DATA + buffer((unsigned int)(i % LARGE_DEPTH), LARGE),
		       LARGE);
}

static void bench_large(const char *title, const char *bar, void (*copy)(void *, uint64_t),
			void (*device)(void *, uint64_t))
{
	const struct bench_case reference = {.body = copy, .ops = LARGE_OPS};
	const struct bench_case ours = {.body = device, .ops = LARGE_OPS};
	const struct bench_pair pair = bench_pair(&reference, &ours);

	bench_table(title);
	bench_row("memcpy", pair.first, pair.first);
	bench_row("nvme", pair.second, pair.first);
	printf("memcpy %.1f GB/s, nvme %.1f GB/s\n", LARGE / pair.first.median,
	       LARGE / pair.second.median);
	bench_at_least(bar, 1 / pair.ratio, 0.8, "x");
}

int main(void)
{
	static const struct option_value options[] = {{"size", "64M"}};
	struct bench_result small;

	other = malloc(DISK_BYTES);
	if (!other || nvme_open(&t, MEMORY_BYTES, options, 1) || !nvme_enable(&t) ||
	    nvme_create_ring(&t, 1, 0)) {
		fprintf(stderr, "nvme_bench: no memory, or the memlock limit is too low\n");
		return 1;
	}
	rng = rng_of(1);
	memset(other, 1, DISK_BYTES);
	memset(t.memory + NVME_DATA, 1, 32 << 20);
	drive(DISK_BYTES / LARGE, LARGE_DEPTH, IO_WRITE);

	small = bench_run(&(struct bench_case){.body = read_small, .ops = SMALL_OPS});
	bench_table("random reads of 4 KiB, queue depth 31, one queue, polling");
	bench_row("nvme", small, small);
	bench_at_least("random reads of 4 KiB a second", 1e9 / small.median, 400000, "");
	bench_large("sequential reads of 128 KiB", "speed of sequential reads over memcpy's",
		    copy_out, read_large);
	bench_large("sequential writes of 128 KiB", "speed of sequential writes over memcpy's",
		    copy_in, write_large);
	nvme_close(&t);
	free(other);
	return 0;
}
