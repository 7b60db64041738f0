/* SPDX-License-Identifier: MIT */
/*
 * DMA logging: a bitmap for each range, allocated when logging starts.
 *
 * DMA marks what it has written after the bytes are in memory. If a report clears a bit before a
 * write is marked, that write sets the bit again, so every write is in some report.
 *
 * A write whose only bit is set already does not set it again, which spares the DMA a fence. The
 * report makes it instead, on all threads, between clearing bits and its end: the bytes of a DMA
 * that still found the bit are in memory when the report ends, and one that looks later sets the
 * bit (process_fence.h).
 *
 * Marking happens inside the gate (base/gate.h); stopping waits for the gate before it frees the
 * log. A report clears whole bits; of a unit that it covers in part it reports that part, and the
 * bit stays set.
 *
 * Cost: marking is one load, or one atomic operation for 64 units. Memory: one bit for each unit,
 * allocated by the kernel on first use; beyond MAX_BITS the units grow instead.
 */
#include "iommu/dma_log.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/gate.h"
#include "base/process_fence.h"
#include "iommu/iommu_internal.h"

enum {
	WORD_BITS = 64
};
#define MAX_BITS (UINT64_C(1) << 30)

struct logged {
	struct iova_range range;
	uint64_t *words; /* atomic */
};

struct dma_log {
	unsigned int shift; /* log2 of the unit */
	size_t count;
	struct logged logged[]; /* ascending */
};

/* The index of the unit that holds @iova, in the bitmap of @logged. */
static uint64_t unit_of(const struct dma_log *log, const struct logged *logged, uint64_t iova)
{
	return (iova >> log->shift) - (logged->range.start >> log->shift);
}

static uint64_t units_in(const struct iova_range *range, unsigned int shift)
{
	return (range->last >> shift) - (range->start >> shift) + 1;
}

/* ---- marking ---- */

static void mark_units(uint64_t *words, uint64_t first, uint64_t last)
{
	while (first <= last) {
		uint64_t end = min_u64(last, first | (WORD_BITS - 1));
		uint64_t mask = (UINT64_MAX >> (WORD_BITS - 1 - (end - first)))
				<< first % WORD_BITS;

		__atomic_fetch_or(&words[first / WORD_BITS], mask, __ATOMIC_RELEASE);
		first = end + 1;
	}
}

static __attribute__((noinline)) void mark(const struct dma_log *log, struct iova_range written)
{
	for (size_t i = 0; i < log->count; i++) {
		const struct logged *logged = &log->logged[i];

		if (iova_range_intersects(logged->range, written))
			mark_units(
				logged->words,
				unit_of(log, logged, max_u64(written.start, logged->range.start)),
				unit_of(log, logged, min_u64(written.last, logged->range.last)));
	}
}

/* Whether @written is all in one unit of @logged, which is marked. */
static bool is_marked(const struct dma_log *log, const struct logged *logged,
		      struct iova_range written)
{
	const uint64_t unit = unit_of(log, logged, written.start);

	return iova_range_contains(logged->range, written) &&
	       unit_of(log, logged, written.last) == unit &&
	       (__atomic_load_n(&logged->words[unit / WORD_BITS], __ATOMIC_RELAXED) >>
			unit % WORD_BITS &
		1);
}

void dma_log_mark(const struct iommu_endpoint *endpoint, uint64_t iova, uint64_t len)
{
	const struct iova_range written = {.start = iova, .last = iova + (len - 1)};
	const struct dma_log *log = atomic_load_explicit(&endpoint->log, memory_order_acquire);
	size_t i = 0;

	assert(gate_self && atomic_load_explicit(&gate_self->key, memory_order_relaxed));
	if (!log)
		return;
	process_fence_light();
	while (process_fence_works() && i < log->count)
		if (is_marked(log, &log->logged[i++], written))
			return;
	mark(log, written);
}

/* ---- on and off ---- */

static void log_free(struct dma_log *log)
{
	for (size_t i = 0; log && i < log->count; i++)
		alloc_free(log->logged[i].words);
	alloc_free(log);
}

/* The smallest shift, at least that of @unit, at which all ranges together have MAX_BITS units. */
static unsigned int choose_shift(uint64_t unit, const struct iova_range *ranges, size_t count)
{
	unsigned int shift = log2_floor(unit);
	uint64_t units;

	if (shift < PAGE_SHIFT)
		shift = PAGE_SHIFT;
	for (;; shift++) {
		units = 0;
		/* Disjoint ranges have at most 2^52 pages together: this does not overflow. */
		for (size_t i = 0; i < count; i++)
			units += units_in(&ranges[i], shift);
		if (units <= MAX_BITS)
			return shift;
	}
}

static struct dma_log *log_create(uint64_t unit, const struct iova_range *ranges, size_t count)
{
	struct dma_log *log = alloc_zeroed(sizeof(*log) + count * sizeof(log->logged[0]));

	if (!log)
		return NULL;
	log->shift = choose_shift(unit, ranges, count);
	for (; log->count < count; log->count++) {
		struct logged *logged = &log->logged[log->count];
		uint64_t units = units_in(&ranges[log->count], log->shift);

		logged->range = ranges[log->count];
		logged->words =
			alloc_zeroed((units + WORD_BITS - 1) / WORD_BITS * sizeof(uint64_t));
		if (!logged->words) {
			log_free(log);
			return NULL;
		}
	}
	return log;
}

int iommu_dma_log_start(struct iommu_endpoint *endpoint, uint64_t unit,
			const struct iova_range *ranges, size_t count)
{
	struct dma_log *log;

	if (atomic_load_explicit(&endpoint->log, memory_order_relaxed))
		return -EINVAL;
	log = log_create(unit, ranges, count);
	if (!log)
		return -ENOMEM;
	atomic_store(&endpoint->log, log);
	/* DMA that did not find the log yet may still be writing. */
	gate_wait_all();
	return 0;
}

void iommu_dma_log_stop(struct iommu_endpoint *endpoint)
{
	struct dma_log *log = atomic_exchange(&endpoint->log, NULL);

	if (!log)
		return;
	gate_wait_all();
	log_free(log);
}

/* ---- reporting ---- */

/* Clears the bits of @mask in *@word, and returns those that were set. */
static uint64_t take_bits(uint64_t *word, uint64_t mask)
{
	/* Usually none is set, and a write would take the cache line away from the DMA. */
	if (!(__atomic_load_n(word, __ATOMIC_RELAXED) & mask))
		return 0;
	return __atomic_fetch_and(word, ~mask, __ATOMIC_ACQ_REL) & mask;
}

/* Reports the part of unit @unit of @logged that is in @range. */
static void report_unit(const struct dma_log *log, const struct logged *logged, uint64_t unit,
			struct iova_range range,
			void (*report)(struct iova_range written, void *arg), void *arg)
{
	const uint64_t start = ((logged->range.start >> log->shift) + unit) << log->shift;
	const uint64_t last = start + ((UINT64_C(1) << log->shift) - 1);
	const struct iova_range whole = {
		.start = max_u64(start, logged->range.start),
		.last = min_u64(last, logged->range.last),
	};

	/* The rest of the unit is left to another report. */
	if (!iova_range_contains(range, whole))
		mark_units(logged->words, unit, unit);
	report((struct iova_range){.start = max_u64(whole.start, range.start),
				   .last = min_u64(whole.last, range.last)},
	       arg);
}

static void report_logged(const struct dma_log *log, const struct logged *logged,
			  struct iova_range range,
			  void (*report)(struct iova_range written, void *arg), void *arg)
{
	uint64_t unit = unit_of(log, logged, max_u64(range.start, logged->range.start));
	const uint64_t last = unit_of(log, logged, min_u64(range.last, logged->range.last));

	while (unit <= last) {
		const uint64_t word = unit / WORD_BITS;
		const uint64_t end = min_u64(last, unit | (WORD_BITS - 1));
		const uint64_t mask = (UINT64_MAX >> (WORD_BITS - 1 - (end - unit)))
				      << unit % WORD_BITS;

		for (uint64_t set = take_bits(&logged->words[word], mask); set; set &= set - 1)
			report_unit(log, logged,
				    word * WORD_BITS + (unsigned int)__builtin_ctzll(set), range,
				    report, arg);
		unit = end + 1;
	}
}

int iommu_dma_log_report(struct iommu_endpoint *endpoint, struct iova_range range,
			 void (*report)(struct iova_range written, void *arg), void *arg)
{
	const struct dma_log *log = atomic_load_explicit(&endpoint->log, memory_order_relaxed);

	if (!log)
		return -EINVAL;
	for (size_t i = 0; i < log->count; i++) {
		if (iova_range_intersects(log->logged[i].range, range))
			report_logged(log, &log->logged[i], range, report, arg);
	}
	if (process_fence_works())
		process_fence();
	return 0;
}
