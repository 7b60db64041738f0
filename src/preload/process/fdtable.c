/* SPDX-License-Identifier: MIT */
/*
 * Slots by descriptor, in chunks that are never given back, and descriptions in a pool of which
 * none is ever given back either.
 *
 * That makes lookup safe without a lock: a description that a reader found in a slot may be closed
 * and become another one before the reader has its reference, but it is memory of this type at any
 * time. The reader takes a reference only from a live description, and then looks at the slot
 * again: if it is still there, that is what the descriptor stands for.
 *
 * A description's count: 0 free, DYING while the last holder takes the file out, else references.
 */
#include "preload/process/fdtable.h"

#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "preload/start/real.h"

enum {
	CHUNK_SLOTS = 1024,
	CHUNKS = 1024, /* 2^20 descriptors, the kernel's default limit of fs.nr_open */
	BLOCK_ITEMS = 256,
	BLOCKS = 256,
};

#define DYING UINT32_C(0x80000000)

struct item {
	struct description description; /* first */
	_Atomic uint32_t refs;
};

struct slot {
	_Atomic(struct item *) item;
	_Atomic unsigned char hint;
};

/* Most programs never need more than the first. */
static struct slot first_chunk[CHUNK_SLOTS];
static _Atomic(struct slot *) chunks[CHUNKS] = {first_chunk};
static _Atomic(struct item *) blocks[BLOCKS];

/* Where to look for a free description first. */
static _Atomic unsigned int next_item;

/* Memory of @size bytes at *@place, once; NULL if there is none. */
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

static struct slot *slot_at(int fd)
{
	struct slot *chunk;

	if (fd < 0 || fd >= CHUNKS * CHUNK_SLOTS)
		return NULL;
	chunk = atomic_load_explicit(&chunks[fd / CHUNK_SLOTS], memory_order_acquire);
	return chunk ? &chunk[fd % CHUNK_SLOTS] : NULL;
}

bool fdtable_room(int fd)
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
	return (struct item *)description;
}

static bool item_claim(struct item *item)
{
	uint32_t expected = 0;

	return atomic_compare_exchange_strong_explicit(&item->refs, &expected, 1,
						       memory_order_acq_rel, memory_order_relaxed);
}

static bool item_try_get(struct item *item)
{
	uint32_t refs = atomic_load_explicit(&item->refs, memory_order_relaxed);

	do {
		if (refs == 0 || refs >= DYING)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		&item->refs, &refs, refs + 1, memory_order_acq_rel, memory_order_relaxed));
	return true;
}

struct description *description_create(struct uiommufd_file *file, int access, struct node node)
{
	unsigned int start = atomic_load_explicit(&next_item, memory_order_relaxed);

	for (unsigned int i = 0; i < BLOCKS * BLOCK_ITEMS; i++) {
		unsigned int n = (start + i) % (BLOCKS * BLOCK_ITEMS);
		struct item *block = fill_place((_Atomic(void *) *)&blocks[n / BLOCK_ITEMS],
						BLOCK_ITEMS * sizeof(struct item));

		if (!block)
			return NULL;
		if (!item_claim(&block[n % BLOCK_ITEMS]))
			continue;
		block[n % BLOCK_ITEMS].description =
			(struct description){.file = file, .access = access, .node = node};
		atomic_store_explicit(&next_item, n / BLOCK_ITEMS * BLOCK_ITEMS,
				      memory_order_relaxed);
		return &block[n % BLOCK_ITEMS].description;
	}
	return NULL;
}

struct description *description_get(struct description *description)
{
	atomic_fetch_add_explicit(&item_of(description)->refs, 1, memory_order_relaxed);
	return description;
}

void description_put(struct description *description)
{
	struct item *item = item_of(description);
	uint32_t refs = atomic_load_explicit(&item->refs, memory_order_relaxed);
	struct uiommufd_file *file;

	while (!atomic_compare_exchange_weak_explicit(&item->refs, &refs,
						      refs == 1 ? DYING : refs - 1,
						      memory_order_acq_rel, memory_order_relaxed))
		;
	if (refs != 1)
		return;
	file = description->file;
	description->file = NULL;
	atomic_store_explicit(&item->refs, 0, memory_order_release);
	if (file)
		file_put(file);
}

struct description *fdtable_get(int fd)
{
	struct slot *slot = slot_at(fd);
	struct item *item;

	if (!slot)
		return NULL;
	while ((item = atomic_load_explicit(&slot->item, memory_order_acquire))) {
		if (!item_try_get(item))
			continue; /* being closed: the slot has changed, or will at once */
		if (atomic_load_explicit(&slot->item, memory_order_acquire) == item)
			return &item->description;
		description_put(&item->description);
	}
	return NULL;
}

bool fdtable_has(int fd)
{
	struct slot *slot = slot_at(fd);

	return slot && atomic_load_explicit(&slot->item, memory_order_relaxed);
}

struct description *fdtable_exchange(int fd, struct description *description)
{
	struct slot *slot = slot_at(fd);
	struct item *item = description ? item_of(description) : NULL;

	if (!slot)
		return NULL;
	return (struct description *)atomic_exchange_explicit(&slot->item, item,
							      memory_order_acq_rel);
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

enum path_hint fdtable_hint(int fd)
{
	struct slot *slot = slot_at(fd);

	return slot ? atomic_load_explicit(&slot->hint, memory_order_relaxed) : PATH_HINT_NONE;
}

void fdtable_set_hint(int fd, enum path_hint hint)
{
	struct slot *slot;

	if (hint != PATH_HINT_NONE && !fdtable_room(fd))
		return;
	slot = slot_at(fd);
	if (slot)
		atomic_store_explicit(&slot->hint, (unsigned char)hint, memory_order_relaxed);
}
