/* SPDX-License-Identifier: MIT */
/*
 * DIRTY_PAGES, and the bitmaps that it and UNMAP_DMA fill [TYPE1-DIRTY].
 *
 * Every device of a container masters the bus by itself, and its IOMMU is not asked what it has
 * written: while tracking is on each mapped page is dirty, whenever a program asks
 * [TYPE1-DIRTY-PAGES.1]. So there is nothing to record.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <uiommufd/vfio.h>

#include "base/caller.h"
#include "base/check.h"
#include "base/last_error.h"
#include "vfio/type1.h"
#include "vfio/vfio_internal.h"

/* Bits of a word of a bitmap, and its bytes. */
enum {
	WORD_BITS = 64,
	WORD_BYTES = 8
};

/* Where the addresses of a program end. */
#if defined(__x86_64__)
#define USER_END ((UINT64_C(1) << 47) - PAGE_SIZE)
#else
#define USER_END (UINT64_C(1) << 48)
#endif

#define BITMAP_BYTES_MAX (UINT64_C(1) << 28)

/* Pages of a mapping for which there can be a bitmap. */
#define DIRTY_PAGES_MAX ((UINT64_C(1) << 31) - 1)

/* ---- bitmaps ---- */

static int refuse_size(const struct type1_bitmap *bitmap, uint64_t pages)
{
	return refuse_mistake(-EINVAL,
			      "the bitmap has %" PRIu64 " bytes for %" PRIu64 " pages of 0x%" PRIx64
			      " bytes",
			      bitmap->bytes, pages, bitmap->page_size);
}

int type1_bitmap_check(const struct type1_bitmap *bitmap, uint64_t len)
{
	uint64_t pages, end;

	if (check_add(bitmap->data, bitmap->bytes, &end) || end > USER_END)
		return refuse_mistake(-EINVAL, "the bitmap is at no address of a program");
	pages = bitmap->page_size ? len / lowest_bit(bitmap->page_size) : 0;
	if (!pages || !bitmap->bytes || bitmap->bytes > BITMAP_BYTES_MAX)
		return refuse_size(bitmap, pages);
	if (bitmap->bytes / WORD_BYTES < pages / WORD_BITS + (pages % WORD_BITS != 0))
		return refuse_size(bitmap, pages);
	return 0;
}

/* The bits [@from, @to) of a word, of 0 to 64. */
static uint64_t word_of(uint64_t from, uint64_t to)
{
	const uint64_t low = ~UINT64_C(0) << from;

	return to < WORD_BITS ? low & ~(~UINT64_C(0) << to) : low;
}

int type1_bitmap_put(const struct type1_bitmap *bitmap, struct iova_range mapping)
{
	const uint64_t first = (mapping.start - bitmap->iova) / bitmap->page_size;
	const uint64_t shift = first % WORD_BITS;
	/* Bits from the beginning of the first word on. */
	uint64_t left = shift + (mapping.last - mapping.start) / bitmap->page_size + 1;
	uint64_t at = bitmap->data + first / WORD_BITS * WORD_BYTES;
	uint64_t words[64], kept = 0;

	/* A word that the mapping does not begin keeps all that the program has in it. */
	if (shift && caller_read(bitmap->caller, &kept, at, sizeof(kept)))
		return refuse_memory("the bitmap", at, sizeof(kept));
	kept |= word_of(shift, left);
	while (left) {
		size_t count = 0;

		for (; left && count < sizeof(words) / sizeof(words[0]); count++) {
			words[count] = word_of(0, left);
			left -= min_u64(left, WORD_BITS);
		}
		if (kept)
			words[0] = kept;
		kept = 0;
		if (caller_write(bitmap->caller, at, words, count * WORD_BYTES))
			return refuse_memory("the bitmap", at, count * WORD_BYTES);
		at += count * WORD_BYTES;
	}
	return 0;
}

/* ---- DIRTY_PAGES ---- */

static long start(struct type1 *type1) REQUIRES(type1->lock)
{
	const uint64_t page = lowest_bit(type1_page_sizes(type1));
	struct iova_range rest = IOVA_RANGE_ALL, mapping;

	while (!type1->dirty && type1_next_in(type1, &rest, &mapping)) {
		if ((mapping.last - mapping.start) / page >= DIRTY_PAGES_MAX)
			return refuse(-EINVAL,
				      "the mapping 0x%" PRIx64 "-0x%" PRIx64
				      " is too large for a bitmap",
				      mapping.start, mapping.last);
	}
	type1->dirty = true;
	return 0;
}

/* Writes the bits of all mappings in @range. */
static int put_range(struct type1 *type1, const struct type1_bitmap *bitmap,
		     struct iova_range range) REQUIRES(type1->lock)
{
	struct iova_range mapping;
	int rc;

	while (type1_next_in(type1, &range, &mapping)) {
		rc = type1_bitmap_put(bitmap, mapping);
		if (rc)
			return rc;
	}
	return 0;
}

/* [TYPE1-DIRTY-GET.4..11] */
static long get(struct type1 *type1, struct uiommufd_caller *caller, uint64_t arg,
		const struct vfio_iommu_type1_dirty_bitmap *request) REQUIRES(type1->lock)
{
	const uint64_t page = lowest_bit(type1_page_sizes(type1));
	struct vfio_iommu_type1_dirty_bitmap_get asked;
	struct type1_bitmap bitmap;
	struct iova_range range;
	int rc;

	if (request->argsz < sizeof(*request) + sizeof(asked))
		return refuse_argsz(request->argsz, sizeof(*request) + sizeof(asked));
	if (caller_read(caller, &asked, arg + sizeof(*request), sizeof(asked)))
		return refuse_memory("the range", arg + sizeof(*request), sizeof(asked));
	if (!asked.size)
		return refuse_mistake(-EINVAL, "size is 0");
	range.start = asked.iova;
	if (check_last(asked.iova, asked.size, &range.last))
		return refuse_mistake(-EOVERFLOW, "iova and size wrap around");
	bitmap = (struct type1_bitmap){
		.caller = caller,
		.iova = asked.iova,
		.page_size = asked.bitmap.pgsize,
		.bytes = asked.bitmap.size,
		.data = (uintptr_t)asked.bitmap.data,
	};
	rc = type1_bitmap_check(&bitmap, asked.size);
	if (rc)
		return rc;
	if (bitmap.page_size != page || !is_aligned(asked.iova | asked.size, page))
		return refuse_mistake(
			-EINVAL,
			"iova, size and pgsize must be multiples of a page, and pgsize "
			"one: 0x%" PRIx64,
			page);
	if (!type1->dirty)
		return refuse_mistake(-EINVAL, "dirty pages are not being logged: "
					       "VFIO_IOMMU_DIRTY_PAGES_FLAG_START comes first");
	if (type1_cuts_start(type1, range) || type1_cuts_last(type1, range))
		return refuse_mistake(-EINVAL, "the range cuts a mapping");
	return put_range(type1, &bitmap, range);
}

long type1_dirty_pages(struct type1 *type1, struct uiommufd_caller *caller, uint64_t arg)
{
	struct vfio_iommu_type1_dirty_bitmap request;

	lock_assert_held(&type1->lock);
	if (!type1->v2)
		return refuse(-EACCES, "dirty pages are logged with VFIO_TYPE1v2_IOMMU only");
	if (caller_read(caller, &request, arg, sizeof(request)))
		return refuse_memory("the argument", arg, sizeof(request));
	if (request.argsz < sizeof(request))
		return refuse_argsz(request.argsz, sizeof(request));
	switch (request.flags) {
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_START:
		return start(type1);
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP:
		type1->dirty = false;
		return 0;
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP:
		return get(type1, caller, arg, &request);
	default:
		return refuse_mistake(-EINVAL, "flags 0x%x: one of START, STOP and GET_BITMAP",
				      request.flags);
	}
}
