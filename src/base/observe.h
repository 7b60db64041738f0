/* SPDX-License-Identifier: MIT */
/*
 * Whether anything watches what happens: one word that every place of interest loads before it
 * tells trace/events.h. With no observer that load and one predictable branch are the whole cost.
 *
 * The low half belongs to tracers: each of them that attaches to a probe adds 1 there, through the
 * semaphore of the probe (trace/probes.h). The high half has a bit for each observer of ours, which
 * is set once and stays.
 */
#ifndef BASE_OBSERVE_H
#define BASE_OBSERVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum observer {
	OBSERVER_REPORTS = 1, /* report/origin.h: recording() */
	OBSERVER_TRACE = 2,   /* trace/trace.h */
	OBSERVER_PROFILE = 4, /* profile/profile.h */
	OBSERVER_COUNTS = 8,  /* report/counts.h: counting(), without reports */
	OBSERVER_MOVES = 16,  /* iommufd/ioas/area_index.h: of areas that come and go */
};

struct observers {
	_Atomic uint16_t tracers;
	_Atomic uint16_t ours; /* enum observer */
} __attribute__((aligned(4)));

extern struct observers observers;

static inline bool observed(void)
{
	return __builtin_expect(
		__atomic_load_n((const uint32_t *)(const void *)&observers, __ATOMIC_RELAXED) != 0,
		0);
}

/* By one of @any, bits of enum observer. */
static inline bool observed_by(unsigned int any)
{
	return atomic_load_explicit(&observers.ours, memory_order_relaxed) & any;
}

/* Whether there is no other than @some, bits of enum observer. */
static inline bool observed_only_by(unsigned int some)
{
	return !(atomic_load_explicit(&observers.ours, memory_order_relaxed) & ~some) &&
	       !atomic_load_explicit(&observers.tracers, memory_order_relaxed);
}

static inline bool observed_by_tracer(void)
{
	return atomic_load_explicit(&observers.tracers, memory_order_relaxed);
}

/* Context: @observer is ready to be told. */
static inline void observe(enum observer observer)
{
	atomic_fetch_or_explicit(&observers.ours, (uint16_t)observer, memory_order_release);
}

/* Pages that are pinned, counted while a trace is made. */
extern _Atomic int64_t observed_pins;

/* @pages have been pinned; negative: unpinned. */
static inline void observe_pins(int64_t pages)
{
	if (observed())
		atomic_fetch_add_explicit(&observed_pins, pages, memory_order_relaxed);
}

#endif
