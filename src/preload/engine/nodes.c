/* SPDX-License-Identifier: MIT */
/*
 * Behind the descriptor of a node is a placeholder: the node's file in the shadow root, opened with
 * those flags of the program that the kernel is to apply, or to refuse. Attributes of sysfs have a
 * memory file in its place (attribute_file.h).
 */
#include "preload/engine/nodes.h"

#include <assert.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "machine/machine.h"
#include "machine/machine_files.h"
#include "preload/engine/attribute_file.h"
#include "preload/engine/call.h"
#include "preload/engine/engine.h"
#include "preload/engine/entries.h"
#include "preload/engine/own_process.h"
#include "preload/engine/raw_file.h"
#include "preload/process/mapping.h"
#include "preload/start/layout.h"
#include "preload/start/real.h"
#include "sysfs/attribute.h"
#include "trace/events.h"
#include "vfio/vfio.h"

/* ---- which file ---- */

/* ---- mapped BARs, for DMA from one device to another ---- */

static bool find_mapping(uint64_t va, struct vfio_mapping *mapping)
{
	struct mapping_trap trap;

	if (!mapping_any() || !mapping_find_trap(va, &trap))
		return false;
	*mapping = (struct vfio_mapping){
		.reference = trap.desc,
		.ops = trap.ops,
		.cookie = trap.cookie,
		.offset = trap.offset,
		.left = trap.left,
	};
	return true;
}

static void put_mapping(void *reference)
{
	description_put(reference);
}

static const struct vfio_mapping_finder mapping_finder = {
	.find = find_mapping,
	.put = put_mapping,
};

static int open_container(struct uiommufd_file **file)
{
	if (machine_container(engine_machine()) == CONTAINER_TYPE1) {
		vfio_set_mapping_finder(&mapping_finder);
		vfio_set_entry_limit(entries_limit);
	}
	return machine_open_container(engine_machine(), file);
}

static int open_cdev(unsigned int number, struct uiommufd_file **file)
{
	struct vfio_device *device = machine_find_cdev(engine_machine(), number);

	if (!device)
		return -ENODEV;
	raw_recall(device);
	return vfio_device_open(device, file);
}

static int open_group(unsigned int number, struct uiommufd_file **file)
{
	struct vfio_device *device, *first = NULL;

	for (size_t i = 0; (device = machine_device(engine_machine(), i)); i++) {
		if (machine_device_group(engine_machine(), i) != number)
			continue;
		raw_recall(device);
		if (!first)
			first = device;
	}
	return first ? vfio_group_open(first, file) : -ENODEV;
}

static int open_file(const struct path_at *at, struct uiommufd_file **file)
{
	switch (at->node.kind) {
	case NODE_IOMMU:
		return machine_open_iommu(engine_machine(), file);
	case NODE_CONTAINER:
		return open_container(file);
	case NODE_CDEV:
		return open_cdev(at->node.number, file);
	case NODE_CONFIG:
		return config_file_create(at->resolved, own_process_caller(), file);
	case NODE_RESOURCE:
		return resource_file_create(at->resolved, at->node.number, file);
	case NODE_ROM:
		return rom_file_create(at->resolved, file);
	case NODE_GROUP:
		return open_group(at->node.number, file);
	case NODE_ATTRIBUTE:
	case NODE_NONE:
		break;
	}
	return -ENODEV;
}

/* ---- opening it ---- */

static int open_placeholder(const struct path_at *at, int flags)
{
	const int kept = O_ACCMODE | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_DIRECTORY;

	if ((flags & O_CREAT) && (flags & O_EXCL))
		return -EEXIST;
	return (int)SYS(SYS_openat, AT_FDCWD, at->path, flags & kept);
}

/*
 * Whether a file of sysfs with the @mode can be opened with @flags, for root too. The rest is in
 * the rights of its file in the shadow root.
 */
static int check_mode(mode_t mode, int flags)
{
	const int access = flags & O_ACCMODE;

	if (access != O_WRONLY && !(mode & (S_IRUSR | S_IRGRP | S_IROTH)))
		return -EACCES;
	return access != O_RDONLY && !(mode & (S_IWUSR | S_IWGRP | S_IWOTH)) ? -EACCES : 0;
}

/* In place of the placeholder @fd, which is closed: a memory file. Its descriptor or an errno. */
static int open_attribute(const struct path_at *at, int flags, int fd)
{
	const struct sysfs_attribute *attribute = sysfs_attribute_at(at->node.number);
	struct uiommufd_file *file;
	int memory;
	int rc = check_mode(attribute->mode, flags);

	if (rc)
		goto out_close;
	/* What is only kept is the file in the shadow root. */
	if (!attribute->live && (flags & O_ACCMODE) == O_RDONLY) {
		fdtable_set_hint(fd, PATH_HINT_SHADOW);
		return fd;
	}
	rc = attribute_file_create(at->node.number, at->resolved, flags, own_process_caller(),
				   &file, &memory);
	if (rc)
		goto out_close;
	rc = (int)SYS(SYS_dup3, memory, fd, flags & O_CLOEXEC);
	SYS(SYS_close, memory);
	if (rc >= 0)
		rc = own_process_install(fd, file, flags & O_ACCMODE, at->node);
	if (rc)
		goto out_put;
	return fd;

out_put:
	file_put(file);
out_close:
	SYS(SYS_close, fd);
	return rc;
}

static int open_inside(const struct path_at *at, int flags)
{
	struct uiommufd_file *file;
	int fd, rc;

	assert(at->node.kind != NODE_NONE && at->shadow);
	fd = open_placeholder(at, flags);
	if (fd < 0)
		return fd;
	if (at->node.kind == NODE_ATTRIBUTE)
		return open_attribute(at, flags, fd);
	rc = open_file(at, &file);
	if (rc)
		goto out_close;
	rc = flags & O_DIRECT ? -EINVAL : 0;
	if (rc)
		goto out_put;
	rc = own_process_install(fd, file, flags & O_ACCMODE, at->node);
	if (rc)
		goto out_put;
	if (observed())
		event_open(file, at->resolved, fd);
	return fd;

out_put:
	file_put(file);
out_close:
	SYS(SYS_close, fd);
	return rc;
}

int nodes_open(const struct path_at *at, int flags)
{
	struct engine_call call;
	int fd, rc;

	engine_cancellation_point();
	rc = engine_start();
	if (rc)
		return rc;
	engine_enter(&call);
	fd = open_inside(at, flags);
	engine_leave(&call);
	return fd;
}

/* A descriptor of what the live file of sysfs at @at shows now, or a negative errno. */
static int snapshot(const struct path_at *at)
{
	struct uiommufd_file *file;
	int memory;
	int rc;

	if (at->node.kind == NODE_CONFIG)
		return config_file_snapshot(at->resolved, own_process_caller());
	if (at->node.kind == NODE_ROM)
		return rom_file_snapshot(at->resolved);
	rc = attribute_file_create(at->node.number, at->resolved, O_RDONLY, own_process_caller(),
				   &file, &memory);
	if (rc)
		return rc;
	file_put(file);
	return memory;
}

FILE *nodes_open_stream(const struct path_at *at, const char *mode)
{
	struct engine_call call;
	FILE *stream;
	int fd, shown;

	assert(nodes_is_shown(at->node));
	fd = engine_start();
	if (libc_result(fd) < 0)
		return NULL;
	engine_enter(&call);
	/* Whether the program may is what opening the file in the shadow root tells. */
	fd = open_placeholder(at, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		shown = snapshot(at);
		if (shown >= 0)
			(void)SYS(SYS_dup3, shown, fd, O_CLOEXEC);
		SYS(SYS_close, shown < 0 ? fd : shown);
		fd = shown < 0 ? shown : fd;
	}
	engine_leave(&call);
	if (libc_result(fd) < 0)
		return NULL;
	stream = fdopen(fd, mode);
	if (!stream)
		SYS(SYS_close, fd);
	return stream;
}

bool nodes_is_shown(struct node node)
{
	return node.kind == NODE_CONFIG || node.kind == NODE_ROM ||
	       (node.kind == NODE_ATTRIBUTE && sysfs_attribute_at(node.number)->live);
}

int nodes_flush(struct description *description)
{
	assert(engine_busy());
	return description->node.kind == NODE_ATTRIBUTE ? attribute_file_flush(description->file)
							: 0;
}

/* ---- standard descriptors that are attributes ---- */

static void adopt(int fd)
{
	struct node node = {.kind = NODE_ATTRIBUTE};
	struct uiommufd_file *file;
	struct engine_call call;
	char name[PATH_MAX];
	size_t index;

	if (!attribute_file_inherited(fd) || path_of_fd(fd, name, sizeof(name)) || engine_start())
		return;
	engine_enter(&call);
	if (attribute_file_adopt(fd, name, own_process_caller(), &file, &index) == 0) {
		node.number = (unsigned int)index;
		if (own_process_install(fd, file, O_WRONLY, node))
			file_put(file);
	}
	engine_leave(&call);
}

void nodes_adopt(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		adopt(fd);
}

void nodes_finish(void)
{
	struct description *description;
	struct engine_call call;

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		description = engine_enter_fd(&call, fd);
		if (!description)
			continue;
		if (description->node.kind == NODE_ATTRIBUTE) {
			REAL(fflush)(NULL);
			(void)nodes_flush(description);
		}
		engine_leave_fd(&call, description);
	}
}
