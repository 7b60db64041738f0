/* SPDX-License-Identifier: MIT */
/*
 * The other processes of the run, each of which has a machine of its own: what one of them has
 * open, the others must ask it about. They answer on the sockets of control.h, and so only those do
 * that have opened something emulated.
 */
#ifndef PRELOAD_ENGINE_PEERS_H
#define PRELOAD_ENGINE_PEERS_H

#include <stdbool.h>
#include <stddef.h>

enum {
	PEERS_ANSWER = 9216, /* the most that an answer has, with its NUL */
};

/*
 * Sends each of them the line that @format makes, and calls @take with each answer that is no
 * error, until it returns false. Waits for each answer, a second at most: a process that is there
 * and does not answer, as one that is stopped, counts as the answer NULL.
 *
 * Context: any thread, without locks.
 */
void peers_ask(bool (*take)(void *arg, const char *answer), void *arg, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Files that programs have closed, or no longer map, are closed: on a machine that programs share,
 * nothing else may have told it yet.
 *
 * Context: inside the world (base/world.h).
 */
void peers_settle(void);

#endif
