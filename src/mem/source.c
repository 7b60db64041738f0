/* SPDX-License-Identifier: MIT */
/*
 * Sources: creation, pinning, charging.
 *
 * Most sources are pinned whole, or not at all: a counter. Pins of parts are in a map besides
 * (mem/pins.h), and a page has a user if either says so. What a pin needs is got in this order, so
 * that a failure has nothing but the steps before it to undo: boundaries in the map, the memory,
 * the charge.
 */
#include "mem/source.h"

#include <assert.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/pool.h"
#include "mem/account.h"
#include "mem/aside.h"
#include "mem/dmabuf.h"
#include "mem/shmem.h"
#include "mem/source_internal.h"

static struct pool sources = POOL_INIT(sizeof(struct mem_source));

struct mem_source *source_create(struct uiommufd_caller *caller, enum mem_kind kind, uint64_t start,
				 uint64_t len, bool writable, enum mem_accounting accounting)
{
	struct mem_source *source = pool_alloc(&sources);

	if (!source)
		return NULL;
	atomic_init(&source->refs, 1);
	source->kind = (uint8_t)kind;
	source->accounting = (uint8_t)accounting;
	source->writable = writable;
	source->start = start;
	source->len = len;
	source->caller = uiommufd_caller_get(caller);
	if (accounting == MEM_ACCOUNT_USER)
		source->uid = caller_uid(caller);
	return source;
}

void source_free(struct mem_source *source)
{
	uiommufd_caller_put(source->caller);
	pool_free(&sources, source);
}

int mem_source_from_va(struct uiommufd_caller *caller, uint64_t va, uint64_t len, bool writable,
		       enum mem_accounting accounting, struct mem_source **out)
{
	struct mem_source *source =
		source_create(caller, MEM_KIND_VA, va, len, writable, accounting);

	if (!source)
		return -ENOMEM;
	if (index_enabled() && source_is_local(source))
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
		rc = shmem_open(rc, &source->shmem);
	if (rc) {
		source_free(source);
		return rc;
	}
	*out = source;
	return 0;
}

struct mem_source *mem_source_get(struct mem_source *source)
{
	uint32_t refs = atomic_fetch_add_explicit(&source->refs, 1, memory_order_relaxed);

	assert(refs);
	(void)refs;
	return source;
}

bool source_get_if_alive(struct mem_source *source)
{
	uint32_t refs = atomic_load_explicit(&source->refs, memory_order_relaxed);

	while (refs) {
		if (atomic_compare_exchange_weak_explicit(&source->refs, &refs, refs + 1,
							  memory_order_acquire,
							  memory_order_relaxed))
			return true;
	}
	return false;
}

void mem_source_put(struct mem_source *source)
{
	if (atomic_fetch_sub_explicit(&source->refs, 1, memory_order_acq_rel) != 1)
		return;
	assert(!source->pinned && !source->parts.root);
	if (source->kind == MEM_KIND_FILE)
		shmem_put(source->shmem);
	else if (source->kind == MEM_KIND_DMABUF)
		file_put(dmabuf_file(source->dmabuf.buf));
	else
		index_remove(source);
	source_free(source);
}

void *mem_source_room(struct mem_source *source)
{
	return source->room;
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
	return source->kind == MEM_KIND_FILE && shmem_name(source->shmem, name, size);
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

/* Whether the engine's process can see all of populated memory of another one. */
static int check_reachable(struct uiommufd_caller *caller, uint64_t va, uint64_t len)
{
	while (len) {
		uint64_t bus, run;

		if (caller_resolve(caller, va, len, &bus, &run))
			return -EFAULT;
		va += run;
		len -= run;
	}
	return 0;
}

/* Gets the memory of @pages, none of which has a user. */
static int acquire(struct mem_source *source, struct mem_pages pages)
{
	const uint64_t va = source_base(source) + (pages.first << PAGE_SHIFT);
	const uint64_t len = pages.count << PAGE_SHIFT;
	struct uiommufd_caller *caller = source->caller;
	int rc;

	if (fail_inject())
		return -EFAULT;
	/* Always there, and until the file is gone. */
	if (source->kind == MEM_KIND_DMABUF)
		return 0;
	if (source->kind == MEM_KIND_FILE)
		return shmem_pin(source->shmem, file_pages(source, pages), source->writable);
	if (!caller_alive(caller))
		return -EFAULT;
	if (!(va + len))
		return -EOVERFLOW; /* [IOAS-PIN-ERRORS.8] */
	rc = caller_populate(caller, va, len, source->writable);
	return rc ? rc : check_reachable(caller, va, len);
}

/* Gives back the memory of @run, which has no user any more, or did not get one. */
static void drop(struct mem_source *source, const struct pins_run *run)
{
	if (source->kind == MEM_KIND_FILE)
		shmem_unpin(source->shmem, file_pages(source, run->pages));
	else if (run->aside)
		aside_release(run->bus, run->pages.count);
}

/* A device's memory is nobody's. */
static int charge(struct mem_source *source, uint64_t pages)
{
	if (source->kind == MEM_KIND_DMABUF)
		return 0;
	return account_charge(source->caller, source->uid, source->accounting, pages);
}

static void uncharge(struct mem_source *source, uint64_t pages)
{
	if (source->kind != MEM_KIND_DMABUF)
		account_uncharge(source->caller, source->uid, source->accounting, pages);
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

/*
 * Drops the pages of [@pages.first, @end) that no part has a user for. Returns how many. The whole
 * has no user.
 */
static uint64_t drop_unused(struct mem_source *source, struct mem_pages pages, uint64_t end)
{
	uint64_t dropped = 0;
	struct pins_run run;

	for (uint64_t page = pages.first; page < end; page += run.pages.count) {
		run = pins_run_at(&source->parts, page, end);
		if (run.users)
			continue;
		drop(source, &run);
		if (run.bus)
			pins_set_bus(&source->parts, run.pages, 0, false);
		dropped += run.pages.count;
	}
	return dropped;
}

/* Gets and charges the pages of @pages that have no user; *@fresh is how many. */
static int acquire_unused(struct mem_source *source, struct mem_pages pages, uint64_t *fresh)
{
	uint64_t page = pages.first;
	struct pins_run run;
	int rc = 0;

	*fresh = 0;
	if (source->whole)
		return 0;
	for (; page < end_of(pages); page += run.pages.count) {
		run = pins_run_at(&source->parts, page, end_of(pages));
		if (run.users)
			continue;
		rc = acquire(source, run.pages);
		if (rc)
			break;
		*fresh += run.pages.count;
	}
	if (!rc && *fresh)
		rc = charge(source, *fresh);
	if (rc)
		(void)drop_unused(source, pages, page);
	return rc;
}

static void set_pinned(struct mem_source *source, uint64_t pinned)
{
	atomic_store_explicit(&source->pinned, pinned, memory_order_release);
}

static int pin_locked(struct mem_source *source, struct mem_pages pages)
{
	const bool whole = is_whole(source, pages);
	uint64_t fresh;
	int rc;

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
	set_pinned(source, source->pinned + fresh);
	return 0;
}

int mem_source_pin(struct mem_source *source, struct mem_pages pages)
{
	int rc;

	assert(pages.count && end_of(pages) <= source_pages(source).count);
	mem_lock(&source->lock);
	rc = pin_locked(source, pages);
	mem_unlock(&source->lock);
	return rc;
}

void mem_source_unpin(struct mem_source *source, struct mem_pages pages)
{
	uint64_t dropped = 0;

	mem_lock(&source->lock);
	if (is_whole(source, pages)) {
		assert(source->whole);
		source->whole--;
	} else {
		pins_sub(&source->parts, pages);
	}
	if (!source->whole)
		dropped = drop_unused(source, pages, end_of(pages));
	pins_tidy(&source->parts, pages);
	set_pinned(source, source->pinned - dropped);
	if (dropped)
		uncharge(source, dropped);
	mem_unlock(&source->lock);
}

int mem_source_split(struct mem_source *source, struct mem_pages pages, uint64_t count)
{
	const struct mem_pages low = {.first = pages.first, .count = count};
	const struct mem_pages high = {.first = pages.first + count, .count = pages.count - count};
	const bool whole = is_whole(source, pages);
	int rc = -ENOMEM;

	mem_lock(&source->lock);
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
	mem_unlock(&source->lock);
	return rc;
}

bool mem_source_pinned(struct mem_source *source, struct mem_pages pages)
{
	struct pins_run run;
	bool pinned = true;

	mem_lock(&source->lock);
	for (uint64_t page = pages.first; !source->whole && pinned && page < end_of(pages);
	     page += run.pages.count) {
		run = pins_run_at(&source->parts, page, end_of(pages));
		pinned = run.users;
	}
	mem_unlock(&source->lock);
	return pinned;
}

uint64_t mem_source_pinned_pages(struct mem_source *source)
{
	return atomic_load_explicit(&source->pinned, memory_order_acquire);
}

/* ---- bus addresses ---- */

/* A part may have been moved aside. */
void source_run_local(const struct mem_source *source, uint64_t byte, uint64_t len, uint64_t *bus,
		      uint64_t *run)
{
	const uint64_t end = ((byte + len - 1) >> PAGE_SHIFT) + 1;
	uint64_t page = byte >> PAGE_SHIFT;
	struct pins_run part = pins_run_at(&source->parts, page, end);
	const uint64_t start = source_run_address(source, &part);

	*bus = start + (byte & PAGE_MASK);
	do {
		page += part.pages.count;
		if (page == end)
			break;
		part = pins_run_at(&source->parts, page, end);
	} while (source_run_address(source, &part) ==
		 start + ((page - (byte >> PAGE_SHIFT)) << PAGE_SHIFT));
	*run = min_u64(len, (page << PAGE_SHIFT) - byte);
}

void mem_source_run(struct mem_source *source, uint64_t byte, uint64_t len, uint64_t *bus,
		    uint64_t *run)
{
	struct uiommufd_caller *caller = source->caller;

	if (source->kind == MEM_KIND_FILE) {
		shmem_run(source->shmem, source_base(source) + byte, len, bus, run);
	} else if (source->kind == MEM_KIND_DMABUF) {
		*bus = (uint64_t)(uintptr_t)dmabuf_memory(source->dmabuf.buf) +
		       source_base(source) + byte;
		*run = len;
	} else if (!caller_is_direct(caller)) {
		if (caller_resolve(caller, source_base(source) + byte, len, bus, run)) {
			*bus = 0;
			*run = min_u64(len, PAGE_SIZE - (byte & PAGE_MASK));
		}
	} else {
		mem_lock(&source->lock);
		source_run_local(source, byte, len, bus, run);
		mem_unlock(&source->lock);
	}
}

/* ---- CHANGE_PROCESS ---- */

int mem_source_charge_to(struct mem_source *source, struct uiommufd_caller *caller)
{
	uint64_t pages = mem_source_pinned_pages(source);

	if (caller == source->caller)
		return 0;
	source->heir_uid = caller_uid(caller);
	return pages ? account_charge(caller, source->heir_uid, source->accounting, pages) : 0;
}

void mem_source_uncharge_from(struct mem_source *source, struct uiommufd_caller *caller)
{
	uint64_t pages = mem_source_pinned_pages(source);

	if (caller != source->caller && pages)
		account_uncharge(caller, source->heir_uid, source->accounting, pages);
}

void mem_source_move(struct mem_source *source, struct uiommufd_caller *caller)
{
	struct uiommufd_caller *former = source->caller;
	const uint32_t former_uid = source->uid;

	/* To the owner: nothing. */
	if (caller == former)
		return;
	mem_lock(&source->lock);
	source->caller = uiommufd_caller_get(caller);
	source->uid = source->heir_uid;
	source->heir_uid = former_uid;
	mem_unlock(&source->lock);
	uiommufd_caller_put(former);
}
