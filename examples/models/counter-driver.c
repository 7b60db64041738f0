/* SPDX-License-Identifier: MIT */
/* Drives the device of counter.c: uiommufd run --device ./counter.so -- counter-driver */
#include <stdio.h>

#include "driver.h"

int main(void)
{
	struct driver driver;

	driver_open(&driver, 0x1234, 0xc0de);
	driver.registers[0] = 40;
	for (int i = 0; i < 2; i++)
		(void)driver.registers[0];
	printf("the counter is at %u\n", (unsigned int)driver.registers[0]);
	return 0;
}
