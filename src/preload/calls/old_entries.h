/* SPDX-License-Identifier: MIT */
/*
 * The form of entries that getdents gives, which the C library called until getdents64 had come:
 * static programs of that time still do. An entry is as long in both; here the type is its last
 * byte, and not before the name.
 */
#ifndef PRELOAD_CALLS_OLD_ENTRIES_H
#define PRELOAD_CALLS_OLD_ENTRIES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
	ENTRY_SIZE_AT = 16,
	ENTRY_TYPE_AT = 18,
	ENTRY_NAME_AT = 19,
};

/* Gives the @len bytes of entries at @buf, as getdents64 gives them, the older form. */
static inline void old_entries(char *buf, long len)
{
	uint16_t size;
	char type;

	for (long at = 0; at < len; at += size) {
		memcpy(&size, buf + at + ENTRY_SIZE_AT, sizeof(size));
		type = buf[at + ENTRY_TYPE_AT];
		memmove(buf + at + ENTRY_TYPE_AT, buf + at + ENTRY_NAME_AT,
			(size_t)size - ENTRY_NAME_AT);
		buf[at + size - 1] = type;
	}
}

#endif
