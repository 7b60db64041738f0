/* SPDX-License-Identifier: MIT */
#include "driver.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* The system's own headers if they are recent enough to know iommufd. */
#if __has_include(<linux/iommufd.h>)
#include <linux/iommufd.h>
#include <linux/vfio.h>
#else
#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>
#endif

enum {
	PATH_SIZE = 600
};

void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static long hex_file(const char *bdf, const char *name)
{
	char path[PATH_SIZE], text[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", bdf, name);
	file = fopen(path, "re");
	if (!file)
		return -1;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	fclose(file);
	return strtol(text, NULL, 16);
}

/* Opens the character device of @bdf: the directory vfio-dev holds its name. */
static int open_device(const char *bdf)
{
	char path[PATH_SIZE];
	struct dirent *entry;
	int fd = -1;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", bdf);
	dir = opendir(path);
	while (dir && fd < 0 && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, "vfio", 4) != 0)
			continue;
		snprintf(path, sizeof(path), "/dev/vfio/devices/%s", entry->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	if (dir)
		closedir(dir);
	return fd;
}

static int find_device(uint16_t vendor, uint16_t id)
{
	DIR *dir = opendir("/sys/bus/pci/devices");
	struct dirent *entry;
	int fd = -1;

	while (dir && fd < 0 && (entry = readdir(dir))) {
		if (hex_file(entry->d_name, "vendor") == vendor &&
		    hex_file(entry->d_name, "device") == id)
			fd = open_device(entry->d_name);
	}
	if (dir)
		closedir(dir);
	if (fd < 0)
		fail("no device %04x:%04x is bound to vfio-pci", vendor, id);
	return fd;
}

static void call(int fd, unsigned int request, void *arg, const char *what)
{
	if (ioctl(fd, request, arg) < 0)
		fail("%s: %s", what, strerror(errno));
}

static void enable_bus_master(const struct driver *driver)
{
	struct vfio_region_info info = {.argsz = sizeof(info),
					.index = VFIO_PCI_CONFIG_REGION_INDEX};
	uint16_t command;
	off_t at;

	call(driver->device, VFIO_DEVICE_GET_REGION_INFO, &info, "GET_REGION_INFO of config space");
	at = (off_t)info.offset + PCI_COMMAND;
	if (pread(driver->device, &command, sizeof(command), at) != sizeof(command))
		fail("the command register cannot be read");
	command |= PCI_COMMAND_MASTER;
	if (pwrite(driver->device, &command, sizeof(command), at) != sizeof(command))
		fail("the command register cannot be written");
}

void driver_open(struct driver *driver, uint16_t vendor, uint16_t id)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind)};
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach)};
	struct vfio_region_info bar = {.argsz = sizeof(bar), .index = VFIO_PCI_BAR0_REGION_INDEX};
	struct iommu_ioas_alloc ioas = {.size = sizeof(ioas)};
	void *registers;

	driver->device = find_device(vendor, id);
	driver->iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (driver->iommufd < 0)
		fail("/dev/iommu: %s", strerror(errno));
	bind.iommufd = driver->iommufd;
	call(driver->device, VFIO_DEVICE_BIND_IOMMUFD, &bind, "BIND_IOMMUFD");
	call(driver->iommufd, IOMMU_IOAS_ALLOC, &ioas, "IOAS_ALLOC");
	driver->ioas_id = ioas.out_ioas_id;
	attach.pt_id = driver->ioas_id;
	call(driver->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach, "ATTACH_IOMMUFD_PT");

	call(driver->device, VFIO_DEVICE_GET_REGION_INFO, &bar, "GET_REGION_INFO of BAR 0");
	registers = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, driver->device,
			 (off_t)bar.offset);
	if (registers == MAP_FAILED)
		fail("mmap of BAR 0: %s", strerror(errno));
	driver->registers = registers;
	enable_bus_master(driver);
}

uint64_t driver_map(const struct driver *driver, void *memory, uint64_t len)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = driver->ioas_id,
		.user_va = (uintptr_t)memory,
		.length = len,
	};

	call(driver->iommufd, IOMMU_IOAS_MAP, &map, "IOAS_MAP");
	return map.iova;
}

int driver_interrupt(const struct driver *driver)
{
	union {
		struct vfio_irq_set set;
		char space[sizeof(struct vfio_irq_set) + sizeof(int32_t)];
	} irq = {.set = {.argsz = sizeof(irq.space),
			 .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			 .index = VFIO_PCI_MSI_IRQ_INDEX,
			 .count = 1}};
	int32_t fd = eventfd(0, EFD_CLOEXEC);

	if (fd < 0)
		fail("eventfd: %s", strerror(errno));
	memcpy(irq.set.data, &fd, sizeof(fd));
	call(driver->device, VFIO_DEVICE_SET_IRQS, &irq, "SET_IRQS");
	return fd;
}
