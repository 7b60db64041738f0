/* SPDX-License-Identifier: MIT */
/* Machine code that makes system calls, as compilers and hands have written it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "preload/trap/scan.h"

#ifdef __x86_64__

enum {
	BEFORE = 64, /* bytes of other code around the piece that is looked at */
	SPACE = 256,
	OTHER = 0x90,
};

struct piece {
	const char *bytes;
	size_t len;
};

#define PIECE(text)                    \
	{                              \
		text, sizeof(text) - 1 \
	}

/* Puts @piece into other code. Returns the address of its syscall instruction, at its end. */
static const unsigned char *lay_out(unsigned char code[SPACE], const struct piece *piece)
{
	memset(code, OTHER, SPACE);
	memcpy(code + BEFORE, piece->bytes, piece->len);
	return code + BEFORE + piece->len - 2;
}

static void finds_each_syscall_instruction(void **state)
{
	unsigned char code[100];
	const unsigned char *found;

	(void)state;
	for (size_t at = 0; at + 2 <= sizeof(code); at++) {
		memset(code, OTHER, sizeof(code));
		memcpy(code + at, "\x0f\x05", 2);
		found = scan_for_syscall(code, code + sizeof(code));
		assert_ptr_equal(found, code + at);
		assert_null(scan_for_syscall(found + 1, code + sizeof(code)));
	}
	memset(code, OTHER, sizeof(code));
	code[sizeof(code) - 1] = 0x0f;
	assert_null(scan_for_syscall(code, code + sizeof(code)));
}

static void a_site_is_whole_instructions(void **state)
{
	static const struct {
		struct piece piece;
		long number;
		ptrdiff_t len;
	} cases[] = {
		/* mov $11, %eax */
		{PIECE("\xb8\x0b\x00\x00\x00\x0f\x05"), 11, 5},
		/* mov $257, %eax; mov %rdi, %rsi; mov $-100, %edi */
		{PIECE("\xb8\x01\x01\x00\x00\x48\x89\xfe\xbf\x9c\xff\xff\xff\x0f\x05"), 257, 5},
		/* mov $285, %eax; mov %rsi, %rdx; xor %esi, %esi */
		{PIECE("\xb8\x1d\x01\x00\x00\x48\x89\xf2\x31\xf6\x0f\x05"), 285, 5},
		/* mov $326, %eax; mov 16(%rsp), %rsi; mov 8(%rsp), %edi */
		{PIECE("\xb8\x46\x01\x00\x00\x48\x8b\x74\x24\x10\x8b\x7c\x24\x08\x0f\x05"), 326, 9},
		/* mov 8(%rsp), %edi; xor %eax, %eax */
		{PIECE("\x8b\x7c\x24\x08\x31\xc0\x0f\x05"), 0, 6},
		/* mov 8(%rsp), %r9 */
		{PIECE("\x4c\x8b\x4c\x24\x08\x0f\x05"), SCAN_ANY_NUMBER, 5},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned char code[SPACE];
		const unsigned char *at = lay_out(code, &cases[i].piece);
		struct scan_site site;

		assert_true(scan_site_before(at, code, &site));
		assert_int_equal(site.number, cases[i].number);
		assert_int_equal(at - site.start, cases[i].len);
	}
}

static void other_code_is_no_site(void **state)
{
	static const struct piece cases[] = {
		/* xor %eax, %eax: too short for a jump */
		PIECE("\x31\xc0\x0f\x05"),
		/* mov $11, %r8d: not the number */
		PIECE("\x41\xb8\x0b\x00\x00\x00\x0f\x05"),
		/* mov $11, %eax; je: a branch */
		PIECE("\xb8\x0b\x00\x00\x00\x74\x10\x0f\x05"),
		/* mov $11, %eax; mov x(%rip), %rdi: depends on where it is */
		PIECE("\xb8\x0b\x00\x00\x00\x48\x8b\x3d\x01\x02\x03\x04\x0f\x05"),
		/* mov $0x12345, %eax */
		PIECE("\xb8\x45\x23\x01\x00\x0f\x05"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned char code[SPACE];
		const unsigned char *at = lay_out(code, &cases[i]);
		struct scan_site site;

		assert_false(scan_site_before(at, code, &site));
	}
}

static bool is_munmap(long number)
{
	return number == 11;
}

static void code_makes_calls_that_are_wanted(void **state)
{
	static const struct {
		struct piece piece;
		bool makes;
	} cases[] = {
		{PIECE("\xb8\x0b\x00\x00\x00\x48\x89\xfe\x0f\x05"), true},
		/* another number, although the result is checked */
		{PIECE("\xb8\xca\x00\x00\x00\x0f\x05\x48\x3d\x01\xf0\xff\xff"), false},
		/* mov %rdi, %rax: a function for any number */
		{PIECE("\x48\x89\xf8\x0f\x05"), true},
		/* mov -88(%rbp), %rax; mov -96(%rbp), %rdi; mov %rcx, %r10 */
		{PIECE("\x48\x8b\x45\xa8\x48\x8b\x7d\xa0\x49\x89\xca\x0f\x05"), true},
		/* mov %rdi, %rax; mov %r8, %r10; je: a function that may call the library */
		{PIECE("\x48\x89\xf8\x4d\x89\xc2\x74\x4f\x0f\x05"), true},
		/* the same; call: the bytes are of its address */
		{PIECE("\x48\x89\xf8\x4d\x89\xc2\xe8\x01\x0f\x05"), false},
		/* the same; lea x(%rip), %rcx: likewise */
		{PIECE("\x48\x89\xf8\x4d\x89\xc2\x48\x8d\x0d\x01\x02\x0f\x05"), false},
		/* mov -88(%rbp), %rcx: no number */
		{PIECE("\x48\x8b\x4d\xa8\x48\x8b\x7d\xa0\x0f\x05"), false},
		/* the number is in rax already: the result is checked, as of Go's Syscall6 */
		{PIECE("\x0f\x05\x48\x3d\x01\xf0\xff\xff"), true},
		/* bytes of another instruction */
		{PIECE("\xe8\x0f\x05\x00\x00"), false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned char code[SPACE];

		lay_out(code, &cases[i].piece);
		assert_int_equal(scan_makes_calls(code, code + SPACE, is_munmap), cases[i].makes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_each_syscall_instruction),
		cmocka_unit_test(a_site_is_whole_instructions),
		cmocka_unit_test(other_code_is_no_site),
		cmocka_unit_test(code_makes_calls_that_are_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
	return 0;
}

#endif
