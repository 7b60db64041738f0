/* SPDX-License-Identifier: MIT */
/*
 * Why the latest call of this thread was refused, as text, where an errno says too little: which
 * device, which window, which range (uiommufd_last_error()). A call that succeeds pays for storing
 * one byte.
 */
#ifndef IOMMUFD_LAST_ERROR_H
#define IOMMUFD_LAST_ERROR_H

#include <stdbool.h>

/* A call begins: nothing is known yet. */
void last_error_clear(void);

/*
 * What follows is about the device called @name, until last_error_about(NULL): the texts begin with
 * it. @name is borrowed.
 */
void last_error_about(const char *name);

/* The text, "" if there is none. The thread's own, until its next call. */
const char *last_error_text(void);

/* Whether each text is a line of the log, too. Default: no. */
void last_error_set_logging(bool on);

/* Sets the text, as printf; it is also a line of the log if that is on. */
void __attribute__((format(printf, 1, 2))) last_error_set(const char *format, ...);

#endif
