/* SPDX-License-Identifier: MIT */
/*
 * Instructions on a mapped BAR that compilers do not emit for registers: those that only the module
 * with Zydis carries out. The device is edu.
 */
#include <sys/mman.h>

#include "device.h"

#if defined(INSN_MODULE) && defined(__x86_64__)

enum {
	BAR_BYTES = 1 << 20,
	LIVENESS = 0x04, /* reads as the inverse of what was written */
	SOURCE = 0x80,	 /* keeps 8 bytes */
};

static char *bar;

static void write_register(off_t off, const void *bytes, size_t size)
{
	CHECK(pwrite(device, bytes, size, (off_t)registers + off) == (ssize_t)size);
}

static void read_register(off_t off, void *bytes, size_t size)
{
	CHECK(pread(device, bytes, size, (off_t)registers + off) == (ssize_t)size);
}

static uint32_t liveness(void)
{
	uint32_t value = 0;

	read_register(LIVENESS, &value, sizeof(value));
	return value;
}

/* The value that was found there; *@equal: it was @expected, and @value was written. */
static uint32_t compare_exchange(uint32_t expected, uint32_t value, bool *equal)
{
	__asm__ volatile(
		"lock cmpxchgl %[value], %[place]"
		: "+a"(expected),
		  "=@ccz"(*equal), [place] "+m"(*(volatile uint32_t *)(void *)(bar + LIVENESS))
		: [value] "r"(value)
		: "memory");
	return expected;
}

static void lock_cmpxchg_writes_what_it_finds_equal(void)
{
	const uint32_t begin = ~UINT32_C(0x12345678);
	bool equal = false;

	write_register(LIVENESS, &begin, sizeof(begin));
	CHECK(compare_exchange(0x12345678, 0xcafe0001, &equal) == 0x12345678);
	CHECK(equal);
	CHECK(liveness() == ~UINT32_C(0xcafe0001));
}

static void lock_cmpxchg_gives_what_differs(void)
{
	const uint32_t begin = ~UINT32_C(0x12345678);
	bool equal = true;

	write_register(LIVENESS, &begin, sizeof(begin));
	CHECK(compare_exchange(0x11111111, 0xcafe0001, &equal) == 0x12345678);
	CHECK(!equal);
}

static void fld_loads_a_register(void)
{
	const double value = -1234.5;
	double loaded = 0;

	write_register(SOURCE, &value, sizeof(value));
	__asm__ volatile("fldl %[place]\n\tfstpl %[loaded]"
			 : [loaded] "=m"(loaded)
			 : [place] "m"(*(volatile double *)(void *)(bar + SOURCE))
			 : "st", "memory");
	CHECK(loaded == value);
}

static void fstp_stores_to_a_register(void)
{
	const double value = 0.15625;
	double stored = 0;

	__asm__ volatile("fldl %[value]\n\tfstpl %[place]"
			 : [place] "=m"(*(volatile double *)(void *)(bar + SOURCE))
			 : [value] "m"(value)
			 : "st", "memory");
	read_register(SOURCE, &stored, sizeof(stored));
	CHECK(stored == value);
}

int main(void)
{
	const struct check_test tests[] = {
		TEST(lock_cmpxchg_writes_what_it_finds_equal),
		TEST(lock_cmpxchg_gives_what_differs),
		TEST(fld_loads_a_register),
		TEST(fstp_stores_to_a_register),
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
	puts("skipped: this build has no module for rare instructions (Zydis 4, x86-64)");
	return 77;
}

#endif
