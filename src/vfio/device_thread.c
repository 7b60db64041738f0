/* SPDX-License-Identifier: MIT */
/* See device_thread.h. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include "base/fail.h"
#include "base/own_call.h"
#include "base/sys.h"
#include "vfio/device_thread.h"

enum {
	STACK_SIZE = 256 * 1024,
	LARGEST_STACK = 64 * STACK_SIZE,
};

/* The stack has the thread-local variables of all libraries in it: 256 KiB may not be enough. */
static int create(pthread_t *thread, pthread_attr_t *attr, void *(*run)(void *arg), void *arg)
{
	int rc = EINVAL;

	for (size_t size = STACK_SIZE; rc == EINVAL && size <= LARGEST_STACK; size *= 4) {
		pthread_attr_setstacksize(attr, size);
		rc = pthread_create(thread, attr, run, arg);
	}
	return rc;
}

/* With signals blocked: the new thread inherits the mask. */
static int create_apart(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
	const struct sched_param ordinary = {.sched_priority = 0};
	pthread_attr_t attr;
	cpu_set_t all; /* those that the system or its cpuset lacks are left out by the kernel */
	int rc;

	if (pthread_attr_init(&attr))
		return -ENOMEM;
	memset(&all, 0xff, sizeof(all));
	rc = create(thread, &attr, run, arg);
	/*
	 * Not the policy and processors of a thread that polls: it may never sleep, and what it
	 * waits for is done here. Not by attributes: glibc takes the priority of the thread that
	 * polls for them, with which an ordinary one cannot be made, and musl lacks the other.
	 */
	if (!rc) {
		pthread_setschedparam(*thread, SCHED_OTHER, &ordinary);
		pthread_setaffinity_np(*thread, sizeof(all), &all);
	}
	pthread_attr_destroy(&attr);
	return rc ? -ENOMEM : 0;
}

int thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
	sigset_t block, old;
	int rc;

	if (fail_inject())
		return -ENOMEM;
	sigfillset(&block);
	sigdelset(&block, SIGSEGV);
	sigdelset(&block, SIGBUS);
	/*
	 * A signal that arrives right now goes to another thread. The mask is set and not added to:
	 * in the handler of a trap the two are blocked, and a copy of a thread that has inherited
	 * that would end the process instead of the copy.
	 */
	sys_sigmask(SIG_SETMASK, &block, &old);
	/* The attributes, too, are allocated, and a thread's first allocation maps an arena. */
	own_begin();
	rc = create_apart(thread, run, arg);
	own_end();
	sys_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

int thread_start_detached(void *(*run)(void *arg), void *arg)
{
	pthread_t thread;
	int rc = thread_start(&thread, run, arg);

	if (!rc)
		pthread_detach(thread);
	return rc;
}
