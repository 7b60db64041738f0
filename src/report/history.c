/* SPDX-License-Identifier: MIT */
/*
 * A ring. It is allocated when the first entry is added, as most address spaces of a program that
 * makes many never unmap. Without memory for it nothing is remembered.
 */
#include "report/history.h"

#include "base/alloc.h"

struct history {
	size_t size;
	uint64_t added;		       /* the next one goes to index added % size */
	struct history_entry *entries; /* @size of them; NULL: none was added yet */
};

_Atomic uint64_t history_unmap_count;
static size_t wanted_size;

void history_set_size(size_t entries)
{
	wanted_size = entries;
}

struct history *history_create(void)
{
	struct history *history;

	if (!recording() || !wanted_size)
		return NULL;
	history = alloc_zeroed(sizeof(*history));
	if (history)
		history->size = wanted_size;
	return history;
}

void history_destroy(struct history *history)
{
	if (history)
		alloc_free(history->entries);
	alloc_free(history);
}

void history_add(struct history *history, const struct history_entry *entry)
{
	if (!history->entries)
		history->entries = alloc_array(history->size, sizeof(*entry));
	if (!history->entries)
		return;
	history->entries[history->added++ % history->size] = *entry;
}

const struct history_entry *history_find(const struct history *history, uint64_t iova)
{
	uint64_t oldest;

	if (!history)
		return NULL;
	oldest = history->added > history->size ? history->added - history->size : 0;
	for (uint64_t i = history->added; i > oldest; i--) {
		const struct history_entry *entry = &history->entries[(i - 1) % history->size];

		if (entry->range.start <= iova && iova <= entry->range.last)
			return entry;
	}
	return NULL;
}
