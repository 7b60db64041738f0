/* SPDX-License-Identifier: MIT */
/*
 * Standing still for fork: a thread is "in" while it works inside the engine, and a thread that is
 * about to fork waits until all others are out and keeps them out. So the child finds every lock
 * free and every structure whole.
 *
 * Being in costs one fence on the thread's own cache line; there is nothing shared. Transports
 * through which a program may fork (the preload) enter around each call; those of a program that
 * does not fork with calls in progress need not.
 */
#ifndef BASE_WORLD_H
#define BASE_WORLD_H

#include <stdbool.h>

/*
 * Enters; may nest. Waits while another thread forks. -ENOMEM: a thread's first entry found no
 * memory.
 */
int world_enter(void);
void world_leave(void);

/* Waits until no other thread is in, and keeps them out until world_resume(). */
void world_stop(void);
void world_resume(void);

/*
 * As world_stop(), for who can do without: gives up (false) if somebody has stayed in for @ms
 * milliseconds.
 */
bool world_try_stop(unsigned int ms);

/* In the child: only the calling thread is left. */
void world_after_fork(void);

#endif
