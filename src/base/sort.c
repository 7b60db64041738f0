/* SPDX-License-Identifier: MIT */
/* Heap sort: in place, and never quadratic. */
#include "base/sort.h"

#include <assert.h>
#include <string.h>

enum {
	SIZE_MAX_BYTES = 64
};

static void swap(char *a, char *b, size_t size)
{
	char kept[SIZE_MAX_BYTES];

	memcpy(kept, a, size);
	memcpy(a, b, size);
	memcpy(b, kept, size);
}

void sort(void *array, size_t count, size_t size, int (*compare)(const void *a, const void *b))
{
	size_t start = count / 2, end = count;
	char *base = array;

	assert(size <= SIZE_MAX_BYTES);
	while (end > 1) {
		size_t parent, child;

		/* First the array becomes a heap; then its greatest element goes to the end. */
		if (start)
			start--;
		else
			swap(base, base + --end * size, size);
		for (parent = start; (child = 2 * parent + 1) < end; parent = child) {
			if (child + 1 < end &&
			    compare(base + child * size, base + (child + 1) * size) < 0)
				child++;
			if (compare(base + parent * size, base + child * size) >= 0)
				break;
			swap(base + parent * size, base + child * size, size);
		}
	}
}
