/* SPDX-License-Identifier: MIT */
/*
 * Reports of calls that were refused: which check refused, what the value was, and what would pass
 * (base/last_error.h has the text).
 */
#ifndef CHECKER_CALL_REPORT_H
#define CHECKER_CALL_REPORT_H

#include "base/file.h"

/* Before an ioctl of the program. Costs a store and, while recording, a count. */
void call_begin(void);

/*
 * After an ioctl @cmd on @file, which gave @result. Reports it if it was refused or did nothing,
 * and if that is a mistake or the user wants to know all (--explain).
 *
 * Context: on the thread of the call, with no lock held.
 */
void call_end(const struct uiommufd_file *file, unsigned int cmd, long result);

/* Reports only what --explain asks for: the program tests the interface. */
void call_report_expect_mistakes(void);

#endif
