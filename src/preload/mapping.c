/* SPDX-License-Identifier: MIT */
/*
 * A list of pieces in no order: programs map a few BARs. The pieces that are left of one mmap share
 * its origin, which counts them.
 */
#include "preload/mapping.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/sys.h"
#include "preload/engine.h"

/* What one mmap of the program made. */
struct origin {
	struct description *desc;
	struct file_mapping map;
	unsigned int pieces;
	union item *next_gone;
};

struct piece {
	uint64_t start, end;
	uint64_t offset; /* of the file, less the address: the same for all of a piece */
	union item *origin;
	union item *next;
};

union item {
	struct origin origin;
	struct piece piece;
	union item *next_free;
};

enum {
	BLOCK_BYTES = 65536
};

/* What shared mappings of files on disks have in common; never without a piece. */
static union item disks = {.origin = {.pieces = 1}};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static union item *pieces;
static union item *free_items;
static _Atomic unsigned int piece_count;

void mapping_lock(void)
{
	pthread_mutex_lock(&lock);
}

void mapping_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

bool mapping_any(void)
{
	return atomic_load_explicit(&piece_count, memory_order_relaxed) != 0;
}

static uint64_t page_align(uint64_t len)
{
	return (len + PAGE_MASK) & ~PAGE_MASK;
}

/* Caller holds the lock, here and below. */
static void item_free(union item *item)
{
	item->next_free = free_items;
	free_items = item;
}

static union item *item_alloc(void)
{
	void *block = NULL;
	union item *item;

	if (!free_items && !sys_mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &block)) {
		for (size_t i = 0; i < BLOCK_BYTES / sizeof(*item); i++)
			item_free((union item *)block + i);
	}
	item = free_items;
	if (item)
		free_items = item->next_free;
	return item;
}

static int piece_add(uint64_t start, uint64_t end, uint64_t offset, union item *origin)
{
	union item *item = item_alloc();

	if (!item)
		return -ENOMEM;
	item->piece = (struct piece){
		.start = start, .end = end, .offset = offset, .origin = origin, .next = pieces};
	pieces = item;
	origin->origin.pieces++;
	atomic_fetch_add_explicit(&piece_count, 1, memory_order_relaxed);
	return 0;
}

/* Unlinks the piece that *@link points to. Its origin goes to *@gone if that was the last one. */
static void piece_remove(union item **link, union item **gone)
{
	union item *item = *link;
	union item *origin = item->piece.origin;

	*link = item->piece.next;
	item_free(item);
	atomic_fetch_sub_explicit(&piece_count, 1, memory_order_relaxed);
	if (--origin->origin.pieces == 0) {
		origin->origin.next_gone = *gone;
		*gone = origin;
	}
}

/* Tells the files of origins without pieces. Without the lock. */
static void finish(union item *gone)
{
	struct engine_call call;

	while (gone) {
		union item *origin = gone;

		gone = origin->origin.next_gone;
		engine_enter(&call);
		if (origin->origin.map.closed)
			origin->origin.map.closed(origin->origin.map.cookie);
		description_put(origin->origin.desc);
		engine_leave(&call);
		mapping_lock();
		item_free(origin);
		mapping_unlock();
	}
}

int mapping_add(uint64_t start, uint64_t len, struct description *desc,
		const struct file_mapping *map)
{
	union item *origin;
	int rc = -ENOMEM;

	mapping_lock();
	origin = item_alloc();
	if (origin) {
		origin->origin = (struct origin){.desc = desc, .map = *map};
		rc = piece_add(start, start + page_align(len), map->offset - start, origin);
		if (rc)
			item_free(origin);
	}
	mapping_unlock();
	return rc;
}

/* Takes [@start, @end) out of the piece *@link; returns the link to go on with. */
static union item **piece_cut(union item **link, uint64_t start, uint64_t end, union item **gone)
{
	struct piece *piece = &(*link)->piece;

	if (start <= piece->start && piece->end <= end) {
		piece_remove(link, gone);
		return link;
	}
	if (piece->start < start && end < piece->end) {
		/* Without memory for the upper half, the whole stays: the file lives longer than
		 * it should, and no harm is done. */
		if (!piece_add(end, piece->end, piece->offset, piece->origin))
			piece->end = start;
	} else if (piece->start < start) {
		piece->end = start;
	} else {
		piece->start = end;
	}
	return &piece->next;
}

void mapping_remove(uint64_t start, uint64_t len)
{
	uint64_t end = start + page_align(len);
	union item *gone = NULL;
	union item **link;

	mapping_lock();
	link = &pieces;
	while (*link) {
		if (start < (*link)->piece.end && (*link)->piece.start < end)
			link = piece_cut(link, start, end, &gone);
		else
			link = &(*link)->piece.next;
	}
	mapping_unlock();
	finish(gone);
}

void mapping_copy(uint64_t from, uint64_t to, uint64_t len)
{
	mapping_lock();
	for (union item *item = pieces; item; item = item->piece.next) {
		if (item->piece.start <= from && from < item->piece.end) {
			/* Without memory: as above. */
			(void)piece_add(to, to + page_align(len), item->piece.offset + from - to,
					item->piece.origin);
			break;
		}
	}
	mapping_unlock();
}

void mapping_add_disk(uint64_t start, uint64_t len)
{
	mapping_lock();
	(void)piece_add(start, start + page_align(len), 0, &disks);
	mapping_unlock();
}

bool mapping_find_disk(uint64_t start, uint64_t len, uint64_t *from, uint64_t *to)
{
	bool found = false;

	if (!mapping_any())
		return false;
	mapping_lock();
	for (union item *item = pieces; item && !found; item = item->piece.next) {
		const struct piece *piece = &item->piece;

		*from = max_u64(start, piece->start);
		*to = min_u64(start + len, piece->end);
		found = piece->origin == &disks && *from < *to;
	}
	mapping_unlock();
	return found;
}

bool mapping_find_trap(uint64_t addr, struct mapping_trap *trap)
{
	bool found = false;

	if (!mapping_any())
		return false;
	mapping_lock();
	for (union item *item = pieces; item && !found; item = item->piece.next) {
		const struct piece *piece = &item->piece;
		const struct origin *origin = &piece->origin->origin;

		found = origin->map.trap && piece->start <= addr && addr < piece->end;
		if (found)
			*trap = (struct mapping_trap){
				.desc = description_get(origin->desc),
				.ops = origin->map.trap,
				.cookie = origin->map.cookie,
				.offset = addr + piece->offset,
				.room = piece->end - addr,
			};
	}
	mapping_unlock();
	return found;
}
