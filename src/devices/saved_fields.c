/* SPDX-License-Identifier: MIT */
/* See saved_fields.h. */
#include "devices/saved_fields.h"

#include <string.h>

static size_t times(const struct saved_field *field)
{
	return field->count ? field->count : 1;
}

size_t saved_fields_size(const struct saved_field *fields, size_t count)
{
	size_t size = 0;

	for (size_t i = 0; i < count; i++)
		size += times(&fields[i]) * fields[i].size;
	return size;
}

int saved_fields_put(const struct saved_field *fields, size_t count, const void *state,
		     struct uiommufd_saver *saver)
{
	for (size_t i = 0; i < count; i++) {
		const char *at = (const char *)state + fields[i].off;

		for (size_t n = 0; n < times(&fields[i]); n++) {
			int rc = uiommufd_save(saver, at + n * fields[i].stride, fields[i].size);

			if (rc)
				return rc;
		}
	}
	return 0;
}

bool saved_fields_valid(const struct saved_field *fields, size_t count, const void *bytes)
{
	const char *from = bytes;

	for (size_t i = 0; i < count; i++) {
		for (size_t n = 0; n < times(&fields[i]); n++, from += fields[i].size) {
			uint64_t value = 0;

			if (!fields[i].max)
				continue;
			memcpy(&value, from, fields[i].size);
			if (value > fields[i].max)
				return false;
		}
	}
	return true;
}

void saved_fields_get(const struct saved_field *fields, size_t count, void *state,
		      const void *bytes)
{
	const char *from = bytes;

	for (size_t i = 0; i < count; i++) {
		char *at = (char *)state + fields[i].off;

		for (size_t n = 0; n < times(&fields[i]); n++) {
			memcpy(at + n * fields[i].stride, from, fields[i].size);
			from += fields[i].size;
		}
	}
}
