/* SPDX-License-Identifier: MIT */
/*
 * Finds our libraries by way of the executable, so that an installed tree works wherever it
 * was unpacked or moved to: beside the executable (a build directory); then where the tree that the
 * executable is in has its libraries; then where this was configured to be installed.
 */
#include "cmd/library.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/config.h"
#include "preload/trap/insn_other.h"

/* The folder of this executable, with links resolved; "" if /proc does not say. */
static void own_folder(char folder[PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", folder, PATH_MAX - 1);
	char *slash;

	folder[len < 0 ? 0 : len] = '\0';
	slash = strrchr(folder, '/');
	if (slash)
		*slash = '\0';
}

/* @between: the way from @folder to the folder of the library, "" or "/...". */
static bool is_at(const char *folder, const char *between, const char *library, char path[PATH_MAX])
{
	char name[PATH_MAX];

	if (snprintf(name, sizeof(name), "%s%s/%s", folder, between, library) >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return false;
	}
	/* Without "..": the program may be told its libraries' paths. */
	return access(name, R_OK) == 0 && realpath(name, path);
}

int library_find(const char *library, char path[PATH_MAX])
{
	char folder[PATH_MAX];

	own_folder(folder);
	if (folder[0]) {
		if (is_at(folder, "", library, path))
			return 0;
		if (CONFIG_LIBDIR_FROM_BINDIR[0] &&
		    is_at(folder, "/" CONFIG_LIBDIR_FROM_BINDIR, library, path))
			return 0;
	}
	if (is_at(CONFIG_LIBDIR, "", library, path))
		return 0;
	snprintf(path, PATH_MAX, "%s/%s", CONFIG_LIBDIR, library);
	return -errno;
}

void library_offer_instructions(void)
{
	static char path[PATH_MAX];

	if (library_find(INSN_LIBRARY, path) == 0)
		insn_other_set_path(path);
}
