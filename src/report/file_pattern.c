/* SPDX-License-Identifier: MIT */
#include "report/file_pattern.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

char *file_pattern_expand(const char *pattern)
{
	char *path = alloc_zeroed(PATH_MAX);
	size_t len = 0;

	if (!path)
		return NULL;
	for (; *pattern && len + 16 < PATH_MAX; pattern++) {
		if (pattern[0] == '%' && pattern[1] == 'p')
			len += (size_t)snprintf(path + len, PATH_MAX - len, "%d", (int)getpid());
		else
			path[len++] = *pattern;
		if (pattern[0] == '%' && (pattern[1] == 'p' || pattern[1] == '%'))
			pattern++;
	}
	path[len] = '\0';
	return path;
}

bool file_pattern_varies(const char *pattern)
{
	for (; *pattern; pattern++) {
		if (pattern[0] != '%')
			continue;
		if (pattern[1] == 'p')
			return true;
		if (pattern[1])
			pattern++;
	}
	return false;
}
