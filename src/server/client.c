/* SPDX-License-Identifier: MIT */
/*
 * The threads that have called are remembered by their TID with a descriptor of /proc/TID, which
 * tells whether it is still the same thread: finding all this out anew costs tens of microseconds.
 *
 * `clients.lock` guards the list of clients, the table of threads and the list of requests. A
 * thread's entry is in use by at most one request, since the thread waits for it; what is in use is
 * not evicted.
 */
#include "server/client_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/lock.h"
#include "server/call_page.h"
#include "server/holders.h"
#include "server/proc_file.h"
#include "server/shared_file.h"

enum {
	TASKS = 1024, /* threads that are remembered */
};

struct task {
	pid_t tid; /* 0: the entry is free */
	int proc;
	struct client *client; /* a reference */
	bool busy;
};

static struct {
	struct lock lock;
	struct client *first;
	struct task tasks[TASKS];
	struct request *requests; /* that are worked on */
	struct condition over;	  /* one of them is */
} clients = {.lock = LOCK_INIT(LOCK_SERVER)};

static __thread struct request *current;

struct request *client_request(const struct client *client)
{
	return current && current->client == client ? current : NULL;
}

/* Whether @client is the program that it was, also when it might have executed another one. */
static bool is_same(const struct client *client)
{
	return !client_has_ended(client) &&
	       (!atomic_load(&client->replaced) || process_memory_exists(client->memory));
}

/* A thread's number is not another process's while its own is there and the thread, too. */
static bool has_thread(const struct request *request)
{
	return !syscall(SYS_tgkill, request->client->caller.pid, request->call->pid, 0) ||
	       errno != ESRCH;
}

bool client_waits(const struct request *request)
{
	if (request->listener == REQUEST_OF_SLOT)
		return is_same(request->client) && has_thread(request);
	return ioctl(request->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &request->call->id) == 0;
}

/* ---- clients ---- */

bool client_has_ended(const struct client *client)
{
	struct pollfd end = {.fd = client->pidfd, .events = POLLIN};

	return poll(&end, 1, 0) != 0;
}

bool client_shares_memory(const struct client *a, const struct client *b)
{
	/* KCMP_VM of <linux/kcmp.h>, which older headers name otherwise. */
	enum {
		ADDRESS_SPACE = 1
	};

	return !syscall(SYS_kcmp, a->caller.pid, b->caller.pid, ADDRESS_SPACE, 0, 0);
}

static int open_shared(const struct maps_entry *entry, void *arg)
{
	const struct client *client = arg;

	return shared_file_open(client->proc, entry);
}

/* Of the process @pid, whose memory is reached by @task: its first thread may have left. */
static int client_create(pid_t pid, int task, struct client **out)
{
	struct client *client = alloc_zeroed(sizeof(*client));
	uint64_t uid = 0;
	int memory, list, rc;

	if (!client)
		return -ENOMEM;
	uiommufd_caller_init(&client->caller, &client_caller_ops, pid, 0);
	client->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	client->proc = proc_file_open(pid);
	rc = client->pidfd < 0 || client->proc < 0 ? -ESRCH : 0;
	if (rc)
		goto out_put;
	list = openat(task, "maps", O_RDONLY | O_CLOEXEC);
	rc = list < 0 ? -errno : 0;
	if (rc)
		goto out_put;
	memory = openat(task, "mem", O_RDWR | O_CLOEXEC);
	rc = memory < 0 ? -errno
			: process_memory_create(memory, list, open_shared, client, &client->memory);
	if (memory < 0)
		close(list);
	if (rc)
		goto out_put;
	(void)proc_file_number(client->proc, "status", "\nUid:", 10, &uid);
	client->caller.uid = (uint32_t)uid;
	*out = client;
	return 0;

out_put:
	uiommufd_caller_put(&client->caller);
	return rc;
}

/*
 * Forgets the threads of clients that are replaced, except those at work: client_end() does that.
 */
static void sift_tasks(void) REQUIRES(clients.lock)
{
	lock_assert_held(&clients.lock);
	for (struct task *task = clients.tasks; task < clients.tasks + TASKS; task++) {
		if (!task->tid || task->busy || !task->client->replaced)
			continue;
		close(task->proc);
		/* Not the last reference: the list's is still held. */
		uiommufd_caller_put(&task->client->caller);
		task->tid = 0;
	}
}

/*
 * Takes clients that have ended or have been replaced out of the list, onto *@gone, which holds
 * the list's references.
 */
static void sift(struct client **gone) REQUIRES(clients.lock)
{
	struct client **at = &clients.first;

	lock_assert_held(&clients.lock);
	while (*at) {
		struct client *client = *at;

		if (!client->replaced && !client_has_ended(client)) {
			at = &client->next;
			continue;
		}
		client->replaced = true;
		*at = client->next;
		client->next = *gone;
		*gone = client;
	}
	if (*gone)
		sift_tasks();
}

/* Puts the references of the list to @gone. Without the lock: it may be the last one. */
static void put_all(struct client *gone)
{
	while (gone) {
		struct client *next = gone->next;

		call_page_close(atomic_load(&gone->page));
		uiommufd_caller_put(&gone->caller);
		gone = next;
	}
}

/*
 * The client of the process @pid, which has the thread with the directory @task, with a reference;
 * it is created if there is none.
 */
static int find_client(pid_t pid, int task, struct client **out)
{
	struct client *gone = NULL, *client, *fresh = NULL;
	int rc = client_create(pid, task, &fresh);

	if (rc)
		return rc;
	lock_acquire(&clients.lock);
	sift(&gone);
	for (client = clients.first; client && client->caller.pid != pid; client = client->next)
		;
	if (!client) {
		/* One reference is the list's, one the caller's. */
		client = fresh;
		fresh = NULL;
		client->next = clients.first;
		clients.first = client;
	}
	uiommufd_caller_get(&client->caller);
	lock_release(&clients.lock);
	if (fresh)
		uiommufd_caller_put(&fresh->caller);
	put_all(gone);
	*out = client;
	return 0;
}

/* ---- threads ---- */

/* Whether @task is still a thread. */
static bool lives(const struct task *task)
{
	return faccessat(task->proc, "fd", F_OK, 0) == 0;
}

static struct task *entry_of(pid_t tid)
{
	return &clients.tasks[(unsigned int)tid % TASKS];
}

/* The entry of the thread of @request, busy, if it is known. */
static bool recall(struct request *request)
{
	struct task *task = entry_of((pid_t)request->call->pid);
	bool known;

	lock_acquire(&clients.lock);
	known = task->tid == (pid_t)request->call->pid && !task->busy && !task->client->replaced &&
		lives(task);
	if (known) {
		task->busy = true;
		request->task = task->proc;
		request->client = task->client;
	}
	lock_release(&clients.lock);
	return known;
}

/* Remembers the thread of @request, which owns its descriptor and its client. */
static void remember(struct request *request)
{
	struct task *task = entry_of((pid_t)request->call->pid);
	struct task former = {.tid = 0};

	lock_acquire(&clients.lock);
	if (!task->busy) {
		former = *task;
		*task = (struct task){
			.tid = (pid_t)request->call->pid,
			.proc = request->task,
			.client = request->client,
			.busy = true,
		};
	}
	lock_release(&clients.lock);
	if (!former.tid)
		return;
	close(former.proc);
	uiommufd_caller_put(&former.client->caller);
}

void client_enter(struct request *request)
{
	current = request;
	lock_acquire(&clients.lock);
	request->next = clients.requests;
	clients.requests = request;
	lock_release(&clients.lock);
}

int client_begin(struct request *request)
{
	uint64_t pid;
	int rc;

	if (recall(request))
		goto out;
	request->task = proc_file_open((pid_t)request->call->pid);
	if (request->task < 0)
		return request->task;
	rc = proc_file_number(request->task, "status", "\nTgid:", 10, &pid)
		     ? find_client((pid_t)pid, request->task, &request->client)
		     : -ENOENT;
	if (rc) {
		close(request->task);
		return rc;
	}
	remember(request);
out:
	/* Only now it is certain that all this is of the thread that waits. */
	if (!client_waits(request)) {
		client_end(request);
		return -ENOENT;
	}
	client_enter(request);
	return 0;
}

/* A thread may end in a call through a slot while its program goes on: nothing waits for that. */
static bool is_killed(const struct request *request)
{
	return request->listener == REQUEST_OF_SLOT ? !is_same(request->client)
						    : !client_waits(request);
}

/* Not of @request, and not of those that wait for it in turn. */
static bool any_killed(const struct request *request) REQUIRES(clients.lock)
{
	lock_assert_held(&clients.lock);
	for (const struct request *at = clients.requests; at; at = at->next) {
		if (at != request && !at->waits_for_killed && is_killed(at))
			return true;
	}
	return false;
}

void client_wait_for_killed(struct request *request)
{
	lock_acquire(&clients.lock);
	request->waits_for_killed = true;
	/* Those that wait for this one go on. */
	condition_broadcast(&clients.over);
	while (any_killed(request))
		lock_wait(&clients.lock, &clients.over);
	request->waits_for_killed = false;
	lock_release(&clients.lock);
}

static void remove_request(struct request *request) REQUIRES(clients.lock)
{
	struct request **at = &clients.requests;

	lock_assert_held(&clients.lock);
	while (*at && *at != request)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = request->next;
	condition_broadcast(&clients.over);
}

void client_leave(struct request *request)
{
	current = NULL;
	lock_acquire(&clients.lock);
	remove_request(request);
	lock_release(&clients.lock);
}

void client_end(struct request *request)
{
	struct task *task = entry_of((pid_t)request->call->pid);
	bool remembered;

	current = NULL;
	if (request->pinner)
		uiommufd_caller_put(&request->pinner->caller);
	lock_acquire(&clients.lock);
	remove_request(request);
	remembered = task->busy && task->proc == request->task;
	if (remembered) {
		task->busy = false;
		if (request->client->replaced) {
			task->tid = 0;
			remembered = false;
		}
	}
	lock_release(&clients.lock);
	if (remembered)
		return;
	close(request->task);
	uiommufd_caller_put(&request->client->caller);
}

struct client *client_find(pid_t pid)
{
	struct client *client;

	lock_acquire(&clients.lock);
	for (client = clients.first; client; client = client->next) {
		if (client->caller.pid != pid || client->replaced)
			continue;
		uiommufd_caller_get(&client->caller);
		break;
	}
	lock_release(&clients.lock);
	return client;
}

struct client *client_next(struct client *client)
{
	struct client *next;

	lock_acquire(&clients.lock);
	/* One that has been taken out of the list leads nowhere. */
	if (client && client->replaced)
		next = NULL;
	else
		next = client ? client->next : clients.first;
	if (next)
		uiommufd_caller_get(&next->caller);
	lock_release(&clients.lock);
	if (client)
		uiommufd_caller_put(&client->caller);
	return next;
}

/* A program that has the shared memory of @twin, other than @arg. */
static bool find_twin(struct process_twin *twin, void *arg)
{
	struct client *client = NULL;

	while ((client = client_next(client))) {
		if (client == arg || client_has_ended(client) ||
		    !process_memory_become_twin(client->memory, twin))
			continue;
		twin->caller = &client->caller;
		return true;
	}
	return false;
}

/* Of two threads that end their process at once, the second waits. */
static void keep_pinned(struct client *client)
{
	static pthread_mutex_t keeping = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&keeping);
	process_memory_keep_pinned(client->memory, find_twin, client);
	pthread_mutex_unlock(&keeping);
}

void client_exits(struct request *request)
{
	call_page_close(atomic_load(&request->client->page));
	if (process_memory_was_pinned(request->client->memory) &&
	    holders_other_than(request->client->caller.pid))
		keep_pinned(request->client);
}

void client_replaced(struct request *request)
{
	struct client *gone = NULL;

	if (process_memory_was_pinned(request->client->memory))
		keep_pinned(request->client);
	lock_acquire(&clients.lock);
	request->client->replaced = true;
	sift(&gone);
	lock_release(&clients.lock);
	put_all(gone);
}
