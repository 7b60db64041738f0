/* SPDX-License-Identifier: MIT */
/*
 * What the benchmarks share: run a body often enough to trust the number, and print one row of a
 * table for it.
 *
 *	static void find_one(void *map, uint64_t ops) { ... }
 *
 *	bench_table("look-up in a map of a million ranges");
 *	ours = bench_run(&(struct bench_case){.body = find_ours, .arg = &map, .ops = 1000000});
 *	tree = bench_run(&(struct bench_case){.body = find_tree, .arg = &tree, .ops = 1000000});
 *	bench_row("red-black tree", tree, tree);
 *	bench_row("iova_map", ours, tree);
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdint.h>

struct bench_case {
	/* Before and after each run, not measured. NULL: nothing. */
	void (*setup)(void *arg);
	void (*teardown)(void *arg);

	/* Measured: does @ops operations. */
	void (*body)(void *arg, uint64_t ops);
	void *arg;
	uint64_t ops;
};

/* Nanoseconds per operation over all runs. */
struct bench_result {
	double median;
	double min;
};

/* Runs the case once to warm up, then several times measured. */
struct bench_result bench_run(const struct bench_case *bench);

/* The result for @ops operations that took @ns nanoseconds, measured elsewhere. */
struct bench_result bench_once(uint64_t ns, uint64_t ops);

/* Monotonic clock in nanoseconds. */
uint64_t bench_now(void);

/* Starts a table. */
void bench_table(const char *title);

/* A row: @result, and how many times faster it is than @reference (the row itself shows 1.00). */
void bench_row(const char *name, struct bench_result result, struct bench_result reference);

/* A row about size: @bytes for @items things, compared with @reference_bytes for as many. */
void bench_row_bytes(const char *name, uint64_t bytes, uint64_t reference_bytes, uint64_t items);

/* Keeps the compiler from dropping the computation of @value. */
static inline void bench_use(uint64_t value)
{
	__asm__ volatile("" : : "r"(value));
}

#endif
