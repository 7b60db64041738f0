/* SPDX-License-Identifier: MIT */
/*
 * Reading the state of a program (inspect/show_state.h): JSON, and the members that every reader
 * needs.
 */
#ifndef CMD_STATE_H
#define CMD_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <json-c/json.h>

#include "iova/range.h"

/* The caller gives it back with json_object_put(). NULL, after printing what is wrong. */
struct json_object *state_parse(const char *text, size_t len);

/* Whether @state is of the version that is read here; prints what is wrong otherwise. */
bool state_is_known(struct json_object *state);

/* Members of @object. NULL, "", 0 or false if the member is missing or @object is NULL. */
struct json_object *state_get(struct json_object *object, const char *key);
const char *state_text(struct json_object *object, const char *key);
uint64_t state_number(struct json_object *object, const char *key); /* also of "0x..." */
bool state_flag(struct json_object *object, const char *key);

/* Elements of the array @key. */
size_t state_count(struct json_object *object, const char *key);
struct json_object *state_at(struct json_object *object, const char *key, size_t index);

/* Its members "start" and "last". */
struct iova_range state_range(struct json_object *object);

/* Whether a device could be attached to an IOAS. */
enum fit {
	FIT_YES,
	FIT_CONFLICTS,	/* no: some of its "conflicts" are with the IOAS */
	FIT_MISALIGNED, /* no: there are mappings smaller than its pages */
};

bool state_is_attached(struct json_object *device, struct json_object *ioas);
enum fit state_fit(struct json_object *device, struct json_object *ioas);

/*
 * Replaces control characters of @text by question marks, and leaves line ends and tabs: what comes
 * from a program must not control the terminal.
 */
void text_clean(char *text, size_t len);

/* "0x1000-0x1fff" and "2 MiB" (@bytes 0: 2^64), in static buffers of which there are a few. */
const char *text_range(struct iova_range range);
const char *text_size(uint64_t bytes);

/* The renderings. @all: every mapping that @state lists, however many. */
void show_text(struct json_object *state, bool all, FILE *out);
void show_svg(struct json_object *state, FILE *out);
void show_html(const char *text, size_t len, FILE *out); /* of the JSON @text */
void lookup_text(struct json_object *lookup, bool all, FILE *out);

/* Backing and state of @mapping, which is part of @state, for show and lookup. */
void text_mapping(struct json_object *state, struct json_object *mapping, char *text, size_t size);

#endif
