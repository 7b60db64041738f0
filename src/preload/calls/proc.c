/* SPDX-License-Identifier: MIT */
/*
 * The paths are recognised by their text: /proc/self, /proc/thread-self and /proc/PID with the ID
 * of this process. Cost for any other path: a few compared characters.
 */
#include "preload/calls/proc.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/caller.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/sys.h"
#include "mock/mock_fail_nth.h"
#include "preload/calls/fd.h"
#include "preload/engine/call.h"
#include "preload/engine/engine.h"
#include "preload/engine/fdinfo_line.h"
#include "preload/engine/own_process.h"
#include "preload/engine/status_text.h"
#include "preload/start/real.h"
#include "preload/start/root.h"

/* ---- fdinfo ---- */

/* The N of "/proc/self/fdinfo/N" or "/proc/PID/fdinfo/N"; -1 for another path. */
static int descriptor_of(const char *path)
{
	static const char proc[] = "/proc/";
	int pid = 0;
	int used = 0;
	int fd;

	if (strncmp(path, proc, sizeof(proc) - 1) != 0 || !strstr(path, "/fdinfo/"))
		return -1;
	path += sizeof(proc) - 1;
	if (sscanf(path, "self/fdinfo/%d%n", &fd, &used) != 1 &&
	    (sscanf(path, "%d/fdinfo/%d%n", &pid, &fd, &used) != 2 || pid != getpid()))
		return -1;
	return path[used] == '\0' ? fd : -1;
}

/* The line that VFIO adds for the device behind @fd. Returns its length; 0: no device. */
static size_t device_line(int fd, char line[FDINFO_LINE])
{
	struct engine_call call;
	struct description *desc = engine_enter_fd(&call, fd);
	size_t len;

	if (!desc)
		return 0;
	len = fdinfo_line(desc->file, line);
	engine_leave_fd(&call, desc);
	return len;
}

/* Writes what @path shows, then @line, to @to. Returns a negative errno on failure. */
static long fill(int to, const char *path, const char *line, size_t len)
{
	char text[1024];
	int from = (int)SYS(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	long n;

	if (from < 0)
		return from;
	n = SYS(SYS_read, from, text, sizeof(text));
	SYS(SYS_close, from);
	if (n <= 0)
		return n;
	n = SYS(SYS_write, to, text, n);
	if (n <= 0)
		return n;
	n = SYS(SYS_write, to, line, len);
	if (n <= 0)
		return n;
	return SYS(SYS_lseek, to, 0, SEEK_SET);
}

static int open_fdinfo(const char *path, int flags)
{
	char line[FDINFO_LINE];
	size_t len;
	int fd;

	if (!path || path[0] != '/' || path[1] != 'p' || (flags & O_ACCMODE) != O_RDONLY)
		return -1;
	fd = descriptor_of(path);
	len = fd >= 0 ? device_line(fd, line) : 0;
	if (!len)
		return -1;
	fd = (int)SYS(SYS_memfd_create, "fdinfo", flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
	if (fd < 0)
		return -1;
	if (fill(fd, path, line, len) < 0)
		goto out_close;
	sys_read_only(fd, flags & O_CLOEXEC);
	fd_opened(fd, PATH_HINT_NONE);
	return fd;

out_close:
	SYS(SYS_close, fd);
	return -1;
}

/* ---- status ---- */

enum {
	STATUS_TEXT = 65536, /* bytes of the longest: there may be many groups */
};

/* Reads all of the file @path, as a string. False: it cannot be read, or is longer. */
static bool read_status(const char *path, char text[STATUS_TEXT])
{
	int fd = (int)SYS(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	long len = fd < 0 ? -1 : SYS(SYS_read, fd, text, STATUS_TEXT - 1);

	if (fd >= 0)
		SYS(SYS_close, fd);
	if (len > 0)
		text[len] = '\0';
	return len > 0 && len < STATUS_TEXT - 1;
}

/* A copy of the status at @path, with what the kernel does not know. -1: it cannot be made. */
static int copy_status(const char *path, int flags, uint64_t pinned, uint64_t locked)
{
	int fd = -1;
	void *text = NULL;

	if (sys_mmap(NULL, STATUS_TEXT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0,
		     &text))
		return -1;
	if (read_status(path, text))
		fd = (int)SYS(SYS_memfd_create, "status", flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
	if (fd >= 0 && status_text_write(fd, text, pinned, locked)) {
		SYS(SYS_close, fd);
		fd = -1;
	}
	sys_munmap(text, STATUS_TEXT);
	return fd < 0 ? -1 : fd;
}

static int open_status(const char *path, int flags)
{
	uint64_t pinned, locked;
	int fd;

	if (!path || path[0] != '/' || path[1] != 'p' || flags & (O_ACCMODE | O_PATH | O_DIRECTORY))
		return -1;
	own_process_locked(&pinned, &locked);
	if ((!pinned && !locked) || status_text_process(path, getpid()) != getpid())
		return -1;
	fd = copy_status(path, flags, pinned, locked);
	if (fd < 0)
		return fd;
	sys_read_only(fd, flags & O_CLOEXEC);
	fd_opened(fd, PATH_HINT_NONE);
	return fd;
}

/* ---- fail-nth ---- */

/*
 * Whether all of @path matches @format, which ends in "%n"; the numbers in it go to @first and
 * @second, which are NULL where @format has fewer.
 */
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

/* The thread that @path names the fail-nth of, or -1. A process has that of its first thread. */
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

static int install_fail_nth(pid_t tid, int flags)
{
	struct uiommufd_file *file;
	int fd;

	fd = fail_nth_create(tid, &file);
	if (fd)
		return fd;
	fd = caller_install_file(own_process_caller(), file, flags & O_CLOEXEC);
	if (fd < 0)
		file_put(file);
	return fd;
}

static int open_fail_nth(const char *path, int flags)
{
	static const char name[] = "/fail-nth";
	size_t len = path && root_active() ? strlen(path) : 0;
	struct engine_call call;
	uint64_t left;
	pid_t tid;
	int fd;

	if (len < sizeof(name) || strcmp(path + len - (sizeof(name) - 1), name) != 0)
		return -1;
	tid = thread_of(path);
	if (tid < 0 || !is_our_thread(tid) || !engine_mock())
		return -1;
	/* Opening the file must not use up the count that it shows. */
	left = fail_left();
	fail_arm(0);
	engine_enter(&call);
	fd = install_fail_nth(tid, flags);
	engine_leave(&call);
	fail_arm(left);
	return fd < 0 ? -1 : fd;
}

int proc_open(const char *path, int flags)
{
	int fd = open_fail_nth(path, flags);

	if (fd < 0)
		fd = open_fdinfo(path, flags);
	return fd < 0 ? open_status(path, flags) : fd;
}
