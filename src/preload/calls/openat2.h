/* SPDX-License-Identifier: MIT */
/* openat2(), for which the C library has no function. */
#ifndef PRELOAD_CALLS_OPENAT2_H
#define PRELOAD_CALLS_OPENAT2_H

/* The call with its arguments, as a function of the C library: -1 and errno, if it fails. */
long call_openat2(const long *args);

#endif
