/* SPDX-License-Identifier: MIT */
/*
 * BAR 0 of a device, mapped: registers that answer as through read and write, whatever instruction
 * accesses them, and a mapping that is one of the kernel's in every other way. The device is edu.
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/page.h"
#include "check.h"

enum {
	ID = 0x00,
	LIVENESS = 0x04,
	STATUS = 0x20,
	SOURCE = 0x80,
	COUNT = 0x90,
	IDENTIFICATION = 0x010000ed,
	BAR_BYTES = 1 << 20,
	CONFIG_COMMAND = 4,
};
#define CONFIG_OFFSET (UINT64_C(7) << 40)

struct bind {
	uint32_t argsz, flags;
	int32_t iommufd;
	uint32_t out_devid;
};

struct region_info {
	uint32_t argsz, flags, index, cap_offset;
	uint64_t size, offset;
};
#define DEVICE_GET_REGION_INFO 0x3b6c
#define DEVICE_RESET	       0x3b6f
#define DEVICE_FEATURE	       0x3b75
#define DEVICE_BIND	       0x3b76

static int device;
static volatile uint32_t *bar;

static int open_device(int access)
{
	struct bind bind = {.argsz = sizeof(bind)};
	int fd = open("/dev/vfio/devices/vfio0", access | O_CLOEXEC);

	bind.iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0 && bind.iommufd >= 0 && !ioctl(fd, DEVICE_BIND, &bind));
	close(bind.iommufd);
	return fd;
}

static void *map_bar(int prot)
{
	return mmap(NULL, BAR_BYTES, prot, MAP_SHARED, device, 0);
}

static void set_command(uint16_t command)
{
	CHECK(pwrite(device, &command, 2, (off_t)(CONFIG_OFFSET + CONFIG_COMMAND)) == 2);
}

static uint32_t through_file(off_t off)
{
	uint32_t value = 0;

	CHECK(pread(device, &value, 4, off) == 4);
	return value;
}

static void the_region_says_that_it_can_be_mapped(void)
{
	struct region_info info = {.argsz = sizeof(info)};

	CHECK(!ioctl(device, DEVICE_GET_REGION_INFO, &info));
	CHECK(info.flags == 7 && info.size == BAR_BYTES);
}

static void registers_read_and_write_as_through_the_file(void)
{
	CHECK(bar[ID / 4] == IDENTIFICATION);
	bar[LIVENESS / 4] = 0x12345678;
	CHECK(bar[LIVENESS / 4] == ~0x12345678u);
	CHECK(through_file(LIVENESS) == ~0x12345678u);
	*(volatile uint64_t *)(bar + SOURCE / 4) = UINT64_C(0x1122334455667788);
	CHECK(*(volatile uint64_t *)(bar + SOURCE / 4) == UINT64_C(0x1122334455667788));
	/* What the device does not take. */
	CHECK(*(volatile uint8_t *)bar == 0xff);
}

static void arithmetic_on_registers_works(void)
{
	bar[STATUS / 4] = 0;
	bar[STATUS / 4] |= 0x80;
	CHECK(bar[STATUS / 4] & 0x80);
	bar[STATUS / 4] &= ~0x80u;
	CHECK(!(bar[STATUS / 4] & 0x80));
	bar[LIVENESS / 4] = 5;
	/* Reads the inverse, and its inverse plus 1 is what becomes of it. */
	bar[LIVENESS / 4] += 1;
	CHECK(bar[LIVENESS / 4] == ~(~5u + 1));
#if !defined(__aarch64__) /* where it is a fault (bar_a64.c) */
	CHECK(__atomic_exchange_n(bar + LIVENESS / 4, 9, __ATOMIC_SEQ_CST) == ~(~5u + 1));
	CHECK(bar[LIVENESS / 4] == ~9u);
#endif
}

/* On AArch64 the library may copy by single bytes, or by accesses that are not aligned. */
#if !defined(__aarch64__)
static void libc_copies_to_and_from_registers(void)
{
	static char all[BAR_BYTES / 64];
	uint64_t values[4] = {1, 2, 3, 0}, back[4] = {0};
	char *at = (char *)(uintptr_t)bar + SOURCE;

	for (size_t len = 8; len <= 24; len += 8) {
		memset(back, 0, sizeof(back));
		memcpy(at, values, len);
		memcpy(back, at, len);
		CHECK(!memcmp(back, values, len));
	}
	memset(at, 0x5a, 24);
	memcpy(back, at, 24);
	CHECK(back[2] == UINT64_C(0x5a5a5a5a5a5a5a5a));
	*(volatile uint64_t *)(bar + COUNT / 4) = 0;
	/*
	 * Long enough for whatever the library likes best; in which steps it reads is its choice,
	 * and single bytes this device does not take.
	 */
	memcpy(all, (char *)(uintptr_t)bar, sizeof(all));
	memcpy(back, all + SOURCE, 8);
	CHECK(back[0] == UINT64_C(0x5a5a5a5a5a5a5a5a) || back[0] == UINT64_MAX);
}
#endif

static void the_mapping_keeps_the_device_open(void)
{
	struct bind bind = {.argsz = sizeof(bind)};
	int second;

	close(device);
	CHECK(bar[ID / 4] == IDENTIFICATION);
	second = open("/dev/vfio/devices/vfio0", O_RDWR | O_CLOEXEC);
	bind.iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	/* The one before is bound still. */
	CHECK(ioctl(second, DEVICE_BIND, &bind) == -1 && errno == EINVAL);
	CHECK(!munmap((void *)(uintptr_t)bar, BAR_BYTES));
	CHECK(!ioctl(second, DEVICE_BIND, &bind));
	close(bind.iommufd);
	device = second;
	bar = map_bar(PROT_READ | PROT_WRITE);
	CHECK(bar != MAP_FAILED && bar[ID / 4] == IDENTIFICATION);
}

/* [CONFIG-RESET-STATE.6] */
static void a_mapping_stays_through_a_reset(void)
{
	bar[LIVENESS / 4] = 1;
	CHECK(!ioctl(device, DEVICE_RESET, 0));
	CHECK(bar[LIVENESS / 4] == 0 && bar[ID / 4] == IDENTIFICATION);
}

static void a_part_may_be_mapped_moved_and_unmapped(void)
{
	char *middle = mmap(NULL, 3 * PAGE, PROT_READ, MAP_SHARED, device, 0);
	char *to = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(middle != MAP_FAILED && to != MAP_FAILED);
	CHECK(!munmap(middle + PAGE, PAGE));
	CHECK(*(volatile uint32_t *)middle == IDENTIFICATION);
	CHECK(mremap(middle, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	CHECK(*(volatile uint32_t *)to == IDENTIFICATION);
	CHECK(*(volatile uint32_t *)(middle + 2 * PAGE) == UINT32_MAX);
	munmap(middle, 3 * PAGE);
	munmap(to, 3 * PAGE);
}

static void a_mapping_does_not_grow(void)
{
	char *whole = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, device, 0);

	CHECK(mremap(whole, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT);
	CHECK(mremap(whole, 0, PAGE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT);
	CHECK(mremap(whole, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP) == MAP_FAILED &&
	      errno == EINVAL);
	CHECK(*(volatile uint32_t *)whole == IDENTIFICATION);
	munmap(whole, PAGE);
}

static void registers_take_no_advice_for_memory(void)
{
	static const int refused[] = {MADV_DONTNEED, MADV_FREE, MADV_COLD, MADV_DOFORK,
				      MADV_DODUMP};
	char *area =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(mmap(area + PAGE, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, device, 0) == area + PAGE);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		CHECK(madvise(area + PAGE, PAGE, refused[i]) < 0 && errno == EINVAL);
	area[0] = 1;
	CHECK(madvise(area, 2 * PAGE, MADV_DONTNEED) < 0 && errno == EINVAL);
	CHECK(area[0] == 0); /* what is below the registers is done */
	CHECK(madvise((void *)(uintptr_t)bar, PAGE, MADV_REMOVE) < 0 && errno == ENODEV);
	CHECK(madvise(area + PAGE, PAGE, MADV_DONTFORK) == 0);
	CHECK(madvise(area + PAGE, PAGE, MADV_DONTDUMP) == 0);
	CHECK(*(volatile uint32_t *)(area + PAGE) == IDENTIFICATION);
	munmap(area, 2 * PAGE);
}

static void registers_are_left_out_of_locked_memory(void)
{
	char *area =
		mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(mmap(area + PAGE, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, device, 0) == area + PAGE);
	CHECK(mlock(area + PAGE, 1) == 0 && mlock2(area, 4 * PAGE, MLOCK_ONFAULT) == 0);
	CHECK(munmap(area + 3 * PAGE, PAGE) == 0);
	CHECK(mlock(area + PAGE, 3 * PAGE) < 0 && errno == ENOMEM);
	CHECK(munlock(area, 3 * PAGE) == 0);
	munmap(area, 3 * PAGE);
}

static void what_cannot_be_mapped_is_EINVAL(void)
{
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, device, 0) == MAP_FAILED && errno == EINVAL);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, device, BAR_BYTES) == MAP_FAILED &&
	      errno == EINVAL);
	CHECK(mmap(NULL, BAR_BYTES + 1, PROT_READ, MAP_SHARED, device, 0) == MAP_FAILED &&
	      errno == EINVAL);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, device, (off_t)CONFIG_OFFSET) == MAP_FAILED &&
	      errno == EINVAL);
}

/* ---- faults that are the program's ---- */

static sigjmp_buf jump;
static volatile sig_atomic_t caught;

static void on_signal(int signo, siginfo_t *info, void *context)
{
	(void)context;
	caught = info->si_addr == (void *)(uintptr_t)(bar + ID / 4) ? signo : -1;
	siglongjmp(jump, 1);
}

static int signal_of(void (*access)(void))
{
	struct sigaction act = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO}, old[2];

	caught = 0;
	sigaction(SIGBUS, &act, &old[0]);
	sigaction(SIGSEGV, &act, &old[1]);
	if (!sigsetjmp(jump, 1))
		access();
	sigaction(SIGBUS, &old[0], NULL);
	sigaction(SIGSEGV, &old[1], NULL);
	return caught;
}

static void read_id(void)
{
	(void)bar[ID / 4];
}

static void write_id(void)
{
	bar[ID / 4] = 0;
}

static void without_memory_decoding_an_access_is_SIGBUS(void)
{
	set_command(0);
	CHECK(signal_of(read_id) == SIGBUS);
	CHECK(signal_of(write_id) == SIGBUS);
	set_command(2);
	CHECK(signal_of(read_id) == 0 && bar[ID / 4] == IDENTIFICATION);
}

static void set_feature(uint32_t number)
{
	const uint32_t feature[] = {8, 1 << 17 | number};

	CHECK(!ioctl(device, DEVICE_FEATURE, feature));
}

/* [CONFIG-FEATURES.2] */
static void an_access_does_not_wake_the_device_from_low_power(void)
{
	enum {
		LOW_POWER_ENTRY = 3,
		LOW_POWER_EXIT = 5
	};

	set_feature(LOW_POWER_ENTRY);
	CHECK(signal_of(read_id) == SIGBUS);
	set_feature(LOW_POWER_EXIT);
	CHECK(signal_of(read_id) == 0);
}

static void rights_are_the_mappings(void)
{
	CHECK(!mprotect((void *)(uintptr_t)bar, PAGE, PROT_READ));
	CHECK(signal_of(write_id) == SIGSEGV);
	CHECK(signal_of(read_id) == 0);
	CHECK(!mprotect((void *)(uintptr_t)bar, PAGE, PROT_READ | PROT_WRITE));
	CHECK(signal_of(write_id) == 0);
}

/* The last: the device is opened again. */
static void what_is_open_for_reading_does_not_become_writable(void)
{
	void *registers;

	munmap((void *)(uintptr_t)bar, BAR_BYTES);
	close(device);
	device = open_device(O_RDONLY);
	CHECK(map_bar(PROT_READ | PROT_WRITE) == MAP_FAILED && errno == EACCES);
	registers = map_bar(PROT_READ);
	CHECK(registers != MAP_FAILED && *(volatile uint32_t *)registers == IDENTIFICATION);
	CHECK(mprotect(registers, PAGE, PROT_READ | PROT_WRITE) < 0 && errno == EACCES);
	CHECK(mprotect(registers, PAGE, PROT_NONE) == 0);
	munmap(registers, BAR_BYTES);
	close(device);
}

/* ---- threads and processes ---- */

static void *hammer(void *arg)
{
	const uint32_t number = (uint32_t)(uintptr_t)arg;

	for (uint32_t i = 0; i < 20000; i++) {
		volatile uint64_t *reg = (volatile uint64_t *)(bar + SOURCE / 4) + number;

		*reg = (uint64_t)i << 32 | i;
		if (*reg != ((uint64_t)i << 32 | i))
			return arg;
	}
	return NULL;
}

static void threads_access_at_once(void)
{
	pthread_t threads[2];
	void *failed;

	for (uintptr_t i = 0; i < 2; i++)
		CHECK(!pthread_create(&threads[i], NULL, hammer, (void *)(i + 1)));
	for (size_t i = 0; i < 2; i++)
		CHECK(!pthread_join(threads[i], &failed) && !failed);
}

static void a_child_has_registers_of_its_own(void)
{
	int status;
	pid_t child;

	bar[LIVENESS / 4] = 1;
	child = fork();
	if (!child) {
		bool same = bar[LIVENESS / 4] == ~1u;

		bar[LIVENESS / 4] = 2;
		_exit(same && bar[LIVENESS / 4] == ~2u ? 0 : 1);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK(bar[LIVENESS / 4] == ~1u);
}

int main(void)
{
	static const struct check_test tests[] = {
		TEST(the_region_says_that_it_can_be_mapped),
		TEST(registers_read_and_write_as_through_the_file),
		TEST(arithmetic_on_registers_works),
#if !defined(__aarch64__)
		TEST(libc_copies_to_and_from_registers),
#endif
		TEST(the_mapping_keeps_the_device_open),
		TEST(a_mapping_stays_through_a_reset),
		TEST(a_part_may_be_mapped_moved_and_unmapped),
		TEST(a_mapping_does_not_grow),
		TEST(registers_take_no_advice_for_memory),
		TEST(registers_are_left_out_of_locked_memory),
		TEST(what_cannot_be_mapped_is_EINVAL),
		TEST(without_memory_decoding_an_access_is_SIGBUS),
		TEST(an_access_does_not_wake_the_device_from_low_power),
		TEST(rights_are_the_mappings),
		TEST(threads_access_at_once),
		TEST(a_child_has_registers_of_its_own),
		TEST(what_is_open_for_reading_does_not_become_writable),
	};

	device = open_device(O_RDWR);
	bar = map_bar(PROT_READ | PROT_WRITE);
	if (bar == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
