/* SPDX-License-Identifier: MIT */
/*
 * What the library itself calls: the C library, and nothing that stands in front of it.
 *
 * A program may bring functions of its own for those of the C library: a sanitizer's runtime, an
 * allocator. They watch what the program does with its memory and threads. Were ours to go through
 * them, ThreadSanitizer would report races between our threads, whose synchronisation it does not
 * see, MemorySanitizer that we read what we have not initialised, and LeakSanitizer our objects.
 */
#ifndef PRELOAD_START_BIND_H
#define PRELOAD_START_BIND_H

/*
 * Lets the library's calls reach the C library directly. Those by REAL() are not affected: they are
 * the program's calls, and continue to whatever follows.
 *
 * Context: when the library is loaded, not while the program's allocator runs: it may allocate.
 * Idempotent; errno stays as it is.
 */
void bind_to_libc(void);

#endif
