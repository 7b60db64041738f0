/* SPDX-License-Identifier: MIT */
/*
 * A process ends with its last thread. The C library counts those of the engine, too, so a program
 * whose first thread has left by pthread_exit() would never end: a thread of ours waits for the
 * others then, and ends the process as the last one of them would have.
 *
 * Not in programs that have confined themselves.
 */
#ifndef PRELOAD_ENGINE_LAST_THREAD_H
#define PRELOAD_ENGINE_LAST_THREAD_H

#include <stdbool.h>

/* The calling thread ends now. If it is the first one, the rest is waited for. */
void last_thread_leaves(void);

/* Whether all other threads are the engine's: then the process ends with the calling one. */
bool last_thread_is_alone(void);

/* The engine has started a thread: the first one of the program may have left before. */
void last_thread_engine_started(void);

#endif
