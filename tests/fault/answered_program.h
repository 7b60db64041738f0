/* SPDX-License-Identifier: MIT */
/*
 * A child under the server's filter, which it has installed itself, and whose calls this process
 * answers as the server does.
 */
#ifndef TESTS_FAULT_ANSWERED_PROGRAM_H
#define TESTS_FAULT_ANSWERED_PROGRAM_H

#include <sys/syscall.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/world.h"
#include "kit.h"
#include "server/answer.h"
#include "server/answer_memory.h"
#include "server/client.h"
#include "server/notification.h"

struct answered_program {
	pid_t pid;
	struct notifications calls; /* calls.fd: to be closed at the end */
	struct answer (*answer)(struct request *request);
};

/* Takes over where the calls arrive; the program writes its number of that to @channel. */
static inline void answered_begin(struct answered_program *program, int channel)
{
	int number, pidfd;

	assert_int_equal(read(channel, &number, sizeof(number)), sizeof(number));
	pidfd = (int)syscall(SYS_pidfd_open, program->pid, 0);
	program->calls.fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
	close(pidfd);
	assert_true(program->calls.fd >= 0);
	lock_init(&program->calls.turn, LOCK_TURN);
}

/* A thread that answers calls of @arg, a struct answered_program, until it has ended. */
static inline void *answered_serve(void *arg)
{
	struct answered_program *program = arg;
	struct seccomp_notif call;

	while (notification_take(&program->calls, &call)) {
		struct request request = {.call = &call, .listener = program->calls.fd};
		struct answer given = answer_by_kernel();

		if (!answer_memory_is_kernels(&call)) {
			assert_int_equal(client_begin(&request), 0);
			given = program->answer(&request);
			client_end(&request);
		}
		notification_answer(&program->calls, &call, given);
	}
	return NULL;
}

/* The server's answer; if @armed, with the @n-th step failing: *@left is what is left to count. */
static inline struct answer answered_by_server(struct request *request, bool armed, uint64_t n,
					       uint64_t *left)
{
	struct answer answer;

	assert_int_equal(world_enter(), 0);
	if (armed)
		failure_arm(n);
	answer = answer_call(request);
	if (armed)
		*left = failure_disarm();
	world_leave();
	return answer;
}

#endif
