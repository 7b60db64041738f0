/* SPDX-License-Identifier: MIT */
/*
 * syscall(), by which programs make calls that the C library has no function for, or not the one
 * that they want (libuv's statx). Numbers of calls that are answered here (numbers.def) go to the
 * replacing function; any other goes to the kernel, without the C library: this may be called
 * before its functions have been looked up.
 */
#include "preload/start/real.h"

#ifdef REAL_SYSCALL_IS_REPLACED

#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "preload/calls/call_dispatch.h"
#include "preload/engine/last_thread.h"
#include "preload/process/path.h"
#include "preload/start/root.h"
#include "preload/trap/user_dispatch.h"

static long make(struct caught_call *call)
{
	const long *args = call->args;

	if (call->number == SYS_exit) {
		if (last_thread_is_alone())
			return SYS(SYS_exit_group, args[0]);
		last_thread_leaves();
	}
	if (root_active() && dispatch_concerns(call, false))
		return dispatch_answer(call, true);
	return SYS(call->number, args[0], args[1], args[2], args[3], args[4], args[5]);
}

EXPORT int prctl(int option, ...)
{
	struct caught_call call = {.number = SYS_prctl, .args = {option}};
	va_list list;

	va_start(list, option);
	for (int i = 1; i < 5; i++)
		call.args[i] = va_arg(list, long);
	va_end(list);
	return (int)libc_result(make(&call));
}

EXPORT long syscall(long number, ...)
{
	struct caught_call call = {.number = number};
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		call.args[i] = va_arg(list, long);
	va_end(list);
	return libc_result(make(&call));
}

#endif
