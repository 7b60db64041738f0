/* SPDX-License-Identifier: MIT */
/*
 * A line is formatted on the stack and leaves in one write(): nothing is buffered and no lock is
 * taken, so any code may log, in the middle of any call of the program.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/sys.h"

#define LINE_MAX_BYTES 2048

static const char prefix[] = "uiommufd: ";
static const char cut_mark[] = "...";

static _Atomic int threshold = LOG_LEVEL_FAULT;
static _Atomic int output = STDERR_FILENO;
static _Atomic(log_mistake_sink) mistake_sink;
static _Atomic(log_sink) line_sink;
static void *line_sink_arg; /* constant while there is one */

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&threshold, (int)level, memory_order_relaxed);
}

int log_open(const char *path)
{
	int mine = STDERR_FILENO;
	int fd, rc;

	fd = (int)sys_call(SYS_openat, AT_FDCWD, (long)path,
			   O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666, 0, 0);
	if (fd < 0)
		return fd;
	if (atomic_compare_exchange_strong(&output, &mine, fd))
		return 0;

	/*
	 * A log file is open already, and its number must stay: a thread that has just read the
	 * number would write its line into whatever file gets the number next.
	 */
	rc = (int)sys_call(SYS_dup3, fd, mine, O_CLOEXEC, 0, 0, 0);
	(void)sys_close(fd);
	return rc < 0 ? rc : 0;
}

bool log_is_terminal(void)
{
	char attributes[256]; /* of the kernel's layout */
	int fd = atomic_load_explicit(&output, memory_order_relaxed);

	return !sys_confined() && sys_call(SYS_ioctl, fd, TCGETS, (long)attributes, 0, 0, 0) == 0;
}

void log_write(const char *text, size_t len)
{
	int fd = atomic_load_explicit(&output, memory_order_relaxed);

	while (sys_write(fd, text, len) == -EINTR)
		;
}

void log_set_sink(log_sink sink, void *arg)
{
	line_sink_arg = arg;
	atomic_store(&line_sink, sink);
}

void log_set_mistake_sink(log_mistake_sink sink)
{
	atomic_store(&mistake_sink, sink);
}

void log_mistake(const char *kind, const char *format, ...)
{
	const log_mistake_sink sink = atomic_load(&mistake_sink);
	char text[512];
	int saved = errno;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (sink)
		sink(kind, text);
	else
		log_fault("%s", text);
	errno = saved;
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	const log_sink sink = atomic_load(&line_sink);
	const size_t text = sizeof(prefix) - 1;
	const size_t space = sizeof(line) - text; /* the newline replaces the 0 byte */
	int saved = errno;
	va_list args;
	size_t len;
	int printed;

	if ((int)level > atomic_load_explicit(&threshold, memory_order_relaxed))
		return;

	memcpy(line, prefix, text);
	va_start(args, format);
	printed = vsnprintf(line + text, space, format, args);
	va_end(args);
	if (printed >= 0) {
		len = (size_t)printed;
		if (len >= space) {
			len = space - 1;
			memcpy(line + text + len - (sizeof(cut_mark) - 1), cut_mark,
			       sizeof(cut_mark) - 1);
		}
		line[text + len] = sink ? '\0' : '\n';
		if (sink)
			sink(line_sink_arg, level, line + text);
		else
			log_write(line, text + len + 1);
	}
	errno = saved;
}
