/* SPDX-License-Identifier: MIT */
/*
 * Stopping the world for fork: a thread is "in" while it works inside the engine. A thread that is
 * about to fork waits until all others are out, and keeps them out. So the child finds every lock
 * free and every structure whole.
 *
 * Entering costs a store and two loads; stopping costs a fence on every thread. A transport of
 * programs that may fork (the preload) enters for each call; programs that do not fork while calls
 * are in progress need not.
 */
#ifndef BASE_WORLD_H
#define BASE_WORLD_H

#include <stdbool.h>

/*
 * Enters; may nest. Waits while another thread has stopped the world, so the outermost entry comes
 * before any lock. 0, or -ENOMEM: a thread's first entry found no memory.
 */
int world_enter(void);
void world_leave(void);

/* Like world_enter(), but gives up after @ms milliseconds, with -EBUSY: the world stands still. */
int world_enter_within(unsigned int ms);

/* Waits until no other thread is in, and keeps the others out until world_resume(). */
void world_stop(void);
void world_resume(void);

/*
 * Like world_stop(), but gives up after @ms milliseconds and returns false if a thread is still in.
 */
bool world_try_stop(unsigned int ms);

/* In the child of the fork, instead of world_resume(): only the calling thread exists there. */
void world_after_fork(void);

#endif
