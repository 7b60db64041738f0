/* SPDX-License-Identifier: MIT */
/* Changes what the device of double_fetch_model.c has read: double_fetch COMMAND. */
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "../../examples/models/driver.h"

static struct driver driver;

static void await(uint32_t status)
{
	while (driver.registers[2] < status)
		sched_yield();
}

int main(int argc, char **argv)
{
	uint8_t *memory =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		fail("out of memory");
	driver_open(&driver, 0x1234, 0xd00c);
	driver.registers[0] = (uint32_t)driver_map(&driver, memory, 4096);
	driver.registers[1] = argc > 1 ? (uint32_t)atoi(argv[1]) : 1;
	await(1);
	((volatile uint8_t *)memory)[8] = 0x5a;
	await(2);
	return 0;
}
