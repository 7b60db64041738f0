/* SPDX-License-Identifier: MIT */
/*
 * nvme-blocks: writes a file to an NVMe disk and reads it back, from userspace, with VFIO and
 * iommufd. It polls: no interrupts, no threads.
 *
 * A controller is driven by queues in memory: a submission queue of commands, whose tail the driver
 * writes to a doorbell; and a completion queue, where the controller toggles a phase bit in each
 * entry that it fills, so that the driver sees new ones without a register. The admin queue is set
 * up by registers, the others by admin commands. edu-copy.c explains step by step how to find, bind
 * and attach a device; here that is the first part of main().
 *
 * This overwrites the beginning of the disk! On real hardware: bind it to vfio-pci, kernel 6.6 or
 * newer with CONFIG_VFIO_DEVICE_CDEV. Under `uiommufd run --device nvme` nothing is needed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* Registers in BAR 0 and their bits, named as in the NVMe specification. */
enum {
	CAP = 0x00,
	CC = 0x14,
	CSTS = 0x1c,
	AQA = 0x24,
	ASQ = 0x28,
	ACQ = 0x30,
	DOORBELLS = 0x1000,
	CC_EN = 1,
	CC_IOSQES = 6 << 16, /* entries of 1 << 6 and 1 << 4 bytes */
	CC_IOCQES = 4 << 20,
	CSTS_RDY = 1,
	CSTS_CFS = 2,
};

enum {
	CLASS_NVME = 0x010802,
	DELETE_SQ = 0x00, /* admin commands */
	CREATE_SQ = 0x01,
	DELETE_CQ = 0x04,
	CREATE_CQ = 0x05,
	IDENTIFY = 0x06,
	FLUSH = 0x00, /* IO commands */
	WRITE = 0x01,
	READ = 0x02,
	CNS_NAMESPACE = 0,
	CNS_CONTROLLER = 1,
	CONTIGUOUS = 1,
	NSID = 1,
};

enum {
	PAGE = 4096,
	ENTRIES = 64, /* of each queue: one page of commands */
	DEPTH = 32,   /* commands in flight; each has a page for its PRP list */
	TIMEOUT_MS = 10000,
	SYSFS_PATH = 512,
};

struct command {
	uint8_t opcode, flags;
	uint16_t cid;
	uint32_t nsid;
	uint64_t reserved, metadata, prp1, prp2;
	uint32_t cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
};

struct completion {
	uint32_t result, reserved;
	uint16_t sq_head, sq_id, cid;
	uint16_t status; /* bit 0: the phase */
};

/* The memory that controller and driver share. */
struct shared {
	struct command sq[2][ENTRIES];
	_Alignas(PAGE) volatile struct completion cq[2][PAGE / sizeof(struct completion)];
	_Alignas(PAGE) uint64_t lists[DEPTH][PAGE / sizeof(uint64_t)];
	_Alignas(PAGE) uint8_t identity[PAGE];
};

/* Memory of the program, and its address for the device. */
struct mapping {
	void *memory;
	size_t size;
	uint64_t iova;
};

struct queue {
	unsigned int id, tail, head;
	bool phase;
};

struct nvme {
	int fd, iommufd;
	uint32_t ioas_id;
	volatile uint8_t *bar; /* mapped registers; NULL: use the file */
	uint64_t bar_offset;
	struct mapping mapping;
	struct shared *shared;
	struct queue admin, io;
	unsigned int stride; /* bytes between doorbells */
	unsigned int block;  /* bytes of a block */
	uint64_t blocks, max_transfer;
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

/* The first NVMe disk that is bound to vfio-pci, if @bdf is empty. */
static void open_device(struct nvme *nvme, char *bdf, size_t size)
{
	DIR *dir = *bdf ? NULL : opendir("/sys/bus/pci/devices");
	char path[SYSFS_PATH] = "";
	struct dirent *entry;

	while (dir && !*path && (entry = readdir(dir))) {
		if (read_hex_file(entry->d_name, "class") == CLASS_NVME &&
		    find_vfio(entry->d_name, path, sizeof(path)))
			snprintf(bdf, size, "%.*s", (int)size - 1, entry->d_name);
	}
	if (dir)
		closedir(dir);
	if (!*path && (!*bdf || !find_vfio(bdf, path, sizeof(path))))
		fail("no NVMe disk is bound to vfio-pci");
	nvme->fd = open(path, O_RDWR | O_CLOEXEC);
	if (nvme->fd < 0)
		fail("%s: %s", path, strerror(errno));
	printf("device    %s, %s\n", bdf, path);
}

/* ---- the IO address space ---- */

static void attach(struct nvme *nvme)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind)};
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach)};

	nvme->iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (nvme->iommufd < 0)
		fail("/dev/iommu: %s", strerror(errno));
	bind.iommufd = nvme->iommufd;
	if (ioctl(nvme->fd, VFIO_DEVICE_BIND_IOMMUFD, &bind))
		fail("binding the device to the iommufd: %s", strerror(errno));
	if (ioctl(nvme->iommufd, IOMMU_IOAS_ALLOC, &alloc))
		fail("IOMMU_IOAS_ALLOC: %s", strerror(errno));
	nvme->ioas_id = attach.pt_id = alloc.out_ioas_id;
	if (ioctl(nvme->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach))
		fail("attaching the device to the IO address space: %s", strerror(errno));
}

/* Allocates @len bytes of whole pages, and maps them for the device. */
static struct mapping allocate(const struct nvme *nvme, size_t len)
{
	struct mapping mapping = {.size = (len + PAGE - 1) / PAGE * PAGE};
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = nvme->ioas_id,
		.length = mapping.size,
	};

	mapping.memory = mmap(NULL, mapping.size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mapping.memory == MAP_FAILED)
		fail("%zu bytes of memory: %s", mapping.size, strerror(errno));
	cmd.user_va = (uintptr_t)mapping.memory;
	if (ioctl(nvme->iommufd, IOMMU_IOAS_MAP, &cmd))
		fail("mapping %zu bytes: %s%s", mapping.size, strerror(errno),
		     errno == ENOMEM ? ": see ulimit -l, or limit it with -n" : "");
	mapping.iova = cmd.iova;
	return mapping;
}

/* ---- registers ---- */

static void enable_bus(const struct nvme *nvme)
{
	struct vfio_region_info config = {.argsz = sizeof(config),
					  .index = VFIO_PCI_CONFIG_REGION_INDEX};
	uint16_t command;
	off_t at;

	if (ioctl(nvme->fd, VFIO_DEVICE_GET_REGION_INFO, &config))
		fail("the device has no config space: %s", strerror(errno));
	at = (off_t)config.offset + PCI_COMMAND;
	if (pread(nvme->fd, &command, sizeof(command), at) != sizeof(command))
		fail("reading the command register: %s", strerror(errno));
	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	if (pwrite(nvme->fd, &command, sizeof(command), at) != sizeof(command))
		fail("writing the command register: %s", strerror(errno));
}

static void map_registers(struct nvme *nvme)
{
	struct vfio_region_info info = {.argsz = sizeof(info), .index = VFIO_PCI_BAR0_REGION_INDEX};
	void *bar;

	if (ioctl(nvme->fd, VFIO_DEVICE_GET_REGION_INFO, &info) || !info.size)
		fail("the device has no BAR 0");
	nvme->bar_offset = info.offset;
	if (!(info.flags & VFIO_REGION_INFO_FLAG_MMAP))
		return;
	bar = mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, nvme->fd,
		   (off_t)info.offset);
	if (bar == MAP_FAILED)
		fail("mapping BAR 0: %s", strerror(errno));
	nvme->bar = bar;
}

static uint32_t get(const struct nvme *nvme, unsigned int reg)
{
	uint32_t value;

	if (nvme->bar)
		return *(volatile const uint32_t *)(volatile const void *)(nvme->bar + reg);
	if (pread(nvme->fd, &value, sizeof(value), (off_t)(nvme->bar_offset + reg)) !=
	    sizeof(value))
		fail("reading register 0x%x: %s", reg, strerror(errno));
	return value;
}

static void set(const struct nvme *nvme, unsigned int reg, uint32_t value)
{
	if (nvme->bar)
		*(volatile uint32_t *)(volatile void *)(nvme->bar + reg) = value;
	else if (pwrite(nvme->fd, &value, sizeof(value), (off_t)(nvme->bar_offset + reg)) !=
		 sizeof(value))
		fail("writing register 0x%x: %s", reg, strerror(errno));
}

static void set_address(const struct nvme *nvme, unsigned int reg, uint64_t value)
{
	set(nvme, reg, (uint32_t)value);
	set(nvme, reg + 4, (uint32_t)(value >> 32));
}

/* ---- queues ---- */

/* The address of something in the shared memory. */
static uint64_t iova_of(const struct nvme *nvme, volatile const void *memory)
{
	return nvme->mapping.iova +
	       (uint64_t)((volatile const char *)memory - (char *)nvme->mapping.memory);
}

/* Puts a command into the queue. Its ID says which of the commands in flight it is. */
static void put(struct nvme *nvme, struct queue *queue, const struct command *command)
{
	nvme->shared->sq[queue->id][queue->tail] = *command;
	queue->tail = (queue->tail + 1) % ENTRIES;
}

static void ring_doorbell(const struct nvme *nvme, const struct queue *queue)
{
	/* The controller may read the commands as soon as the doorbell is written. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	set(nvme, DOORBELLS + 2 * queue->id * nvme->stride, queue->tail);
}

/* Takes one completion off if there is one. Fails if the command has failed. */
static bool take(struct nvme *nvme, struct queue *queue, uint16_t *cid)
{
	volatile struct completion *entry = &nvme->shared->cq[queue->id][queue->head];
	uint16_t status = entry->status;

	if ((status & 1) != queue->phase)
		return false;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (status >> 1)
		fail("command %u failed with status 0x%x", entry->cid, status >> 1);
	*cid = entry->cid;
	queue->head = (queue->head + 1) % ENTRIES;
	if (!queue->head)
		queue->phase = !queue->phase;
	set(nvme, DOORBELLS + (2 * queue->id + 1) * nvme->stride, queue->head);
	return true;
}

static uint16_t await(struct nvme *nvme, struct queue *queue)
{
	double end = seconds() + TIMEOUT_MS / 1000.0;
	uint16_t cid;

	while (!take(nvme, queue, &cid))
		if (seconds() > end)
			fail("no completion within %d ms: CSTS 0x%x", TIMEOUT_MS, get(nvme, CSTS));
	return cid;
}

static void run(struct nvme *nvme, struct queue *queue, const struct command *command)
{
	put(nvme, queue, command);
	ring_doorbell(nvme, queue);
	(void)await(nvme, queue);
}

/* ---- the controller ---- */

static void await_ready(const struct nvme *nvme, uint32_t ready)
{
	int tries = TIMEOUT_MS;

	while ((get(nvme, CSTS) & CSTS_RDY) != ready && !(get(nvme, CSTS) & CSTS_CFS) && tries--)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	if ((get(nvme, CSTS) & (CSTS_RDY | CSTS_CFS)) != ready)
		fail("the controller does not become %s: CSTS 0x%x", ready ? "ready" : "idle",
		     get(nvme, CSTS));
}

static void enable(struct nvme *nvme)
{
	set(nvme, CC, 0);
	await_ready(nvme, 0);
	nvme->stride = 4u << (get(nvme, CAP + 4) & 0xf);
	nvme->admin = (struct queue){.phase = true};
	set(nvme, AQA, (ENTRIES - 1) << 16 | (ENTRIES - 1));
	set_address(nvme, ASQ, iova_of(nvme, nvme->shared->sq[0]));
	set_address(nvme, ACQ, iova_of(nvme, nvme->shared->cq[0]));
	set(nvme, CC, CC_EN | CC_IOSQES | CC_IOCQES);
	await_ready(nvme, CSTS_RDY);
}

static const uint8_t *identify(struct nvme *nvme, uint32_t cns, uint32_t nsid)
{
	run(nvme, &nvme->admin,
	    &(struct command){.opcode = IDENTIFY,
			      .nsid = nsid,
			      .prp1 = iova_of(nvme, nvme->shared->identity),
			      .cdw10 = cns});
	return nvme->shared->identity;
}

static void introduce(struct nvme *nvme)
{
	const uint8_t *id = identify(nvme, CNS_CONTROLLER, 0);
	unsigned int format, mdts = id[77];

	printf("disk      %.40s, serial number %.20s\n", id + 24, id + 4);
	/* A PRP list is one page here: 512 pages of data, and the first. */
	nvme->max_transfer = mdts && mdts < 9 ? (uint64_t)PAGE << mdts : 512 * PAGE;
	id = identify(nvme, CNS_NAMESPACE, NSID);
	memcpy(&nvme->blocks, id, sizeof(nvme->blocks));
	format = id[26] & 0xf;
	nvme->block = 1u << id[128 + 4 * format + 2];
	printf("namespace %llu blocks of %u bytes\n", (unsigned long long)nvme->blocks,
	       nvme->block);
}

static void create_queues(struct nvme *nvme)
{
	nvme->io = (struct queue){.id = 1, .phase = true};
	run(nvme, &nvme->admin,
	    &(struct command){.opcode = CREATE_CQ,
			      .prp1 = iova_of(nvme, nvme->shared->cq[1]),
			      .cdw10 = (ENTRIES - 1) << 16 | 1,
			      .cdw11 = CONTIGUOUS});
	run(nvme, &nvme->admin,
	    &(struct command){.opcode = CREATE_SQ,
			      .prp1 = iova_of(nvme, nvme->shared->sq[1]),
			      .cdw10 = (ENTRIES - 1) << 16 | 1,
			      .cdw11 = 1 << 16 | CONTIGUOUS});
}

/* ---- moving blocks ---- */

/* The command in @slot moves @size bytes, whole pages from @iova on, to or from the disk at @at. */
static struct command transfer(struct nvme *nvme, uint8_t opcode, uint16_t slot, uint64_t at,
			       uint64_t iova, uint64_t size)
{
	const uint64_t lba = at / nvme->block;
	struct command command = {
		.opcode = opcode,
		.cid = slot,
		.nsid = NSID,
		.prp1 = iova,
		.cdw10 = (uint32_t)lba,
		.cdw11 = (uint32_t)(lba >> 32),
		.cdw12 = (uint32_t)(size / nvme->block) - 1,
	};

	if (size > PAGE)
		command.prp2 = iova + PAGE;
	if (size <= 2 * PAGE)
		return command;
	for (uint64_t page = 1; page * PAGE < size; page++)
		nvme->shared->lists[slot][page - 1] = iova + page * PAGE;
	command.prp2 = iova_of(nvme, nvme->shared->lists[slot]);
	return command;
}

/* All of @data, with up to DEPTH commands in flight. */
static void move(struct nvme *nvme, uint8_t opcode, const struct mapping *data)
{
	uint16_t idle[DEPTH];
	unsigned int idle_count = DEPTH;
	double begin = seconds();
	uint64_t at = 0, commands = 0;

	for (uint16_t i = 0; i < DEPTH; i++)
		idle[i] = i;
	while (at < data->size || idle_count < DEPTH) {
		bool more = false;

		while (at < data->size && idle_count) {
			uint64_t size = data->size - at < nvme->max_transfer ? data->size - at
									     : nvme->max_transfer;
			struct command command = transfer(nvme, opcode, idle[--idle_count], at,
							  data->iova + at, size);

			put(nvme, &nvme->io, &command);
			at += size;
			commands++;
			more = true;
		}
		if (more)
			ring_doorbell(nvme, &nvme->io);
		idle[idle_count++] = await(nvme, &nvme->io);
	}
	printf("%s %zu bytes, %llu commands, %.2f GB/s\n",
	       opcode == WRITE ? "wrote    " : "read     ", data->size,
	       (unsigned long long)commands, (double)data->size / (seconds() - begin) / 1e9);
}

/* ---- the program ---- */

static void usage(int status)
{
	fprintf(status ? stderr : stdout,
		"usage: nvme-blocks [-d BDF] [-n BYTES] [FILE]\n"
		"Writes FILE to the beginning of an NVMe disk, reads it back, and compares.\n"
		"  -d BDF    the disk (0000:00:04.0); default: the first that VFIO has\n"
		"  -n BYTES  at most this many\n"
		"  FILE      default: this program\n");
	exit(status);
}

int main(int argc, char **argv)
{
	const char *file = "/proc/self/exe";
	struct nvme nvme = {0};
	struct mapping from, to;
	size_t limit = SIZE_MAX, len;
	char bdf[64] = "";
	int option, fd;

	while ((option = getopt(argc, argv, "d:n:h")) != -1) {
		if (option == 'd')
			snprintf(bdf, sizeof(bdf), "%s", optarg);
		else if (option == 'n' && strtoull(optarg, NULL, 0))
			limit = strtoull(optarg, NULL, 0);
		else
			usage(option != 'h');
	}
	if (optind < argc)
		file = argv[optind];
	fd = file_open(file, limit, &len);
	open_device(&nvme, bdf, sizeof(bdf));
	attach(&nvme);
	enable_bus(&nvme);
	map_registers(&nvme);

	nvme.mapping = allocate(&nvme, sizeof(struct shared));
	nvme.shared = nvme.mapping.memory;
	enable(&nvme);
	introduce(&nvme);
	create_queues(&nvme);

	from = allocate(&nvme, len);
	file_read(fd, from.memory, len);
	to = allocate(&nvme, len);
	if (from.size > nvme.blocks * nvme.block)
		fail("the file is larger than the disk: limit it with -n");
	move(&nvme, WRITE, &from);
	run(&nvme, &nvme.io, &(struct command){.opcode = FLUSH, .nsid = NSID});
	move(&nvme, READ, &to);
	if (memcmp(from.memory, to.memory, from.size) != 0)
		fail("what was read differs from what was written");
	printf("verified  byte by byte\n");

	run(&nvme, &nvme.admin, &(struct command){.opcode = DELETE_SQ, .cdw10 = 1});
	run(&nvme, &nvme.admin, &(struct command){.opcode = DELETE_CQ, .cdw10 = 1});
	set(&nvme, CC, 0);
	await_ready(&nvme, 0);
	return 0;
}
