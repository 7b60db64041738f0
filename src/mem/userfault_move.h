/* SPDX-License-Identifier: MIT */
/* UFFDIO_MOVE of userfaultfd(2), which is newer than some headers (Linux 6.8). */
#ifndef MEM_USERFAULT_MOVE_H
#define MEM_USERFAULT_MOVE_H

#include <linux/ioctl.h>
#include <stddef.h>
#include <stdint.h>

struct userfault_move {
	uint64_t dst, src, len, mode;
	int64_t moved; /* result: bytes, or a negative errno */
};

#define USERFAULT_MOVE	      _IOWR(0xaa, 5, struct userfault_move)
#define USERFAULT_MOVE_RESULT offsetof(struct userfault_move, moved)

#endif
