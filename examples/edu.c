/* SPDX-License-Identifier: MIT */
/* See edu.h. */
#include "edu.h"

#include <dirent.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	EDU_VENDOR = 0x1234,
	EDU_DEVICE = 0x11e8,

	EDU_ID = 0x00,
	EDU_LIVENESS = 0x04,
	EDU_IRQ_STATUS = 0x24,
	EDU_IRQ_ACK = 0x64,
	EDU_DMA_SOURCE = 0x80,
	EDU_DMA_DESTINATION = 0x88,
	EDU_DMA_COUNT = 0x90,
	EDU_DMA_COMMAND = 0x98,

	EDU_DMA_START = 1,
	EDU_DMA_TO_RAM = 2,
	EDU_DMA_INTERRUPT = 4,
	EDU_IRQ_DMA = 0x100,

	EDU_BUFFER = 0x40000, /* DMA address of the device's buffer */
	EDU_BUFFER_SIZE = 4096,

	TIMEOUT_MS = 5000,
};

/* ---- finding the device ---- */

static long read_hex_file(const char *path)
{
	char text[32];
	FILE *file = fopen(path, "re");
	bool ok;

	if (!file)
		return -1;
	ok = fgets(text, sizeof(text), file);
	fclose(file);
	return ok ? strtol(text, NULL, 16) : -1;
}

static bool is_edu(const char *bdf)
{
	char path[SYSFS_PATH];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vendor", bdf);
	if (read_hex_file(path) != EDU_VENDOR)
		return false;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/device", bdf);
	return read_hex_file(path) == EDU_DEVICE;
}

void find_edu(char *bdf, size_t size)
{
	DIR *dir = opendir("/sys/bus/pci/devices");
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || !is_edu(entry->d_name))
			continue;
		snprintf(bdf, size, "%.*s", (int)size - 1, entry->d_name);
		found = true;
	}
	if (dir)
		closedir(dir);
	if (!found)
		fail("no edu device (%04x:%04x) in /sys/bus/pci/devices", EDU_VENDOR, EDU_DEVICE);
}

struct mapping allocate(size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct mapping mapping = {.size = (len + page - 1) / page * page};

	mapping.memory = mmap(NULL, mapping.size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mapping.memory == MAP_FAILED)
		fail("%zu bytes of memory: %s", mapping.size, strerror(errno));
	return mapping;
}

void print_mapping(const struct mapping *mapping, bool device_writes)
{
	printf("mapped    0x%llx..0x%llx, the device may %s\n", (unsigned long long)mapping->iova,
	       (unsigned long long)(mapping->iova + mapping->size - 1),
	       device_writes ? "write" : "read");
}

/* ---- the device's registers ---- */

static uint64_t region(const struct edu *edu, uint32_t index)
{
	struct vfio_region_info info = {.argsz = sizeof(info), .index = index};

	if (ioctl(edu->fd, VFIO_DEVICE_GET_REGION_INFO, &info) || !info.size)
		fail("the device has no region %u", index);
	return info.offset;
}

static uint32_t get(const struct edu *edu, unsigned int reg)
{
	uint32_t value;

	if (pread(edu->fd, &value, sizeof(value), (off_t)(edu->bar + reg)) != sizeof(value))
		fail("reading register 0x%x: %s", reg, strerror(errno));
	return value;
}

static void set(const struct edu *edu, unsigned int reg, uint32_t value)
{
	if (pwrite(edu->fd, &value, sizeof(value), (off_t)(edu->bar + reg)) != sizeof(value))
		fail("writing register 0x%x: %s", reg, strerror(errno));
}

/* Command register: the device answers at its BAR, may do DMA and send messages. */
static void enable_bus(struct edu *edu)
{
	uint16_t command;
	off_t at;

	edu->bar = region(edu, VFIO_PCI_BAR0_REGION_INDEX);
	edu->config = region(edu, VFIO_PCI_CONFIG_REGION_INDEX);
	at = (off_t)(edu->config + PCI_COMMAND);
	if (pread(edu->fd, &command, sizeof(command), at) != sizeof(command))
		fail("reading the command register: %s", strerror(errno));
	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	if (pwrite(edu->fd, &command, sizeof(command), at) != sizeof(command))
		fail("writing the command register: %s", strerror(errno));
}

static void check_alive(const struct edu *edu)
{
	uint32_t id = get(edu, EDU_ID);
	uint32_t number = 0x12345678;

	if ((id & 0xffff) != 0x00ed)
		fail("identification is 0x%08x, not 0xRRrr00ed: this is no edu device", id);
	set(edu, EDU_LIVENESS, number);
	if (get(edu, EDU_LIVENESS) != ~number)
		fail("the device does not invert 0x%08x: it reads 0x%08x", number,
		     get(edu, EDU_LIVENESS));
	printf("alive     edu version %u.%u\n", id >> 24, id >> 16 & 0xff);
}

/* ---- interrupts ---- */

static bool has_irq(const struct edu *edu, uint32_t index)
{
	struct vfio_irq_info info = {.argsz = sizeof(info), .index = index};

	return ioctl(edu->fd, VFIO_DEVICE_GET_IRQ_INFO, &info) == 0 && info.count;
}

/* Each interrupt of the device adds 1 to an eventfd. */
static void take_interrupts(struct edu *edu)
{
	union {
		struct vfio_irq_set set;
		char bytes[sizeof(struct vfio_irq_set) + sizeof(int32_t)];
	} irq = {.set = {.argsz = sizeof(irq),
			 .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			 .index = VFIO_PCI_MSI_IRQ_INDEX,
			 .count = 1}};

	edu->event = eventfd(0, EFD_CLOEXEC);
	if (edu->event < 0)
		fail("eventfd: %s", strerror(errno));
	if (!has_irq(edu, VFIO_PCI_MSI_IRQ_INDEX)) {
		irq.set.index = VFIO_PCI_INTX_IRQ_INDEX;
		edu->level = true;
	}
	memcpy(irq.bytes + sizeof(irq.set), &edu->event, sizeof(int32_t));
	if (ioctl(edu->fd, VFIO_DEVICE_SET_IRQS, &irq))
		fail("enabling interrupts: %s", strerror(errno));
	printf("interrupt %s\n", edu->level ? "INTx" : "MSI");
}

/* VFIO masks a level interrupt when it signals it. The device has lowered its line by now. */
static void unmask(const struct edu *edu)
{
	struct vfio_irq_set irq = {.argsz = sizeof(irq),
				   .flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK,
				   .index = VFIO_PCI_INTX_IRQ_INDEX,
				   .count = 1};

	if (ioctl(edu->fd, VFIO_DEVICE_SET_IRQS, &irq))
		fail("unmasking the interrupt: %s", strerror(errno));
}

void edu_start(struct edu *edu)
{
	enable_bus(edu);
	check_alive(edu);
	take_interrupts(edu);
}

static void await_interrupt(struct edu *edu)
{
	struct pollfd pfd = {.fd = edu->event, .events = POLLIN};
	uint64_t count;
	uint32_t cause;
	int rc;

	do
		rc = poll(&pfd, 1, TIMEOUT_MS);
	while (rc < 0 && errno == EINTR);
	if (rc != 1 || read(edu->event, &count, sizeof(count)) != sizeof(count))
		fail("no interrupt within %d ms (command register 0x%x, interrupt status 0x%x)",
		     TIMEOUT_MS, get(edu, EDU_DMA_COMMAND), get(edu, EDU_IRQ_STATUS));
	edu->interrupts += count;
	cause = get(edu, EDU_IRQ_STATUS);
	if (cause != EDU_IRQ_DMA)
		fail("interrupt status is 0x%x, not 0x%x for the end of DMA", cause, EDU_IRQ_DMA);
	set(edu, EDU_IRQ_ACK, cause);
	if (edu->level)
		unmask(edu);
}

/* ---- the copy ---- */

static void transfer(struct edu *edu, uint64_t source, uint64_t destination, size_t len,
		     uint32_t direction)
{
	/* 28 bits fit in the low halves. */
	set(edu, EDU_DMA_SOURCE, (uint32_t)source);
	set(edu, EDU_DMA_DESTINATION, (uint32_t)destination);
	set(edu, EDU_DMA_COUNT, (uint32_t)len);
	set(edu, EDU_DMA_COMMAND, EDU_DMA_START | EDU_DMA_INTERRUPT | direction);
	edu->transfers++;
	await_interrupt(edu);
}

void edu_copy(struct edu *edu, const struct mapping *from, const struct mapping *to, size_t len)
{
	for (size_t done = 0; done < len; done += EDU_BUFFER_SIZE) {
		size_t piece = len - done < EDU_BUFFER_SIZE ? len - done : EDU_BUFFER_SIZE;

		transfer(edu, from->iova + done, EDU_BUFFER, piece, 0);
		transfer(edu, EDU_BUFFER, to->iova + done, piece, EDU_DMA_TO_RAM);
	}
}
