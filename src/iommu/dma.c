/* SPDX-License-Identifier: MIT */
/*
 * DMA: what a device model reads and writes goes through the page tables here, and only here.
 *
 * Each piece enters the gate of its domain, walks, copies and leaves; a piece is bounded, so that
 * an unmap never waits longer than for one bounded copy. The copy survives memory that has gone
 * (mem/guard.h). A piece that fails while pinned memory is being moved (mem/displace.h) waits for
 * the move outside the gate and tries again; otherwise it is a fault.
 */
#include <sys/types.h>

#include "base/check.h"
#include "base/gate.h"
#include "iommu/iommu_internal.h"
#include "mem/displace.h"
#include "mem/guard.h"

enum {
	DMA_PIECE = 256 * 1024, /* copied inside the gate at once: what an unmap may wait for */
	MAX_RETRIES = 16,	/* in a row, for a fault handler that says that they are worth it */
};

/* One request of a device. A copy has both ends; else one end is an IOVA and the other a buffer. */
struct dma {
	struct iommu_endpoint *endpoint;
	uint32_t pasid;
	size_t len;
	uint64_t src_iova, dst_iova;
	char *src_buf, *dst_buf; /* NULL: use the IOVA */
};

/* What is known of a fault that no walk describes. */
static struct dma_fault fault_at(uint64_t iova, enum dma_dir dir, enum dma_fault_cause cause)
{
	return (struct dma_fault){.cause = cause, .dir = dir, .iova = iova};
}

/*
 * A grace period keeps @domain, of which ThreadSanitizer knows nothing; and which checks what a
 * function is merged with.
 */
#if defined(__SANITIZE_THREAD__)
#define KEPT_BY_RCU __attribute__((no_sanitize("thread"), noipa))
#else
#define KEPT_BY_RCU inline
#endif

static KEPT_BY_RCU const void *gate_of(const struct iommu_domain *domain)
{
	return domain->memory;
}

/*
 * Enters the gate by which @endpoint reaches memory now, and returns the domain that it goes
 * through. NULL: none, and no gate entered. Caller is in a read-side critical section, in which no
 * domain is freed.
 */
static struct iommu_domain *enter_domain(struct iommu_endpoint *endpoint, uint32_t pasid)
{
	struct iommu_domain *domain = endpoint_route(endpoint, pasid);

	while (domain) {
		struct iommu_domain *now;

		if (gate_enter(gate_of(domain)))
			return NULL;
		now = endpoint_route(endpoint, pasid);
		if (now == domain)
			return domain;
		gate_leave();
		domain = now;
	}
	return NULL;
}

/*
 * Where @iova leads to: *@bus, and *@len contiguous bytes from there, which need not be more than
 * @want.
 */
static int plain_step(struct iommu_domain *domain, uint64_t iova, enum dma_dir dir, uint64_t want,
		      uint64_t *bus, uint64_t *len, struct dma_fault *fault)
{
	const bool track = dir == DMA_WRITE && iommu_domain_dirty_tracking(domain);
	const unsigned int need = dir == DMA_WRITE ? IOPT_WRITE : IOPT_READ;
	struct iopt_leaf leaf;

	/* Each leaf that is written gets its mark. */
	if (!iopt_translate_run(domain->table, iova, track ? 1 : want, &leaf)) {
		*fault = fault_at(iova, dir, DMA_FAULT_NOT_MAPPED);
		return -EFAULT;
	}
	if (!(leaf.prot & need)) {
		*fault = fault_at(iova, dir, DMA_FAULT_PERMISSION);
		return -EFAULT;
	}
	if (track)
		iopt_set_dirty(domain->table, iova);
	*bus = leaf.oa;
	*len = leaf.len - (iova - leaf.start);
	return 0;
}

static int dma_step(const struct dma *dma, struct iommu_domain *domain, uint64_t iova,
		    enum dma_dir dir, uint64_t want, uint64_t *bus, uint64_t *len,
		    struct dma_fault *fault)
{
	if (!domain->stage1)
		return plain_step(domain, iova, dir, want, bus, len, fault);
	return nested_translate(dma->endpoint, domain, dma->pasid, iova,
				dir == DMA_WRITE ? IOPT_WRITE : IOPT_READ, bus, len, fault);
}

/*
 * Where the *@len bytes at @done of a request that began at @begin lead: *@out, and *@len cut to
 * what is contiguous there. Neighbouring leaves that lead to neighbouring memory count as one.
 * Caller is inside the gate, and reads.
 */
static int dma_span(const struct dma *dma, struct iommu_domain *domain, uint64_t begin, size_t done,
		    enum dma_dir dir, char **out, size_t *len, struct dma_fault *fault)
{
	const uint64_t iova = begin + done;
	uint64_t start = 0, span = 0, bus, step;

	/* The space ends there; what is mapped at 0 is not what was meant. */
	if (iova < begin) {
		*fault = fault_at(UINT64_MAX, dir, DMA_FAULT_NOT_MAPPED);
		return -EFAULT;
	}
	while (span < *len && iova + span >= iova &&
	       !dma_step(dma, domain, iova + span, dir, *len - span, &bus, &step, fault)) {
		if (!span)
			start = bus;
		else if (bus != start + span)
			break;
		span += step;
	}
	if (!span)
		return -EFAULT;
	*out = (char *)(uintptr_t)start;
	*len = min_u64(*len, span);
	return 0;
}

/* Both ends of the piece at @done, of at most *@len bytes. Caller is inside the gate, and reads. */
static int dma_locate(const struct dma *dma, struct iommu_domain *domain, size_t done, char **src,
		      char **dst, size_t *len, struct dma_fault *fault)
{
	int rc = 0;

	if (dma->src_buf)
		*src = dma->src_buf + done;
	else
		rc = dma_span(dma, domain, dma->src_iova, done, DMA_READ, src, len, fault);
	if (dma->dst_buf)
		*dst = dma->dst_buf + done;
	else if (!rc)
		rc = dma_span(dma, domain, dma->dst_iova, done, DMA_WRITE, dst, len, fault);
	return rc;
}

/* What is blamed when it cannot be said which end it was. */
static struct dma_fault fault_of(const struct dma *dma, size_t done, enum dma_fault_cause cause)
{
	if (dma->dst_buf)
		return fault_at(dma->src_iova + done, DMA_READ, cause);
	return fault_at(dma->dst_iova + done, DMA_WRITE, cause);
}

/* Copies one piece at @done. Returns its bytes, or -EFAULT with *@fault. */
static ssize_t dma_piece(const struct dma *dma, size_t done, struct dma_fault *fault)
{
	size_t len = min_u64(dma->len - done, DMA_PIECE);
	struct iommu_domain *domain;
	char *src, *dst;
	int rc;

	rcu_read_lock();
	domain = enter_domain(dma->endpoint, dma->pasid);
	if (!domain) {
		rcu_read_unlock();
		*fault = fault_of(dma, done, DMA_FAULT_NO_DOMAIN);
		return -EFAULT;
	}
	/* Tried again once the pages have arrived. */
	if (__builtin_expect(displace_in_progress(), 0)) {
		*fault = fault_of(dma, done, DMA_FAULT_MEMORY);
		rc = -EFAULT;
	} else {
		rc = dma_locate(dma, domain, done, &src, &dst, &len, fault);
	}
	rcu_read_unlock();
	if (!rc && guard_copy(dst, src, len)) {
		*fault = fault_of(dma, done, DMA_FAULT_MEMORY);
		rc = -EFAULT;
	}
	if (!rc && !dma->dst_buf && dma_is_logged(dma->endpoint, dma->pasid))
		dma_log_mark(dma->endpoint, dma->dst_iova + done, len);
	gate_leave();
	return rc ? rc : (ssize_t)len;
}

/* Completes *@fault by what was asked for, and tells the one who wants to know. */
static enum dma_fault_action report_fault(const struct dma *dma, struct dma_fault *fault)
{
	struct iommu_endpoint *endpoint = dma->endpoint;
	enum dma_fault_action action = DMA_FAULT_FAIL;
	dma_fault_handler handler;

	fault->pasid = dma->pasid;
	fault->request_iova = fault->dir == DMA_WRITE ? dma->dst_iova : dma->src_iova;
	fault->request_len = dma->len;
	/*
	 * Counted before the handler is looked up: who takes it away waits for us, or we do not
	 * find it.
	 */
	atomic_fetch_add(&endpoint->handling, 1);
	handler = atomic_load(&endpoint->handler);
	if (handler)
		action = handler(endpoint, fault, atomic_load(&endpoint->handler_arg));
	else
		iommu_fault_log(endpoint, fault);
	atomic_fetch_sub(&endpoint->handling, 1);
	return action;
}

/* 0, or -EFAULT, reported, and *@failed (may be NULL) the direction of what failed. */
static int dma_run(const struct dma *dma, enum dma_dir *failed)
{
	unsigned int retries = 0;
	size_t done = 0;

	while (done < dma->len) {
		uint64_t generation = displace_generation();
		struct dma_fault fault;
		ssize_t copied = dma_piece(dma, done, &fault);

		if (copied > 0) {
			done += (size_t)copied;
			retries = 0;
			continue;
		}
		if (displace_settle(generation))
			continue;
		if (report_fault(dma, &fault) == DMA_FAULT_RETRY) {
			if (++retries <= MAX_RETRIES)
				continue;
			iommu_fault_log(dma->endpoint, &fault);
		}
		if (failed)
			*failed = fault.dir;
		return -EFAULT;
	}
	return 0;
}

int iommu_dma(struct iommu_endpoint *endpoint, uint32_t pasid, uint64_t iova, void *buf, size_t len,
	      enum dma_dir dir)
{
	const bool write = dir == DMA_WRITE;
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
		   size_t len, enum dma_dir *failed)
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

static int translate_plain(const struct iommu_domain *domain, uint64_t iova, unsigned int prot,
			   uint64_t *bus, uint64_t *len)
{
	struct iopt_leaf leaf;

	if (!domain || !iopt_translate(domain->table, iova, &leaf))
		return -ENOENT;
	if ((leaf.prot & prot) != prot)
		return -EPERM;
	*bus = leaf.oa;
	*len = leaf.len - (iova - leaf.start);
	return 0;
}

/* Through a domain with a stage 1, whose tables must stay while they are walked. Caller reads. */
static int translate_nested(struct iommu_endpoint *endpoint, uint32_t pasid, uint64_t iova,
			    unsigned int prot, uint64_t *bus, uint64_t *len)
{
	struct iommu_domain *domain = enter_domain(endpoint, pasid);
	struct dma_fault fault;
	int rc;

	if (!domain)
		return -ENOENT;
	if (domain->stage1) {
		rc = nested_translate(endpoint, domain, pasid, iova, prot, bus, len, &fault);
		if (rc)
			rc = fault.cause == DMA_FAULT_PERMISSION ? -EPERM : -ENOENT;
	} else {
		rc = translate_plain(domain, iova, prot, bus, len);
	}
	gate_leave();
	return rc;
}

int iommu_translate(struct iommu_endpoint *endpoint, uint32_t pasid, uint64_t iova,
		    unsigned int prot, uint64_t *bus, uint64_t *len)
{
	struct iommu_domain *domain;
	int rc;

	/* A domain is freed only after a grace period has passed since it was last attached. */
	rcu_read_lock();
	domain = endpoint_route(endpoint, pasid);
	if (domain && domain->stage1)
		rc = nested_hit(endpoint, domain, pasid, iova, prot, bus, len)
			     ? 0
			     : translate_nested(endpoint, pasid, iova, prot, bus, len);
	else
		rc = translate_plain(domain, iova, prot, bus, len);
	rcu_read_unlock();
	return rc;
}
