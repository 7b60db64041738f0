/* SPDX-License-Identifier: MIT */
/*
 * edu-robust: a driver of QEMU's teaching device "edu" that trusts the device with nothing.
 *
 * It copies 256 KiB through the device's buffer of 4 KiB, as edu-copy does, and survives what
 * `uiommufd run --hostile seed=N` does to it (docs/hostile.md):
 *
 * - an interrupt is a reason to look, and so is the end of a timeout: whether a transfer is over is
 *   what the device's register says;
 * - a register counts when two reads in a row agree;
 * - what is written to a register is read back before it is used;
 * - data counts when it is there: a piece that differs is transferred again;
 * - a device that does not come to an end is reset, and a reset counts when the device answers;
 * - a device that reads as ones for long is gone, and so is one that fails again and again. Then
 *   the program ends, with status 3.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "models/driver.h"

#if __has_include(<linux/iommufd.h>)
#include <linux/iommufd.h>
#include <linux/vfio.h>
#else
#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>
#endif

enum {
	EDU_VENDOR = 0x1234,
	EDU_DEVICE = 0x11e8,

	EDU_ID = 0x00,
	EDU_IRQ_STATUS = 0x24,
	EDU_IRQ_ACK = 0x64,
	EDU_DMA_SOURCE = 0x80,
	EDU_DMA_DESTINATION = 0x88,
	EDU_DMA_COUNT = 0x90,
	EDU_DMA_COMMAND = 0x98,

	EDU_DMA_START = 1,
	EDU_DMA_TO_RAM = 2,
	EDU_DMA_INTERRUPT = 4,

	EDU_BUFFER = 0x40000, /* DMA address of the device's buffer */
	PIECE = 4096,
	PIECES = 64,
	FROM = 0x100000, /* IOVAs: the device drives 28 bits */
	TO = 0x200000,

	WAIT_MS = 20,	/* before looking without an interrupt */
	WAITS = 10,	/* before the device is reset */
	READS = 20000,	/* as ones: the device is gone */
	RETRIES = 1000, /* of all pieces together: the device is no good */
	STATUS_GONE = 3,
};

static struct driver driver;
static int event;
static unsigned int retries, resets;

/* ---- registers ---- */

static _Noreturn void gone(void)
{
	printf("the device is gone\n");
	exit(STATUS_GONE);
}

static uint32_t once(unsigned int reg)
{
	return driver.registers[reg / 4];
}

/* What two reads in a row agree on. Ones: the device is not there, or is being reset. */
static uint32_t get(unsigned int reg)
{
	uint32_t last = once(reg), now;

	for (unsigned int i = 0; i < READS; i++) {
		now = once(reg);
		if (now == last && now != UINT32_MAX)
			return now;
		last = now;
	}
	gone();
}

static bool set(unsigned int reg, uint32_t value)
{
	driver.registers[reg / 4] = value;
	return get(reg) == value;
}

/* ---- recovery ---- */

static bool answers(void)
{
	return (get(EDU_ID) & 0xffff) == 0x00ed;
}

static void reset(void)
{
	resets++;
	/* That it fails, or does nothing, shows when the next transfer does not come to an end. */
	(void)ioctl(driver.device, VFIO_DEVICE_RESET);
	if (!answers())
		gone();
}

/* ---- transfers ---- */

static bool is_idle(void)
{
	return !(get(EDU_DMA_COMMAND) & EDU_DMA_START);
}

/* False: the transfer does not end. */
static bool await_end(void)
{
	struct pollfd pfd = {.fd = event, .events = POLLIN};
	uint64_t count;

	for (unsigned int i = 0; i < WAITS; i++) {
		if (poll(&pfd, 1, WAIT_MS) == 1 &&
		    read(event, &count, sizeof(count)) != sizeof(count))
			return false;
		if (is_idle()) {
			driver.registers[EDU_IRQ_ACK / 4] = get(EDU_IRQ_STATUS);
			return true;
		}
	}
	return false;
}

static bool transfer(uint32_t source, uint32_t destination, uint32_t direction)
{
	/* Until the registers are as they should be, nothing has begun. */
	if (!is_idle() || !set(EDU_DMA_SOURCE, source) || !set(EDU_DMA_DESTINATION, destination) ||
	    !set(EDU_DMA_COUNT, PIECE))
		return false;
	driver.registers[EDU_DMA_COMMAND / 4] = EDU_DMA_START | EDU_DMA_INTERRUPT | direction;
	return await_end();
}

static void copy_piece(const uint8_t *from, const uint8_t *to, unsigned int piece)
{
	const uint32_t off = piece * PIECE;

	for (;;) {
		if (transfer(FROM + off, EDU_BUFFER, 0) &&
		    transfer(EDU_BUFFER, TO + off, EDU_DMA_TO_RAM)) {
			if (memcmp(from + off, to + off, PIECE) == 0)
				return;
		} else {
			reset();
		}
		if (++retries == RETRIES)
			gone();
	}
}

/* ---- the program ---- */

static uint8_t *map(uint64_t iova)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = driver.ioas_id,
		.length = PIECES * PIECE,
		.iova = iova,
	};
	void *memory =
		mmap(NULL, map.length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	map.user_va = (uintptr_t)memory;
	if (ioctl(driver.iommufd, IOMMU_IOAS_MAP, &map))
		fail("IOMMU_IOAS_MAP: %s", strerror(errno));
	return memory;
}

int main(void)
{
	uint8_t *from, *to;

	driver_open(&driver, EDU_VENDOR, EDU_DEVICE);
	event = driver_interrupt(&driver);
	from = map(FROM);
	to = map(TO);
	for (size_t i = 0; i < PIECES * PIECE; i++)
		from[i] = (uint8_t)(i * 2654435761u >> 16);
	if (!answers())
		gone();
	for (unsigned int piece = 0; piece < PIECES; piece++)
		copy_piece(from, to, piece);
	if (memcmp(from, to, PIECES * PIECE) != 0)
		fail("the copy differs from the original");
	printf("%d bytes copied; %u retries, %u resets\n", PIECES * PIECE, retries, resets);
	return 0;
}
