/* SPDX-License-Identifier: MIT */
/*
 * A program moves the state of one edu (vfio0) to another (vfio1) by the descriptors that VFIO
 * gives it, with pre-copy, while the device has DMA to do.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
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
	EDU_SOURCE = 0x80,
	EDU_DESTINATION = 0x88,
	EDU_COUNT = 0x90,
	EDU_COMMAND = 0x98,
	EDU_BUFFER = 0x40000,
	START = 1,
	TO_RAM = 2,
	IOVA = 0x100000,
	ROUNDS = 20,
	STREAM = 1 << 16,
};
#define CONFIG_COMMAND ((UINT64_C(7) << 40) + 4)

static int devices[2];
static uint8_t *memory;

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

static void set_up(void)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.length = 2 * PAGE,
		.iova = IOVA,
	};
	const int context = open("/dev/iommu", O_RDWR);

	memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(memory != MAP_FAILED && !ioctl(context, IOMMU_IOAS_ALLOC, &alloc));
	map.ioas_id = alloc.out_ioas_id;
	map.user_va = (uintptr_t)memory;
	CHECK(!ioctl(context, IOMMU_IOAS_MAP, &map));
	for (int i = 0; i < 2; i++) {
		struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = context};
		struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach),
							       .pt_id = map.ioas_id};

		devices[i] =
			open(i ? "/dev/vfio/devices/vfio1" : "/dev/vfio/devices/vfio0", O_RDWR);
		CHECK(!ioctl(devices[i], VFIO_DEVICE_BIND_IOMMUFD, &bind));
		CHECK(!ioctl(devices[i], VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach));
		put(devices[i], CONFIG_COMMAND, 6);
	}
}

/* Goes to @state; the descriptor that comes with it, or -1. */
static int set_state(int device, uint32_t state)
{
	struct {
		struct vfio_device_feature head;
		struct vfio_device_feature_mig_state state;
	} cmd = {
		.head = {.argsz = sizeof(cmd),
			 .flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE},
		.state = {.device_state = state},
	};

	CHECK(!ioctl(device, VFIO_DEVICE_FEATURE, &cmd));
	return cmd.state.data_fd;
}

/* Copies what @from has to @to; the errno or 0 with which it ends. */
static int pump(int from, int to)
{
	static char bytes[STREAM];
	struct pollfd poll_from = {.fd = from, .events = POLLIN};
	ssize_t len;

	CHECK(poll(&poll_from, 1, 0) == 1 && poll_from.revents & POLLIN);
	while ((len = read(from, bytes, 1000)) > 0)
		CHECK(write(to, bytes, (size_t)len) == len);
	return len ? errno : 0;
}

static void migrate(int source, int destination)
{
	struct vfio_precopy_info info = {.argsz = sizeof(info)};
	const int from = set_state(source, VFIO_DEVICE_STATE_PRE_COPY);
	const int to = set_state(destination, VFIO_DEVICE_STATE_RESUMING);

	CHECK(from >= 0 && to >= 0 && lseek(from, 0, SEEK_SET) == -1 && errno == ESPIPE);
	CHECK(!ioctl(from, VFIO_MIG_GET_PRECOPY_INFO, &info) && info.initial_bytes);
	CHECK(pump(from, to) == ENOMSG);
	CHECK(set_state(source, VFIO_DEVICE_STATE_STOP_COPY) == -1);
	CHECK(pump(from, to) == 0);
	CHECK(set_state(destination, VFIO_DEVICE_STATE_RUNNING) == -1);
	CHECK(!close(from) && !close(to));
	CHECK(!ioctl(source, VFIO_DEVICE_RESET));
}

static void start(int device, uint32_t from, uint32_t to, uint32_t how)
{
	put(device, EDU_SOURCE, from);
	put(device, EDU_DESTINATION, to);
	put(device, EDU_COUNT, PAGE);
	put(device, EDU_COMMAND, START | how);
}

static void wait_for(int device)
{
	while (get(device, EDU_COMMAND) & START)
		sched_yield();
}

static void a_device_that_moves_back_and_forth_loses_nothing(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		const int here = devices[i % 2], there = devices[1 - i % 2];

		memset(memory, i + 1, PAGE);
		start(here, IOVA, EDU_BUFFER, 0);
		migrate(here, there);
		wait_for(there);
		start(there, EDU_BUFFER, IOVA + PAGE, TO_RAM);
		migrate(there, here);
		migrate(here, there);
		wait_for(there);
		CHECK(!memcmp(memory, memory + PAGE, PAGE));
	}
}

int main(void)
{
	const struct check_test tests[] = {
		TEST(a_device_that_moves_back_and_forth_loses_nothing),
	};

	set_up();
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
