/* SPDX-License-Identifier: MIT */
/*
 * What watches DMA on its way through dma.c: the program's sanitizer, the profile, the look for
 * forgotten invalidations, the checker's observer. The paths without a watcher call none of this.
 */
#ifndef IOMMU_DMA_WATCH_H
#define IOMMU_DMA_WATCH_H

#include "iommu/iommu_internal.h"
#include "iommu/nested_stale.h"
#include "report/sanitizer.h"

/*
 * One request of a device. A copy from IOVA to IOVA has no buffer; any other request has one, in
 * place of the IOVA at that end.
 */
struct dma {
	struct iommu_endpoint *endpoint;
	uint32_t pasid;
	size_t len;
	uint64_t src_iova, dst_iova;
	char *src_buf, *dst_buf; /* NULL: the IOVA counts */

	/*
	 * NULL, or what is done to the word at both IOVAs, which are the same: so it needs the
	 * right to read and the right to write.
	 */
	struct dma_atomic *atomic;
};

/* A part of a request: @len bytes, @done bytes behind its begin. */
struct piece {
	size_t done;
	size_t len;
	char *src, *dst;

	/* What the program's sanitizer has to say of the memory, and in which direction. */
	struct sanitizer_finding *finding; /* borrowed */
	enum dma_dir found;

	struct stale_finding *stale; /* borrowed */
};

/*
 * Asks the program's sanitizer about both ends of @piece, before it is copied. A model's own buffer
 * is none of its. Context: inside the gate.
 */
void dma_check_memory(const struct dma *dma, struct piece *piece);

/* Reports what the sanitizer had to say of @piece, if anything. Context: outside the gate. */
void dma_report_finding(const struct dma *dma, const struct piece *piece);

/* Tells the profile which pages @t has translated for @piece. Context: inside the gate. */
void dma_observe_piece(const struct dma *dma, const struct translation *t,
		       const struct piece *piece);

/*
 * Reports that a piece has gone through a stale translation, unless an invalidation was on its way.
 * Context: outside the gate.
 */
void dma_report_stale(const struct dma *dma, struct stale_finding *stale);

/* The observer of iommu_set_dma_observer(), or NULL. */
extern dma_observer dma_request_observer;

/* Tells the observer, if there is one, of a request that succeeded. */
void dma_tell_observer(const struct dma *dma);

#endif
