/* SPDX-License-Identifier: MIT */
/* Drives the device of ring.c: uiommufd run --device ./ring.so -- ring-driver */
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "driver.h"

enum {
	RING = 0x00 / 4,
	COUNTER = 0x08 / 4,
	SIZE = 0x10 / 4,
	STATUS = 0x14 / 4,
	DOORBELL = 0x1000 / 4,
	DESCRIPTORS = 128,
	COPIES = 10000,
	LENGTH = 64,
};

struct descriptor {
	uint64_t source, destination, length;
};

/* What the device sees: all of it is one mapping. */
struct shared {
	struct descriptor ring[DESCRIPTORS];
	uint64_t counter; /* the device adds to it */
	uint32_t from[COPIES][LENGTH / 4], to[COPIES][LENGTH / 4];
};

static void set_address(const struct driver *driver, unsigned int at, uint64_t iova)
{
	driver->registers[at] = (uint32_t)iova;
	driver->registers[at + 1] = (uint32_t)(iova >> 32);
}

/* Waits until less than @room descriptors of @written are left to do. */
static void wait_for(const struct driver *driver, const struct shared *shared, uint64_t written,
		     uint64_t room)
{
	while (written - __atomic_load_n(&shared->counter, __ATOMIC_ACQUIRE) >= room) {
		if (driver->registers[STATUS])
			fail("the device has stopped");
		sched_yield();
	}
}

int main(void)
{
	const size_t size = (sizeof(struct shared) + 4095) / 4096 * 4096;
	struct shared *shared =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct driver driver;
	uint64_t iova;

	if (shared == MAP_FAILED)
		fail("out of memory");
	driver_open(&driver, 0x1234, 0xc0e0);
	iova = driver_map(&driver, shared, size);
	set_address(&driver, RING, iova + offsetof(struct shared, ring));
	set_address(&driver, COUNTER, iova + offsetof(struct shared, counter));
	driver.registers[SIZE] = DESCRIPTORS;

	for (unsigned int i = 0; i < COPIES; i++) {
		memset(shared->from[i], (int)i, LENGTH);
		wait_for(&driver, shared, i, DESCRIPTORS - 1);
		shared->ring[i % DESCRIPTORS] = (struct descriptor){
			.source = iova + offsetof(struct shared, from) + i * (uint64_t)LENGTH,
			.destination = iova + offsetof(struct shared, to) + i * (uint64_t)LENGTH,
			.length = LENGTH,
		};
		/* The descriptor is in memory before the device is told of it. */
		__atomic_thread_fence(__ATOMIC_RELEASE);
		driver.registers[DOORBELL] = (i + 1) % DESCRIPTORS;
	}
	wait_for(&driver, shared, COPIES, 1);
	if (memcmp(shared->from, shared->to, sizeof(shared->from)) != 0)
		fail("the copies differ");
	printf("%llu copies done\n", (unsigned long long)shared->counter);
	return 0;
}
