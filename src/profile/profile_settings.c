/* SPDX-License-Identifier: MIT */
/*
 * Vendors do not publish the sizes of these caches. The defaults are of the order that has been
 * measured: a few hundred translations, some dozens of tables.
 */
#include "profile/profile_settings.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kind_defaults {
	const char *kind; /* NULL: any other */
	struct tlb_geometry iotlb, walks;
};

static const struct kind_defaults defaults[] = {
	{"intel", {256, 8}, {64, 4}}, {"amd", {512, 8}, {64, 4}}, {"smmuv3", {512, 8}, {128, 4}},
	{"riscv", {128, 8}, {32, 4}}, {NULL, {256, 8}, {64, 4}},
};

struct number {
	const char *name;
	size_t offset;
	uint32_t min, max;
};

#define NUMBER(name, member, min, max)                                    \
	{                                                                 \
		name, offsetof(struct profile_settings, member), min, max \
	}

static const struct number numbers[] = {
	NUMBER("payload", payload, 16, 4096),
	NUMBER("read", read_ns, 0, 1000000),
	NUMBER("invalidation", invalidation_ns, 0, 100000000),
	NUMBER("link", link_gbps, 1, 100000),
	NUMBER("batch", batch, 1, 1000000),
};

void profile_settings_init(struct profile_settings *settings)
{
	*settings = (struct profile_settings){
		.payload = 256,
		.read_ns = 40,
		.invalidation_ns = 500,
		.link_gbps = 200,
		.batch = 256,
	};
}

/* A number at *@text, which moves behind it. False: there is none, or it is not in the limits. */
static bool parse_number(const char **text, uint32_t min, uint32_t max, uint32_t *number)
{
	char *end;
	unsigned long value = strtoul(*text, &end, 10);

	if (end == *text || **text == '-' || value < min || value > max)
		return false;
	*text = end;
	*number = (uint32_t)value;
	return true;
}

static bool parse_geometry(const char *text, struct tlb_geometry *geometry)
{
	struct tlb_geometry got;

	if (!parse_number(&text, 1, TLB_ENTRIES_MAX, &got.entries))
		return false;
	got.ways = got.entries; /* fully associative */
	if (*text == '/') {
		text++;
		if (!parse_number(&text, 1, got.entries, &got.ways) || got.entries % got.ways)
			return false;
	}
	*geometry = got;
	return !*text;
}

static bool parse_word(struct profile_settings *settings, const char *name, const char *value)
{
	if (strcmp(name, "iotlb") == 0)
		return parse_geometry(value, &settings->iotlb);
	if (strcmp(name, "walk-cache") == 0)
		return parse_geometry(value, &settings->walks);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		const struct number *number = &numbers[i];
		uint32_t *to = (uint32_t *)(void *)((char *)settings + number->offset);

		if (strcmp(name, number->name) == 0)
			return parse_number(&value, number->min, number->max, to) && !*value;
	}
	return false;
}

int profile_settings_parse(struct profile_settings *settings, const char *text, char *why,
			   size_t size)
{
	char word[64];

	while (*text) {
		const size_t len = strcspn(text, ",");
		char *value;

		snprintf(word, sizeof(word), "%.*s", (int)(len < 63 ? len : 63), text);
		value = strchr(word, '=');
		if (value)
			*value++ = '\0';
		if (!value || !parse_word(settings, word, value)) {
			snprintf(why, size,
				 "\"%.*s\" is nothing that --profile-model takes: iotlb or "
				 "walk-cache=ENTRIES[/WAYS], payload=BYTES, read=NS, "
				 "invalidation=NS, link=GBITS, batch=RANGES",
				 (int)len, text);
			return -EINVAL;
		}
		text += len + (text[len] == ',');
	}
	return 0;
}

static const struct kind_defaults *defaults_of(const char *kind)
{
	const struct kind_defaults *found = defaults;

	while (found->kind && strcmp(found->kind, kind) != 0)
		found++;
	return found;
}

struct tlb_geometry profile_iotlb(const struct profile_settings *settings, const char *kind)
{
	return settings->iotlb.entries ? settings->iotlb : defaults_of(kind)->iotlb;
}

struct tlb_geometry profile_walks(const struct profile_settings *settings, const char *kind)
{
	return settings->walks.entries ? settings->walks : defaults_of(kind)->walks;
}
