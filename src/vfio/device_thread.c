/* SPDX-License-Identifier: MIT */
/* See device_thread.h. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/own_call.h"
#include "base/sys.h"
#include "vfio/device_thread.h"

enum {
	STACK_SIZE = 256 * 1024,
	LARGEST_STACK = 64 * STACK_SIZE,
};

/* What a new thread is to do. */
struct beginning {
	void *(*run)(void *arg);
	void *arg;
};

static atomic_uint count;

unsigned int thread_count(void)
{
	return atomic_load(&count);
}

void thread_fork_child(void)
{
	atomic_store(&count, 0);
}

static void *begin(void *data)
{
	const struct beginning beginning = *(struct beginning *)data;
	void *result;

	alloc_free(data);
	result = beginning.run(beginning.arg);
	atomic_fetch_sub(&count, 1);
	return result;
}

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
	struct beginning *beginning;
	sigset_t block, old;
	int rc;

	beginning = alloc_zeroed(sizeof(*beginning));
	if (!beginning)
		return -ENOMEM;
	*beginning = (struct beginning){.run = run, .arg = arg};
	atomic_fetch_add(&count, 1);
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
	rc = create_apart(thread, begin, beginning);
	own_end();
	sys_sigmask(SIG_SETMASK, &old, NULL);
	if (rc) {
		atomic_fetch_sub(&count, 1);
		alloc_free(beginning);
	}
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
