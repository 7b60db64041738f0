/* SPDX-License-Identifier: MIT */
/* Whether the kernel has filters of system calls (seccomp(2)): qemu's emulation of one has none. */
#ifndef TESTS_LIB_FILTERS_H
#define TESTS_LIB_FILTERS_H

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline bool has_filters(void)
{
	uint32_t action = SECCOMP_RET_USER_NOTIF;

	return !syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action);
}

#endif
