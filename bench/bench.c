/* SPDX-License-Identifier: MIT */
/* Timing and tables for the benchmarks. The median is shown because the machine has other work. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
	RUNS = 9,
	NAME_WIDTH = 44,
};

uint64_t bench_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static double run_once(const struct bench_case *bench)
{
	uint64_t began, ended;

	if (bench->setup)
		bench->setup(bench->arg);
	began = bench_now();
	bench->body(bench->arg, bench->ops);
	ended = bench_now();
	if (bench->teardown)
		bench->teardown(bench->arg);
	return (double)(ended - began) / (double)bench->ops;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct bench_result bench_run(const struct bench_case *bench)
{
	double times[RUNS];

	run_once(bench);
	for (int i = 0; i < RUNS; i++)
		times[i] = run_once(bench);
	qsort(times, RUNS, sizeof(times[0]), compare);
	return (struct bench_result){.median = times[RUNS / 2], .min = times[0]};
}

struct bench_result bench_once(uint64_t ns, uint64_t ops)
{
	double each = (double)ns / (double)ops;

	return (struct bench_result){.median = each, .min = each};
}

void bench_table(const char *title)
{
	printf("\n%-*s %12s %12s %12s %9s\n", NAME_WIDTH, title, "ns/op", "best", "Mop/s",
	       "faster");
}

void bench_row(const char *name, struct bench_result result, struct bench_result reference)
{
	printf("  %-*s %12.1f %12.1f %12.3f %8.2fx\n", NAME_WIDTH - 2, name, result.median,
	       result.min, 1000.0 / result.median, reference.median / result.median);
	fflush(stdout);
}

void bench_row_bytes(const char *name, uint64_t bytes, uint64_t reference_bytes, uint64_t items)
{
	printf("  %-*s %12.1f bytes each %23.2fx\n", NAME_WIDTH - 2, name,
	       (double)bytes / (double)items, (double)reference_bytes / (double)bytes);
	fflush(stdout);
}
