/* SPDX-License-Identifier: MIT */
/*
 * A list of pieces in no order, as programs map only a few BARs. The pieces that are left of one
 * mmap share its origin.
 *
 * Invariants:
 * - a piece is not empty;
 * - an origin counts its pieces, and has at least one while it is in the list;
 * - mappings.count is the length of the list.
 *
 * mappings.lock guards all of it. Memory comes from the kernel, as the program's allocator may
 * itself be in the middle of a munmap.
 *
 * Cost: a search of the list; one load while it is empty.
 */
#include "preload/process/mapping.h"

#include <assert.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/lock.h"
#include "preload/process/defer.h"
#include "preload/start/real.h"

/* What one mmap of the program made. */
struct mapped_by {
	struct description *desc; /* a reference */
	struct file_mapping map;
	unsigned int pieces;
	bool settled; /* all of it traps, for ever */
	union item *next_gone;
};

struct piece {
	uint64_t start, end;
	uint64_t offset; /* of the file, less the address: the same for all of a piece */
	union item *origin;
	union item *next;
};

/* Items are recycled, never given back to the kernel. */
union item {
	struct mapped_by origin;
	struct piece piece;
	union item *next_free;
};

enum {
	BLOCK_BYTES = 65536
};

static struct {
	struct lock lock;
	union item *pieces;
	union item *free;
	_Atomic unsigned int count;
	_Atomic uint64_t low, high; /* all pieces that have ever been are in [low, high) */
	union item disks; /* the origin of all shared mappings of files on disks; never gone */
} mappings = {
	.lock = LOCK_INIT(LOCK_MAPPING),
	.disks = {.origin = {.pieces = 1}},
	.low = UINT64_MAX,
};

static void take_lock(void) ACQUIRES(mappings.lock)
{
	assert(defer_active());
	lock_acquire(&mappings.lock);
}

/* Not analysed, here and below: held from one to the other, across the fork. */
void mapping_lock(void) NO_LOCK_ANALYSIS
{
	take_lock();
}

void mapping_unlock(void) NO_LOCK_ANALYSIS
{
	lock_release(&mappings.lock);
}

bool mapping_any(void)
{
	return atomic_load_explicit(&mappings.count, memory_order_relaxed) != 0;
}

static uint64_t page_align(uint64_t len)
{
	return (len + PAGE_MASK) & ~PAGE_MASK;
}

bool mapping_may_touch(uint64_t start, uint64_t len)
{
	return mapping_any() &&
	       start < atomic_load_explicit(&mappings.high, memory_order_relaxed) &&
	       start + page_align(len) > atomic_load_explicit(&mappings.low, memory_order_relaxed);
}

/* ---- items ---- */

static void item_free(union item *item) REQUIRES(mappings.lock)
{
	lock_assert_held(&mappings.lock);
	item->next_free = mappings.free;
	mappings.free = item;
}

static void add_block(void) REQUIRES(mappings.lock)
{
	void *block;

	lock_assert_held(&mappings.lock);
	block = chunk_alloc(BLOCK_BYTES, false);
	if (!block)
		return;
	for (size_t i = 0; i < BLOCK_BYTES / sizeof(union item); i++)
		item_free((union item *)block + i);
}

static union item *item_alloc(void) REQUIRES(mappings.lock)
{
	union item *item;

	lock_assert_held(&mappings.lock);
	if (!mappings.free)
		add_block();
	item = mappings.free;
	if (item)
		mappings.free = item->next_free;
	return item;
}

/* ---- pieces ---- */

static int piece_add(uint64_t start, uint64_t end, uint64_t offset, union item *origin)
	REQUIRES(mappings.lock)
{
	union item *item;

	lock_assert_held(&mappings.lock);
	assert(start < end);
	item = item_alloc();
	if (!item)
		return -ENOMEM;
	item->piece = (struct piece){
		.start = start,
		.end = end,
		.offset = offset,
		.origin = origin,
		.next = mappings.pieces,
	};
	if (start < mappings.low)
		atomic_store_explicit(&mappings.low, start, memory_order_relaxed);
	if (end > mappings.high)
		atomic_store_explicit(&mappings.high, end, memory_order_relaxed);
	mappings.pieces = item;
	origin->origin.pieces++;
	atomic_fetch_add_explicit(&mappings.count, 1, memory_order_relaxed);
	return 0;
}

/* Unlinks the piece that *@link points to. With its last piece, the origin goes to *@gone. */
static void piece_remove(union item **link, union item **gone) REQUIRES(mappings.lock)
{
	union item *item = *link;
	union item *origin = item->piece.origin;

	lock_assert_held(&mappings.lock);
	assert(origin->origin.pieces);
	*link = item->piece.next;
	item_free(item);
	atomic_fetch_sub_explicit(&mappings.count, 1, memory_order_relaxed);
	if (--origin->origin.pieces == 0) {
		assert(origin != &mappings.disks);
		origin->origin.next_gone = *gone;
		*gone = origin;
	}
}

/* Takes [@start, @end) out of the piece that *@link points to. Returns the link to go on with. */
static union item **piece_cut(union item **link, uint64_t start, uint64_t end, union item **gone)
	REQUIRES(mappings.lock)
{
	struct piece *piece = &(*link)->piece;

	lock_assert_held(&mappings.lock);
	if (start <= piece->start && piece->end <= end) {
		piece_remove(link, gone);
		return link;
	}
	if (piece->start < start && end < piece->end) {
		/*
		 * Without memory for the upper half, the whole piece stays: its file lives longer
		 * than it should, which does no harm.
		 */
		if (piece_add(end, piece->end, piece->offset, piece->origin) == 0)
			piece->end = start;
	} else if (piece->start < start) {
		piece->end = start;
	} else {
		piece->start = end;
	}
	return &piece->next;
}

/* Closes the mappings of @gone, without the lock: a file's operations run. */
static void close_gone(union item *gone)
{
	while (gone) {
		union item *item = gone;
		struct mapped_by *origin = &item->origin;

		gone = origin->next_gone;
		if (origin->map.closed)
			origin->map.closed(origin->map.cookie);
		description_put(origin->desc);
		take_lock();
		item_free(item);
		lock_release(&mappings.lock);
	}
}

/* ---- what the program does ---- */

static int add(uint64_t start, uint64_t len, struct description *desc,
	       const struct file_mapping *map, bool open) REQUIRES(mappings.lock)
{
	union item *origin;
	int rc;

	lock_assert_held(&mappings.lock);
	origin = item_alloc();
	if (!origin)
		return -ENOMEM;
	origin->origin = (struct mapped_by){.desc = desc, .map = *map, .settled = !open};
	rc = piece_add(start, start + page_align(len), map->offset - start, origin);
	if (rc)
		item_free(origin);
	return rc;
}

int mapping_add(uint64_t start, uint64_t len, struct description *desc,
		const struct file_mapping *map, bool open)
{
	int rc;

	take_lock();
	rc = add(start, len, desc, map, open);
	lock_release(&mappings.lock);
	return rc;
}

void mapping_remove(uint64_t start, uint64_t len)
{
	const uint64_t end = start + page_align(len);
	union item *gone = NULL;
	union item **link;

	if (!mapping_may_touch(start, len))
		return;
	take_lock();
	link = &mappings.pieces;
	while (*link) {
		if (start < (*link)->piece.end && (*link)->piece.start < end)
			link = piece_cut(link, start, end, &gone);
		else
			link = &(*link)->piece.next;
	}
	lock_release(&mappings.lock);
	close_gone(gone);
}

void mapping_copy(uint64_t from, uint64_t to, uint64_t len)
{
	if (!mapping_may_touch(from, len))
		return;
	take_lock();
	for (union item *item = mappings.pieces; item; item = item->piece.next) {
		const struct piece *piece = &item->piece;

		if (from < piece->start || piece->end <= from)
			continue;
		/* Without memory the new addresses stay unknown. */
		(void)piece_add(to, to + page_align(len), piece->offset + from - to, piece->origin);
		break;
	}
	lock_release(&mappings.lock);
}

/* The piece at @addr, if accesses to it trap, or NULL. */
static const struct piece *trapping_piece(uint64_t addr) REQUIRES(mappings.lock)
{
	lock_assert_held(&mappings.lock);
	for (const union item *item = mappings.pieces; item; item = item->piece.next)
		if (item->piece.start <= addr && addr < item->piece.end)
			return item->piece.origin->origin.map.trap ? &item->piece : NULL;
	return NULL;
}

bool mapping_find_trap(uint64_t addr, struct mapping_trap *trap)
{
	const struct piece *piece;

	if (!mapping_any())
		return false;
	take_lock();
	piece = trapping_piece(addr);
	if (piece) {
		const struct mapped_by *origin = &piece->origin->origin;

		*trap = (struct mapping_trap){
			.desc = description_get(origin->desc),
			.ops = origin->map.trap,
			.cookie = origin->map.cookie,
			.offset = addr + piece->offset,
			.left = piece->end - addr,
		};
	}
	lock_release(&mappings.lock);
	return piece;
}

bool mapping_name_trap(uint64_t addr, char *text, size_t size)
{
	const struct piece *piece;

	if (!mapping_any())
		return false;
	take_lock();
	piece = trapping_piece(addr);
	if (piece) {
		const struct file_mapping *map = &piece->origin->origin.map;

		map->trap->name(map->cookie, addr + piece->offset, text, size);
	}
	lock_release(&mappings.lock);
	return piece;
}

/* ---- parts that are memory for a while ---- */

/*
 * A mapping of an empty file, of which each access traps; and of no file. Made once: a descriptor
 * of ours that came and went at any time could be mistaken for one of the program.
 */
static uint8_t *empty_page(void) REQUIRES(mappings.lock)
{
	static uint8_t *page;
	long fd, rc;

	lock_assert_held(&mappings.lock);
	if (page)
		return page;
	fd = SYS(SYS_memfd_create, "vfio-region", MFD_CLOEXEC);
	if (fd < 0)
		return NULL;
	rc = SYS(SYS_mmap, NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	SYS(SYS_close, fd);
	page = rc < 0 ? NULL : (uint8_t *)rc;
	return page;
}

/* Without a length, mremap() maps what is there a second time, in place of what was at @addr. */
static bool map_again(void *what, uint64_t len, uint64_t addr)
{
	return SYS(SYS_mremap, what, 0, len, MREMAP_MAYMOVE | MREMAP_FIXED, addr) >= 0;
}

void mapping_prepare_switch(void)
{
	take_lock();
	(void)empty_page();
	lock_release(&mappings.lock);
}

bool mapping_switch(const void *cookie, uint64_t offset, uint64_t len, void *memory)
{
	uint8_t *empty;
	bool done = true;

	take_lock();
	empty = empty_page();
	for (union item *item = mappings.pieces; item && empty; item = item->piece.next) {
		const struct piece *piece = &item->piece;
		const struct mapped_by *origin = &piece->origin->origin;
		const uint64_t from = max_u64(offset, piece->start + piece->offset);
		const uint64_t to = min_u64(offset + len, piece->end + piece->offset);

		if (!origin->map.trap || origin->map.cookie != cookie || origin->settled ||
		    from >= to)
			continue;
		done &= map_again(memory ? (uint8_t *)memory + (from - offset) : empty, to - from,
				  from - piece->offset);
	}
	lock_release(&mappings.lock);
	return done;
}

void mapping_settle(uint64_t start, uint64_t len)
{
	const uint64_t end = start + page_align(len);
	uint8_t *empty;

	if (!mapping_may_touch(start, len))
		return;
	take_lock();
	empty = empty_page();
	for (union item *item = mappings.pieces; item && empty; item = item->piece.next) {
		const struct piece *piece = &item->piece;
		struct mapped_by *origin = &piece->origin->origin;

		if (!origin->map.trap || origin->settled || end <= piece->start ||
		    piece->end <= start)
			continue;
		origin->settled = true;
		/* All pieces of it: they share the state. */
		for (union item *other = mappings.pieces; other; other = other->piece.next)
			if (other->piece.origin == piece->origin)
				(void)map_again(empty, other->piece.end - other->piece.start,
						other->piece.start);
	}
	lock_release(&mappings.lock);
}

/* ---- files on disks ---- */

void mapping_add_disk(uint64_t start, uint64_t len)
{
	take_lock();
	(void)piece_add(start, start + page_align(len), 0, &mappings.disks);
	lock_release(&mappings.lock);
}

/* ---- parts of a range ---- */

/* The lowest part of [@start, @start + @len) in a mapping of a disk, or in one that traps. */
static bool find_part(uint64_t start, uint64_t len, bool of_disk, uint64_t *from, uint64_t *to)
{
	bool found = false;

	if (!mapping_any())
		return false;
	take_lock();
	for (union item *item = mappings.pieces; item; item = item->piece.next) {
		const struct piece *piece = &item->piece;
		const bool wanted = of_disk ? piece->origin == &mappings.disks
					    : piece->origin->origin.map.trap != NULL;
		const uint64_t begin = max_u64(start, piece->start);
		const uint64_t end = min_u64(start + len, piece->end);

		if (!wanted || begin >= end || (found && begin > *from))
			continue;
		*from = begin;
		*to = end;
		found = true;
	}
	lock_release(&mappings.lock);
	return found;
}

bool mapping_find_disk(uint64_t start, uint64_t len, uint64_t *from, uint64_t *to)
{
	return find_part(start, len, true, from, to);
}

bool mapping_find_trapping(uint64_t start, uint64_t len, uint64_t *from, uint64_t *to)
{
	return find_part(start, len, false, from, to);
}

void mapping_check(void)
{
	unsigned int count = 0;

	take_lock();
	for (union item *item = mappings.pieces; item; item = item->piece.next) {
		const union item *origin = item->piece.origin;
		unsigned int pieces = origin == &mappings.disks; /* which is never gone */

		for (union item *other = mappings.pieces; other; other = other->piece.next)
			pieces += other->piece.origin == origin;
		assert(item->piece.start < item->piece.end);
		assert(origin->origin.pieces == pieces);
		(void)pieces;
		count++;
	}
	assert(count == mappings.count);
	(void)count;
	lock_release(&mappings.lock);
}
