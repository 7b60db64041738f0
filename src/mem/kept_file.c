/* SPDX-License-Identifier: MIT */
/* See kept_file.h. */
#include "mem/kept_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/sys.h"

static pid_t this_process(void)
{
	return (pid_t)sys_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

static bool stat_of(int fd, struct stat *st)
{
	return sys_call(SYS_fstat, fd, (long)st, 0, 0, 0, 0) == 0;
}

bool kept_file_is_open(const struct kept_file *file)
{
	struct stat st;

	return file->fd >= 0 && file->pid == this_process() && stat_of(file->fd, &st) &&
	       st.st_dev == file->dev && st.st_ino == file->ino;
}

void kept_file_open(struct kept_file *file, const char *path, int flags)
{
	struct stat st;
	int fd;

	if (kept_file_is_open(file))
		return;
	/* The parent's. A number of this process was closed behind us, and is another file's. */
	if (file->fd >= 0 && file->pid != this_process())
		(void)sys_close(file->fd);
	file->fd = -1;
	fd = sys_confined() ? -EPERM : sys_open(path, flags | O_CLOEXEC);
	if (fd < 0)
		return;
	fd = sys_move_away(fd);
	if (!stat_of(fd, &st)) {
		(void)sys_close(fd);
		return;
	}
	*file = (struct kept_file){
		.fd = fd, .pid = this_process(), .dev = st.st_dev, .ino = st.st_ino};
}
