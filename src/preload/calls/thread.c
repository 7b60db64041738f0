/* SPDX-License-Identifier: MIT */
/*
 * Threads of a program whose own system calls are dispatched (trap/user_dispatch.h): a new one asks
 * the kernel for it before it runs. In other programs nothing changes.
 */
#include <pthread.h>
#include <stdlib.h>
#include <threads.h>

#include "base/own_call.h"
#include "preload/engine/last_thread.h"
#include "preload/process/defer.h"
#include "preload/start/real.h"
#include "preload/trap/user_dispatch.h"

/* What the program wants to run in the new thread. */
struct beginning {
	void *(*start)(void *arg);
	thrd_start_t start_c11;
	void *arg;
};

static void end_thread(void *arg)
{
	(void)arg;
	user_dispatch_end_thread();
}

static struct beginning take(void *data)
{
	struct beginning what = *(struct beginning *)data;

	free(data);
	user_dispatch_begin_thread();
	return what;
}

static void *begin(void *data)
{
	const struct beginning what = take(data);
	void *result;

	pthread_cleanup_push(end_thread, NULL);
	result = what.start(what.arg);
	pthread_cleanup_pop(1);
	return result;
}

static int begin_c11(void *data)
{
	const struct beginning what = take(data);
	int result;

	pthread_cleanup_push(end_thread, NULL);
	result = what.start_c11(what.arg);
	pthread_cleanup_pop(1);
	return result;
}

/* NULL: no memory. */
static struct beginning *keep(struct beginning what)
{
	struct beginning *kept = malloc(sizeof(*kept));

	if (kept)
		*kept = what;
	return kept;
}

/* The engine's own threads make no such calls. */
static bool is_usual(void)
{
	return !user_dispatch_on() || defer_active() || own_active();
}

EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
			  void *arg)
{
	struct beginning *what;
	int error;

	if (is_usual())
		return REAL(pthread_create)(thread, attr, start, arg);
	what = keep((struct beginning){.start = start, .arg = arg});
	if (!what)
		return EAGAIN;
	error = REAL(pthread_create)(thread, attr, begin, what);
	if (error)
		free(what);
	return error;
}

EXPORT int thrd_create(thrd_t *thread, thrd_start_t start, void *arg)
{
	struct beginning *what;
	int rc;

	if (is_usual())
		return REAL(thrd_create)(thread, start, arg);
	what = keep((struct beginning){.start_c11 = start, .arg = arg});
	if (!what)
		return thrd_nomem;
	rc = REAL(thrd_create)(thread, begin_c11, what);
	if (rc != thrd_success)
		free(what);
	return rc;
}

EXPORT void pthread_exit(void *result)
{
	last_thread_leaves();
	REAL(pthread_exit)(result);
	__builtin_unreachable();
}

EXPORT void thrd_exit(int result)
{
	last_thread_leaves();
	REAL(thrd_exit)(result);
	__builtin_unreachable();
}
