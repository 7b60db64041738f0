/* SPDX-License-Identifier: MIT */
/* What Linux decides before it asks what the file is: by a command, by flags. */
#ifndef BASE_FILE_COMMAND_H
#define BASE_FILE_COMMAND_H

#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <sys/ioctl.h>

#include "base/sys.h"

/*
 * Whether the kernel can answer @cmd for the descriptor that stands for an emulated file, as it
 * does for every file. FIOASYNC is not among them: it is answered for a socket.
 */
static inline bool file_command_is_generic(unsigned int cmd)
{
	switch (cmd) {
	case FIOCLEX:
	case FIONCLEX:
	case FIONBIO:
	case FIGETBSZ:
	case FIFREEZE:
	case FITHAW:
	case FICLONE:
	case FICLONERANGE:
	case FS_IOC_FIEMAP:
		return true;
	default:
		return false;
	}
}

/* Whether @flags, as F_GETFL says them or a negative errno, permit access @mode. */
static inline bool file_flags_permit(long flags, int mode)
{
	return flags >= 0 && !(flags & O_PATH) &&
	       ((flags & O_ACCMODE) == O_RDWR || (flags & O_ACCMODE) == mode);
}

/*
 * Whether an open with @flags is EINVAL whatever the path is: O_CREAT and O_DIRECTORY have meant
 * different things together. What the kernel says of an empty path tells.
 */
static inline bool file_flags_are_impossible(int flags)
{
	return flags & O_DIRECTORY && flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) &&
	       sys_call(SYS_openat, AT_FDCWD, (long)"", flags, 0, 0, 0) == -EINVAL;
}

#endif
