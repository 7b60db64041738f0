/* SPDX-License-Identifier: MIT */
/*
 * staging: how a VM monitor keeps guest memory in several IO address spaces, and pins and pays for
 * it once.
 *
 * A *staging* IOAS holds the guest's memory at IOVA = guest physical address. No device is attached
 * to it. Each emulated bus has an IOAS of its own, which the guest controls by its vIOMMU. What the
 * guest maps there is COPYed from the staging IOAS: a copy shares pages and accounting, where a MAP
 * would pin and charge the same memory again.
 *
 * The bus promises the guest windows of IOVA before it has a device (IOMMU_IOAS_ALLOW_IOVAS). Then
 * the vfio devices of the system are plugged in. A device that permits the windows joins the bus,
 * and may narrow what is permitted beside them. A device that does not is refused, which changes
 * nothing, and gets a bus of its own, with the memory where that device permits it.
 *
 * 	uiommufd run --iommu x86 --iommu 45bit --iommu power2win --device edu,iommu=x860 \
 * 		--device edu,iommu=45bit0 --device edu,iommu=power2win0 -- staging
 *
 * On a real machine: with devices bound to vfio-pci, a kernel from 6.6, and the right to open them.
 *
 * 	staging [-m MIB] [-p]
 *
 * -m: MiB of guest memory; by default 64, or half of what may be locked. -p: wait at the end, for
 * `uiommufd show`.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
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

#define MIB UINT64_C(0x100000)
#define GIB UINT64_C(0x40000000)

enum {
	MAX_RANGES = 32,
	MAX_BUSES = 8,
	ROUNDS = 9,
	RW = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
};

/* A region of guest memory: as on a PC, some is below 4 GiB and the rest above. */
struct region {
	uint64_t gpa, size;
	char *memory;
};

struct bus {
	uint32_t ioas;
	uint64_t iova[2]; /* IOVAs of the regions */
};

static int iommufd;
static struct region ram[2];
static uint32_t staging;
static struct bus buses[MAX_BUSES];
static unsigned int bus_count;

/* The windows that the guest may use on the first bus. */
static const struct iommu_iova_range promised[] = {
	{.start = 0, .last = 2 * GIB - 1},
	{.start = 4 * GIB, .last = 8 * GIB - 1},
};

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "staging: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	exit(1);
}

static void must(int rc, const char *what)
{
	if (rc)
		fail("%s: %s", what, strerror(errno));
}

/* ---- IO address spaces ---- */

static uint32_t create_ioas(void)
{
	struct iommu_ioas_alloc cmd = {.size = sizeof(cmd)};

	must(ioctl(iommufd, IOMMU_IOAS_ALLOC, &cmd), "IOMMU_IOAS_ALLOC");
	return cmd.out_ioas_id;
}

static void promise(uint32_t ioas)
{
	struct iommu_ioas_allow_iovas cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas,
		.num_iovas = sizeof(promised) / sizeof(promised[0]),
		.allowed_iovas = (uintptr_t)promised,
	};

	must(ioctl(iommufd, IOMMU_IOAS_ALLOW_IOVAS, &cmd), "IOMMU_IOAS_ALLOW_IOVAS");
}

static int map(uint32_t ioas, const struct region *region, uint64_t iova)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = RW | IOMMU_IOAS_MAP_FIXED_IOVA,
		.ioas_id = ioas,
		.user_va = (uintptr_t)region->memory,
		.length = region->size,
		.iova = iova,
	};

	return ioctl(iommufd, IOMMU_IOAS_MAP, &cmd);
}

/* Copies a region from the staging IOAS to *@iova, or, unless @fixed, to a free IOVA. */
static int copy(uint32_t ioas, const struct region *region, bool fixed, uint64_t *iova)
{
	struct iommu_ioas_copy cmd = {
		.size = sizeof(cmd),
		.flags = RW | (fixed ? (uint32_t)IOMMU_IOAS_MAP_FIXED_IOVA : 0),
		.dst_ioas_id = ioas,
		.src_ioas_id = staging,
		.length = region->size,
		.dst_iova = *iova,
		.src_iova = region->gpa,
	};

	if (ioctl(iommufd, IOMMU_IOAS_COPY, &cmd))
		return -1;
	*iova = cmd.dst_iova;
	return 0;
}

static void unmap(uint32_t ioas, const struct region *region, uint64_t iova)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd), .ioas_id = ioas, .iova = iova, .length = region->size};

	must(ioctl(iommufd, IOMMU_IOAS_UNMAP, &cmd), "IOMMU_IOAS_UNMAP");
}

static void print_permitted(uint32_t ioas)
{
	struct iommu_iova_range ranges[MAX_RANGES];
	struct iommu_ioas_iova_ranges cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas,
		.num_iovas = MAX_RANGES,
		.allowed_iovas = (uintptr_t)ranges,
	};

	must(ioctl(iommufd, IOMMU_IOAS_IOVA_RANGES, &cmd), "IOMMU_IOAS_IOVA_RANGES");
	for (uint32_t i = 0; i < cmd.num_iovas; i++)
		printf("  permitted now: %#llx-%#llx\n", (unsigned long long)ranges[i].start,
		       (unsigned long long)ranges[i].last);
}

/* ---- buses and devices ---- */

static bool attach(int device, uint32_t ioas)
{
	struct vfio_device_attach_iommufd_pt cmd = {.argsz = sizeof(cmd), .pt_id = ioas};

	if (!ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &cmd))
		return true;
	if (errno != EADDRINUSE)
		fail("VFIO_DEVICE_ATTACH_IOMMUFD_PT: %s", strerror(errno));
	return false;
}

static struct bus *create_bus(void)
{
	if (bus_count == MAX_BUSES)
		fail("more than %d buses", MAX_BUSES);
	buses[bus_count].ioas = create_ioas();
	return &buses[bus_count++];
}

/*
 * Copies all guest memory to @bus: at its guest address, or, if that is not permitted, at a free
 * IOVA.
 */
static void fill_bus(struct bus *bus)
{
	for (int i = 0; i < 2; i++) {
		const char *how = "IOVA = guest address";

		bus->iova[i] = ram[i].gpa;
		if (copy(bus->ioas, &ram[i], true, &bus->iova[i])) {
			must(copy(bus->ioas, &ram[i], false, &bus->iova[i]), "IOMMU_IOAS_COPY");
			how = "its guest address is not permitted";
		}
		printf("  copied %llu MiB from %#llx to IOVA %#llx: %s\n",
		       (unsigned long long)(ram[i].size / MIB), (unsigned long long)ram[i].gpa,
		       (unsigned long long)bus->iova[i], how);
	}
}

static void plug(const char *name)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = iommufd};
	char path[300];
	int device;

	snprintf(path, sizeof(path), "/dev/vfio/devices/%s", name);
	device = open(path, O_RDWR | O_CLOEXEC);
	if (device < 0)
		fail("%s: %s", path, strerror(errno));
	must(ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind), "VFIO_DEVICE_BIND_IOMMUFD");
	if (attach(device, buses[0].ioas)) {
		printf("%s: permits the windows, joins bus 0\n", name);
		print_permitted(buses[0].ioas);
		return;
	}
	printf("%s: does not permit the windows, gets bus %u\n", name, bus_count);
	/* The device comes first: what it permits decides where the memory can be. */
	struct bus *bus = create_bus();

	if (!attach(device, bus->ioas))
		fail("%s cannot be attached to an empty IOAS", name);
	print_permitted(bus->ioas);
	fill_bus(bus);
}

static int is_device(const struct dirent *entry)
{
	return !strncmp(entry->d_name, "vfio", 4);
}

static void plug_all(void)
{
	struct dirent **names;
	int count = scandir("/dev/vfio/devices", &names, is_device, versionsort);

	if (count <= 0)
		fail("there is no vfio device");
	for (int i = 0; i < count; i++) {
		plug(names[i]->d_name);
		free(names[i]);
	}
	free(names);
}

/* ---- memory and its accounting ---- */

static void create_memory(uint64_t size)
{
	ram[0] = (struct region){.gpa = 0, .size = size / 4 * 3};
	ram[1] = (struct region){.gpa = 4 * GIB, .size = size / 4};
	for (int i = 0; i < 2; i++) {
		ram[i].memory = mmap(NULL, ram[i].size, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (ram[i].memory == MAP_FAILED)
			fail("mmap: %s", strerror(errno));
		/* Make it present, so that the times below are those of pinning, not of zeroing. */
		memset(ram[i].memory, 1, ram[i].size);
	}
}

/* Makes the limit on locked memory apply to root, too. */
static void drop_ipc_lock(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data))
		return;
	data[CAP_TO_INDEX(CAP_IPC_LOCK)].effective &= ~CAP_TO_MASK(CAP_IPC_LOCK);
	(void)syscall(SYS_capset, &header, data);
}

/* Returns how much may be locked at most, and raises the limit if that is permitted. */
static rlim_t most_locked(void)
{
	struct rlimit limit = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};

	(void)setrlimit(RLIMIT_MEMLOCK, &limit);
	must(getrlimit(RLIMIT_MEMLOCK, &limit), "getrlimit");
	return limit.rlim_max;
}

static void limit_locked(rlim_t bytes)
{
	struct rlimit limit;

	must(getrlimit(RLIMIT_MEMLOCK, &limit), "getrlimit");
	limit.rlim_cur = bytes;
	must(setrlimit(RLIMIT_MEMLOCK, &limit), "setrlimit");
}

/* The limit is the guest's memory plus 1 MiB: copies stay within it, a second MAP does not. */
static void show_accounting(void)
{
	uint32_t other = buses[bus_count - 1].ioas;
	const uint64_t free_iova = 512 * MIB;

	if (!map(other, &ram[0], free_iova))
		fail("mapping the memory a second time should be beyond the limit");
	if (errno != ENOMEM)
		fail("IOMMU_IOAS_MAP: %s", strerror(errno));
	printf("accounting: %u buses with all the memory by COPY, charged once; a MAP of it is "
	       "refused: %s\n",
	       bus_count, strerror(errno));
}

/* ---- time ---- */

static double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Returns the median time to map a region into the first bus, after unmapping it. */
static double measure(bool by_copy)
{
	double times[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		double start;

		unmap(buses[0].ioas, &ram[0], buses[0].iova[0]);
		start = now_us();
		if (by_copy)
			must(copy(buses[0].ioas, &ram[0], true, &buses[0].iova[0]),
			     "IOMMU_IOAS_COPY");
		else
			must(map(buses[0].ioas, &ram[0], buses[0].iova[0]), "IOMMU_IOAS_MAP");
		times[i] = now_us() - start;
	}
	qsort(times, ROUNDS, sizeof(times[0]), compare);
	return times[ROUNDS / 2];
}

static void show_times(void)
{
	double by_map, by_copy;

	limit_locked(most_locked());
	by_map = measure(false);
	by_copy = measure(true);
	printf("time for %llu MiB into an attached bus: MAP %.0f us, COPY %.0f us, %.1f times as "
	       "fast\n",
	       (unsigned long long)(ram[0].size / MIB), by_map, by_copy, by_map / by_copy);
	if (bus_count == 1)
		printf("(with one bus only, nothing else keeps the memory pinned meanwhile)\n");
}

int main(int argc, char **argv)
{
	const uint64_t most = most_locked();
	uint64_t size = most / 2 < 64 * MIB ? most / 2 / (4 * MIB) * (4 * MIB) : 64 * MIB;
	bool wait = false;
	int option;

	while ((option = getopt(argc, argv, "m:p")) != -1) {
		if (option == 'm')
			size = strtoull(optarg, NULL, 0) * MIB;
		else if (option == 'p')
			wait = true;
		else
			return 2;
	}
	if (size < 4 * MIB || size > GIB / 2 || size > most / 2 || size % (4 * MIB))
		fail("-m: a multiple of 4, up to 512, and to half of RLIMIT_MEMLOCK (%llu MiB)",
		     (unsigned long long)(most / MIB));
	iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (iommufd < 0)
		fail("/dev/iommu: %s", strerror(errno));
	create_memory(size);
	drop_ipc_lock();
	limit_locked(size + MIB);

	staging = create_ioas();
	for (int i = 0; i < 2; i++)
		must(map(staging, &ram[i], ram[i].gpa), "IOMMU_IOAS_MAP");
	printf("staging: IOAS %u, %llu MiB of guest memory at IOVA = guest address\n", staging,
	       (unsigned long long)(size / MIB));

	struct bus *bus = create_bus();

	promise(bus->ioas);
	printf("bus 0: IOAS %u, windows promised to the guest before there is a device\n",
	       bus->ioas);
	fill_bus(bus);
	plug_all();
	show_accounting();
	show_times();
	if (wait) {
		fflush(stdout);
		pause();
	}
	return 0;
}
