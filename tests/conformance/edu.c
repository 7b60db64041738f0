/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "edu.h"

enum {
	EDU_VENDOR_DEVICE = 0x11e81234,
	EDU_DMA_SRC = 0x80,
	EDU_DMA_DST = 0x88,
	EDU_DMA_COUNT = 0x90,
	EDU_DMA_CMD = 0x98,
	EDU_DMA_RUN = 1,
	EDU_DMA_FROM_DEVICE = 2,
	EDU_BUFFER = 0x40000,
	CONFIG_COMMAND = 4,
	COMMAND_MEMORY = 2,
	COMMAND_MASTER = 4,
};

/* Page-sized, mapped at SCRATCH_IOVA by edu_scratch(). */
#define SCRATCH_IOVA UINT64_C(0xc000000)
static uint64_t *scratch;

static off_t position(unsigned int region, unsigned int offset)
{
	return (off_t)((uint64_t)region << 40 | offset);
}

static void transferred(ssize_t bytes, unsigned int size, const char *what)
{
	if (bytes != (ssize_t)size)
		conformance_fail(HERE, "%s: %zd of %u bytes (%s)", what, bytes, size,
				 bytes < 0 ? strerror(errno) : "short");
}

uint32_t config_read(int device, unsigned int offset, unsigned int size)
{
	uint32_t value = 0;

	transferred(pread(device, &value, size, position(VFIO_PCI_CONFIG_REGION_INDEX, offset)),
		    size, "reading config space");
	return value;
}

void config_write(int device, unsigned int offset, unsigned int size, uint32_t value)
{
	transferred(pwrite(device, &value, size, position(VFIO_PCI_CONFIG_REGION_INDEX, offset)),
		    size, "writing config space");
}

bool is_edu(int device)
{
	return config_read(device, 0, 4) == EDU_VENDOR_DEVICE;
}

void need_edu(const struct fixture *t)
{
	if (!is_edu(t->device))
		skip_test("needs an edu device (1234:11e8)");
	config_write(t->device, CONFIG_COMMAND, 2,
		     config_read(t->device, CONFIG_COMMAND, 2) | COMMAND_MEMORY | COMMAND_MASTER);
}

static uint32_t register_read(int device, unsigned int offset)
{
	uint32_t value = 0;

	transferred(pread(device, &value, sizeof(value), position(0, offset)), sizeof(value),
		    "reading a register");
	return value;
}

static void register_write(int device, unsigned int offset, uint32_t value)
{
	transferred(pwrite(device, &value, sizeof(value), position(0, offset)), sizeof(value),
		    "writing a register");
}

uint32_t edu_read(int device, enum edu_register reg)
{
	return register_read(device, reg);
}

void edu_write(int device, enum edu_register reg, uint32_t value)
{
	register_write(device, reg, value);
}

static void dma(int device, uint64_t src, uint64_t dst, uint32_t length, uint32_t direction)
{
	const struct timespec pause = {.tv_nsec = 100 * 1000};

	/* 32 bits of the addresses: the device has no more than 28. */
	register_write(device, EDU_DMA_SRC, (uint32_t)src);
	register_write(device, EDU_DMA_DST, (uint32_t)dst);
	register_write(device, EDU_DMA_COUNT, length);
	register_write(device, EDU_DMA_CMD, EDU_DMA_RUN | direction);
	for (int tries = 0; register_read(device, EDU_DMA_CMD) & EDU_DMA_RUN; tries++) {
		if (tries == 50000)
			conformance_fail(HERE, "the device's DMA does not end");
		nanosleep(&pause, NULL);
	}
}

void edu_copy(int device, uint64_t dst, uint64_t src, uint32_t length)
{
	dma(device, src, EDU_BUFFER, length, 0);
	dma(device, EDU_BUFFER, dst, length, EDU_DMA_FROM_DEVICE);
}

void edu_scratch(const struct fixture *t)
{
	scratch = mem_pages(PAGE);
	map_at(t->iommu, t->ioas, RW, SCRATCH_IOVA, scratch, PAGE);
}

uint64_t edu_peek(int device, uint64_t iova)
{
	*(volatile uint64_t *)scratch = UINT64_C(0xdeadbeefdeadbeef);
	edu_copy(device, SCRATCH_IOVA, iova, sizeof(*scratch));
	return *(volatile uint64_t *)scratch;
}

void edu_poke(int device, uint64_t iova, uint64_t value)
{
	*(volatile uint64_t *)scratch = value;
	edu_copy(device, iova, SCRATCH_IOVA, sizeof(*scratch));
}
