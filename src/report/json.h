/* SPDX-License-Identifier: MIT */
/*
 * A writer of JSON into a buffer that grows. If memory runs out, or the caller gives up, everything
 * after that does nothing, and json_finish() fails. Addresses and sizes are written as strings of
 * hexadecimal digits ("0x1000"), as many readers keep numbers in a double.
 *
 * @key is a literal name in an object, NULL in an array and for the outermost value. Each value
 * that is opened is closed by the call of its kind (asserted).
 *
 * Context: one thread at a time for each struct json.
 */
#ifndef REPORT_JSON_H
#define REPORT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iova/range.h"

struct json {
	char *text;
	size_t len, capacity;
	bool failed;
	bool first;	    /* the next value is the first of its object or array: no comma */
	unsigned int depth; /* objects and arrays that are open */
	uint64_t arrays;    /* bit n: the one at depth n + 1 is an array */
};

void json_init(struct json *json);

/* From now on nothing is written, and json_finish() returns NULL. */
void json_fail(struct json *json);

/*
 * The text (ends with a 0; the caller's, freed with alloc_free()), and its length without the 0.
 * NULL: writing has failed.
 */
char *json_finish(struct json *json, size_t *len);

void json_object(struct json *json, const char *key);
void json_array(struct json *json, const char *key);
void json_end_object(struct json *json);
void json_end_array(struct json *json);

void json_string(struct json *json, const char *key, const char *value);
void json_number(struct json *json, const char *key, uint64_t value); /* small: an ID, a count */
void json_hex(struct json *json, const char *key, uint64_t value);
void json_bool(struct json *json, const char *key, bool value);

/* The members "start" and "last" of an object. */
void json_range(struct json *json, struct iova_range range);

#endif
