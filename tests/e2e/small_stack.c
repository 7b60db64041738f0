/* SPDX-License-Identifier: MIT */
/*
 * Whatever a program calls, the smallest stack of a thread is enough: in the kernel, a call takes
 * nothing from it. Each test is a thread of its own. Needs one device, edu.
 */
#include <dirent.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "device.h"

enum {
	SMALLEST = 16384, /* musl has less, for threads that call nothing */
	MEMORY = 1 << 20,
	STREAM = 1 << 20,
};

#define DEVICE	"/sys/bus/pci/devices/0000:c1:00.0"
#define DRIVERS "/sys/bus/pci/drivers"

static char *memory;

/* The first: the engine starts in this thread. */
static void the_first_file_is_opened(void)
{
	const int fd = open("/dev/iommu", O_RDWR);

	CHECK(fd >= 0);
	close(fd);
}

static void calls_are_made(void)
{
	uint32_t version = 0;

	set_up();
	CHECK(map(memory, MEMORY, 0) == 0);
	CHECK(pread(device, &version, 4, (off_t)registers) == 4 && version == 0x010000ed);
	CHECK(mprotect(memory, 4096, PROT_READ) == 0);
	CHECK(munmap(memory + MEMORY / 2, 4096) == 0);
	CHECK(ioctl(device, VFIO_DEVICE_RESET) == 0);
	tear_down();
}

static void registers_are_mapped(void)
{
	volatile uint32_t *bar;

	set_up();
	bar = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, device, (off_t)registers);
	CHECK(bar != MAP_FAILED && bar[0] == 0x010000ed);
	munmap((void *)(uintptr_t)bar, 4096);
	tear_down();
}

static void names_are_looked_up(void)
{
	struct stat st;
	char text[256], name[32];
	const int fd = open(DEVICE, O_PATH);

	CHECK(stat(DEVICE "/../0000:c1:00.0/vendor", &st) == 0 && st.st_size == 4096);
	CHECK(lstat(DEVICE "/driver", &st) == 0 && S_ISLNK(st.st_mode));
	CHECK(fstatat(fd, "class", &st, 0) == 0 && fstat(fd, &st) == 0);
	CHECK(readlink(DEVICE "/driver", text, sizeof(text)) > 0);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	CHECK(readlink(name, text, sizeof(text)) > 0);
	CHECK(rename("/nothing", "/nowhere") < 0 && errno == ENOENT);
	CHECK(access("/dev/vfio/devices/nothing", F_OK) < 0 && errno == ENOENT);
	CHECK(chdir(DEVICE) == 0 && getcwd(text, sizeof(text)) && chdir("/") == 0);
	close(fd);
}

static int count(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)path;
	(void)st;
	(void)type;
	(void)at;
	return 0;
}

static void directories_are_listed(void)
{
	DIR *dir = opendir("/dev");

	while (dir && readdir(dir))
		continue;
	closedir(dir);
	CHECK(nftw(DEVICE "/", count, 4, FTW_PHYS) == 0);
}

static void write_to(const char *name, const char *text)
{
	const int fd = open(name, O_WRONLY);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void attributes_are_written(void)
{
	uint8_t bytes[64];
	const int fd = open(DEVICE "/config", O_RDWR);

	CHECK(pread(fd, bytes, sizeof(bytes), 0) == sizeof(bytes));
	CHECK(pwrite(fd, bytes + 0x3c, 1, 0x3c) == 1);
	close(fd);
	write_to(DEVICE "/reset", "1");
	write_to(DEVICE "/driver_override", "vfio-pci");
	write_to(DEVICE "/driver/unbind", "0000:c1:00.0");
	write_to(DRIVERS "/vfio-pci/bind", "0000:c1:00.0");
}

/* To @state. The descriptor of the data, or -1. */
static int migrate_to(uint32_t state)
{
	struct {
		uint32_t argsz, flags, state;
		int32_t fd;
	} cmd = {.argsz = sizeof(cmd),
		 .flags = VFIO_DEVICE_FEATURE_SET | 2 /* MIG_DEVICE_STATE */,
		 .state = state};

	CHECK(ioctl(device, VFIO_DEVICE_FEATURE, &cmd) == 0);
	return cmd.fd;
}

static void a_device_migrates(void)
{
	enum {
		RUNNING = 2,
		STOP_COPY,
		RESUMING,
	};
	char *stream =
		mmap(NULL, STREAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ssize_t len = 0, got;
	int fd;

	set_up();
	fd = migrate_to(STOP_COPY);
	while ((got = read(fd, stream + len, (size_t)(STREAM - len))) > 0)
		len += got;
	close(fd);
	(void)migrate_to(RUNNING);
	fd = migrate_to(RESUMING);
	CHECK(len > 0 && write(fd, stream, (size_t)len) == len);
	close(fd);
	(void)migrate_to(RUNNING);
	tear_down();
	munmap(stream, STREAM);
}

static void *run(void *test)
{
	return run_tests(test, 1) ? test : NULL;
}

/* Whether the test fails. */
static bool fails(struct check_test test)
{
	const size_t size = PTHREAD_STACK_MIN > SMALLEST ? (size_t)PTHREAD_STACK_MIN : SMALLEST;
	void *failed = &test;
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	if (pthread_attr_setstacksize(&attr, size) == 0 &&
	    pthread_create(&thread, &attr, run, &test) == 0)
		pthread_join(thread, &failed);
	pthread_attr_destroy(&attr);
	return failed;
}

int main(void)
{
	const struct check_test tests[] = {
		TEST(the_first_file_is_opened), TEST(calls_are_made),
		TEST(registers_are_mapped),	TEST(names_are_looked_up),
		TEST(directories_are_listed),	TEST(attributes_are_written),
		TEST(a_device_migrates),
	};
	bool failed = false;

	memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		failed |= fails(tests[i]);
	return failed;
}
