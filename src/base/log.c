/* SPDX-License-Identifier: MIT */
/*
 * Lines to a descriptor. Nothing is buffered and nothing locked: a line is made on the stack and
 * leaves in one write.
 *
 * System calls are made directly, not through the C library's functions: those may be ours (the
 * preload library's), and what is logged is often said in the middle of one of them.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

static const char prefix[] = "uiommufd: ";
static const char cut_mark[] = "...";

static _Atomic int threshold = LOG_LEVEL_FAULT;
static _Atomic int output = STDERR_FILENO;

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&threshold, (int)level, memory_order_relaxed);
}

static int open_output(const char *path)
{
	int mine = STDERR_FILENO;
	int fd;

	fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
			  0666);
	if (fd < 0)
		return -errno;
	if (atomic_compare_exchange_strong(&output, &mine, fd))
		return 0;

	/*
	 * There is a file already. Its number must stay ours: a line of another thread that is on
	 * its way would land in whatever file gets the number next.
	 */
	if (syscall(SYS_dup3, fd, mine, O_CLOEXEC) < 0) {
		int err = -errno;

		syscall(SYS_close, fd);
		return err;
	}
	syscall(SYS_close, fd);
	return 0;
}

int log_open(const char *path)
{
	int saved = errno;
	int rc = open_output(path);

	errno = saved;
	return rc;
}

static void write_line(const char *line, size_t len)
{
	int fd = atomic_load_explicit(&output, memory_order_relaxed);

	while (syscall(SYS_write, fd, line, len) < 0 && errno == EINTR)
		;
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	const size_t text = sizeof(prefix) - 1;
	const size_t room = sizeof(line) - text; /* the newline takes the place of the 0 byte */
	int saved = errno;
	va_list args;
	size_t len;
	int printed;

	if ((int)level > atomic_load_explicit(&threshold, memory_order_relaxed))
		return;

	memcpy(line, prefix, text);
	va_start(args, format);
	printed = vsnprintf(line + text, room, format, args);
	va_end(args);
	if (printed >= 0) {
		len = (size_t)printed;
		if (len >= room) {
			len = room - 1;
			memcpy(line + text + len - (sizeof(cut_mark) - 1), cut_mark,
			       sizeof(cut_mark) - 1);
		}
		line[text + len] = '\n';
		write_line(line, text + len + 1);
	}
	errno = saved;
}
