/* SPDX-License-Identifier: MIT */
/*
 * DMA's own view of the program's memory: rights that the program takes from itself (mprotect,
 * protection keys) do not concern a device whose pages are pinned.
 *
 * The ordinary copy goes by the program's mapping. Where it fails, and a call of the program that
 * took rights away was seen there, the kernel copies past the rights: through /proc/self/mem, and
 * where that does not write (shared memory), through a second mapping of the page that lives as
 * long as the copy. Elsewhere a failed copy stays one: whatever is mapped there may not be what was
 * pinned.
 *
 * In a process that has memory of others mapped (mem/process_memory.h), every copy looks whether it
 * is one of that. There words are copied like everything else, and are not changed atomically: that
 * fails.
 *
 * Thread-safe. Cost: nothing for the ordinary copy; else some microseconds, and twice the copying.
 */
#ifndef MEM_VIEW_H
#define MEM_VIEW_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem/guard.h"
#include "mem/process_memory.h"

/* Opens what copies past the program's rights need, for when it cannot be opened any more. */
void view_keep(void);

/*
 * The program is about to take rights of its own to [@va, @va + @len) away. 0, or -ENOMEM: it must
 * not.
 */
int view_restrict(uint64_t va, uint64_t len);

/* It has given itself all rights again, or the addresses have changed their meaning. */
void view_forget(uint64_t va, uint64_t len);

/* What was in [@from, @from + @len), restricted or not, is in [@to, @to + @to_len). */
void view_move(uint64_t from, uint64_t len, uint64_t to, uint64_t to_len);

/* Gives the engine's own mappings in [@va, @va + @len) the rights that they can have. */
void view_open(uint64_t va, uint64_t len);

/*
 * Gives the program a page of its own at @va, in a private mapping of a file that it may not write:
 * what is there is written once more past its rights. Where the kernel does not let it, nothing
 * happens.
 */
void view_take_page(uint64_t va);

extern atomic_bool view_restricted;

/* Whether there is a range with restricted rights. One load. */
static inline bool view_any(void)
{
	return atomic_load_explicit(&view_restricted, memory_order_relaxed);
}

int view_copy_slowly(void *dst, const void *src, size_t len);

/*
 * guard_copy() between two buffers of the engine or bus addresses, whatever the program's rights
 * are.
 */
static inline int view_copy(void *dst, const void *src, size_t len)
{
	if (process_memory_any())
		return process_memory_copy(dst, src, len);
	if (!guard_copy(dst, src, len))
		return 0;
	return view_any() ? view_copy_slowly(dst, src, len) : -EFAULT;
}

/* The same for an aligned word, which is read at once. */
static inline int view_load(uint64_t *dst, const uint64_t *src)
{
	if (process_memory_any())
		return process_memory_copy(dst, src, sizeof(*dst));
	if (!guard_load(dst, src))
		return 0;
	return view_any() ? view_copy_slowly(dst, src, sizeof(*dst)) : -EFAULT;
}

/*
 * guard_exchange() for a bus address, whatever the program's rights are. Past them it is not
 * atomic, but then the program cannot write there either.
 */
int view_exchange(uint64_t *word, uint64_t old, uint64_t new);

/* guard_atomic() for a bus address; the same holds. */
int view_atomic(void *word, unsigned int size, enum guard_op op, uint64_t operand, uint64_t compare,
		uint64_t *old);

#endif
