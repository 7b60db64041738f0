/* SPDX-License-Identifier: MIT */
/*
 * Writing JSON into a growing buffer. Want of memory is remembered and makes all that follows do
 * nothing: json_finish() tells. Numbers of 64 bits go out as strings ("0x1000"): readers that have
 * only doubles would bend them.
 *
 * The caller keeps brackets in balance. @key is a literal name, or NULL inside an array.
 */
#ifndef IOMMUFD_JSON_H
#define IOMMUFD_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iova/range.h"

struct json {
	char *text;
	size_t len, capacity;
	bool failed;
	bool first; /* in its object or array: no comma before it */
};

void json_init(struct json *json);

/* The text (ended by 0; freed with alloc_free()) and its length, or NULL: there was no memory. */
char *json_finish(struct json *json, size_t *len);

void json_object(struct json *json, const char *key);
void json_array(struct json *json, const char *key);
void json_end_object(struct json *json);
void json_end_array(struct json *json);

void json_string(struct json *json, const char *key, const char *value);
void json_number(struct json *json, const char *key, uint64_t value); /* small ones: IDs, counts */
void json_hex(struct json *json, const char *key, uint64_t value);
void json_bool(struct json *json, const char *key, bool value);

/* The members "start" and "last". */
void json_range(struct json *json, struct iova_range range);

#endif
