/* SPDX-License-Identifier: MIT */
/*
 * DMA: what a device model reads and writes goes through the page tables here, and only here.
 *
 * Each piece enters the gate of its domain, walks, copies and leaves; a piece is bounded, so that an
 * unmap never waits longer than for one bounded copy. The copy survives memory that has gone
 * (mem/guard.h). A piece that fails while pinned memory is being moved (mem/displace.h) waits for
 * the move outside the gate and tries again; otherwise it is a fault.
 */
#include <inttypes.h>
#include <sys/types.h>

#include "base/check.h"
#include "base/gate.h"
#include "base/log.h"
#include "iommu/iommu_internal.h"
#include "mem/displace.h"
#include "mem/guard.h"

/* The most that is copied inside the gate at once: what an unmap may have to wait for. */
enum {
	DMA_PIECE = 256 * 1024
};

/* One request of a device. A copy has both ends; else one end is an IOVA and the other a buffer. */
struct dma {
	struct iommu_endpoint *endpoint;
	uint32_t pasid;
	size_t len;
	uint64_t src_iova, dst_iova;
	char *src_buf, *dst_buf; /* NULL: use the IOVA */
};

/* What is wrong, and where. */
struct dma_error {
	enum iommu_fault_cause cause;
	enum iommu_dma_dir dir;
	uint64_t iova;
};

/* Enters the gate of the domain that @endpoint goes through now. NULL: none, and no gate entered. */
static struct iommu_domain *enter_domain(struct iommu_endpoint *endpoint, uint32_t pasid)
{
	struct iommu_domain *domain = iommu_endpoint_domain(endpoint, pasid);

	while (domain) {
		struct iommu_domain *now;

		if (gate_enter(domain))
			return NULL;
		now = iommu_endpoint_domain(endpoint, pasid);
		if (now == domain)
			return domain;
		gate_leave();
		domain = now;
	}
	return NULL;
}

/*
 * Where [@iova, @iova + *@len) leads: *@bus, and *@len cut to what is contiguous there. Neighbouring
 * leaves that lead to neighbouring memory count as one. Caller is inside the gate.
 */
static int dma_span(struct iommu_domain *domain, uint64_t iova, enum iommu_dma_dir dir, char **bus,
		    size_t *len, struct dma_error *error)
{
	const unsigned int need = dir == IOMMU_DMA_WRITE ? IOPT_WRITE : IOPT_READ;
	uint64_t start = 0, span = 0;
	struct iopt_leaf leaf;

	*error = (struct dma_error){IOMMU_FAULT_NOT_MAPPED, dir, iova};
	iopt_read_lock();
	while (span < *len && iova + span >= iova &&
	       iopt_translate(domain->table, iova + span, &leaf)) {
		if (!(leaf.prot & need)) {
			error->cause = IOMMU_FAULT_PERMISSION;
			break;
		}
		if (!span)
			start = leaf.oa;
		else if (leaf.oa != start + span)
			break;
		if (dir == IOMMU_DMA_WRITE && iommu_domain_dirty_tracking(domain))
			iopt_set_dirty(domain->table, iova + span);
		span += leaf.len - (iova + span - leaf.start);
	}
	iopt_read_unlock();
	if (!span)
		return -EFAULT;
	*bus = (char *)(uintptr_t)start;
	*len = min_u64(*len, span);
	return 0;
}

/* Copies one piece at @done. Returns its bytes, or -EFAULT with *@error. Caller is inside the gate. */
static ssize_t dma_piece(const struct dma *dma, struct iommu_domain *domain, size_t done,
			 struct dma_error *error)
{
	size_t len = min_u64(dma->len - done, DMA_PIECE);
	char *src = dma->src_buf + done, *dst = dma->dst_buf + done;

	if (!dma->src_buf &&
	    dma_span(domain, dma->src_iova + done, IOMMU_DMA_READ, &src, &len, error))
		return -EFAULT;
	if (!dma->dst_buf &&
	    dma_span(domain, dma->dst_iova + done, IOMMU_DMA_WRITE, &dst, &len, error))
		return -EFAULT;
	if (guard_copy(dst, src, len)) {
		error->cause = IOMMU_FAULT_MEMORY;
		return -EFAULT;
	}
	return (ssize_t)len;
}

static const char *fault_text(enum iommu_fault_cause cause, enum iommu_dma_dir dir)
{
	switch (cause) {
	case IOMMU_FAULT_NO_DOMAIN:
		return "the device is not attached to an address space";
	case IOMMU_FAULT_NOT_MAPPED:
		return "nothing is mapped there";
	case IOMMU_FAULT_PERMISSION:
		return dir == IOMMU_DMA_WRITE ? "mapped without WRITEABLE"
					      : "mapped without READABLE";
	case IOMMU_FAULT_MEMORY:
		break;
	}
	return "mapped, but the memory behind it is gone";
}

static void log_dma_fault(const struct iommu_endpoint *endpoint, const struct iommu_fault *fault)
{
	const char *verb = fault->dir == IOMMU_DMA_WRITE ? "write" : "read";
	const char *text = fault_text(fault->cause, fault->dir);

	if (fault->pasid != IOMMU_NO_PASID)
		log_fault("%s: DMA %s of %" PRIu64 " bytes at PASID %" PRIu32 " IOVA 0x%" PRIx64
			  " failed at 0x%" PRIx64 ": %s",
			  endpoint->name, verb, fault->request_len, fault->pasid,
			  fault->request_iova, fault->iova, text);
	else
		log_fault("%s: DMA %s of %" PRIu64 " bytes at IOVA 0x%" PRIx64
			  " failed at 0x%" PRIx64 ": %s",
			  endpoint->name, verb, fault->request_len, fault->request_iova,
			  fault->iova, text);
}

static void report_fault(const struct dma *dma, const struct dma_error *error)
{
	const struct iommu_fault fault = {
		.cause = error->cause,
		.dir = error->dir,
		.pasid = dma->pasid,
		.iova = error->iova,
		.request_iova = error->dir == IOMMU_DMA_WRITE ? dma->dst_iova : dma->src_iova,
		.request_len = dma->len,
	};

	if (dma->endpoint->handler)
		dma->endpoint->handler(dma->endpoint, &fault, dma->endpoint->handler_arg);
	else
		log_dma_fault(dma->endpoint, &fault);
}

/* 0, or -EFAULT, reported, and *@failed (may be NULL) the direction of what failed. */
static int dma_run(const struct dma *dma, enum iommu_dma_dir *failed)
{
	size_t done = 0;

	while (done < dma->len) {
		uint64_t generation = displace_generation();
		struct iommu_domain *domain = enter_domain(dma->endpoint, dma->pasid);
		struct dma_error error = {
			.cause = IOMMU_FAULT_NO_DOMAIN,
			.dir = dma->src_buf ? IOMMU_DMA_WRITE : IOMMU_DMA_READ,
			.iova = (dma->src_buf ? dma->dst_iova : dma->src_iova) + done,
		};
		ssize_t copied = -EFAULT;

		if (domain) {
			copied = dma_piece(dma, domain, done, &error);
			gate_leave();
		}
		if (copied > 0) {
			done += (size_t)copied;
		} else if (!displace_settle(generation)) {
			report_fault(dma, &error);
			if (failed)
				*failed = error.dir;
			return -EFAULT;
		}
	}
	return 0;
}

int iommu_dma(struct iommu_endpoint *endpoint, uint32_t pasid, uint64_t iova, void *buf, size_t len,
	      enum iommu_dma_dir dir)
{
	const bool write = dir == IOMMU_DMA_WRITE;
	const struct dma dma = {
		.endpoint = endpoint,
		.pasid = pasid,
		.len = len,
		.src_iova = write ? 0 : iova,
		.dst_iova = write ? iova : 0,
		.src_buf = write ? buf : NULL,
		.dst_buf = write ? NULL : buf,
	};

	return dma_run(&dma, NULL);
}

int iommu_dma_copy(struct iommu_endpoint *endpoint, uint32_t pasid, uint64_t dst, uint64_t src,
		   size_t len, enum iommu_dma_dir *failed)
{
	const struct dma dma = {
		.endpoint = endpoint,
		.pasid = pasid,
		.len = len,
		.src_iova = src,
		.dst_iova = dst,
	};

	return dma_run(&dma, failed);
}

int iommu_translate(struct iommu_endpoint *endpoint, uint32_t pasid, uint64_t iova,
		    unsigned int prot, uint64_t *bus, uint64_t *len)
{
	struct iommu_domain *domain;
	struct iopt_leaf leaf;
	bool found;

	/* A domain is freed only after a grace period has passed since it was last attached. */
	iopt_read_lock();
	domain = iommu_endpoint_domain(endpoint, pasid);
	found = domain && iopt_translate(domain->table, iova, &leaf);
	iopt_read_unlock();
	if (!found)
		return -ENOENT;
	if ((leaf.prot & prot) != prot)
		return -EPERM;
	*bus = leaf.oa;
	*len = leaf.len - (iova - leaf.start);
	return 0;
}
