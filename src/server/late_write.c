/* SPDX-License-Identifier: MIT */
/*
 * A queue and a thread, which is started with the first write and stays. The lock guards both, and
 * is held while nothing is carried out. Cost without such writes: a load for each settling.
 */
#include "server/late_write.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include <urcu/compiler.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/world.h"
#include "vfio/device_thread.h"

enum {
	TOLD = 20, /* failures that are logged */
};

struct written {
	struct written *next;
	struct uiommufd_file *file;	/* a reference */
	struct uiommufd_caller *writer; /* a reference */
	size_t len;
	char text[];
};

static struct {
	struct lock lock;
	struct condition changed;
	struct written *first, **end;
	bool started;
	atomic_uint pending; /* with the one that is carried out */
} queue = {
	.lock = LOCK_INIT(LOCK_LATE_WRITE),
	.end = &queue.first,
};

/* ---- a caller whose memory is the text, and whose rights are the writer's ---- */

struct text_caller {
	struct uiommufd_caller caller;
	const struct written *written;
};

static const struct written *written_of(struct uiommufd_caller *caller)
{
	return caa_container_of(caller, struct text_caller, caller)->written;
}

static int text_read(struct uiommufd_caller *caller, void *dst, uint64_t src, size_t len)
{
	const struct written *written = written_of(caller);

	if (src > written->len || len > written->len - src)
		return -EFAULT;
	memcpy(dst, written->text + src, len);
	return 0;
}

static int text_write(struct uiommufd_caller *caller, uint64_t dst, const void *src, size_t len)
{
	(void)caller;
	(void)dst;
	(void)src;
	(void)len;
	return -EFAULT;
}

static int text_populate(struct uiommufd_caller *caller, uint64_t va, uint64_t len, bool write)
{
	(void)caller;
	(void)va;
	(void)len;
	(void)write;
	return -EFAULT;
}

static bool text_capable(struct uiommufd_caller *caller, int cap)
{
	return caller_capable(written_of(caller)->writer, cap);
}

static const struct uiommufd_caller_ops text_ops = {
	.read = text_read,
	.write = text_write,
	.populate = text_populate,
	.capable = text_capable,
};

/* ---- the thread ---- */

/* A program cannot fill the log. */
static void tell(const struct written *written, int error)
{
	static unsigned int failures; /* of this thread alone */

	if (++failures > TOLD)
		return;
	log_error("process %d was not told that its write to a file of sysfs has failed: %s%s "
		  "(docs/shared.md)",
		  (int)written->writer->pid, strerror(error),
		  failures == TOLD ? "; there are no more lines about that" : "");
}

static void carry_out(const struct written *written)
{
	struct uiommufd_file *file = written->file;
	struct text_caller text = {.written = written};
	uint64_t pos = 0;
	ssize_t rc = world_enter();

	uiommufd_caller_init(&text.caller, &text_ops, written->writer->pid, 0);
	if (!rc) {
		rc = file->ops->write(file, &text.caller, 0, written->len, &pos);
		world_leave();
	}
	if (rc < 0)
		tell(written, (int)-rc);
}

static struct written *take(void)
{
	struct written *written;

	lock_acquire(&queue.lock);
	while (!queue.first)
		lock_wait(&queue.lock, &queue.changed);
	written = queue.first;
	queue.first = written->next;
	if (!queue.first)
		queue.end = &queue.first;
	lock_release(&queue.lock);
	return written;
}

static void *run(void *unused)
{
	for (;;) {
		struct written *written = take();

		carry_out(written);
		file_put(written->file);
		uiommufd_caller_put(written->writer);
		alloc_free(written);
		lock_acquire(&queue.lock);
		atomic_fetch_sub(&queue.pending, 1);
		condition_broadcast(&queue.changed);
		lock_release(&queue.lock);
	}
	return unused;
}

void late_write(struct uiommufd_file *file, struct uiommufd_caller *writer, const char *text,
		size_t len)
{
	struct written *written = alloc_zeroed(sizeof(*written) + len);
	bool works;

	if (!written) {
		log_error("what a program has written to a file of sysfs is lost: no memory");
		return;
	}
	written->file = file_get(file);
	written->writer = writer;
	uiommufd_caller_get(writer);
	written->len = len;
	memcpy(written->text, text, len);
	lock_acquire(&queue.lock);
	*queue.end = written;
	queue.end = &written->next;
	atomic_fetch_add(&queue.pending, 1);
	works = queue.started || !thread_start_detached(run, NULL);
	queue.started = works;
	condition_broadcast(&queue.changed);
	lock_release(&queue.lock);
	if (!works)
		log_error("what a program has written to a file of sysfs waits: no thread");
}

void late_write_settle(unsigned int ms)
{
	struct timespec end;

	if (!atomic_load(&queue.pending))
		return;
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_nsec += ms * 1000000L;
	end.tv_sec += end.tv_nsec / 1000000000L;
	end.tv_nsec %= 1000000000L;
	lock_acquire(&queue.lock);
	while (atomic_load(&queue.pending) &&
	       lock_wait_until(&queue.lock, &queue.changed, &end) != -ETIMEDOUT)
		continue;
	lock_release(&queue.lock);
}
