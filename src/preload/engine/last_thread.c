/* SPDX-License-Identifier: MIT */
/* Cost: nothing until the first thread leaves; then a listing of /proc/self/task now and then. */
#include "preload/engine/last_thread.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/sys.h"
#include "preload/start/real.h"
#include "preload/start/root.h"
#include "vfio/device_thread.h"

enum {
	FIRST_MS = 2,
	LONGEST_MS = 100,
	MS = 1000000, /* nanoseconds */
};

/* An entry of getdents64(). */
struct entry {
	uint64_t inode;
	int64_t next;
	unsigned short size;
	unsigned char type;
	char name[];
};

static atomic_bool first_has_left, waits;

/* How many threads the process has; 0: it cannot be told. */
static unsigned int count_threads(void)
{
	_Alignas(struct entry) char list[4096];
	long fd = SYS(SYS_openat, AT_FDCWD, "/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned int count = 0;
	long len;

	if (fd < 0)
		return 0;
	while ((len = SYS(SYS_getdents64, fd, list, sizeof(list))) > 0) {
		for (long at = 0; at < len;) {
			const struct entry *entry = (const void *)(list + at);

			count += entry->name[0] != '.';
			at += entry->size;
		}
	}
	SYS(SYS_close, fd);
	return count;
}

static void *wait_for_others(void *unused)
{
	struct timespec time = {.tv_nsec = FIRST_MS * MS};
	sigset_t none;
	unsigned int count;

	/* The first thread, which is listed until the end, and this one. */
	while ((count = count_threads()) == 0 || count > thread_count() + 2) {
		SYS(SYS_nanosleep, &time, NULL);
		if (time.tv_nsec < LONGEST_MS * MS)
			time.tv_nsec *= 2;
	}
	sigemptyset(&none);
	(void)pthread_sigmask(SIG_SETMASK, &none, NULL);
	exit(0);
	return unused;
}

static void start(void)
{
	sigset_t all, old;
	pthread_t thread;

	if (sys_confined() || !thread_count() || atomic_exchange(&waits, true))
		return;
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	/* With the program's own size of stack: handlers of exit() run on it. */
	if (!REAL(pthread_create)(&thread, NULL, wait_for_others, NULL))
		pthread_detach(thread);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void last_thread_leaves(void)
{
	if (!root_active() || sys_confined() || SYS(SYS_gettid) != SYS(SYS_getpid))
		return;
	atomic_store(&first_has_left, true);
	start();
}

bool last_thread_is_alone(void)
{
	const unsigned int ours = root_active() && !sys_confined() ? thread_count() : 0;

	return ours && count_threads() == ours + 1;
}

void last_thread_engine_started(void)
{
	if (atomic_load(&first_has_left))
		start();
}
