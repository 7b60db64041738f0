/* SPDX-License-Identifier: MIT */
/*
 * One device copies into the registers of another, by a dma-buf of its BAR; until the other one
 * stops to answer. vfio0 is examples/models/mover.c, vfio1 is edu.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../lib/page.h"
#include "check.h"

/* check.h has the few commands that most programs need; this one takes them from the header. */
#undef IOMMU_DESTROY
#undef IOMMU_IOAS_ALLOC
#undef IOMMU_IOAS_MAP
#undef IOMMU_IOAS_UNMAP
#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>

enum {
	MOVER_SOURCE = 0x00,
	MOVER_DESTINATION = 0x08,
	MOVER_LENGTH = 0x10,
	MOVER_COMMAND = 0x14,
	MOVER_STATUS = 0x18,
	MOVER_BUSY = 1,
	MOVER_BAD_DESTINATION = 4,
	EDU_LIVENESS = 0x04,
	EDU_BAR = 1 << 20,
	COMMAND = 4,
	MEMORY_AND_MASTER = 6,
	MASTER = 4,
	MEMORY_IOVA = 0x100000,
	BAR_IOVA = 0x40000000,
	FLAGS = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
};
#define CONFIG (UINT64_C(7) << 40)

static int context, mover, edu, dmabuf;
static uint32_t ioas;
static uint32_t *memory;

static void put(int device, uint64_t pos, uint32_t value)
{
	CHECK(pwrite(device, &value, sizeof(value), (off_t)pos) == sizeof(value));
}

static uint32_t get(int device, uint64_t pos)
{
	uint32_t value = 0;

	CHECK(pread(device, &value, sizeof(value), (off_t)pos) == sizeof(value));
	return value;
}

static int open_device(const char *path)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = context};
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach), .pt_id = ioas};
	const int fd = open(path, O_RDWR);

	CHECK(fd >= 0 && !ioctl(fd, VFIO_DEVICE_BIND_IOMMUFD, &bind) &&
	      !ioctl(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach));
	put(fd, CONFIG + COMMAND, MEMORY_AND_MASTER);
	return fd;
}

static int export_bar(int device)
{
	struct {
		struct vfio_device_feature head;
		struct vfio_device_feature_dma_buf buf;
		struct vfio_region_dma_range range;
	} cmd = {
		.head = {.argsz = sizeof(cmd),
			 .flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF},
		.buf = {.open_flags = O_RDWR | O_CLOEXEC, .nr_ranges = 1},
		.range = {.length = EDU_BAR},
	};

	return ioctl(device, VFIO_DEVICE_FEATURE, &cmd);
}

static int map_bar(uint64_t iova)
{
	const struct iommu_ioas_map_file map = {
		.size = sizeof(map),
		.flags = FLAGS,
		.ioas_id = ioas,
		.fd = dmabuf,
		.length = EDU_BAR,
		.iova = iova,
	};

	return ioctl(context, IOMMU_IOAS_MAP_FILE, &map);
}

static void set_up(void)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct iommu_ioas_map map = {
		.size = sizeof(map), .flags = FLAGS, .length = PAGE, .iova = MEMORY_IOVA};

	memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	context = open("/dev/iommu", O_RDWR);
	CHECK(memory != MAP_FAILED && !ioctl(context, IOMMU_IOAS_ALLOC, &alloc));
	ioas = map.ioas_id = alloc.out_ioas_id;
	map.user_va = (uintptr_t)memory;
	CHECK(!ioctl(context, IOMMU_IOAS_MAP, &map));
	mover = open_device("/dev/vfio/devices/vfio0");
	edu = open_device("/dev/vfio/devices/vfio1");
	dmabuf = export_bar(edu);
	CHECK(dmabuf >= 0 && !map_bar(BAR_IOVA));
}

/* The mover copies @value to the liveness register; its status at the end. */
static uint32_t copy(uint32_t value)
{
	uint32_t status;

	*memory = value;
	put(mover, MOVER_SOURCE, MEMORY_IOVA);
	put(mover, MOVER_DESTINATION, BAR_IOVA + EDU_LIVENESS);
	put(mover, MOVER_LENGTH, sizeof(value));
	put(mover, MOVER_COMMAND, 1);
	do
		status = get(mover, MOVER_STATUS);
	while (status & MOVER_BUSY);
	return status;
}

/* It is the mover's first work, so the trap of the mapped register starts its thread. */
static void a_copy_that_a_mapped_register_starts_reaches_the_other_device(void)
{
	volatile uint32_t *bar = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, mover, 0);

	CHECK(bar != MAP_FAILED);
	*memory = 0x1234;
	put(mover, MOVER_SOURCE, MEMORY_IOVA);
	put(mover, MOVER_DESTINATION, BAR_IOVA + EDU_LIVENESS);
	put(mover, MOVER_LENGTH, sizeof(*memory));
	bar[MOVER_COMMAND / sizeof(*bar)] = 1;
	while (bar[MOVER_STATUS / sizeof(*bar)] & MOVER_BUSY)
		;
	CHECK(get(edu, EDU_LIVENESS) == ~UINT32_C(0x1234));
	munmap((void *)bar, PAGE);
}

static void a_copy_reaches_the_registers_of_the_other_device(void)
{
	CHECK(copy(0x12345678) == 0);
	CHECK(get(edu, EDU_LIVENESS) == ~UINT32_C(0x12345678));
}

static void the_descriptor_is_not_needed_any_more(void)
{
	CHECK(!close(dmabuf));
	CHECK(copy(1) == 0 && get(edu, EDU_LIVENESS) == ~UINT32_C(1));
	dmabuf = export_bar(edu);
}

static void a_device_that_does_not_decode_gets_nothing(void)
{
	put(edu, CONFIG + COMMAND, MASTER);
	CHECK(copy(2) == MOVER_BAD_DESTINATION);
	CHECK(map_bar(2 * (uint64_t)BAR_IOVA) == -1 && errno == ENODEV);
	put(edu, CONFIG + COMMAND, MEMORY_AND_MASTER);
	CHECK(copy(3) == MOVER_BAD_DESTINATION);
	CHECK(get(edu, EDU_LIVENESS) == ~UINT32_C(1));
	CHECK(!ioctl(context, IOMMU_IOAS_UNMAP,
		     &(struct iommu_ioas_unmap){.size = sizeof(struct iommu_ioas_unmap),
						.ioas_id = ioas,
						.iova = BAR_IOVA,
						.length = EDU_BAR}));
	CHECK(!map_bar(BAR_IOVA));
	CHECK(copy(4) == 0 && get(edu, EDU_LIVENESS) == ~UINT32_C(4));
}

static void the_address_of_a_mapped_bar_is_EFAULT(void)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = FLAGS,
		.ioas_id = ioas,
		.length = PAGE,
		.iova = 0x7000000,
	};
	void *bar = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, edu, 0);

	CHECK(bar != MAP_FAILED);
	map.user_va = (uintptr_t)bar;
	CHECK(ioctl(context, IOMMU_IOAS_MAP, &map) == -1 && errno == EFAULT);
	munmap(bar, PAGE);
}

int main(void)
{
	const struct check_test tests[] = {
		TEST(a_copy_that_a_mapped_register_starts_reaches_the_other_device),
		TEST(a_copy_reaches_the_registers_of_the_other_device),
		TEST(the_descriptor_is_not_needed_any_more),
		TEST(a_device_that_does_not_decode_gets_nothing),
		TEST(the_address_of_a_mapped_bar_is_EFAULT),
	};

	set_up();
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
