/* SPDX-License-Identifier: MIT */
/* The inside of a source, for the files of mem/ only. */
#ifndef MEM_SOURCE_INTERNAL_H
#define MEM_SOURCE_INTERNAL_H

#include <assert.h>
#include <stddef.h>

#include "base/caller.h"
#include "base/check.h"
#include "base/ref.h"
#include "base/small_lock.h"
#include "mem/index.h"
#include "mem/pins.h"
#include "mem/source.h"

struct dmabuf;
struct shmem;

/* What every source has, in one cache line with its owner's data. */
struct mem_source {
	struct ref refs;
	uint8_t kind : 2;	/* enum mem_kind */
	uint8_t accounting : 3; /* enum mem_accounting */
	bool writable : 1;
	bool wide : 1;		 /* it is a struct wide_source */
	_Atomic uint8_t indexed; /* enum index_presence; only of a wide one */
	_Atomic bool in_use;	 /* a page has a user; written under the lock */
	_Atomic bool moved;	 /* a page may be elsewhere (@parts), or has been; likewise */
	struct uiommufd_caller *caller; /* held; changes by CHANGE_PROCESS */
	uint64_t start, len;		/* address, or offset in the file, of the first byte */

	struct small_lock lock; /* guards what follows, but not a link, which is the index's */
	uint32_t whole;		/* pins of the whole source */
	struct pins parts;	/* pins of parts, and what was moved aside */
	uint64_t owner_data[MEM_SOURCE_OWNER_SIZE / sizeof(uint64_t)];
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct mem_source) == 64, "a cache line");
_Static_assert(offsetof(struct mem_source, owner_data) == MEM_SOURCE_OWNER_OFFSET,
	       "mem_source_owner_data() relies on it");

/*
 * A source of a file or a dma-buf; of addresses, if the index knows it or it is charged to a user
 * that is not its caller's own.
 */
struct wide_source {
	struct mem_source source;
	union {
		struct shmem *shmem; /* MEM_KIND_FILE: a reference */
		struct {
			struct dmabuf *buf;  /* a reference of its file */
			uint64_t generation; /* that it was made in */
		} dmabuf;
	};
	struct index_link
		link; /* of addresses: the index's; of a file: in the list of its sources */
	struct index_link *places; /* the index's */
	uint32_t uid;		   /* charged in MEM_ACCOUNT_USER: the caller's when it mapped */
	uint32_t heir_uid;	   /* the other side of a move: will be charged, or was before */
};

static inline struct wide_source *source_wide(const struct mem_source *source)
{
	assert(source->wide);
	return (struct wide_source *)source;
}

/* The source whose link is @link. */
static inline struct mem_source *source_of_link(struct index_link *link)
{
	return (struct mem_source *)(void *)((char *)link - offsetof(struct wide_source, link));
}

static inline struct shmem *source_shmem(const struct mem_source *source)
{
	return source_wide(source)->shmem;
}

static inline void source_lock(struct mem_source *source) ACQUIRES(source->lock)
{
	small_lock_acquire(&source->lock, LOCK_SOURCE);
}

/* For several sources at once. Only one thread at a time does that: mem/displace.c. */
static inline void source_lock_nested(struct mem_source *source) ACQUIRES(source->lock)
{
	small_lock_acquire_nested(&source->lock, LOCK_SOURCE);
}

static inline void source_unlock(struct mem_source *source) RELEASES(source->lock)
{
	small_lock_release(&source->lock, LOCK_SOURCE);
}

/*
 * Whether no other thread can reach @source, to which the caller leads by the only reference: that
 * of an area that is under construction, removed, or in a map whose lock the caller holds. What is
 * not wide is in no index or list, so every way to it goes by such a reference.
 */
static inline bool source_is_private(const struct mem_source *source)
{
	return !source->wide && ref_is_sole(&source->refs);
}

/* source_lock(), or nothing if the source is private. Returns what source_leave() wants. */
static inline bool source_enter(struct mem_source *source) ACQUIRES(source->lock) NO_LOCK_ANALYSIS
{
	const bool private = source_is_private(source);

	if (private)
		small_lock_forgo(&source->lock, LOCK_SOURCE);
	else
		source_lock(source);
	return private;
}

static inline void source_leave(struct mem_source *source, bool private)
	RELEASES(source->lock) NO_LOCK_ANALYSIS
{
	if (private)
		small_lock_forgo_end(&source->lock, LOCK_SOURCE);
	else
		source_unlock(source);
}

static inline void source_assert_locked(const struct mem_source *source) ASSERTS_HELD(source->lock)
{
	small_lock_assert_held(&source->lock, LOCK_SOURCE);
}

/* All pages. */
static inline struct mem_pages source_pages(const struct mem_source *source)
{
	uint64_t bytes = (source->start & PAGE_MASK) + source->len;

	return (struct mem_pages){.first = 0,
				  .count = (bytes >> PAGE_SHIFT) + !!(bytes & PAGE_MASK)};
}

/* Address (or offset in the file) of page 0. */
static inline uint64_t source_base(const struct mem_source *source)
{
	return align_down(source->start, PAGE_SIZE);
}

/* Address of the last byte of the last page. */
static inline uint64_t source_last(const struct mem_source *source)
{
	return (source->start + source->len - 1) | PAGE_MASK;
}

/*
 * Address of the first page of @extent, of a source of addresses: the owner's, unless it is aside.
 */
static inline uint64_t source_extent_address(const struct mem_source *source,
					     const struct pins_extent *extent)
{
	return extent->bus ? extent->bus
			   : source_base(source) + (extent->pages.first << PAGE_SHIFT);
}

/* True if bus addresses are the program's own addresses: the memory is this process's. */
static inline bool source_is_local(const struct mem_source *source)
{
	return source->kind == MEM_KIND_VA && caller_is_direct(source->caller);
}

/*
 * True if pages may be moved aside: in the memory of a program that is indexed, or of a file that
 * the engine maps.
 */
static inline bool source_may_move(const struct mem_source *source)
{
	return source->kind == MEM_KIND_FILE ||
	       (source->kind == MEM_KIND_VA && (source->wide || source_is_local(source)));
}

/*
 * Records that @pages of @source are at @bus now (mem/pins.h). Before the tables are redirected:
 * the lock of each IOAS orders this before what mem_source_extent() says afterwards.
 */
static inline void source_set_bus(struct mem_source *source, struct mem_pages pages, uint64_t bus,
				  bool aside) REQUIRES(source->lock)
{
	source_assert_locked(source);
	atomic_store_explicit(&source->moved, true, memory_order_release);
	pins_set_bus(&source->parts, pages, bus, aside);
}

/*
 * Like mem_source_extent(), for a source that may move.
 */
void source_extent_locked(const struct mem_source *source, uint64_t byte, uint64_t len,
			  uint64_t *bus, uint64_t *extent) REQUIRES(source->lock);

/*
 * A wide source of @kind with one reference; the creator fills in its memory. NULL: no memory.
 */
struct mem_source *source_create(struct uiommufd_caller *caller, enum mem_kind kind, uint64_t start,
				 uint64_t len, bool writable, enum mem_accounting accounting);
void source_destroy(struct mem_source *source);

/*
 * Those of @pages that are aside, if any, are about to be recorded elsewhere: ends the source's
 * hold on them.
 */
void source_lose_place(const struct mem_source *source, struct mem_pages pages)
	REQUIRES(source->lock);

/* For tests: the first invariant (source.c) that does not hold, or NULL. O(number of parts). */
const char *source_check(struct mem_source *source);

/* Takes a reference unless the last one is gone (then false). */
bool source_get_if_alive(struct mem_source *source);

#endif
