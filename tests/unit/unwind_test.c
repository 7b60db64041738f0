/* SPDX-License-Identifier: MIT */
/*
 * The project's own unwinder, beside the two that everybody has: each row of the call frame
 * information of each object in this process as libdw reads it, and whole stacks as the runtime's
 * unwinder sees them.
 */
#include <alloca.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <unwind.h>

#include <cmocka.h>

#include "base/check.h"
#include "mem/guard.h"
#include "report/call_frame.h"
#include "report/unwind.h"

#if defined(__x86_64__)

enum {
	BP = 6, /* DWARF's numbers */
	SP = 7,
	RA = 16,
	MOST = 64, /* frames */
};

/* ---- rules ---- */

/* "sp + 16", "at CFA - 8", "unchanged", "undefined" or "?" */
struct place {
	enum {
		UNCHANGED,
		UNDEFINED,
		AT_CFA,
		FROM_BP,
		FROM_SP,
		OTHER
	} kind;
	int64_t offset;
};

static struct place place_of(const Dwarf_Op *ops, size_t count)
{
	struct place place = {.kind = OTHER};

	if (!count)
		return place;
	if (ops[0].atom == DW_OP_call_frame_cfa && count <= 2) {
		if (count == 1 || ops[1].atom == DW_OP_plus_uconst) {
			place.kind = AT_CFA;
			place.offset = count == 1 ? 0 : (int64_t)ops[1].number;
		}
	} else if (count == 1 && ops[0].atom == DW_OP_bregx) {
		place.kind = ops[0].number == BP ? FROM_BP : ops[0].number == SP ? FROM_SP : OTHER;
		place.offset = (int64_t)ops[0].number2;
	} else if (count == 1 && ops[0].atom >= DW_OP_breg0 && ops[0].atom <= DW_OP_breg31) {
		const unsigned int number = ops[0].atom - DW_OP_breg0;

		place.kind = number == BP ? FROM_BP : number == SP ? FROM_SP : OTHER;
		place.offset = (int64_t)ops[0].number;
	}
	return place;
}

static struct place register_of(Dwarf_Frame *frame, int number)
{
	Dwarf_Op own[3], *ops;
	size_t count;

	assert_int_equal(dwarf_frame_register(frame, number, own, &ops, &count), 0);
	if (!count)
		return (struct place){.kind = ops == own ? UNDEFINED : UNCHANGED};
	return place_of(ops, count);
}

static struct place cfa_of(Dwarf_Frame *frame)
{
	Dwarf_Op *ops;
	size_t count;

	if (dwarf_frame_cfa(frame, &ops, &count))
		return (struct place){.kind = OTHER};
	return place_of(ops, count);
}

/* What the rule must be. */
static struct call_frame_rule expected_rule(Dwarf_Frame *frame, bool is_signal)
{
	const struct place cfa = cfa_of(frame), bp = register_of(frame, BP),
			   ra = register_of(frame, RA);
	struct call_frame_rule rule = {.kind = CALL_FRAME_UNKNOWN};

	if (is_signal)
		return (struct call_frame_rule){.kind = CALL_FRAME_SIGNAL};
	if (ra.kind == UNDEFINED)
		return (struct call_frame_rule){.kind = CALL_FRAME_OUTERMOST};
	if ((cfa.kind != FROM_BP && cfa.kind != FROM_SP) || ra.kind != AT_CFA || ra.offset != -8 ||
	    (bp.kind != UNCHANGED && bp.kind != UNDEFINED && bp.kind != AT_CFA))
		return rule;
	rule.kind = CALL_FRAME_USUAL;
	rule.from_bp = cfa.kind == FROM_BP;
	rule.cfa_offset = (int32_t)cfa.offset;
	rule.bp_offset = bp.kind == AT_CFA ? (int16_t)bp.offset : 0;
	return rule;
}

static void check_rule(const char *object, uintptr_t address, uintptr_t offset,
		       struct call_frame_rule expected)
{
	const struct call_frame_rule rule = call_frame_find(address);

	if (rule.kind == expected.kind && rule.from_bp == expected.from_bp &&
	    rule.cfa_offset == expected.cfa_offset && rule.bp_offset == expected.bp_offset)
		return;
	fail_msg("%s, 0x%lx: kind %d, from bp %d, cfa %d, bp %d; libdw: %d, %d, %d, %d", object,
		 offset, rule.kind, rule.from_bp, rule.cfa_offset, rule.bp_offset, expected.kind,
		 expected.from_bp, expected.cfa_offset, expected.bp_offset);
}

/* Both ends and the middle of each row of @cfi within [@begin, @end). Returns how many. */
static size_t check_rows(const char *object, Dwarf_CFI *cfi, uintptr_t bias, uintptr_t begin,
			 uintptr_t end)
{
	size_t rows = 0;

	while (begin < end) {
		Dwarf_Addr from, to;
		Dwarf_Frame *frame;
		bool is_signal;
		struct call_frame_rule expected;

		if (dwarf_cfi_addrframe(cfi, begin, &frame)) {
			begin++;
			continue;
		}
		assert_true(dwarf_frame_info(frame, &from, &to, &is_signal) >= 0);
		expected = expected_rule(frame, is_signal);
		free(frame);
		/* Right before the code to which a handler returns is the begin of its row. */
		if (is_signal)
			from = begin;
		if (!is_signal) {
			check_rule(object, bias + begin, begin, expected);
			check_rule(object, bias + (begin + to - 1) / 2, begin, expected);
			check_rule(object, bias + to - 1, begin, expected);
			rows++;
		}
		begin = to;
	}
	return rows;
}

static int check_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	const char *path = info->dlpi_name[0] ? info->dlpi_name : "/proc/self/exe";
	const int fd = open(path, O_RDONLY);
	size_t *rows = arg;
	Dwarf_CFI *cfi;
	Elf *elf;

	(void)size;
	if (fd < 0)
		return 0; /* the kernel's own */
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	assert_non_null(elf);
	cfi = dwarf_getcfi_elf(elf);
	for (int i = 0; cfi && i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];

		if (part->p_type == PT_LOAD && (part->p_flags & PF_X))
			*rows += check_rows(path, cfi, info->dlpi_addr, part->p_vaddr,
					    part->p_vaddr + part->p_memsz);
	}
	if (cfi)
		dwarf_cfi_end(cfi);
	elf_end(elf);
	close(fd);
	return 0;
}

static void each_rule_is_what_libdw_reads(void **state)
{
	size_t rows = 0;

	(void)state;
	(void)elf_version(EV_CURRENT);
	(void)dl_iterate_phdr(check_object, &rows);
	assert_true(rows > 10000); /* the C library alone has more */
}

static void code_without_a_description_is_outermost(void **state)
{
	char *page =
		mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(page, MAP_FAILED);
	assert_int_equal(call_frame_find((uintptr_t)page + 64).kind, CALL_FRAME_OUTERMOST);
	munmap(page, PAGE_SIZE);
}

/* ---- stacks ---- */

struct frames {
	size_t count;
	uintptr_t pcs[MOST];
};

static _Unwind_Reason_Code note_frame(struct _Unwind_Context *context, void *arg)
{
	struct frames *frames = arg;
	const uintptr_t pc = _Unwind_GetIP(context);

	if (!pc || frames->count == MOST)
		return _URC_END_OF_STACK;
	frames->pcs[frames->count++] = pc;
	return _URC_NO_REASON;
}

/* How often stacks were compared. */
static unsigned int compared;

/* Both unwinders from here on. */
static __attribute__((noinline)) void compare_stacks(void)
{
	const uintptr_t *own = __builtin_frame_address(0);
	struct unwind_frame frame = {.pc = own[1], .sp = (uintptr_t)(own + 2), .bp = own[0]};
	enum unwind_result result = UNWIND_CALLER;
	struct frames theirs = {.count = 0};

	(void)_Unwind_Backtrace(note_frame, &theirs);
	/* Its first frame is this function. */
	for (size_t i = 1; i < theirs.count; i++) {
		assert_int_equal(result, UNWIND_CALLER);
		assert_int_equal(frame.pc, theirs.pcs[i]);
		result = unwind_step(&frame);
	}
	assert_int_equal(result, UNWIND_OUTERMOST);
	compared++;
}

static __attribute__((noinline)) void from_a_frame_of_any_size(size_t size)
{
	volatile char *memory = alloca(size);

	memory[0] = 1;
	compare_stacks();
	memory[size - 1] = 1;
}

static __attribute__((noinline)) int from_a_recursion(unsigned int depth)
{
	int result = 1;

	if (depth)
		result += from_a_recursion(depth - 1);
	else
		compare_stacks();
	__asm__ volatile("" : "+r"(result));
	return result;
}

static int from_the_libc(const void *a, const void *b)
{
	compare_stacks();
	return *(const int *)a - *(const int *)b;
}

static void from_a_handler(int signo)
{
	(void)signo;
	compare_stacks();
}

static void *from_a_thread(void *arg)
{
	from_a_frame_of_any_size(100);
	return arg;
}

static void stacks_are_what_the_runtime_sees(void **state)
{
	int numbers[] = {5, 3, 1, 4, 2};
	struct sigaction action = {.sa_handler = from_a_handler};
	struct sigaction old;
	pthread_t thread;

	(void)state;
	compared = 0;
	for (unsigned int again = 0; again < 2; again++) { /* by rules that are kept, too */
		compare_stacks();
		from_a_frame_of_any_size(1);
		from_a_frame_of_any_size(5000);
		assert_int_equal(from_a_recursion(30), 31);
		qsort(numbers, 5, sizeof(numbers[0]), from_the_libc);
		assert_int_equal(sigaction(SIGUSR1, &action, &old), 0);
		assert_int_equal(raise(SIGUSR1), 0);
		assert_int_equal(sigaction(SIGUSR1, &old, NULL), 0);
		assert_int_equal(pthread_create(&thread, NULL, from_a_thread, NULL), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
	assert_true(compared >= 2 * 10);
}

static void registers_that_are_wrong_end_the_stack(void **state)
{
	char *page = mmap(NULL, PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const uintptr_t own[] = {(uintptr_t)__builtin_return_address(0), (uintptr_t)page, 0,
				 UINTPTR_MAX, 8};

	(void)state;
	assert_ptr_not_equal(page, MAP_FAILED);
	assert_int_equal(guard_install(), 0);
	for (size_t pc = 0; pc < sizeof(own) / sizeof(own[0]); pc++) {
		for (size_t sp = 1; sp < sizeof(own) / sizeof(own[0]); sp++) {
			struct unwind_frame frame = {.pc = own[pc], .sp = own[sp], .bp = own[sp]};

			assert_int_equal(unwind_step(&frame), UNWIND_OUTERMOST);
		}
	}
	munmap(page, PAGE_SIZE);
}

/* What is kept of code must not be used for other code that has come to its place. */
static void rules_go_with_their_code(void **state)
{
	/* A FDE is found for no part of it; so both are outermost until one is the kernel's. */
	static const uint8_t signal_return[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
	char *page =
		mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ucontext_t interrupted = {.uc_flags = 0};
	const struct unwind_frame first = {
		.pc = (uintptr_t)page + 64, .sp = (uintptr_t)&interrupted, .exact = true};
	struct unwind_frame frame = first;

	(void)state;
	assert_ptr_not_equal(page, MAP_FAILED);
	interrupted.uc_mcontext.gregs[REG_RIP] = 0x1234;
	assert_int_equal(unwind_step(&frame), UNWIND_OUTERMOST);
	memcpy(page + 64, signal_return, sizeof(signal_return));
	assert_int_equal(unwind_step(&frame), UNWIND_CALLER);
	assert_int_equal(frame.pc, 0x1234);
	assert_true(frame.exact);
	memset(page + 64, 0, sizeof(signal_return));
	frame = first;
	assert_int_equal(unwind_step(&frame), UNWIND_OUTERMOST);
	munmap(page, PAGE_SIZE);
}

#endif

int main(void)
{
#if defined(__x86_64__)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_is_what_libdw_reads),
		cmocka_unit_test(code_without_a_description_is_outermost),
		cmocka_unit_test(stacks_are_what_the_runtime_sees),
		cmocka_unit_test(registers_that_are_wrong_end_the_stack),
		cmocka_unit_test(rules_go_with_their_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
#else
	return 77;
#endif
}
