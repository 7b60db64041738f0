/* SPDX-License-Identifier: MIT */
/*
 * What watches DMA: see dma_watch.h. It finds out, and tells those who report; it changes neither
 * the request nor the memory.
 *
 * Locks: none. The observer is set before the first DMA.
 */
#include "iommu/dma_watch.h"
#include "base/check.h"
#include "base/rcu.h"
#include "profile/profile.h"
#include "trace/events.h"

enum {
	NESTED_TOP = 3, /* a guest's tables have four levels */
	PARTS = 32,	/* that a profile is told at once */
};

void dma_check_memory(const struct dma *dma, struct piece *piece)
{
	piece->finding->objection = SANITIZER_FINE;
	piece->found = DMA_READ;
	if (!dma->src_buf) {
		sanitizer_check_read(piece->src, piece->len, piece->finding);
		sanitizer_device_read(piece->src, piece->len);
	}
	if (!dma->dst_buf)
		sanitizer_device_write(piece->dst, piece->len);
	if (piece->finding->objection || dma->dst_buf)
		return;
	piece->found = DMA_WRITE;
	sanitizer_check_write(piece->dst, piece->len, piece->finding);
}

void dma_report_finding(const struct dma *dma, const struct piece *piece)
{
	const struct sanitizer_finding *finding = piece->finding;
	const bool write = piece->found == DMA_WRITE;
	const uint64_t begin = write ? dma->dst_iova : dma->src_iova;
	const char *memory = write ? piece->dst : piece->src;
	struct dma_fault fault = {
		.dir = piece->found,
		.pasid = dma->pasid,
		.request_iova = begin,
		.request_len = dma->len,
		.finding = finding,
	};

	if (!finding->objection)
		return;
	fault.cause = finding->objection == SANITIZER_POISONED ? DMA_FAULT_POISONED
							       : DMA_FAULT_UNINITIALISED;
	fault.iova = begin + piece->done + (uint64_t)((const char *)finding->address - memory);
	iommu_fault_report(dma->endpoint, &fault);
}

/* Sets *@part to the page at @iova and at most @len bytes there. False: it has gone. */
static bool find_part(const struct iommu_domain *domain, uint64_t iova, uint64_t len,
		      struct profile_part *part)
{
	struct iopt_leaf leaf;
	unsigned int top;

	*part = (struct profile_part){
		.iova = iova,
		.page = iova & ~PAGE_MASK,
		.size = PAGE_SIZE,
		.top = NESTED_TOP,
	};
	/* The guest's own tables may have larger pages; the model has the smallest. */
	if (!domain->stage1) {
		if (!iopt_translate(domain->table, iova, &leaf))
			return false;
		(void)iopt_root(domain->table, &top);
		part->page = leaf.start;
		part->size = leaf.len;
		part->top = top;
	}
	part->len = min_u64(len, part->page + (part->size - 1) - iova + 1);
	return true;
}

/* Tells which pages [@iova, @iova + @len) lies in, which @t has translated. */
static void observe_pages(const struct translation *t, uint64_t iova, uint64_t len)
{
	const struct iommu_domain *domain = t->domain;
	struct profile_access access = {
		.device = t->endpoint->name,
		.iommu = {.name = domain->iommu->name, .kind = domain->iommu->kind->name},
		.domain = domain,
		.mapped = domain->stage1 ? NULL : domain,
	};
	struct profile_part parts[PARTS];
	unsigned int top;

	if (domain->stage1) {
		(void)iopt_root(domain->table, &top);
		access.stage2 = top + 1;
	}
	while (len) {
		size_t count = 0;

		rcu_read_lock();
		while (len && count < PARTS && find_part(domain, iova, len, &parts[count])) {
			iova += parts[count].len;
			len -= parts[count++].len;
		}
		rcu_read_done(&iommu_domain_readers);
		rcu_read_unlock();
		if (!count)
			return;
		event_translated(&access, parts, count);
	}
}

void dma_observe_piece(const struct dma *dma, const struct translation *t,
		       const struct piece *piece)
{
	if (!profiling())
		return;
	if (!dma->src_buf && !dma->atomic)
		observe_pages(t, dma->src_iova + piece->done, piece->len);
	if (!dma->dst_buf)
		observe_pages(t, dma->dst_iova + piece->done, piece->len);
}

void dma_report_stale(const struct dma *dma, struct stale_finding *stale)
{
	const struct dma_fault fault = {
		.cause = DMA_FAULT_STALE,
		.dir = stale->dir,
		.pasid = dma->pasid,
		.iova = stale->iova,
		.request_iova = stale->dir == DMA_WRITE ? dma->dst_iova : dma->src_iova,
		.request_len = dma->len,
		.stale = stale,
	};

	if (nested_stale_stands(dma->endpoint, stale))
		iommu_fault_report(dma->endpoint, &fault);
	stale->found = false;
}

dma_observer dma_request_observer;

void iommu_set_dma_observer(dma_observer with)
{
	dma_request_observer = with;
}

void dma_tell_observer(const struct dma *dma)
{
	const dma_observer observer = dma_request_observer;

	if (!observer || !dma->len)
		return;
	if (!dma->src_buf)
		observer(dma->endpoint, dma->pasid,
			 (struct iova_range){dma->src_iova, dma->src_iova + (dma->len - 1)},
			 DMA_READ);
	if (!dma->dst_buf)
		observer(dma->endpoint, dma->pasid,
			 (struct iova_range){dma->dst_iova, dma->dst_iova + (dma->len - 1)},
			 DMA_WRITE);
}
