/* SPDX-License-Identifier: MIT */
/*
 * The state as text: one line for each range, in columns: what it is, the range with its ends
 * aligned at the dash, its size, and a note.
 */
#include <inttypes.h>
#include <string.h>

#include "cmd/extents.h"
#include "cmd/state.h"

enum {
	MAX_LISTED = 32,  /* mappings that are listed one by one */
	MAX_EXTENTS = 12, /* instead of more mappings than that */
	START_SIZE = 20,
	NOTE_SIZE = 640,
};

#define NUMBER(object, key) ((unsigned int)state_number(object, key))

static void print_range(FILE *out, const char *what, struct iova_range range, const char *note)
{
	char start[START_SIZE], last[START_SIZE];

	snprintf(start, sizeof(start), "0x%" PRIx64, range.start);
	snprintf(last, sizeof(last), "0x%" PRIx64, range.last);
	fprintf(out, "    %-9s  %18s-%-18s  %11s", what, start, last,
		text_size(iova_range_len(range)));
	if (*note)
		fprintf(out, "  %s", note);
	fputs("\n", out);
}

/* The ranges of an array, with its name on the first line. */
static void print_ranges(FILE *out, const char *what, struct json_object *object, const char *key)
{
	for (size_t i = 0; i < state_count(object, key); i++)
		print_range(out, i ? "" : what, state_range(state_at(object, key, i)), "");
}

/* ---- IO address spaces ---- */

/* The HWPT with the ID @id. */
static struct json_object *find_hwpt(struct json_object *ctx, uint64_t id)
{
	for (size_t i = 0; i < state_count(ctx, "hwpts"); i++) {
		struct json_object *hwpt = state_at(ctx, "hwpts", i);

		if (state_number(hwpt, "id") == id)
			return hwpt;
	}
	return NULL;
}

static void print_reserved(FILE *out, struct json_object *ctx, struct json_object *ioas)
{
	char note[NOTE_SIZE];

	for (size_t i = 0; i < state_count(ioas, "reserved"); i++) {
		struct json_object *resv = state_at(ioas, "reserved", i);
		const char *by = state_text(resv, "by");
		const unsigned int id = NUMBER(resv, "id");

		if (!strcmp(by, "device"))
			snprintf(note, sizeof(note), "device %u, %s", id, state_text(resv, "name"));
		else if (!strcmp(by, "hwpt"))
			snprintf(note, sizeof(note), "HWPT %u, beyond %s", id,
				 state_text(find_hwpt(ctx, id), "iommu"));
		else
			snprintf(note, sizeof(note), "a test");
		print_range(out, i ? "" : "reserved", state_range(resv), note);
	}
}

void text_mapping(struct json_object *state, struct json_object *mapping, char *text, size_t size)
{
	const uint64_t pid = state_number(mapping, "pid");
	char other[48] = "", pins[32] = "";

	/* Only after IOMMU_IOAS_CHANGE_PROCESS memory belongs to another process. */
	if (pid && pid != state_number(state, "pid"))
		snprintf(other, sizeof(other), " of process %" PRIu64, pid);
	if (state_number(mapping, "access_pins"))
		snprintf(pins, sizeof(pins), ", %u pins of accesses",
			 NUMBER(mapping, "access_pins"));
	snprintf(text, size, "%s%s%s at 0x%" PRIx64 "%s%s%s%s%s", state_text(mapping, "of"),
		 state_get(mapping, "file") ? " " : "", state_text(mapping, "file"),
		 state_number(mapping, "address"), other,
		 state_flag(mapping, "pinned") ? ", pinned" : "",
		 state_flag(mapping, "busy") ? ", under construction" : "",
		 state_flag(mapping, "revoked") ? ", revoked" : "", pins);
}

/* The mappings; extents of them if they are too many. */
static void print_mapped(FILE *out, struct json_object *state, struct json_object *ioas, bool all)
{
	struct json_object *mapped = state_get(ioas, "mapped");
	const uint64_t count = state_number(mapped, "mappings");
	struct extent extents[MAX_EXTENTS];
	char note[NOTE_SIZE];

	if (count == 0)
		fprintf(out, "    %-9s  nothing\n", "mapped");
	else
		fprintf(out, "    %-9s  %" PRIu64 " mapping%s, %s\n", "mapped", count,
			count == 1 ? "" : "s", text_size(state_number(mapped, "bytes")));
	if (count == state_count(mapped, "list") && (all || count <= MAX_LISTED)) {
		for (size_t i = 0; i < count; i++) {
			struct json_object *mapping = state_at(mapped, "list", i);
			const int used = snprintf(note, sizeof(note), "%-2s  ",
						  state_text(mapping, "rights"));

			text_mapping(state, mapping, note + used, sizeof(note) - (size_t)used);
			print_range(out, "", state_range(mapping), note);
		}
		return;
	}
	for (size_t i = 0, n = extents_read(ioas, extents, MAX_EXTENTS); i < n; i++) {
		const bool dense = extents[i].bytes == iova_range_len(extents[i].range);

		snprintf(note, sizeof(note), "%" PRIu64 " mapping%s%s%s, %s", extents[i].mappings,
			 extents[i].mappings == 1 ? "" : "s", dense ? "" : ", ",
			 dense ? "" : text_size(extents[i].bytes), extent_rights(&extents[i]));
		print_range(out, "", extents[i].range, note);
	}
}

static void print_ids(FILE *out, const char *what, struct json_object *object, const char *key)
{
	const size_t count = state_count(object, key);

	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s%s", i ? " " : what,
			json_object_get_string(state_at(object, key, i)));
}

static void print_ioas(FILE *out, struct json_object *state, struct json_object *ctx,
		       struct json_object *ioas, bool all)
{
	fprintf(out, "\n  IOAS %u: alignment %u%s", NUMBER(ioas, "id"), NUMBER(ioas, "alignment"),
		state_flag(ioas, "huge_pages") ? "" : ", no huge pages");
	print_ids(out, state_count(ioas, "hwpts") == 1 ? ", HWPT " : ", HWPTs ", ioas, "hwpts");
	print_ids(out, state_count(ioas, "accesses") == 1 ? ", access " : ", accesses ", ioas,
		  "accesses");
	fputs("\n", out);
	print_ranges(out, "permitted", ioas, "permitted");
	print_reserved(out, ctx, ioas);
	print_ranges(out, "allowed", ioas, "allowed");
	print_mapped(out, state, ioas, all);
}

/* ---- page tables, devices, the rest ---- */

static void print_hwpt(FILE *out, struct json_object *hwpt)
{
	struct json_object *tracking = state_get(hwpt, "dirty_tracking");

	fprintf(out, "\n  HWPT %u: ", NUMBER(hwpt, "id"));
	if (state_get(hwpt, "parent")) {
		fprintf(out, "nested on HWPT %u", NUMBER(hwpt, "parent"));
		if (state_get(hwpt, "viommu"))
			fprintf(out, " by vIOMMU %u", NUMBER(hwpt, "viommu"));
		if (state_get(hwpt, "soft_format"))
			fprintf(out, " by software, format %s", state_text(hwpt, "soft_format"));
		fprintf(out, ", %s (%s)\n", state_text(hwpt, "iommu"), state_text(hwpt, "kind"));
		return;
	}
	fprintf(out, "of IOAS %u, %s (%s), format %s, %s of tables%s%s%s\n", NUMBER(hwpt, "ioas"),
		state_text(hwpt, "iommu"), state_text(hwpt, "kind"), state_text(hwpt, "format"),
		text_size(state_number(hwpt, "table_bytes")),
		state_flag(hwpt, "automatic") ? ", automatic" : "",
		state_flag(hwpt, "nest_parent") ? ", nesting parent" : "",
		!tracking			     ? ""
		: state_flag(hwpt, "dirty_tracking") ? ", dirty tracking on"
						     : ", dirty tracking off");
	print_range(out, "aperture", state_range(state_get(hwpt, "aperture")), "");
	print_ranges(out, "except", hwpt, "gaps");
}

static void print_attached(FILE *out, struct json_object *device)
{
	const size_t count = state_count(device, "attached");

	if (!count)
		fprintf(out, "    %-9s  to nothing\n", "attached");
	for (size_t i = 0; i < count; i++) {
		struct json_object *attachment = state_at(device, "attached", i);

		fprintf(out, "    %-9s  to IOAS %u by HWPT %u", i ? "" : "attached",
			NUMBER(attachment, "ioas"), NUMBER(attachment, "hwpt"));
		if (state_get(attachment, "pasid"))
			fprintf(out, ", PASID %u", NUMBER(attachment, "pasid"));
		fputs("\n", out);
	}
}

/* The ranges of @ioas that @device does not permit, so that it cannot be attached. */
static void print_conflicts(FILE *out, struct json_object *device, struct json_object *ioas)
{
	const unsigned int id = NUMBER(ioas, "id");
	char note[NOTE_SIZE];

	for (size_t i = 0; i < state_count(device, "conflicts"); i++) {
		struct json_object *conflict = state_at(device, "conflicts", i);

		if (NUMBER(conflict, "ioas") != id)
			continue;
		snprintf(note, sizeof(note), "%s of IOAS %u", state_text(conflict, "with"), id);
		print_range(out, "conflict", state_range(conflict), note);
	}
}

/* The IO address spaces that @device is not attached to. */
static void print_elsewhere(FILE *out, struct json_object *ctx, struct json_object *device)
{
	const size_t count = state_count(ctx, "ioases");
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		struct json_object *ioas = state_at(ctx, "ioases", i);

		if (state_is_attached(device, ioas) || state_fit(device, ioas) != FIT_YES)
			continue;
		if (any)
			fprintf(out, ", %u", NUMBER(ioas, "id"));
		else
			fprintf(out, "    %-9s  IOAS %u", "fits", NUMBER(ioas, "id"));
		any = true;
	}
	if (any)
		fputs("\n", out);
	for (size_t i = 0; i < count; i++) {
		struct json_object *ioas = state_at(ctx, "ioases", i);

		if (state_is_attached(device, ioas))
			continue;
		print_conflicts(out, device, ioas);
		if (state_fit(device, ioas) == FIT_MISALIGNED)
			fprintf(out, "    %-9s  mappings of IOAS %u are no multiples of %u\n",
				"conflict", NUMBER(ioas, "id"), NUMBER(device, "alignment"));
	}
}

static void print_device(FILE *out, struct json_object *ctx, struct json_object *device)
{
	fprintf(out, "\n  device %u: %s behind %s (%s), group %u\n", NUMBER(device, "id"),
		state_text(device, "name"), state_text(device, "iommu"), state_text(device, "kind"),
		NUMBER(device, "group"));
	print_attached(out, device);
	for (size_t i = 0; i < state_count(device, "reserved"); i++) {
		struct json_object *region = state_at(device, "reserved", i);

		print_range(out, i ? "" : "reserved", state_range(region),
			    state_text(region, "type"));
	}
	print_ranges(out, "permits", device, "permitted");
	print_elsewhere(out, ctx, device);
}

static void print_others(FILE *out, struct json_object *ctx)
{
	const size_t count = state_count(ctx, "others");

	if (count)
		fputs("\n", out);
	for (size_t i = 0; i < count; i++) {
		struct json_object *other = state_at(ctx, "others", i);

		fprintf(out, "  %s %u\n", state_text(other, "type"), NUMBER(other, "id"));
	}
}

static void print_context(FILE *out, struct json_object *state, struct json_object *ctx, bool all)
{
	fprintf(out, "context %u: memory is charged to the %s\n", NUMBER(ctx, "context"),
		state_text(ctx, "accounting"));
	for (size_t i = 0; i < state_count(ctx, "ioases"); i++)
		print_ioas(out, state, ctx, state_at(ctx, "ioases", i), all);
	for (size_t i = 0; i < state_count(ctx, "hwpts"); i++)
		print_hwpt(out, state_at(ctx, "hwpts", i));
	for (size_t i = 0; i < state_count(ctx, "devices"); i++)
		print_device(out, ctx, state_at(ctx, "devices", i));
	print_others(out, ctx);
}

/* The processes of a machine that they share. */
static void print_processes(FILE *out, struct json_object *state)
{
	for (size_t i = 0; i < state_count(state, "processes"); i++) {
		struct json_object *process = state_at(state, "processes", i);

		fprintf(out, "  process %u (%s)\n", NUMBER(process, "pid"),
			state_text(process, "program"));
	}
}

void show_text(struct json_object *state, bool all, FILE *out)
{
	const uint64_t locked = state_number(state, "locked_pages");
	const bool is_shared = state_get(state, "processes");

	fprintf(out, "%s %u (%s): %s charged as locked\n",
		is_shared ? "machine of process" : "process", NUMBER(state, "pid"),
		state_text(state, "program"), locked ? text_size(locked << 12) : "nothing");
	print_processes(out, state);
	for (size_t i = 0; i < state_count(state, "contexts"); i++)
		print_context(out, state, state_at(state, "contexts", i), all);
}
