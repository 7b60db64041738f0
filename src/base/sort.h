/* SPDX-License-Identifier: MIT */
/*
 * Sorting without memory: the C library's qsort() may call the allocator, in the middle of which
 * the program may be when it takes memory away.
 */
#ifndef BASE_SORT_H
#define BASE_SORT_H

#include <stddef.h>

/*
 * Sorts @count elements of @size bytes, at most 64. @compare is as for qsort(). Not stable;
 * O(n log n).
 */
void sort(void *array, size_t count, size_t size, int (*compare)(const void *a, const void *b));

#endif
