/* SPDX-License-Identifier: MIT */
/* Cost for other paths: comparisons of their beginning. */
#include "server/proc_fdinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/file.h"
#include "preload/engine/fdinfo_line.h"
#include "server/proc_link.h"
#include "server/program_fd.h"

enum {
	TEXT = 1024, /* bytes of the longest that the kernel has for a socket */
};

/* The line of the program's descriptor @fd, in the directory @task of its process; 0: none. */
static size_t line_of(int task, int fd, char line[FDINFO_LINE])
{
	const struct request of_process = {.task = task};
	struct node node;
	struct uiommufd_file *file = program_fd_file(&of_process, fd, &node);
	size_t len = file ? fdinfo_line(file, line) : 0;

	if (file)
		file_put(file);
	return len;
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
	len = read(from, text, TEXT);
	close(from);
	return len < 0 ? -EIO : len;
}

static int make_copy(int task, int fd)
{
	char text[TEXT + FDINFO_LINE], line[FDINFO_LINE];
	const size_t added = line_of(task, fd, line);
	ssize_t len = added ? read_kernels(task, fd, text) : -ENOENT;
	int copy;

	if (len < 0)
		return (int)len;
	memcpy(text + len, line, added);
	len += (ssize_t)added;
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
