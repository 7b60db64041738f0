/* SPDX-License-Identifier: MIT */
/* Whether the /proc that the command finds tells of its processes: a container may have none. */
#ifndef CMD_OWN_PROC_H
#define CMD_OWN_PROC_H

enum own_proc {
	OWN_PROC_IS_THERE,
	OWN_PROC_OF_OTHERS, /* it is that of another PID namespace, where we have another number */
	OWN_PROC_MISSING,
};

enum own_proc own_proc_find(void);

/* What to do about it. */
#define OWN_PROC_CURE "mount -t proc proc /proc"

#endif
