/* SPDX-License-Identifier: MIT */
/* The programs of a user find each other in the directory that their shadow roots are in. */
#include "preload/engine/memlock.h"

#include <stdlib.h>

#include "mem/account.h"
#include "mem/self.h"
#include "mem/user_share.h"
#include "preload/start/layout.h"
#include "preload/start/real.h"
#include "preload/start/root.h"

static void take_limit(void)
{
	char path[ROOT_MAX + sizeof("/" LAYOUT_MEMLOCK)];
	char text[32];
	long len;
	int fd;

	snprintf(path, sizeof(path), "%s/" LAYOUT_MEMLOCK, root_path());
	fd = sys_open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	len = sys_read(fd, text, sizeof(text) - 1);
	(void)sys_close(fd);
	if (len <= 0)
		return;
	text[len] = '\0';
	self_set_memlock_limit(strtoull(text, NULL, 10));
}

void memlock_init(void)
{
	char directory[PATH_MAX];

	take_limit();
	if (user_share_directory(root_path(), directory))
		account_share(directory);
}
