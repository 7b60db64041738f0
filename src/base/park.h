/* SPDX-License-Identifier: MIT */
/*
 * Threads of ours that wait for the program, for as long as it likes: meanwhile it may fork. Such a
 * thread holds no lock; who keeps it out of the way of a fork (vfio/work.h) is told when it begins
 * to wait, and lets it go on when no fork is in progress.
 */
#ifndef BASE_PARK_H
#define BASE_PARK_H

struct park {
	void (*begin)(struct park *park);
	void (*end)(struct park *park);
};

/* Who is told of the calling thread; NULL: nobody. */
void park_set(struct park *park);

/*
 * Around a wait, without any lock. What the waiting thread has on its stack is lost to the child of
 * a fork.
 */
void park_begin(void);
void park_end(void);

#endif
