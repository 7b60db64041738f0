/* SPDX-License-Identifier: MIT */
/*
 * Every allocation of the engine. Memory is zeroed; any of them can be made to fail (base/fail.h).
 *
 * The memory is the engine's own, not that of the C library's allocator. The engine runs in the
 * middle of any call of the program, and the program's allocator may be what has made the call,
 * with its lock held: it takes memory away, in which pages may be pinned. So allocating here is
 * possible anywhere where the engine may run. In builds with a sanitizer it is the C library's
 * after all, so that the sanitizer sees each object.
 *
 * Cost: O(1) and a lock that is rarely contended (base/pool.h); a system call or four from 32 KiB
 * on.
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/sanitized_build.h"

#ifdef BASE_SANITIZER
#define ALLOC_BY_LIBC
#endif

/* @size zeroed bytes, or NULL. Free with alloc_free(). */
void *alloc_zeroed(size_t size);

/* The same at a multiple of @align, a power of two of at most 64. */
void *alloc_aligned(size_t align, size_t size);

/*
 * A zeroed array of @count elements of @size bytes. NULL also from 2 GiB on, as in the kernel: the
 * program chooses @count, and the system would promise any amount of memory that is never touched.
 */
void *alloc_array(size_t count, size_t size);

/*
 * Grows or shrinks an array from alloc_array() to @count elements of @size bytes; new elements are
 * not zeroed. @count is not 0. NULL leaves the old array as it was.
 */
void *alloc_resize(void *array, size_t count, size_t size);

/*
 * Gives the addresses back that are reserved for what may come, all but a few. What comes when
 * these are used up may be anywhere.
 */
void alloc_trim(void);

/*
 * The program has locked all of its memory (mlockall(2)): what is reserved, and what is allocated
 * from now on, is not its own.
 */
void alloc_unlock(void);

/* NULL is allowed. */
void alloc_free(void *memory);

/*
 * @size zeroed bytes, a power of two of at least a page, aligned to their size, or NULL. @huge:
 * huge pages if the system has them. Free with chunk_free().
 */
void *chunk_alloc(size_t size, bool huge);
void chunk_free(void *chunk, size_t size);

/*
 * Gives the memory of a chunk back, but not its addresses, from which zeros are read. False: the
 * system refuses, and the chunk is what it was, except that parts of it may be zeroed.
 */
bool chunk_empty(void *chunk, size_t size);

/* Makes it what chunk_alloc() returns. False: there is no memory, and it stays empty. */
bool chunk_refill(void *chunk, size_t size, bool huge);

#endif
