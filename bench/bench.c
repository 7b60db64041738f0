/* SPDX-License-Identifier: MIT */
/* Timing and tables for the benchmarks. The median is shown because the machine has other work. */
#include "bench.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	RUNS = 9,
	TURNS = 21, /* of a pair */
	NAME_WIDTH = 44,
	BAR_WIDTH = 76,
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

double bench_median(double *values, unsigned int count)
{
	qsort(values, count, sizeof(values[0]), compare);
	return values[count / 2];
}

static struct bench_result result_of(double *times, unsigned int count)
{
	const double median = bench_median(times, count);

	return (struct bench_result){.median = median, .min = times[0]};
}

struct bench_result bench_run(const struct bench_case *bench)
{
	const unsigned int runs = bench->runs ? bench->runs : RUNS;
	double times[RUNS];

	assert(runs <= RUNS);
	run_once(bench);
	for (unsigned int i = 0; i < runs; i++)
		times[i] = run_once(bench);
	return result_of(times, runs);
}

static double run_in_turn(const struct bench_case *bench)
{
	if (!bench->cold)
		run_once(bench);
	return run_once(bench);
}

struct bench_pair bench_pair(const struct bench_case *first, const struct bench_case *second)
{
	double times[TURNS], other_times[TURNS], ratios[TURNS];
	struct bench_pair pair;

	for (int i = 0; i < TURNS; i++) {
		times[i] = run_in_turn(first);
		other_times[i] = run_in_turn(second);
		ratios[i] = other_times[i] / times[i];
	}
	pair.first = result_of(times, TURNS);
	pair.second = result_of(other_times, TURNS);
	pair.ratio = bench_median(ratios, TURNS);
	return pair;
}

struct bench_result bench_once(uint64_t ns, uint64_t ops)
{
	double each = (double)ns / (double)ops;

	return (struct bench_result){.median = each, .min = each};
}

/* ---- what machines read: a line of JSON for each row and bar, appended to $BENCH_JSON ---- */

static char table[256];

static void put_string(FILE *out, const char *name, const char *text)
{
	fprintf(out, "\"%s\":\"", name);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
	}
	fputs("\",", out);
}

/* NULL: nobody wants it. */
static FILE *begin_line(const char *name)
{
	const char *path = getenv("BENCH_JSON");
	FILE *out = path ? fopen(path, "ae") : NULL;

	if (!out)
		return NULL;
	fputc('{', out);
	put_string(out, "program", program_invocation_short_name);
	put_string(out, "table", table);
	put_string(out, "name", name);
	return out;
}

static void end_line(FILE *out)
{
	fputs("}\n", out);
	fclose(out);
}

void bench_table(const char *title)
{
	snprintf(table, sizeof(table), "%s", title);
	printf("\n%-*s %12s %12s %12s %9s\n", NAME_WIDTH, title, "ns/op", "best", "Mop/s", "speed");
}

void bench_row(const char *name, struct bench_result result, struct bench_result reference)
{
	FILE *out;

	printf("  %-*s %12.1f %12.1f %12.3f %8.2fx\n", NAME_WIDTH - 2, name, result.median,
	       result.min, 1000.0 / result.median, reference.median / result.median);
	fflush(stdout);
	out = begin_line(name);
	if (!out)
		return;
	fprintf(out, "\"median_ns\":%.3f,\"best_ns\":%.3f,\"reference_ns\":%.3f", result.median,
		result.min, reference.median);
	end_line(out);
}

void bench_row_bytes(const char *name, uint64_t bytes, uint64_t reference_bytes, uint64_t items)
{
	printf("  %-*s %12.1f bytes each %23.2fx\n", NAME_WIDTH - 2, name,
	       (double)bytes / (double)items, (double)reference_bytes / (double)bytes);
	fflush(stdout);
}

static void print_bar(const char *name, double measured, const char *relation, double bar,
		      const char *unit, bool met)
{
	FILE *out;

	printf("bar: %-*s %8.2f%s, %s %g%s: %s\n", BAR_WIDTH, name, measured, unit, relation, bar,
	       unit, met ? "met" : "NOT MET");
	fflush(stdout);
	out = begin_line(name);
	if (!out)
		return;
	put_string(out, "unit", unit);
	fprintf(out, "\"measured\":%.3f,\"bar\":%g,\"met\":%s", measured, bar,
		met ? "true" : "false");
	end_line(out);
}

void bench_at_most(const char *name, double measured, double bar, const char *unit)
{
	print_bar(name, measured, "at most", bar, unit, measured <= bar);
}

void bench_at_least(const char *name, double measured, double bar, const char *unit)
{
	print_bar(name, measured, "at least", bar, unit, measured >= bar);
}

void bench_paths(struct bench_paths *paths)
{
	const ssize_t len = readlink("/proc/self/exe", paths->self, sizeof(paths->self) - 1);
	const char *dir;
	int needed = -1;

	paths->self[len < 0 ? 0 : len] = '\0';
	/* BUILD/bench/NAME_bench beside BUILD/uiommufd */
	dir = strstr(paths->self, "/bench/");
	if (dir)
		needed = snprintf(paths->command, sizeof(paths->command), "%.*s/uiommufd",
				  (int)(dir - paths->self), paths->self);
	if (needed >= 0 && (size_t)needed < sizeof(paths->command))
		return;
	fprintf(stderr, "%s: is in no build\n", paths->self);
	exit(1);
}
