/* SPDX-License-Identifier: MIT */
/*
 * A driver as its author tests it: built with a sanitizer, or run under valgrind or a debugger
 * (sanitizers.py, debuggers.py). Without an argument it is right; each argument plants a mistake.
 *
 * It does what drivers do: DMA by the device from and to memory of malloc(), interrupts, registers
 * by the file and by a mapping, calls from two threads, a child.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../examples/edu.h"

enum {
	LEN = 3 * 4096,
	BAR_BYTES = 1 << 20,
	IDENTIFICATION = 0x010000ed,
	ROUNDS = 100,
};

static struct edu device;
static int iommufd;
static uint32_t ioas;
static int counter; /* of both threads */

static void check(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static void open_device(void)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind)};
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach)};

	iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	device.fd = open("/dev/vfio/devices/vfio0", O_RDWR | O_CLOEXEC);
	bind.iommufd = iommufd;
	check(!ioctl(device.fd, VFIO_DEVICE_BIND_IOMMUFD, &bind), "bind");
	check(!ioctl(iommufd, IOMMU_IOAS_ALLOC, &alloc), "alloc");
	ioas = alloc.out_ioas_id;
	attach.pt_id = ioas;
	check(!ioctl(device.fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach), "attach");
	check(attach.pt_id != ioas, "what the call has written"); /* and so is initialised */
}

static uint64_t map(void *memory, uint64_t iova)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE |
			 IOMMU_IOAS_MAP_FIXED_IOVA,
		.ioas_id = ioas,
		.user_va = (uintptr_t)memory,
		.length = LEN,
		.iova = iova,
	};

	check(!ioctl(iommufd, IOMMU_IOAS_MAP, &cmd), "map");
	return cmd.iova;
}

/* The device copies from one buffer to the other, which nothing else has initialised. */
static void copy(void)
{
	struct mapping from = {.memory = aligned_alloc(4096, LEN), .size = LEN};
	struct mapping to = {.memory = aligned_alloc(4096, LEN), .size = LEN};

	check(from.memory && to.memory, "memory");
	for (int i = 0; i < LEN; i++)
		from.memory[i] = (uint8_t)(7 * i);
	from.iova = map(from.memory, 0x100000);
	to.iova = map(to.memory, 0x200000);
	edu_start(&device);
	edu_copy(&device, &from, &to, LEN);
	for (int i = 0; i < LEN; i++)
		check(to.memory[i] == (uint8_t)(7 * i), "the copy differs");
	for (uint64_t iova = 0x100000; iova <= 0x200000; iova += 0x100000) {
		struct iommu_ioas_unmap cmd = {
			.size = sizeof(cmd), .ioas_id = ioas, .iova = iova, .length = LEN};

		check(!ioctl(iommufd, IOMMU_IOAS_UNMAP, &cmd), "unmap");
	}
	free(from.memory);
	free(to.memory);
}

static void use_registers(void)
{
	volatile uint32_t *bar = mmap(NULL, BAR_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
				      device.fd, (off_t)device.bar);
	uint32_t copied;

	check(bar != MAP_FAILED, "mmap");
	check(bar[0] == IDENTIFICATION, "the mapped register");
	for (uint32_t i = 0; i < ROUNDS; i++) {
		bar[1] = i;
		check(bar[1] == ~i, "the liveness register");
	}
	memcpy(&copied, (const void *)(uintptr_t)bar, sizeof(copied));
	check(copied == IDENTIFICATION, "a copy of registers");
	munmap((void *)(uintptr_t)bar, BAR_BYTES);
}

static void look_around(void)
{
	char text[64] = "";
	struct stat st;
	int fd = open("/sys/bus/pci/devices/0000:c1:00.0/vendor", O_RDONLY | O_CLOEXEC);

	check(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0, "vendor");
	close(fd);
	check(strcmp(text, "0x1234\n") == 0, text);
	check(!stat("/dev/iommu", &st) && S_ISCHR(st.st_mode), "stat");
}

static void *use_address_space(void *lock)
{
	char *memory = aligned_alloc(4096, LEN);

	check(memory, "memory");
	for (int i = 0; i < ROUNDS; i++) {
		struct iommu_ioas_map cmd = {
			.size = sizeof(cmd),
			.flags = IOMMU_IOAS_MAP_READABLE,
			.ioas_id = ioas,
			.user_va = (uintptr_t)memory,
			.length = LEN,
		};
		struct iommu_ioas_unmap unmap = {
			.size = sizeof(unmap), .ioas_id = ioas, .length = LEN};

		check(!ioctl(iommufd, IOMMU_IOAS_MAP, &cmd), "map");
		unmap.iova = cmd.iova;
		check(!ioctl(iommufd, IOMMU_IOAS_UNMAP, &unmap), "unmap");
		if (lock)
			pthread_mutex_lock(lock);
		counter++;
		if (lock)
			pthread_mutex_unlock(lock);
	}
	free(memory);
	return NULL;
}

static void use_threads(bool locked)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		check(!pthread_create(&threads[i], NULL, use_address_space, locked ? &lock : NULL),
		      "thread");
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	check(!locked || counter == 2 * ROUNDS, "the counter");
}

static void have_child(void)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();

	if (pid == 0)
		_exit(access("/dev/iommu", F_OK) ? 1 : 0);
	check(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, "the child");
	check(system("test -c /dev/iommu") == 0, "the shell");
}

static int recurse(int depth)
{
	volatile char frame[1000];

	frame[0] = (char)depth;
	return depth < INT_MAX ? recurse(depth + 1) + frame[0] : 0;
}

static void *recurse_in_thread(void *unused)
{
	return recurse(0) ? unused : NULL;
}

/* Threads have guard pages below their stacks, the first one an end to growing. */
static void overflow_stack(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, recurse_in_thread, NULL);
	pthread_join(thread, NULL);
}

static void set_register(unsigned int at, uint32_t value)
{
	check(pwrite(device.fd, &value, sizeof(value), (off_t)(device.bar + at)) == sizeof(value),
	      "register");
}

/* Writes to a buffer while the device reads it: in one of the rounds, at least. */
static void race_with_device(void)
{
	volatile uint8_t *memory = aligned_alloc(4096, LEN);
	uint32_t busy;

	check(memory != NULL, "memory");
	(void)map((void *)(uintptr_t)memory, 0x300000);
	for (int i = 0; i < ROUNDS; i++) {
		set_register(0x80, 0x300000);
		set_register(0x88, 0x40000);
		set_register(0x90, 4096);
		set_register(0x98, 1);
		usleep(100);
		memory[100] = (uint8_t)i;
		do
			check(pread(device.fd, &busy, sizeof(busy), (off_t)(device.bar + 0x98)) ==
				      sizeof(busy),
			      "command");
		while (busy & 1);
	}
}

static void plant(const char *mistake)
{
	static volatile int largest = INT_MAX;
	volatile char *memory = malloc(40);
	volatile int index = 40;

	if (strcmp(mistake, "overflow") == 0)
		memory[index] = 1;
	else if (strcmp(mistake, "uninitialised") == 0 && memory[index - 1] == 7)
		printf("seven\n");
	else if (strcmp(mistake, "undefined") == 0)
		largest++;
	else if (strcmp(mistake, "leak") == 0)
		memory = NULL;
	else if (strcmp(mistake, "recursion") == 0)
		recurse(0);
	else if (strcmp(mistake, "recursion in a thread") == 0)
		overflow_stack();
	else if (strcmp(mistake, "device-race") == 0)
		race_with_device();
	else if (strcmp(mistake, "crash") == 0)
		*(volatile int *)(uintptr_t)(index - 40) = 1;
	free((void *)(uintptr_t)memory);
}

int main(int argc, char **argv)
{
	const char *mistake = argc > 1 ? argv[1] : "";

	look_around();
	open_device();
	copy();
	use_registers();
	use_threads(strcmp(mistake, "race") != 0);
	have_child();
	plant(mistake);
	printf("done\n");
	/* The device stays open, as in most programs that end. */
	return 0;
}
