/* SPDX-License-Identifier: MIT */
/* Whose doing it is what a thread of the server does: for traces, the program's. */
#ifndef SERVER_TRACE_THREAD_H
#define SERVER_TRACE_THREAD_H

#include <sys/types.h>

/*
 * What the calling thread does from now on is done for thread @tid, of the process @pid, or 0: it
 * is to be found out; @task is /proc/TID of it. Without a trace that costs a load.
 */
void trace_thread_set(pid_t pid, pid_t tid, int task);

#endif
