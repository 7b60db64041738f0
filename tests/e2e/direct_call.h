/* SPDX-License-Identifier: MIT */
/* A system call without the C library, as runtimes with their own make it. */
#ifndef TESTS_E2E_DIRECT_CALL_H
#define TESTS_E2E_DIRECT_CALL_H

#ifdef __x86_64__

/* 0 or more, or a negative errno. */
static inline long direct(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long rc;

	__asm__ volatile("syscall"
			 : "=a"(rc)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return rc;
}

#endif
#endif
