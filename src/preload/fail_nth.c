/* SPDX-License-Identifier: MIT */
#include "preload/fail_nth.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <uiommufd/caller.h>

#include "base/fail.h"
#include "base/file.h"
#include "mock/fail_nth.h"
#include "preload/engine.h"
#include "preload/real.h"

/* True if all of @path is as @format, "...%n", says; its numbers are in @first and @second. */
static bool matches(const char *path, const char *format, int *first, int *second)
{
	int used = 0;

	if (second)
		sscanf(path, format, first, second, &used);
	else if (first)
		sscanf(path, format, first, &used);
	else
		sscanf(path, format, &used);
	return used && path[used] == '\0';
}

/* The thread whose file @path names, or -1. The file of a process is that of its first thread. */
static pid_t thread_of(const char *path)
{
	int pid = getpid();
	int tid;

	if (matches(path, "/proc/thread-self/fail-nth%n", NULL, NULL))
		return (pid_t)SYS(SYS_gettid);
	if (matches(path, "/proc/self/fail-nth%n", NULL, NULL))
		return pid;
	if (matches(path, "/proc/self/task/%d/fail-nth%n", &tid, NULL) ||
	    matches(path, "/proc/%d/task/%d/fail-nth%n", &pid, &tid))
		return pid == getpid() ? tid : -1;
	if (matches(path, "/proc/%d/fail-nth%n", &pid, NULL))
		return pid == getpid() ? pid : -1;
	return -1;
}

static bool is_our_thread(pid_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d", tid);
	return SYS(SYS_faccessat, AT_FDCWD, path, F_OK) == 0;
}

static int install(pid_t tid, int flags)
{
	struct uiommufd_caller *caller = engine_caller();
	const uint64_t left = fail_left();
	struct uiommufd_file *file;
	struct engine_call call;
	int fd;

	/* Looking at the count must not use it up. */
	fail_arm(0);
	engine_enter(&call);
	fd = fail_nth_create(tid, &file);
	if (!fd) {
		fd = caller->ops->install_file(caller, file, flags & O_CLOEXEC);
		if (fd < 0)
			file_put(file);
	}
	engine_leave(&call);
	fail_arm(left);
	return fd < 0 ? -1 : fd;
}

int fail_nth_open(const char *path, int flags)
{
	size_t len = path && path_active() ? strlen(path) : 0;
	pid_t tid;

	if (len < sizeof("/fail-nth") ||
	    strcmp(path + len - (sizeof("/fail-nth") - 1), "/fail-nth"))
		return -1;
	tid = thread_of(path);
	if (tid < 0 || !is_our_thread(tid) || !engine_mock())
		return -1;
	return install(tid, flags);
}
