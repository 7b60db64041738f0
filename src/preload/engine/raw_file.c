/* SPDX-License-Identifier: MIT */
/* See raw_file.h. A file knows the path of its device, which may be removed meanwhile. */
#include "preload/engine/raw_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/check.h"
#include "machine/machine.h"
#include "preload/engine/attribute_file.h"
#include "preload/engine/entries.h"
#include "preload/engine/hotplug.h"
#include "preload/engine/peers.h"
#include "preload/engine/store.h"
#include "preload/process/own_stack.h"
#include "preload/start/real.h"

enum {
	CONFIG_MAX = 4096,
	CONFIG_FREE = 64, /* what a program may read without CAP_SYS_ADMIN */
	PIECE = 256,
};

struct raw_file {
	struct uiommufd_file file;
	unsigned int bar;
	size_t readable; /* bytes of config space */
	char path[128];
};

static struct raw_file *raw_file_of(struct uiommufd_file *file)
{
	return (struct raw_file *)file;
}

static void raw_release(struct uiommufd_file *file)
{
	alloc_free(raw_file_of(file));
}

/* *@device: that of @path, if it is there. 0 or -ENODEV. */
static int find_device(const char *path, struct vfio_device **device)
{
	*device = sysfs_device_of(path);
	return *device && entries_are_there(ENTRIES_DEVICE, *device) ? 0 : -ENODEV;
}

/* ---- registers ---- */

/* Bytes as text, for another process. */
struct hex {
	char text[2 * PIECE + 1];
	uint8_t bytes[PIECE];
	size_t len;
	bool answered;
};

static int digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

static bool take_bytes(void *arg, const char *answer)
{
	struct hex *hex = arg;

	if (!answer)
		return true;
	hex->answered = true;
	hex->len = min_u64(strlen(answer) / 2, PIECE);
	for (size_t i = 0; i < hex->len; i++)
		hex->bytes[i] = (uint8_t)(digit(answer[2 * i]) << 4 | digit(answer[2 * i + 1]));
	return false;
}

static void recall(void *arg)
{
	struct vfio_device *device = arg;
	uint8_t bytes[CONFIG_MAX + 1];
	int len;

	len = entries_read(device, "config", (char *)bytes, sizeof(bytes));
	if (len > 0)
		(void)vfio_device_config_restore(device, bytes, (size_t)len);
	store_recall(device);
}

void raw_recall(struct vfio_device *device)
{
	hotplug_recall(device);
	if (!vfio_device_is_enabled(device))
		own_stack_call(recall, device);
}

size_t raw_read(struct vfio_device *device, uint64_t off, uint8_t *bytes, size_t len)
{
	struct hex hex = {.answered = false};

	if (!vfio_device_is_enabled(device)) {
		peers_ask(take_bytes, &hex, "config %s %llu %zu", vfio_device_name(device),
			  (unsigned long long)off, len);
		if (hex.answered) {
			memcpy(bytes, hex.bytes, min_u64(hex.len, len));
			return min_u64(hex.len, len);
		}
		raw_recall(device);
	}
	return vfio_device_config_read(device, off, bytes, len);
}

size_t raw_write(struct vfio_device *device, uint64_t off, const uint8_t *bytes, size_t len)
{
	struct hex hex = {.answered = false};
	uint8_t all[CONFIG_MAX];
	size_t done;

	if (!vfio_device_is_enabled(device)) {
		for (size_t i = 0; i < len; i++)
			snprintf(hex.text + 2 * i, 3, "%02x", bytes[i]);
		peers_ask(take_bytes, &hex, "poke %s %llu %s", vfio_device_name(device),
			  (unsigned long long)off, hex.text);
		if (hex.answered)
			return len;
		raw_recall(device);
	}
	done = vfio_device_config_write(device, off, bytes, len);
	if (!vfio_device_is_enabled(device))
		(void)entries_write(device, "config", all,
				    vfio_device_config_read(device, 0, all, sizeof(all)));
	return done;
}

static ssize_t config_read(struct uiommufd_file *file, struct uiommufd_caller *caller, uint64_t buf,
			   size_t len, uint64_t *pos)
{
	struct raw_file *raw = raw_file_of(file);
	struct vfio_device *device;
	uint8_t bytes[PIECE];
	size_t done = 0, n;
	int rc = find_device(raw->path, &device);

	if (rc)
		return rc;
	len = *pos < raw->readable ? min_u64(len, raw->readable - *pos) : 0;
	while (done < len) {
		n = raw_read(device, *pos, bytes, min_u64(len - done, PIECE));
		if (!n)
			break;
		if (caller_write(caller, buf + done, bytes, n))
			return done ? (ssize_t)done : -EFAULT;
		done += n;
		*pos += n;
	}
	return (ssize_t)done;
}

static ssize_t config_write(struct uiommufd_file *file, struct uiommufd_caller *caller,
			    uint64_t buf, size_t len, uint64_t *pos)
{
	struct raw_file *raw = raw_file_of(file);
	struct vfio_device *device;
	uint8_t bytes[PIECE];
	size_t done = 0, n;
	int rc = find_device(raw->path, &device);

	if (rc)
		return rc;
	if (len && !vfio_device_config_read(device, *pos, bytes, 1))
		return -EFBIG;
	while (done < len) {
		n = min_u64(len - done, PIECE);
		if (caller_read(caller, bytes, buf + done, n))
			return done ? (ssize_t)done : -EFAULT;
		n = raw_write(device, *pos, bytes, n);
		if (!n)
			break;
		done += n;
		*pos += n;
	}
	return (ssize_t)done;
}

static const struct file_ops config_ops = {
	.name = "config",
	.read = config_read,
	.write = config_write,
	.release = raw_release,
};

static size_t readable(struct uiommufd_caller *caller)
{
	return caller_capable(caller, CAP_SYS_ADMIN) ? CONFIG_MAX : CONFIG_FREE;
}

int config_file_snapshot(const char *path, struct uiommufd_caller *caller)
{
	const size_t most = readable(caller);
	struct vfio_device *device;
	uint8_t bytes[PIECE];
	size_t pos = 0, n;
	int rc = find_device(path, &device);
	int fd;

	if (rc)
		return rc;
	fd = (int)SYS(SYS_memfd_create, "config", MFD_CLOEXEC);
	if (fd < 0)
		return fd;
	while (pos < most && (n = raw_read(device, pos, bytes, min_u64(most - pos, PIECE)))) {
		if (SYS(SYS_pwrite64, fd, bytes, n, pos) != (long)n)
			goto out_close;
		pos += n;
	}
	return fd;

out_close:
	SYS(SYS_close, fd);
	return -ENOMEM;
}

/* ---- BARs ---- */

/*
 * Cuts *@len bytes at @pos to what the file has, as of every binary file [SYSFS-RULES.3]. Then
 * ports are read and written one at a time, and memory is only mapped. Returns @behind at its end.
 */
static int check_access(const struct vfio_device *device, const struct raw_file *raw, uint64_t pos,
			size_t *len, int behind)
{
	uint64_t start, end, flags;

	vfio_device_resource(device, raw->bar, &start, &end, &flags);
	if (pos > end - start) {
		*len = 0;
		return behind;
	}
	*len = min_u64(*len, end - start + 1 - pos);
	if (!*len)
		return 0;
	if (!vfio_device_has_ports(device, raw->bar))
		return -EIO;
	if (*len != 1 && *len != 2 && *len != 4)
		return -EINVAL;
	return pos % *len ? -EINVAL : 0;
}

static ssize_t resource_read(struct uiommufd_file *file, struct uiommufd_caller *caller,
			     uint64_t buf, size_t len, uint64_t *pos)
{
	struct raw_file *raw = raw_file_of(file);
	struct vfio_device *device;
	uint64_t value;
	int rc = find_device(raw->path, &device);

	if (!rc)
		rc = check_access(device, raw, *pos, &len, 0);
	if (rc || !len)
		return rc;
	value = vfio_device_port_read(device, raw->bar, *pos, (unsigned int)len);
	if (caller_write(caller, buf, &value, len))
		return -EFAULT;
	*pos += len;
	return (ssize_t)len;
}

static ssize_t resource_write(struct uiommufd_file *file, struct uiommufd_caller *caller,
			      uint64_t buf, size_t len, uint64_t *pos)
{
	struct raw_file *raw = raw_file_of(file);
	struct vfio_device *device;
	uint64_t value = 0;
	int rc = find_device(raw->path, &device);

	if (!rc)
		rc = check_access(device, raw, *pos, &len, -EFBIG);
	if (rc || !len)
		return rc;
	if (caller_read(caller, &value, buf, len))
		return -EFAULT;
	vfio_device_port_write(device, raw->bar, *pos, (unsigned int)len, value);
	*pos += len;
	return (ssize_t)len;
}

static int resource_mmap(struct uiommufd_file *file, uint64_t offset, uint64_t len, int prot,
			 int flags, struct file_mapping *map)
{
	struct raw_file *raw = raw_file_of(file);
	struct vfio_device *device;
	int rc = find_device(raw->path, &device);

	(void)prot;
	if (rc)
		return rc;
	return vfio_device_resource_mmap(device, raw->bar, offset, len, flags, map);
}

static const struct file_ops resource_ops = {
	.name = "resource",
	.read = resource_read,
	.write = resource_write,
	.mmap = resource_mmap,
	.release = raw_release,
};

/* ---- the ROM: its file in the shadow root begins with whether it may be read ---- */

static const char rom_name[] = "rom";

static bool rom_is_enabled(struct vfio_device *device)
{
	char text[2];

	return entries_read(device, rom_name, text, sizeof(text)) == 1 && text[0];
}

static ssize_t rom_read(struct uiommufd_file *file, struct uiommufd_caller *caller, uint64_t buf,
			size_t len, uint64_t *pos)
{
	struct raw_file *raw = raw_file_of(file);
	struct vfio_device *device;
	uint8_t bytes[PIECE];
	size_t done = 0;
	ssize_t n;
	int rc = find_device(raw->path, &device);

	if (rc)
		return rc;
	if (!rom_is_enabled(device))
		return -EINVAL;
	while (done < len) {
		n = vfio_device_rom_read(device, *pos, bytes, min_u64(len - done, PIECE));
		if (n < 0)
			return n;
		if (!n)
			break;
		if (caller_write(caller, buf + done, bytes, (size_t)n))
			return done ? (ssize_t)done : -EFAULT;
		done += (size_t)n;
		*pos += (uint64_t)n;
	}
	return (ssize_t)done;
}

/* "0" and a newline make it unreadable again, anything else readable. */
static ssize_t rom_write(struct uiommufd_file *file, struct uiommufd_caller *caller, uint64_t buf,
			 size_t len, uint64_t *pos)
{
	struct raw_file *raw = raw_file_of(file);
	struct vfio_device *device;
	char first = 0, enabled;
	int rc = find_device(raw->path, &device);

	if (rc || !len)
		return rc;
	if (caller_read(caller, &first, buf, 1))
		return -EFAULT;
	enabled = *pos || first != '0' || len != 2;
	rc = entries_write_over(device, rom_name, &enabled, 1);
	if (rc < 0)
		return rc;
	*pos += len;
	return (ssize_t)len;
}

static const struct file_ops rom_ops = {
	.name = "rom",
	.read = rom_read,
	.write = rom_write,
	.release = raw_release,
};

int rom_file_snapshot(const char *path)
{
	struct vfio_device *device;
	uint8_t bytes[PIECE];
	size_t pos = 0;
	ssize_t n;
	int rc = find_device(path, &device);
	int fd;

	if (rc)
		return rc;
	if (!rom_is_enabled(device))
		return -EINVAL;
	fd = (int)SYS(SYS_memfd_create, rom_name, MFD_CLOEXEC);
	if (fd < 0)
		return fd;
	while ((n = vfio_device_rom_read(device, pos, bytes, sizeof(bytes))) > 0) {
		if (SYS(SYS_pwrite64, fd, bytes, n, pos) != n)
			n = -ENOMEM;
		if (n < 0)
			break;
		pos += (size_t)n;
	}
	if (n < 0)
		SYS(SYS_close, fd);
	return n < 0 ? (int)n : fd;
}

/* ---- opening ---- */

static int create(const char *path, const struct file_ops *ops, unsigned int bar, size_t readable,
		  struct uiommufd_file **file)
{
	struct vfio_device *device;
	struct raw_file *raw;
	int rc = find_device(path, &device);

	if (rc)
		return rc;
	raw = alloc_zeroed(sizeof(*raw));
	if (!raw)
		return -ENOMEM;
	file_init(&raw->file, ops, FILE_SEEKABLE);
	raw->bar = bar;
	raw->readable = readable;
	snprintf(raw->path, sizeof(raw->path), "%s", path);
	*file = &raw->file;
	return 0;
}

int config_file_create(const char *path, struct uiommufd_caller *caller,
		       struct uiommufd_file **file)
{
	return create(path, &config_ops, 0, readable(caller), file);
}

int rom_file_create(const char *path, struct uiommufd_file **file)
{
	return create(path, &rom_ops, 0, 0, file);
}

int resource_file_create(const char *path, unsigned int bar, struct uiommufd_file **file)
{
	return create(path, &resource_ops, bar, 0, file);
}
