/* SPDX-License-Identifier: MIT */
/*
 * Threads of a device start on other threads of the engine: on one of the device's, and on the one
 * that an ioeventfd wakes. The program has memory pinned, so the preload looks at each mapping that
 * the program makes; the stack of such a thread is none. The device is threads_model.c.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../../examples/models/driver.h"

#if __has_include(<linux/iommufd.h>)
#include <linux/vfio.h>
#else
#include <uiommufd/vfio.h>
#endif

enum {
	PAGE = 4096,
	ROUNDS = 3,
	PATIENCE = 10, /* seconds */
};

static void await(const struct driver *driver, uint32_t runs)
{
	const time_t end = time(NULL) + PATIENCE;

	while (driver->registers[0] != runs)
		if (time(NULL) > end)
			fail("thread 2 has run %u times, not %u", driver->registers[0], runs);
}

static int ring_by_eventfd(const struct driver *driver)
{
	struct vfio_region_info region = {.argsz = sizeof(region), .index = 0};
	struct vfio_device_ioeventfd event = {.argsz = sizeof(event),
					      .flags = VFIO_DEVICE_IOEVENTFD_32};

	event.fd = eventfd(0, EFD_CLOEXEC);
	if (event.fd < 0 || ioctl(driver->device, VFIO_DEVICE_GET_REGION_INFO, &region))
		fail("no eventfd, or no region");
	event.offset = region.offset;
	if (ioctl(driver->device, VFIO_DEVICE_IOEVENTFD, &event))
		fail("no ioeventfd");
	return event.fd;
}

int main(int argc, char **argv)
{
	const bool by_eventfd = argc > 1 && !strcmp(argv[1], "ioeventfd");
	struct driver driver;
	void *memory;
	int event = -1;

	driver_open(&driver, 0x1234, 0x7472);
	memory = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		fail("no memory");
	(void)driver_map(&driver, memory, 16 * PAGE);
	if (by_eventfd)
		event = ring_by_eventfd(&driver);
	for (uint32_t i = 1; i <= ROUNDS; i++) {
		const uint64_t one = 1;

		if (!by_eventfd)
			driver.registers[0] = 1;
		else if (write(event, &one, sizeof(one)) != sizeof(one))
			fail("the eventfd cannot be written");
		await(&driver, i);
	}
	return 0;
}
