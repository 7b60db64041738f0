/* SPDX-License-Identifier: MIT */
/* Names of errors, as programs write them. */
#ifndef TRACE_ERROR_NAME_H
#define TRACE_ERROR_NAME_H

/* "EINVAL" for @error, positive; "an error" for one that no call here gives. */
const char *error_name(int error);

/* EINVAL for "EINVAL"; 0: there is no such name. */
int error_number(const char *name);

#endif
