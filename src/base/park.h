/* SPDX-License-Identifier: MIT */
/*
 * The engine's own threads that wait for the program, without a limit: meanwhile it may fork. Such
 * a thread holds no lock. The owner of the thread (vfio/work.h), which stops it for a fork,
 * registers a struct park: begin() tells it that the thread waits, end() returns when no fork is in
 * progress.
 */
#ifndef BASE_PARK_H
#define BASE_PARK_H

struct park {
	void (*begin)(struct park *park);
	void (*end)(struct park *park);
};

/* Registers @park, borrowed, for the calling thread. NULL: none. */
void park_set(struct park *park);

/*
 * Call these around a wait, holding no lock. The thread does not exist in the child of a fork, nor
 * what it has on its stack.
 */
void park_begin(void);
void park_end(void);

#endif
