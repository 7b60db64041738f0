/* SPDX-License-Identifier: MIT */
/* The tables lie in the directory that the trees are in (mem/user_share.h). */
#include "cmd/run_clean_up.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
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
	char parent[sizeof(tree->root)];
	char *slash;

	strcpy(parent, tree->root);
	slash = strrchr(parent, '/');
	tree_remove(tree);
	if (!slash || slash == parent)
		return;
	*slash = '\0';
	if (geteuid() == 0)
		remove_shares(parent);
	else
		user_share_remove(parent, getuid());
}
