/* SPDX-License-Identifier: MIT */
/*
 * System calls by number: those of syscall(), those that the C library makes itself, and those that
 * the program makes without it. The latter two are caught from the start of the program on
 * (trap/detour.h, trap/user_dispatch.h).
 */
#ifndef PRELOAD_CALLS_CALL_DISPATCH_H
#define PRELOAD_CALLS_CALL_DISPATCH_H

#include <stdbool.h>

#include "base/sys.h"
#include "preload/trap/entry.h"

#ifdef __x86_64__

/*
 * Whether @call is to be answered here. Uses no vector registers. @dispatched: the program makes
 * the call without the C library; then @call may be changed.
 */
GENERAL_REGISTERS bool dispatch_concerns(struct caught_call *call, bool dispatched);

/* The result of @call, as the kernel gives it. errno stays as it is. */
long dispatch_answer(const struct caught_call *call, bool dispatched);

#endif
#endif
