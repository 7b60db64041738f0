/* SPDX-License-Identifier: MIT */
/*
 * A device through the shared library that users link: accesses to registers, short requests from
 * the register write to the completion in memory, and the same with an interrupt, beside a bare
 * system call, memcpy and an eventfd. The device is ioat.
 */
#include <linux/pci_regs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <uiommufd/devices.h>
#include <uiommufd/iommufd.h>
#include <uiommufd/uiommufd.h>
#include <uiommufd/vfio.h>

#include "bench.h"

enum {
	CHANCTRL = 0x80,
	DMACOUNT = 0x86,
	CHAINADDR = 0x90,
	CHANCMP = 0x98,
	CHANERRMSK = 0xac,
	INT_DISABLE = 1,
	WITH_INTERRUPT = 1 << 0,
	WITH_COMPLETION = 1 << 3,
	IDLE = 1, /* the low bits of a completion whose channel has no more to do */

	SLOTS = 64,
	COMPLETION = 8192,
	SOURCE = 12288,
	TARGET = 16384,
	MEMORY_BYTES = 20480,
	REQUEST_BYTES = 64,
	OPERATIONS = 500, /* fewer than a slice of a busy processor */
	CONFIG_REGION = 7,
	REGION_SHIFT = 40,
};
#define IOVA UINT64_C(0x100000)

struct descriptor {
	uint32_t size, control;
	uint64_t source, destination, next, unused[4];
};

static struct uiommufd_vfio *device;
static char *memory;
static uint16_t given;
static int interrupt_fd, other_fd;

static void check(long rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "device_bench: %s: %s\n", what, strerror((int)-rc));
	exit(1);
}

static void set(unsigned int reg, const void *value, size_t size)
{
	check(uiommufd_vfio_write(device, value, size, reg), "write a register");
}

static struct descriptor *slot(unsigned int i)
{
	return (struct descriptor *)(void *)memory + i % SLOTS;
}

static uint64_t slot_iova(unsigned int i)
{
	return IOVA + i % SLOTS * sizeof(struct descriptor);
}

static void submit(uint32_t control)
{
	volatile uint64_t *done = (volatile uint64_t *)(void *)(memory + COMPLETION);
	const uint64_t expected = slot_iova(given) | IDLE;
	uint16_t count; /* on the stack, where reading it takes no system call */

	*slot(given) = (struct descriptor){
		.size = REQUEST_BYTES,
		.control = control | WITH_COMPLETION,
		.source = IOVA + SOURCE,
		.destination = IOVA + TARGET,
		.next = slot_iova(given + 1u),
	};
	count = ++given;
	set(DMACOUNT, &count, sizeof(count));
	while (*done != expected)
		;
}

/* ---- what is measured ---- */

static void system_call(void *arg, uint64_t ops)
{
	(void)arg;
	for (uint64_t i = 0; i < ops; i++)
		bench_use((uint64_t)syscall(SYS_getppid));
}

static void read_register(void *arg, uint64_t ops)
{
	uint32_t value;

	(void)arg;
	for (uint64_t i = 0; i < ops; i++)
		check(uiommufd_vfio_read(device, &value, sizeof(value), CHANERRMSK), "read");
}

static void write_register(void *arg, uint64_t ops)
{
	const uint32_t value = 0;

	(void)arg;
	for (uint64_t i = 0; i < ops; i++)
		set(CHANERRMSK, &value, sizeof(value));
}

static void copy(void *arg, uint64_t ops)
{
	(void)arg;
	for (uint64_t i = 0; i < ops; i++) {
		memcpy(memory + TARGET, memory + SOURCE, REQUEST_BYTES);
		bench_use((uintptr_t)memory);
	}
}

static void request(void *arg, uint64_t ops)
{
	(void)arg;
	for (uint64_t i = 0; i < ops; i++)
		submit(0);
}

static void eventfd_round(void *arg, uint64_t ops)
{
	uint64_t count = 1;

	(void)arg;
	for (uint64_t i = 0; i < ops; i++)
		if (write(other_fd, &count, sizeof(count)) < 0 ||
		    read(other_fd, &count, sizeof(count)) < 0)
			check(-1, "eventfd");
}

/* What an interrupt cannot do without: a write to a full counter would wait for a reader. */
static void eventfd_polled_round(void *arg, uint64_t ops)
{
	struct pollfd poll_fd = {.fd = other_fd, .events = POLLOUT};

	for (uint64_t i = 0; i < ops; i++) {
		if (poll(&poll_fd, 1, 0) < 0)
			check(-1, "poll");
		eventfd_round(arg, 1);
	}
}

static void interrupt(void *arg, uint64_t ops)
{
	const uint16_t enable = INT_DISABLE;
	uint64_t count;

	(void)arg;
	for (uint64_t i = 0; i < ops; i++) {
		submit(WITH_INTERRUPT);
		if (read(interrupt_fd, &count, sizeof(count)) < 0)
			check(-1, "eventfd of the interrupt");
		set(CHANCTRL, &enable, sizeof(enable));
	}
}

static void compare(const char *title, const char *reference, void (*first)(void *, uint64_t),
		    const char *name, void (*second)(void *, uint64_t))
{
	const struct bench_case one = {.body = first, .ops = OPERATIONS};
	const struct bench_case two = {.body = second, .ops = OPERATIONS};
	const struct bench_pair pair = bench_pair(&one, &two);

	bench_table(title);
	bench_row(reference, pair.first, pair.first);
	bench_row(name, pair.second, pair.first);
	if (second == request)
		bench_at_most("a request of 64 bytes, from the register write to its completion",
			      pair.second.median, 800, " ns");
	if (second == interrupt)
		bench_at_least("interrupts of requests, one at a time", 1e6 / pair.second.median,
			       300, "k/s");
}

/* ---- life ---- */

static void connect_device(void)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.user_va = (uintptr_t)memory,
		.length = MEMORY_BYTES,
		.iova = IOVA,
	};
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach)};
	const uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	struct uiommufd_iommu *iommu;
	struct uiommufd *ctx;
	uint32_t id;

	check(uiommufd_guard_memory(), "guard memory"); /* otherwise DMA goes by system calls */
	check(uiommufd_open(NULL, &ctx), "open");
	check(uiommufd_iommu_create("intel", "vtd0", &iommu), "create an IOMMU");
	check(uiommufd_vfio_create(iommu, "ioat@0000:00:01.0", NULL, 0, &device), "create ioat");
	check(uiommufd_vfio_bind(device, ctx, &id), "bind");
	check(uiommufd_ioctl(ctx, NULL, IOMMU_IOAS_ALLOC, (uintptr_t)&alloc), "IOAS_ALLOC");
	map.ioas_id = attach.pt_id = alloc.out_ioas_id;
	check(uiommufd_vfio_ioctl(device, NULL, VFIO_DEVICE_ATTACH_IOMMUFD_PT, (uintptr_t)&attach),
	      "attach");
	check(uiommufd_ioctl(ctx, NULL, IOMMU_IOAS_MAP, (uintptr_t)&map), "IOAS_MAP");
	check(uiommufd_vfio_write(device, &command, sizeof(command),
				  ((uint64_t)CONFIG_REGION << REGION_SHIFT) + PCI_COMMAND),
	      "enable");
}

static void take_interrupt(void)
{
	struct {
		struct vfio_irq_set set;
		int32_t fd;
	} irq = {
		.set =
			{
				.argsz = sizeof(irq),
				.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
				.index = VFIO_PCI_MSIX_IRQ_INDEX,
				.count = 1,
			},
	};

	interrupt_fd = irq.fd = eventfd(0, EFD_CLOEXEC);
	other_fd = eventfd(0, EFD_CLOEXEC);
	check(uiommufd_vfio_ioctl(device, NULL, VFIO_DEVICE_SET_IRQS, (uintptr_t)&irq), "SET_IRQS");
}

int main(void)
{
	const uint64_t chain = IOVA, completion = IOVA + COMPLETION;

	memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	if (memory == MAP_FAILED)
		check(-12, "mmap");
	connect_device();
	take_interrupt();
	set(CHANCMP, &completion, sizeof(completion));
	set(CHAINADDR, &chain, sizeof(chain));
	compare("a register is read", "system call (getppid)", system_call, "ioat", read_register);
	compare("a register is written", "system call (getppid)", system_call, "ioat",
		write_register);
	compare("64 bytes are copied", "memcpy", copy, "a request to ioat", request);
	compare("an eventfd", "written and read", eventfd_round, "asked whether it is full, too",
		eventfd_polled_round);
	compare("64 bytes are copied, with an interrupt", "an eventfd polled, written and read",
		eventfd_polled_round, "a request to ioat, its eventfd read", interrupt);
	uiommufd_vfio_destroy(device);
	return 0;
}
