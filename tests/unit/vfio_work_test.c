/* SPDX-License-Identifier: MIT */
/* The thread of a device: what is queued runs once, and a fork passes by. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fail.h"
#include "base/sanitized_build.h"
#include "vfio/work.h"

/* The work knows only its device: the counters are the test's. */
static struct device_work work;
static atomic_int runs, second_runs, at_once, most_at_once;
static atomic_bool gate;
static sigset_t seen_mask;

static int setup(void **state)
{
	(void)state;
	runs = second_runs = at_once = most_at_once = 0;
	gate = true;
	vfio_work_init(&work, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vfio_work_destroy(&work);
	return 0;
}

static void count(struct uiommufd_device *dev)
{
	int now = ++at_once;

	(void)dev;
	if (now > most_at_once)
		most_at_once = now;
	while (!gate)
		sched_yield();
	pthread_sigmask(SIG_BLOCK, NULL, &seen_mask);
	at_once--;
	runs++;
}

static void count_second(struct uiommufd_device *dev)
{
	(void)dev;
	second_runs++;
}

static void await(const atomic_int *counter, int value)
{
	while (*counter < value)
		sched_yield();
}

static void queued_work_runs_once_on_its_own_thread(void **state)
{
	(void)state;
	vfio_work_queue(&work, count);
	await(&runs, 1);
	vfio_work_stop(&work);
	assert_int_equal(runs, 1);
	assert_true(sigismember(&seen_mask, SIGTERM));
	assert_true(sigismember(&seen_mask, SIGUSR1));
	assert_false(sigismember(&seen_mask, SIGSEGV));
	assert_false(sigismember(&seen_mask, SIGBUS));
}

static void work_asked_for_before_it_began_runs_once(void **state)
{
	(void)state;
	gate = false;
	vfio_work_queue(&work, count);
	await(&at_once, 1);
	for (int i = 0; i < 10; i++) {
		vfio_work_queue(&work, count);
		vfio_work_queue(&work, count_second);
	}
	gate = true;
	await(&second_runs, 1);
	vfio_work_stop(&work);
	assert_int_equal(runs, 2);
	assert_int_equal(second_runs, 1);
}

static void *open_gate_when_held(void *arg)
{
	bool held = false;

	(void)arg;
	while (!held) {
		lock_acquire(&work.lock);
		held = work.holds;
		lock_release(&work.lock);
	}
	gate = true;
	return NULL;
}

static void work_that_got_no_thread_gets_one_when_it_is_asked_for_again(void **state)
{
	(void)state;
	fail_arm(1);
	vfio_work_queue(&work, count);
	assert_int_equal(fail_left(), 0);
	assert_false(work.running);
	vfio_work_queue(&work, count);
	await(&runs, 1);
	vfio_work_stop(&work);
	assert_int_equal(runs, 1);
}

static void hold_waits_for_what_runs_and_drops_the_rest(void **state)
{
	pthread_t thread;

	(void)state;
	gate = false;
	vfio_work_queue(&work, count);
	await(&at_once, 1);
	vfio_work_queue(&work, count_second);
	pthread_create(&thread, NULL, open_gate_when_held, NULL);
	vfio_work_hold(&work);
	assert_int_equal(runs, 1);
	assert_int_equal(at_once, 0);
	/* What is queued meanwhile waits for the release. */
	vfio_work_queue(&work, count);
	usleep(1000);
	assert_int_equal(runs, 1);
	vfio_work_release(&work);
	await(&runs, 2);
	assert_int_equal(second_runs, 0);
	pthread_join(thread, NULL);
}

static void work_stopped_can_start_again(void **state)
{
	(void)state;
	for (int i = 1; i <= 50; i++) {
		vfio_work_queue(&work, count);
		await(&runs, i);
		vfio_work_stop(&work);
	}
	assert_int_equal(runs, 50);
}

static void requeue(struct uiommufd_device *dev)
{
	(void)dev;
	runs++;
	vfio_work_queue(&work, requeue);
}

static void stop_ends_work_that_queues_itself(void **state)
{
	int after;

	(void)state;
	vfio_work_queue(&work, requeue);
	await(&runs, 10);
	vfio_work_stop(&work);
	after = runs;
	usleep(1000);
	assert_int_equal(runs, after);
}

static void *queue_many(void *arg)
{
	(void)arg;
	for (int i = 0; i < 5000; i++)
		vfio_work_queue(&work, count);
	return NULL;
}

static void functions_never_run_two_at_once(void **state)
{
	pthread_t thread[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, queue_many, NULL);
	for (int i = 0; i < 100; i++) {
		vfio_work_hold(&work);
		assert_int_equal(at_once, 0);
		vfio_work_release(&work);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	vfio_work_queue(&work, count_second);
	await(&second_runs, 1);
	assert_true(most_at_once <= 1);
}

/* Forks between vfio_work_fork_prepare() and the rest. */
static pid_t fork_locked(void)
{
	pid_t child;

	lock_acquire(&work.lock);
	child = fork();
	if (child)
		vfio_work_fork_parent(&work);
	else
		vfio_work_fork_child(&work);
	lock_release(&work.lock);
	return child;
}

static void *return_arg(void *arg)
{
	return arg;
}

static void *read_byte(void *pipe)
{
	char byte;

	return read(*(int *)pipe, &byte, 1) ? pipe : NULL;
}

/*
 * Skips the test unless the child of a process with threads can start one: under qemu's emulation
 * of a process an assertion of its own may fail.
 */
static void require_threads_in_a_child(void)
{
	int ends[2], status;
	pthread_t thread;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(pthread_create(&thread, NULL, read_byte, ends), 0);
	child = fork();
	if (!child)
		_exit(pthread_create(&thread, NULL, return_arg, NULL) ||
		      pthread_join(thread, NULL));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	close(ends[0]);
	close(ends[1]);
	if (!status)
		return;
	print_message("skipped: no thread can be started after a fork here\n");
	skip();
}

static void a_child_runs_what_was_queued_when_it_was_forked(void **state)
{
	int status;
	pid_t child;

	(void)state;
#ifdef BASE_THREAD_SANITIZER
	skip(); /* it does not start threads in a child */
#endif
	require_threads_in_a_child();
	/* As vfio_fork_prepare() does, with work queued that the thread cannot take yet. */
	vfio_work_fork_prepare(&work);
	vfio_work_queue(&work, count);
	child = fork_locked();
	if (!child) {
		vfio_work_resume(&work);
		await(&runs, 1);
		vfio_work_stop(&work);
		_exit(runs == 1 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	await(&runs, 1);
	assert_int_equal(runs, 1);
}

static void park(struct uiommufd_device *dev)
{
	(void)dev;
	park_begin();
	at_once++;
	while (!gate)
		sched_yield();
	park_end();
	at_once--;
	runs++;
}

/* Would wait for ever for a thread that can only be woken afterwards. */
static void fork_passes_by_work_that_waits_for_the_program(void **state)
{
	int status;
	pid_t child;

	(void)state;
#ifdef BASE_THREAD_SANITIZER
	skip();
#endif
	require_threads_in_a_child();
	gate = false;
	vfio_work_queue(&work, park);
	await(&at_once, 1);
	vfio_work_fork_prepare(&work);
	/* It may be woken, but does not go on. */
	gate = true;
	usleep(1000);
	assert_int_equal(runs, 0);
	child = fork_locked();
	if (!child) {
		/* Here it has ended. */
		vfio_work_hold(&work);
		vfio_work_release(&work);
		vfio_work_queue(&work, count);
		await(&runs, 1);
		vfio_work_stop(&work);
		_exit(runs == 1 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	await(&runs, 1);
	vfio_work_hold(&work);
	assert_int_equal(at_once, 0);
	vfio_work_release(&work);
}

/* ---- timers ---- */

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void a_timer_runs_its_function_once_and_not_early(void **state)
{
	const uint64_t begin = now_ns();

	(void)state;
	vfio_work_queue_after(&work, count, 2000000);
	vfio_work_queue_after(&work, count_second, 0);
	await(&second_runs, 1);
	await(&runs, 1);
	assert_true(now_ns() - begin >= 2000000);
	vfio_work_queue(&work, count_second);
	await(&second_runs, 2);
	vfio_work_stop(&work);
	assert_int_equal(runs, 1);
}

/* The later call counts, whichever time is the earlier one. */
static void a_timer_that_is_set_again_has_the_new_time(void **state)
{
	(void)state;
	vfio_work_queue_after(&work, count, UINT64_MAX);
	vfio_work_queue_after(&work, count, 1);
	await(&runs, 1);
	vfio_work_queue_after(&work, count, 1000000);
	vfio_work_queue_after(&work, count, UINT64_MAX);
	vfio_work_queue_after(&work, count_second, 2000000);
	await(&second_runs, 1);
	assert_int_equal(runs, 1);
}

static void what_is_cancelled_or_held_does_not_run(void **state)
{
	int ran, ran_second; /* before it was cancelled or held, on a slow machine */

	(void)state;
	vfio_work_queue_after(&work, count, 1000000);
	vfio_work_cancel(&work, count);
	vfio_work_queue_after(&work, count_second, 1000000);
	vfio_work_hold(&work);
	ran = runs;
	ran_second = second_runs;
	vfio_work_queue(&work, count);
	vfio_work_cancel(&work, count);
	usleep(2000);
	assert_int_equal(second_runs, ran_second);
	vfio_work_release(&work);
	vfio_work_queue_after(&work, count_second, 2000000);
	await(&second_runs, ran_second + 1);
	assert_int_equal(runs, ran);
}

static void a_child_has_the_timers_of_its_parent(void **state)
{
	pid_t child;
	int status;

	(void)state;
#ifdef BASE_THREAD_SANITIZER
	skip();
#endif
	require_threads_in_a_child();
	vfio_work_queue_after(&work, count, 1000000);
	vfio_work_fork_prepare(&work);
	child = fork_locked();
	if (!child) {
		vfio_work_resume(&work);
		await(&runs, 1);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	await(&runs, 1);
}

static pthread_t runner;

static void count_here(struct uiommufd_device *dev)
{
	runner = pthread_self();
	count(dev);
}

static void prompt_work_runs_on_the_thread_that_offers_to_do_it(void **state)
{
	(void)state;
	assert_true(vfio_work_offer(&work, 1));
	vfio_work_queue_promptly(&work, count_here);
	assert_int_equal(runs, 0);
	vfio_work_take_up();
	assert_int_equal(runs, 1);
	assert_true(pthread_equal(runner, pthread_self()));
	assert_false(work.running);
	assert_null(vfio_work_current());
}

static void prompt_work_runs_on_the_devices_thread_without_an_offer(void **state)
{
	(void)state;
	vfio_work_queue_promptly(&work, count_here);
	await(&runs, 1);
	vfio_work_decline(true);
	assert_false(vfio_work_offer(&work, 1));
	vfio_work_decline(false);
	assert_true(vfio_work_offer(&work, 1));
	vfio_work_take_up();
	vfio_work_queue_promptly(&work, count_here);
	await(&runs, 2);
	assert_false(pthread_equal(runner, pthread_self()));
}

static void of_the_work_that_a_register_write_makes_one_function_is_prompt(void **state)
{
	(void)state;
	assert_true(vfio_work_offer(&work, 1));
	vfio_work_queue_promptly(&work, count_here);
	vfio_work_queue_promptly(&work, count_second);
	vfio_work_take_up();
	await(&runs, 1);
	await(&second_runs, 1);
	assert_true(work.running);
}

static void nest(struct uiommufd_device *dev)
{
	assert_false(vfio_work_offer(&work, 1));
	assert_ptr_equal(vfio_work_current(), &work);
	count(dev);
}

static void work_makes_no_offer_itself(void **state)
{
	(void)state;
	assert_true(vfio_work_offer(&work, 1));
	vfio_work_queue_promptly(&work, nest);
	vfio_work_take_up();
	assert_int_equal(runs, 1);
}

static void prompt_work_of_a_held_device_waits_for_its_release(void **state)
{
	(void)state;
	vfio_work_hold(&work);
	assert_true(vfio_work_offer(&work, 1));
	vfio_work_queue_promptly(&work, count_here);
	vfio_work_take_up();
	assert_int_equal(runs, 0);
	vfio_work_release(&work);
	await(&runs, 1);
	assert_false(pthread_equal(runner, pthread_self()));
}

static void *do_prompt_work(void *arg)
{
	(void)arg;
	assert_true(vfio_work_offer(&work, 1));
	vfio_work_queue_promptly(&work, count_here);
	vfio_work_take_up();
	return NULL;
}

static void *open_gate_when_stopped(void *arg)
{
	bool stopped = false;

	(void)arg;
	while (!stopped) {
		lock_acquire(&work.lock);
		stopped = work.stop;
		lock_release(&work.lock);
	}
	gate = true;
	return NULL;
}

static void hold_and_stop_wait_for_prompt_work(void **state)
{
	void *(*const openers[])(void *) = {open_gate_when_held, open_gate_when_stopped};
	pthread_t writer, opener;

	(void)state;
	for (int i = 0; i < 2; i++) {
		gate = false;
		pthread_create(&writer, NULL, do_prompt_work, NULL);
		await(&at_once, 1);
		pthread_create(&opener, NULL, openers[i], NULL);
		if (i) {
			vfio_work_stop(&work);
		} else {
			vfio_work_hold(&work);
			vfio_work_release(&work);
		}
		assert_int_equal(runs, i + 1);
		pthread_join(opener, NULL);
		pthread_join(writer, NULL);
	}
}

static void what_comes_during_prompt_work_runs_after_it(void **state)
{
	pthread_t writer;

	(void)state;
	gate = false;
	pthread_create(&writer, NULL, do_prompt_work, NULL);
	await(&at_once, 1);
	vfio_work_queue(&work, count);
	vfio_work_queue(&work, count_second);
	gate = true;
	await(&second_runs, 1);
	pthread_join(writer, NULL);
	assert_int_equal(runs, 2);
	assert_int_equal(most_at_once, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(queued_work_runs_once_on_its_own_thread),
		TEST(work_asked_for_before_it_began_runs_once),
		TEST(work_that_got_no_thread_gets_one_when_it_is_asked_for_again),
		TEST(hold_waits_for_what_runs_and_drops_the_rest),
		TEST(work_stopped_can_start_again),
		TEST(stop_ends_work_that_queues_itself),
		TEST(functions_never_run_two_at_once),
		TEST(a_child_runs_what_was_queued_when_it_was_forked),
		TEST(fork_passes_by_work_that_waits_for_the_program),
		TEST(a_timer_runs_its_function_once_and_not_early),
		TEST(a_timer_that_is_set_again_has_the_new_time),
		TEST(what_is_cancelled_or_held_does_not_run),
		TEST(a_child_has_the_timers_of_its_parent),
		TEST(prompt_work_runs_on_the_thread_that_offers_to_do_it),
		TEST(prompt_work_runs_on_the_devices_thread_without_an_offer),
		TEST(of_the_work_that_a_register_write_makes_one_function_is_prompt),
		TEST(work_makes_no_offer_itself),
		TEST(prompt_work_of_a_held_device_waits_for_its_release),
		TEST(hold_and_stop_wait_for_prompt_work),
		TEST(what_comes_during_prompt_work_runs_after_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
