/* SPDX-License-Identifier: MIT */
/*
 * Calls through shared memory: what the library in a program (client/) and the server agree on.
 *
 * A process has one file with slots, which both map. A slot belongs to one thread of the program,
 * and one thread of the server attends it. The program's thread writes a call, makes the state
 * SLOT_ASKED and waits by futex until it is SLOT_IDLE; whichever side waits sets SLOT_SLEEPS before
 * it sleeps, and the other wakes it. One that is not attended (SLOT_LEFT, or all zero) takes no
 * call: the thread asks for a slot again.
 *
 * The server believes nothing that is here: it copies a call once, then checks it as it checks that
 * of a thread that has been stopped. Who the caller is it knows from the kernel, which has told it
 * when the thread asked for the slot.
 */
#ifndef SERVER_CALL_SLOT_H
#define SERVER_CALL_SLOT_H

#include <stdatomic.h>
#include <stdint.h>

#include "server/filter.h"

enum {
	SLOT_VERSION = 1,  /* of all this: another one gets no slots */
	SLOT_COUNT = 64,   /* of a process: further threads do without */
	SLOT_FILE = 65536, /* bytes: a multiple of every page size */
	SLOT_ARGUMENTS = 6,
};

/* The state: one of these, and bits. */
enum slot_phase {
	SLOT_NOBODY, /* it has never been attended, or the program has cleared it */
	SLOT_IDLE,   /* the call has been answered, if there was one */
	SLOT_ASKED,  /* the program's thread waits for an answer */
	SLOT_TAKEN,  /* the same, and the server works on it */
	SLOT_PHASE = 3,

	SLOT_SLEEPS = 4, /* who waits, the server or the program, is to be woken */
	SLOT_LEFT = 8,	 /* it is not attended any more */
};

struct call_slot {
	_Atomic uint32_t state;
	uint32_t by_kernel; /* the answer: the thread is to make the system call itself */
	int64_t value;	    /* the answer: a result, or a negative errno */
	int64_t number;	    /* the call */
	uint64_t args[SLOT_ARGUMENTS];
	/* The processors on which both sides were: on the same one, only one of them can look. */
	int32_t program_cpu, server_cpu;
	uint64_t unused[6]; /* so that no two slots share cache lines */
};

/*
 * What the library asks for by ioctl() of the descriptor -1, which the filter stops; without a
 * server it fails in the kernel.
 */
enum {
	SLOT_REQUEST_OPEN = FILTER_IOCTL_TYPE << 8 |
			    0xf0, /* (SLOT_VERSION): a descriptor of the file */
	SLOT_REQUEST_ATTEND = FILTER_IOCTL_TYPE << 8 |
			      0xf1,			    /* a slot for this thread: its number */
	SLOT_REQUEST_ALIVE = FILTER_IOCTL_TYPE << 8 | 0xf2, /* 0 if there is a server */
};

static inline uint32_t slot_phase(uint32_t state)
{
	return state & SLOT_PHASE;
}

/* What a thread does between two looks at the state, as long as it does not sleep. */
static inline void slot_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield" ::: "memory");
#else
	__asm__ volatile("" ::: "memory");
#endif
}

#endif
