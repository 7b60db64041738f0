/* SPDX-License-Identifier: MIT */
/* Answers to the system calls of programs. */
#ifndef SERVER_ANSWER_H
#define SERVER_ANSWER_H

#include "server/client.h"

/* What the thread that waits gets. */
enum answer_kind {
	ANSWER_RESULT, /* `value` */
	ANSWER_KERNEL, /* the kernel carries out the call */
	ANSWER_GIVEN,  /* it has been answered already (program_fd_give()), or is gone */
};

struct answer {
	enum answer_kind kind;
	long value; /* 0 or more, or a negative errno */
};

static inline struct answer answer_by_kernel(void)
{
	return (struct answer){.kind = ANSWER_KERNEL};
}

static inline struct answer answer_result(long value)
{
	return (struct answer){.kind = ANSWER_RESULT, .value = value};
}

/* Carries out the call of @request, or leaves it to the kernel. */
struct answer answer_call(struct request *request);

/*
 * The same, in *@answer, with the thread known to the trace, in the world, which stands still while
 * the state is shown. A negative errno: it cannot be entered.
 */
int answer_in_world(struct request *request, struct answer *answer);

#endif
