/* SPDX-License-Identifier: MIT */
/*
 * Calls that the tracer (server/tracer.h) makes in a thread of a program, which is stopped behind a
 * call of its own, at a `syscall` instruction.
 *
 * Such a call may take as long as the program likes: it can put another instruction there, or be
 * the server of a file. It is waited for a while. Then the thread is late: when it stops again, it
 * goes on with what is the call's result then. Only x86-64.
 */
#ifndef SERVER_TRACED_CALL_H
#define SERVER_TRACED_CALL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct traced_call;

enum {
	TRACED_CALL_RESTARTS = 512, /* ERESTARTSYS: the kernel's own, of one a signal has ended */
};

/* For the thread @tid. NULL: no memory. */
struct traced_call *traced_call_create(pid_t tid);
void traced_call_destroy(struct traced_call *call);

/*
 * Begins; the thread is stopped behind its call. No handler of it may run on its registers until
 * the end. @detach: it is not traced any more then. @group_stops: it stops with its process then.
 * False: it has ended.
 */
bool traced_call_begin(struct traced_call *call, bool detach, bool group_stops);

/* Makes call @number. False: the thread has ended, or is late. */
bool traced_call_make(struct traced_call *call, long number, const uint64_t args[6], long *result);

bool traced_call_is_late(const struct traced_call *call);

/* The thread goes on, with @result, if it is not late. Destroys @call, now or then. */
void traced_call_end(struct traced_call *call, long result);

/* A thread has stopped with @status. True: it is one that is late, and has been dealt with. */
bool traced_call_stopped(pid_t tid, int status);

/* A thread has ended. */
void traced_call_ended(pid_t tid);

/* Whether such a call of the thread @tid is being made: it is the kernel's. Context: any thread. */
bool traced_call_makes(pid_t tid);

#endif
