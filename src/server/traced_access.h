/* SPDX-License-Identifier: MIT */
/* Accesses of traced programs (server/tracer.h) to mappings without memory. Only on x86-64. */
#ifndef SERVER_TRACED_ACCESS_H
#define SERVER_TRACED_ACCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* Whether the thread with the directory @proc is traced by this process. Context: any thread. */
bool traced_has(int proc);

/* Traces all threads of the process @pid. 0 or a negative errno. Context: the tracer. */
int traced_seize(pid_t pid);

/* The thread @tid alone, if it is not traced already: then *@fresh. 0 or a negative errno. */
int traced_seize_thread(pid_t tid, bool *fresh);

/*
 * The thread @tid has stopped before a SIGBUS. True: its instruction has been carried out. False:
 * the signal is its own. Context: the tracer.
 */
bool traced_access(pid_t tid);

#endif
