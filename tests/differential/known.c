/* SPDX-License-Identifier: MIT */
#include "known.h"

#include <string.h>

#include "places.h"

struct known known;

void id_add(enum kind kind, uint32_t id)
{
	struct known_ids *ids = &known.ids[kind];

	if (!id)
		return;
	for (uint32_t i = 0; i < ids->count; i++) {
		if (ids->id[i] == id)
			return;
	}
	if (ids->count < MOST_IDS)
		ids->id[ids->count++] = id;
}

void id_remove(uint32_t id)
{
	for (enum kind kind = 0; kind < KINDS; kind++) {
		struct known_ids *ids = &known.ids[kind];
		uint32_t kept = 0;

		for (uint32_t i = 0; i < ids->count; i++) {
			if (ids->id[i] != id)
				ids->id[kept++] = ids->id[i];
		}
		ids->count = kept;
	}
}

void id_add_attached(uint32_t id, uint32_t given)
{
	if (id && id != given)
		id_add(KIND_HWPT, id);
}

void file_add(int fd, enum file_kind kind)
{
	known.files[known.file_count++] = (struct known_file){.fd = fd, .kind = kind};
}

void mapping_add(uint32_t ioas, const struct mapping *mapping)
{
	if (known.mapping_count == MOST_MAPPINGS)
		return;
	known.mappings[known.mapping_count] = *mapping;
	known.mappings[known.mapping_count++].ioas = ioas;
}

void mappings_remove(uint32_t ioas, uint64_t first, uint64_t last)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < known.mapping_count; i++) {
		const struct mapping *mapping = &known.mappings[i];

		if (mapping->ioas != ioas || mapping->iova < first ||
		    mapping->iova + mapping->length - 1 > last)
			known.mappings[kept++] = *mapping;
	}
	known.mapping_count = kept;
}

void pin_add(uint32_t fd, uint32_t id)
{
	if (known.pin_count < MOST_PINS)
		known.pins[known.pin_count++] = (struct known_pin){.fd = fd, .id = id};
}

uint32_t any_id(void)
{
	uint32_t total = 0, nth;

	for (enum kind kind = 0; kind < KINDS; kind++)
		total += known.ids[kind].count;
	if (!total || percent(15))
		return ONE_OF32(0, 1, 2, 3, 5, 9, 30, 0x7fffffff, 0xffffffff);
	nth = below(total);
	for (enum kind kind = 0; kind < KINDS; kind++) {
		if (nth < known.ids[kind].count)
			return known.ids[kind].id[nth];
		nth -= known.ids[kind].count;
	}
	return 1;
}

uint32_t some_id(enum kind kind)
{
	return known.ids[kind].count && percent(94) ? known_id(kind) : any_id();
}

uint32_t some_id_or(enum kind kind, enum kind other, uint32_t chance)
{
	return percent(chance) && known.ids[other].count ? some_id(other) : some_id(kind);
}

uint32_t known_id(enum kind kind)
{
	const struct known_ids *ids = &known.ids[kind];

	return ids->count ? ids->id[below(ids->count)] : 0;
}

uint32_t last_id(enum kind kind)
{
	const struct known_ids *ids = &known.ids[kind];

	return ids->count ? ids->id[ids->count - 1] : 0;
}

const struct known_file *some_file(enum file_kind first, enum file_kind last)
{
	const struct known_file *fitting[MOST_FILES];
	uint32_t count = 0;

	for (uint32_t i = 0; i < known.file_count; i++) {
		if (known.files[i].kind >= first && known.files[i].kind <= last)
			fitting[count++] = &known.files[i];
	}
	return !count || percent(4) ? NULL : fitting[below(count)];
}

uint32_t fd_of(const struct known_file *file)
{
	return file ? (uint32_t)file->fd : ONE_OF32(FD_NULL, FD_NONE, 0xffffffff, FD_MEMORY);
}

struct mapping *some_mapping(void)
{
	return known.mapping_count && percent(88) ? known_mapping() : NULL;
}

struct mapping *known_mapping(void)
{
	return known.mapping_count ? &known.mappings[below(known.mapping_count)] : NULL;
}
