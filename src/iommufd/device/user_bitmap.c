/* SPDX-License-Identifier: MIT */
/* Bitmaps in the caller's memory. Cost: two copies per page of the bitmap that has new bits. */
#include "iommufd/device/user_bitmap.h"

#include <string.h>

#include "base/caller.h"
#include "base/check.h"

void user_bitmap_init(struct user_bitmap *bitmap, struct uiommufd_caller *caller, uint64_t uaddr,
		      uint64_t iova, unsigned int shift)
{
	*bitmap = (struct user_bitmap){
		.caller = caller,
		.uaddr = uaddr,
		.iova = iova,
		.shift = shift,
		.low = sizeof(bitmap->bits),
	};
}

/* ORs @count bytes of the window into the caller's memory, where they lie in one page. */
static void bitmap_merge(const struct user_bitmap *bitmap, uint64_t at, uint64_t count)
{
	uint8_t merged[sizeof(bitmap->bits)];
	const uint64_t uaddr = bitmap->uaddr + bitmap->window + at;

	if (caller_read(bitmap->caller, merged, uaddr, count))
		return;
	for (uint64_t i = 0; i < count; i++)
		merged[i] |= bitmap->bits[at + i];
	(void)caller_write(bitmap->caller, uaddr, merged, count);
}

void user_bitmap_flush(struct user_bitmap *bitmap)
{
	/* Page by page: one that cannot be accessed must not lose the bits of the others. */
	for (uint64_t at = bitmap->low; at < bitmap->high;) {
		const uint64_t offset = (bitmap->uaddr + bitmap->window + at) & PAGE_MASK;
		const uint64_t count = min_u64(bitmap->high - at, PAGE_SIZE - offset);

		bitmap_merge(bitmap, at, count);
		at += count;
	}
	if (bitmap->high > bitmap->low)
		memset(bitmap->bits + bitmap->low, 0, bitmap->high - bitmap->low);
	bitmap->low = sizeof(bitmap->bits);
	bitmap->high = 0;
}

/* Moves the window so that it contains @byte, and returns the index of @byte in it. */
static uint64_t bitmap_seek(struct user_bitmap *bitmap, uint64_t byte)
{
	if (byte < bitmap->window || byte - bitmap->window >= sizeof(bitmap->bits)) {
		user_bitmap_flush(bitmap);
		bitmap->window = byte;
	}
	return byte - bitmap->window;
}

static void bitmap_set(struct user_bitmap *bitmap, uint64_t first, uint64_t last)
{
	while (first <= last) {
		uint64_t at = bitmap_seek(bitmap, first / 8);
		uint64_t end = min_u64(last, first | 7);
		unsigned int mask = (0xffu << (first % 8)) & (0xffu >> (7 - end % 8));

		bitmap->bits[at] |= (uint8_t)mask;
		bitmap->low = min_u64(bitmap->low, at);
		bitmap->high = max_u64(bitmap->high, at + 1);
		first = end + 1;
	}
}

void user_bitmap_report(struct iova_range dirty, void *arg)
{
	struct user_bitmap *bitmap = arg;
	const uint64_t first = (dirty.start - bitmap->iova) >> bitmap->shift;
	const uint64_t last = (dirty.last - bitmap->iova) >> bitmap->shift;
	const uint64_t at = first / 8 - bitmap->window;

	/* The usual case: one page, not far above the last one. */
	if (first == last && at >= bitmap->low && at < sizeof(bitmap->bits)) {
		bitmap->bits[at] |= (uint8_t)(1u << (first % 8));
		bitmap->high = max_u64(bitmap->high, at + 1);
		return;
	}
	bitmap_set(bitmap, first, last);
}
