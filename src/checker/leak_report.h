/* SPDX-License-Identifier: MIT */
/* Reports of what a program leaves behind at its end. */
#ifndef CHECKER_LEAK_REPORT_H
#define CHECKER_LEAK_REPORT_H

/* Reports the mappings that are left. Context: no lock is held. */
void leak_report(void);

#endif
