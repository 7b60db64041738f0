/* SPDX-License-Identifier: MIT */
/*
 * Invariants, while profile.lock is held: a mapping is in the map of its table exactly while it is
 * not gone; state.mapped is the sum of their lengths.
 */
#include "profile/profile.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/lock.h"
#include "profile/profile_json.h"
#include "report/origin.h"

/* The page table of a domain, or what caches know of a nested one. */
struct table {
	const void *domain;
	struct profile_unit *unit;
	struct iova_map mappings;
	uint32_t number, pending; /* ranges whose invalidation is collected */
	struct table *next;
};

static struct {
	struct lock lock;
	struct profile_state state;
	struct table *tables;
	uint32_t table_count;
} profile = {.lock = LOCK_INIT(LOCK_PROFILE)};

/* ---- IOMMUs and tables ---- */

/* The caches of the IOMMU; NULL: there are too many, or no memory. */
static struct profile_unit *unit_of(const struct profile_iommu *iommu) REQUIRES(profile.lock)
{
	struct profile_state *state = &profile.state;
	struct profile_unit *unit;

	lock_assert_held(&profile.lock);
	for (size_t i = 0; i < state->unit_count; i++)
		if (strcmp(state->units[i].name, iommu->name) == 0)
			return &state->units[i];
	if (state->unit_count == PROFILE_IOMMUS)
		return NULL;
	unit = &state->units[state->unit_count];
	snprintf(unit->name, sizeof(unit->name), "%s", iommu->name);
	snprintf(unit->kind, sizeof(unit->kind), "%s", iommu->kind);
	for (int model = 0; model < MODELS; model++) {
		if (!tlb_model_init(&unit->models[model],
				    profile_iotlb(&state->settings, iommu->kind),
				    profile_walks(&state->settings, iommu->kind)))
			continue;
		while (model-- > 0)
			tlb_model_destroy(&unit->models[model]);
		return NULL;
	}
	state->unit_count++;
	return unit;
}

static struct table *find_table(const void *domain) REQUIRES(profile.lock)
{
	struct table *table = profile.tables;

	lock_assert_held(&profile.lock);
	while (table && table->domain != domain)
		table = table->next;
	return table;
}

static struct table *get_table(const void *domain, const struct profile_iommu *iommu)
	REQUIRES(profile.lock)
{
	struct table *table = find_table(domain);
	struct profile_unit *unit;

	lock_assert_held(&profile.lock);
	if (table)
		return table;
	unit = unit_of(iommu);
	table = unit ? alloc_zeroed(sizeof(*table)) : NULL;
	if (!table)
		return NULL;
	table->domain = domain;
	table->unit = unit;
	table->number = ++profile.table_count;
	iova_map_init(&table->mappings);
	table->next = profile.tables;
	profile.tables = table;
	return table;
}

/* ---- invalidation ---- */

/* Invalidates @range in all models; returns what was dropped from the actual one. */
static uint64_t invalidate(struct table *table, struct iova_range range) REQUIRES(profile.lock)
{
	struct tlb_model *models = table->unit->models;
	uint64_t dropped = 0;

	lock_assert_held(&profile.lock);
	for (int model = 0; model < MODEL_BATCHED; model++) {
		const uint64_t count = tlb_model_invalidate(&models[model], table->domain, range);

		if (model == MODEL_ACTUAL)
			dropped = count;
	}
	if (++table->pending < profile.state.settings.batch)
		return dropped;
	table->pending = 0;
	(void)tlb_model_invalidate(&models[MODEL_BATCHED], table->domain, IOVA_RANGE_ALL);
	return dropped;
}

void profile_invalidate(const void *domain, const struct profile_iommu *iommu,
			struct iova_range range)
{
	struct table *table;

	lock_acquire(&profile.lock);
	table = get_table(domain, iommu);
	if (table)
		(void)invalidate(table, range);
	lock_release(&profile.lock);
}

/* ---- mappings ---- */

void profile_map(const void *domain, const struct profile_iommu *iommu, struct iova_range range,
		 uint64_t address, uint64_t sizes, uint32_t stack)
{
	struct profile_state *state = &profile.state;
	struct mapping *mapping = NULL;
	struct iova_map_entry entry;
	struct table *table;

	lock_acquire(&profile.lock);
	table = get_table(domain, iommu);
	/* Its memory has moved, or its rights have changed. */
	if (table && iova_map_lower(&table->mappings, range.start, &entry) &&
	    entry.range.start == range.start && entry.range.last == range.last)
		goto out;
	if (table)
		mapping = mapping_create(table->number, range, address, sizes, stack);
	if (mapping && iova_map_insert(&table->mappings, range, mapping)) {
		mapping_retire(mapping);
		mapping = NULL;
	}
	if (mapping) {
		state->mapped += iova_range_len(range);
		if (state->mapped > state->mapped_most)
			state->mapped_most = state->mapped;
	} else {
		state->missed++;
	}
out:
	lock_release(&profile.lock);
}

static void retire(struct table *table, struct mapping *mapping) REQUIRES(profile.lock)
{
	lock_assert_held(&profile.lock);
	(void)iova_map_erase(&table->mappings, mapping->range.start);
	profile.state.mapped -= iova_range_len(mapping->range);
	mapping_retire(mapping);
}

void profile_unmap(const void *domain, struct iova_range range)
{
	struct iova_map_entry entry;
	struct table *table;
	uint64_t dropped;

	lock_acquire(&profile.lock);
	table = find_table(domain);
	if (!table)
		goto out;
	dropped = invalidate(table, range);
	/* Parts of a mapping that was cut go one by one; it is gone with the first of them. */
	if (iova_map_lower(&table->mappings, range.start, &entry) &&
	    iova_range_intersects(entry.range, range)) {
		struct mapping *mapping = entry.value;

		mapping->usage.invalidations++;
		mapping->usage.dropped += dropped;
		retire(table, mapping);
	}
out:
	lock_release(&profile.lock);
}

/* Retires all mappings of @table. */
static void empty_table(struct table *table) REQUIRES(profile.lock)
{
	struct iova_map_entry entry;

	lock_assert_held(&profile.lock);
	while (iova_map_lower(&table->mappings, 0, &entry))
		retire(table, entry.value);
	iova_map_destroy(&table->mappings);
}

void profile_forget(const void *domain)
{
	struct table **link = &profile.tables, *table;

	lock_acquire(&profile.lock);
	while (*link && (*link)->domain != domain)
		link = &(*link)->next;
	table = *link;
	if (table) {
		*link = table->next;
		(void)invalidate(table, IOVA_RANGE_ALL);
		empty_table(table);
		alloc_free(table);
	}
	lock_release(&profile.lock);
}

/* ---- DMA ---- */

static struct profile_device *device_of(const char *name) REQUIRES(profile.lock)
{
	struct profile_state *state = &profile.state;

	lock_assert_held(&profile.lock);
	for (size_t i = 0; i < state->device_count; i++)
		if (strcmp(state->devices[i].name, name) == 0)
			return &state->devices[i];
	if (state->device_count == PROFILE_DEVICES)
		return &state->devices[PROFILE_DEVICES - 1];
	snprintf(state->devices[state->device_count].name, PROFILE_NAME, "%s", name);
	return &state->devices[state->device_count++];
}

/* The mapping of @access that @iova is in, or NULL. */
static struct mapping *mapping_at(const struct profile_access *access, uint64_t iova)
	REQUIRES(profile.lock)
{
	struct table *table = access->mapped ? find_table(access->mapped) : NULL;
	struct iova_map_entry entry;

	lock_assert_held(&profile.lock);
	if (!table || !iova_map_lower(&table->mappings, iova, &entry) || entry.range.start > iova)
		return NULL;
	return entry.value;
}

/* The size of the page that @part would be in with @model. */
static uint64_t page_size(enum profile_model model, const struct mapping *mapping,
			  const struct profile_part *part)
{
	uint64_t size;

	if (!mapping || model == MODEL_ACTUAL || model == MODEL_BATCHED)
		return part->size;
	size = tlb_largest_page(mapping->sizes, part->iova, mapping->range, mapping->address,
				model == MODEL_CONTIGUOUS);
	return size > part->size ? size : part->size;
}

static void access_part(const struct profile_access *access, struct profile_device *device,
			struct profile_unit *unit, const struct profile_part *part)
	REQUIRES(profile.lock)
{
	const uint32_t payload = profile.state.settings.payload;
	const uint64_t lookups =
		(part->iova + (part->len - 1)) / payload - part->iova / payload + 1;
	struct mapping *mapping = mapping_at(access, part->iova);
	struct usage usage = {.lookups = lookups, .bytes = part->len};

	lock_assert_held(&profile.lock);
	for (enum profile_model model = 0; model < MODELS; model++) {
		const uint64_t size = page_size(model, mapping, part);
		const struct tlb_access tlb = {
			.domain = access->domain,
			.page = part->iova & ~(size - 1),
			.size = size,
			.top = part->top,
			.stage2 = access->stage2,
		};
		const uint64_t reads = tlb_model_access(&unit->models[model], &tlb, lookups);

		usage.misses[model] = reads != 0;
		usage.reads[model] = reads;
	}
	usage_add(&device->usage, &usage);
	unit->bytes += part->len;
	if (!mapping)
		return;
	mapping_touch(mapping, part->iova, part->len, lookups);
	usage.lookups = usage.bytes = 0; /* counted there */
	usage_add(&mapping->usage, &usage);
}

void profile_dma(const struct profile_access *access, const struct profile_part *parts,
		 size_t count)
{
	struct profile_device *device;
	struct table *table;

	lock_acquire(&profile.lock);
	table = get_table(access->domain, &access->iommu);
	if (table) {
		device = device_of(access->device);
		device->requests++;
		for (size_t i = 0; i < count; i++)
			access_part(access, device, table->unit, &parts[i]);
	}
	lock_release(&profile.lock);
}

/* ---- beginning and end ---- */

void profile_start(const struct profile_settings *settings)
{
	profile.state.settings = *settings;
	if (!recording())
		origin_record(true);
	observe(OBSERVER_PROFILE);
}

void profile_fork_child(void)
{
	struct profile_state *state = &profile.state;

	if (!profiling())
		return;
	lock_acquire(&profile.lock);
	for (size_t i = 0; i < state->unit_count; i++)
		for (int model = 0; model < MODELS; model++)
			state->units[i].models[model].counts = (struct tlb_counts){.lookups = 0};
	state->device_count = 0;
	memset(state->devices, 0, sizeof(state->devices));
	mappings_begin_again();
	lock_release(&profile.lock);
}

bool profile_has_content(void)
{
	return profiling() && (profile.table_count || profile.state.device_count);
}

void profile_write(struct json *json)
{
	lock_acquire(&profile.lock);
	profile_to_json(&profile.state, json);
	lock_release(&profile.lock);
}
