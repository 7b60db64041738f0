/* SPDX-License-Identifier: MIT */
/*
 * DMA logging: which pages one device has written, for who copies a machine while it runs. Other
 * than the dirty bits of a page table it is the device's own, whatever the table is and however
 * large its leaves are.
 *
 * Start, stop and report on one endpoint are serialised by the caller; DMA goes on meanwhile.
 */
#ifndef IOMMU_DMA_LOG_H
#define IOMMU_DMA_LOG_H

#include "iommu/iommu.h"

/*
 * Records in units of @unit bytes (a power of two; larger ones where the ranges are huge) what is
 * written without a PASID in the
 * @count @ranges, which do not overlap. What begins after the return is recorded. 0; -EINVAL: it is
 * on; -ENOMEM.
 */
int iommu_dma_log_start(struct iommu_endpoint *endpoint, uint64_t unit,
			const struct iova_range *ranges, size_t count);

/* Off, and what was recorded is forgotten. */
void iommu_dma_log_stop(struct iommu_endpoint *endpoint);

/*
 * Calls @report for each part of @range that was written, ascending within each range of the log,
 * and records it anew from then on. What is reported may have been larger than what was written. 0,
 * or -EINVAL: it is off.
 */
int iommu_dma_log_report(struct iommu_endpoint *endpoint, struct iova_range range,
			 void (*report)(struct iova_range written, void *arg), void *arg);

#endif
