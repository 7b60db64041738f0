/* SPDX-License-Identifier: MIT */
/*
 * The members of a model's state that are saved when it is migrated: a list of them, which is both
 * written and read. Numbers are little endian, as on every machine that this runs on, and as wide
 * as the member. A list is of one version of a model's state (saved_version): what is appended to
 * it begins another.
 */
#ifndef DEVICES_SAVED_FIELDS_H
#define DEVICES_SAVED_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uiommufd/device.h>

/* A member; or, from an array of structures, the same member of each. */
struct saved_field {
	size_t off, size;
	size_t count, stride; /* 0: one */
	uint64_t max;	      /* of a number; 0: it may have any value */
};

#define SAVED_FIELD(type, member) SAVED_UP_TO(type, member, 0)
#define SAVED_UP_TO(type, member, most)                                              \
	{                                                                            \
		offsetof(type, member), sizeof(((type *)NULL)->member), 0, 0, (most) \
	}

/* Member @member of the @n structures @array; @most: as max. */
#define SAVED_FIELDS(type, array, n, member, most)                                             \
	{                                                                                      \
		offsetof(type, array[0].member), sizeof(((type *)NULL)->array[0].member), (n), \
			sizeof(((type *)NULL)->array[0]), (most)                               \
	}

/* How many bytes the @count @fields have. */
size_t saved_fields_size(const struct saved_field *fields, size_t count);

/* 0 or -ENOMEM. */
int saved_fields_put(const struct saved_field *fields, size_t count, const void *state,
		     struct uiommufd_saver *saver);

/* Whether no number in the saved_fields_size() bytes at @bytes is above its max. */
bool saved_fields_valid(const struct saved_field *fields, size_t count, const void *bytes);

/* From these bytes. */
void saved_fields_get(const struct saved_field *fields, size_t count, void *state,
		      const void *bytes);

#endif
