/* SPDX-License-Identifier: MIT */
/* Drives the device of mover.c: uiommufd run --device ./mover.so -- mover-driver */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "driver.h"

enum {
	SOURCE = 0x00 / 4,
	DESTINATION = 0x08 / 4,
	LENGTH = 0x10 / 4,
	COMMAND = 0x14 / 4,
	STATUS = 0x18 / 4,
	SIZE = 1 << 20, /* of the memory: the first half is copied to the second */
};

static void set_address(const struct driver *driver, unsigned int at, uint64_t iova)
{
	driver->registers[at] = (uint32_t)iova;
	driver->registers[at + 1] = (uint32_t)(iova >> 32);
}

int main(void)
{
	char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct driver driver;
	uint64_t iova, count;
	int event;

	if (memory == MAP_FAILED)
		fail("out of memory");
	driver_open(&driver, 0x1234, 0xc0df);
	event = driver_interrupt(&driver);
	iova = driver_map(&driver, memory, SIZE);

	memset(memory, 0x5a, SIZE / 2);
	set_address(&driver, SOURCE, iova);
	set_address(&driver, DESTINATION, iova + SIZE / 2);
	driver.registers[LENGTH] = SIZE / 2;
	driver.registers[COMMAND] = 1;
	if (read(event, &count, sizeof(count)) != sizeof(count))
		fail("the interrupt cannot be read");
	if (driver.registers[STATUS])
		fail("the copy failed: status %u", (unsigned int)driver.registers[STATUS]);
	if (memcmp(memory, memory + SIZE / 2, SIZE / 2) != 0)
		fail("the copy differs");
	printf("%d bytes copied, %llu interrupt\n", SIZE / 2, (unsigned long long)count);
	return 0;
}
