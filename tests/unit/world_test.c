/* SPDX-License-Identifier: MIT */
/* Standing still for fork: which threads wait, and what the child finds. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/world.h"
#include "kit.h"

enum {
	THREADS = 4,
	STOPS = 200,
};

struct scene {
	atomic_bool inside, leave, entered, stopped, end;
	int counters[THREADS]; /* odd while its thread is inside */
};

static void pause_ms(int ms)
{
	const struct timespec pause = {.tv_nsec = ms * 1000000L};

	nanosleep(&pause, NULL);
}

static void *stay_inside(void *arg)
{
	struct scene *scene = arg;

	if (world_enter())
		return NULL;
	scene->inside = true;
	while (!scene->leave)
		sched_yield();
	world_leave();
	return NULL;
}

static pthread_t start_inside(struct scene *scene)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, stay_inside, scene), 0);
	while (!scene->inside)
		sched_yield();
	return thread;
}

static void *enter_once(void *arg)
{
	struct scene *scene = arg;

	if (world_enter())
		return NULL;
	scene->entered = true;
	world_leave();
	return NULL;
}

static void *stop_and_resume(void *arg)
{
	struct scene *scene = arg;

	world_stop();
	scene->stopped = true;
	world_resume();
	return NULL;
}

static void an_entry_nests(void **state)
{
	(void)state;
	assert_int_equal(world_enter(), 0);
	assert_int_equal(world_enter(), 0);
	world_leave();
	world_leave();
	assert_true(world_try_stop(0));
	world_resume();
}

static void a_stop_waits_until_other_threads_are_out(void **state)
{
	struct scene scene = {0};
	pthread_t worker = start_inside(&scene), stopper;

	(void)state;
	assert_int_equal(pthread_create(&stopper, NULL, stop_and_resume, &scene), 0);
	pause_ms(20);
	assert_false(scene.stopped);
	scene.leave = true;
	assert_int_equal(pthread_join(stopper, NULL), 0);
	assert_int_equal(pthread_join(worker, NULL), 0);
	assert_true(scene.stopped);
}

static void a_thread_may_stop_the_world_from_inside(void **state)
{
	(void)state;
	assert_int_equal(world_enter(), 0);
	world_stop();
	world_resume();
	world_leave();
}

static void an_entry_waits_while_the_world_is_stopped(void **state)
{
	struct scene scene = {0};
	pthread_t thread;

	(void)state;
	world_stop();
	assert_int_equal(pthread_create(&thread, NULL, enter_once, &scene), 0);
	pause_ms(20);
	assert_false(scene.entered);
	world_resume();
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(scene.entered);
}

static void a_stop_with_a_limit_gives_up_and_lets_threads_enter_again(void **state)
{
	struct scene scene = {0};
	pthread_t worker = start_inside(&scene), thread;

	(void)state;
	assert_false(world_try_stop(5));
	assert_int_equal(pthread_create(&thread, NULL, enter_once, &scene), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(scene.entered);
	scene.leave = true;
	assert_int_equal(pthread_join(worker, NULL), 0);
	assert_true(world_try_stop(5));
	world_resume();
}

struct counting {
	struct scene *scene;
	int index;
};

static void *come_and_go(void *arg)
{
	const struct counting *counting = arg;
	int *counter = &counting->scene->counters[counting->index];

	while (!counting->scene->end) {
		if (world_enter())
			return NULL;
		(*counter)++;
		sched_yield();
		(*counter)++;
		world_leave();
	}
	return NULL;
}

static void while_the_world_is_stopped_nothing_is_half_done(void **state)
{
	struct scene scene = {0};
	struct counting counting[THREADS];
	pthread_t threads[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++) {
		counting[i] = (struct counting){&scene, i};
		assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &counting[i]), 0);
	}
	for (int stop = 0; stop < STOPS; stop++) {
		world_stop();
		for (int i = 0; i < THREADS; i++)
			assert_int_equal(scene.counters[i] % 2, 0);
		world_resume();
		sched_yield();
	}
	scene.end = true;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/* Ends with 0 if the world works with the forking thread alone. */
static _Noreturn void check_in_child(void)
{
	world_after_fork();
	alarm(20);
	if (world_enter())
		_exit(1);
	world_leave();
	world_stop();
	world_resume();
	_exit(0);
}

static void after_a_fork_only_the_calling_thread_counts(void **state)
{
	struct scene scene = {0};
	pthread_t thread;
	pid_t child;
	int status;

	(void)state;
	world_stop();
	/* Not seen by the stop: it comes to the entry later, and waits there. */
	assert_int_equal(pthread_create(&thread, NULL, enter_once, &scene), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		check_in_child();
	world_resume();
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_nests),
		cmocka_unit_test(a_stop_waits_until_other_threads_are_out),
		cmocka_unit_test(a_thread_may_stop_the_world_from_inside),
		cmocka_unit_test(an_entry_waits_while_the_world_is_stopped),
		cmocka_unit_test(a_stop_with_a_limit_gives_up_and_lets_threads_enter_again),
		cmocka_unit_test(while_the_world_is_stopped_nothing_is_half_done),
		cmocka_unit_test(after_a_fork_only_the_calling_thread_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
