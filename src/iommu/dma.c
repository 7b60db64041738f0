/* SPDX-License-Identifier: MIT */
/*
 * DMA: everything that a device model reads or writes passes through the page tables here.
 *
 * A request is copied in pieces. A piece enters the gate of its domain, translates, copies and
 * leaves. Its size is bounded, so that an unmap waits for one bounded copy at most. The copy
 * survives memory that has gone (mem/view.h). A piece that fails while pinned memory is being
 * moved (mem/displace.h) waits for the end of the move, outside the gate, and is tried again;
 * otherwise the failure is a fault.
 *
 * The tables that a thread has used before are in its lookaside cache: then the request is copied
 * without a walk (copy_known()), and everything else of the above holds. So it is with what the
 * IOTLB has answered before (copy_recent()).
 *
 * Locks: none. The read-side critical section covers the translation, the gate the copy as well.
 *
 * Cost: entering the gate is two stores; a translation is a look into the lookaside cache, one walk
 * for each extent of contiguous memory, or one look-up in the IOTLB for each page behind a nested
 * domain.
 */
#include <assert.h>
#include <sys/types.h>

#include "base/check.h"
#include "base/gate.h"
#include "base/last_error.h"
#include "base/msan.h"
#include "base/rcu.h"
#include "iommu/dma_watch.h"
#include "iommu/lookaside.h"
#include "iommu/nested_recent.h"
#include "mem/displace.h"
#include "mem/dmabuf.h"
#include "mem/view.h"
#include "profile/profile.h"
#include "report/counts.h"
#include "report/device_record.h"
#include "report/history.h"
#include "trace/events.h"

enum {
	DMA_PIECE =
		256 * 1024, /* bytes copied inside the gate: what an unmap may have to wait for */
	SHORT_DMA = 8192,   /* bytes for which several look-ups are cheaper than a walk */
	LONG_BLOCK = 65536, /* bytes that are worth a copy of their own */
	MAX_RETRIES = 16,   /* in a row, that a fault handler may ask for */
	/* To whom DMA is counted at most. */
	QUIET_OBSERVERS = OBSERVER_REPORTS | OBSERVER_COUNTS | OBSERVER_MOVES,
};

#define ALWAYS_INLINE inline __attribute__((always_inline))

char iommu_domain_readers;

/* A fault that no walk describes any further. */
static struct dma_fault fault_at(uint64_t iova, enum dma_dir dir, enum dma_fault_cause cause)
{
	return (struct dma_fault){.cause = cause, .dir = dir, .iova = iova};
}

/* The same for what @t was asked for; returns -EFAULT. */
static __attribute__((noinline, cold)) int fail(const struct translation *t,
						enum dma_fault_cause cause)
{
	*t->fault = fault_at(t->iova, t->need & IOPT_WRITE ? DMA_WRITE : DMA_READ, cause);
	return -EFAULT;
}

/*
 * Enters the gate by which t->endpoint reaches memory now, and sets t->domain to the domain that
 * t->pasid goes through. False: there is none (t->domain is NULL), and no gate was entered.
 */
static bool enter_domain(struct translation *t)
{
	struct iommu_domain *domain = endpoint_route(t->endpoint, t->pasid);

	assert(rcu_read_ongoing());
	for (;;) {
		t->domain = domain;
		if (!domain)
			return false;
		if (gate_enter(domain->memory)) {
			t->domain = NULL;
			return false;
		}
		domain = endpoint_route(t->endpoint, t->pasid);
		if (domain == t->domain)
			return true;
		gate_leave();
	}
}

/* translate() through a domain without a stage 1. */
static int translate_plain(struct translation *t)
{
	const bool track = (t->need & IOPT_WRITE) && domain_is_tracked(t->domain);
	struct iopt_leaf leaf;

	/* Each leaf that is written is marked, so an extent is one leaf then. */
	if (!iopt_translate_extent(t->domain->table, t->iova, track ? 1 : t->want, &leaf))
		return fail(t, DMA_FAULT_NOT_MAPPED);
	if (!(leaf.prot & t->need))
		return fail(t, DMA_FAULT_PERMISSION);
	if (track)
		iopt_set_dirty(t->domain->table, t->iova);
	t->bus = leaf.oa;
	t->len = leaf.len - (t->iova - leaf.start);
	lookaside_add(t->domain, t->iova, leaf.len);
	return 0;
}

/* Sets t->bus and t->len. 0, or -EFAULT and *t->fault. */
static int translate(struct translation *t)
{
	assert_inside(t->domain);
	if (!t->domain->stage1)
		return translate_plain(t);
	lookaside_pass(t->domain);
	return nested_translate(t);
}

/*
 * One end of a piece of a request that begins at @begin: where its bytes are, and piece->len cut to
 * what is contiguous there.
 */
static int locate_end(struct translation *t, uint64_t begin, struct piece *piece, char **end)
{
	const uint64_t iova = begin + piece->done;
	uint64_t start = 0, span = 0;

	/* The request leaves the address space; it does not continue at 0. */
	if (iova < begin) {
		t->iova = UINT64_MAX;
		return fail(t, DMA_FAULT_NOT_MAPPED);
	}
	while (span < piece->len && iova + span >= iova) {
		t->iova = iova + span;
		t->want = piece->len - span;
		if (translate(t))
			break;
		if (!span)
			start = t->bus;
		else if (t->bus != start + span)
			break;
		span += t->len;
	}
	if (!span)
		return -EFAULT;
	*end = (char *)(uintptr_t)start;
	piece->len = min_u64(piece->len, span);
	return 0;
}

/* Both ends of @piece. 0, or -EFAULT and *t->fault. */
static int locate(const struct dma *dma, struct translation *t, struct piece *piece)
{
	int rc;

	if (dma->src_buf) {
		piece->src = dma->src_buf + piece->done;
	} else {
		t->need = IOPT_READ;
		rc = locate_end(t, dma->src_iova, piece, &piece->src);
		if (rc)
			return rc;
	}
	if (dma->dst_buf) {
		piece->dst = dma->dst_buf + piece->done;
		return 0;
	}
	t->need = IOPT_WRITE;
	return locate_end(t, dma->dst_iova, piece, &piece->dst);
}

/* The fault of a piece when it is not known which end failed: of a copy, the write. */
static struct dma_fault fault_of(const struct dma *dma, size_t done, enum dma_fault_cause cause)
{
	if (dma->dst_buf)
		return fault_at(dma->src_iova + done, DMA_READ, cause);
	return fault_at(dma->dst_iova + done, DMA_WRITE, cause);
}

/*
 * Enters the gate and finds both ends of @piece. 0, or -EFAULT and *t->fault. Returns inside the
 * gate if t->domain is set.
 */
static int locate_in_gate(const struct dma *dma, struct translation *t, struct piece *piece)
{
	int rc;

	rcu_read_lock();
	if (!enter_domain(t)) {
		*t->fault = fault_of(dma, piece->done, DMA_FAULT_NO_DOMAIN);
		rc = -EFAULT;
	} else if (__builtin_expect(displace_in_progress(), 0)) {
		/* Tried again when the pages have arrived. */
		*t->fault = fault_of(dma, piece->done, DMA_FAULT_MEMORY);
		rc = -EFAULT;
	} else {
		rc = locate(dma, t, piece);
	}
	rcu_read_done(&iommu_domain_readers);
	rcu_read_unlock();
	return rc;
}

/* Copies from or to registers. The thread's text (last_error.h) says why one does not answer. */
static __attribute__((noinline)) int
copy_registers(const struct dma *dma, const struct piece *piece, struct dma_fault *fault)
{
	last_error_clear();
	if (!dmabuf_copy_registers(piece->dst, piece->src, piece->len))
		return 0;
	*fault = fault_of(dma, piece->done, DMA_FAULT_MEMORY);
	if (last_error_kind() != REFUSAL_NONE)
		fault->silent = last_error_text();
	return -EFAULT;
}

/* Registers have no atomic operations. 0, or -EFAULT and *@fault. */
static __attribute__((noinline)) int run_atomic(const struct dma *dma, const struct piece *piece,
						struct dma_fault *fault)
{
	struct dma_atomic *atomic = dma->atomic;

	/* An aligned word is inside one page, and the gate keeps both ends what they are. */
	if (piece->src == piece->dst && piece->len == dma->len &&
	    !view_atomic(piece->dst, (unsigned int)piece->len, atomic->op, atomic->operand,
			 atomic->compare, &atomic->old))
		return 0;
	*fault = fault_of(dma, 0, DMA_FAULT_MEMORY);
	return -EFAULT;
}

/* Copies the bytes of @piece, which has both ends. 0, or -EFAULT and *@fault. */
static int copy_bytes(const struct dma *dma, const struct piece *piece, struct dma_fault *fault)
{
	/* Registers of a device have no memory: the plain copy fails there at the first byte. */
	if (!view_copy(piece->dst, piece->src, piece->len))
		return 0;
	return copy_registers(dma, piece, fault);
}

/* Copies @piece, or as much of it as is contiguous (piece->len). 0, or -EFAULT and *@fault. */
static int copy_piece(const struct dma *dma, struct piece *piece, struct dma_fault *fault)
{
	struct translation t;
	int rc;

	t.endpoint = dma->endpoint;
	t.pasid = dma->pasid;
	t.fault = fault;
	t.stale = piece->stale;
	rc = locate_in_gate(dma, &t, piece);
	if (!t.domain)
		return rc;
	if (rc)
		goto out;
	if (sanitizer_present())
		dma_check_memory(dma, piece);
	if (observed())
		dma_observe_piece(dma, &t, piece);
	rc = dma->atomic ? run_atomic(dma, piece, fault) : copy_bytes(dma, piece, fault);
	if (rc)
		goto out;
	msan_written(piece->dst, piece->len);
	if (!dma->dst_buf && dma_is_logged(dma->endpoint, dma->pasid))
		dma_log_mark(dma->endpoint, dma->dst_iova + piece->done, piece->len);
out:
	gate_leave();
	return rc;
}

/*
 * Completes *@fault from the request, which began when there had been @unmaps, and hands it to the
 * endpoint's handler, or to the report if there is none. Returns what becomes of the DMA.
 */
static enum dma_fault_action report_fault(const struct dma *dma, struct dma_fault *fault,
					  uint64_t unmaps)
{
	struct iommu_endpoint *endpoint = dma->endpoint;
	enum dma_fault_action action = DMA_FAULT_FAIL;
	dma_fault_handler handler;

	fault->pasid = dma->pasid;
	fault->request_iova = fault->dir == DMA_WRITE ? dma->dst_iova : dma->src_iova;
	fault->request_len = dma->len;
	fault->unmaps = unmaps;
	if (observed()) {
		if (counting())
			count_device(endpoint->counted, DEVICE_FAULTS, 1);
		event_fault(endpoint->name, fault->pasid, fault->iova, fault->dir == DMA_WRITE,
			    iommu_fault_cause(fault));
	}
	/*
	 * Counted before the handler is loaded: a thread that removes the handler either waits for
	 * this call, or is early enough for the load to find no handler.
	 */
	atomic_fetch_add(&endpoint->handling, 1);
	handler = atomic_load(&endpoint->handler);
	if (handler)
		action = handler(endpoint, fault, atomic_load(&endpoint->handler_arg));
	else
		iommu_fault_report(endpoint, fault);
	atomic_fetch_sub(&endpoint->handling, 1);
	return action;
}

/*
 * Transfers what is left after @done bytes of a request that began when there had been @unmaps. 0,
 * or -EFAULT, reported, and *@failed (may be NULL) the direction of the access that failed.
 */
static __attribute__((noinline)) int transfer_slowly(const struct dma *dma, size_t done,
						     enum dma_dir *failed, uint64_t unmaps)
{
	struct sanitizer_finding finding;
	struct stale_finding stale;
	unsigned int retries = 0;

	stale.found = false;
	while (done < dma->len) {
		uint64_t generation = displace_generation();
		struct piece piece = {
			.done = done,
			.len = min_u64(dma->len - done, DMA_PIECE),
			.finding = &finding,
			.stale = &stale,
		};
		struct dma_fault fault;

		if (!copy_piece(dma, &piece, &fault)) {
			if (sanitizer_present())
				dma_report_finding(dma, &piece);
			if (__builtin_expect(stale.found, 0))
				dma_report_stale(dma, &stale);
			done += piece.len;
			retries = 0;
			continue;
		}
		if (displace_settle(generation))
			continue;
		if (report_fault(dma, &fault, unmaps) == DMA_FAULT_RETRY) {
			if (++retries <= MAX_RETRIES)
				continue;
			iommu_fault_report(dma->endpoint, &fault);
		}
		if (failed)
			*failed = fault.dir;
		return -EFAULT;
	}
	return 0;
}

/*
 * Cuts *@len to the @known bytes that are contiguous. False: the long way may find more.
 */
static ALWAYS_INLINE bool cut(size_t *len, uint64_t known)
{
	if (*len > known) {
		if (*len > SHORT_DMA && known < LONG_BLOCK)
			return false;
		*len = known;
	}
	return true;
}

/*
 * One end of a piece, @done bytes behind @begin, by the tables that the thread has used before:
 * sets *@end, and cuts *@len to the bytes that are contiguous there. False: it is not found so, or
 * lacks the right @need, or the long way finds more that is contiguous.
 */
static ALWAYS_INLINE bool recall(const struct iommu_domain *domain, uint64_t begin, size_t done,
				 unsigned int need, char **end, size_t *len)
{
	const uint64_t iova = begin + done;
	uint64_t bus, known;

	if (iova < begin || (!lookaside_find(domain, iova, need, *len, &bus, &known) &&
			     !lookaside_find_any(domain, iova, need, &bus, &known)))
		return false;
	*len = min_u64(*len, known);
	*end = (char *)(uintptr_t)bus;
	return true;
}

/*
 * The usual case of copy_piece(), in few instructions: both ends are found in the lookaside cache,
 * and nobody watches. @read and @write say which ends are IOVAs, and are constants where it counts.
 * Returns how many bytes were copied; 0: the long way knows more.
 */
static ALWAYS_INLINE size_t copy_known(const struct dma *dma, size_t done, bool read, bool write)
{
	struct iommu_domain *domain = rcu_load(&dma->endpoint->rid_domain);
	/* In one stay inside the gate, as many pieces as that is to have bytes. */
	const size_t most = min_u64(dma->len - done, DMA_PIECE);
	size_t copied = 0;

	if (!domain || !lookaside_serves(domain) || dma->pasid != NO_PASID || dma->atomic ||
	    sanitizer_present() || process_memory_any() || (observed() && profiling()) ||
	    gate_enter(domain))
		return 0;
	if (rcu_load(&dma->endpoint->rid_domain) != domain || displace_in_progress())
		goto out;
	do {
		/* One of the two is NULL; then what it leads to is found below. */
		char *src = (char *)((uintptr_t)dma->src_buf + done + copied);
		char *dst = (char *)((uintptr_t)dma->dst_buf + done + copied);
		size_t len = most - copied;

		if ((read &&
		     !recall(domain, dma->src_iova, done + copied, IOPT_READ, &src, &len)) ||
		    (write &&
		     !recall(domain, dma->dst_iova, done + copied, IOPT_WRITE, &dst, &len)) ||
		    guard_copy(dst, src, len))
			break;
		msan_written(dst, len);
		copied += len;
	} while (copied < most);
	if (write && copied && dma_is_logged(dma->endpoint, dma->pasid))
		dma_log_mark(dma->endpoint, dma->dst_iova + done, copied);
out:
	gate_leave();
	return copied;
}

/*
 * One end of a piece, at @iova, by @entry, which was found for it: like recall(). Context: inside
 * the gate of entry->memory.
 */
static ALWAYS_INLINE bool recall_recent(const struct recent_entry *entry, uint64_t iova, char **end,
					size_t *len)
{
	uint64_t bus, known;

	if (!recent_stands(entry))
		return false;
	recent_read(entry, iova, &bus, &known);
	if (!cut(len, known))
		return false;
	*end = (char *)(uintptr_t)bus;
	return true;
}

/* Whether DMA by a nested domain that was used before needs more than a copy. */
static bool needs_the_long_way(const struct dma *dma)
{
	if (dma->pasid != NO_PASID || dma->atomic || sanitizer_present() || process_memory_any())
		return true;
	return observed() &&
	       (profiling() || (recording() && device_record_has_checks(dma->endpoint->record)));
}

/*
 * copy_known() behind a nested domain: by what the IOTLB has answered before. Nothing of the domain
 * is read; it may be gone until the gate is entered and it is still the endpoint's.
 */
static size_t copy_recent(const struct dma *dma, size_t done)
{
	struct iommu_domain *domain = rcu_load(&dma->endpoint->rid_domain);
	const struct tlb *tlb = atomic_load_explicit(&dma->endpoint->tlb, memory_order_acquire);
	const uint64_t from = dma->src_iova + done, to = dma->dst_iova + done;
	char *src = (char *)((uintptr_t)dma->src_buf + done);
	char *dst = (char *)((uintptr_t)dma->dst_buf + done);
	size_t len = min_u64(dma->len - done, DMA_PIECE);
	const struct recent_entry *read = NULL, *write = NULL;

	if (!tlb || needs_the_long_way(dma) || from < dma->src_iova || to < dma->dst_iova)
		return 0;
	if (!dma->src_buf)
		read = recent_find(domain, tlb, from, IOPT_READ);
	if (!dma->dst_buf)
		write = recent_find(domain, tlb, to, IOPT_WRITE);
	if ((!read && !dma->src_buf) || (!write && !dma->dst_buf) ||
	    (read && write && read->memory != write->memory) ||
	    gate_enter(read ? read->memory : write->memory))
		return 0;
	if (rcu_load(&dma->endpoint->rid_domain) != domain || displace_in_progress() ||
	    (read && !recall_recent(read, from, &src, &len)) ||
	    (write && !recall_recent(write, to, &dst, &len)) || guard_copy(dst, src, len)) {
		gate_leave();
		return 0;
	}
	msan_written(dst, len);
	if (write && dma_is_logged(dma->endpoint, dma->pasid))
		dma_log_mark(dma->endpoint, to, len);
	gate_leave();
	return len;
}

/* transfer_slowly(), but for what the IOTLB has answered before. */
static __attribute__((noinline)) int transfer_nested(const struct dma *dma, size_t done,
						     enum dma_dir *failed, uint64_t unmaps)
{
	size_t copied;

	while ((copied = copy_recent(dma, done))) {
		done += copied;
		if (done == dma->len)
			return 0;
	}
	return transfer_slowly(dma, done, failed, unmaps);
}

/* transfer_nested(), but for what is known already. */
static ALWAYS_INLINE int transfer(const struct dma *dma, enum dma_dir *failed, uint64_t unmaps,
				  bool read, bool write)
{
	size_t done = 0, copied;

	do {
		copied = copy_known(dma, done, read, write);
		done += copied;
		if (done == dma->len)
			return 0;
	} while (copied);
	return transfer_nested(dma, done, failed, unmaps);
}

/* @read and @write say which ends are IOVAs. */
static ALWAYS_INLINE void count_dma(const struct dma *dma, bool read, bool write)
{
	const unsigned int device = dma->endpoint->counted;

	count_add(COUNT_DMAS, 1);
	count_add(COUNT_DMA_BYTES, dma->len);
	if (read) {
		count_device(device, DEVICE_DMA_READS, 1);
		count_device(device, DEVICE_DMA_READ_BYTES, dma->len);
	}
	if (write) {
		count_device(device, DEVICE_DMA_WRITES, 1);
		count_device(device, DEVICE_DMA_WRITE_BYTES, dma->len);
	}
}

/* transfer(), with all that anybody may want to see of it. */
static __attribute__((noinline)) int transfer_observed(const struct dma *dma, enum dma_dir *failed)
{
	struct event_dma event = {
		.device = dma->endpoint->name,
		.iova = dma->dst_buf ? dma->src_iova : dma->dst_iova,
		.len = dma->len,
		.pasid = dma->pasid,
		.write = !dma->dst_buf,
		.copy = !dma->dst_buf && !dma->src_buf && !dma->atomic,
	};
	uint64_t unmaps = 0;
	int rc;

	if (counting())
		count_dma(dma, !dma->src_buf, !dma->dst_buf);
	if (recording())
		unmaps = history_unmaps();
	event_dma_begin(&event);
	rc = transfer(dma, failed, unmaps, !dma->src_buf, !dma->dst_buf);
	event_dma_end(&event, rc);
	if (!rc)
		dma_tell_observer(dma);
	return rc;
}

/* transfer(), for those who watch. Reports that do so alone count, and want to know of faults. */
static ALWAYS_INLINE int dma_run(const struct dma *dma, enum dma_dir *failed, bool read, bool write)
{
	uint64_t unmaps = 0;

	if (observed()) {
		if (!observed_only_by(QUIET_OBSERVERS) || dma_request_observer)
			return transfer_observed(dma, failed);
		count_dma(dma, read, write);
		unmaps = history_unmaps();
	}
	return transfer(dma, failed, unmaps, read, write);
}

int iommu_dma(struct iommu_endpoint *endpoint, uint32_t pasid, uint64_t iova, void *buf, size_t len,
	      enum dma_dir dir)
{
	struct dma dma = {.endpoint = endpoint, .pasid = pasid, .len = len};

	if (dir == DMA_WRITE) {
		dma.src_buf = buf;
		dma.dst_iova = iova;
		return dma_run(&dma, NULL, false, true);
	}
	dma.dst_buf = buf;
	dma.src_iova = iova;
	return dma_run(&dma, NULL, true, false);
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

	return dma_run(&dma, failed, true, true);
}

int iommu_dma_atomic(struct iommu_endpoint *endpoint, uint32_t pasid, uint64_t iova, size_t len,
		     struct dma_atomic *atomic)
{
	const struct dma dma = {
		.endpoint = endpoint,
		.pasid = pasid,
		.len = len,
		.src_iova = iova,
		.dst_iova = iova,
		.atomic = atomic,
	};

	assert((len == sizeof(uint32_t) || len == sizeof(uint64_t)) && is_aligned(iova, len));
	return observed() ? transfer_observed(&dma, NULL) : transfer_slowly(&dma, 0, NULL, 0);
}

/* ---- translation alone ---- */

/* Looks @iova up in the table of @domain (may be NULL), without a trace. 0, -ENOENT or -EPERM. */
static int look_up(const struct iommu_domain *domain, uint64_t iova, unsigned int prot,
		   uint64_t *bus, uint64_t *len)
{
	struct iopt_leaf leaf;

	if (!domain || !iopt_translate(domain->table, iova, &leaf))
		return -ENOENT;
	if ((leaf.prot & prot) != prot)
		return -EPERM;
	lookaside_add(domain, iova, leaf.len);
	*bus = leaf.oa;
	*len = leaf.len - (iova - leaf.start);
	return 0;
}

/*
 * Through a stage 1, when the IOTLB has no answer. The gate keeps the guest's tables while they are
 * walked.
 */
static int look_up_in_gate(struct translation *t)
{
	struct dma_fault fault;
	int rc;

	t->fault = &fault;
	if (!enter_domain(t))
		return -ENOENT;
	if (t->domain->stage1) {
		rc = nested_translate(t);
		if (rc)
			rc = fault.cause == DMA_FAULT_PERMISSION ? -EPERM : -ENOENT;
	} else {
		rc = look_up(t->domain, t->iova, t->need, &t->bus, &t->len);
	}
	gate_leave();
	return rc;
}

/* Through t->domain, which has a stage 1. */
static int look_up_nested(struct translation *t, uint64_t *bus, uint64_t *len)
{
	int rc;

	if (nested_hit(t, bus, len))
		return 0;
	rc = look_up_in_gate(t);
	if (rc)
		return rc;
	*bus = t->bus;
	*len = t->len;
	return 0;
}

/* iommu_translate() by a walk. */
static __attribute__((noinline)) int translate_slowly(struct iommu_endpoint *endpoint,
						      uint32_t pasid, uint64_t iova,
						      unsigned int prot, void **bus, uint64_t *len)
{
	struct iommu_domain *domain;
	struct translation t;
	uint64_t at, extent;
	int rc;

	/* A domain is freed only after a grace period has passed since it was last attached. */
	rcu_read_lock();
	domain = endpoint_route(endpoint, pasid);
	if (domain && domain->stage1) {
		t.endpoint = endpoint;
		t.domain = domain;
		t.pasid = pasid;
		t.need = prot;
		t.iova = iova;
		t.stale = NULL;
		rc = look_up_nested(&t, &at, &extent);
	} else {
		rc = look_up(domain, iova, prot, &at, &extent);
	}
	rcu_read_done(&iommu_domain_readers);
	rcu_read_unlock();
	if (rc)
		return rc;
	*bus = (void *)(uintptr_t)at;
	if (len)
		*len = extent;
	return 0;
}

static bool known(uint32_t pasid, unsigned int prot)
{
	return pasid == NO_PASID && prot <= (IOPT_READ | IOPT_WRITE);
}

/* lookaside_find() behind a nested domain: by what the IOTLB of @endpoint has answered before. */
static ALWAYS_INLINE bool find_recent(const struct iommu_endpoint *endpoint,
				      const struct iommu_domain *domain, uint64_t iova,
				      unsigned int need, uint64_t *bus, uint64_t *len)
{
	const struct recent_entry *entry = recent_find(
		domain, atomic_load_explicit(&endpoint->tlb, memory_order_acquire), iova, need);

	if (!entry || !recent_stands(entry))
		return false;
	recent_read(entry, iova, bus, len);
	return true;
}

/* iommu_translate() by whatever it takes. */
static __attribute__((noinline)) int translate_anyhow(struct iommu_endpoint *endpoint,
						      uint32_t pasid, uint64_t iova,
						      unsigned int prot, void **bus, uint64_t *len)
{
	const struct iommu_domain *domain = rcu_load(&endpoint->rid_domain);
	uint64_t at, extent;

	if (__builtin_expect(!known(pasid, prot), 0) ||
	    (!find_recent(endpoint, domain, iova, prot, &at, &extent) &&
	     __builtin_expect(!lookaside_find(domain, iova, prot, 1, &at, &extent) &&
				      !lookaside_find_any(domain, iova, prot, &at, &extent),
			      0)))
		return translate_slowly(endpoint, pasid, iova, prot, bus, len);
	*bus = (void *)(uintptr_t)at;
	if (len)
		*len = extent;
	return 0;
}

/*
 * Nothing that is called here returns here, so few registers need be saved: the fewer instructions,
 * the more look-ups a processor has on their way to memory at once.
 */
int iommu_translate(struct iommu_endpoint *endpoint, uint32_t pasid, uint64_t iova,
		    unsigned int prot, void **bus, uint64_t *len)
{
	const struct iommu_domain *domain = rcu_load(&endpoint->rid_domain);
	uint64_t at, extent;

	if (__builtin_expect(!known(pasid, prot), 0) ||
	    !lookaside_find_quickly(domain, iova, prot, &at, &extent))
		return translate_anyhow(endpoint, pasid, iova, prot, bus, len);
	*bus = (void *)(uintptr_t)at;
	if (len)
		*len = extent;
	return 0;
}
