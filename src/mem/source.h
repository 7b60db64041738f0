/* SPDX-License-Identifier: MIT */
/*
 * Sources: the memory behind mappings. One MAP or MAP_FILE creates a source, and its COPYs share
 * it.
 *
 * A source is @len bytes that start at byte @offset of its first page; pages are numbered from 0. A
 * page is pinned while it has a user: its first user populates it and pays for it, and the last one
 * gives it back. A pinned page stays the same memory whatever the program does to its addresses
 * (mem/displace.h).
 *
 * Reference counted and thread-safe. Each source has its own lock (LOCK_SOURCE), which is held
 * while its memory is populated. Only mem/displace.c holds several of them at once, one thread at a
 * time.
 *
 * Cost: pin and unpin of a whole source are O(1) besides populating; of parts, O(log n) in the
 * number of distinct parts. A source of addresses is a cache line, its owner's data
 * included, while nothing watches what the program does to them.
 */
#ifndef MEM_SOURCE_H
#define MEM_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uiommufd/caller.h>

struct mem_source;

/* Which counter pinned pages are charged to [IOAS-ACCOUNTING]. */
enum mem_accounting {
	MEM_ACCOUNT_NONE,
	MEM_ACCOUNT_USER, /* the locked pages of the real user ID, in all its processes */
	MEM_ACCOUNT_MM,	  /* the locked pages of the address space */
	/*
	 * The locked pages of the address space and not its pinned ones, also of those whose limit
	 * does not count [TYPE1-ACCOUNTING].
	 */
	MEM_ACCOUNT_LOCKED,
	MEM_ACCOUNT_LOCKED_UNLIMITED,
};

enum mem_kind {
	MEM_KIND_VA,
	MEM_KIND_FILE,
	MEM_KIND_DMABUF,
};

/*
 * *@out: a source for [@va, @va + @len) of @caller, of which it takes a reference. The creator owns
 * its one reference. Touches no memory. @len is not 0, and @va + @len does not wrap. 0 or -ENOMEM.
 */
int mem_source_from_va(struct uiommufd_caller *caller, uint64_t va, uint64_t len, bool writable,
		       enum mem_accounting accounting, struct mem_source **out);

/*
 * Like mem_source_from_va(), for [@start, @start + @len) of the file behind the caller's descriptor
 * @fd. 0, -EBADF, -ENOMEM, -EMFILE. Pinning, not this, checks the kind of file and whether the
 * range is inside it.
 */
int mem_source_from_file(struct uiommufd_caller *caller, int fd, uint64_t start, uint64_t len,
			 bool writable, enum mem_accounting accounting, struct mem_source **out);

/*
 * MEM_SOURCE_OWNER_SIZE bytes beside the source, zeroed and suitably aligned, for its creator's own
 * data: one allocation and one cache miss for both. They live as long as the source. The second
 * function leads back from them.
 */
enum {
	MEM_SOURCE_OWNER_SIZE = 16,
	MEM_SOURCE_OWNER_OFFSET = 48,
};

static inline void *mem_source_owner_data(struct mem_source *source)
{
	return (char *)source + MEM_SOURCE_OWNER_OFFSET;
}

static inline struct mem_source *mem_source_of_owner_data(const void *data)
{
	return (struct mem_source *)(uintptr_t)((const char *)data - MEM_SOURCE_OWNER_OFFSET);
}

/* Takes a reference; returns @source. */
struct mem_source *mem_source_get(struct mem_source *source);

/* The last put requires that nothing is pinned. */
void mem_source_put(struct mem_source *source);

enum mem_kind mem_source_kind(const struct mem_source *source);
bool mem_source_writable(const struct mem_source *source);
uint64_t mem_source_len(const struct mem_source *source);

/* Byte of the first page at which the source starts, below PAGE_SIZE. */
uint64_t mem_source_offset(const struct mem_source *source);

/* Address (MEM_KIND_VA) or file offset of its first byte: the hint for IOVA allocation. */
uint64_t mem_source_start(const struct mem_source *source);

/*
 * The name that the system has now for the file of @source ("/dev/shm/x (deleted)"). False: it is
 * not of a file, or the name is unknown or longer than @size.
 */
bool mem_source_file_name(const struct mem_source *source, char *name, size_t size);

/* The caller that mapped it, or that CHANGE_PROCESS has moved it to; borrowed. */
struct uiommufd_caller *mem_source_caller(const struct mem_source *source);

/* A range of pages of a source. */
struct mem_pages {
	uint64_t first;
	uint64_t count; /* not 0 */
};

/*
 * Adds a user to each page of @pages. Pages without a user before are populated with the source's
 * rights, and charged. 0; -EFAULT, -EINVAL or -EOPNOTSUPP: the memory [IOAS-PIN-ERRORS],
 * [IOAS-MAP-FILE]; -ENOMEM: no memory, or over the limit. On failure nothing has changed. Blocks as
 * long as populating takes.
 *
 * The calling thread has a reference to itself while it pins or unpins: that of an area which no
 * other thread looks at, because it is busy, removed, or in a map whose lock the thread holds.
 */
int mem_source_pin(struct mem_source *source, struct mem_pages pages);

/* Takes back what one mem_source_pin() of exactly @pages gave. Cannot fail. */
void mem_source_unpin(struct mem_source *source, struct mem_pages pages);

/* Starts to fetch what a pin of all of @source, which has no user, will need. */
void mem_source_prefetch(const struct mem_source *source);

/*
 * Splits the pin of @pages into two, which are unpinned separately: one of its first @count pages
 * (not 0, not all) and one of the rest. 0, or -ENOMEM: it is still one pin.
 */
int mem_source_split(struct mem_source *source, struct mem_pages pages, uint64_t count);

/* True if every page of @pages has a user. */
bool mem_source_pinned(struct mem_source *source, struct mem_pages pages);

/* How many pages of the source have a user. O(number of parts). */
uint64_t mem_source_pinned_pages(struct mem_source *source);

/*
 * The bus address of byte @byte (counted from the start of page 0) of a pinned page, and how many
 * bytes from there, at most @len, are contiguous. Memory of another process that its caller cannot
 * resolve any more is at 0, where a guarded copy fails.
 */
void mem_source_extent(struct mem_source *source, uint64_t byte, uint64_t len, uint64_t *bus,
		       uint64_t *extent);

/*
 * Whether the page of byte @byte, which is pinned, has moved: it is not where it was mapped
 * (mem/displace.h).
 */
bool mem_source_has_moved(struct mem_source *source, uint64_t byte);

/*
 * Copies between @buf (of this process) and bytes [@byte, @byte + @len) of the source, counted from
 * the start of page 0, by the rules of [ACCESS-RW], for a request of @caller; @slow: never by
 * the plain copy. 0, -EFAULT, or an error of pinning: the data before the failing page has been
 * transferred then.
 */
int mem_source_rw(struct mem_source *source, struct uiommufd_caller *caller, uint64_t byte,
		  void *buf, uint64_t len, bool write, bool slow);

/*
 * CHANGE_PROCESS: moves the ownership (process, user, accounting) of @source, of a file, to
 * @caller. Charging is separate, so that several sources move together or not at all: first
 * mem_source_charge_to() the new caller, for all sources; then for each mem_source_move(), and
 * mem_source_uncharge_from() the old one. To or from the source's own caller nothing is charged or
 * uncharged, so moving to the owner changes nothing. The caller's locks keep others from pinning
 * and unpinning meanwhile.
 */
int mem_source_charge_to(struct mem_source *source, struct uiommufd_caller *caller);
void mem_source_uncharge_from(struct mem_source *source, struct uiommufd_caller *caller);
void mem_source_move(struct mem_source *source, struct uiommufd_caller *caller);

/* Locked pages charged to the real user ID @uid (MEM_ACCOUNT_USER). */
uint64_t mem_user_locked(uint32_t uid);

#endif
