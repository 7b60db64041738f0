/* SPDX-License-Identifier: MIT */
/* What is asked of /proc is of the thread that waits; giving is for its call alone. */
#include "server/program_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "server/filter.h"
#include "server/opened.h"
#include "server/proc_file.h"

/* Missing in older headers; a kernel before 5.14 answers -EINVAL. */
#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND (1UL << 1)
#endif

/* The kernel shows nothing of a program that does not let itself be looked into. */
static void tell_of_hidden(void)
{
	static atomic_bool told;

	if (!atomic_exchange(&told, true))
		log_error("calls of a program cannot be answered: it does not let itself be looked "
			  "into (PR_SET_DUMPABLE; docs/shared.md)");
}

int program_fd_stat(const struct request *request, int fd, struct stat *st)
{
	char name[32];

	snprintf(name, sizeof(name), "fd/%d", fd);
	if (fd >= 0 && !fstatat(request->task, name, st, 0))
		return 0;
	if (fd >= 0 && errno == EACCES)
		tell_of_hidden();
	return -EBADF;
}

static atomic_bool roots_differ;

void program_fd_roots_differ(void)
{
	atomic_store(&roots_differ, true);
}

bool program_fd_roots_may_differ(void)
{
	return atomic_load(&roots_differ);
}

/* @name, of @len bytes, becomes what the program calls it in another root, if in /dev or /sys. */
static ssize_t name_in_root(const struct request *request, char *name, ssize_t len)
{
	char root[PATH_MAX];
	ssize_t root_len;

	if (!atomic_load(&roots_differ))
		return len;
	root_len = readlinkat(request->task, "root", root, sizeof(root));
	if (root_len <= 1 || root_len >= len || memcmp(name, root, (size_t)root_len) != 0 ||
	    !(path_is_within(name + root_len, "/dev") || path_is_within(name + root_len, "/sys")))
		return len;
	memmove(name, name + root_len, (size_t)(len - root_len) + 1);
	return len - root_len;
}

int program_fd_name(const struct request *request, int fd, char name[PATH_MAX])
{
	char link[32] = "cwd";
	ssize_t len;

	if (fd != AT_FDCWD)
		snprintf(link, sizeof(link), "fd/%d", fd);
	len = readlinkat(request->task, link, name, PATH_MAX - 1);
	if (len < 0)
		return errno == ENOENT ? -EBADF : -errno;
	name[len] = '\0';
	return (int)name_in_root(request, name, len);
}

struct uiommufd_file *program_fd_file(const struct request *request, int fd, struct node *node)
{
	struct stat st;

	return program_fd_stat(request, fd, &st) ? NULL : opened_find(&st, node);
}

int program_fd_give(const struct request *request, int fd, int flags, bool answer)
{
	struct seccomp_notif_addfd give = {
		.id = request->call->id,
		.flags = answer ? SECCOMP_ADDFD_FLAG_SEND : 0,
		.srcfd = (uint32_t)fd,
		.newfd_flags = flags & O_CLOEXEC ? O_CLOEXEC : 0,
	};
	int number = ioctl(request->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &give);

	return number < 0 ? -errno : number;
}

/*
 * A number of FILTER_FIRST_FD to FILTER_LAST_FD that is free in the program, @least or more;
 * negative: none is.
 */
static int find_free(const struct request *request, uint64_t least)
{
	const int first = (int)min_u64(max_u64(least, FILTER_FIRST_FD), FILTER_LAST_FD + 1);
	uint64_t limit = 0;
	char name[32];

	(void)proc_file_number(request->task, "limits", "\nMax open files", 10, &limit);
	for (int fd = first; fd < (int)min_u64(limit, FILTER_LAST_FD + 1); fd++) {
		snprintf(name, sizeof(name), "fd/%d", fd);
		if (faccessat(request->task, name, F_OK, AT_SYMLINK_NOFOLLOW))
			return fd;
	}
	return -EMFILE;
}

bool program_fd_needs_number(const struct uiommufd_file *file)
{
	return file->ops->read && !(file->flags & FILE_SEEKABLE);
}

int program_fd_give_emulated(const struct request *request, const struct uiommufd_file *file,
			     int fd, int flags, uint64_t least)
{
	/* So that two threads do not find the same number. */
	static pthread_mutex_t giving = PTHREAD_MUTEX_INITIALIZER;
	struct seccomp_notif_addfd give = {
		.id = request->call->id,
		.flags = SECCOMP_ADDFD_FLAG_SETFD,
		.srcfd = (uint32_t)fd,
		.newfd_flags = flags & O_CLOEXEC ? O_CLOEXEC : 0,
	};
	int number, rc = -1;

	pthread_mutex_lock(&giving);
	number = find_free(request, least);
	give.newfd = (uint32_t)number;
	if (number >= 0)
		rc = ioctl(request->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &give);
	pthread_mutex_unlock(&giving);
	if (rc >= 0)
		return number;
	if (program_fd_needs_number(file))
		log_error("no descriptor from %d to %d is free: reading and writing it finds "
			  "nothing (docs/shared.md)",
			  FILTER_FIRST_FD, FILTER_LAST_FD);
	return least ? -EMFILE : program_fd_give(request, fd, flags, false);
}
