/* SPDX-License-Identifier: MIT */
/*
 * What only a debugger can do for a program: change the arguments of a call, and carry out an
 * instruction. A program that maps an emulated file is traced (ptrace(2)) from then on, and so are
 * its threads and children. The call maps a description of the server's instead; an access to a
 * mapping without memory raises SIGBUS, and the instruction is carried out on the thread's
 * registers.
 *
 * The thread that waits for the programs is the tracer, as the kernel reports both to it.
 */
#ifndef SERVER_TRACER_H
#define SERVER_TRACER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/client.h"

/* Whether it can do that on this processor. */
#if defined(__x86_64__)
#define TRACER_CAN_TRAP 1
#else
#define TRACER_CAN_TRAP 0
#endif

/*
 * Finishes the mmap() of @request with @fd (taken) at @offset instead of the file, and answers it:
 * true. False, with *@error, a negative errno: the call waits still. Only x86-64, where nothing
 * else traces the program.
 *
 * Context: not the tracer; waits for it.
 */
bool tracer_map(struct request *request, int fd, uint64_t offset, int *error);

/*
 * Has @work done while the thread of @request is stopped behind its call, which has not been made:
 * the call's result is that of @work, which may make it by tracer_make_call(). True: it has been
 * answered, whatever became of it. False: the thread cannot be traced, and waits still.
 *
 * @fd, unless it is NULL: a descriptor that the program gets before; taken. In @work it is the
 * number that it has there, which @work closes, or a negative errno.
 *
 * Context: not the tracer; waits for it. @work is done by the tracer.
 */
bool tracer_stop_for(struct request *request, int *fd, long (*work)(void *arg), void *arg);

/*
 * Makes @call in that thread. Its result; 0 if the thread has been killed, or if it takes too long:
 * then this process's calls are not made in this way any more. Context: in @work.
 */
long tracer_make_call(const struct seccomp_data *call);

/*
 * Lets go of the program of @request, which is about to exit: a parent that does not block when it
 * waits would find that the child of a tracer has not ended yet. The call is made again then: true.
 * False: the program is not traced.
 *
 * Context: not the tracer; waits for it.
 */
bool tracer_release(struct request *request);

/*
 * The calling thread is the tracer, and waits until a child ends, which may be one that was left
 * behind: its PID, and its status in *@status; 0 if @hang is false and none has ended; -1: there
 * is no child. All signals are blocked meanwhile but those of faults.
 */
pid_t tracer_wait(bool hang, int *status);

/*
 * Is the tracer of programs that are no children, for @ms milliseconds or, with a negative @ms, for
 * ever, or until a signal of @ends arrives. All signals are blocked. Returns the signal, or 0.
 */
int tracer_serve(const sigset_t *ends, int ms);

#endif
