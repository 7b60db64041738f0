/* SPDX-License-Identifier: MIT */
/*
 * Injected failures of system calls that we make ourselves, in builds with assertions: the n-th one
 * that may fail returns an errno instead of being made. UIOMMUFD_FAIL_CALL=N,ERRNO in the
 * environment of a program under the preload chooses it; a line tells that it was reached.
 */
#ifndef BASE_FAIL_CALL_H
#define BASE_FAIL_CALL_H

#include <stdbool.h>

#ifndef NDEBUG
extern bool fail_call_armed;

/* Counts down; true: the system call @number fails now with *@result. For sys_call() only. */
bool fail_call_hit(long number, long *result);

/* Reads the environment. */
void fail_call_init(void);

static inline bool fail_call_inject(long number, long *result)
{
	return __builtin_expect(fail_call_armed, 0) && fail_call_hit(number, result);
}
#else
static inline void fail_call_init(void)
{
}

static inline bool fail_call_inject(long number, long *result)
{
	(void)number, (void)result;
	return false;
}
#endif

#endif
