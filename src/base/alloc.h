/* SPDX-License-Identifier: MIT */
/*
 * Every allocation of the engine. Memory is zeroed; any of them can be made to fail (base/fail.h).
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* @size zeroed bytes, or NULL. Free with alloc_free(). */
void *alloc_zeroed(size_t size);

/* The same at a multiple of @align, a power of two. */
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

/* NULL is allowed. */
void alloc_free(void *memory);

/*
 * The functions behind these, instead of those that the program calls by the same names. All of one
 * allocator; before the first allocation.
 */
struct alloc_functions {
	void *(*calloc)(size_t count, size_t size);
	void *(*realloc)(void *memory, size_t size);
	int (*memalign)(void **memory, size_t align, size_t size);
	void (*free)(void *memory);
};

void alloc_use(const struct alloc_functions *functions);

/*
 * @size zeroed bytes, a power of two of at least a page, aligned to their size, or NULL. @huge:
 * huge pages if the system has them. Free with chunk_free().
 */
void *chunk_alloc(size_t size, bool huge);
void chunk_free(void *chunk, size_t size);

#endif
