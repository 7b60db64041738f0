/* SPDX-License-Identifier: MIT */
/*
 * Programs in other processes as the engine's callers (uiommufd/caller.h), and the threads of
 * theirs that call.
 *
 * A client is one address space: its memory is reached by /proc/PID/mem, which means that address
 * space whatever becomes of the PID, its descriptors by a pidfd. A fork and an exec make new ones.
 * While a thread waits for the answer to its call, its memory is copied with the rights that it
 * has; at other times (DMA, accesses) past them, as with pinned memory.
 *
 * All that comes from a program is only ever data here: numbers of descriptors name its own, and
 * addresses are those of its own memory.
 */
#ifndef SERVER_CLIENT_H
#define SERVER_CLIENT_H

#include <linux/seccomp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <uiommufd/caller.h>

#include "mem/process_memory.h"

struct call_page;

struct client {
	struct uiommufd_caller
		caller; /* the table of clients, requests and sources have references */
	struct process_memory *memory;
	struct client *next; /* guarded by the lock of clients */
	int pidfd;
	int proc;		       /* /proc/PID */
	_Atomic uint64_t capabilities; /* when they were asked for last: also when it has ended */
	_Atomic(struct call_page *) page; /* its slots (server/call_page.h), or NULL; owned */
	atomic_bool stalls;		  /* a call of it has taken too long (server/tracer.h) */
	/* By exec: its PID stands for another client next. Changed under that lock, too. */
	atomic_bool replaced;
};

enum {
	REQUEST_AHEAD = 128,  /* as long as most structures of ioctls */
	REQUEST_OF_SLOT = -1, /* in place of a listener: the call came through shared memory */
};

/* A call of a thread that waits for its answer. */
struct request {
	const struct seccomp_notif *call; /* without an ID if it came through shared memory */
	int listener;
	int task; /* /proc/TID of the thread: the same one for ever; borrowed */
	struct client *client;
	struct client *pinner; /* whose pinned memory it is about, if not @client's; a reference */
	struct {
		uint64_t addr;
		size_t len;
		uint8_t bytes[REQUEST_AHEAD];
	} ahead; /* what has been read beyond the program's first word (program_memory_read()) */
	int withdrawn; /* a descriptor that the call has given the program, and failed; 0: none */
	/* These are guarded by the lock of clients. */
	struct request *next; /* of those that are worked on */
	bool waits_for_killed;
};

/*
 * The limit of locked memory that holds for all clients in place of that of the process, in bytes;
 * UINT64_MAX: there is none. Context: before the first request.
 */
void client_set_memlock(uint64_t bytes);

/*
 * Begins to work on the call @request->call of @request->listener, on this thread, and fills in the
 * rest. 0; -ENOENT: it is gone; -ENOMEM, -EMFILE, -EACCES.
 */
int client_begin(struct request *request);
void client_end(struct request *request);

/*
 * The same for a call that came through a slot (server/call_slot.h): all but `next` is there. What
 * the system tells of a stopped thread is not to be had: the program cannot be given a descriptor,
 * and its thread is not to be stopped.
 */
void client_enter(struct request *request);
void client_leave(struct request *request);

/*
 * Whether the thread still waits for the answer. Of a call through a slot: whether the thread is
 * there, in the same program.
 */
bool client_waits(const struct request *request);

/*
 * Waits until the calls of threads that have been killed are over: the kernel ends a thread after
 * its call, so what such a call still holds must not be seen by calls that come later.
 */
void client_wait_for_killed(struct request *request);

/*
 * The program may replace itself: what comes from its PID later is a new client's. Its pins keep
 * their memory.
 */
void client_replaced(struct request *request);

/* The program ends itself. Its pins keep their memory if another process may use them. */
void client_exits(struct request *request);

/* How many pages the system has locked for @caller: for account_set_locked_by_system(). */
uint64_t client_locked_by_system(struct uiommufd_caller *caller);

/* The client of the process @pid, with a reference to its caller; NULL: there is none. */
struct client *client_find(pid_t pid);

/*
 * The client after @client in the list, or the first one (NULL), with a reference; @client is put.
 * NULL: there is no other, or @client is not in the list any more.
 */
struct client *client_next(struct client *client);

/* Whether the two processes have one address space, as a child by vfork() and its parent have. */
bool client_shares_memory(const struct client *a, const struct client *b);

/* Whether its process has ended. */
bool client_has_ended(const struct client *client);

#endif
