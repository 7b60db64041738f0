/* SPDX-License-Identifier: MIT */
/*
 * The operations of uiommufd_caller_self(), and in addition those on descriptors, with the table of
 * the program's (process/fdtable.h).
 */
#include "preload/engine/own_process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <uiommufd/caller.h>

#include "base/caller.h"
#include "mem/credentials.h"
#include "mem/frame.h"
#include "preload/process/defer.h"
#include "preload/process/mapping.h"
#include "preload/start/layout.h"
#include "preload/start/real.h"
#include "trace/events.h"

static struct {
	struct uiommufd_caller caller;
	struct uiommufd_caller_ops ops;
	uint64_t inherited; /* pages that are pinned for the parent of this process */
} program;

int own_process_install(int fd, struct uiommufd_file *file, int access, struct node node)
{
	struct description *description;
	struct description *stale;

	assert(defer_active());
	if (!fdtable_reserve(fd))
		return -ENFILE;
	description = description_create(file, access, node);
	if (!description)
		return -ENFILE;
	stale = fdtable_exchange(fd, description);
	if (stale)
		description_put(stale);
	fdtable_set_hint(fd, node.kind == NODE_NONE ? PATH_HINT_NONE : PATH_HINT_SHADOW);
	return 0;
}

static struct uiommufd_file *get_file(struct uiommufd_caller *caller, int fd)
{
	struct description *description = fdtable_get(fd);
	struct uiommufd_file *file;

	(void)caller;
	if (!description)
		return NULL;
	file = file_get(description->file);
	description_put(description);
	return file;
}

/* A placeholder for @file: a duplicate of its readiness descriptor, or one that is always ready. */
static int open_placeholder(struct uiommufd_file *file, int flags)
{
	char name[64];

	if (file->ops->readiness)
		return (int)SYS(SYS_fcntl, file->ops->readiness(file),
				flags & O_CLOEXEC ? F_DUPFD_CLOEXEC : F_DUPFD, 0);
	snprintf(name, sizeof(name), LAYOUT_MEMFD_PREFIX "%s", file->ops->name);
	return (int)SYS(SYS_memfd_create, name, flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
}

static int install_file(struct uiommufd_caller *caller, struct uiommufd_file *file, int flags)
{
	int fd = open_placeholder(file, flags);
	int rc;

	(void)caller;
	if (fd < 0)
		return fd;
	rc = own_process_install(fd, file, O_RDWR, (struct node){.kind = NODE_NONE});
	if (rc)
		goto out_close;
	if (observed())
		event_made(file, file->ops->name, fd);
	return fd;

out_close:
	SYS(SYS_close, fd);
	return rc;
}

static void uninstall_file(struct uiommufd_caller *caller, int fd)
{
	struct description *description = fdtable_exchange(fd, NULL);

	(void)caller;
	SYS(SYS_close, fd);
	if (description)
		description_put(description);
}

/*
 * Whether [@va, @va + @len) has a shared mapping of a file on a disk. The file system would miss a
 * device's stores to it, so they are refused, as by the kernel. A mapping that is recorded may have
 * been removed by a call that we did not see, so each is looked up once more.
 */
static bool on_disk(uint64_t va, uint64_t len)
{
	uint64_t from, to;

	while (mapping_find_disk(va, len, &from, &to)) {
		struct frame_cursor cursor = {.mapping.end = 0};

		if (frame_of(&cursor, from).inode)
			return true;
		mapping_remove(from, to - from);
	}
	return false;
}

static int populate(struct uiommufd_caller *caller, uint64_t va, uint64_t len, bool write)
{
	(void)caller;
	if (write && on_disk(va, len))
		return -EFAULT;
	return caller_populate(uiommufd_caller_self(), va, len, write);
}

void own_process_init(void)
{
#ifdef REAL_SYSCALL_IS_REPLACED
	credentials_watch();
#endif
	program.ops = *uiommufd_caller_self()->ops;
	program.ops.populate = populate;
	program.ops.get_file = get_file;
	program.ops.install_file = install_file;
	program.ops.uninstall_file = uninstall_file;
	uiommufd_caller_init(&program.caller, &program.ops, getpid(), getuid());
}

struct uiommufd_caller *own_process_caller(void)
{
	return &program.caller;
}

void own_process_fork_child(void)
{
	program.caller.pid = getpid();
	/* Locks on memory are not inherited (mlock(2)), and neither is what is charged for them. */
	program.caller.locked_pages = 0;
	program.inherited = program.caller.pinned_pages;
}

void own_process_locked(uint64_t *pinned, uint64_t *locked)
{
	const uint64_t all = __atomic_load_n(&program.caller.pinned_pages, __ATOMIC_RELAXED);

	*pinned = all > program.inherited ? all - program.inherited : 0;
	*locked = __atomic_load_n(&program.caller.locked_pages, __ATOMIC_RELAXED);
}
