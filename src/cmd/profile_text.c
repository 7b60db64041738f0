/* SPDX-License-Identifier: MIT */
#include "cmd/profile_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "cmd/state.h"

enum {
	SHOWN = 10, /* of call sites, and of mappings */
	PAGE = 4096,
};

/* What each model of the caches is like, in the order of the columns. */
static const struct {
	const char *name, *text;
} models[] = {
	{"actual", "as it was"},
	{"contiguous", "contiguous memory"},
	{"aligned", "and aligned to huge pages"},
	{"batched", "invalidations in batches"},
};

unsigned int profile_lost(struct json_object *model, uint64_t bytes, uint64_t reads)
{
	const double wire = (double)bytes * 8 / (double)state_number(model, "link_gbps");
	const double wait = (double)reads * (double)state_number(model, "read_ns");

	return wire + wait > 0 ? (unsigned int)(1000 * wait / (wire + wait) + 0.5) : 0;
}

/* Like text_size(), for which 0 is 2^64. */
static const char *size_text(uint64_t bytes)
{
	return bytes ? text_size(bytes) : "0 B";
}

/* ---- IOMMUs ---- */

static struct json_object *find_model(struct json_object *unit, const char *name)
{
	for (size_t i = 0; i < state_count(unit, "models"); i++)
		if (strcmp(state_text(state_at(unit, "models", i), "name"), name) == 0)
			return state_at(unit, "models", i);
	return NULL;
}

static void print_model(struct json_object *profile, struct json_object *unit, size_t index,
			FILE *out)
{
	struct json_object *model = state_get(profile, "model");
	struct json_object *counts = find_model(unit, models[index].name);
	const uint64_t lookups = state_number(counts, "lookups");
	const uint64_t misses = state_number(counts, "misses");
	const uint64_t invalidations = state_number(counts, "invalidations");
	const unsigned int lost = profile_lost(model, state_number(unit, "bytes"),
					       state_number(counts, "walk_reads"));

	fprintf(out,
		"    %-26s %12" PRIu64 " %7.3f%% %12" PRIu64 " %3u.%u%% %10" PRIu64 " %9.1f ms\n",
		models[index].text, misses,
		lookups ? 100.0 * (double)misses / (double)lookups : 0.0,
		state_number(counts, "walk_reads"), lost / 10, lost % 10, invalidations,
		(double)invalidations * (double)state_number(model, "invalidation_ns") / 1e6);
}

static void print_cache(const char *name, struct json_object *geometry, FILE *out)
{
	fprintf(out, "%s of %" PRIu64 " entries, %" PRIu64 " ways", name,
		state_number(geometry, "entries"), state_number(geometry, "ways"));
}

static void print_unit(struct json_object *profile, struct json_object *unit, FILE *out)
{
	struct json_object *actual = find_model(unit, "actual");

	fprintf(out, "\n  IOMMU %s (%s): ", state_text(unit, "name"), state_text(unit, "kind"));
	print_cache("IOTLB", state_get(unit, "iotlb"), out);
	fputs("; ", out);
	print_cache("walk cache", state_get(unit, "walk_cache"), out);
	fprintf(out, "\n  %s of DMA, %" PRIu64 " look-ups\n",
		size_text(state_number(unit, "bytes")), state_number(actual, "lookups"));
	fprintf(out, "    %-26s %12s %8s %12s %6s %10s %12s\n", "", "misses", "", "walk reads",
		"lost", "commands", "their time");
	for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++)
		print_model(profile, unit, i, out);
}

/* ---- devices, mappings, call sites ---- */

static uint64_t reads_of(struct json_object *object, const char *model)
{
	return state_number(state_get(object, "walk_reads"), model);
}

static uint64_t misses_of(struct json_object *object, const char *model)
{
	return state_number(state_get(object, "misses"), model);
}

static void print_usage(struct json_object *usage, FILE *out)
{
	fprintf(out,
		"%s of DMA, %" PRIu64 " misses, %" PRIu64
		" walk reads; with contiguous memory %" PRIu64 " misses, aligned %" PRIu64,
		size_text(state_number(usage, "bytes")), misses_of(usage, "actual"),
		reads_of(usage, "actual"), misses_of(usage, "contiguous"),
		misses_of(usage, "aligned"));
	if (state_number(usage, "invalidations"))
		fprintf(out, "; %" PRIu64 " invalidations dropped %" PRIu64 " entries",
			state_number(usage, "invalidations"), state_number(usage, "dropped"));
	fputc('\n', out);
}

static void print_devices(struct json_object *profile, FILE *out)
{
	for (size_t i = 0; i < state_count(profile, "devices"); i++) {
		struct json_object *device = state_at(profile, "devices", i);

		fprintf(out, "\n  device %s: %" PRIu64 " requests, ", state_text(device, "name"),
			state_number(device, "requests"));
		print_usage(device, out);
	}
}

static void print_frame(struct json_object *frame, FILE *out)
{
	if (*state_text(frame, "function"))
		fprintf(out, "%s", state_text(frame, "function"));
	else
		fprintf(out, "%s+%s", state_text(frame, "module"), state_text(frame, "offset"));
	if (*state_text(frame, "file"))
		fprintf(out, " %s:%" PRIu64, state_text(frame, "file"),
			state_number(frame, "line"));
}

static void print_site(struct json_object *site, FILE *out)
{
	const uint64_t touched = state_number(site, "touched_pages") * PAGE;

	fprintf(out, "    %" PRIu64 " mapping%s, ", state_number(site, "mappings"),
		state_number(site, "mappings") == 1 ? "" : "s");
	fprintf(out, "mapped %s, ", size_text(state_number(site, "mapped_bytes")));
	fprintf(out, "touched %s\n      ", size_text(touched));
	print_usage(site, out);
	for (size_t i = 0; i < state_count(site, "frames"); i++) {
		fprintf(out, "      #%zu ", i);
		print_frame(state_at(site, "frames", i), out);
		fputc('\n', out);
	}
}

static void print_mapping(struct json_object *mapping, FILE *out)
{
	fprintf(out, "    %s-%s%s: ", state_text(mapping, "start"), state_text(mapping, "last"),
		json_object_get_boolean(state_get(mapping, "gone")) ? " (gone)" : "");
	fprintf(out, "touched %s, ", size_text(state_number(mapping, "touched_pages") * PAGE));
	print_usage(mapping, out);
}

/* The most expensive first. */
static int by_reads(const void *a, const void *b)
{
	struct json_object *const *one = a, *const *two = b;
	const uint64_t first = reads_of(*one, "actual"), second = reads_of(*two, "actual");

	return first == second ? 0 : first < second ? 1 : -1;
}

static void print_top(struct json_object *profile, const char *key, const char *title,
		      void (*print)(struct json_object *object, FILE *out), FILE *out)
{
	const size_t count = state_count(profile, key);
	struct json_object **sorted = count ? calloc(count, sizeof(struct json_object *)) : NULL;

	if (!sorted)
		return;
	for (size_t i = 0; i < count; i++)
		sorted[i] = state_at(profile, key, i);
	qsort(sorted, count, sizeof(struct json_object *), by_reads);
	fprintf(out, "\n  %s by walk reads, %zu of %zu\n", title, count < SHOWN ? count : SHOWN,
		count);
	for (size_t i = 0; i < count && i < SHOWN; i++)
		print(sorted[i], out);
	free(sorted);
}

/* ---- all ---- */

/* What DMA has accessed, of mappings that are gone as well. */
static uint64_t touched_bytes(struct json_object *profile)
{
	uint64_t pages = 0;

	for (size_t i = 0; i < state_count(profile, "sites"); i++)
		pages += state_number(state_at(profile, "sites", i), "touched_pages");
	return pages * PAGE;
}

static void print_profile(struct json_object *profile, FILE *out)
{
	struct json_object *model = state_get(profile, "model");

	fprintf(out, "uiommufd: profile of process %" PRIu64 ": mapped ",
		state_number(profile, "pid"));
	fprintf(out, "%s at most, ", size_text(state_number(profile, "mapped_most")));
	fprintf(out, "touched %s\n", size_text(touched_bytes(profile)));
	fprintf(out,
		"  a look-up for each %" PRIu64 " bytes, %" PRIu64 " ns for a walk read, %" PRIu64
		" ns for an invalidation, a link of %" PRIu64 " Gb/s, batches of %" PRIu64 "\n",
		state_number(model, "payload"), state_number(model, "read_ns"),
		state_number(model, "invalidation_ns"), state_number(model, "link_gbps"),
		state_number(model, "batch"));
	for (size_t i = 0; i < state_count(profile, "iommus"); i++)
		print_unit(profile, state_at(profile, "iommus", i), out);
	print_devices(profile, out);
	print_top(profile, "sites", "call sites", print_site, out);
	print_top(profile, "mappings", "mappings", print_mapping, out);
}

void profile_text(struct json_object *file, FILE *out)
{
	for (size_t i = 0; i < state_count(file, "profiles"); i++)
		print_profile(state_at(file, "profiles", i), out);
	if (!state_count(file, "profiles"))
		fputs("uiommufd: there is no profile: nothing was mapped\n", out);
}
