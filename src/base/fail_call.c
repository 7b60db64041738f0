/* SPDX-License-Identifier: MIT */
/* Armed before the program has threads, and counted down by all of them. */
#include "base/fail_call.h"

#ifndef NDEBUG

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/sys.h"

bool fail_call_armed;

static atomic_long countdown;
static long error;

/* Whether a kernel may fail @number with the chosen error, whatever its arguments are. */
static bool may_fail(long number)
{
	switch (number) {
	case SYS_openat:
	case SYS_fcntl:
	case SYS_dup3:
	case SYS_eventfd2:
	case SYS_memfd_create:
	case SYS_pipe2:
	case SYS_socket:
		return error == EMFILE || error == ENOMEM ||
		       (error == EINTR && number == SYS_openat);
	case SYS_read:
	case SYS_write:
	case SYS_pread64:
	case SYS_pwrite64:
#ifdef SYS_poll
	case SYS_poll:
#endif
	case SYS_ppoll:
	case SYS_futex:
	case SYS_fallocate:
		return error == EINTR;
	case SYS_mmap:
	case SYS_mremap:
	case SYS_mprotect:
	case SYS_madvise:
	case SYS_process_vm_readv:
	case SYS_process_vm_writev:
	case SYS_ftruncate:
	case SYS_readlinkat:
	case SYS_newfstatat:
	case SYS_fstat:
	case SYS_statx:
	case SYS_membarrier:
		return error == ENOMEM;
	default:
		return false;
	}
}

bool fail_call_hit(long number, long *result)
{
	char line[96];
	int len;

	if (!may_fail(number) || atomic_fetch_sub(&countdown, 1) != 1)
		return false;
	fail_call_armed = false;
	len = snprintf(line, sizeof(line), "uiommufd: system call %ld fails with %ld\n", number,
		       error);
	(void)sys_write(STDERR_FILENO, line, (size_t)len);
	*result = -error;
	return true;
}

void fail_call_init(void)
{
	const char *text = getenv("UIOMMUFD_FAIL_CALL");
	long n;

	if (!text || fail_call_armed || sscanf(text, "%ld,%ld", &n, &error) != 2 || n <= 0)
		return;
	atomic_store(&countdown, n);
	fail_call_armed = true;
}

#endif
