/* SPDX-License-Identifier: MIT */
/*
 * The NVMe controller with a disk in memory, driven by polling, one queue, from a program under
 * `uiommufd run` that has its registers mapped, and so writes doorbells without a trap: random
 * reads of 4 KiB at queue depth 32, and sequential reads and writes of 128 KiB, against memcpy in
 * the same run.
 *
 * Started without arguments, it starts itself under `uiommufd run` of the build that it belongs to.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>

#include "../examples/models/driver.h"
#include "../tests/lib/nvme_rig.h"
#include "../tests/lib/random.h"
#include "../tests/lib/require.h"
#include "bench.h"

enum {
	VENDOR = 0x1b36,
	DEVICE = 0x0010,
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

/* The rig, with the device that the program finds. */
static void open_device(void)
{
	struct driver driver;
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.length = MEMORY_BYTES,
		.iova = NVME_IOVA,
	};

	driver_open(&driver, VENDOR, DEVICE);
	t.registers = (volatile uint8_t *)driver.registers;
	t.stride = nvme_get(&t, NVME_CAP, 8) >> 32 & 0xf;
	t.size = MEMORY_BYTES;
	t.memory = mmap(NULL, t.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	other = malloc(DISK_BYTES);
	if (t.memory == MAP_FAILED || !other)
		fail("no memory");
	map.ioas_id = driver.ioas_id;
	map.user_va = (uintptr_t)t.memory;
	if (ioctl(driver.iommufd, IOMMU_IOAS_MAP, &map))
		fail("mapping %d bytes: the memlock limit may be too low", MEMORY_BYTES);
	if (!nvme_enable(&t) || nvme_create_ring(&t, 1, 0))
		fail("the controller cannot be enabled");
}

static int measure(void)
{
	struct bench_result small;

	open_device();
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
	return 0;
}

int main(int argc, char **argv)
{
	struct bench_paths paths;

	(void)argv;
	if (argc > 1)
		return measure();
	bench_paths(&paths);
	execl(paths.command, paths.command, "run", "--device", "nvme,size=64M", "--", paths.self,
	      "inside", (char *)NULL);
	fail("%s cannot be started", paths.command);
}
