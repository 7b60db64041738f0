/* SPDX-License-Identifier: MIT */
/*
 * IOAS_CHANGE_PROCESS: the caller becomes the owner of everything mapped in the context
 * [IOAS-CHANGE-PROCESS].
 *
 * All IOASes are locked, in the order of their IDs, so that all sources move or none. Several areas
 * may share a source, which moves once: the distinct sources are collected first, by sorting.
 *
 * Cost: O(n log n) in the number of areas.
 */
#include "iommufd/ioas/change_process.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/last_error.h"
#include "iommufd/ioas/area.h"

struct change {
	struct ioas **ioases;
	size_t ioas_count;
	struct mem_source **sources;
	size_t source_count;
};

static int count_area(const struct iova_map_entry *entry, void *arg)
{
	const struct area *area = entry->value;
	size_t *count = arg;

	if (area->busy)
		return refuse(-EBUSY, "another thread is mapping at 0x%" PRIx64, area->iova);
	if (mem_source_kind(area_source(area)) != MEM_KIND_FILE)
		return refuse(-EINVAL,
			      "the mapping 0x%" PRIx64 "-0x%" PRIx64
			      " is not of a file (IOMMU_IOAS_MAP_FILE): its memory stays with the "
			      "process",
			      area->iova, area_last(area));
	(*count)++;
	return 0;
}

static int collect_area(const struct iova_map_entry *entry, void *arg)
{
	const struct area *area = entry->value;
	struct change *change = arg;

	change->sources[change->source_count++] = area_source(area);
	return 0;
}

static int compare_sources(const void *a, const void *b)
{
	const uintptr_t x = (uintptr_t) * (struct mem_source *const *)a;
	const uintptr_t y = (uintptr_t) * (struct mem_source *const *)b;

	return (x > y) - (x < y);
}

/* Collects the distinct sources of all areas, with all IOASes locked. */
static int collect_sources(struct change *change)
{
	size_t areas = 0, unique = 0;
	int rc;

	for (size_t i = 0; i < change->ioas_count; i++) {
		lock_assert_held(&change->ioases[i]->lock);
		rc = iova_map_for_each(&change->ioases[i]->areas, IOVA_RANGE_ALL, count_area,
				       &areas);
		if (rc)
			return rc;
	}
	if (!areas)
		return 0;
	change->sources = alloc_array(areas, sizeof(struct mem_source *));
	if (!change->sources)
		return -ENOMEM;
	for (size_t i = 0; i < change->ioas_count; i++)
		(void)iova_map_for_each(&change->ioases[i]->areas, IOVA_RANGE_ALL, collect_area,
					change);
	qsort(change->sources, areas, sizeof(struct mem_source *), compare_sources);
	for (size_t i = 0; i < areas; i++) {
		if (!i || change->sources[i] != change->sources[i - 1])
			change->sources[unique++] = change->sources[i];
	}
	change->source_count = unique;
	return 0;
}

/* Makes @caller, which is charged already, the owner. */
static void move_source(struct mem_source *source, struct uiommufd_caller *caller)
{
	struct uiommufd_caller *former = uiommufd_caller_get(mem_source_caller(source));

	mem_source_move(source, caller);
	mem_source_uncharge_from(source, former);
	uiommufd_caller_put(former);
}

/* Charges @caller for all sources, which may fail, before it moves the first one. */
static int move_sources(struct change *change, struct uiommufd_caller *caller)
{
	int rc;

	for (size_t i = 0; i < change->source_count; i++) {
		rc = mem_source_charge_to(change->sources[i], caller);
		if (rc) {
			while (i-- > 0)
				mem_source_uncharge_from(change->sources[i], caller);
			return rc;
		}
	}
	for (size_t i = 0; i < change->source_count; i++)
		move_source(change->sources[i], caller);
	return 0;
}

/* Collects every IOAS of the context, with a user each, in the order of their IDs. */
static int collect_ioases(struct iommufd_ctx *ctx, struct change *change)
{
	struct ioas *ioas;
	size_t capacity = 0;

	for (uint32_t id = 1; (ioas = ioas_next(ctx, &id)); id++) {
		if (change->ioas_count == capacity) {
			size_t wanted = capacity ? capacity * 2 : 16;
			struct ioas **ioases =
				alloc_resize(change->ioases, wanted, sizeof(struct ioas *));

			if (!ioases) {
				object_put(&ioas->object);
				return -ENOMEM;
			}
			change->ioases = ioases;
			capacity = wanted;
		}
		change->ioases[change->ioas_count++] = ioas;
	}
	return 0;
}

static void lock_ioases(const struct change *change) NO_LOCK_ANALYSIS /* locks in a loop */
{
	for (size_t i = 0; i < change->ioas_count; i++)
		lock_acquire_nested(&change->ioases[i]->lock);
}

static void unlock_ioases(const struct change *change) NO_LOCK_ANALYSIS /* as lock_ioases() */
{
	for (size_t i = change->ioas_count; i-- > 0;)
		lock_release(&change->ioases[i]->lock);
}

int ioctl_ioas_change_process(struct ucmd *ucmd)
{
	const struct iommu_ioas_change_process *cmd = ucmd->cmd;
	struct change change = {.ioas_count = 0};
	int rc;

	if (cmd->__reserved)
		return refuse_reserved_member();
	rc = collect_ioases(ucmd->ctx, &change);
	if (rc)
		goto out_put;
	lock_ioases(&change);
	rc = collect_sources(&change);
	if (rc)
		goto out_unlock;
	rc = move_sources(&change, ucmd->caller);
out_unlock:
	unlock_ioases(&change);
	alloc_free(change.sources);
out_put:
	for (size_t i = 0; i < change.ioas_count; i++)
		object_put(&change.ioases[i]->object);
	alloc_free(change.ioases);
	return rc;
}
