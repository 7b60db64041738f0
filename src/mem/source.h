/* SPDX-License-Identifier: MIT */
/*
 * The memory behind mappings: what one MAP or MAP_FILE created, shared by its COPYs ("pages object"
 * in the spec).
 *
 * A source is @len bytes that start at byte @offset of its first page; pages are numbered from 0. A
 * page is pinned while at least one user holds it; the first user populates it and pays for it, the
 * last one's leaving gives it back. What is pinned keeps meaning the same memory, whatever the
 * program does to its addresses (mem/displace.h).
 *
 * Reference counted, thread-safe: each source has its own lock, which is held while its memory is
 * populated. Lock order: after any lock of an IOAS. Two sources' locks are held together only by
 * mem/displace.c, one thread at a time; under a source's lock come those of mem/shmem.c and
 * mem/aside.c. The locks of the index of sources by address are taken under no other and none is
 * taken under them.
 *
 * Cost: pin and unpin of a whole source are O(1) beside populating; of parts, O(log n) in the
 * number of distinct parts. A source of one page is two cache lines, with the room that it has for
 * whoever made it.
 */
#ifndef MEM_SOURCE_H
#define MEM_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uiommufd/caller.h>

struct mem_source;

/* Who pays for pinned pages (spec 10-ioas, 9). */
enum mem_accounting {
	MEM_ACCOUNT_NONE,
	MEM_ACCOUNT_USER, /* the locked pages of the real user id, all its processes */
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
 * A source for [@va, @va + @len) of @caller (a reference is taken). Touches no memory. One
 * reference, the creator's.
 * @len is not 0 and @va + @len does not wrap. 0 or -ENOMEM.
 */
int mem_source_from_va(struct uiommufd_caller *caller, uint64_t va, uint64_t len, bool writable,
		       enum mem_accounting accounting, struct mem_source **out);

/*
 * A source for [@start, @start + @len) of the file behind the caller's descriptor @fd. -EBADF;
 * -ENOMEM; -EMFILE. What kind of file it is and whether the range fits is found out when pinning,
 * not here.
 */
int mem_source_from_file(struct uiommufd_caller *caller, int fd, uint64_t start, uint64_t len,
			 bool writable, enum mem_accounting accounting, struct mem_source **out);

/*
 * The MEM_SOURCE_ROOM bytes that a source has besides itself, zeroed, for its creator to use: next
 * to it, so that both come from memory at once. They live as long as the source does.
 */
enum {
	MEM_SOURCE_ROOM = 48
};
void *mem_source_room(struct mem_source *source);

struct mem_source *mem_source_get(struct mem_source *source);

/* The last put requires that nothing is pinned. */
void mem_source_put(struct mem_source *source);

enum mem_kind mem_source_kind(const struct mem_source *source);
bool mem_source_writable(const struct mem_source *source);
uint64_t mem_source_len(const struct mem_source *source);

/* Byte of the first page at which the source starts, below PAGE_SIZE. */
uint64_t mem_source_offset(const struct mem_source *source);

/* Address (VA) or file offset of its first byte: the hint for IOVA allocation. */
uint64_t mem_source_start(const struct mem_source *source);

/*
 * A name of the file that @source is of, ended by 0, as the system has it now ("/dev/shm/x
 * (deleted)"). False: it is of no file, or the name is not known, or longer.
 */
bool mem_source_file_name(const struct mem_source *source, char *name, size_t size);

/* Who mapped it; borrowed. */
struct uiommufd_caller *mem_source_caller(const struct mem_source *source);

/* A range of pages of a source. */
struct mem_pages {
	uint64_t first;
	uint64_t count; /* not 0 */
};

/*
 * Adds a user to each page of @pages. Pages without a user before are populated with the source's
 * rights, and charged. 0; -EFAULT, -EINVAL, -EOPNOTSUPP the memory (spec 10-ioas, 8.2 and 4.2);
 * -ENOMEM also: over the limit. On failure nothing has changed. May block for as long as the memory
 * takes to come.
 */
int mem_source_pin(struct mem_source *source, struct mem_pages pages);

/* Takes a user from each page of @pages, which one mem_source_pin() gave to exactly @pages. Never
 * fails. */
void mem_source_unpin(struct mem_source *source, struct mem_pages pages);

/*
 * Makes two pins of the one of @pages: of its first @count pages (fewer than all, not 0), and of
 * the rest, to be taken away apart. 0 or -ENOMEM, in which case it is still one.
 */
int mem_source_split(struct mem_source *source, struct mem_pages pages, uint64_t count);

/* True if every page of @pages has a user. */
bool mem_source_pinned(struct mem_source *source, struct mem_pages pages);

/* How many pages of the source have a user. */
uint64_t mem_source_pinned_pages(struct mem_source *source);

/*
 * The bus address of byte @byte (counted from the start of page 0) of a pinned page, and how many
 * bytes from there, at most @len, are contiguous there. Memory of another process that its caller
 * cannot show us any more is at 0, where a guarded copy fails.
 */
void mem_source_run(struct mem_source *source, uint64_t byte, uint64_t len, uint64_t *bus,
		    uint64_t *run);

/*
 * Copies between @buf (of this process) and bytes [@byte, @byte + @len) of the source, counted from
 * the start of page 0, by the rules of spec 10-ioas, 8.4 (@caller is who asks; @slow: never by the
 * plain copy). -EFAULT, or pin errors; the data before the failing page has been transferred.
 */
int mem_source_rw(struct mem_source *source, struct uiommufd_caller *caller, uint64_t byte,
		  void *buf, uint64_t len, bool write, bool slow);

/*
 * Moves ownership (process, user, accounting) of @source, of a file, to @caller: CHANGE_PROCESS.
 * Charging is separate so that several sources move together or not at all: mem_source_charge_to()
 * the new one first, for all; then for each mem_source_move(), and mem_source_uncharge_from() the
 * old one. To or from the source's own caller nothing is charged or given back, so that moving to
 * the owner changes nothing. Nothing is pinned or unpinned meanwhile: the user's locks see to it.
 */
int mem_source_charge_to(struct mem_source *source, struct uiommufd_caller *caller);
void mem_source_uncharge_from(struct mem_source *source, struct uiommufd_caller *caller);
void mem_source_move(struct mem_source *source, struct uiommufd_caller *caller);

/* Locked pages charged to the real user id @uid (mode user). */
uint64_t mem_user_locked(uint32_t uid);

#endif
