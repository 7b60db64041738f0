/* SPDX-License-Identifier: MIT */
/* The state and a lookup as text. */
#include <inttypes.h>
#include <string.h>

#include "cmd/state.h"

#define NUMBER(object, key) ((unsigned int)state_number(object, key))

/* Lines "    NAME  RANGE (SIZE)", the name on the first. */
static void print_ranges(FILE *out, const char *name, struct json_object *object, const char *key)
{
	for (size_t i = 0; i < state_count(object, key); i++) {
		const struct iova_range range = state_range(state_at(object, key, i));

		fprintf(out, "    %-10s %s (%s)\n", i ? "" : name, text_range(range),
			text_size(iova_range_len(range)));
	}
}

static void print_reserved(FILE *out, struct json_object *ioas)
{
	for (size_t i = 0; i < state_count(ioas, "reserved"); i++) {
		struct json_object *resv = state_at(ioas, "reserved", i);
		const char *by = state_text(resv, "by");

		fprintf(out, "    %-10s %s, ", i ? "" : "reserved", text_range(state_range(resv)));
		if (!strcmp(by, "device"))
			fprintf(out, "for device %u, %s\n", NUMBER(resv, "id"),
				state_text(resv, "name"));
		else if (!strcmp(by, "hwpt"))
			fprintf(out, "not translated by HWPT %u\n", NUMBER(resv, "id"));
		else
			fprintf(out, "by a test\n");
	}
}

static void print_mapping(FILE *out, struct json_object *mapping)
{
	const struct iova_range range = state_range(mapping);

	fprintf(out, "      %s (%s) %-2s, %s 0x%" PRIx64, text_range(range),
		text_size(iova_range_len(range)), state_text(mapping, "rights"),
		state_text(mapping, "of"), state_number(mapping, "address"));
	if (state_get(mapping, "pid"))
		fprintf(out, " of %u", NUMBER(mapping, "pid"));
	fputs(state_flag(mapping, "pinned") ? ", pinned" : "", out);
	fputs(state_flag(mapping, "busy") ? ", under construction" : "", out);
	fputs(state_flag(mapping, "revoked") ? ", revoked" : "", out);
	if (state_number(mapping, "access_pins"))
		fprintf(out, ", %u pins of accesses", NUMBER(mapping, "access_pins"));
	fputs("\n", out);
}

/* The mappings, or, of those that are too many, runs of them. */
static void print_mappings(FILE *out, struct json_object *ioas)
{
	struct json_object *mapped = state_get(ioas, "mapped");
	const uint64_t count = state_number(mapped, "mappings");

	fprintf(out, "    %-10s %" PRIu64 " mapping%s", "mapped", count, count == 1 ? "" : "s");
	if (count)
		fprintf(out, ", %s", text_size(state_number(mapped, "bytes")));
	fputs("\n", out);
	if (count == state_count(mapped, "list")) {
		for (size_t i = 0; i < count; i++)
			print_mapping(out, state_at(mapped, "list", i));
		return;
	}
	for (size_t i = 0; i < state_count(mapped, "runs"); i++) {
		struct json_object *run = state_at(mapped, "runs", i);

		fprintf(out, "      %s: %u mapping%s, %s\n", text_range(state_range(run)),
			NUMBER(run, "mappings"), NUMBER(run, "mappings") == 1 ? "" : "s",
			text_size(state_number(run, "bytes")));
	}
}

static void print_ioas(FILE *out, struct json_object *ioas)
{
	fprintf(out, "  IOAS %u: alignment %u%s\n", NUMBER(ioas, "id"), NUMBER(ioas, "alignment"),
		state_flag(ioas, "huge_pages") ? "" : ", no huge pages");
	print_ranges(out, "permitted", ioas, "permitted");
	print_reserved(out, ioas);
	print_ranges(out, "allowed", ioas, "allowed");
	print_mappings(out, ioas);
}

static void print_hwpt(FILE *out, struct json_object *hwpt)
{
	fprintf(out, "  HWPT %u: ", NUMBER(hwpt, "id"));
	if (state_get(hwpt, "parent")) {
		fprintf(out, "nested on HWPT %u", NUMBER(hwpt, "parent"));
		if (state_get(hwpt, "viommu"))
			fprintf(out, " by vIOMMU %u", NUMBER(hwpt, "viommu"));
		fprintf(out, ", %s (%s)\n", state_text(hwpt, "iommu"), state_text(hwpt, "kind"));
		return;
	}
	fprintf(out, "of IOAS %u, %s (%s), %s, %s of tables%s%s%s\n", NUMBER(hwpt, "ioas"),
		state_text(hwpt, "iommu"), state_text(hwpt, "kind"), state_text(hwpt, "format"),
		text_size(state_number(hwpt, "table_bytes")),
		state_flag(hwpt, "automatic") ? ", automatic" : "",
		state_flag(hwpt, "nest_parent") ? ", nesting parent" : "",
		state_get(hwpt, "dirty_tracking") ? ", dirty tracking" : "");
	fprintf(out, "    %-10s %s\n", "aperture",
		text_range(state_range(state_get(hwpt, "aperture"))));
	print_ranges(out, "but for", hwpt, "gaps");
}

static void print_device(FILE *out, struct json_object *device)
{
	const size_t attached = state_count(device, "attached");

	fprintf(out, "  device %u: %s behind %s (%s), group %u%s\n", NUMBER(device, "id"),
		state_text(device, "name"), state_text(device, "iommu"), state_text(device, "kind"),
		NUMBER(device, "group"), attached ? "" : ", not attached");
	for (size_t i = 0; i < attached; i++) {
		struct json_object *attachment = state_at(device, "attached", i);

		fprintf(out, "    %-10s HWPT %u, IOAS %u", i ? "" : "attached",
			NUMBER(attachment, "hwpt"), NUMBER(attachment, "ioas"));
		if (state_get(attachment, "pasid"))
			fprintf(out, ", PASID %u", NUMBER(attachment, "pasid"));
		fputs("\n", out);
	}
	for (size_t i = 0; i < state_count(device, "reserved"); i++) {
		struct json_object *region = state_at(device, "reserved", i);

		fprintf(out, "    %-10s %s, %s\n", i ? "" : "reserved",
			text_range(state_range(region)), state_text(region, "type"));
	}
	print_ranges(out, "permits", device, "permitted");
}

static void print_array(FILE *out, struct json_object *ctx, const char *key,
			void (*print)(FILE *out, struct json_object *object))
{
	for (size_t i = 0; i < state_count(ctx, key); i++)
		print(out, state_at(ctx, key, i));
}

static void print_other(FILE *out, struct json_object *other)
{
	fprintf(out, "  %s %u\n", state_text(other, "type"), NUMBER(other, "id"));
}

void show_text(struct json_object *state, FILE *out)
{
	fprintf(out, "process %u: %s locked\n", NUMBER(state, "pid"),
		state_number(state, "locked_pages")
			? text_size(state_number(state, "locked_pages") << 12)
			: "nothing");
	for (size_t i = 0; i < state_count(state, "contexts"); i++) {
		struct json_object *ctx = state_at(state, "contexts", i);

		fprintf(out, "context %u: locked memory counts by %s\n", NUMBER(ctx, "context"),
			state_text(ctx, "accounting"));
		print_array(out, ctx, "ioases", print_ioas);
		print_array(out, ctx, "hwpts", print_hwpt);
		print_array(out, ctx, "devices", print_device);
		print_array(out, ctx, "others", print_other);
	}
}

/* ---- one IOVA ---- */

static void print_leaf(FILE *out, struct json_object *table, const char *where)
{
	struct json_object *leaf = state_get(table, "leaf");

	if (!leaf) {
		fprintf(out, "    leads nowhere\n");
		return;
	}
	fprintf(out, "    leads to %s 0x%" PRIx64 ", %s, in an entry for %s (%s)%s\n", where,
		state_number(leaf, "address"), state_text(leaf, "rights"),
		text_range(state_range(leaf)), text_size(state_number(leaf, "size")),
		state_flag(leaf, "dirty") ? ", dirty" : "");
}

static void print_table(FILE *out, struct json_object *table)
{
	fprintf(out, "  HWPT %u of %s, %s, IOVA 0x%" PRIx64 ":\n", NUMBER(table, "hwpt"),
		state_text(table, "iommu"), state_text(table, "format"),
		state_number(table, "iova"));
	for (size_t i = 0; i < state_count(table, "levels"); i++) {
		struct json_object *step = state_at(table, "levels", i);

		fprintf(out, "    level %u, table 0x%" PRIx64 ", entry %3u: 0x%016" PRIx64 "\n",
			NUMBER(step, "level"), state_number(step, "table"), NUMBER(step, "index"),
			state_number(step, "entry"));
	}
	print_leaf(out, table, "address");
}

static void print_stage1(FILE *out, struct json_object *stage1)
{
	fprintf(out, "  stage 1, in the guest's memory:\n");
	if (!state_flag(stage1, "walked"))
		fprintf(out, "    none: addresses stay as they are\n");
	for (size_t i = 0; i < state_count(stage1, "levels"); i++) {
		struct json_object *step = state_at(stage1, "levels", i);

		if (state_flag(step, "context"))
			fprintf(out, "    context");
		else
			fprintf(out, "    level %u", NUMBER(step, "level"));
		fprintf(out, ", at guest address 0x%" PRIx64 ": 0x%016" PRIx64 "\n",
			state_number(step, "at"), state_number(step, "entry"));
	}
	print_leaf(out, stage1, "guest address");
}

void lookup_text(struct json_object *lookup, FILE *out)
{
	struct json_object *mapping = state_get(lookup, "mapping");
	struct json_object *stage1 = state_get(lookup, "stage1");

	fprintf(out, "IOVA 0x%" PRIx64 " in %s %u\n", state_number(lookup, "iova"),
		state_text(lookup, "type"), NUMBER(lookup, "pt"));
	if (stage1)
		print_stage1(out, stage1);
	for (size_t i = 0; i < state_count(lookup, "tables"); i++)
		print_table(out, state_at(lookup, "tables", i));
	if (mapping) {
		fprintf(out, "  the mapping leads to:");
		print_mapping(out, mapping);
	} else if (!stage1 || state_get(stage1, "leaf")) {
		fprintf(out, "  not mapped\n");
	}
}
