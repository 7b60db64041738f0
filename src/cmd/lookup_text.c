/* SPDX-License-Identifier: MIT */
/*
 * A lookup as text: the mapping, and the walk of each table down to the leaf, stage by stage and
 * level by level.
 */
#include <inttypes.h>

#include "cmd/state.h"

enum {
	TEXT_SIZE = 640,
};

#define NUMBER(object, key) ((unsigned int)state_number(object, key))

/*
 * The end of a walk that finds no translation. @fault (or NULL): the details that stage 1 reports.
 */
static void print_fault(FILE *out, struct json_object *fault)
{
	fprintf(out, "    leads nowhere");
	if (state_get(fault, "at"))
		fprintf(out, ": stage 2, %s, at 0x%" PRIx64, state_text(fault, "name"),
			state_number(fault, "at"));
	else if (fault)
		fprintf(out, ": stage 1, %s", state_text(fault, "name"));
	fprintf(out, "%s%s\n", fault ? ": " : "", state_text(fault, "text"));
}

/* The end of a walk. @where: the kind of address that it leads to. */
static void print_leaf(FILE *out, struct json_object *table, const char *where)
{
	struct json_object *leaf = state_get(table, "leaf");

	if (!leaf) {
		print_fault(out, state_get(table, "fault"));
		return;
	}
	fprintf(out, "    leads to %s 0x%" PRIx64 ", %s%s, by an entry for %s (%s)\n", where,
		state_number(leaf, "address"), state_text(leaf, "rights"),
		!state_get(leaf, "dirty")   ? ""
		: state_flag(leaf, "dirty") ? ", dirty"
					    : ", clean",
		text_range(state_range(leaf)), text_size(state_number(leaf, "size")));
}

/* What the bits of an entry say, below the entry. */
static void print_bits(FILE *out, struct json_object *step)
{
	const char *bits = state_text(step, "bits");

	fprintf(out, "               %s", state_text(step, "kind"));
	if (state_get(step, "next"))
		fprintf(out, " at 0x%" PRIx64, state_number(step, "next"));
	fprintf(out, "%s%s\n", bits[0] ? ": " : "", bits);
}

static void print_table(FILE *out, struct json_object *table)
{
	fprintf(out, "  HWPT %u of %s, format %s, IOVA 0x%" PRIx64 ":\n", NUMBER(table, "hwpt"),
		state_text(table, "iommu"), state_text(table, "format"),
		state_number(table, "iova"));
	for (size_t i = 0; i < state_count(table, "levels"); i++) {
		struct json_object *step = state_at(table, "levels", i);

		fprintf(out, "    level %u    table 0x%" PRIx64 ", entry %3u: 0x%016" PRIx64 "\n",
			NUMBER(step, "level"), state_number(step, "table"), NUMBER(step, "index"),
			state_number(step, "entry"));
		print_bits(out, step);
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
			fprintf(out, "    context ");
		else
			fprintf(out, "    level %u ", NUMBER(step, "level"));
		fprintf(out, "   at guest address 0x%" PRIx64 ": 0x%016" PRIx64 "\n",
			state_number(step, "at"), state_number(step, "entry"));
		if (!state_flag(step, "context"))
			print_bits(out, step);
	}
	print_leaf(out, stage1, "guest address");
}

/* One of the mappings around @iova. @way: where from it. */
static void print_neighbour(FILE *out, struct json_object *lookup, const char *way)
{
	const uint64_t iova = state_number(lookup, "iova");
	struct json_object *mapping = state_get(lookup, way);
	struct iova_range range;

	if (!mapping) {
		fprintf(out, "    nothing is mapped %s\n", way);
		return;
	}
	range = state_range(mapping);
	fprintf(out, "    the nearest mapping %s is %s, %s away\n", way, text_range(range),
		text_size(range.last < iova ? iova - range.last : range.start - iova));
}

/* Why the IOVA is not mapped, as far as that can be seen. */
static void print_hole(FILE *out, struct json_object *lookup)
{
	fprintf(out, "  not mapped\n");
	print_neighbour(out, lookup, "below");
	print_neighbour(out, lookup, "above");
	for (size_t i = 0; i < state_count(lookup, "reserved"); i++) {
		struct json_object *range = state_at(lookup, "reserved", i);
		const char *name = state_text(range, "name");

		fprintf(out, "    reserved %s by %s %u%s%s: nothing can be mapped here\n",
			text_range(state_range(range)), state_text(range, "by"),
			NUMBER(range, "id"), name[0] ? ", " : "", name);
	}
}

static void print_mapping(FILE *out, struct json_object *lookup)
{
	struct json_object *mapping = state_get(lookup, "mapping");
	char text[TEXT_SIZE];

	if (!mapping) {
		print_hole(out, lookup);
		return;
	}
	text_mapping(lookup, mapping, text, sizeof(text));
	fprintf(out, "  mapping %s (%s), %s:\n    leads to %s\n", text_range(state_range(mapping)),
		text_size(iova_range_len(state_range(mapping))), state_text(mapping, "rights"),
		text);
}

void lookup_text(struct json_object *lookup, bool all, FILE *out)
{
	struct json_object *stage1 = state_get(lookup, "stage1");

	(void)all;
	fprintf(out, "IOVA 0x%" PRIx64 " in %s %u\n", state_number(lookup, "iova"),
		state_text(lookup, "type"), NUMBER(lookup, "pt"));
	if (stage1)
		print_stage1(out, stage1);
	/*
	 * Without a result of stage 1 there is no address to look up in the address space below it.
	 */
	if (state_get(lookup, "tables"))
		print_mapping(out, lookup);
	for (size_t i = 0; i < state_count(lookup, "tables"); i++)
		print_table(out, state_at(lookup, "tables", i));
}
