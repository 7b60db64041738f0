/* SPDX-License-Identifier: MIT */
/*
 * The only program of a guest: drives edu devices from user space, by sysfs or by VFIO, as the word
 * exam= of the kernel's command line says, and prints what came of it. Linked statically.
 *
 * The guest's physical addresses are below 256 MiB, since an edu drives 28 bits.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <linux/vfio.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum {
	PAGE = 4096,
	MAX_EDUS = 2,
	COMMAND = 4, /* of config space: memory and bus mastering are its bits 1 and 2 */
	COMMAND_ON = 6,
	SOURCE = 0x80, /* registers */
	DESTINATION = 0x88,
	COUNT = 0x90,
	DMA = 0x98,
	START = 1,
	TO_MEMORY = 2,
	BUFFER = 0x40000,
	BAR_SIZE = 0x100000,
	TURNS_OF_A_REPORT = 200,
};

#define EDU_IDS UINT32_C(0x11e81234)

struct edu {
	char name[32]; /* 0000:00:05.0 */
	volatile uint64_t *registers;
	uint64_t bar; /* its address */
};

static struct edu edus[MAX_EDUS];
static int edu_count;

static void __attribute__((format(printf, 1, 2))) say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("guest: ", stdout);
	vprintf(format, args);
	putchar('\n');
	va_end(args);
	fflush(stdout);
}

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	say("FAILED: %s: %s", text, strerror(errno));
	reboot(LINUX_REBOOT_CMD_POWER_OFF);
	abort();
}

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		fail("%s", path);
	return fd;
}

static void write_file(const char *path, const char *text)
{
	int fd = open_file(path, O_WRONLY);

	if (write(fd, text, strlen(text)) < 0)
		fail("%s", path);
	close(fd);
}

static char *sysfs(const struct edu *edu, const char *file)
{
	static char path[256];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", edu->name, file);
	return path;
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void load_modules(void)
{
	struct dirent **entries;
	int n = scandir("/modules", &entries, visible, alphasort);

	for (int i = 0; i < n; i++) {
		char path[300];

		snprintf(path, sizeof(path), "/modules/%s", entries[i]->d_name);
		if (syscall(SYS_finit_module, open_file(path, O_RDONLY), "", 0))
			fail("%s", path);
	}
}

static void find_edus(void)
{
	struct dirent **entries;
	int n = scandir("/sys/bus/pci/devices", &entries, visible, alphasort);

	for (int i = 0; i < n && edu_count < MAX_EDUS; i++) {
		struct edu *edu = &edus[edu_count];
		uint32_t ids = 0;
		int fd;

		snprintf(edu->name, sizeof(edu->name), "%.31s", entries[i]->d_name);
		fd = open_file(sysfs(edu, "config"), O_RDONLY);
		if (pread(fd, &ids, sizeof(ids), 0) == sizeof(ids) && ids == EDU_IDS)
			edu_count++;
		close(fd);
	}
	if (!edu_count)
		fail("there is no edu");
}

/* Maps the device's registers without a driver, and lets it do DMA. */
static void open_by_sysfs(struct edu *edu)
{
	const uint16_t command = COMMAND_ON;
	FILE *resource;
	int fd;

	fd = open_file(sysfs(edu, "config"), O_RDWR);
	if (pwrite(fd, &command, sizeof(command), COMMAND) != sizeof(command))
		fail("config space of %s", edu->name);
	close(fd);
	resource = fopen(sysfs(edu, "resource"), "r");
	if (!resource || fscanf(resource, "%lx", &edu->bar) != 1)
		fail("resource of %s", edu->name);
	fclose(resource);
	fd = open_file(sysfs(edu, "resource0"), O_RDWR);
	edu->registers = mmap(NULL, BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (edu->registers == MAP_FAILED)
		fail("registers of %s", edu->name);
	close(fd);
}

/* Pages of the program that stay where they are. */
static char *pages(size_t count)
{
	char *memory = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);

	if (memory == MAP_FAILED)
		fail("memory");
	memset(memory, 0, count * PAGE);
	return memory;
}

static uint64_t physical(const void *address)
{
	int fd = open_file("/proc/self/pagemap", O_RDONLY);
	uint64_t entry = 0;

	if (pread(fd, &entry, sizeof(entry), (uintptr_t)address / PAGE * 8) != sizeof(entry))
		fail("pagemap");
	close(fd);
	return (entry & ((UINT64_C(1) << 55) - 1)) * PAGE;
}

static void edu_dma(const struct edu *edu, uint64_t from, uint64_t to, uint64_t bytes,
		    uint64_t command)
{
	edu->registers[SOURCE / 8] = from;
	edu->registers[DESTINATION / 8] = to;
	edu->registers[COUNT / 8] = bytes;
	edu->registers[DMA / 8] = START | command;
	while (edu->registers[DMA / 8] & START)
		;
}

/* Has @edu copy a page by way of its buffer. */
static void edu_copy(const struct edu *edu, uint64_t from, uint64_t to)
{
	edu_dma(edu, from, BUFFER, PAGE, 0);
	edu_dma(edu, BUFFER, to, PAGE, TO_MEMORY);
}

/* Fills a page with words that are those of @turn only, and returns their sum. */
static uint64_t fill(char *page, uint64_t turn)
{
	uint64_t *words = (uint64_t *)page, sum = 0, value = turn * UINT64_C(0x9e3779b97f4a7c15);

	for (int i = 0; i < PAGE / 8; i++) {
		value = value * UINT64_C(6364136223846793005) + 1;
		words[i] = value;
		sum = sum * 31 + value;
	}
	return sum;
}

static uint64_t sum_of(const char *page)
{
	const uint64_t *words = (const uint64_t *)page;
	uint64_t sum = 0;

	for (int i = 0; i < PAGE / 8; i++)
		sum = sum * 31 + words[i];
	return sum;
}

/* ---- exam=copy: the device copies without pause, for as long as the machine runs ---- */

static void exam_copy(void)
{
	char *from = pages(2), *to = from + PAGE;

	open_by_sysfs(&edus[0]);
	for (uint64_t turn = 1;; turn++) {
		const uint64_t sum = fill(from, turn);

		edu_copy(&edus[0], physical(from), physical(to));
		if (sum_of(to) != sum)
			fail("copy %lu differs", turn);
		if (turn % TURNS_OF_A_REPORT == 0)
			say("%lu copies", turn);
	}
}

/* ---- exam=p2p: one device copies into the other's registers ---- */

static void exam_p2p(void)
{
	char *from = pages(1);
	uint64_t before, after;

	if (edu_count < 2)
		fail("there is one edu only");
	open_by_sysfs(&edus[0]);
	open_by_sysfs(&edus[1]);
	/* Two words, which become the second device's addresses of DMA. */
	((uint64_t *)from)[0] = 0x123000;
	((uint64_t *)from)[1] = 0x456000;
	before = edus[1].registers[SOURCE / 8];
	edu_dma(&edus[0], physical(from), BUFFER, 16, 0);
	edu_dma(&edus[0], BUFFER, edus[1].bar + SOURCE, 16, TO_MEMORY);
	after = edus[1].registers[SOURCE / 8];
	say("the other's source was 0x%lx and is 0x%lx, its destination is 0x%lx", before, after,
	    edus[1].registers[DESTINATION / 8]);
}

/* ---- exam=vfio: by the guest's own IOMMU ---- */

static int vfio_container, vfio_device;

static void bind_to_vfio(const struct edu *edu)
{
	write_file(sysfs(edu, "driver_override"), "vfio-pci");
	write_file("/sys/bus/pci/drivers_probe", edu->name);
}

static void open_by_vfio(struct edu *edu)
{
	struct vfio_group_status status = {.argsz = sizeof(status)};
	struct vfio_region_info region = {.argsz = sizeof(region)};
	struct vfio_region_info config = {.argsz = sizeof(config),
					  .index = VFIO_PCI_CONFIG_REGION_INDEX};
	const uint16_t command = COMMAND_ON;
	char link[256] = "", path[300];
	int group;

	bind_to_vfio(edu);
	if (readlink(sysfs(edu, "iommu_group"), link, sizeof(link) - 1) < 0)
		fail("%s has no IOMMU group", edu->name);
	snprintf(path, sizeof(path), "/dev/vfio/%s", strrchr(link, '/') + 1);
	vfio_container = open_file("/dev/vfio/vfio", O_RDWR);
	group = open_file(path, O_RDWR);
	if (ioctl(group, VFIO_GROUP_GET_STATUS, &status) ||
	    ioctl(group, VFIO_GROUP_SET_CONTAINER, &vfio_container) ||
	    ioctl(vfio_container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		fail("group %s, flags 0x%x", path, status.flags);
	vfio_device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, edu->name);
	if (vfio_device < 0 || ioctl(vfio_device, VFIO_DEVICE_GET_REGION_INFO, &region) ||
	    ioctl(vfio_device, VFIO_DEVICE_GET_REGION_INFO, &config))
		fail("VFIO device %s", edu->name);
	if (pwrite(vfio_device, &command, sizeof(command), (off_t)config.offset + COMMAND) < 0)
		fail("config space of %s", edu->name);
	edu->registers = mmap(NULL, region.size, PROT_READ | PROT_WRITE, MAP_SHARED, vfio_device,
			      (off_t)region.offset);
	if (edu->registers == MAP_FAILED)
		fail("registers of %s", edu->name);
}

static void map(char *memory, uint64_t iova)
{
	struct vfio_iommu_type1_dma_map cmd = {
		.argsz = sizeof(cmd),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)memory,
		.iova = iova,
		.size = PAGE,
	};

	if (ioctl(vfio_container, VFIO_IOMMU_MAP_DMA, &cmd))
		fail("MAP_DMA");
}

static void unmap(uint64_t iova)
{
	struct vfio_iommu_type1_dma_unmap cmd = {.argsz = sizeof(cmd), .iova = iova, .size = PAGE};

	if (ioctl(vfio_container, VFIO_IOMMU_UNMAP_DMA, &cmd) || cmd.size != PAGE)
		fail("UNMAP_DMA");
}

static void exam_vfio(void)
{
	enum {
		FROM = 0x100000,
		TO = 0x205000,
		TURNS = 50
	};
	char *memory = pages(3);
	uint64_t sum, turn;

	open_by_vfio(&edus[0]);
	map(memory, FROM);
	for (turn = 1; turn <= TURNS; turn++) {
		/* The same IOVA leads to another page each time. */
		char *to = memory + PAGE * (1 + turn % 2);

		sum = fill(memory, turn);
		memset(to, 0, PAGE);
		map(to, TO);
		edu_copy(&edus[0], FROM, TO);
		unmap(TO);
		if (sum_of(to) != sum)
			fail("copy %lu differs", turn);
	}
	say("%d copies by VFIO", TURNS);
	memset(memory + PAGE, 0x5a, 2 * PAGE);
	sum = sum_of(memory + PAGE);
	edu_copy(&edus[0], FROM, TO);
	say("a stray write %s", sum_of(memory + PAGE) == sum && sum_of(memory + 2 * PAGE) == sum
					? "left the memory alone"
					: "CHANGED the memory");
}

int main(void)
{
	static const struct {
		const char *word;
		void (*run)(void);
	} exams[] = {
		{"exam=copy", exam_copy},
		{"exam=p2p", exam_p2p},
		{"exam=vfio", exam_vfio},
	};
	char line[1024] = "";
	int fd;

	mount("sys", "/sys", "sysfs", 0, NULL);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	fd = open_file("/proc/cmdline", O_RDONLY);
	if (read(fd, line, sizeof(line) - 1) < 0)
		fail("command line");
	load_modules();
	find_edus();
	for (size_t i = 0; i < sizeof(exams) / sizeof(exams[0]); i++) {
		if (strstr(line, exams[i].word))
			exams[i].run();
	}
	say("done");
	reboot(LINUX_REBOOT_CMD_POWER_OFF);
	return 1;
}
