/* SPDX-License-Identifier: MIT */
/* See state.h. */
#include "cmd/state.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "cmd/cmd.h"
#include "inspect/show_state.h"

struct json_object *state_parse(const char *text, size_t len)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *state = NULL;

	if (tokener && len <= INT_MAX)
		state = json_tokener_parse_ex(tokener, text, (int)len);
	if (!state)
		cmd_complain("this is no JSON: %s",
			     tokener ? json_tokener_error_desc(json_tokener_get_error(tokener))
				     : "out of memory");
	if (tokener)
		json_tokener_free(tokener);
	return state;
}

bool state_is_known(struct json_object *state)
{
	const uint64_t version = state_number(state, "version");

	if (version == SHOW_VERSION)
		return true;
	if (state_get(state, "version"))
		cmd_complain("the state has version %" PRIu64 ", and this uiommufd reads version "
			     "%d: use the uiommufd that wrote it",
			     version, SHOW_VERSION);
	else
		cmd_complain("this is no state of a program: it names no version");
	return false;
}

struct json_object *state_get(struct json_object *object, const char *key)
{
	struct json_object *member = NULL;

	json_object_object_get_ex(object, key, &member);
	return member;
}

const char *state_text(struct json_object *object, const char *key)
{
	struct json_object *member = state_get(object, key);

	char *text = member ? (char *)json_object_get_string(member) : NULL;

	if (text)
		text_clean(text, strlen(text));
	return text ? text : "";
}

uint64_t state_number(struct json_object *object, const char *key)
{
	return strtoull(state_text(object, key), NULL, 0);
}

bool state_flag(struct json_object *object, const char *key)
{
	return json_object_get_boolean(state_get(object, key));
}

size_t state_count(struct json_object *object, const char *key)
{
	struct json_object *array = state_get(object, key);

	return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

struct json_object *state_at(struct json_object *object, const char *key, size_t index)
{
	return json_object_array_get_idx(state_get(object, key), index);
}

struct iova_range state_range(struct json_object *object)
{
	return (struct iova_range){state_number(object, "start"), state_number(object, "last")};
}

bool state_is_attached(struct json_object *device, struct json_object *ioas)
{
	const uint64_t id = state_number(ioas, "id");

	for (size_t i = 0; i < state_count(device, "attached"); i++) {
		if (state_number(state_at(device, "attached", i), "ioas") == id)
			return true;
	}
	return false;
}

enum fit state_fit(struct json_object *device, struct json_object *ioas)
{
	const uint64_t id = state_number(ioas, "id");
	struct json_object *mapped = state_get(ioas, "mapped");

	for (size_t i = 0; i < state_count(device, "conflicts"); i++) {
		if (state_number(state_at(device, "conflicts", i), "ioas") == id)
			return FIT_CONFLICTS;
	}
	if (state_get(mapped, "alignment") &&
	    state_number(mapped, "alignment") < state_number(device, "alignment"))
		return FIT_MISALIGNED;
	return FIT_YES;
}

/* ---- texts ---- */

enum {
	BUFFERS = 8,
	BUFFER_SIZE = 48,
};

static char *next_buffer(void)
{
	static char buffers[BUFFERS][BUFFER_SIZE];
	static unsigned int next;

	return buffers[next++ % BUFFERS];
}

static bool is_control(const char *text)
{
	const unsigned char first = (unsigned char)text[0], second = (unsigned char)text[1];

	if (first == '\n' || first == '\t')
		return false;
	/* U+0080 to U+009F, in UTF-8, control some terminals, too. */
	return first < ' ' || first == 0x7f || (first == 0xc2 && second >= 0x80 && second < 0xa0);
}

void text_clean(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!is_control(text + i))
			continue;
		if ((unsigned char)text[i] == 0xc2)
			text[i + 1] = '?';
		text[i] = '?';
	}
}

const char *text_range(struct iova_range range)
{
	char *buffer = next_buffer();

	snprintf(buffer, BUFFER_SIZE, "0x%" PRIx64 "-0x%" PRIx64, range.start, range.last);
	return buffer;
}

const char *text_size(uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	char *buffer = next_buffer();
	unsigned int unit;
	double value;

	if (!bytes)
		return "16 EiB";
	unit = log2_floor(bytes) / 10;
	value = (double)bytes / (double)(UINT64_C(1) << (10 * unit));
	/*
	 * Exact sizes have no fraction; others two digits, or "~" if the digits would look exact.
	 */
	if (is_aligned(bytes, UINT64_C(1) << (10 * unit)))
		snprintf(buffer, BUFFER_SIZE, "%.0f %s", value, units[unit]);
	else if ((uint64_t)(value * 100 + 0.5) % 100)
		snprintf(buffer, BUFFER_SIZE, "%.2f %s", value, units[unit]);
	else
		snprintf(buffer, BUFFER_SIZE, "~%.0f %s", value, units[unit]);
	return buffer;
}
