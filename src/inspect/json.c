/* SPDX-License-Identifier: MIT */
#include "inspect/json.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

enum {
	FIRST_CAPACITY = 4096,
	NUMBER_SIZE = 32,
	MAX_DEPTH = 64,
};

void json_init(struct json *json)
{
	*json = (struct json){.first = true};
}

void json_fail(struct json *json)
{
	json->failed = true;
}

char *json_finish(struct json *json, size_t *len)
{
	assert(!json->depth);
	if (json->failed || !json->text) {
		alloc_free(json->text);
		return NULL;
	}
	*len = json->len;
	return json->text;
}

/* Makes space for @len more bytes and the 0; false: failed, now or before. */
static bool reserve(struct json *json, size_t len)
{
	size_t capacity = json->capacity ? json->capacity : FIRST_CAPACITY;
	char *text;

	if (json->failed)
		return false;
	if (json->len + len < json->capacity)
		return true;
	while (capacity <= json->len + len)
		capacity *= 2;
	text = alloc_resize(json->text, capacity, 1);
	if (!text) {
		json->failed = true;
		return false;
	}
	json->text = text;
	json->capacity = capacity;
	return true;
}

static void put(struct json *json, const char *text, size_t len)
{
	if (!reserve(json, len))
		return;
	memcpy(json->text + json->len, text, len);
	json->len += len;
	json->text[json->len] = '\0';
}

static void put_text(struct json *json, const char *text)
{
	put(json, text, strlen(text));
}

static void put_quoted(struct json *json, const char *text)
{
	put_text(json, "\"");
	for (; *text; text++) {
		const unsigned char c = (unsigned char)*text;
		char escaped[8];

		if (c == '"' || c == '\\')
			snprintf(escaped, sizeof(escaped), "\\%c", c);
		else if (c < 0x20)
			snprintf(escaped, sizeof(escaped), "\\u%04x", c);
		else
			snprintf(escaped, sizeof(escaped), "%c", c);
		put_text(json, escaped);
	}
	put_text(json, "\"");
}

/* For asserts: true if values now go into an array. */
static __attribute__((unused)) bool in_array(const struct json *json)
{
	return json->depth && (json->arrays >> (json->depth - 1) & 1);
}

/* Writes what comes before a value. */
static void begin(struct json *json, const char *key)
{
	assert(!key == (in_array(json) || !json->depth));
	if (!json->first)
		put_text(json, ",");
	json->first = false;
	if (!key)
		return;
	put_quoted(json, key);
	put_text(json, ":");
}

static void open_value(struct json *json, const char *bracket, bool array)
{
	assert(json->depth < MAX_DEPTH);
	put_text(json, bracket);
	json->first = true;
	json->arrays &= ~(UINT64_C(1) << json->depth);
	json->arrays |= (uint64_t)array << json->depth;
	json->depth++;
}

static void close_value(struct json *json, const char *bracket, bool array)
{
	assert(json->depth && in_array(json) == array);
	(void)array;
	put_text(json, bracket);
	json->first = false;
	json->depth--;
}

/* An object in an array begins a line, so that grep and editors can handle thousands of them. */
void json_object(struct json *json, const char *key)
{
	begin(json, key);
	open_value(json, key || !json->len ? "{" : "\n{", false);
}

void json_array(struct json *json, const char *key)
{
	begin(json, key);
	open_value(json, "[", true);
}

void json_end_object(struct json *json)
{
	close_value(json, "}", false);
}

void json_end_array(struct json *json)
{
	close_value(json, "]", true);
}

void json_string(struct json *json, const char *key, const char *value)
{
	begin(json, key);
	put_quoted(json, value);
}

void json_number(struct json *json, const char *key, uint64_t value)
{
	char text[NUMBER_SIZE];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	begin(json, key);
	put_text(json, text);
}

void json_hex(struct json *json, const char *key, uint64_t value)
{
	char text[NUMBER_SIZE];

	snprintf(text, sizeof(text), "\"0x%" PRIx64 "\"", value);
	begin(json, key);
	put_text(json, text);
}

void json_bool(struct json *json, const char *key, bool value)
{
	begin(json, key);
	put_text(json, value ? "true" : "false");
}

void json_range(struct json *json, struct iova_range range)
{
	json_hex(json, "start", range.start);
	json_hex(json, "last", range.last);
}
