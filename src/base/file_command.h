/* SPDX-License-Identifier: MIT */
/* ioctls that Linux answers before it asks what the file is. */
#ifndef BASE_FILE_COMMAND_H
#define BASE_FILE_COMMAND_H

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <sys/ioctl.h>

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

#endif
