/* SPDX-License-Identifier: MIT */
/*
 * The operations of uiommufd_caller_self(), with the program's descriptor table in the place of
 * none.
 */
#include "preload/engine/own_process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <uiommufd/caller.h>

#include "mem/credentials.h"
#include "mem/frame.h"
#include "preload/process/mapping.h"
#include "preload/start/layout.h"
#include "preload/start/real.h"

static struct uiommufd_caller_ops ops;
static struct uiommufd_caller program;

int own_process_install(int fd, struct uiommufd_file *file, int access, struct node node)
{
	struct description *description;
	struct description *stale;

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

/* A descriptor to stand for @file: its own readiness, or one that is always ready. */
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
	if (rc) {
		SYS(SYS_close, fd);
		return rc;
	}
	return fd;
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
 * A device's stores to a shared mapping of a file on a disk would be lost on the file system that
 * has to write them, so they are refused, as by the kernel. What mmap was seen to make is asked for
 * once more: it may have gone unseen.
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
	if (write && on_disk(va, len))
		return -EFAULT;
	return uiommufd_caller_self()->ops->populate(caller, va, len, write);
}

void own_process_init(void)
{
#ifdef REAL_SYSCALL_IS_REPLACED
	credentials_watch();
#endif
	ops = *uiommufd_caller_self()->ops;
	ops.populate = populate;
	ops.get_file = get_file;
	ops.install_file = install_file;
	ops.uninstall_file = uninstall_file;
	uiommufd_caller_init(&program, &ops, getpid(), getuid());
}

struct uiommufd_caller *own_process_caller(void)
{
	return &program;
}

void own_process_fork_child(void)
{
	program.pid = getpid();
	/* Locks on memory are not inherited (mlock(2)), and neither is what is charged for them. */
	program.locked_pages = 0;
}
