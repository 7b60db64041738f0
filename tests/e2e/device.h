/* SPDX-License-Identifier: MIT */
/* A device of the model edu, bound to a context and attached to an IOAS, for ordinary programs. */
#ifndef E2E_DEVICE_H
#define E2E_DEVICE_H

#include <fcntl.h>
#include <linux/vfio.h>
#include <sched.h>
#include <unistd.h>

#include "check.h"

struct bind {
	uint32_t argsz, flags;
	int32_t iommufd;
	uint32_t out_devid;
};

struct attach {
	uint32_t argsz, flags, pt_id;
};

struct map_file {
	uint32_t size, flags, ioas_id;
	int32_t fd;
	uint64_t start, length, iova;
};

#define BIND_IOMMUFD	    0x3b76
#define ATTACH_PT	    0x3b77
#define IOMMU_IOAS_MAP_FILE 0x3b8f

enum {
	EDU_MEMORY = 0x40000, /* the device's own memory, as its registers name it */
	MAP_FLAGS = 7,	      /* fixed IOVA, readable, writable */
};

static const char *device_path = "/dev/vfio/devices/vfio0";
static int context, device, ioas;
static uint64_t registers;

static inline void set_up(void)
{
	struct vfio_region_info info = {.argsz = sizeof(info),
					.index = VFIO_PCI_CONFIG_REGION_INDEX};
	struct bind bind = {.argsz = sizeof(bind)};
	struct attach attach = {.argsz = sizeof(attach)};
	const uint16_t command = 6; /* memory, bus master */

	context = open("/dev/iommu", O_RDWR);
	device = open(device_path, O_RDWR);
	bind.iommufd = context;
	CHECK(ioctl(device, BIND_IOMMUFD, &bind) == 0);
	ioas = new_ioas(context);
	attach.pt_id = (uint32_t)ioas;
	CHECK(ioctl(device, ATTACH_PT, &attach) == 0);
	CHECK(ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info) == 0);
	CHECK(pwrite(device, &command, 2, (off_t)info.offset + 4) == 2);
	info.index = 0;
	CHECK(ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info) == 0);
	registers = info.offset;
}

static inline void tear_down(void)
{
	close(device);
	close(context);
}

static inline int map(void *memory, size_t len, uint64_t iova)
{
	struct ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = MAP_FLAGS,
		.ioas_id = (uint32_t)ioas,
		.user_va = (uintptr_t)memory,
		.length = len,
		.iova = iova,
	};

	return ioctl(context, IOMMU_IOAS_MAP, &cmd);
}

static inline int map_file(int fd, size_t len, uint64_t iova)
{
	struct map_file cmd = {
		.size = sizeof(cmd),
		.flags = MAP_FLAGS,
		.ioas_id = (uint32_t)ioas,
		.fd = fd,
		.length = len,
		.iova = iova,
	};

	return ioctl(context, IOMMU_IOAS_MAP_FILE, &cmd);
}

static inline int unmap(size_t len, uint64_t iova)
{
	struct ioas_unmap cmd = {
		.size = sizeof(cmd), .ioas_id = (uint32_t)ioas, .iova = iova, .length = len};

	return ioctl(context, IOMMU_IOAS_UNMAP, &cmd);
}

static inline void set_register(uint64_t at, uint64_t value)
{
	CHECK(pwrite(device, &value, 8, (off_t)(registers + at)) == 8);
}

/* Copies @len bytes from @from to @to, one of which is the device's memory. */
static inline void transfer(uint64_t from, uint64_t to, uint64_t len)
{
	uint32_t busy = 1;

	set_register(0x80, from);
	set_register(0x88, to);
	set_register(0x90, len);
	set_register(0x98, from == EDU_MEMORY ? 3 : 1);
	while (pread(device, &busy, 4, (off_t)(registers + 0x98)) == 4 && (busy & 1))
		sched_yield();
}

/* Where dma_read() and dma_write() exchange bytes with the device. */
#define SCRATCH_IOVA UINT64_C(0x7f00000)

static inline unsigned char *scratch(void)
{
	static unsigned char bytes[4096] __attribute__((aligned(4096)));

	return bytes;
}

static inline void map_scratch(void)
{
	CHECK(map(scratch(), 4096, SCRATCH_IOVA) == 0);
}

/* What the device reads at @iova: its first byte, or -1 if it cannot. */
static inline int dma_read(uint64_t iova)
{
	scratch()[0] = 0xbd;
	transfer(SCRATCH_IOVA, EDU_MEMORY, 1);
	transfer(iova, EDU_MEMORY, 1);
	transfer(EDU_MEMORY, SCRATCH_IOVA, 1);
	return scratch()[0] == 0xbd ? -1 : scratch()[0];
}

/* The device writes @byte to @iova. */
static inline void dma_write(uint64_t iova, unsigned char byte)
{
	scratch()[0] = byte;
	transfer(SCRATCH_IOVA, EDU_MEMORY, 1);
	transfer(EDU_MEMORY, iova, 1);
}

#endif
