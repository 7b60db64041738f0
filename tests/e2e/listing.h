/* SPDX-License-Identifier: MIT */
#ifndef E2E_LISTING_H
#define E2E_LISTING_H

#include <dirent.h>
#include <stdbool.h>
#include <string.h>

/* Whether the directory @path lists @name. */
static bool lists(const char *path, const char *name)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	bool found = false;

	while (dir && (entry = readdir(dir)))
		found |= strcmp(entry->d_name, name) == 0;
	if (dir)
		closedir(dir);
	return found;
}

#endif
