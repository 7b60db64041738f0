/* SPDX-License-Identifier: MIT */
/*
 * edu-copy: copies a file through a PCI device, from userspace, with VFIO and iommufd.
 *
 * The device is QEMU's teaching device "edu" (qemu docs/specs/edu): it has a buffer of 4 KiB and moves data
 * between memory and that buffer by DMA. Each piece of the file goes RAM -> device -> RAM; each transfer ends with
 * an interrupt. At the end the copy is compared with the file.
 *
 * This is the whole life of a userspace driver, in the order in which main() does it: find the device, open it, bind
 * it to an iommufd, attach it to an IO address space, map memory into that, let the device master the bus, take its
 * interrupts, drive its registers.
 *
 * It runs on a virtual machine with `-device intel-iommu,intremap=on -device edu` (or any other IOMMU) and a kernel
 * from 6.6 with CONFIG_VFIO_DEVICE_CDEV, the device bound to vfio-pci. There each DMA takes 100 ms by design, so
 * limit it: `edu-copy -n 65536`.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The system's own headers if they are recent enough to know iommufd. */
#if __has_include(<linux/iommufd.h>)
#include <linux/iommufd.h>
#include <linux/vfio.h>
#else
#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>
#endif
#include <linux/pci_regs.h>

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

	EDU_BUFFER = 0x40000, /* where DMA addresses the device's buffer */
	EDU_BUFFER_SIZE = 4096,

	TIMEOUT_MS = 5000,
	MAX_WINDOWS = 64,
	SYSFS_PATH = 512,
};
#define EDU_DMA_MASK ((UINT64_C(1) << 28) - 1) /* it drives 28 address bits */

struct edu {
	int fd;	     /* the VFIO device */
	int iommufd; /* and what it is bound to */
	int event;   /* counts its interrupts */
	uint32_t ioas_id;
	bool level;	      /* interrupts by the INTA# line: to be unmasked each time */
	uint64_t bar, config; /* where the regions are in fd */
	unsigned long transfers, interrupts;
};

/* A piece of our memory, and where the device sees it. */
struct mapping {
	uint8_t *memory;
	size_t size; /* of the mapping: whole pages */
	uint64_t iova;
};

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "edu-copy: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	exit(1);
}

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

/* The address of the first edu device of the system. */
static void find_edu(char *bdf, size_t size)
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

/* Opens the character device that VFIO has for @bdf. */
static int open_vfio(const char *bdf)
{
	char path[SYSFS_PATH];
	struct dirent *entry;
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", bdf);
	dir = opendir(path);
	if (!dir)
		fail("%s: %s: is the device bound to vfio-pci, and the kernel built with "
		     "CONFIG_VFIO_DEVICE_CDEV?",
		     path, strerror(errno));
	while ((entry = readdir(dir)))
		if (strncmp(entry->d_name, "vfio", 4) == 0)
			break;
	if (!entry)
		fail("%s is empty", path);
	snprintf(path, sizeof(path), "/dev/vfio/devices/%.64s", entry->d_name);
	closedir(dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fail("%s: %s", path, strerror(errno));
	printf("device    %s, %s\n", bdf, path);
	return fd;
}

/* ---- the IO address space ---- */

static void attach(struct edu *edu)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind)};
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach)};

	edu->iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (edu->iommufd < 0)
		fail("/dev/iommu: %s", strerror(errno));
	bind.iommufd = edu->iommufd;
	if (ioctl(edu->fd, VFIO_DEVICE_BIND_IOMMUFD, &bind))
		fail("binding the device to the iommufd: %s", strerror(errno));
	if (ioctl(edu->iommufd, IOMMU_IOAS_ALLOC, &alloc))
		fail("IOMMU_IOAS_ALLOC: %s", strerror(errno));
	edu->ioas_id = alloc.out_ioas_id;
	attach.pt_id = edu->ioas_id;
	if (ioctl(edu->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach))
		fail("attaching the device to the IO address space: %s", strerror(errno));
	printf("bound     device ID %u, IO address space %u, page table %u\n", bind.out_devid,
	       edu->ioas_id, attach.pt_id);
}

/*
 * The IOVAs that the IOMMU lets this device use, cut to those that it can drive, become the only ones that the kernel
 * chooses from for our mappings.
 */
static void restrict_iovas(const struct edu *edu)
{
	struct iommu_iova_range ranges[MAX_WINDOWS];
	struct iommu_ioas_iova_ranges usable = {
		.size = sizeof(usable),
		.ioas_id = edu->ioas_id,
		.num_iovas = MAX_WINDOWS,
		.allowed_iovas = (uintptr_t)ranges,
	};
	struct iommu_ioas_allow_iovas allow = {
		.size = sizeof(allow),
		.ioas_id = edu->ioas_id,
		.allowed_iovas = (uintptr_t)ranges,
	};

	if (ioctl(edu->iommufd, IOMMU_IOAS_IOVA_RANGES, &usable))
		fail("IOMMU_IOAS_IOVA_RANGES: %s", strerror(errno));
	for (uint32_t i = 0; i < usable.num_iovas; i++) {
		printf("window    0x%llx..0x%llx\n", (unsigned long long)ranges[i].start,
		       (unsigned long long)ranges[i].last);
		if (ranges[i].start >= EDU_DMA_MASK)
			continue;
		ranges[allow.num_iovas] = ranges[i];
		if (ranges[i].last > EDU_DMA_MASK)
			ranges[allow.num_iovas].last = EDU_DMA_MASK;
		allow.num_iovas++;
	}
	if (!allow.num_iovas)
		fail("no IOVA that the IOMMU allows has 28 bits, and the device drives no more");
	if (ioctl(edu->iommufd, IOMMU_IOAS_ALLOW_IOVAS, &allow))
		fail("IOMMU_IOAS_ALLOW_IOVAS: %s", strerror(errno));
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

/* The kernel pins the memory and chooses the IOVA. */
static void map(const struct edu *edu, struct mapping *mapping, bool device_writes)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = device_writes ? IOMMU_IOAS_MAP_WRITEABLE : IOMMU_IOAS_MAP_READABLE,
		.ioas_id = edu->ioas_id,
		.user_va = (uintptr_t)mapping->memory,
		.length = mapping->size,
	};

	if (ioctl(edu->iommufd, IOMMU_IOAS_MAP, &cmd))
		fail("mapping %zu bytes: %s%s", mapping->size, strerror(errno),
		     errno == ENOSPC   ? ": too much for 28 bits of IOVA, limit it with -n"
		     : errno == ENOMEM ? ": see ulimit -l, or limit it with -n"
				       : "");
	mapping->iova = cmd.iova;
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

/* Config space: the device answers at its BAR, and may do DMA and send messages. */
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
		fail("asking for interrupts: %s", strerror(errno));
	printf("interrupt %s\n", edu->level ? "INTx" : "MSI");
}

/* VFIO masks a level interrupt when it has told us; by now the device has lowered its line. */
static void unmask(const struct edu *edu)
{
	struct vfio_irq_set irq = {.argsz = sizeof(irq),
				   .flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK,
				   .index = VFIO_PCI_INTX_IRQ_INDEX,
				   .count = 1};

	if (ioctl(edu->fd, VFIO_DEVICE_SET_IRQS, &irq))
		fail("unmasking the interrupt: %s", strerror(errno));
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
		fail("an interrupt for 0x%x, not for the end of DMA (0x%x)", cause, EDU_IRQ_DMA);
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

static void copy_through(struct edu *edu, const struct mapping *from, const struct mapping *to,
			 size_t len)
{
	for (size_t done = 0; done < len; done += EDU_BUFFER_SIZE) {
		size_t piece = len - done < EDU_BUFFER_SIZE ? len - done : EDU_BUFFER_SIZE;

		transfer(edu, from->iova + done, EDU_BUFFER, piece, 0);
		transfer(edu, EDU_BUFFER, to->iova + done, piece, EDU_DMA_TO_RAM);
	}
}

/* ---- files ---- */

/* The largest shared library of this very process: a file of some MiB that every system has. */
static int consider_library(struct dl_phdr_info *info, size_t size, void *arg)
{
	char *best = arg;
	struct stat now, then;

	(void)size;
	if (info->dlpi_name[0] == '/' && stat(info->dlpi_name, &now) == 0 &&
	    (stat(best, &then) || now.st_size > then.st_size))
		snprintf(best, SYSFS_PATH, "%s", info->dlpi_name);
	return 0;
}

static int open_file(const char *path, size_t limit, size_t *len)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st))
		fail("%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || !st.st_size)
		fail("%s is no file with something in it", path);
	*len = (size_t)st.st_size < limit ? (size_t)st.st_size : limit;
	printf("file      %s, %zu bytes of it\n", path, *len);
	return fd;
}

static void read_all(int fd, void *to, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t part = read(fd, (char *)to + done, len - done);

		if (part <= 0)
			fail("reading the file: %s", part ? strerror(errno) : "it became shorter");
		done += (size_t)part;
	}
}

static void write_all(const char *path, const void *from, size_t len)
{
	FILE *file = fopen(path, "we");

	if (!file || fwrite(from, 1, len, file) != len || fclose(file))
		fail("%s: %s", path, strerror(errno));
}

/* FNV-1a, 64 bits. */
static uint64_t checksum(const uint8_t *bytes, size_t len)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void usage(int status)
{
	fprintf(status ? stderr : stdout,
		"usage: edu-copy [-d BDF] [-n BYTES] [-o OUT] [FILE]\n"
		"Copies FILE through the DMA buffer of an \"edu\" PCI device, and compares.\n"
		"  -d BDF    the device (0000:01:00.0); default: the first edu\n"
		"  -n BYTES  at most so many (QEMU's edu takes 200 ms for each 4096)\n"
		"  -o OUT    write the copy there\n"
		"  FILE      default: the largest library of this process\n");
	exit(status);
}

int main(int argc, char **argv)
{
	char bdf[64] = "", file[SYSFS_PATH] = "/proc/self/exe";
	const char *out = NULL;
	size_t limit = SIZE_MAX, len;
	struct mapping from, to;
	struct edu edu = {0};
	int option, fd;
	double begin, elapsed;

	while ((option = getopt(argc, argv, "d:n:o:h")) != -1) {
		switch (option) {
		case 'd':
			snprintf(bdf, sizeof(bdf), "%s", optarg);
			break;
		case 'n':
			limit = strtoull(optarg, NULL, 0);
			if (!limit)
				usage(1);
			break;
		case 'o':
			out = optarg;
			break;
		default:
			usage(option != 'h');
		}
	}
	if (argc - optind > 1)
		usage(1);
	if (optind < argc)
		snprintf(file, sizeof(file), "%s", argv[optind]);
	else
		dl_iterate_phdr(consider_library, file);
	fd = open_file(file, limit, &len);

	if (!*bdf)
		find_edu(bdf, sizeof(bdf));
	edu.fd = open_vfio(bdf);
	attach(&edu);
	restrict_iovas(&edu);
	/* Filled before it is mapped: the device sees the pages that are there now. */
	from = allocate(len);
	read_all(fd, from.memory, len);
	to = allocate(len);
	map(&edu, &from, false);
	map(&edu, &to, true);

	enable_bus(&edu);
	check_alive(&edu);
	take_interrupts(&edu);

	begin = seconds();
	copy_through(&edu, &from, &to, len);
	elapsed = seconds() - begin;
	printf("copied    %zu bytes, %lu DMA transfers, %lu interrupts, %.3f s\n", len,
	       edu.transfers, edu.interrupts, elapsed);

	if (memcmp(from.memory, to.memory, len) != 0)
		fail("the copy differs: checksum 0x%016llx, should be 0x%016llx",
		     (unsigned long long)checksum(to.memory, len),
		     (unsigned long long)checksum(from.memory, len));
	printf("verified  checksum 0x%016llx (FNV-1a)\n",
	       (unsigned long long)checksum(to.memory, len));
	if (out)
		write_all(out, to.memory, len);
	return 0;
}
