/* SPDX-License-Identifier: MIT */
/* See rom.h. A ROM does not change after its device is created, so reading it takes no lock. */
#include "vfio/rom.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/check.h"
#include "base/sys.h"
#include "vfio/vfio_internal.h"

/* The header of an image, and the data structure that it points to. */
enum {
	ROM_SIGNATURE = 0xaa55,
	ROM_DATA_POINTER = 24,
	DATA_LENGTH = 16, /* of the image, in blocks */
	DATA_INDICATOR = 21,
	DATA_SIZE = 24,
	INDICATOR_LAST = 0x80,
	BLOCK = 512,
};

enum {
	PIECE = 4, /* bytes of an access [CONFIG-REGIONS.4] */
};

const struct uiommufd_option rom_option = {
	.name = "romfile",
	.help = "file with the expansion ROM of the device",
	.kind = UIOMMUFD_OPTION_PATH,
};

/* ---- images ---- */

static uint32_t get16(const uint8_t *bytes)
{
	return bytes[0] | (uint32_t)bytes[1] << 8;
}

uint32_t rom_images(const uint8_t *bytes, uint32_t len)
{
	uint32_t at = 0;

	while (len - at >= ROM_DATA_POINTER + 2 && get16(bytes + at) == ROM_SIGNATURE) {
		const uint32_t data = at + get16(bytes + at + ROM_DATA_POINTER);
		uint32_t size;

		if (data + DATA_SIZE > len || memcmp(bytes + data, "PCIR", 4) != 0)
			break;
		size = get16(bytes + data + DATA_LENGTH) * BLOCK;
		if (!size || size >= len - at)
			return size ? len : at;
		at += size;
		if (bytes[data + DATA_INDICATOR] & INDICATOR_LAST)
			break;
	}
	return at;
}

uint64_t rom_window(uint64_t len)
{
	uint64_t size = ROM_LEAST;

	while (size < len)
		size *= 2;
	return len ? size : 0;
}

/* ---- the device's ---- */

/* Reads all of @fd to @bytes. 0 or a negative errno. */
static int read_all(int fd, uint8_t *bytes, uint64_t len)
{
	ssize_t n;

	for (uint64_t at = 0; at < len; at += (uint64_t)n) {
		n = sys_pread(fd, bytes + at, len - at, at);
		if (n <= 0)
			return n ? (int)n : -EIO; /* it is being cut short */
	}
	return 0;
}

static int load(struct device_rom *rom, const char *path)
{
	struct stat st;
	int fd = sys_open(path, O_RDONLY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return fd;
	rc = (int)sys_call(SYS_fstat, fd, (long)&st, 0, 0, 0, 0);
	if (!rc && (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > ROM_MOST))
		rc = -EFBIG;
	if (rc)
		goto out;
	rom->owned = alloc_zeroed((size_t)st.st_size);
	rc = rom->owned ? read_all(fd, rom->owned, (uint64_t)st.st_size) : -ENOMEM;
	if (rc) {
		alloc_free(rom->owned);
		rom->owned = NULL;
		goto out;
	}
	rom->bytes = rom->owned;
	rom->len = (uint32_t)st.st_size;
out:
	(void)sys_close(fd);
	return rc;
}

int rom_init(struct vfio_device *device, const struct device_spec *spec)
{
	const struct uiommufd_model *model = device->model;
	struct device_rom *rom = &device->rom;
	const char *path = uiommufd_device_option(&device->dev, rom_option.name);
	int rc = 0;

	rom->bytes = model->rom;
	rom->len = (uint32_t)model->rom_size;
	if (path)
		rc = load(rom, path);
	if (rc == -EFBIG && spec->why)
		snprintf(spec->why, spec->why_size, "%s=%s: no file of 1 to %d bytes",
			 rom_option.name, path, ROM_MOST);
	else if (rc && rc != -ENOMEM && spec->why)
		snprintf(spec->why, spec->why_size, "%s=%s: %s", rom_option.name, path,
			 strerror(-rc));
	if (!rc && rom->bytes)
		rom->images = rom_images(rom->bytes, rom->len);
	return rc;
}

void rom_destroy(struct vfio_device *device)
{
	alloc_free(device->rom.owned);
}

/* ---- reading it ---- */

/* What is behind the images reads as ones [CONFIG-REGIONS.5]; so does a device that is gone. */
static void read_bytes(const struct vfio_device *device, uint64_t off, uint8_t *to, uint64_t len)
{
	const struct device_rom *rom = &device->rom;
	uint64_t there = off < rom->images ? min_u64(len, rom->images - off) : 0;

	if (atomic_load(&device->gone))
		there = 0;
	memset(to + there, 0xff, len - there);
	if (there)
		memcpy(to, rom->bytes + off, there);
}

/* -EIO while the device does not decode memory [CONFIG-COMMAND.2]. */
static int check_decoding(struct vfio_device *device)
{
	bool does;

	lock_acquire(&device->lock);
	does = atomic_load(&device->gone) || vfio_device_permits_memory(device);
	lock_release(&device->lock);
	return does ? 0 : -EIO;
}

ssize_t rom_region_read(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t off,
			uint64_t buf, size_t len)
{
	const uint64_t size = device->windows[PCI_ROM].size;
	uint8_t bytes[PIECE];
	uint64_t done, n;
	int rc;

	if (off >= size)
		return -EINVAL;
	if (!device->rom.images)
		return -ENOMEM;
	len = min_u64(len, size - off);
	for (done = 0; done < len; done += n) {
		n = min_u64(len - done, PIECE - (off + done) % PIECE);
		rc = check_decoding(device);
		if (rc)
			return rc;
		read_bytes(device, off + done, bytes, n);
		rc = caller_write(caller, buf + done, bytes, n);
		if (rc)
			return rc;
	}
	return (ssize_t)done;
}

/* ---- sysfs, past VFIO: the file is as long as the images [SYSFS-DEVICE.25] ---- */

ssize_t vfio_device_rom_read(struct vfio_device *device, uint64_t off, void *buf, size_t len)
{
	const uint32_t images = device->rom.images;

	if (!images)
		return -EIO;
	if (off >= images)
		return 0;
	len = min_u64(len, images - off);
	read_bytes(device, off, buf, len);
	return (ssize_t)len;
}
