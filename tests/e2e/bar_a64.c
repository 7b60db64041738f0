/* SPDX-License-Identifier: MIT */
/*
 * Instructions of AArch64 on a mapped BAR: those that a processor makes to device memory, and those
 * that it refuses. The device is edu.
 */
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#include "device.h"

#if defined(__aarch64__)

enum {
	BAR_BYTES = 1 << 20,
	SOURCE = 0x80, /* each keeps 8 bytes */
	DESTINATION = 0x88,
};

static char *bar;

static void write_register(off_t off, uint64_t value)
{
	CHECK(pwrite(device, &value, sizeof(value), (off_t)registers + off) == sizeof(value));
}

static uint64_t read_register(off_t off)
{
	uint64_t value = 0;

	CHECK(pread(device, &value, sizeof(value), (off_t)registers + off) == sizeof(value));
	return value;
}

static void a_pair_is_two_registers(void)
{
	uint64_t first, second;

	write_register(SOURCE, UINT64_C(0x1122334455667788));
	write_register(DESTINATION, UINT64_C(0x99aabbccddeeff00));
	__asm__ volatile("ldp %0, %1, [%2]"
			 : "=&r"(first), "=&r"(second)
			 : "r"(bar + SOURCE)
			 : "memory");
	CHECK(first == UINT64_C(0x1122334455667788) && second == UINT64_C(0x99aabbccddeeff00));
	__asm__ volatile("stp %0, xzr, [%1]" : : "r"(second), "r"(bar + SOURCE) : "memory");
	CHECK(read_register(SOURCE) == second && read_register(DESTINATION) == 0);
}

static void a_base_is_written_back(void)
{
	char *at = bar + SOURCE;
	uint64_t value;

	__asm__ volatile("str %2, [%0], #8\n\tldr %1, [%0, #-8]!"
			 : "+r"(at), "=&r"(value)
			 : "r"(UINT64_C(0xcafe))
			 : "memory");
	CHECK(at == bar + SOURCE && value == 0xcafe);
}

static void vector_registers_move_to_and_from_registers(void)
{
	const uint64_t values[2] = {UINT64_C(0x0102030405060708), UINT64_C(0x1112131415161718)};
	uint64_t back[2];

	__asm__ volatile("ldr q7, [%0]\n\t"
			 "str q7, [%1]\n\t"
			 "ld1 {v9.2d}, [%1]\n\t"
			 "str q9, [%2]"
			 :
			 : "r"(values), "r"(bar + SOURCE), "r"(back)
			 : "v7", "v9", "memory");
	CHECK(read_register(SOURCE) == values[0] && read_register(DESTINATION) == values[1]);
	CHECK(back[0] == values[0] && back[1] == values[1]);
}

/* The library may read single bytes by SVE, which this device does not take: they are all ones. */
static void the_library_copies_aligned_bytes(void)
{
	const uint64_t value = UINT64_C(0x0102030405060708);
	uint64_t back[2] = {0, 0};

	write_register(SOURCE, value);
	write_register(DESTINATION, value);
	memcpy(back, bar + SOURCE, sizeof(back));
	CHECK(back[0] == value || back[0] == UINT64_MAX);
	CHECK(back[1] == back[0]);
}

/* ---- what is refused ---- */

static sigjmp_buf jump;

static void on_signal(int signo)
{
	siglongjmp(jump, signo);
}

/* The signal that @access raises, or 0. */
static int signal_of(void (*access)(void))
{
	const struct sigaction act = {.sa_handler = on_signal};
	struct sigaction before;
	int signo;

	CHECK(!sigaction(SIGBUS, &act, &before));
	signo = sigsetjmp(jump, 1);
	if (!signo)
		access();
	CHECK(!sigaction(SIGBUS, &before, NULL));
	return signo;
}

static void load_across(void)
{
	uint64_t value;

	__asm__ volatile("ldr %0, [%1]" : "=r"(value) : "r"(bar + SOURCE + 4) : "memory");
}

static void store_across(void)
{
	__asm__ volatile("strh wzr, [%0]" : : "r"(bar + SOURCE + 1) : "memory");
}

static void an_access_that_is_not_aligned_is_SIGBUS(void)
{
	write_register(SOURCE, 0x1234);
	CHECK(signal_of(load_across) == SIGBUS);
	CHECK(signal_of(store_across) == SIGBUS);
	CHECK(read_register(SOURCE) == 0x1234);
}

static void load_exclusively(void)
{
	uint64_t value;

	__asm__ volatile("ldxr %0, [%1]" : "=r"(value) : "r"(bar + SOURCE) : "memory");
}

static void an_exclusive_access_is_SIGBUS(void)
{
	CHECK(signal_of(load_exclusively) == SIGBUS);
}

int main(void)
{
	const struct check_test tests[] = {
		TEST(a_pair_is_two_registers),
		TEST(a_base_is_written_back),
		TEST(vector_registers_move_to_and_from_registers),
		TEST(the_library_copies_aligned_bytes),
		TEST(an_access_that_is_not_aligned_is_SIGBUS),
		TEST(an_exclusive_access_is_SIGBUS),
	};

	set_up();
	bar = mmap(NULL, BAR_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, device, (off_t)registers);
	if (bar == MAP_FAILED || check_failed) {
		printf("the BAR cannot be mapped: %m\n");
		return 1;
	}
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}

#else

int main(void)
{
	puts("skipped: instructions of AArch64");
	return 77;
}

#endif
