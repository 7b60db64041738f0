/* SPDX-License-Identifier: MIT */
/*
 * Bytes are compared, sixteen at a time; instructions are not decoded. So data between instructions
 * and parts of longer instructions are found, too, and what follows from a find must be right for
 * them.
 */
#include "preload/trap/scan.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __x86_64__

#include <emmintrin.h>

enum {
	SYSCALL_FIRST = 0x0f,
	SYSCALL_SECOND = 0x05,
	SYSCALL_BYTES = 2,
	BLOCK = 16,
	LOOK_BACK = 48,	 /* bytes between the load of a number and its system call */
	LOOK_AFAR = 128, /* where it comes from a register: arguments are shuffled in between */
	OPERAND_BYTES = 4,
	MOV_EAX = 0xb8,
	MOV_BYTES = 5,
	NUMBERS = 1024,
};

static const unsigned char *scan_slowly(const unsigned char *code, const unsigned char *end)
{
	for (; code + 1 < end; code++) {
		if (code[0] == SYSCALL_FIRST && code[1] == SYSCALL_SECOND)
			return code;
	}
	return NULL;
}

const unsigned char *scan_for_syscall(const unsigned char *code, const unsigned char *end)
{
	const __m128i first = _mm_set1_epi8(SYSCALL_FIRST);
	const __m128i second = _mm_set1_epi8(SYSCALL_SECOND);

	for (; end - code > BLOCK; code += BLOCK) {
		__m128i here = _mm_loadu_si128((const __m128i *)(const void *)code);
		__m128i next = _mm_loadu_si128((const __m128i *)(const void *)(code + 1));
		int found = _mm_movemask_epi8(
			_mm_and_si128(_mm_cmpeq_epi8(here, first), _mm_cmpeq_epi8(next, second)));

		if (found)
			return code + __builtin_ctz((unsigned int)found);
	}
	return scan_slowly(code, end);
}

/* ---- sites ---- */

/* Bytes of the memory operand, if any, that the ModRM byte at @at describes; 0: relative to rip. */
static size_t operand_len(const unsigned char *at)
{
	const unsigned int mod = at[0] >> 6, rm = at[0] & 7;
	size_t len = 1;

	if (mod == 3)
		return len;
	if (mod == 0 && rm == 5)
		return 0;
	if (rm == 4) {
		if (mod == 0 && (at[1] & 7) == 5)
			len += 4;
		len++;
	}
	return len + (mod == 1 ? 1 : mod == 2 ? 4 : 0);
}

/* The length of the instruction at @at, if it is one that loads arguments; or 0. */
static size_t load_len(const unsigned char *at)
{
	const bool prefix = (at[0] & 0xf0) == 0x40;
	const unsigned char *op = at + prefix;
	size_t operand;

	if ((*op & 0xf8) == MOV_EAX) /* mov $imm32, reg */
		return prefix && (at[0] & 8) ? 0 : (size_t)prefix + MOV_BYTES;
	operand = operand_len(op + 1);
	if (!operand)
		return 0;
	switch (*op) {
	case 0x01: /* add */
	case 0x29: /* sub */
	case 0x31: /* xor */
	case 0x89: /* mov */
	case 0x8b:
	case 0x8d: /* lea */
		return prefix + 1 + operand;
	case 0x83: /* with an immediate byte */
	case 0xc6:
		return prefix + 1 + operand + 1;
	case 0xc7: /* mov $imm32 */
		return prefix + 1 + operand + 4;
	default:
		return 0;
	}
}

/*
 * Whether instructions follow one another from @from to @at exactly. *@start: where the last of
 * them begin that a jump fits into; NULL: they are too short.
 */
static bool leads_to(const unsigned char *from, const unsigned char *at,
		     const unsigned char **start)
{
	*start = NULL;
	while (from < at) {
		size_t len = load_len(from);

		if (!len)
			return false;
		if (at - from >= SCAN_JUMP)
			*start = from;
		from += len;
	}
	return from == at;
}

static bool is_extended(const unsigned char *at, const unsigned char *code)
{
	return at > code && (at[-1] & 0xf0) == 0x40;
}

/* The load of the number that is next to @at decides. */
static bool find_load(const unsigned char *at, const unsigned char *code, struct scan_site *site)
{
	const unsigned char *from = at - MOV_BYTES;
	uint32_t number;

	for (; from >= code && at - from <= LOOK_BACK; from--) {
		if (*from != MOV_EAX || is_extended(from, code))
			continue;
		memcpy(&number, from + 1, sizeof(number));
		if (number >= NUMBERS || !leads_to(from, at, &site->start))
			continue;
		if (!site->start || at - site->start > SCAN_LONGEST)
			return false;
		site->number = (long)number;
		site->first = load_len(site->start);
		return true;
	}
	return false;
}

bool scan_site_before(const unsigned char *at, const unsigned char *code, struct scan_site *site)
{
	/* mov 8(%rsp), %r9: how syscall() loads the last argument. */
	static const unsigned char last[] = {0x4c, 0x8b, 0x4c, 0x24, 0x08};
	/* mov ..(%rsp), %edi; xor %eax, %eax: the number 0 is that of read(). */
	static const unsigned char zero[] = {0x31, 0xc0}, first[] = {0x8b, 0x7c, 0x24};
	const unsigned char *start;

	if (at - code <= LOOK_BACK)
		return false;
	start = at - sizeof(last);
	if (memcmp(start, last, sizeof(last)) == 0) {
		*site = (struct scan_site){start, SCAN_ANY_NUMBER, sizeof(last)};
		return true;
	}
	start = at - sizeof(zero) - sizeof(first) - 1;
	if (memcmp(at - sizeof(zero), zero, sizeof(zero)) == 0 &&
	    memcmp(start, first, sizeof(first)) == 0 && !is_extended(start, code)) {
		*site = (struct scan_site){start, 0, sizeof(first) + 1};
		return true;
	}
	return find_load(at, code, site);
}

/* ---- code that makes calls ---- */

/* Whether the instruction at @at loads rax or eax, from memory or from a register. */
static bool loads_rax(const unsigned char *at)
{
	/* A prefix may widen the operand, and extend the other register. */
	const unsigned char *op = at + ((at[0] & 0xf0) == 0x40);

	if (*op == 0x8b)
		return (op[1] & 0x38) == 0 && !(op > at && at[0] & 4);
	return *op == 0x89 && (op[1] & 0xc7) == 0xc0 && !(op > at && at[0] & 1);
}

/* Whether a relative address, or a displacement, of four bytes begins at @at. */
static bool is_operand(const unsigned char *at)
{
	const unsigned int mod = at[-1] >> 6, rm = at[-1] & 7;

	if (at[-1] == 0xe8 || at[-1] == 0xe9) /* call, jmp */
		return true;
	if (at[-2] == 0x0f && (at[-1] & 0xf0) == 0x80) /* jcc */
		return true;
	if (at[-2] != 0x8d && at[-2] != 0x8b && at[-2] != 0x89) /* lea, mov */
		return false;
	return (mod == 0 && rm == 5) || (mod == 2 && rm != 4);
}

/* Whether the number of the call at @at comes from memory or from a register. */
static bool number_is_variable(const unsigned char *at, const unsigned char *code)
{
	const unsigned char *from = at - code > LOOK_BACK ? at - LOOK_BACK : code;
	const unsigned char *start;

	for (; from < at; from++) {
		if (loads_rax(from) && leads_to(from, at, &start))
			return true;
	}
	return false;
}

/* Whether the instruction at @at, or bytes that look like one, loads r10: 64 bits. */
static bool loads_r10(const unsigned char *at)
{
	if (at[1] == 0x8b)
		return (at[0] & 0xfe) == 0x4c && (at[2] & 0x38) == 0x10;
	return (at[0] & 0xfb) == 0x49 && at[1] == 0x89 && (at[2] & 0xc7) == 0xc2;
}

/*
 * Whether the call at @at is in a function for any call: its arguments are moved to where the
 * kernel has them, of which r10 is the one that functions have elsewhere. What else is in between
 * may be anything, branches included; the bytes at @at must not be those of an address.
 */
static bool arguments_are_variable(const unsigned char *at, const unsigned char *code)
{
	const unsigned char *from = at - code > LOOK_AFAR ? at - LOOK_AFAR : code;
	bool number = false, fourth = false;

	for (const unsigned char *p = at; at - p < OPERAND_BYTES && p - code >= 2; p--) {
		if (is_operand(p))
			return false;
	}
	for (; from < at; from++) {
		number |= loads_rax(from);
		fourth |= loads_r10(from);
	}
	return number && fourth;
}

/* Whether the result of the system call before @at is compared with the largest error. */
static bool checks_error(const unsigned char *at, const unsigned char *end)
{
	static const unsigned char compare[] = {0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff};

	return (size_t)(end - at) >= sizeof(compare) && memcmp(at, compare, sizeof(compare)) == 0;
}

enum loaded {
	LOADED_NOTHING,
	LOADED_OTHER,
	LOADED_WANTED,
};

/* Which numbers are loaded shortly before @at. */
static enum loaded loads_number(const unsigned char *at, const unsigned char *code,
				bool (*wanted)(long number))
{
	const unsigned char *from = at - code > LOOK_BACK ? at - LOOK_BACK : code;
	enum loaded found = LOADED_NOTHING;
	uint32_t number;

	for (const unsigned char *p = from; p + MOV_BYTES <= at; p++) {
		if (*p != MOV_EAX)
			continue;
		memcpy(&number, p + 1, sizeof(number));
		if (number >= NUMBERS)
			continue;
		if (wanted((long)number))
			return LOADED_WANTED;
		found = LOADED_OTHER;
	}
	return found;
}

bool scan_makes_calls(const unsigned char *code, const unsigned char *end,
		      bool (*wanted)(long number))
{
	const unsigned char *at = code;
	enum loaded found;

	while ((at = scan_for_syscall(at, end))) {
		found = loads_number(at, code, wanted);
		if (found == LOADED_WANTED ||
		    (found == LOADED_NOTHING &&
		     (checks_error(at + SYSCALL_BYTES, end) || number_is_variable(at, code) ||
		      arguments_are_variable(at, code))))
			return true;
		at += SYSCALL_BYTES;
	}
	return false;
}

#else

const unsigned char *scan_for_syscall(const unsigned char *code, const unsigned char *end)
{
	(void)code, (void)end;
	return NULL;
}

bool scan_makes_calls(const unsigned char *code, const unsigned char *end,
		      bool (*wanted)(long number))
{
	(void)code, (void)end, (void)wanted;
	return false;
}

#endif
