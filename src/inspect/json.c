/* SPDX-License-Identifier: MIT */
#include "inspect/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

enum {
	FIRST_CAPACITY = 4096,
	NUMBER_SIZE = 32,
};

void json_init(struct json *json)
{
	*json = (struct json){.first = true};
}

char *json_finish(struct json *json, size_t *len)
{
	if (json->failed || !json->text) {
		alloc_free(json->text);
		return NULL;
	}
	*len = json->len;
	return json->text;
}

/* Room for @len bytes and the 0. */
static bool make_room(struct json *json, size_t len)
{
	size_t capacity = json->capacity ? json->capacity : FIRST_CAPACITY;
	char *text;

	if (json->failed || json->len + len < json->capacity)
		return !json->failed;
	while (capacity <= json->len + len)
		capacity *= 2;
	text = alloc_resize(json->text, capacity, 1);
	if (text) {
		json->text = text;
		json->capacity = capacity;
	}
	json->failed = !text;
	return text;
}

static void put(struct json *json, const char *text, size_t len)
{
	if (!make_room(json, len))
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

/* What comes before a value. */
static void begin(struct json *json, const char *key)
{
	if (!json->first)
		put_text(json, ",");
	json->first = false;
	if (!key)
		return;
	put_quoted(json, key);
	put_text(json, ":");
}

/* Each object begins a line: a text of thousands is still one for grep and for editors. */
void json_object(struct json *json, const char *key)
{
	begin(json, key);
	put_text(json, key || !json->len ? "{" : "\n{");
	json->first = true;
}

void json_array(struct json *json, const char *key)
{
	begin(json, key);
	put_text(json, "[");
	json->first = true;
}

void json_end_object(struct json *json)
{
	put_text(json, "}");
	json->first = false;
}

void json_end_array(struct json *json)
{
	put_text(json, "]");
	json->first = false;
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
