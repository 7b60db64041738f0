/* SPDX-License-Identifier: MIT */
#include "cmd/limit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool limit_parse(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMG";
	const char *unit;
	char *end;

	if (strcmp(text, "unlimited") == 0) {
		*bytes = UINT64_MAX;
		return true;
	}
	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*bytes = strtoull(text, &end, 10);
	if (errno)
		return false;
	if (!*end)
		return true;
	unit = strchr(units, *end);
	if (!unit || end[1])
		return false;
	for (; unit >= units; unit--) {
		if (__builtin_mul_overflow(*bytes, 1024, bytes))
			return false;
	}
	return true;
}
