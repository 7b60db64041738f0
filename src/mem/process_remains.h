/* SPDX-License-Identifier: MIT */
/*
 * What is left of an address space that has ended: the pages that were pinned, which live as long
 * as the pins, as with real ones. No page of another process can be held, so they are copied just
 * before it ends, which works if it ends by itself (exit, exec) and not if it is killed. Memory
 * that is shared with another program, its twin, is that one's from then on.
 *
 * Cost: a range is merged into a sorted set when it is pinned; the copies are the ranges' memory.
 */
#ifndef MEM_PROCESS_REMAINS_H
#define MEM_PROCESS_REMAINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uiommufd/caller.h>

#include "iova/iova_set.h"

struct remain;

struct process_remains {
	struct iova_set pinned; /* addresses that may have pins; guarded by the owner's lock */
	_Atomic(struct remain *) copies;
};

void process_remains_init(struct process_remains *remains);
void process_remains_destroy(struct process_remains *remains);

/* [@va, @va + @len) is pinned from now on. 0 or -ENOMEM. Context: the owner's lock. */
int process_remains_note(struct process_remains *remains, uint64_t va, uint64_t len);

/* Shared memory of one program that another one has, too. */
struct process_twin {
	uint64_t dev, inode, offset; /* what is looked for */
	uint64_t len;		     /* how much of it, and then how much is there */

	struct uiommufd_caller *caller; /* that has it: a reference */
	uint64_t va;			/* where */
};

/* Finds a twin. False: no other program has the memory. */
typedef bool (*process_twin_fn)(struct process_twin *twin, void *arg);

/* The memory of an address space that is about to end. */
struct process_ending {
	int fd, list; /* /proc/PID/mem and /proc/PID/maps */
	process_twin_fn find_twin;
	void *arg;
};

/*
 * Keeps what @pinned of the owner holds. Replaces what an earlier call has kept. What cannot be
 * read, or for want of memory cannot be copied, is not left.
 *
 * Context: the address space exists, and one thread at a time does this.
 */
void process_remains_keep(struct process_remains *remains, const struct iova_set *pinned,
			  const struct process_ending *ending);

/*
 * Copies between @buf and the @len bytes at @va. 0; -EFAULT: not all of them are left. Context: the
 * address space has ended.
 */
int process_remains_read(struct process_remains *remains, void *buf, uint64_t va, size_t len);
int process_remains_write(struct process_remains *remains, uint64_t va, const void *buf,
			  size_t len);

#endif
