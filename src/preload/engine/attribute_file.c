/* SPDX-License-Identifier: MIT */
/*
 * See attribute_file.h. A file knows the path of its attribute, not the device: that may have been
 * removed since, and all calls fail then [SYSFS-RULES.8].
 */
#include "preload/engine/attribute_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/check.h"
#include "base/sys.h"
#include "machine/machine.h"
#include "preload/engine/engine.h"
#include "preload/engine/entries.h"
#include "preload/engine/hotplug.h"
#include "preload/engine/peers.h"
#include "preload/engine/store.h"
#include "preload/process/path_names.h"
#include "preload/start/layout.h"
#include "preload/start/real.h"
#include "sysfs/attribute.h"

struct attribute_file {
	struct uiommufd_file file;
	size_t index;
	int memory;			/* our own duplicate; -1: nothing is written through it */
	struct uiommufd_caller *writer; /* through it; borrowed */
	size_t shown;			/* bytes of @text: what reading has begun with */
	char text[SYSFS_TEXT];
	char path[256];
};

static struct attribute_file *attribute_file_of(struct uiommufd_file *file)
{
	return (struct attribute_file *)file;
}

struct vfio_device *sysfs_device_of(const char *path)
{
	char bdf[PATH_BDF];

	return path_bdf(path, bdf) ? machine_find_device(engine_machine(), bdf) : NULL;
}

/* *@device: that of @path, if it is there; NULL for a fixed attribute. 0 or -ENODEV. */
static int find_device(const char *path, size_t index, struct vfio_device **device)
{
	*device = NULL;
	if (sysfs_attribute_at(index)->fixed)
		return 0;
	*device = sysfs_device_of(path);
	return *device && entries_are_there(ENTRIES_DEVICE, *device) ? 0 : -ENODEV;
}

/* ---- reading ---- */

static bool take_text(void *arg, const char *answer)
{
	if (answer)
		snprintf(arg, SYSFS_TEXT, "%s", answer);
	return !answer;
}

int attribute_text(size_t index, struct vfio_device *device, char *text)
{
	const struct sysfs_attribute *attribute = sysfs_attribute_at(index);

	if (!attribute->live)
		return entries_read(device, attribute->name, text, SYSFS_TEXT);
	text[0] = '\0';
	hotplug_recall(device);
	store_recall_enables(device);
	if (!vfio_device_is_enabled(device))
		peers_ask(take_text, text, "attribute %s %s", vfio_device_name(device),
			  attribute->name);
	return text[0] ? (int)strlen(text) : sysfs_show(attribute, device, text);
}

static ssize_t attribute_read(struct uiommufd_file *file, struct uiommufd_caller *caller,
			      uint64_t buf, size_t len, uint64_t *pos)
{
	struct attribute_file *attribute = attribute_file_of(file);
	struct vfio_device *device;
	int rc = find_device(attribute->path, attribute->index, &device);

	if (rc)
		return rc;
	if (*pos == 0) {
		rc = attribute_text(attribute->index, device, attribute->text);
		if (rc < 0)
			return rc;
		attribute->shown = (size_t)rc;
	}
	if (*pos >= attribute->shown)
		return 0;
	len = min_u64(len, attribute->shown - *pos);
	if (caller_write(caller, buf, attribute->text + *pos, len))
		return -EFAULT;
	*pos += len;
	return (ssize_t)len;
}

/* ---- writing ---- */

static int store(struct attribute_file *attribute, struct uiommufd_caller *caller, const char *text,
		 size_t len)
{
	struct vfio_device *device;
	int rc = find_device(attribute->path, attribute->index, &device);

	return rc ? rc
		  : store_attribute(attribute->index, attribute->path, device, caller, text, len);
}

static ssize_t attribute_write(struct uiommufd_file *file, struct uiommufd_caller *caller,
			       uint64_t buf, size_t len, uint64_t *pos)
{
	char text[SYSFS_TEXT + 1];
	int rc;

	if (!len)
		return 0;
	len = min_u64(len, SYSFS_TEXT);
	if (caller_read(caller, text, buf, len))
		return -EFAULT;
	text[len] = '\0';
	rc = store(attribute_file_of(file), caller, text, len);
	if (rc)
		return rc;
	*pos += len;
	return (ssize_t)len;
}

/* ---- what goes past us ---- */

static int flush(struct attribute_file *attribute)
{
	char text[SYSFS_TEXT + 1];
	long len;

	if (attribute->memory < 0)
		return 0;
	len = SYS(SYS_pread64, attribute->memory, text, SYSFS_TEXT, 0);
	if (len <= 0)
		return 0;
	text[len] = '\0';
	SYS(SYS_ftruncate, attribute->memory, 0);
	SYS(SYS_lseek, attribute->memory, 0, SEEK_SET);
	return store(attribute, attribute->writer, text, (size_t)len);
}

static void attribute_release(struct uiommufd_file *file)
{
	struct attribute_file *attribute = attribute_file_of(file);

	(void)flush(attribute);
	if (attribute->memory >= 0)
		(void)sys_close(attribute->memory);
	alloc_free(attribute);
}

static const struct file_ops attribute_ops = {
	.name = "attribute",
	.read = attribute_read,
	.write = attribute_write,
	.release = attribute_release,
};

int attribute_file_flush(struct uiommufd_file *file)
{
	return file->ops == &attribute_ops ? flush(attribute_file_of(file)) : 0;
}

/* ---- opening ---- */

/*
 * The memory file: of what is shown, or empty, to be written to. The latter can be sealed, and is
 * not: so it is known again after an exec.
 */
static int open_memory(const struct attribute_file *attribute, const char *text, size_t len,
		       unsigned int flags)
{
	char name[sizeof(LAYOUT_MEMFD_PREFIX) + sizeof(attribute->path)];
	long fd;

	snprintf(name, sizeof(name), LAYOUT_MEMFD_PREFIX "%.200s", attribute->path);
	fd = SYS(SYS_memfd_create, name, MFD_CLOEXEC | flags);
	if (fd < 0)
		return (int)fd;
	SYS(SYS_fchmod, fd, sysfs_attribute_at(attribute->index)->mode);
	if (len)
		(void)SYS(SYS_pwrite64, fd, text, len, 0);
	return (int)fd;
}

static struct attribute_file *create(size_t index, const char *path)
{
	struct attribute_file *attribute = alloc_zeroed(sizeof(*attribute));

	if (!attribute)
		return NULL;
	file_init(&attribute->file, &attribute_ops, FILE_SEEKABLE);
	attribute->index = index;
	attribute->memory = -1;
	snprintf(attribute->path, sizeof(attribute->path), "%s", path);
	return attribute;
}

/* create(), if @path is there; *@device is whose it is, as find_device() says. */
static int create_of_device(size_t index, const char *path, struct attribute_file **attribute,
			    struct vfio_device **device)
{
	int rc = find_device(path, index, device);

	if (rc)
		return rc;
	*attribute = create(index, path);
	return *attribute ? 0 : -ENOMEM;
}

int attribute_file_open(size_t index, const char *path, struct uiommufd_file **out)
{
	struct attribute_file *attribute;
	struct vfio_device *device;
	int rc = create_of_device(index, path, &attribute, &device);

	if (!rc)
		*out = &attribute->file;
	return rc;
}

int attribute_file_create(size_t index, const char *path, int flags, struct uiommufd_caller *caller,
			  struct uiommufd_file **out, int *memory)
{
	const bool reads = (flags & O_ACCMODE) == O_RDONLY;
	struct attribute_file *attribute;
	struct vfio_device *device;
	int len = 0;
	int rc = create_of_device(index, path, &attribute, &device);

	if (rc)
		return rc;
	attribute->writer = caller;
	if (reads)
		len = attribute_text(index, device, attribute->text);
	*memory = open_memory(attribute, attribute->text, len > 0 ? (size_t)len : 0,
			      reads ? 0 : MFD_ALLOW_SEALING);
	if (*memory < 0) {
		rc = *memory;
		goto out_free;
	}
	if (reads)
		sys_read_only(*memory, O_CLOEXEC);
	else
		attribute->memory = sys_dup_away(*memory);
	*out = &attribute->file;
	return 0;

out_free:
	alloc_free(attribute);
	return rc;
}

/* ---- after an exec ---- */

bool attribute_file_inherited(int fd)
{
	return SYS(SYS_fcntl, fd, F_GET_SEALS) == 0;
}

/* The path in @name, of a memory file from open_memory(); "" if it is another. */
static void path_of_memory(const char *name, char *path, size_t size)
{
	static const char prefix[] = "/memfd:" LAYOUT_MEMFD_PREFIX;
	static const char end[] = " (deleted)";
	size_t len = strlen(name);

	path[0] = '\0';
	if (strncmp(name, prefix, sizeof(prefix) - 1) != 0)
		return;
	if (len > sizeof(end) && strcmp(name + len - (sizeof(end) - 1), end) == 0)
		len -= sizeof(end) - 1;
	len -= sizeof(prefix) - 1;
	snprintf(path, size, "%.*s", (int)min_u64(len, 200), name + sizeof(prefix) - 1);
}

int attribute_file_adopt(int fd, const char *name, struct uiommufd_caller *caller,
			 struct uiommufd_file **out, size_t *index)
{
	char path[sizeof(((struct attribute_file *)NULL)->path)];
	struct attribute_file *attribute;

	path_of_memory(name, path, sizeof(path));
	if (!sysfs_attribute_find(path, index))
		return -ENOENT;
	attribute = create(*index, path);
	if (!attribute)
		return -ENOMEM;
	attribute->writer = caller;
	attribute->memory = sys_dup_away(fd);
	*out = &attribute->file;
	return 0;
}
