/* SPDX-License-Identifier: MIT */
/*
 * A thread that attends a slot leaves it whatever the program does there, and answers a call once.
 * No program is needed for that: what a call asks for is none of those that are answered here.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kit.h"
#include "server/attendant.h"

enum {
	NEVER = 1 << 20, /* seconds */
};

static struct call_slot slot;
static atomic_bool closed, stops;
static atomic_int left; /* how many have */

static void leave(struct attendant *attendant)
{
	(void)attendant;
	atomic_fetch_add(&left, 1);
}

static void start(struct attendant *attendant, uint32_t state, int idle)
{
	memset(&slot, 0, sizeof(slot));
	atomic_store(&slot.state, state);
	atomic_store(&closed, false);
	atomic_store(&left, 0);
	atomic_store(&stops, false);
	*attendant = (struct attendant){
		.slot = &slot, .tid = 1, .closed = &closed, .idle = idle, .left = leave};
	assert_int_equal(attendant_start(attendant), 0);
}

static void wake(void)
{
	(void)syscall(SYS_futex, &slot.state, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void wait_until_left(int count)
{
	while (atomic_load(&left) < count)
		usleep(1000);
}

/* One that is about to sleep is woken in vain. */
static void close_and_wait_until_left(int count)
{
	atomic_store(&closed, true);
	while (atomic_load(&left) < count) {
		attendant_wake(&slot);
		usleep(1000);
	}
}

static void ask(long number)
{
	slot.by_kernel = 7;
	slot.number = number;
	atomic_store(&slot.state, SLOT_ASKED);
	wake();
	while (slot_phase(atomic_load(&slot.state)) != SLOT_IDLE)
		usleep(100);
}

static void a_call_that_is_none_of_its_own_is_the_kernel_s(void **state)
{
	static const long numbers[] = {SYS_munmap, SYS_execve, -1, 1 << 20};
	struct attendant attendant;

	(void)state;
	start(&attendant, SLOT_IDLE, NEVER);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		ask(numbers[i]);
		assert_int_equal(slot.by_kernel, 1);
	}
	/* Requests for slots, and what gives a descriptor, too. */
	for (uint64_t command = SLOT_REQUEST_OPEN; command <= SLOT_REQUEST_ALIVE; command++) {
		slot.args[0] = UINT64_MAX;
		slot.args[1] = command;
		ask(SYS_ioctl);
		assert_int_equal(slot.by_kernel, 1);
	}
	slot.args[1] = IOMMU_FAULT_QUEUE_ALLOC;
	ask(SYS_ioctl);
	assert_int_equal(slot.by_kernel, 1);
	close_and_wait_until_left(1);
	assert_true(atomic_load(&slot.state) & SLOT_LEFT);
}

/* Without SLOT_ASKED, in all other ways. */
static void *change_the_state(void *unused)
{
	for (uint32_t i = 0; !atomic_load(&stops); i++) {
		atomic_store(&slot.state, i & 1 ? SLOT_IDLE : SLOT_NOBODY);
		wake();
	}
	return unused;
}

static void a_slot_that_changes_without_a_call_is_left(void **state)
{
	struct attendant attendant;
	pthread_t thread;

	(void)state;
	start(&attendant, SLOT_IDLE, NEVER);
	pthread_create(&thread, NULL, change_the_state, NULL);
	wait_until_left(1);
	atomic_store(&stops, true);
	pthread_join(thread, NULL);
}

static void *only_wake(void *unused)
{
	while (!atomic_load(&stops))
		wake();
	return unused;
}

static void a_slot_that_is_woken_without_a_call_is_left(void **state)
{
	struct attendant attendant;
	pthread_t thread;

	(void)state;
	start(&attendant, SLOT_TAKEN, NEVER);
	pthread_create(&thread, NULL, only_wake, NULL);
	wait_until_left(1);
	atomic_store(&stops, true);
	pthread_join(thread, NULL);
}

static void one_that_is_idle_is_left(void **state)
{
	struct attendant attendant;

	(void)state;
	start(&attendant, SLOT_IDLE, 1);
	wait_until_left(1);
	assert_int_equal(atomic_load(&slot.state), SLOT_IDLE | SLOT_SLEEPS | SLOT_LEFT);
}

static void there_are_no_more_than_the_limit(void **state)
{
	struct attendant attendants[ATTENDANTS + 1];

	(void)state;
	memset(&slot, 0, sizeof(slot));
	atomic_store(&slot.state, SLOT_IDLE);
	atomic_store(&closed, false);
	atomic_store(&left, 0);
	for (int i = 0; i <= ATTENDANTS; i++) {
		attendants[i] = (struct attendant){
			.slot = &slot, .tid = 1, .closed = &closed, .idle = NEVER, .left = leave};
		assert_int_equal(attendant_start(&attendants[i]), i < ATTENDANTS ? 0 : -EAGAIN);
	}
	close_and_wait_until_left(ATTENDANTS);
	/* There is room again. */
	assert_int_equal(attendant_start(&attendants[ATTENDANTS]), 0);
	wait_until_left(ATTENDANTS + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_that_is_none_of_its_own_is_the_kernel_s),
		cmocka_unit_test(a_slot_that_changes_without_a_call_is_left),
		cmocka_unit_test(a_slot_that_is_woken_without_a_call_is_left),
		cmocka_unit_test(one_that_is_idle_is_left),
		cmocka_unit_test(there_are_no_more_than_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
