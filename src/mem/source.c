/* SPDX-License-Identifier: MIT */
/*
 * Sources: creation, pinning, charging.
 *
 * Most sources are pinned whole or not at all, so pins of the whole source are a counter. Pins of
 * parts are in a map (mem/pins.h). A page has a user if either says so. A pin first makes
 * boundaries in the map, then charges, then acquires the memory: each failure undoes only the steps
 * before it.
 *
 * Invariants, under the source's lock:
 * - @in_use says whether a page has a user, because @whole is not 0 or because of @parts;
 * - a page without a user has its memory at the source's own addresses (no bus address in @parts),
 *   so there are @parts only while a pin of a part, or of the whole, is there;
 * - exactly the pages that have a user are charged.
 */
#include "mem/source.h"

#include <assert.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/observe.h"
#include "base/pool.h"
#include "mem/account.h"
#include "mem/aside.h"
#include "mem/dmabuf.h"
#include "mem/resident.h"
#include "mem/shmem.h"
#include "mem/source_internal.h"
#include "mem/unpinnable.h"

static struct pool sources = POOL_INIT(sizeof(struct mem_source));
static struct pool wide_sources = POOL_INIT(2 * sizeof(struct mem_source));

_Static_assert(sizeof(struct wide_source) <= 2 * sizeof(struct mem_source), "two cache lines");

static struct mem_source *create(struct pool *pool, struct uiommufd_caller *caller,
				 enum mem_kind kind, uint64_t start, uint64_t len, bool writable,
				 enum mem_accounting accounting)
{
	struct mem_source *source = pool_alloc(pool);

	if (!source)
		return NULL;
	ref_init(&source->refs);
	source->kind = kind & 3u;
	source->accounting = accounting & 7u;
	source->writable = writable;
	source->start = start;
	source->len = len;
	source->caller = caller_hold(caller);
	return source;
}

struct mem_source *source_create(struct uiommufd_caller *caller, enum mem_kind kind, uint64_t start,
				 uint64_t len, bool writable, enum mem_accounting accounting)
{
	struct mem_source *source =
		create(&wide_sources, caller, kind, start, len, writable, accounting);

	if (!source)
		return NULL;
	source->wide = true;
	if (accounting == MEM_ACCOUNT_USER)
		source_wide(source)->uid = caller_uid(caller);
	return source;
}

void source_destroy(struct mem_source *source)
{
	caller_drop(source->caller);
	pool_free(source->wide ? &wide_sources : &sources, source);
}

/* Whom the pages of @source are charged to in MEM_ACCOUNT_USER. */
static uint32_t source_uid(const struct mem_source *source)
{
	return source->wide ? source_wide(source)->uid : source->caller->uid;
}

int mem_source_from_va(struct uiommufd_caller *caller, uint64_t va, uint64_t len, bool writable,
		       enum mem_accounting accounting, struct mem_source **out)
{
	const bool indexed = index_enabled();
	const bool own_uid = accounting != MEM_ACCOUNT_USER || caller_uid(caller) == caller->uid;
	struct mem_source *source;

	if (indexed || !own_uid)
		source = source_create(caller, MEM_KIND_VA, va, len, writable, accounting);
	else
		source = create(&sources, caller, MEM_KIND_VA, va, len, writable, accounting);
	if (!source)
		return -ENOMEM;
	if (indexed)
		index_add(source);
	*out = source;
	return 0;
}

int mem_source_from_file(struct uiommufd_caller *caller, int fd, uint64_t start, uint64_t len,
			 bool writable, enum mem_accounting accounting, struct mem_source **out)
{
	struct mem_source *source =
		source_create(caller, MEM_KIND_FILE, start, len, writable, accounting);
	int rc;

	if (!source)
		return -ENOMEM;
	rc = caller_dup_fd(caller, fd);
	if (rc >= 0)
		rc = shmem_get(rc, &source_wide(source)->shmem);
	if (rc) {
		source_destroy(source);
		return rc;
	}
	shmem_add_source(source_shmem(source), &source_wide(source)->link);
	*out = source;
	return 0;
}

struct mem_source *mem_source_get(struct mem_source *source)
{
	ref_get(&source->refs);
	return source;
}

bool source_get_if_alive(struct mem_source *source)
{
	return ref_get_live(&source->refs);
}

void mem_source_put(struct mem_source *source)
{
	if (!source_is_private(source) && !ref_put(&source->refs))
		return;
	assert(!source->in_use && !source->parts.root);
	if (source->kind == MEM_KIND_FILE) {
		shmem_remove_source(source_shmem(source), &source_wide(source)->link);
		shmem_put(source_shmem(source));
	} else if (source->kind == MEM_KIND_DMABUF) {
		file_put(dmabuf_file(source_wide(source)->dmabuf.buf));
	} else if (source->wide) {
		index_remove(source);
	}
	source_destroy(source);
}

enum mem_kind mem_source_kind(const struct mem_source *source)
{
	return source->kind;
}

bool mem_source_writable(const struct mem_source *source)
{
	return source->writable;
}

uint64_t mem_source_len(const struct mem_source *source)
{
	return source->len;
}

uint64_t mem_source_offset(const struct mem_source *source)
{
	return source->start & PAGE_MASK;
}

uint64_t mem_source_start(const struct mem_source *source)
{
	return source->start;
}

bool mem_source_file_name(const struct mem_source *source, char *name, size_t size)
{
	return source->kind == MEM_KIND_FILE && shmem_name(source_shmem(source), name, size);
}

struct uiommufd_caller *mem_source_caller(const struct mem_source *source)
{
	return source->caller;
}

/* ---- the memory behind pages ---- */

/* @pages in pages of the file. */
static struct mem_pages file_pages(const struct mem_source *source, struct mem_pages pages)
{
	pages.first += source->start >> PAGE_SHIFT;
	return pages;
}

/* Whether the engine's process can reach all of the caller's populated memory. 0 or -EFAULT. */
static int check_reachable(struct uiommufd_caller *caller, uint64_t va, uint64_t len)
{
	while (len) {
		uint64_t bus, extent;

		if (caller_resolve(caller, va, len, &bus, &extent))
			return -EFAULT;
		va += extent;
		len -= extent;
	}
	return 0;
}

/* Acquires the memory of @pages, none of which has a user. */
static int acquire(struct mem_source *source, struct mem_pages pages) REQUIRES(source->lock)
{
	const uint64_t va = source_base(source) + (pages.first << PAGE_SHIFT);
	const uint64_t len = pages.count << PAGE_SHIFT;
	struct uiommufd_caller *caller = source->caller;
	int rc;

	source_assert_locked(source);
	if (fail_inject())
		return -EFAULT;
	/* Its pages are always resident, and live as long as the file. */
	if (source->kind == MEM_KIND_DMABUF)
		return 0;
	if (source->kind == MEM_KIND_FILE)
		return shmem_pin(source_shmem(source), file_pages(source, pages), source->writable);
	if (!caller_alive(caller))
		return -EFAULT;
	if (!(va + len))
		return -EOVERFLOW; /* [IOAS-PIN-ERRORS.8] */
	rc = caller_populate(caller, va, len, source->writable);
	if (rc == -EFAULT && caller_is_direct(caller))
		return refuse_unpinnable(va, len, source->writable, rc);
	return rc ? rc : check_reachable(caller, va, len);
}

/* Gives back the memory of @extent, which has no user any more, or has not got one. */
static void drop(struct mem_source *source, const struct pins_extent *extent) REQUIRES(source->lock)
{
	source_assert_locked(source);
	if (source->kind == MEM_KIND_FILE)
		shmem_unpin(source_shmem(source), file_pages(source, extent->pages));
	if (extent->aside)
		aside_release(extent->bus, extent->pages.count);
}

void source_lose_place(const struct mem_source *source, struct mem_pages pages)
{
	const uint64_t end = pages.first + pages.count;
	struct pins_extent extent;

	source_assert_locked(source);
	for (uint64_t page = pages.first; page < end; page += extent.pages.count) {
		extent = pins_extent_at(&source->parts, page, end);
		if (extent.aside)
			aside_release(extent.bus, extent.pages.count);
	}
}

/* The memory of a device is not charged. */
static int charge(struct mem_source *source, uint64_t pages)
{
	if (source->kind == MEM_KIND_DMABUF)
		return 0;
	return account_charge(source->caller, source_uid(source), source->accounting, pages);
}

static void uncharge(struct mem_source *source, uint64_t pages)
{
	if (source->kind != MEM_KIND_DMABUF)
		account_uncharge(source->caller, source_uid(source), source->accounting, pages);
}

/* ---- pins ---- */

static bool is_whole(const struct mem_source *source, struct mem_pages pages)
{
	const struct mem_pages all = source_pages(source);

	return pages.first == all.first && pages.count == all.count;
}

static uint64_t end_of(struct mem_pages pages)
{
	return pages.first + pages.count;
}

/* The next pin of @pages, which have moved, is one of what is at their own addresses. */
static void return_home(struct mem_source *source, struct mem_pages pages) REQUIRES(source->lock)
{
	source_assert_locked(source);
	source_set_bus(source, pages, 0, false);
	if (source->kind == MEM_KIND_VA && !index_has(source, INDEX_OWN))
		index_add(source);
}

/*
 * Drops the pages of [@pages.first, @end) that have no user, and returns how many. The source is
 * not pinned as a whole.
 */
static uint64_t drop_unused(struct mem_source *source, struct mem_pages pages, uint64_t end)
	REQUIRES(source->lock)
{
	uint64_t dropped = 0;
	struct pins_extent extent;

	source_assert_locked(source);
	assert(!source->whole);
	for (uint64_t page = pages.first; page < end; page += extent.pages.count) {
		extent = pins_extent_at(&source->parts, page, end);
		if (extent.users)
			continue;
		drop(source, &extent);
		if (extent.bus)
			return_home(source, extent.pages);
		dropped += extent.pages.count;
	}
	return dropped;
}

/* How many of @pages have no user. */
static uint64_t count_unused(const struct mem_source *source, struct mem_pages pages)
	REQUIRES(source->lock)
{
	struct pins_extent extent;
	uint64_t count = 0;

	source_assert_locked(source);
	for (uint64_t page = pages.first; !source->whole && page < end_of(pages);
	     page += extent.pages.count) {
		extent = pins_extent_at(&source->parts, page, end_of(pages));
		count += extent.users ? 0 : extent.pages.count;
	}
	return count;
}

/* Acquires those of @pages that have no user, or none. */
static int acquire_all(struct mem_source *source, struct mem_pages pages) REQUIRES(source->lock)
{
	struct pins_extent extent;

	source_assert_locked(source);
	for (uint64_t page = pages.first; page < end_of(pages); page += extent.pages.count) {
		int rc;

		extent = pins_extent_at(&source->parts, page, end_of(pages));
		if (extent.users)
			continue;
		rc = acquire(source, extent.pages);
		if (rc) {
			(void)drop_unused(source, pages, page);
			return rc;
		}
	}
	return 0;
}

enum {
	PROBED_PAGES = 512
};

/*
 * Charges and acquires those of @pages that have no user; *@fresh is how many. What exceeds the
 * limit does not become resident first. Memory that is bad as well is reported as such, as far as
 * looking at it is cheap.
 */
static int acquire_unused(struct mem_source *source, struct mem_pages pages, uint64_t *fresh)
	REQUIRES(source->lock)
{
	int rc, bad = 0;

	source_assert_locked(source);
	*fresh = count_unused(source, pages);
	if (!*fresh)
		return 0;
	rc = charge(source, *fresh);
	if (rc && *fresh > PROBED_PAGES)
		return rc;
	bad = acquire_all(source, pages);
	if (!rc && bad)
		uncharge(source, *fresh);
	else if (rc && !bad)
		(void)drop_unused(source, pages, end_of(pages));
	return bad ? bad : rc;
}

/* After pins have changed, of which @change pages got or lost their users. */
static void note_use(struct mem_source *source, int64_t change) REQUIRES(source->lock)
{
	const bool in_use = source->whole || source->parts.root;

	source_assert_locked(source);
	observe_pins(change);
	if (in_use != atomic_load_explicit(&source->in_use, memory_order_relaxed))
		atomic_store_explicit(&source->in_use, in_use, memory_order_release);
}

void mem_source_prefetch(const struct mem_source *source)
{
	if (source_is_local(source) && !atomic_load_explicit(&source->in_use, memory_order_relaxed))
		resident_prefetch(source_base(source), source_pages(source).count << PAGE_SHIFT);
}

static int pin_locked(struct mem_source *source, struct mem_pages pages) REQUIRES(source->lock)
{
	const bool whole = is_whole(source, pages);
	uint64_t fresh;
	int rc;

	source_assert_locked(source);
	if (!whole && pins_cut(&source->parts, pages))
		return -ENOMEM;
	rc = acquire_unused(source, pages, &fresh);
	if (rc) {
		if (!whole)
			pins_tidy(&source->parts, pages);
		return rc;
	}
	if (whole)
		source->whole++;
	else
		pins_add(&source->parts, pages);
	note_use(source, (int64_t)fresh);
	return 0;
}

int mem_source_pin(struct mem_source *source, struct mem_pages pages)
{
	bool private;
	int rc;

	assert(pages.count && end_of(pages) <= source_pages(source).count);
	private = source_enter(source);
	rc = pin_locked(source, pages);
	source_leave(source, private);
	return rc;
}

void mem_source_unpin(struct mem_source *source, struct mem_pages pages)
{
	uint64_t dropped = 0;
	bool private;

	private = source_enter(source);
	if (is_whole(source, pages)) {
		assert(source->whole);
		source->whole--;
	} else {
		pins_sub(&source->parts, pages);
	}
	if (!source->whole)
		dropped = drop_unused(source, pages, end_of(pages));
	pins_tidy(&source->parts, pages);
	note_use(source, -(int64_t)dropped);
	if (dropped)
		uncharge(source, dropped);
	source_leave(source, private);
}

int mem_source_split(struct mem_source *source, struct mem_pages pages, uint64_t count)
{
	const struct mem_pages low = {.first = pages.first, .count = count};
	const struct mem_pages high = {.first = pages.first + count, .count = pages.count - count};
	const bool whole = is_whole(source, pages);
	int rc = -ENOMEM;

	source_lock(source);
	if (pins_cut(&source->parts, low))
		goto out;
	if (pins_cut(&source->parts, high)) {
		pins_tidy(&source->parts, low);
		goto out;
	}
	pins_add(&source->parts, low);
	pins_add(&source->parts, high);
	if (whole)
		source->whole--;
	else
		pins_sub(&source->parts, pages);
	rc = 0;
out:
	source_unlock(source);
	return rc;
}

bool mem_source_pinned(struct mem_source *source, struct mem_pages pages)
{
	struct pins_extent extent;
	bool pinned = true;

	source_lock(source);
	for (uint64_t page = pages.first; !source->whole && pinned && page < end_of(pages);
	     page += extent.pages.count) {
		extent = pins_extent_at(&source->parts, page, end_of(pages));
		pinned = extent.users;
	}
	source_unlock(source);
	return pinned;
}

const char *source_check(struct mem_source *source)
{
	const uint64_t end = source_pages(source).count;
	const char *broken = NULL;
	struct pins_extent extent;
	bool in_use = false;

	source_lock(source);
	for (uint64_t page = 0; page < end; page += extent.pages.count) {
		extent = pins_extent_at(&source->parts, page, end);
		if (source->whole || extent.users)
			in_use = true;
		else if (extent.bus)
			broken = "a page without a user has moved";
	}
	if (in_use != source->in_use)
		broken = "whether a page is pinned";
	source_unlock(source);
	return broken;
}

uint64_t mem_source_pinned_pages(struct mem_source *source)
{
	const struct mem_pages all = source_pages(source);
	uint64_t pages;

	source_lock(source);
	pages = all.count - (source->in_use ? count_unused(source, all) : all.count);
	source_unlock(source);
	return pages;
}

/* ---- bus addresses ---- */

/* Where the owner's address @va is on the bus; nowhere if it cannot be reached. */
static void resolve(const struct mem_source *source, uint64_t va, uint64_t len, uint64_t *bus,
		    uint64_t *extent)
{
	if (!caller_resolve(source->caller, va, len, bus, extent))
		return;
	*bus = 0;
	*extent = min_u64(len, PAGE_SIZE - (va & PAGE_MASK));
}

/* Where @part, of which @byte is in the first page, is, and how much of it is contiguous. */
static void part_extent(const struct mem_source *source, const struct pins_extent *part,
			uint64_t byte, uint64_t *bus, uint64_t *extent)
{
	const uint64_t len = (part->pages.count << PAGE_SHIFT) - (byte & PAGE_MASK);

	if (part->aside) {
		*bus = part->bus + (byte & PAGE_MASK);
		*extent = len;
	} else if (source->kind == MEM_KIND_FILE) {
		shmem_extent(source_shmem(source), source_base(source) + byte, len, bus, extent);
	} else {
		resolve(source, source_extent_address(source, part) + (byte & PAGE_MASK), len, bus,
			extent);
	}
}

void source_extent_locked(const struct mem_source *source, uint64_t byte, uint64_t len,
			  uint64_t *bus, uint64_t *extent)
{
	const uint64_t end = ((byte + len - 1) >> PAGE_SHIFT) + 1;
	uint64_t start = 0, span = 0, at, more;

	source_assert_locked(source);
	while (span < len) {
		struct pins_extent part =
			pins_extent_at(&source->parts, (byte + span) >> PAGE_SHIFT, end);

		part_extent(source, &part, byte + span, &at, &more);
		if (!span)
			start = at;
		else if (at != start + span)
			break;
		span += more;
	}
	*bus = start;
	*extent = min_u64(len, span);
}

void mem_source_extent(struct mem_source *source, uint64_t byte, uint64_t len, uint64_t *bus,
		       uint64_t *extent)
{
	if (source->kind == MEM_KIND_DMABUF) {
		*bus = (uint64_t)(uintptr_t)dmabuf_memory(source_wide(source)->dmabuf.buf) +
		       source_base(source) + byte;
		*extent = len;
	} else if (source->kind == MEM_KIND_VA &&
		   !atomic_load_explicit(&source->moved, memory_order_acquire)) {
		/* If it moves meanwhile, the tables are redirected when the caller is done. */
		resolve(source, source_base(source) + byte, len, bus, extent);
	} else {
		source_lock(source);
		source_extent_locked(source, byte, len, bus, extent);
		source_unlock(source);
	}
}

bool mem_source_has_moved(struct mem_source *source, uint64_t byte)
{
	struct pins_extent part;

	if (!atomic_load_explicit(&source->moved, memory_order_acquire))
		return false;
	source_lock(source);
	part = pins_extent_at(&source->parts, byte >> PAGE_SHIFT, (byte >> PAGE_SHIFT) + 1);
	source_unlock(source);
	return part.bus;
}

/* ---- CHANGE_PROCESS ---- */

int mem_source_charge_to(struct mem_source *source, struct uiommufd_caller *caller)
{
	uint64_t pages = mem_source_pinned_pages(source);

	if (caller == source->caller)
		return 0;
	source_wide(source)->heir_uid = caller_uid(caller);
	return pages ? account_charge(caller, source_wide(source)->heir_uid, source->accounting,
				      pages)
		     : 0;
}

void mem_source_uncharge_from(struct mem_source *source, struct uiommufd_caller *caller)
{
	uint64_t pages = mem_source_pinned_pages(source);

	if (caller != source->caller && pages)
		account_uncharge(caller, source_wide(source)->heir_uid, source->accounting, pages);
}

void mem_source_move(struct mem_source *source, struct uiommufd_caller *caller)
{
	struct uiommufd_caller *former = source->caller;
	struct wide_source *wide;
	uint32_t former_uid;

	if (caller == former)
		return;
	wide = source_wide(source);
	source_lock(source);
	former_uid = wide->uid;
	source->caller = caller_hold(caller);
	wide->uid = wide->heir_uid;
	wide->heir_uid = former_uid;
	source_unlock(source);
	caller_drop(former);
}
