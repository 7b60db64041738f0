/* SPDX-License-Identifier: MIT */
/* Finding system calls in machine code (x86-64). */
#ifndef PRELOAD_TRAP_SCAN_H
#define PRELOAD_TRAP_SCAN_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The first syscall instruction, or bytes that look like one, in [@code, @end); NULL: none. Reads
 * about 10 GB/s.
 */
const unsigned char *scan_for_syscall(const unsigned char *code, const unsigned char *end);

/* The instructions right before a syscall instruction that a jump may replace. */
struct scan_site {
	const unsigned char *start; /* whole instructions from here on, up to the syscall */
	long number;		    /* that is called, or SCAN_ANY_NUMBER */
	size_t first;		    /* bytes of the first of them */
};

#define SCAN_ANY_NUMBER (-1L) /* it comes from a register, as in syscall(3) */

enum {
	SCAN_JUMP = 5,	   /* bytes of a jump, the least of a site */
	SCAN_LONGEST = 16, /* bytes of the longest site */
};

/*
 * Finds the site of the syscall instruction at @at, in code that begins at @code. The instructions
 * of a site do not depend on where they are. False: none is recognised.
 */
bool scan_site_before(const unsigned char *at, const unsigned char *code, struct scan_site *site);

/*
 * Whether [@code, @end) makes system calls: there is a syscall instruction whose number, loaded
 * shortly before it, is one that @wanted wants, or comes from a register. Bytes that only look like
 * an instruction are almost never preceded by such a one.
 */
bool scan_makes_calls(const unsigned char *code, const unsigned char *end,
		      bool (*wanted)(long number));

#endif
