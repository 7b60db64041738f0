/* SPDX-License-Identifier: MIT */
#include "trace/error_name.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))
#define ERROR(constant) [constant] = #constant

static const char *const error_names[] = {
	ERROR(EPERM),	ERROR(ENOENT), ERROR(EINTR),	 ERROR(EIO),	    ERROR(ENXIO),
	ERROR(E2BIG),	ERROR(EBADF),  ERROR(EAGAIN),	 ERROR(ENOMEM),	    ERROR(EACCES),
	ERROR(EFAULT),	ERROR(EBUSY),  ERROR(EEXIST),	 ERROR(ENODEV),	    ERROR(EINVAL),
	ERROR(EMFILE),	ERROR(ENOTTY), ERROR(ENOSPC),	 ERROR(ERANGE),	    ERROR(EDEADLK),
	ERROR(ENOSYS),	ERROR(EBADFD), ERROR(EOVERFLOW), ERROR(EOPNOTSUPP), ERROR(EADDRINUSE),
	ERROR(ENOBUFS), ERROR(ETIME),  ERROR(ETIMEDOUT),
};

const char *error_name(int error)
{
	if (error >= 0 && error < (int)COUNT(error_names) && error_names[error])
		return error_names[error];
	return "an error";
}

int error_number(const char *name)
{
	for (int error = 1; error < (int)COUNT(error_names); error++)
		if (error_names[error] && strcmp(error_names[error], name) == 0)
			return error;
	return 0;
}
