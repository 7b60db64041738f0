/* SPDX-License-Identifier: MIT */
/*
 * The gate. The tests with threads show most under -fsanitize=thread; what its fences are for is in
 * litmus_test.c.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/gate.h"
#include "kit.h"

static char key_a, key_b;

static void a_gate_that_nobody_is_in_does_not_wait(void **state)
{
	(void)state;
	gate_wait(&key_a);
	assert_int_equal(gate_enter(&key_b), 0);
	gate_wait(&key_a);
	gate_leave();
	gate_wait(&key_b);
}

struct visitor {
	pthread_t thread;
	atomic_int inside; /* 1: entered, 2: may leave */
	atomic_bool left;
	struct gate_slot *slot;
};

static void *visit(void *arg)
{
	struct visitor *visitor = arg;

	assert_int_equal(gate_enter(&key_a), 0);
	visitor->slot = gate_self;
	atomic_store(&visitor->inside, 1);
	while (atomic_load(&visitor->inside) != 2)
		usleep(100);
	atomic_store(&visitor->left, true);
	gate_leave();
	return NULL;
}

static void start_visit(struct visitor *visitor)
{
	assert_int_equal(pthread_create(&visitor->thread, NULL, visit, visitor), 0);
	while (!atomic_load(&visitor->inside))
		usleep(100);
}

static void end_visit(struct visitor *visitor)
{
	atomic_store(&visitor->inside, 2);
	pthread_join(visitor->thread, NULL);
}

static void *let_go_later(void *arg)
{
	usleep(20000);
	atomic_store(&((struct visitor *)arg)->inside, 2);
	return NULL;
}

static void waiting_lasts_until_the_thread_inside_has_left(void **state)
{
	struct visitor visitor = {0};
	pthread_t helper;

	(void)state;
	start_visit(&visitor);
	gate_wait(&key_b);
	assert_false(atomic_load(&visitor.left));
	assert_int_equal(pthread_create(&helper, NULL, let_go_later, &visitor), 0);
	gate_wait(&key_a);
	assert_true(atomic_load(&visitor.left));
	pthread_join(helper, NULL);
	end_visit(&visitor);
}

static void the_slot_of_a_thread_that_exited_is_used_again(void **state)
{
	struct visitor first = {0}, second = {0}, third = {0};

	(void)state;
	start_visit(&first);
	end_visit(&first);
	start_visit(&second);
	start_visit(&third);
	end_visit(&second);
	end_visit(&third);
	assert_ptr_equal(first.slot, second.slot);
	assert_ptr_not_equal(third.slot, second.slot);
}

static void *enter_without_memory(void *arg)
{
	int rc = 0;

	(void)arg;
	for (uint64_t n = 1; n < 10; n++) {
		failure_arm(n);
		rc = gate_enter(&key_a);
		if (!rc)
			break;
		assert_int_equal(rc, -ENOMEM);
		assert_null(gate_self);
	}
	failure_disarm();
	assert_int_equal(rc, 0);
	gate_leave();
	return NULL;
}

static void a_first_entry_without_memory_is_refused(void **state)
{
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, enter_without_memory, NULL), 0);
	pthread_join(thread, NULL);
	/* Slots that the failed entries took and gave back do not delay a wait. */
	gate_wait(&key_a);
}

/* A reader of "memory" that may be taken away: what an IOMMU domain and a device do. */
static _Atomic(int *) reachable;
static atomic_bool stop;

static void *reach(void *arg)
{
	(void)arg;
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		int *memory;

		assert_int_equal(gate_enter(&key_a), 0);
		memory = atomic_load_explicit(&reachable, memory_order_acquire);
		if (memory)
			assert_int_equal(*memory, 42);
		gate_leave();
	}
	return NULL;
}

static void take_away(int *memory, int times)
{
	for (int i = 0; i < times; i++) {
		*memory = 42;
		atomic_store_explicit(&reachable, memory, memory_order_release);
		/* Often enough for the readers to leave their fences out. */
		if (i % 16 == 0)
			usleep(50);
		atomic_store_explicit(&reachable, NULL, memory_order_release);
		gate_wait(&key_a);
		*memory = 0;
	}
}

static void what_is_taken_away_before_waiting_is_not_touched_after(void **state)
{
	static int memory;
	pthread_t threads[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, reach, NULL), 0);
	take_away(&memory, 400);
	atomic_store(&stop, true);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	atomic_store(&stop, false);
}

static uint64_t fences_of(const struct gate_slot *slot)
{
	return atomic_load(&slot->fences);
}

static void *enter_often(void *arg)
{
	struct visitor *visitor = arg;

	for (int i = 0; i < GATE_FENCED_ENTRIES; i++) {
		assert_int_equal(gate_enter(&key_b), 0);
		gate_leave();
	}
	return visit(visitor);
}

static void start_frequent_visit(struct visitor *visitor)
{
	*visitor = (struct visitor){0};
	assert_int_equal(pthread_create(&visitor->thread, NULL, enter_often, visitor), 0);
	while (!atomic_load(&visitor->inside))
		usleep(100);
}

static void a_thread_leaves_its_fences_out_until_it_is_waited_for(void **state)
{
	struct visitor visitor;

	(void)state;
	gate_prepare();
	if (!process_fence_works())
		skip();
	for (int i = 0; i < 3; i++) {
		/* Each thread adopts the slot of the one before. */
		start_frequent_visit(&visitor);
		assert_int_equal(fences_of(visitor.slot), GATE_UNFENCED);
		gate_wait(&key_b);
		assert_false(atomic_load(&visitor.left));
		assert_int_equal(fences_of(visitor.slot), GATE_FENCED);
		gate_wait(&key_b);
		end_visit(&visitor);
		gate_wait(&key_a);
	}
}

static void the_waiting_thread_keeps_its_own_entries_unfenced(void **state)
{
	(void)state;
	gate_prepare();
	if (!process_fence_works())
		skip();
	for (int i = 0; i < 3 * GATE_FENCED_ENTRIES; i++) {
		assert_int_equal(gate_enter(&key_a), 0);
		gate_leave();
		gate_wait(&key_a);
	}
	assert_int_equal(fences_of(gate_self), GATE_UNFENCED);
}

/* From now on membarrier() fails in this process and its threads. */
static bool refuse_membarrier(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* 0, or the number of the step that went wrong. */
enum {
	NO_FILTERS = 2, /* as under qemu-user */
};

static int wait_without_membarrier(void)
{
	struct visitor first, second;

	alarm(60);
	gate_after_fork();
	start_frequent_visit(&first);
	if (fences_of(first.slot) != GATE_UNFENCED)
		return 1;
	if (!refuse_membarrier())
		return NO_FILTERS;
	gate_wait(&key_b);
	if (fences_of(first.slot) != GATE_FENCED)
		return 3;
	start_frequent_visit(&second);
	if (fences_of(second.slot) != GATE_FENCED)
		return 4;
	end_visit(&first);
	end_visit(&second);
	gate_wait(&key_a);
	return 0;
}

static void a_filter_that_refuses_membarrier_brings_the_fences_back(void **state)
{
	int status = -1;
	pid_t child;

	(void)state;
	gate_prepare();
	if (!process_fence_works())
		skip();
	child = fork();
	if (child == 0)
		_exit(wait_without_membarrier());
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_FILTERS)
		skip();
	assert_int_equal(status, 0);
}

static void a_forked_child_does_not_wait_for_threads_it_does_not_have(void **state)
{
	struct visitor visitor = {0};
	int status = -1;
	pid_t child;

	(void)state;
	start_visit(&visitor);
	child = fork();
	if (child == 0) {
		alarm(20);
		gate_after_fork();
		gate_wait(&key_a);
		_exit(gate_enter(&key_a) ? 1 : 0);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	end_visit(&visitor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_gate_that_nobody_is_in_does_not_wait),
		cmocka_unit_test(waiting_lasts_until_the_thread_inside_has_left),
		cmocka_unit_test(the_slot_of_a_thread_that_exited_is_used_again),
		cmocka_unit_test(a_first_entry_without_memory_is_refused),
		cmocka_unit_test(what_is_taken_away_before_waiting_is_not_touched_after),
		cmocka_unit_test(a_thread_leaves_its_fences_out_until_it_is_waited_for),
		cmocka_unit_test(the_waiting_thread_keeps_its_own_entries_unfenced),
		cmocka_unit_test(a_filter_that_refuses_membarrier_brings_the_fences_back),
		cmocka_unit_test(a_forked_child_does_not_wait_for_threads_it_does_not_have),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
