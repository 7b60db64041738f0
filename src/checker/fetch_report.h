/* SPDX-License-Identifier: MIT */
/* Reports of double fetches (vfio/double_fetch.h). */
#ifndef CHECKER_FETCH_REPORT_H
#define CHECKER_FETCH_REPORT_H

/* Context: before any device is open. */
void fetch_report_start(void);

#endif
