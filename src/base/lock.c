/* SPDX-License-Identifier: MIT */
/*
 * The held set of debug builds is per thread: nothing here is shared, so the checks see the
 * program's own interleavings. A thread that holds more than HELD_MAX locks at once (a move of
 * pinned pages takes one for each source) has the rest counted by rank only.
 */
#include "base/lock.h"

#include <stdio.h>
#include <stdlib.h>

#ifndef NDEBUG
enum {
	HELD_MAX = 28,
	RANKS = LOCK_CHUNKS + 1,
};

static __thread struct {
	unsigned int count;
	struct {
		const void *lock;
		enum lock_rank rank;
	} held[HELD_MAX];
	unsigned int more[RANKS]; /* of those that found no place in @held */
} self;

/* The index of @lock in the held set, or HELD_MAX. */
static unsigned int find_held(const void *lock)
{
	for (unsigned int i = self.count; i-- > 0;) {
		if (self.held[i].lock == lock)
			return i;
	}
	return HELD_MAX;
}

/* The innermost rank that the thread holds. */
static enum lock_rank innermost(void)
{
	enum lock_rank rank = LOCK_NONE;

	for (unsigned int i = 0; i < self.count; i++) {
		if (self.held[i].rank > rank)
			rank = self.held[i].rank;
	}
	for (unsigned int i = rank + 1; i < RANKS; i++) {
		if (self.more[i])
			rank = (enum lock_rank)i;
	}
	return rank;
}

static void violation(const char *what, const void *lock, enum lock_rank rank)
{
	fprintf(stderr, "lock %p of rank %d: %s; held:", lock, (int)rank, what);
	for (unsigned int i = 0; i < self.count; i++)
		fprintf(stderr, " %p (%d)", self.held[i].lock, (int)self.held[i].rank);
	fputc('\n', stderr);
	abort();
}

void lock_check_order(const void *lock, enum lock_rank rank, bool nested)
{
	enum lock_rank outer = innermost();

	if (rank == LOCK_NONE)
		violation("was not initialised", lock, rank);
	if (find_held(lock) != HELD_MAX)
		violation("acquired twice", lock, rank);
	if (nested ? outer > rank : outer >= rank)
		violation("acquired out of order", lock, rank);
}

void lock_note_acquired(const void *lock, enum lock_rank rank)
{
	if (self.count == HELD_MAX) {
		self.more[rank]++;
		return;
	}
	self.held[self.count].lock = lock;
	self.held[self.count].rank = rank;
	self.count++;
}

void lock_note_released(const void *lock, enum lock_rank rank)
{
	unsigned int i = find_held(lock);

	if (i != HELD_MAX) {
		self.held[i] = self.held[--self.count];
	} else if (self.more[rank]) {
		self.more[rank]--;
	} else {
		violation("released by a thread that does not hold it", lock, rank);
	}
}

bool lock_is_noted(const void *lock, enum lock_rank rank)
{
	return find_held(lock) != HELD_MAX || self.more[rank];
}

void lock_assert_none_from(enum lock_rank rank)
{
	enum lock_rank outer = innermost();

	if (outer != LOCK_NONE && outer >= rank)
		violation("no lock from this rank on may be held here", NULL, rank);
}
#endif
