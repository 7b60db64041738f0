/* SPDX-License-Identifier: MIT */
/*
 * The programs of a user find each other in the directory that their shadow roots are in. What a
 * process has locked by mlock() and what a container has locked for it have one limit.
 */
#include "preload/engine/memlock.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/caller.h"
#include "base/check.h"
#include "base/sys.h"
#include "mem/account.h"
#include "mem/displace.h"
#include "mem/self.h"
#include "mem/user_share.h"
#include "preload/engine/own_process.h"
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

/* ---- what the program locks by itself ---- */

static atomic_bool locks;

void memlock_seen(void)
{
	atomic_store_explicit(&locks, true, memory_order_relaxed);
	displace_note_locking();
}

/* Pages; none if the program has never locked any, or if /proc is out of reach. */
static uint64_t locked_by_system(struct uiommufd_caller *caller)
{
	static const char name[] = "\nVmLck:";
	char text[1024]; /* it is among the first lines */
	const char *line;
	long len;
	int fd;

	(void)caller;
	if (!atomic_load_explicit(&locks, memory_order_relaxed) || sys_confined())
		return 0;
	fd = sys_open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	len = sys_read(fd, text, sizeof(text) - 1);
	(void)sys_close(fd);
	text[len < 0 ? 0 : len] = '\0';
	line = strstr(text, name);
	return line ? strtoull(line + sizeof(name) - 1, NULL, 10) >> (PAGE_SHIFT - 10) : 0;
}

bool memlock_permits(uint64_t len)
{
	struct uiommufd_caller *caller = own_process_caller();
	uint64_t pinned, locked, pages;

	own_process_locked(&pinned, &locked);
	if (!locked || caller_capable(caller, CAP_IPC_LOCK) ||
	    check_align_up(len, PAGE_SIZE, &pages))
		return true;
	pages = (pages >> PAGE_SHIFT) + locked + locked_by_system(caller);
	return pages <= caller_memlock_limit(caller) >> PAGE_SHIFT;
}

void memlock_init(void)
{
	char directory[ROOT_MAX + 1];

	take_limit();
	account_set_locked_by_system(locked_by_system);
	if (user_share_directory(root_path(), directory, sizeof(directory)))
		account_share(directory);
}
