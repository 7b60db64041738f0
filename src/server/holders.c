/* SPDX-License-Identifier: MIT */
/* Processes of other users, whose descriptors cannot be seen, hold none: they cannot join. */
#include "server/holders.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/opened.h"

static bool is_emulated(int fds, const char *name)
{
	struct stat st;

	return !fstatat(fds, name, &st, 0) && S_ISSOCK(st.st_mode) && opened_has(&st);
}

static bool holds_any(int proc, const char *name)
{
	char path[32];
	bool found = false;
	const struct dirent *entry;
	DIR *fds;
	int fd;

	if (snprintf(path, sizeof(path), "%s/fd", name) >= (int)sizeof(path))
		return false;
	fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fds = fd < 0 ? NULL : fdopendir(fd);
	if (!fds) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (!found && (entry = readdir(fds)))
		found = is_emulated(dirfd(fds), entry->d_name);
	closedir(fds);
	return found;
}

bool holders_other_than(pid_t pid)
{
	bool found = false;
	const struct dirent *entry;
	DIR *proc = opendir("/proc");

	if (!proc)
		return true;
	while (!found && (entry = readdir(proc))) {
		const pid_t other = (pid_t)atoi(entry->d_name);

		if (other > 0 && other != pid && other != getpid())
			found = holds_any(dirfd(proc), entry->d_name);
	}
	closedir(proc);
	return found;
}
