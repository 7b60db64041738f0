/* SPDX-License-Identifier: MIT */
/*
 * A process opens its slots with the first call, and a thread asks for one of them with its first.
 * What is remembered of that is wrong in a child: after fork the memory is not there, and the child
 * of vfork(2) has its parent's. So `process` is cleared by the kernel in a fork, and each use of a
 * slot begins with the thread's number. Whatever is not as expected is left to the system call.
 *
 * Nothing here but system calls, so that it may be done anywhere. All signals wait until the call
 * has been answered, as they wait for a system call: a handler that jumps out of one, or cancels
 * the thread, would leave the server writing to memory that is something else by then.
 *
 * Cost: a system call for the thread's number, and two for its signals; one to wake the server and
 * one to wait, unless both sides are still looking.
 */
#include "client/client_slot.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/raw_call.h"
#include "server/call_slot.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

/* Every C library has it; without, nothing is looked for. */
extern int sched_getcpu(void) __attribute__((weak));

enum stage {
	CLOSED, /* nobody has asked yet */
	OPENING,
	OPEN,
	REFUSED,
};

enum {
	PAUSE = 256,	 /* calls of a thread that it makes without, when it could not get a slot */
	PROCESS = 65536, /* bytes: a multiple of every page size */
	/* Looks at the state, some 50 us: an idle processor is not woken sooner. */
	LOOKS = 4000,
	/* Calls that are waited for asleep, when looking was not enough. */
	ASLEEP = 16,
	/* Times that a process opens its slots: the former memory stays, which may be in use. */
	OPENINGS = 8,
	/* Times that a request to the server is made again which the kernel has ended. */
	ATTEMPTS = 100,
};

/* Cleared in the child of a fork. */
struct process {
	_Atomic int stage;
	int openings;
	long pid;
	_Atomic(struct call_slot *) slots;
};

static _Atomic(struct process *) process;

/* The calling thread; of one that shares this memory, as after vfork, @tid is another one. */
static __thread struct {
	long tid;
	struct call_slot *slot; /* NULL: none */
	volatile int busy;	/* in a call, maybe of another thread with the same variables */
	unsigned int pause;	/* calls that are made without */
	unsigned int asleep;	/* calls that are waited for asleep */
} self;

/* ---- signals ---- */

enum {
	SIGNALS = 64, /* of the kernel, among them those that C libraries keep for themselves */
};

typedef uint64_t signal_set;

static bool set_mask(const signal_set *mask, signal_set *before)
{
	return raw_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)mask, (long)before, SIGNALS / 8, 0,
			0) == 0;
}

static bool hold_signals(signal_set *before)
{
	const signal_set all = ~UINT64_C(0);

	return set_mask(&all, before);
}

/* Handlers of those that have come run now, and need not return. */
static void release_signals(const signal_set *before)
{
	(void)set_mask(before, NULL);
}

/* ---- opening ---- */

/* The page that is cleared in a child; NULL: there is no such memory. */
static struct process *make_process(void)
{
	struct process *expected = NULL;
	long at = raw_call(SYS_mmap, 0, PROCESS, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (raw_failed(at))
		return NULL;
	if (raw_call(SYS_madvise, at, PROCESS, MADV_WIPEONFORK, 0, 0, 0) == 0 &&
	    atomic_compare_exchange_strong(&process, &expected, (struct process *)at))
		return (struct process *)at;
	(void)raw_call(SYS_munmap, at, PROCESS, 0, 0, 0, 0);
	return expected;
}

/* Asks the server, by a system call that work of the kernel may end before the server has it. */
static long ask_server(long request, long arg)
{
	long rc = -EINTR;

	for (int i = 0; i < ATTEMPTS && rc == -EINTR; i++)
		rc = raw_call(SYS_ioctl, -1, request, arg, 0, 0, 0);
	return rc;
}

/* Asks for the slots of this process, and maps them. NULL: there are none. */
static struct call_slot *map_slots(void)
{
	const long fd = ask_server(SLOT_REQUEST_OPEN, SLOT_VERSION);
	long at;

	if (fd < 0)
		return NULL;
	at = raw_call(SYS_mmap, 0, SLOT_FILE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)raw_call(SYS_close, fd, 0, 0, 0, 0, 0);
	if (raw_failed(at))
		return NULL;
	if (raw_call(SYS_madvise, at, SLOT_FILE, MADV_DONTFORK, 0, 0, 0) == 0)
		return (struct call_slot *)at;
	(void)raw_call(SYS_munmap, at, SLOT_FILE, 0, 0, 0, 0);
	return NULL;
}

/* Opens the slots, unless another thread does. @stage: what has been found. */
static void open_slots(struct process *mine, int stage)
{
	struct call_slot *slots = NULL;

	if (!atomic_compare_exchange_strong(&mine->stage, &stage, OPENING))
		return;
	mine->pid = raw_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
	if (mine->openings++ < OPENINGS)
		slots = map_slots();
	atomic_store(&mine->slots, slots);
	atomic_store(&mine->stage, slots ? OPEN : REFUSED);
}

/* The process, if it has slots; else NULL. */
static struct process *opened(void)
{
	struct process *mine = atomic_load(&process);

	if (!mine)
		mine = make_process();
	if (!mine)
		return NULL;
	if (atomic_load(&mine->stage) == CLOSED)
		open_slots(mine, CLOSED);
	return atomic_load(&mine->stage) == OPEN ? mine : NULL;
}

/* ---- the thread's slot ---- */

/*
 * Asks for a slot for the thread @tid. The server does not know the process if it has tried to
 * execute another program: then it opens its slots again.
 */
static void take_seat(struct process *mine, long tid)
{
	struct call_slot *slots = atomic_load(&mine->slots);
	long index;

	/* The child of a vfork is not the process that has opened them. */
	if (raw_call(SYS_getpid, 0, 0, 0, 0, 0, 0) != mine->pid)
		return;
	index = ask_server(SLOT_REQUEST_ATTEND, 0);
	if (index == -ENXIO && atomic_load(&mine->slots) == slots) {
		open_slots(mine, OPEN);
		slots = atomic_load(&mine->slots);
		index = slots ? ask_server(SLOT_REQUEST_ATTEND, 0) : -ENXIO;
	}
	self.tid = tid;
	self.pause = PAUSE;
	self.slot = NULL;
	if (index < 0 || index >= SLOT_COUNT || !slots)
		return;
	self.slot = &slots[index];
	self.pause = 0;
	self.asleep = 0;
}

static bool is_attended(struct call_slot *slot)
{
	const uint32_t state = atomic_load(&slot->state);

	return slot_phase(state) == SLOT_IDLE && !(state & SLOT_LEFT);
}

/* The slot of the calling thread, which takes a call now; NULL: it has none. */
static struct call_slot *own_slot(struct process *mine)
{
	const long tid = raw_call(SYS_gettid, 0, 0, 0, 0, 0, 0);

	if (self.tid != tid) {
		/* Another process or thread that shares our variables. */
		if (self.tid && raw_call(SYS_getpid, 0, 0, 0, 0, 0, 0) != mine->pid)
			return NULL;
		take_seat(mine, tid);
	} else if (self.pause) {
		self.pause--;
		return NULL;
	} else if (!self.slot || !is_attended(self.slot)) {
		take_seat(mine, tid);
	}
	return self.tid == tid && self.slot && is_attended(self.slot) ? self.slot : NULL;
}

/* ---- a call ---- */

static bool server_lives(void)
{
	return raw_call(SYS_ioctl, -1, SLOT_REQUEST_ALIVE, 0, 0, 0, 0) == 0;
}

/* Looks for an answer for a while, and returns the state. */
static uint32_t look(struct call_slot *slot)
{
	uint32_t state = atomic_load(&slot->state);

	for (int i = 0; i < LOOKS && slot_phase(state) != SLOT_IDLE; i++) {
		slot_relax();
		state = atomic_load(&slot->state);
	}
	return state;
}

/*
 * Sleeps while the state is @state. False: it did for a second, and the server has not taken the
 * call, which is taken back, or is not there any more.
 */
static bool sleep_until_change(struct call_slot *slot, uint32_t state)
{
	const struct timespec patience = {.tv_sec = 1};
	uint32_t asked = state | SLOT_SLEEPS;

	if (!(state & SLOT_SLEEPS) &&
	    !atomic_compare_exchange_strong(&slot->state, &state, state | SLOT_SLEEPS))
		return true;
	if (raw_call(SYS_futex, (long)&slot->state, FUTEX_WAIT, (long)asked, (long)&patience, 0,
		     0) != -ETIMEDOUT)
		return true;
	if (slot_phase(asked) == SLOT_ASKED)
		return !atomic_compare_exchange_strong(&slot->state, &asked, SLOT_IDLE | SLOT_LEFT);
	return server_lives();
}

/* Waits for the answer: true. False: the server has not taken the call, and does not. */
static bool await(struct call_slot *slot)
{
	uint32_t state;

	if (self.asleep)
		self.asleep--;
	else if (slot->server_cpu != slot->program_cpu && slot_phase(look(slot)) != SLOT_IDLE)
		self.asleep = ASLEEP;
	for (;;) {
		state = atomic_load(&slot->state);
		switch (slot_phase(state)) {
		case SLOT_IDLE:
			return true;
		case SLOT_NOBODY:
			return false;
		case SLOT_ASKED:
			if (state & SLOT_LEFT)
				return false;
		}
		if (!sleep_until_change(slot, state))
			return false;
	}
}

/* Writes the call, and says so. False: the slot takes none. */
static bool ask(struct call_slot *slot, long number, const uint64_t args[6])
{
	uint32_t state = atomic_load(&slot->state);

	slot->program_cpu = sched_getcpu ? sched_getcpu() : slot->server_cpu;
	slot->number = number;
	for (int i = 0; i < SLOT_ARGUMENTS; i++)
		slot->args[i] = args[i];
	do {
		if (slot_phase(state) != SLOT_IDLE || state & SLOT_LEFT)
			return false;
	} while (!atomic_compare_exchange_weak(&slot->state, &state, SLOT_ASKED));
	if (state & SLOT_SLEEPS)
		(void)raw_call(SYS_futex, (long)&slot->state, FUTEX_WAKE, 1, 0, 0, 0);
	return true;
}

/* With signals held. */
static bool call(long number, const uint64_t args[6], long *value)
{
	struct process *mine = opened();
	struct call_slot *slot = mine ? own_slot(mine) : NULL;

	if (!slot || !ask(slot, number, args) || !await(slot) || slot->by_kernel)
		return false;
	*value = slot->value;
	return true;
}

bool client_slot_call(long number, const uint64_t args[6], long *value)
{
	signal_set before;
	bool answered;

	if (self.busy || !hold_signals(&before))
		return false;
	self.busy = 1;
	answered = call(number, args, value);
	self.busy = 0;
	release_signals(&before);
	return answered;
}
