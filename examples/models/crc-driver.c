/* SPDX-License-Identifier: MIT */
/* Drives the device of crc.v: uiommufd run --device ./crc.so -- crc-driver */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "driver.h"

enum {
	ADDRESS = 0x00 / 4,
	WORDS = 0x08 / 4,
	STATUS = 0x0c / 4,
	CRC = 0x10 / 4,
	SIZE = 1 << 16,
};

static uint32_t crc_of(const uint8_t *bytes, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
	}
	return ~crc;
}

int main(void)
{
	uint8_t *memory =
		mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct driver driver;
	uint64_t iova, count;
	int event;

	if (memory == MAP_FAILED)
		fail("out of memory");
	driver_open(&driver, 0x1234, 0xc0e1);
	event = driver_interrupt(&driver);
	iova = driver_map(&driver, memory, SIZE);

	for (size_t i = 0; i < SIZE; i++)
		memory[i] = (uint8_t)(i * i >> 3);
	driver.registers[ADDRESS] = (uint32_t)iova;
	driver.registers[ADDRESS + 1] = (uint32_t)(iova >> 32);
	driver.registers[WORDS] = SIZE / 4;
	if (read(event, &count, sizeof(count)) != sizeof(count))
		fail("the interrupt cannot be read");
	if (driver.registers[STATUS])
		fail("the device has stopped: status %u", (unsigned int)driver.registers[STATUS]);
	if (driver.registers[CRC] != crc_of(memory, SIZE))
		fail("the CRC differs: 0x%08x", (unsigned int)driver.registers[CRC]);
	printf("CRC 0x%08x of %d bytes\n", (unsigned int)driver.registers[CRC], SIZE);
	return 0;
}
