/* SPDX-License-Identifier: MIT */
/*
 * The threads that have called are remembered by their TID with a descriptor of /proc/TID, which
 * tells whether it is still the same thread: finding all this out anew costs tens of microseconds.
 *
 * `clients.lock` guards the list of clients, the table of threads and the list of requests. A
 * thread's entry is in use by at most one request, since the thread waits for it; what is in use is
 * not evicted.
 */
#include "server/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <urcu/compiler.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/check.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/sys.h"
#include "server/holders.h"
#include "server/opened.h"
#include "server/proc_file.h"
#include "server/program_fd.h"
#include "server/program_memory.h"
#include "server/shared_file.h"
#include "trace/events.h"

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
	uint64_t memlock;
} clients = {
	.lock = LOCK_INIT(LOCK_SERVER),
	.memlock = UINT64_MAX,
};

static __thread struct request *current;

static struct client *client_of(struct uiommufd_caller *caller)
{
	return caa_container_of(caller, struct client, caller);
}

/* The request that this thread works on, if it is one of @caller. */
static struct request *request_of(struct uiommufd_caller *caller)
{
	return current && current->client == client_of(caller) ? current : NULL;
}

void client_set_memlock(uint64_t bytes)
{
	clients.memlock = bytes;
}

bool client_waits(const struct request *request)
{
	return ioctl(request->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &request->call->id) == 0;
}

/* ---- the caller ---- */

static int op_read(struct uiommufd_caller *caller, void *dst, uint64_t src, size_t len)
{
	struct request *request = request_of(caller);

	if (!request)
		return process_memory_read(client_of(caller)->memory, dst, src, len);
	return program_memory_read(request, dst, src, len);
}

static int op_write(struct uiommufd_caller *caller, uint64_t dst, const void *src, size_t len)
{
	struct request *request = request_of(caller);

	if (!request)
		return process_memory_write(client_of(caller)->memory, dst, src, len);
	return program_memory_write(request, dst, src, len);
}

static int op_populate(struct uiommufd_caller *caller, uint64_t va, uint64_t len, bool write)
{
	struct client *client = client_of(caller);
	int rc = process_memory_note_pin(client->memory, va, len);

	return rc ? rc : program_memory_check(client->proc, client->memory, va, len, write);
}

static int op_resolve(struct uiommufd_caller *caller, uint64_t va, uint64_t len, uint64_t *bus,
		      uint64_t *run)
{
	return process_memory_resolve(client_of(caller)->memory, va, len, bus, run);
}

static int op_dup_fd(struct uiommufd_caller *caller, int fd)
{
	int got = fd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, client_of(caller)->pidfd, fd, 0);
	int flags;

	if (fd < 0)
		return -EBADF;
	if (got < 0)
		return errno == EMFILE || errno == ENFILE ? -EMFILE : -EBADF;
	flags = fcntl(got, F_GETFL);
	/* O_PATH names a place, not an open file. */
	if (flags < 0 || flags & O_PATH) {
		close(got);
		return -EBADF;
	}
	return got;
}

static struct uiommufd_file *op_get_file(struct uiommufd_caller *caller, int fd)
{
	struct request request = {.task = client_of(caller)->proc};
	struct request *mine = request_of(caller);
	struct node node;

	return program_fd_file(mine ? mine : &request, fd, &node);
}

static int op_install_file(struct uiommufd_caller *caller, struct uiommufd_file *file, int flags)
{
	struct request *request = request_of(caller);
	struct stat st = {.st_ino = 0};
	int end, fd, rc;

	if (!request)
		return -EMFILE;
	rc = opened_make(file, (struct node){.kind = NODE_NONE}, NULL, &end);
	if (rc)
		return rc;
	fd = program_fd_give_emulated(request, file, end, flags, 0);
	if (!fstat(end, &st) && fd >= 0) {
		opened_numbered(&st, fd);
		if (observed())
			event_made(file, file->ops->name, fd);
	} else if (fd < 0) {
		/* The reference stays with the engine. */
		file_get(file);
		opened_forget(&st);
	}
	close(end);
	return fd;
}

static void op_uninstall_file(struct uiommufd_caller *caller, int fd)
{
	struct request *request = request_of(caller);
	struct stat st;

	/* Without the tracer, which closes it, it stays as a socket without a file behind it. */
	if (!request || program_fd_stat(request, fd, &st))
		return;
	opened_forget(&st);
	request->withdrawn = fd;
}

static bool op_capable(struct uiommufd_caller *caller, int cap)
{
	struct client *client = client_of(caller);
	uint64_t effective;

	if (proc_file_number(client->proc, "status", "\nCapEff:", 16, &effective))
		atomic_store(&client->capabilities, effective);
	return atomic_load(&client->capabilities) >> cap & 1;
}

static uint32_t op_uid(struct uiommufd_caller *caller)
{
	uint64_t uid;

	return proc_file_number(client_of(caller)->proc, "status", "\nUid:", 10, &uid)
		       ? (uint32_t)uid
		       : caller->uid;
}

/* prlimit(2) would not tell the limit of another user's process. */
static uint64_t op_memlock_limit(struct uiommufd_caller *caller)
{
	static const char name[] = "\nMax locked memory";
	uint64_t limit;

	if (clients.memlock != UINT64_MAX)
		return clients.memlock;
	/* Of a process that has ended nothing more is pinned. */
	return proc_file_number(client_of(caller)->proc, "limits", name, 10, &limit) ? limit : 0;
}

static bool op_alive(struct uiommufd_caller *caller)
{
	return process_memory_exists(client_of(caller)->memory);
}

static void op_release(struct uiommufd_caller *caller)
{
	struct client *client = client_of(caller);

	if (client->memory)
		process_memory_destroy(client->memory);
	if (client->pidfd >= 0)
		close(client->pidfd);
	if (client->proc >= 0)
		close(client->proc);
	alloc_free(client);
}

static const struct uiommufd_caller_ops client_ops = {
	.read = op_read,
	.write = op_write,
	.populate = op_populate,
	.resolve = op_resolve,
	.dup_fd = op_dup_fd,
	.get_file = op_get_file,
	.install_file = op_install_file,
	.uninstall_file = op_uninstall_file,
	.capable = op_capable,
	.uid = op_uid,
	.memlock_limit = op_memlock_limit,
	.alive = op_alive,
	.release = op_release,
};

/* ---- clients ---- */

bool client_has_ended(const struct client *client)
{
	struct pollfd end = {.fd = client->pidfd, .events = POLLIN};

	return poll(&end, 1, 0) != 0;
}

static int open_shared(const struct maps_entry *entry, void *arg)
{
	const struct client *client = arg;

	return shared_file_open(client->proc, entry);
}

static int client_create(pid_t pid, struct client **out)
{
	struct client *client = alloc_zeroed(sizeof(*client));
	uint64_t uid = 0;
	int memory, list, rc;

	if (!client)
		return -ENOMEM;
	uiommufd_caller_init(&client->caller, &client_ops, pid, 0);
	client->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	client->proc = proc_file_open(pid);
	rc = client->pidfd < 0 || client->proc < 0 ? -ESRCH : 0;
	if (rc)
		goto out_put;
	list = openat(client->proc, "maps", O_RDONLY | O_CLOEXEC);
	rc = list < 0 ? -errno : 0;
	if (rc)
		goto out_put;
	memory = openat(client->proc, "mem", O_RDWR | O_CLOEXEC);
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

		uiommufd_caller_put(&gone->caller);
		gone = next;
	}
}

/* The client of the process @pid, with a reference; it is created if there is none. */
static int find_client(pid_t pid, struct client **out)
{
	struct client *gone = NULL, *client, *fresh = NULL;
	int rc = client_create(pid, &fresh);

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
		     ? find_client((pid_t)pid, &request->client)
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
	current = request;
	lock_acquire(&clients.lock);
	request->next = clients.requests;
	clients.requests = request;
	lock_release(&clients.lock);
	return 0;
}

/* Not of @request, and not of those that wait for it in turn. */
static bool any_killed(const struct request *request) REQUIRES(clients.lock)
{
	lock_assert_held(&clients.lock);
	for (const struct request *at = clients.requests; at; at = at->next) {
		if (at != request && !at->waits_for_killed && !client_waits(at))
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

void client_end(struct request *request)
{
	struct task *task = entry_of((pid_t)request->call->pid);
	bool remembered;

	current = NULL;
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
