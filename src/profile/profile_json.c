/* SPDX-License-Identifier: MIT */
#include "profile/profile_json.h"

#include "base/sys.h"
#include "profile/profile.h"
#include "report/json.h"
#include "report/stack.h"
#include "report/symbols.h"

/* Of the alternatives, in the order of enum profile_model. */
static const char *const model_names[MODELS] = {"actual", "contiguous", "aligned", "batched"};

/* ---- the IOMMUs ---- */

static void put_geometry(struct json *json, const char *key, struct tlb_geometry geometry)
{
	json_object(json, key);
	json_number(json, "entries", geometry.entries);
	json_number(json, "ways", geometry.ways);
	json_end_object(json);
}

static void put_settings(struct json *json, const struct profile_settings *settings)
{
	json_object(json, "model");
	json_number(json, "payload", settings->payload);
	json_number(json, "read_ns", settings->read_ns);
	json_number(json, "invalidation_ns", settings->invalidation_ns);
	json_number(json, "link_gbps", settings->link_gbps);
	json_number(json, "batch", settings->batch);
	json_end_object(json);
}

static void put_unit(struct json *json, const struct profile_unit *unit)
{
	json_object(json, NULL);
	json_string(json, "name", unit->name);
	json_string(json, "kind", unit->kind);
	json_number(json, "bytes", unit->bytes);
	put_geometry(json, "iotlb", unit->models[0].iotlb);
	put_geometry(json, "walk_cache", unit->models[0].walks);
	json_array(json, "models");
	for (int model = 0; model < MODELS; model++) {
		const struct tlb_counts *counts = &unit->models[model].counts;

		json_object(json, NULL);
		json_string(json, "name", model_names[model]);
		json_number(json, "lookups", counts->lookups);
		json_number(json, "misses", counts->misses);
		json_number(json, "walk_reads", counts->walk_reads);
		json_number(json, "invalidations", counts->invalidations);
		json_number(json, "dropped", counts->dropped);
		json_end_object(json);
	}
	json_end_array(json);
	json_end_object(json);
}

/* ---- what was used ---- */

static void put_usage(struct json *json, const struct usage *usage)
{
	json_number(json, "bytes", usage->bytes);
	json_number(json, "lookups", usage->lookups);
	json_object(json, "misses");
	for (int model = 0; model < MODELS; model++)
		json_number(json, model_names[model], usage->misses[model]);
	json_end_object(json);
	json_object(json, "walk_reads");
	for (int model = 0; model < MODELS; model++)
		json_number(json, model_names[model], usage->reads[model]);
	json_end_object(json);
	json_number(json, "invalidations", usage->invalidations);
	json_number(json, "dropped", usage->dropped);
	json_number(json, "touched_pages", usage->touched);
}

static void put_device(struct json *json, const struct profile_device *device)
{
	json_object(json, NULL);
	json_string(json, "name", device->name);
	json_number(json, "requests", device->requests);
	put_usage(json, &device->usage);
	json_end_object(json);
}

static void put_mapping(const struct mapping *mapping, void *arg)
{
	struct json *json = arg;
	uint32_t slots = mapping->usage.lookups ? mapping->slots : 0;

	json_object(json, NULL);
	json_range(json, mapping->range);
	json_number(json, "table", mapping->table);
	json_number(json, "site", mapping->site->stack);
	json_bool(json, "gone", mapping->gone);
	put_usage(json, &mapping->usage);
	json_array(json, "heat");
	for (uint32_t i = 0; i < slots; i++)
		json_number(json, NULL, mapping->heat[i]);
	json_end_array(json);
	json_end_object(json);
}

/* ---- call sites ---- */

static void put_frames(struct json *json, uint32_t stack)
{
	static struct symbols symbols; /* the owner's lock serialises */
	uintptr_t addresses[STACK_DEPTH];
	const uintptr_t *frames;
	const size_t count = stack_frames(stack, &frames);

	/* A return address belongs to the call before it. */
	for (size_t i = 0; i < count; i++)
		addresses[i] = frames[i] - (i || !stack_is_exact(stack));
	symbols.count = symbols.used = 0;
	symbols_add(&symbols, addresses, count);
	json_array(json, "frames");
	for (size_t i = 0; i < symbols.count; i++) {
		json_object(json, NULL);
		symbol_put(json, &symbols.symbols[i]);
		json_end_object(json);
	}
	json_end_array(json);
}

static void put_site(const struct site *site, const struct usage *usage, void *arg)
{
	struct json *json = arg;

	json_object(json, NULL);
	json_number(json, "site", site->stack);
	json_number(json, "mappings", site->mappings);
	json_number(json, "mapped_bytes", site->mapped);
	put_usage(json, usage);
	put_frames(json, site->stack);
	json_end_object(json);
}

void profile_to_json(const struct profile_state *state, struct json *json)
{
	json_object(json, NULL);
	json_number(json, "format", 1);
	json_number(json, "pid", (uint64_t)sys_call(SYS_getpid, 0, 0, 0, 0, 0, 0));
	put_settings(json, &state->settings);
	json_number(json, "mapped_most", state->mapped_most);
	json_number(json, "mappings_missed", state->missed);
	json_array(json, "iommus");
	for (size_t i = 0; i < state->unit_count; i++)
		put_unit(json, &state->units[i]);
	json_end_array(json);
	json_array(json, "devices");
	for (size_t i = 0; i < state->device_count; i++)
		put_device(json, &state->devices[i]);
	json_end_array(json);
	json_array(json, "sites");
	sites_visit(put_site, json);
	json_end_array(json);
	json_array(json, "mappings");
	mappings_visit(put_mapping, json);
	json_end_array(json);
	json_end_object(json);
}
