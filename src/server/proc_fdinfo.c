/* SPDX-License-Identifier: MIT */
/* Cost for other paths: comparisons of their beginning. */
#include "server/proc_fdinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/file.h"
#include "preload/engine/fdinfo_line.h"
#include "server/opened.h"
#include "server/proc_link.h"
#include "server/program_fd.h"

enum {
	KERNELS = 1024,	     /* bytes of the longest that the kernel has for a socket */
	TEXT = KERNELS + 32, /* with longer flags */
};

/*
 * The line of the program's descriptor @fd, in the directory @task of its process, or "", and what
 * stands for it there. Its length; negative: it is none of an emulated file.
 */
static ssize_t line_of(int task, int fd, char line[FDINFO_LINE], struct stat *st)
{
	const struct request of_process = {.task = task};
	struct uiommufd_file *file = NULL;
	struct node node;
	size_t len;

	if (!program_fd_stat(&of_process, fd, st))
		file = opened_find(st, &node);
	if (!file)
		return -ENOENT;
	len = fdinfo_line(file, line);
	file_put(file);
	return (ssize_t)len;
}

/* Replaces the flags of the socket @st in @text, of @len bytes. The length then. */
static size_t correct_flags(char text[TEXT], size_t len, const struct stat *st)
{
	static const char name[] = "\nflags:\t";
	char rest[TEXT], *flags, *end;
	long value;

	text[len] = '\0';
	flags = strstr(text, name);
	if (!flags)
		return len;
	flags += sizeof(name) - 1;
	value = opened_flags(st, strtol(flags, &end, 8));
	strcpy(rest, end);
	return (size_t)(flags - text) +
	       (size_t)snprintf(flags, TEXT - (size_t)(flags - text), "0%lo%s", value, rest);
}

/* What the kernel says: the length of @text, or a negative errno. */
static ssize_t read_kernels(int task, int fd, char text[TEXT])
{
	char name[32];
	ssize_t len;
	int from;

	snprintf(name, sizeof(name), "fdinfo/%d", fd);
	from = openat(task, name, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return -errno;
	len = read(from, text, KERNELS);
	close(from);
	return len < 0 ? -EIO : len;
}

static int make_copy(int task, int fd)
{
	char text[TEXT + FDINFO_LINE], line[FDINFO_LINE];
	struct stat st;
	const ssize_t added = line_of(task, fd, line, &st);
	ssize_t len = added < 0 ? -ENOENT : read_kernels(task, fd, text);
	int copy;

	if (len < 0)
		return (int)len;
	len = (ssize_t)correct_flags(text, (size_t)len, &st);
	memcpy(text + len, line, (size_t)added);
	len += added;
	copy = memfd_create("fdinfo", MFD_CLOEXEC);
	if (copy < 0)
		return -errno;
	if (pwrite(copy, text, (size_t)len, 0) == len)
		return copy;
	close(copy);
	return -EIO;
}

int proc_fdinfo_open(const struct request *request, const char *path)
{
	static const char folder[] = "fdinfo/";
	const char *rest;
	int fd, copy, task;

	task = proc_link_enter(request, path, &rest);
	if (task < 0)
		return task;
	copy = -ENOENT;
	if (!strncmp(rest, folder, strlen(folder))) {
		rest += strlen(folder);
		fd = proc_link_number(&rest);
		if (fd >= 0 && !*rest)
			copy = make_copy(task, fd);
	}
	proc_link_leave(request, task);
	return copy;
}
