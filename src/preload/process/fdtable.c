/* SPDX-License-Identifier: MIT */
/*
 * Slots by descriptor, in chunks, and descriptions in blocks.
 *
 * Invariants:
 * - neither chunks nor blocks are ever given back;
 * - a description in a slot has a reference, the slot's;
 * - an item without references is being filled, being emptied, or free; or `closing`.
 *
 * A slot has `closing` while its descriptor is being closed: look-ups wait for that, as they would
 * find the placeholder of the file that is gone.
 *
 * So a look-up needs no lock. A description that a reader found in a slot may be closed and become
 * another one before the reader has its reference, but it is memory of this type at any time. The
 * reader takes a reference only while there is one, and then looks at the slot again: if the
 * description is still in it, that is what the descriptor stands for.
 */
#include "preload/process/fdtable.h"

#include <assert.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/ref.h"
#include "preload/start/real.h"
#include "trace/events.h"

enum {
	CHUNK_SLOTS = 1024,
	CHUNKS = 1024, /* 2^20 descriptors, the kernel's default limit of fs.nr_open */
	BLOCK_ITEMS = 256,
	BLOCKS = 256,
};

struct item {
	struct description description; /* the first member: item_of() */
	struct ref refs;
	_Atomic bool used; /* claimed; cleared when the description is empty again */
};

struct slot {
	_Atomic(struct item *) item;
	_Atomic unsigned char hint;
};

static struct item closing;

/* Most programs never need another. */
static struct slot first_chunk[CHUNK_SLOTS];
static _Atomic(struct slot *) chunks[CHUNKS] = {first_chunk};
static _Atomic(struct item *) blocks[BLOCKS];

/* Where the search for a free item begins. */
static _Atomic unsigned int next_item;

/* The memory of @size bytes at *@place, mapped on first use; NULL without memory. */
static void *fill_place(_Atomic(void *) *place, size_t size)
{
	void *memory = atomic_load_explicit(place, memory_order_acquire);
	void *expected = NULL;
	long rc;

	if (memory)
		return memory;
	rc = SYS(SYS_mmap, NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (rc < 0)
		return NULL;
	if (atomic_compare_exchange_strong(place, &expected, (void *)rc))
		return (void *)rc;
	SYS(SYS_munmap, rc, size);
	return expected;
}

GENERAL_REGISTERS static struct slot *slot_at(int fd)
{
	struct slot *chunk;

	if (fd < 0 || fd >= CHUNKS * CHUNK_SLOTS)
		return NULL;
	chunk = atomic_load_explicit(&chunks[fd / CHUNK_SLOTS], memory_order_acquire);
	return chunk ? &chunk[fd % CHUNK_SLOTS] : NULL;
}

bool fdtable_reserve(int fd)
{
	if (slot_at(fd))
		return true;
	if (fd < 0 || fd >= CHUNKS * CHUNK_SLOTS)
		return false;
	return fill_place((_Atomic(void *) *)&chunks[fd / CHUNK_SLOTS],
			  CHUNK_SLOTS * sizeof(struct slot)) != NULL;
}

static struct item *item_of(struct description *description)
{
	static_assert(offsetof(struct item, description) == 0, "an item begins with it");
	return (struct item *)description;
}

static bool item_claim(struct item *item)
{
	bool expected = false;

	return atomic_compare_exchange_strong_explicit(&item->used, &expected, true,
						       memory_order_acquire, memory_order_relaxed);
}

struct description *description_create(struct uiommufd_file *file, int access, struct node node)
{
	unsigned int start = atomic_load_explicit(&next_item, memory_order_relaxed);

	for (unsigned int i = 0; i < BLOCKS * BLOCK_ITEMS; i++) {
		unsigned int n = (start + i) % (BLOCKS * BLOCK_ITEMS);
		struct item *item = fill_place((_Atomic(void *) *)&blocks[n / BLOCK_ITEMS],
					       BLOCK_ITEMS * sizeof(struct item));

		if (!item)
			return NULL;
		item += n % BLOCK_ITEMS;
		if (!item_claim(item))
			continue;
		assert(!ref_read(&item->refs));
		item->description =
			(struct description){.file = file, .access = access, .node = node};
		origin_capture(&item->description.opened);
		ref_init(&item->refs);
		atomic_store_explicit(&next_item, n / BLOCK_ITEMS * BLOCK_ITEMS,
				      memory_order_relaxed);
		return &item->description;
	}
	return NULL;
}

struct description *description_get(struct description *description)
{
	ref_get(&item_of(description)->refs);
	return description;
}

void description_put(struct description *description)
{
	struct item *item = item_of(description);
	struct uiommufd_file *file;

	if (!ref_put(&item->refs))
		return;
	file = description->file;
	description->file = NULL;
	atomic_store_explicit(&item->used, false, memory_order_release);
	if (!file)
		return;
	if (observed())
		event_close(file, file->ops->name);
	file_put(file);
}

struct description *fdtable_get(int fd)
{
	struct slot *slot = slot_at(fd);
	struct item *item;

	if (!slot)
		return NULL;
	while ((item = atomic_load_explicit(&slot->item, memory_order_acquire))) {
		if (!ref_get_live(&item->refs)) {
			/* The slot has changed already, or does soon. */
			if (item == &closing)
				sched_yield();
			continue;
		}
		if (atomic_load_explicit(&slot->item, memory_order_acquire) == item)
			return &item->description;
		description_put(&item->description);
	}
	return NULL;
}

GENERAL_REGISTERS bool fdtable_has(int fd)
{
	struct slot *slot = slot_at(fd);

	return slot && atomic_load_explicit(&slot->item, memory_order_relaxed);
}

static struct description *exchange(struct slot *slot, struct item *item)
{
	struct item *old = atomic_exchange_explicit(&slot->item, item, memory_order_acq_rel);

	return old && old != &closing ? &old->description : NULL;
}

struct description *fdtable_exchange(int fd, struct description *description)
{
	struct slot *slot = slot_at(fd);
	struct item *item = description ? item_of(description) : NULL;

	assert(!item || ref_read(&item->refs));
	assert(!item || slot);
	return slot ? exchange(slot, item) : NULL;
}

struct description *fdtable_close_begin(int fd)
{
	struct slot *slot = slot_at(fd);

	return slot ? exchange(slot, &closing) : NULL;
}

void fdtable_close_end(int fd)
{
	struct slot *slot = slot_at(fd);
	struct item *expected = &closing;

	/* Else the number stands for another file already. */
	if (slot)
		atomic_compare_exchange_strong_explicit(&slot->item, &expected, NULL,
							memory_order_acq_rel, memory_order_relaxed);
}

void fdtable_fork_child(void)
{
	for (unsigned int i = 0; i < CHUNKS; i++) {
		struct slot *chunk = atomic_load_explicit(&chunks[i], memory_order_acquire);

		for (unsigned int at = 0; chunk && at < CHUNK_SLOTS; at++)
			if (atomic_load_explicit(&chunk[at].item, memory_order_relaxed) == &closing)
				atomic_store_explicit(&chunk[at].item, NULL, memory_order_relaxed);
	}
}

int fdtable_next(unsigned int from, unsigned int last)
{
	const unsigned int end = CHUNKS * CHUNK_SLOTS;

	for (unsigned int fd = from; fd <= last && fd < end; fd++) {
		if (!slot_at((int)fd))
			fd |= CHUNK_SLOTS - 1;
		else if (fdtable_has((int)fd))
			return (int)fd;
	}
	return -1;
}

GENERAL_REGISTERS enum path_hint fdtable_hint(int fd)
{
	struct slot *slot = slot_at(fd);

	return slot ? atomic_load_explicit(&slot->hint, memory_order_relaxed) : PATH_HINT_NONE;
}

void fdtable_set_hint(int fd, enum path_hint hint)
{
	struct slot *slot;

	if (hint != PATH_HINT_NONE && !fdtable_reserve(fd))
		return;
	slot = slot_at(fd);
	if (slot)
		atomic_store_explicit(&slot->hint, (unsigned char)hint, memory_order_relaxed);
}
