/* SPDX-License-Identifier: MIT */
/*
 * ioat-copy: copies a file with Intel's I/OAT DMA engine, from userspace, with VFIO and iommufd.
 *
 * The engine (also QuickData Technology, CBDMA; in Xeon processors from Sandy Bridge to Cascade
 * Lake) copies memory to memory. It reads a ring of descriptors in the program's memory, writes its
 * progress there, and interrupts. So this driver has what most have: a ring, a doorbell,
 * completions. edu-copy.c explains step by step how to find, bind and attach a device; here that is
 * the first part of main().
 *
 * On real hardware: unload ioatdma, bind one channel (a PCI function) to vfio-pci, kernel 6.6 or
 * newer with CONFIG_VFIO_DEVICE_CDEV. Under `uiommufd run --device ioat` nothing is needed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "files.h"

/* The system's own headers if they are recent enough to know iommufd. */
#if __has_include(<linux/iommufd.h>)
#include <linux/iommufd.h>
#include <linux/vfio.h>
#else
#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>
#endif

/* Registers in BAR 0 and their bits, named as in the processors' datasheets. */
enum {
	XFERCAP = 0x01,
	CBVER = 0x08,
	CHANCTRL = 0x80,
	CHANCMD = 0x84,
	DMACOUNT = 0x86,
	CHANSTS = 0x88,
	CHAINADDR = 0x90,
	CHANCMP = 0x98,
	CHANERR = 0xa8,
};

enum {
	INTEL = 0x8086,
	VERSION_3 = 3,			    /* the upper half of CBVER */
	CHANCTRL_ENABLE_INTERRUPT = 0x0001, /* one interrupt */
	CHANCTRL_ERROR_COMPLETION = 0x0004,
	CHANCTRL_ANY_ERROR_ABORTS = 0x0008,
	CHANCTRL_ERROR_INTERRUPT = 0x0010,
	CHANCTRL_RUN = CHANCTRL_ENABLE_INTERRUPT | CHANCTRL_ERROR_COMPLETION |
		       CHANCTRL_ANY_ERROR_ABORTS | CHANCTRL_ERROR_INTERRUPT,
	CHANCMD_SUSPEND = 0x04,
	CHANCMD_RESET = 0x20,
	STATE_MASK = 7, /* in CHANSTS and in the completion */
	STATE_ACTIVE = 0,
	STATE_IDLE = 1,
	STATE_HALTED = 3,
	CONTROL_INTERRUPT = 0x01,
	CONTROL_COMPLETION = 0x08,
	RING_SLOTS = 256, /* a power of two */
	BATCH = 16,	  /* descriptors per completion */
	TIMEOUT_MS = 5000,
	SYSFS_PATH = 512,
};

/* 64 bytes, at a multiple of 64. */
struct descriptor {
	uint32_t size, control;
	uint64_t source, destination, next;
	uint64_t unused[4];
};

/* The memory that engine and driver share. */
struct ring {
	struct descriptor slots[RING_SLOTS];
	_Alignas(64) volatile uint64_t
		completion; /* state | address of the last finished descriptor */
};

/* Memory of the program, and its address for the device. */
struct mapping {
	void *memory;
	size_t size;
	uint64_t iova;
};

struct ioat {
	int fd, iommufd, event;
	uint32_t ioas_id;
	volatile uint8_t *bar; /* mapped registers; NULL: use the file */
	uint64_t bar_offset;
	struct mapping ring_mapping;
	struct ring *ring;
	uint64_t max_transfer;
	uint64_t given, done; /* descriptors given to the engine, and finished */
	unsigned long interrupts;
};

/* ---- finding the device ---- */

static long read_hex_file(const char *bdf, const char *name)
{
	char path[SYSFS_PATH], text[32];
	FILE *file;
	bool ok;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.64s/%s", bdf, name);
	file = fopen(path, "re");
	if (!file)
		return -1;
	ok = fgets(text, sizeof(text), file);
	fclose(file);
	return ok ? strtol(text, NULL, 16) : -1;
}

/*
 * Sandy Bridge, Ivy Bridge, Haswell, Broadwell: one ID for each of 8 channels; Skylake: one for
 * all.
 */
static bool is_ioat(const char *bdf)
{
	static const long first[] = {0x3c20, 0x0e20, 0x2f20, 0x6f20};
	long device = read_hex_file(bdf, "device");

	if (read_hex_file(bdf, "vendor") != INTEL)
		return false;
	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
		if (device >= first[i] && device < first[i] + 8)
			return true;
	return device == 0x2021;
}

/* Finds the first engine that is bound to VFIO, by its entry in vfio-dev. */
static bool find_vfio(const char *bdf, char *name, size_t size)
{
	char path[SYSFS_PATH];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.64s/vfio-dev", bdf);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, "vfio", 4) == 0) {
			snprintf(name, size, "/dev/vfio/devices/%.64s", entry->d_name);
			closedir(dir);
			return true;
		}
	}
	if (dir)
		closedir(dir);
	return false;
}

static void open_device(struct ioat *ioat, char *bdf, size_t size)
{
	DIR *dir = *bdf ? NULL : opendir("/sys/bus/pci/devices");
	char path[SYSFS_PATH] = "";
	struct dirent *entry;

	while (dir && !*path && (entry = readdir(dir))) {
		if (is_ioat(entry->d_name) && find_vfio(entry->d_name, path, sizeof(path)))
			snprintf(bdf, size, "%.*s", (int)size - 1, entry->d_name);
	}
	if (dir)
		closedir(dir);
	if (!*bdf)
		fail("no I/OAT engine is bound to vfio-pci");
	if (!*path && !find_vfio(bdf, path, sizeof(path)))
		fail("%s has no vfio-dev: is it bound to vfio-pci, and the kernel built with "
		     "CONFIG_VFIO_DEVICE_CDEV?",
		     bdf);
	ioat->fd = open(path, O_RDWR | O_CLOEXEC);
	if (ioat->fd < 0)
		fail("%s: %s", path, strerror(errno));
	printf("device    %s, %s\n", bdf, path);
}

/* ---- the IO address space ---- */

static void attach(struct ioat *ioat)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind)};
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach)};

	ioat->iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (ioat->iommufd < 0)
		fail("/dev/iommu: %s", strerror(errno));
	bind.iommufd = ioat->iommufd;
	if (ioctl(ioat->fd, VFIO_DEVICE_BIND_IOMMUFD, &bind))
		fail("binding the device to the iommufd: %s", strerror(errno));
	if (ioctl(ioat->iommufd, IOMMU_IOAS_ALLOC, &alloc))
		fail("IOMMU_IOAS_ALLOC: %s", strerror(errno));
	ioat->ioas_id = attach.pt_id = alloc.out_ioas_id;
	if (ioctl(ioat->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach))
		fail("attaching the device to the IO address space: %s", strerror(errno));
}

static struct mapping allocate(size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct mapping mapping = {.size = (len + page - 1) / page * page};

	mapping.memory = mmap(NULL, mapping.size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mapping.memory == MAP_FAILED)
		fail("%zu bytes of memory: %s", mapping.size, strerror(errno));
	return mapping;
}

/* Maps memory for the device, with rights IOMMU_IOAS_MAP_*. The kernel chooses the IOVA. */
static void map(const struct ioat *ioat, struct mapping *mapping, uint32_t rights)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = rights,
		.ioas_id = ioat->ioas_id,
		.user_va = (uintptr_t)mapping->memory,
		.length = mapping->size,
	};

	if (ioctl(ioat->iommufd, IOMMU_IOAS_MAP, &cmd))
		fail("mapping %zu bytes: %s%s", mapping->size, strerror(errno),
		     errno == ENOMEM ? ": see ulimit -l, or limit it with -n" : "");
	mapping->iova = cmd.iova;
}

/* ---- registers ---- */

static void enable_bus(const struct ioat *ioat)
{
	struct vfio_region_info config = {.argsz = sizeof(config),
					  .index = VFIO_PCI_CONFIG_REGION_INDEX};
	uint16_t command;
	off_t at;

	if (ioctl(ioat->fd, VFIO_DEVICE_GET_REGION_INFO, &config))
		fail("the device has no config space: %s", strerror(errno));
	at = (off_t)config.offset + PCI_COMMAND;
	if (pread(ioat->fd, &command, sizeof(command), at) != sizeof(command))
		fail("reading the command register: %s", strerror(errno));
	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	if (pwrite(ioat->fd, &command, sizeof(command), at) != sizeof(command))
		fail("writing the command register: %s", strerror(errno));
}

/* Maps BAR 0 if VFIO offers that. */
static void map_registers(struct ioat *ioat)
{
	struct vfio_region_info info = {.argsz = sizeof(info), .index = VFIO_PCI_BAR0_REGION_INDEX};
	void *bar;

	if (ioctl(ioat->fd, VFIO_DEVICE_GET_REGION_INFO, &info) || !info.size)
		fail("the device has no BAR 0");
	ioat->bar_offset = info.offset;
	if (info.flags & VFIO_REGION_INFO_FLAG_MMAP) {
		bar = mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, ioat->fd,
			   (off_t)info.offset);
		if (bar == MAP_FAILED)
			fail("mapping BAR 0: %s", strerror(errno));
		ioat->bar = bar;
	}
	printf("registers %llu bytes, %s\n", (unsigned long long)info.size,
	       ioat->bar ? "mapped" : "by read and write");
}

static uint64_t get(const struct ioat *ioat, unsigned int reg, size_t size)
{
	volatile const uint8_t *at = ioat->bar + reg;
	uint64_t value = 0;

	if (!ioat->bar) {
		if (pread(ioat->fd, &value, size, (off_t)(ioat->bar_offset + reg)) != (ssize_t)size)
			fail("reading register 0x%x: %s", reg, strerror(errno));
		return value;
	}
	switch (size) {
	case 1:
		return *at;
	case 2:
		return *(volatile const uint16_t *)at;
	case 4:
		return *(volatile const uint32_t *)at;
	default:
		return *(volatile const uint64_t *)at;
	}
}

static void set(const struct ioat *ioat, unsigned int reg, size_t size, uint64_t value)
{
	volatile uint8_t *at = ioat->bar + reg;

	if (!ioat->bar) {
		if (pwrite(ioat->fd, &value, size, (off_t)(ioat->bar_offset + reg)) !=
		    (ssize_t)size)
			fail("writing register 0x%x: %s", reg, strerror(errno));
		return;
	}
	switch (size) {
	case 1:
		*at = (uint8_t)value;
		break;
	case 2:
		*(volatile uint16_t *)at = (uint16_t)value;
		break;
	case 4:
		*(volatile uint32_t *)at = (uint32_t)value;
		break;
	default:
		*(volatile uint64_t *)at = value;
		break;
	}
}

static unsigned int state(const struct ioat *ioat)
{
	return get(ioat, CHANSTS, 8) & STATE_MASK;
}

static void sleep_1ms(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* ---- the channel ---- */

static bool runs(unsigned int channel_state)
{
	return channel_state == STATE_ACTIVE || channel_state == STATE_IDLE;
}

/* Suspends the channel, clears its errors and resets it, whatever it did before. */
static void reset_channel(const struct ioat *ioat)
{
	int tries = TIMEOUT_MS;

	if (runs(state(ioat)))
		set(ioat, CHANCMD, 1, CHANCMD_SUSPEND);
	while (runs(state(ioat)) && tries--)
		sleep_1ms();
	set(ioat, CHANERR, 4, get(ioat, CHANERR, 4));
	set(ioat, CHANCMD, 1, CHANCMD_RESET);
	while (get(ioat, CHANCMD, 1) & CHANCMD_RESET && tries--)
		sleep_1ms();
	if (tries < 0)
		fail("the channel does not stop: CHANSTS 0x%llx",
		     (unsigned long long)get(ioat, CHANSTS, 8));
}

/* Each interrupt of the device adds 1 to an eventfd. */
static void take_interrupts(struct ioat *ioat)
{
	union {
		struct vfio_irq_set set;
		char bytes[sizeof(struct vfio_irq_set) + sizeof(int32_t)];
	} irq = {.set = {.argsz = sizeof(irq),
			 .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			 .index = VFIO_PCI_MSIX_IRQ_INDEX,
			 .count = 1}};

	ioat->event = eventfd(0, EFD_CLOEXEC);
	if (ioat->event < 0)
		fail("eventfd: %s", strerror(errno));
	memcpy(irq.bytes + offsetof(struct vfio_irq_set, data), &ioat->event, sizeof(int32_t));
	if (ioctl(ioat->fd, VFIO_DEVICE_SET_IRQS, &irq))
		fail("enabling MSI-X: %s", strerror(errno));
}

static uint64_t slot_iova(const struct ioat *ioat, uint64_t n)
{
	return ioat->ring_mapping.iova + n % RING_SLOTS * sizeof(struct descriptor);
}

static void start_channel(struct ioat *ioat)
{
	unsigned int version = (unsigned int)get(ioat, CBVER, 1);
	unsigned int log_max = (unsigned int)get(ioat, XFERCAP, 1);

	if (version >> 4 != VERSION_3)
		fail("version 0x%02x: only version 3 is supported", version);
	/* 0 stands for more than the size field of a descriptor can hold. */
	ioat->max_transfer = UINT64_C(1) << (log_max && log_max < 31 ? log_max : 31);
	printf("engine    version %u.%u, up to %llu bytes at once\n", version >> 4, version & 0xf,
	       (unsigned long long)ioat->max_transfer);
	for (uint64_t i = 0; i < RING_SLOTS; i++)
		ioat->ring->slots[i].next = slot_iova(ioat, i + 1);
	reset_channel(ioat);
	take_interrupts(ioat);
	set(ioat, CHANCTRL, 2, CHANCTRL_RUN);
	set(ioat, CHANCMP, 8, ioat->ring_mapping.iova + offsetof(struct ring, completion));
	set(ioat, CHAINADDR, 8, slot_iova(ioat, 0));
}

/* ---- copying ---- */

static void give(struct ioat *ioat, uint64_t source, uint64_t destination, uint64_t size, bool last)
{
	struct descriptor *slot = &ioat->ring->slots[ioat->given % RING_SLOTS];

	slot->size = (uint32_t)size;
	slot->source = source;
	slot->destination = destination;
	ioat->given++;
	slot->control = last || ioat->given % BATCH == 0 ? CONTROL_COMPLETION | CONTROL_INTERRUPT
							 : 0;
}

static void ring_doorbell(const struct ioat *ioat)
{
	/* The engine may read the descriptors as soon as the doorbell is written. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	set(ioat, DMACOUNT, 2, (uint16_t)ioat->given);
}

static void await_interrupt(struct ioat *ioat)
{
	struct pollfd pfd = {.fd = ioat->event, .events = POLLIN};
	uint64_t count;
	int rc;

	do
		rc = poll(&pfd, 1, TIMEOUT_MS);
	while (rc < 0 && errno == EINTR);
	if (rc != 1 || read(ioat->event, &count, sizeof(count)) != sizeof(count))
		fail("no interrupt within %d ms: CHANSTS 0x%llx, CHANERR 0x%llx", TIMEOUT_MS,
		     (unsigned long long)get(ioat, CHANSTS, 8),
		     (unsigned long long)get(ioat, CHANERR, 4));
	ioat->interrupts += count;
	/* Before reading the progress: what finishes after that interrupts again. */
	set(ioat, CHANCTRL, 2, CHANCTRL_RUN);
}

/* Updates the count of finished descriptors from the completion in memory. */
static void reclaim(struct ioat *ioat)
{
	uint64_t completion = ioat->ring->completion;
	uint64_t address = completion & ~UINT64_C(0x3f);
	uint64_t slot = (address - ioat->ring_mapping.iova) / sizeof(struct descriptor);

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if ((completion & STATE_MASK) == STATE_HALTED || get(ioat, CHANERR, 4))
		fail("the channel has halted: CHANERR 0x%llx, CHANSTS 0x%llx",
		     (unsigned long long)get(ioat, CHANERR, 4),
		     (unsigned long long)get(ioat, CHANSTS, 8));
	/* 0: the engine has not written it yet. */
	if (!address)
		return;
	if (slot >= RING_SLOTS)
		fail("the completion 0x%llx is not the address of a descriptor",
		     (unsigned long long)completion);
	/* Less than a ring is in flight, so the slot identifies the descriptor. */
	while (ioat->done < ioat->given && (ioat->done - 1) % RING_SLOTS != slot)
		ioat->done++;
}

static void copy(struct ioat *ioat, const struct mapping *from, const struct mapping *to,
		 uint64_t len, uint64_t piece)
{
	uint64_t at = 0;

	while (at < len || ioat->done < ioat->given) {
		uint64_t before = ioat->given;

		while (at < len && ioat->given - ioat->done < RING_SLOTS - 1) {
			uint64_t size = len - at < piece ? len - at : piece;

			give(ioat, from->iova + at, to->iova + at, size, at + size == len);
			at += size;
		}
		if (ioat->given != before)
			ring_doorbell(ioat);
		await_interrupt(ioat);
		reclaim(ioat);
	}
}

/* ---- the program ---- */

static void usage(int status)
{
	fprintf(status ? stderr : stdout,
		"usage: ioat-copy [-d BDF] [-n BYTES] [-s BYTES] [-o OUT] [FILE]\n"
		"Copies FILE with an I/OAT DMA engine, and compares.\n"
		"  -d BDF    the engine (0000:00:04.0); default: the first that VFIO has\n"
		"  -n BYTES  copy at most this many\n"
		"  -s BYTES  size of a descriptor; default: as much as the engine takes\n"
		"  -o OUT    write the copy there\n"
		"  FILE      default: this program\n");
	exit(status);
}

struct job {
	char bdf[64];
	const char *file, *out;
	size_t limit, piece;
};

static size_t positive(const char *text)
{
	size_t value = strtoull(text, NULL, 0);

	if (!value)
		usage(1);
	return value;
}

static void parse(struct job *job, int argc, char **argv)
{
	int option;

	*job = (struct job){.file = "/proc/self/exe", .limit = SIZE_MAX, .piece = SIZE_MAX};
	while ((option = getopt(argc, argv, "d:n:s:o:h")) != -1) {
		switch (option) {
		case 'd':
			snprintf(job->bdf, sizeof(job->bdf), "%s", optarg);
			break;
		case 'n':
			job->limit = positive(optarg);
			break;
		case 's':
			job->piece = positive(optarg);
			break;
		case 'o':
			job->out = optarg;
			break;
		default:
			usage(option != 'h');
		}
	}
	if (argc - optind > 1)
		usage(1);
	if (optind < argc)
		job->file = argv[optind];
}

int main(int argc, char **argv)
{
	struct ioat ioat = {0};
	struct mapping from, to;
	struct job job;
	double begin, elapsed;
	size_t len;
	int fd;

	parse(&job, argc, argv);
	fd = file_open(job.file, job.limit, &len);
	open_device(&ioat, job.bdf, sizeof(job.bdf));
	attach(&ioat);

	/* Filled before it is mapped: the device will see the pages that exist then. */
	from = allocate(len);
	file_read(fd, from.memory, len);
	to = allocate(len);
	ioat.ring_mapping = allocate(sizeof(struct ring));
	ioat.ring = ioat.ring_mapping.memory;
	map(&ioat, &from, IOMMU_IOAS_MAP_READABLE);
	map(&ioat, &to, IOMMU_IOAS_MAP_WRITEABLE);
	map(&ioat, &ioat.ring_mapping, IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE);

	enable_bus(&ioat);
	map_registers(&ioat);
	start_channel(&ioat);
	begin = seconds();
	copy(&ioat, &from, &to, len, job.piece < ioat.max_transfer ? job.piece : ioat.max_transfer);
	elapsed = seconds() - begin;
	printf("copied    %zu bytes, %llu descriptors, %lu interrupts, %.6f s, %.2f GB/s\n", len,
	       (unsigned long long)ioat.done, ioat.interrupts, elapsed,
	       (double)len / elapsed / 1e9);
	if (memcmp(from.memory, to.memory, len) != 0)
		fail("the copy differs");
	printf("verified  byte by byte\n");
	if (job.out)
		file_write(job.out, to.memory, len);
	reset_channel(&ioat);
	return 0;
}
