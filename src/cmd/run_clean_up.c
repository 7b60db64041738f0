/* SPDX-License-Identifier: MIT */
#include "cmd/run_clean_up.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "mem/user_share.h"

/*
 * Removes what programs of any user that root's run has become have left in @parent. Those in use
 * are locked.
 */
static void remove_shares(const char *parent)
{
	DIR *dir = opendir(parent);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		unsigned int uid;
		int end = 0;

		if (sscanf(entry->d_name, USER_SHARE_PREFIX "%u%n", &uid, &end) == 1 &&
		    !entry->d_name[end])
			user_share_remove(parent, uid);
	}
	if (dir)
		closedir(dir);
}

void run_clean_up(struct tree *tree)
{
	char parent[PATH_MAX];
	const bool shared = user_share_directory(tree->root, parent, sizeof(parent));

	tree_remove(tree);
	if (!shared)
		return;
	if (geteuid() == 0)
		remove_shares(parent);
	else
		user_share_remove(parent, getuid());
}
