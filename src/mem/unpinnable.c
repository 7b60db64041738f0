/* SPDX-License-Identifier: MIT */
/* The list of mappings is looked at after the failure: it may have changed since. */
#include "mem/unpinnable.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/last_error.h"
#include "mem/maps.h"

#define LOW_HALF UINT64_C(0xffffffff)
#define SMALL	 UINT64_C(0x100000)

struct look {
	uint64_t va, end; /* end: of the range */
	bool write;
	uint64_t next;	/* the first address that is not known to be fine */
	bool hole;	/* at next nothing is mapped */
	uint64_t meant; /* an address that is mapped, and equal to next in its low half; 0: none */
	bool lacking;	/* the mapping at next lacks a right: */
	bool readable;
	char name[256]; /* longer ones are cut */
	bool traps;	/* part of it is something that the program has mapped and that traps: */
	char what[64];
};

static bool (*namer)(uint64_t va, char *text, size_t size);

void unpinnable_set_namer(bool (*name)(uint64_t va, char *text, size_t size))
{
	namer = name;
}

/* An address inside @entry with the low half of @va, or 0. */
static uint64_t with_low_half(const struct maps_entry *entry, uint64_t va)
{
	uint64_t address = (entry->start & ~LOW_HALF) | (va & LOW_HALF);

	if (address < entry->start)
		address += LOW_HALF + 1;
	return address < entry->end ? address : 0;
}

/*
 * Whether @va looks like what is left of a pointer that went through 32 bits. Small numbers are
 * offsets of NULL: something is mapped at the beginning of some 4 GiB often enough.
 */
static bool is_truncated(uint64_t va)
{
	return (va >= SMALL && va <= LOW_HALF) || va >= ~UINT64_C(0) << 31;
}

static bool visit(const struct maps_entry *entry, void *arg)
{
	struct look *look = arg;

	if (!look->hole && !look->lacking && look->next < look->end && entry->end > look->next) {
		if (entry->start > look->next) {
			look->hole = true;
		} else if (!entry->readable || (look->write && !entry->writable)) {
			look->lacking = true;
			look->readable = entry->readable;
			snprintf(look->name, sizeof(look->name), "%s", entry->name);
		} else {
			look->next = entry->end;
		}
	}
	if (namer && !look->traps && entry->start < look->end && entry->end > look->va)
		look->traps =
			namer(max_u64(entry->start, look->va), look->what, sizeof(look->what));
	if (!look->meant && is_truncated(look->va))
		look->meant = with_low_half(entry, look->va);
	return true;
}

int refuse_unpinnable(uint64_t va, uint64_t len, bool write, int error)
{
	struct look look = {.va = va, .end = va + len, .write = write, .next = va};

	if (maps_for_each(visit, &look))
		return error;
	if (look.traps)
		return refuse(error,
			      "the memory at 0x%" PRIx64 " is %s: an iommufd maps it by a dma-buf "
			      "(VFIO_DEVICE_FEATURE_DMA_BUF and IOMMU_IOAS_MAP_FILE)",
			      va, look.what);
	if (look.lacking)
		return refuse_mistake(error,
				      "the memory at 0x%" PRIx64 "%s%s is not %s, and the mapping "
				      "needs that",
				      look.next, look.name[0] ? ", of " : "", look.name,
				      look.readable ? "writable" : "readable");
	if (look.next >= look.end)
		return refuse(error, "the memory 0x%" PRIx64 "-0x%" PRIx64 " cannot be pinned", va,
			      va + len - 1);
	if (look.next == va && look.meant)
		return refuse_mistake(error,
				      "user_va 0x%" PRIx64
				      " is not mapped in this process; 0x%" PRIx64
				      " is, and differs in bits above 31 only",
				      va, look.meant);
	return refuse_mistake(error,
			      "nothing is mapped in this process at 0x%" PRIx64 ", %" PRIu64
			      " bytes into the memory",
			      look.next, look.next - va);
}
