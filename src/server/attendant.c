/* SPDX-License-Identifier: MIT */
/*
 * Everything in the slot may change at any time: each word is read once, and what it is decides
 * only what this thread does next for that program. A state that changes without a call is looked
 * at a few times, then the slot is left.
 *
 * A thread that sleeps is woken with some microseconds' delay. So one whose last call came soon
 * after the one before looks at the slot for as long as that before it sleeps, if the program has
 * called from another processor: on this one it could not run meanwhile.
 */
#include "server/attendant.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/log.h"
#include "base/sys.h"
#include "mock/test_abi.h"
#include "server/answer.h"
#include "server/call_page.h"
#include "vfio/device_thread.h"

enum {
	MOST_CHANGES = 16, /* of the state, without a call */
	SOON_NS = 20000,
	LOOKS = 32, /* between two looks at the clock */
};

static atomic_uint attendants;

/* ---- the state ---- */

static long futex(struct call_slot *slot, int operation, uint32_t value,
		  const struct timespec *timeout)
{
	return sys_call(SYS_futex, (long)&slot->state, operation, (long)value, (long)timeout, 0, 0);
}

void attendant_wake(struct call_slot *slot)
{
	(void)futex(slot, FUTEX_WAKE, INT_MAX, NULL);
}

/* Looks at the slot until there is a call, but not longer than SOON_NS from @since on. */
static void look(struct call_slot *slot, uint64_t since)
{
	do {
		for (int i = 0; i < LOOKS; i++) {
			if (slot_phase(atomic_load_explicit(&slot->state, memory_order_relaxed)) ==
			    SLOT_ASKED)
				return;
			slot_relax();
		}
	} while (clock_ns() - since < SOON_NS);
}

/* Sleeps until the state changes. False: nothing has happened for @idle seconds. */
static bool sleep_until_change(struct call_slot *slot, uint32_t state, int idle)
{
	const struct timespec patience = {.tv_sec = idle};

	if (!(state & SLOT_SLEEPS) &&
	    !atomic_compare_exchange_strong(&slot->state, &state, state | SLOT_SLEEPS))
		return true;
	return futex(slot, FUTEX_WAIT, state | SLOT_SLEEPS, &patience) != -ETIMEDOUT;
}

/* Waits for a call: true. False: there is none for a long time, or will be none. */
static bool await(const struct attendant *attendant)
{
	struct call_slot *slot = attendant->slot;

	for (int i = 0; i < MOST_CHANGES && !atomic_load(attendant->closed); i++) {
		uint32_t state = atomic_load(&slot->state);

		if (state & SLOT_LEFT)
			return false;
		if (slot_phase(state) != SLOT_ASKED) {
			if (!sleep_until_change(slot, state, attendant->idle))
				return false;
			continue;
		}
		/* The thread that waits may go to sleep at this moment. */
		if (atomic_compare_exchange_strong(&slot->state, &state,
						   SLOT_TAKEN | (state & SLOT_SLEEPS)))
			return true;
	}
	return false;
}

/* ---- calls ---- */

/* Copies the call in @slot, each word once. */
static void copy(const struct call_slot *slot, struct seccomp_data *call)
{
	call->nr = (int)__atomic_load_n(&slot->number, __ATOMIC_RELAXED);
	for (int i = 0; i < SLOT_ARGUMENTS; i++)
		call->args[i] = __atomic_load_n(&slot->args[i], __ATOMIC_RELAXED);
}

/* Commands that may give the program a descriptor: only a thread that is stopped can get one. */
static bool gives_descriptor(unsigned int command)
{
	return command == IOMMU_FAULT_QUEUE_ALLOC || command == IOMMU_VEVENTQ_ALLOC ||
	       command == IOMMU_TEST_CMD || command == VFIO_GROUP_GET_DEVICE_FD ||
	       command == VFIO_DEVICE_FEATURE;
}

/* Whether it is one of those that are answered here. */
static bool is_taken(const struct seccomp_data *call)
{
	switch (call->nr) {
	case SYS_ioctl:
		return (call->args[1] >> 8 & 0xff) == FILTER_IOCTL_TYPE &&
		       !call_page_is_asked((int)call->args[0], (unsigned int)call->args[1]) &&
		       !gives_descriptor((unsigned int)call->args[1]);
	case SYS_pread64:
	case SYS_pwrite64:
		return true;
	default:
		return false;
	}
}

void attendant_answer(const struct attendant *attendant)
{
	struct seccomp_notif call = {.pid = (__u32)attendant->tid};
	struct request request = {
		.call = &call,
		.listener = REQUEST_OF_SLOT,
		.client = attendant->client,
		.task = attendant->task,
	};
	struct call_slot *slot = attendant->slot;
	struct answer answer = answer_by_kernel();

	__atomic_store_n(&slot->server_cpu, sched_getcpu(), __ATOMIC_RELAXED);
	copy(slot, &call.data);
	if (is_taken(&call.data)) {
		client_enter(&request);
		if (answer_in_world(&request, &answer))
			answer = answer_by_kernel();
		client_leave(&request);
	}
	__atomic_store_n(&slot->by_kernel, answer.kind != ANSWER_RESULT, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->value, answer.value, __ATOMIC_RELAXED);
	if (atomic_exchange(&slot->state, SLOT_IDLE) & SLOT_SLEEPS)
		(void)futex(slot, FUTEX_WAKE, 1, NULL);
}

/* ---- the thread ---- */

/* Whether the program has called from another processor. */
static bool is_elsewhere(const struct call_slot *slot)
{
	return __atomic_load_n(&slot->program_cpu, __ATOMIC_RELAXED) != sched_getcpu();
}

static void *attend(void *arg)
{
	struct attendant *attendant = arg;
	uint64_t answered = clock_ns();
	bool soon = false;

	for (;;) {
		if (soon)
			look(attendant->slot, answered);
		if (!await(attendant))
			break;
		soon = clock_ns() - answered < SOON_NS && is_elsewhere(attendant->slot);
		attendant_answer(attendant);
		answered = clock_ns();
	}
	/* A thread that has just asked sees it, too, and makes the system call. */
	atomic_fetch_or(&attendant->slot->state, SLOT_LEFT);
	attendant_wake(attendant->slot);
	atomic_fetch_sub(&attendants, 1);
	attendant->left(attendant);
	return NULL;
}

int attendant_start(struct attendant *attendant)
{
	int rc;

	if (atomic_fetch_add(&attendants, 1) >= ATTENDANTS) {
		atomic_fetch_sub(&attendants, 1);
		return -EAGAIN;
	}
	rc = thread_start_detached(attend, attendant);
	if (rc)
		atomic_fetch_sub(&attendants, 1);
	return rc;
}
