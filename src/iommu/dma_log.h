/* SPDX-License-Identifier: MIT */
/*
 * DMA logging: which pages one device has written, for the live migration of a virtual machine.
 * Unlike the dirty bits of a page table, the log belongs to the device: it depends neither on the
 * format of the table nor on the size of its leaves.
 *
 * Locking: the caller serialises start, stop and report on one endpoint. DMA continues meanwhile.
 */
#ifndef IOMMU_DMA_LOG_H
#define IOMMU_DMA_LOG_H

#include "iommu/iommu.h"

/*
 * Starts to record what is written without a PASID in the @count @ranges, which do not overlap, in
 * units of @unit bytes (a power of two; the units may be larger if the ranges are huge). All DMA
 * that begins after the return is recorded. 0; -EINVAL: it is on already; -ENOMEM.
 */
int iommu_dma_log_start(struct iommu_endpoint *endpoint, uint64_t unit,
			const struct iova_range *ranges, size_t count);

/* Stops recording, and forgets what was recorded. */
void iommu_dma_log_stop(struct iommu_endpoint *endpoint);

/*
 * Calls @report for each part of @range that was written, ascending within each range of the log,
 * and forgets it. What is reported may be larger than what was written. 0, or -EINVAL: it is off.
 */
int iommu_dma_log_report(struct iommu_endpoint *endpoint, struct iova_range range,
			 void (*report)(struct iova_range written, void *arg), void *arg);

#endif
