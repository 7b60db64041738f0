/* SPDX-License-Identifier: MIT */
/*
 * Why this thread's latest call was refused, as text, where an errno says too little: which device,
 * which window, which range (uiommufd_last_error()).
 *
 * Each thread has a text of its own, so there are no locks. A call that succeeds stores one byte.
 */
#ifndef IOMMUFD_LAST_ERROR_H
#define IOMMUFD_LAST_ERROR_H

#include <stdbool.h>

/* Forgets the text of the previous call. */
void last_error_clear(void);

/*
 * Starts each text with the name of a device, @name, until last_error_about(NULL). Borrows @name.
 */
void last_error_about(const char *name);

/* The text, "" if there is none. It belongs to the thread and is valid until its next call. */
const char *last_error_text(void);

/* Whether each text also goes to the log. Default: no. */
void last_error_set_logging(bool on);

/* Sets the text, formatted like printf(), and logs it if logging is on. */
void __attribute__((format(printf, 1, 2))) last_error_set(const char *format, ...);

#endif
