/* SPDX-License-Identifier: MIT */
/*
 * See top_table.h. Devices are recognised by their names. A count that is lower than before began
 * again: the device was unplugged and plugged, or the program has become another one.
 */
#include "cmd/top_table.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "cmd/state.h"

enum {
	NUMBER_SIZE = 32,
	PARTS = 2 /* counts that one column adds */
};

struct column {
	const char *total, *rate; /* headings */
	int width, short_width;
	bool bytes, always_total;
	const char *keys[PARTS]; /* in "counts" */
};

static const struct column columns[] = {
	{"READS", "READS/s", 12, 9, false, false, {"dma_reads"}},
	{"READ-BYTES", "READ-B/s", 15, 10, true, false, {"dma_read_bytes"}},
	{"WRITES", "WRITES/s", 12, 9, false, false, {"dma_writes"}},
	{"WRITE-BYTES", "WRITE-B/s", 15, 10, true, false, {"dma_write_bytes"}},
	{"FAULTS", "FAULTS", 8, 7, false, true, {"faults"}},
	{"INTERRUPTS", "INTRS/s", 11, 8, false, false, {"interrupts"}},
	{"REGISTERS", "REGS/s", 11, 8, false, false, {"register_reads", "register_writes"}},
};

#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

static const char *const columns_of_mappings[] = {"MAPPINGS", "MAPPED"};

struct table {
	const struct top_sample *before, *now;
	double seconds; /* between the two; 0: totals are printed */
	bool terse;
	int iommu_width; /* of the longest name */
	FILE *out;
};

/* ---- numbers ---- */

/* "999", "1.2k", "35M": three or four characters and a unit. */
static void put_short(const struct table *table, uint64_t number, uint64_t thousand, int width)
{
	static const char *const units[] = {"", "k", "M", "G", "T", "P", "E"};
	char text[NUMBER_SIZE];
	double value = (double)number;
	unsigned int unit = 0;

	while (value >= (double)thousand && unit < 6) {
		value /= (double)thousand;
		unit++;
	}
	snprintf(text, sizeof(text), "%.*f%s", unit && value < 9.95 ? 1 : 0, value, units[unit]);
	fprintf(table->out, " %*s", width, text);
}

static void put_number(const struct table *table, uint64_t number, bool bytes, int width,
		       int short_width)
{
	if (table->terse)
		put_short(table, number, bytes ? 1024 : 1000, short_width);
	else
		fprintf(table->out, " %*" PRIu64, width, number);
}

/* ---- devices ---- */

/* The device of @state with the name of @device, or NULL. */
static struct json_object *find_device(struct json_object *state, struct json_object *device)
{
	const char *name = state_text(device, "name");

	for (size_t i = 0; i < state_count(state, "contexts"); i++) {
		struct json_object *ctx = state_at(state, "contexts", i);

		for (size_t j = 0; j < state_count(ctx, "devices"); j++) {
			struct json_object *found = state_at(ctx, "devices", j);

			if (!strcmp(state_text(found, "name"), name))
				return found;
		}
	}
	return NULL;
}

/* What @column says of @device: a total, or how much of it was in a second. */
static uint64_t value_of(const struct table *table, const struct column *column,
			 struct json_object *device, struct json_object *earlier)
{
	struct json_object *counts = state_get(device, "counts");
	struct json_object *counts_before = state_get(earlier, "counts");
	uint64_t sum = 0;

	for (size_t i = 0; i < PARTS && column->keys[i]; i++) {
		const uint64_t number = state_number(counts, column->keys[i]);
		const uint64_t was = state_number(counts_before, column->keys[i]);

		if (table->seconds == 0 || column->always_total)
			sum += number;
		else if (counts_before)
			sum += number < was ? number : number - was;
	}
	if (table->seconds == 0 || column->always_total)
		return sum;
	return (uint64_t)((double)sum / table->seconds + 0.5);
}

/* The mappings in all IOASes that @device is attached to. */
static void put_mappings(const struct table *table, struct json_object *ctx,
			 struct json_object *device)
{
	uint64_t mappings = 0, bytes = 0;

	for (size_t i = 0; i < state_count(ctx, "ioases"); i++) {
		struct json_object *ioas = state_at(ctx, "ioases", i);
		struct json_object *mapped = state_get(ioas, "mapped");

		if (!state_is_attached(device, ioas))
			continue;
		mappings += state_number(mapped, "mappings");
		bytes += state_number(mapped, "bytes");
	}
	put_number(table, mappings, false, 9, 9);
	put_number(table, bytes, true, 15, 8);
}

static void put_device(const struct table *table, struct json_object *ctx,
		       struct json_object *device)
{
	struct json_object *earlier = NULL;

	if (table->seconds != 0)
		earlier = find_device(table->before->state, device);
	fprintf(table->out, "%-12s", state_text(device, "name"));
	fprintf(table->out, " %-*s", table->iommu_width, state_text(device, "iommu"));
	put_mappings(table, ctx, device);
	for (size_t i = 0; i < COLUMNS; i++) {
		const struct column *column = &columns[i];

		if (state_get(device, "counts"))
			put_number(table, value_of(table, column, device, earlier), column->bytes,
				   column->width, column->short_width);
		else
			fprintf(table->out, " %*s",
				table->terse ? column->short_width : column->width, "-");
	}
	fputs("\n", table->out);
}

static void put_heading(const struct table *table)
{
	fprintf(table->out, "%-12s %-*s %9s %*s", "DEVICE", table->iommu_width, "IOMMU",
		columns_of_mappings[0], table->terse ? 8 : 15, columns_of_mappings[1]);
	for (size_t i = 0; i < COLUMNS; i++)
		fprintf(table->out, " %*s",
			table->terse ? columns[i].short_width : columns[i].width,
			table->seconds != 0 ? columns[i].rate : columns[i].total);
	fputs("\n", table->out);
}

static unsigned int put_devices(const struct table *table)
{
	struct json_object *state = table->now->state;
	unsigned int devices = 0;

	put_heading(table);
	for (size_t i = 0; i < state_count(state, "contexts"); i++) {
		struct json_object *ctx = state_at(state, "contexts", i);

		for (size_t j = 0; j < state_count(ctx, "devices"); j++) {
			put_device(table, ctx, state_at(ctx, "devices", j));
			devices++;
		}
	}
	return devices;
}

/* ---- the forms ---- */

static int longest_iommu(struct json_object *state)
{
	size_t longest = 8;

	for (size_t i = 0; i < state_count(state, "contexts"); i++) {
		struct json_object *ctx = state_at(state, "contexts", i);

		for (size_t j = 0; j < state_count(ctx, "devices"); j++) {
			size_t len = strlen(state_text(state_at(ctx, "devices", j), "iommu"));

			longest = len > longest ? len : longest;
		}
	}
	return (int)longest;
}

static struct table table_of(const struct top_sample *before, const struct top_sample *now,
			     bool terse, FILE *out)
{
	struct table table = {
		.before = before,
		.now = now,
		.terse = terse,
		.iommu_width = longest_iommu(now->state),
		.out = out,
	};

	if (before->state) {
		table.seconds = (double)(now->time.tv_sec - before->time.tv_sec) +
				(double)(now->time.tv_nsec - before->time.tv_nsec) / 1e9;
		if (table.seconds < 1e-6)
			table.seconds = 1e-6;
	}
	return table;
}

void top_table(const struct top_sample *before, const struct top_sample *now, FILE *out)
{
	const struct table table = table_of(before, now, false, out);

	(void)put_devices(&table);
}

void top_screen(const struct top_sample *before, const struct top_sample *now, FILE *out)
{
	const struct table table = table_of(before, now, true, out);

	fprintf(out, "%" PRIu64 " (%s): q leaves\n\n", state_number(now->state, "pid"),
		state_text(now->state, "program"));
	if (!put_devices(&table))
		fputs("no device is bound\n", out);
}
