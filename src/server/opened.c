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
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/lock.h"
#include "base/log.h"
#include "server/late_write.h"
#include "sysfs/attribute.h"
#include "trace/events.h"
#include "vfio/device_thread.h"

struct opened {
	struct opened *next;
	struct uiommufd_file *file; /* a reference */
	struct node node;
	dev_t dev; /* this and the inode are of the program's end */
	ino_t inode;
	int end;			/* the server's */
	struct uiommufd_caller *writer; /* a reference, or NULL */
	int access;			/* of O_ACCMODE. This and the next: by the table's lock */
	struct stat shown_as;		/* without a mode: its node says it */

	int readiness; /* a descriptor that is ready when the file is; negative: it always is */
	bool shown;    /* the program's end is readable. This and @number: by the table's lock */
	int number;    /* under which a program had it last; negative: not known */
};

enum {
	BUCKETS = 256,
	AT_ONCE = 32, /* hang-ups taken by one call */
	CHANGES = 0,  /* no inode: @changes among the hang-ups */
};

static struct {
	struct lock lock;
	struct opened *buckets[BUCKETS]; /* guarded by the lock */
	int hang_ups;			 /* epoll of all ends, and of @changes; set once */
	int changes;			 /* epoll of readiness, by edges; set once */
	atomic_uint watched;		 /* how many have a readiness */
	atomic_uint written;		 /* and how many a writer */
	unsigned int shown;		 /* how many are; guarded by the lock */
	pthread_mutex_t draining;
} table = {
	.lock = LOCK_INIT(LOCK_SERVER),
	.hang_ups = -1,
	.changes = -1,
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
	if (found) {
		*at = found->next;
		table.shown -= found->shown;
	}
	lock_release(&table.lock);
	return found;
}

static void destroy(struct opened *opened)
{
	close(opened->end);
	if (opened->readiness >= 0) {
		/* The file has a copy of it, so closing it would not remove it. */
		(void)epoll_ctl(table.changes, EPOLL_CTL_DEL, opened->readiness, NULL);
		close(opened->readiness);
		atomic_fetch_sub(&table.watched, 1);
	}
	if (observed())
		event_close(opened->file, opened->file->ops->name);
	file_put(opened->file);
	if (opened->writer) {
		uiommufd_caller_put(opened->writer);
		atomic_fetch_sub(&table.written, 1);
	}
	alloc_free(opened);
}

static struct opened *find(ino_t inode) REQUIRES(table.lock)
{
	struct opened *at = *bucket_of(inode);

	lock_assert_held(&table.lock);
	while (at && at->inode != inode)
		at = at->next;
	return at;
}

/* ---- readiness ---- */

static bool is_readable(const struct opened *opened)
{
	struct pollfd fd = {.fd = opened->readiness, .events = POLLIN};

	return poll(&fd, 1, 0) == 1;
}

/* Makes the program's end readable if the file is. */
static void show(struct opened *opened) REQUIRES(table.lock)
{
	lock_assert_held(&table.lock);
	if (opened->readiness < 0 || opened->shown || !is_readable(opened))
		return;
	opened->shown = send(opened->end, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL) == 0;
	table.shown += opened->shown;
}

/* The end of @opened that @caller has, as a descriptor of our own. Negative: it is not found. */
static int fetch(const struct opened *opened, struct uiommufd_caller *caller)
{
	int fd = opened->number < 0 ? -1 : caller_dup_fd(caller, opened->number);
	struct stat st;

	if (fd < 0 || (!fstat(fd, &st) && st.st_ino == opened->inode && st.st_dev == opened->dev))
		return fd;
	close(fd);
	return -1;
}

/* Takes the message back if the file has nothing to read any more, through a copy of @caller. */
static void hide(struct opened *opened, struct uiommufd_caller *caller) REQUIRES(table.lock)
{
	char byte;
	int fd;

	lock_assert_held(&table.lock);
	if (!opened->shown || is_readable(opened))
		return;
	fd = fetch(opened, caller);
	if (fd < 0)
		return;
	(void)recv(fd, &byte, sizeof(byte), MSG_DONTWAIT);
	close(fd);
	opened->shown = false;
	table.shown--;
	/* For an event that has come meanwhile. */
	show(opened);
}

void opened_numbered(const struct stat *st, int fd)
{
	struct opened *opened;

	lock_acquire(&table.lock);
	opened = find(st->st_ino);
	if (opened)
		opened->number = fd;
	lock_release(&table.lock);
}

static void show_changes(void)
{
	struct epoll_event events[AT_ONCE];
	int count;

	do {
		count = epoll_wait(table.changes, events, AT_ONCE, 0);
		lock_acquire(&table.lock);
		for (int i = 0; i < count; i++) {
			struct opened *opened = find(events[i].data.u64);

			if (opened)
				show(opened);
		}
		lock_release(&table.lock);
	} while (count == AT_ONCE);
}

void opened_settle(struct uiommufd_caller *caller)
{
	if (!atomic_load(&table.watched))
		return;
	show_changes();
	if (!caller)
		return;
	lock_acquire(&table.lock);
	for (int i = 0; i < BUCKETS && table.shown; i++) {
		for (struct opened *at = table.buckets[i]; at; at = at->next)
			hide(at, caller);
	}
	lock_release(&table.lock);
}

/* Watches the readiness of the file of @opened, if it has one. 0 or a negative errno. */
static int watch(struct opened *opened)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = opened->inode};

	if (!opened->file->ops->readiness)
		return 0;
	opened->readiness = fcntl(opened->file->ops->readiness(opened->file), F_DUPFD_CLOEXEC, 0);
	if (opened->readiness < 0)
		return -errno;
	if (!epoll_ctl(table.changes, EPOLL_CTL_ADD, opened->readiness, &event)) {
		atomic_fetch_add(&table.watched, 1);
		return 0;
	}
	close(opened->readiness);
	opened->readiness = -1;
	return -errno;
}

/* ---- descriptions ---- */

/* Whether poll() says that @file can be written: always, but for queues that are only read. */
static bool is_writable(const struct uiommufd_file *file)
{
	return !file->ops->readiness || file->ops->write;
}

/* Has poll() say of the program's end @fd that it cannot be written. write() fails with EPIPE. */
static int make_unwritable(int fd)
{
	const int least = 1; /* the system makes it more */
	char byte = 0;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)))
		return -errno;
	/* Nothing takes these messages. */
	while (send(fd, &byte, sizeof(byte), MSG_DONTWAIT) == sizeof(byte))
		continue;
	return shutdown(fd, SHUT_WR) ? -errno : 0;
}

/*
 * A pair of sockets for @file: *@end is the program's. One that is always ready finds the end of
 * the file when it is read; the others have messages (show()). 0 or a negative errno.
 */
static int make_ends(const struct uiommufd_file *file, int ends[2], struct stat *st)
{
	const int type = file->ops->readiness ? SOCK_SEQPACKET : SOCK_STREAM;
	int rc;

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends))
		return -errno;
	if (!fstat(ends[1], st) && (file->ops->readiness || !shutdown(ends[0], SHUT_WR)) &&
	    (is_writable(file) || !make_unwritable(ends[1])))
		return 0;
	rc = -errno;
	close(ends[0]);
	close(ends[1]);
	return rc;
}

static int publish(struct opened *opened)
{
	/* A hang-up is told as well, without being asked for. */
	struct epoll_event event = {.events = is_writable(opened->file) ? EPOLLIN : 0,
				    .data.u64 = opened->inode};
	int rc = watch(opened);

	if (rc)
		return rc;
	lock_acquire(&table.lock);
	opened->next = *bucket_of(opened->inode);
	*bucket_of(opened->inode) = opened;
	show(opened);
	lock_release(&table.lock);
	if (!epoll_ctl(table.hang_ups, EPOLL_CTL_ADD, opened->end, &event))
		return 0;
	rc = -errno;
	(void)take(opened->inode);
	return rc;
}

int opened_make(struct uiommufd_file *file, struct node node, struct uiommufd_caller *writer,
		int *fd)
{
	struct opened *opened = alloc_zeroed(sizeof(*opened));
	struct stat st;
	int ends[2];
	int rc;

	if (!opened)
		return -ENOMEM;
	rc = make_ends(file, ends, &st);
	if (rc) {
		alloc_free(opened);
		return rc;
	}
	*opened = (struct opened){.file = file,
				  .node = node,
				  .dev = st.st_dev,
				  .inode = st.st_ino,
				  .end = ends[0],
				  .access = O_RDWR,
				  .writer = writer,
				  .readiness = -1,
				  .number = -1};
	if (writer) {
		uiommufd_caller_get(writer);
		atomic_fetch_add(&table.written, 1);
	}
	rc = publish(opened);
	if (!rc) {
		*fd = ends[1];
		return 0;
	}
	close(ends[1]);
	/* The reference stays with the caller. */
	file_get(file);
	destroy(opened);
	return rc;
}

bool opened_has(const struct stat *st)
{
	bool has;

	lock_acquire(&table.lock);
	has = find(st->st_ino);
	lock_release(&table.lock);
	return has;
}

void opened_show_as(const struct stat *st, const struct stat *shown)
{
	struct opened *opened;

	lock_acquire(&table.lock);
	opened = find(st->st_ino);
	if (opened)
		opened->shown_as = *shown;
	lock_release(&table.lock);
}

bool opened_is_shown_as(const struct stat *st, struct stat *shown)
{
	const struct opened *opened;
	bool is;

	lock_acquire(&table.lock);
	opened = find(st->st_ino);
	is = opened && opened->shown_as.st_mode;
	if (is)
		*shown = opened->shown_as;
	lock_release(&table.lock);
	return is;
}

void opened_set_access(const struct stat *st, int access)
{
	struct opened *opened;

	lock_acquire(&table.lock);
	opened = find(st->st_ino);
	if (opened)
		opened->access = access;
	lock_release(&table.lock);
}

bool opened_may(const struct stat *st, bool write)
{
	const struct opened *opened;
	bool may;

	lock_acquire(&table.lock);
	opened = find(st->st_ino);
	may = !opened || opened->access == O_RDWR ||
	      opened->access == (write ? O_WRONLY : O_RDONLY);
	lock_release(&table.lock);
	return may;
}

/* The kernel's O_LARGEFILE, which is 0 for programs. */
static long large_file(void)
{
	static atomic_long flag = -1;
	long found = atomic_load_explicit(&flag, memory_order_relaxed);
	int fd;

	if (found >= 0)
		return found;
	fd = open("/", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	found = fcntl(fd, F_GETFL) & ~(O_ACCMODE | O_DIRECTORY);
	close(fd);
	atomic_store_explicit(&flag, found, memory_order_relaxed);
	return found;
}

long opened_flags(const struct stat *st, long flags)
{
	const struct opened *opened;
	struct node node = {.kind = NODE_NONE};
	int access = O_RDWR;

	lock_acquire(&table.lock);
	opened = find(st->st_ino);
	if (opened) {
		access = opened->access;
		node = opened->node;
	}
	lock_release(&table.lock);
	if (node.kind != NODE_NONE)
		flags |= large_file();
	return (flags & ~(O_ACCMODE | O_ASYNC)) | access;
}

bool opened_has_writer(const struct stat *st)
{
	const struct opened *opened;
	bool has;

	lock_acquire(&table.lock);
	opened = find(st->st_ino);
	has = opened && opened->writer;
	lock_release(&table.lock);
	return has;
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

/* A program has written to the socket of @opened: carries out what, or discards it, and says so. */
static void take_written(const struct opened *opened)
{
	static bool told; /* guarded by table.draining */
	char bytes[SYSFS_TEXT];
	ssize_t len;

	while ((len = recv(opened->end, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		if (opened->writer) {
			late_write(opened->file, opened->writer, bytes, (size_t)len);
			continue;
		}
		if (!told)
			log_error("what a program writes to a descriptor of the machine by "
				  "write() is lost; use pwrite() (docs/shared.md)");
		told = true;
	}
}

/* The same by @inode. */
static void take_written_to(ino_t inode)
{
	const struct opened *opened;

	lock_acquire(&table.lock);
	opened = find(inode);
	lock_release(&table.lock);
	/* Only a thread that drains frees it, or one that has not given it to the program. */
	if (opened)
		take_written(opened);
}

static void take_event(const struct epoll_event *event)
{
	if (event->events & EPOLLIN)
		take_written_to(event->data.u64);
	if (event->events & EPOLLHUP)
		forget(event->data.u64);
}

void opened_drain(void)
{
	struct epoll_event events[AT_ONCE];
	int count;

	pthread_mutex_lock(&table.draining);
	do {
		count = epoll_wait(table.hang_ups, events, AT_ONCE, 0);
		for (int i = 0; i < count; i++) {
			if (events[i].data.u64 == CHANGES)
				opened_settle(NULL);
			else
				take_event(&events[i]);
		}
	} while (count == AT_ONCE);
	pthread_mutex_unlock(&table.draining);
}

void opened_settle_writes(unsigned int ms)
{
	if (atomic_load(&table.written))
		opened_drain();
	late_write_settle(ms);
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
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = CHANGES};

	table.hang_ups = epoll_create1(EPOLL_CLOEXEC);
	table.changes = epoll_create1(EPOLL_CLOEXEC);
	if (table.hang_ups < 0 || table.changes < 0 ||
	    epoll_ctl(table.hang_ups, EPOLL_CTL_ADD, table.changes, &event))
		return -errno;
	return thread_start_detached(wait_for_hang_ups, NULL);
}
