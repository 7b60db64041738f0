/* SPDX-License-Identifier: MIT */
/*
 * What programs write to attributes of sysfs by write() under numbers that the filter does not stop
 * (server/filter.h), as a shell does behind `>`. It arrives in the server's end of the socket, when
 * the program has gone on: it is carried out in the order of arrival, and an error is logged.
 *
 * Thread-safe; no lock may be held.
 */
#ifndef SERVER_LATE_WRITE_H
#define SERVER_LATE_WRITE_H

#include <stddef.h>

#include "base/file.h"

/* Carries out that @writer has written @len bytes of @text to @file, of which it takes copies. */
void late_write(struct uiommufd_file *file, struct uiommufd_caller *writer, const char *text,
		size_t len);

/*
 * Waits until all that has been given to late_write() is carried out, but no longer than @ms
 * milliseconds: a device is taken from its driver when the last program has closed it.
 */
void late_write_settle(unsigned int ms);

#endif
