/* SPDX-License-Identifier: MIT */
/* Reports of DMA that failed: which mistake of the program it was, and what leads there. */
#ifndef CHECKER_DMA_REPORT_H
#define CHECKER_DMA_REPORT_H

/* Makes faults reports from now on. Context: after report_start(), before any DMA. */
void dma_report_start(void);

#endif
