/* SPDX-License-Identifier: MIT */
/*
 * MemorySanitizer, in a program that is built with it, knows what instrumented code and the C
 * library's functions write, and takes everything else for uninitialised. So it is told what we
 * write into the program's memory. Cost in other programs: a load and a branch.
 */
#ifndef BASE_MSAN_H
#define BASE_MSAN_H

#include <stddef.h>

/* Of the sanitizer's runtime: there if the program has it. */
extern void __msan_unpoison(const volatile void *memory, size_t len) __attribute__((weak));

/* The program may read the @len bytes at @memory: a device or the engine has written them. */
static inline void msan_written(const void *memory, size_t len)
{
	if (__builtin_expect(__msan_unpoison != NULL, 0))
		__msan_unpoison(memory, len);
}

#endif
