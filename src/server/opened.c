/* SPDX-License-Identifier: MIT */
/*
 * Invariant: a description is in the table from opened_make() until its hang-up has been seen, by
 * exactly one thread: that one takes it out and drops its reference.
 *
 * `draining` lets one thread at a time take hang-ups, so that opened_drain() returns only when the
 * references of all that had been closed before are dropped, also by another thread.
 */
#include "server/opened.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/lock.h"
#include "base/log.h"
#include "vfio/device_thread.h"

struct opened {
	struct opened *next;
	struct uiommufd_file *file; /* a reference */
	struct node node;
	dev_t dev; /* this and the inode are of the program's end */
	ino_t inode;
	int end; /* the server's */
};

enum {
	BUCKETS = 256,
	AT_ONCE = 32, /* hang-ups taken by one call */
};

static struct {
	struct lock lock;
	struct opened *buckets[BUCKETS]; /* guarded by the lock */
	int hang_ups;			 /* epoll of all ends; set once */
	pthread_mutex_t draining;
} table = {
	.lock = LOCK_INIT(LOCK_SERVER),
	.hang_ups = -1,
	.draining = PTHREAD_MUTEX_INITIALIZER,
};

static struct opened **bucket_of(ino_t inode)
{
	return &table.buckets[inode % BUCKETS];
}

/* Takes the description with @inode out of the table. NULL: it is not there. */
static struct opened *take(ino_t inode)
{
	struct opened **at, *found;

	lock_acquire(&table.lock);
	for (at = bucket_of(inode); *at && (*at)->inode != inode; at = &(*at)->next)
		;
	found = *at;
	if (found)
		*at = found->next;
	lock_release(&table.lock);
	return found;
}

static void destroy(struct opened *opened)
{
	close(opened->end);
	file_put(opened->file);
	alloc_free(opened);
}

int opened_make(struct uiommufd_file *file, struct node node, int *fd)
{
	struct opened *opened = alloc_zeroed(sizeof(*opened));
	struct epoll_event event = {.events = EPOLLIN};
	struct stat st;
	int ends[2];
	int rc;

	if (!opened)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) {
		rc = -errno;
		goto out_free;
	}
	/* The program's end is always ready, and reading it finds the end of the file. */
	if (fstat(ends[1], &st) || shutdown(ends[0], SHUT_WR)) {
		rc = -errno;
		goto out_close;
	}
	*opened = (struct opened){
		.file = file, .node = node, .dev = st.st_dev, .inode = st.st_ino, .end = ends[0]};
	lock_acquire(&table.lock);
	opened->next = *bucket_of(st.st_ino);
	*bucket_of(st.st_ino) = opened;
	lock_release(&table.lock);
	event.data.u64 = st.st_ino;
	/* A hang-up is told as well, without being asked for. */
	if (epoll_ctl(table.hang_ups, EPOLL_CTL_ADD, ends[0], &event)) {
		rc = -errno;
		(void)take(st.st_ino);
		goto out_close;
	}
	*fd = ends[1];
	return 0;

out_close:
	close(ends[0]);
	close(ends[1]);
out_free:
	alloc_free(opened);
	return rc;
}

struct uiommufd_file *opened_find(const struct stat *st, struct node *node)
{
	struct uiommufd_file *file = NULL;

	lock_acquire(&table.lock);
	for (const struct opened *at = *bucket_of(st->st_ino); at && !file; at = at->next) {
		if (at->inode != st->st_ino || at->dev != st->st_dev)
			continue;
		file = file_get(at->file);
		*node = at->node;
	}
	lock_release(&table.lock);
	return file;
}

static void forget(ino_t inode)
{
	struct opened *opened = take(inode);

	if (opened)
		destroy(opened);
}

void opened_forget(const struct stat *st)
{
	forget(st->st_ino);
}

/* What write() has put into the socket of @inode is discarded, but not silently. */
static void discard(ino_t inode)
{
	static bool told; /* guarded by table.draining */
	char bytes[256];
	int end = -1;

	lock_acquire(&table.lock);
	for (const struct opened *at = *bucket_of(inode); at; at = at->next) {
		if (at->inode == inode)
			end = at->end;
	}
	lock_release(&table.lock);
	/* Only a thread that drains closes it, or one that has not given it to the program. */
	while (end >= 0 && recv(end, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		continue;
	if (!told)
		log_error("what a static program writes to a descriptor of the machine by write() "
			  "is lost; use pwrite() (docs/shared.md)");
	told = true;
}

void opened_drain(void)
{
	struct epoll_event events[AT_ONCE];
	int count;

	pthread_mutex_lock(&table.draining);
	do {
		count = epoll_wait(table.hang_ups, events, AT_ONCE, 0);
		for (int i = 0; i < count; i++) {
			if (events[i].events & EPOLLHUP)
				forget(events[i].data.u64);
			else
				discard(events[i].data.u64);
		}
	} while (count == AT_ONCE);
	pthread_mutex_unlock(&table.draining);
}

static void *wait_for_hang_ups(void *unused)
{
	struct epoll_event event;

	for (;;) {
		if (epoll_wait(table.hang_ups, &event, 1, -1) > 0)
			opened_drain();
	}
	return unused;
}

int opened_start(void)
{
	table.hang_ups = epoll_create1(EPOLL_CLOEXEC);
	if (table.hang_ups < 0)
		return -errno;
	return thread_start_detached(wait_for_hang_ups, NULL);
}
