/* SPDX-License-Identifier: MIT */
/*
 * What the benchmarks share: run a body often enough to trust the number, and print one row of a
 * table for it. A comparison that has a bar to meet runs both sides in turns (bench_pair) and says
 * whether it is met (bench_at_most, bench_at_least); scripts/run-benchmarks repeats those lines at
 * the end. With BENCH_JSON=FILE in the environment, each row and each bar is a line of JSON in
 * FILE, too.
 *
 * 	static void find_one(void *map, uint64_t ops) { ... }
 *
 * 	bench_table("look-up in a map of a million ranges");
 * 	ours = bench_run(&(struct bench_case){.body = find_ours, .arg = &map, .ops = 1000000});
 * 	tree = bench_run(&(struct bench_case){.body = find_tree, .arg = &tree, .ops = 1000000});
 * 	bench_row("red-black tree", tree, tree);
 * 	bench_row("iova_map", ours, tree);
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct bench_case {
	/* Before and after each run, not measured. NULL: nothing. */
	void (*setup)(void *arg);
	void (*teardown)(void *arg);

	/* Measured: does @ops operations. */
	void (*body)(void *arg, uint64_t ops);
	void *arg;
	uint64_t ops;

	/* How often it is measured; 0: the usual number of times. */
	unsigned int runs;

	/* In a pair: not warmed up, so that it finds the caches as the other one left them. */
	bool cold;
};

/* Nanoseconds per operation over all runs. */
struct bench_result {
	double median;
	double min;
};

/* Runs the case once to warm up, then measured, several times. */
struct bench_result bench_run(const struct bench_case *bench);

/*
 * What two cases cost, and the median of the second one's cost over the first one's, turn by turn.
 */
struct bench_pair {
	struct bench_result first, second;
	double ratio;
};

/*
 * Runs both cases in turns, each time warmed up unless it says cold, so that whatever else the
 * machine does at a time happens to both.
 */
struct bench_pair bench_pair(const struct bench_case *first, const struct bench_case *second);

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

/* The median; sorts @values. */
double bench_median(double *values, unsigned int count);

/*
 * Says whether a bar is met, on a line that begins with "bar: ". @unit follows the numbers: "x", "
 * bytes".
 */
void bench_at_most(const char *name, double measured, double bar, const char *unit);
void bench_at_least(const char *name, double measured, double bar, const char *unit);

/* For a benchmark that starts itself under `uiommufd run`. */
struct bench_paths {
	char self[PATH_MAX];
	char command[PATH_MAX]; /* `uiommufd` of the build that it belongs to */
};

/* Ends the program if it is not where a build has it. */
void bench_paths(struct bench_paths *paths);

/* Keeps the compiler from dropping the computation of @value. */
static inline void bench_use(uint64_t value)
{
	__asm__ volatile("" : : "r"(value));
}

#endif
