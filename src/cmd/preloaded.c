/* SPDX-License-Identifier: MIT */
#include "cmd/preloaded.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/program.h"
#include "cmd/library.h"
#include "preload/start/layout.h"

/* Spaces and colons separate paths in LD_PRELOAD. */
static bool has_separator(const char *path)
{
	return path[strcspn(path, " :")];
}

static void put_link(struct tree *tree, const char *library, char path[PATH_MAX])
{
	const char *name = strrchr(library, '/');

	tree_link_text(tree, name, library);
	tree_real_path(tree, name, path);
}

int preloaded_set(struct tree *tree, const char *runtime, const char *library)
{
	const char *before = getenv("LD_PRELOAD");
	char path[PATH_MAX], *value;
	size_t size;
	int rc = -ENOMEM;

	if (has_separator(library)) {
		put_link(tree, library, path);
		library = path;
	}
	size = PROGRAM_RUNTIME_MAX + 1 + strlen(library) + 1 +
	       (before ? 2 * strlen(before) + 1 : 0) + 1;
	value = malloc(size);
	if (value && program_preload(value, size, runtime, library, before) &&
	    !setenv("LD_PRELOAD", value, 1))
		rc = 0;
	free(value);
	return rc;
}

/*
 * AddressSanitizer refuses a program that loads any library before its runtime. A program that
 * starts others cannot put each one's runtime in front, as `uiommufd run` does for the one that it
 * starts, and of the functions that the runtime replaces our library calls the next.
 */
static int permit_any_order(void)
{
	static const char option[] = "verify_asan_link_order=0";
	const char *before = getenv("ASAN_OPTIONS");
	char *value;
	int rc;

	if (asprintf(&value, "%s%s%s", before ? before : "", before ? ":" : "", option) < 0)
		return -ENOMEM;
	rc = setenv("ASAN_OPTIONS", value, 1) ? -ENOMEM : 0;
	free(value);
	return rc;
}

int preloaded_set_client(struct tree *tree)
{
	char library[PATH_MAX];
	int rc;

	if (library_find(LAYOUT_CLIENT_LIBRARY, library) || (has_separator(library) && !tree))
		return 0;
	rc = preloaded_set(tree, "", library);
	return rc ? rc : permit_any_order();
}
