/* SPDX-License-Identifier: MIT */
/* See nvme_disk.h. */
#include "devices/nvme/nvme_disk.h"

#include <errno.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/file.h>

#include "base/check.h"
#include "base/fail.h"
#include "base/sys.h"

/* The blocks of a disk have at least 512 bytes, so these bits of an offset are free. */
enum {
	CLAIM_WRITE = 1
};

/* ---- life ---- */

int nvme_disk_create(struct nvme_disk *disk, uint64_t size)
{
	void *memory = NULL;

	if (fail_inject() || sys_mmap(NULL, size, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, &memory))
		return -ENOMEM;
	*disk = (struct nvme_disk){.memory = memory, .fd = -1, .size = size};
	return 0;
}

static int refuse_open(struct uiommufd_device *dev, const char *path, bool read_only, int error)
{
	const bool rights = error == -EACCES || error == -EROFS || error == -EPERM;

	return uiommufd_device_refuse(
		dev, error, "file=%s: %s%s", path, strerror(-error),
		rights && !read_only ? ": it is to be written, unless there is \"readonly\"" : "");
}

/* Files and block devices. */
static int check_type(struct uiommufd_device *dev, const char *path, int fd)
{
	struct stat st;
	int rc = sys_stat(fd, &st);

	if (rc)
		return refuse_open(dev, path, true, rc);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return uiommufd_device_refuse(dev, -EINVAL,
					      "file=%s: neither a file nor a block device", path);
	return 0;
}

static int claim_file(struct uiommufd_device *dev, const char *path, int fd, bool read_only)
{
	int rc;

	if (!uiommufd_device_claims(dev))
		return 0;
	rc = sys_flock(fd, (read_only ? LOCK_SH : LOCK_EX) | LOCK_NB);
	if (rc == -EWOULDBLOCK)
		return uiommufd_device_refuse(dev, -EBUSY, "file=%s: another run or device uses it",
					      path);
	return rc ? refuse_open(dev, path, true, rc) : 0;
}

int nvme_disk_open(struct nvme_disk *disk, struct uiommufd_device *dev, const char *path,
		   bool read_only)
{
	int64_t size;
	int fd, rc;

	if (fail_inject())
		return -ENOMEM;
	/* Not to wait for the other end of a FIFO. */
	fd = sys_open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return refuse_open(dev, path, read_only, fd);
	fd = sys_move_away(fd);
	rc = check_type(dev, path, fd);
	if (rc)
		goto out_close;
	rc = claim_file(dev, path, fd, read_only);
	if (rc)
		goto out_close;
	size = sys_seek(fd, 0, SEEK_END);
	if (size < 0) {
		rc = refuse_open(dev, path, true, (int)size);
		goto out_close;
	}
	*disk = (struct nvme_disk){.fd = fd, .size = (uint64_t)size, .read_only = read_only};
	return 0;

out_close:
	sys_close(fd);
	return rc;
}

void nvme_disk_destroy(struct nvme_disk *disk)
{
	if (disk->memory)
		sys_munmap(disk->memory, disk->size);
	else
		sys_close(disk->fd);
}

/* ---- claims ---- */

/*
 * Whether the claim of another thread is in the way. It may change meanwhile: then one of us has
 * published its claim, and passed its fence, before the other looked.
 */
static bool collides(struct nvme_claim *other, uint64_t offset, uint64_t end, bool write)
{
	uint64_t first, last_end = atomic_load(&other->end);

	if (!last_end)
		return false;
	first = atomic_load(&other->first);
	if (last_end != atomic_load(&other->end))
		return true;
	return (write || first & CLAIM_WRITE) && offset < last_end &&
	       (first & ~(uint64_t)CLAIM_WRITE) < end;
}

bool nvme_disk_claim(struct nvme_disk *disk, unsigned int thread, uint64_t offset, uint64_t len,
		     bool write)
{
	struct nvme_claim *own = &disk->claims[thread];

	atomic_store_explicit(&own->first, offset | (write ? CLAIM_WRITE : 0),
			      memory_order_release);
	atomic_store_explicit(&own->end, offset + len, memory_order_release);
	/* Both threads that collide publish, and then look: at least one sees the other. */
	atomic_thread_fence(memory_order_seq_cst);
	for (unsigned int i = 0; i < UIOMMUFD_MAX_WORK_THREADS; i++) {
		if (i == thread || !collides(&disk->claims[i], offset, offset + len, write))
			continue;
		nvme_disk_unclaim(disk, thread);
		return false;
	}
	return true;
}

void nvme_disk_unclaim(struct nvme_disk *disk, unsigned int thread)
{
	/* Release: the next thread that claims these bytes sees what this one has written. */
	atomic_store_explicit(&disk->claims[thread].end, 0, memory_order_release);
}

void nvme_disk_forget_claims(struct nvme_disk *disk)
{
	for (unsigned int i = 0; i < UIOMMUFD_MAX_WORK_THREADS; i++)
		nvme_disk_unclaim(disk, i);
}

/* ---- bytes ---- */

int nvme_disk_read(const struct nvme_disk *disk, uint64_t offset, void *buf, size_t len)
{
	ssize_t got;

	if (disk->memory) {
		memcpy(buf, disk->memory + offset, len);
		return 0;
	}
	for (size_t done = 0; done < len; done += (size_t)got) {
		got = sys_pread(disk->fd, (char *)buf + done, len - done, offset + done);
		if (got == -EINTR)
			got = 0;
		else if (got <= 0)
			return got ? (int)got : -EIO; /* the file has been cut */
	}
	return 0;
}

int nvme_disk_write(const struct nvme_disk *disk, uint64_t offset, const void *buf, size_t len)
{
	ssize_t put;

	if (disk->memory) {
		memcpy(disk->memory + offset, buf, len);
		return 0;
	}
	for (size_t done = 0; done < len; done += (size_t)put) {
		put = sys_pwrite(disk->fd, (const char *)buf + done, len - done, offset + done);
		if (put == -EINTR)
			put = 0;
		else if (put <= 0)
			return put ? (int)put : -EIO;
	}
	return 0;
}

/* Whole pages go back to the system, which gives zeros for them. */
static void zero_memory(const struct nvme_disk *disk, uint64_t offset, uint64_t len)
{
	const uint64_t first = (offset + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
	const uint64_t end = (offset + len) & ~(uint64_t)(PAGE_SIZE - 1);

	if (first >= end || sys_madvise(disk->memory + first, end - first, MADV_DONTNEED)) {
		memset(disk->memory + offset, 0, len);
		return;
	}
	memset(disk->memory + offset, 0, first - offset);
	memset(disk->memory + end, 0, offset + len - end);
}

int nvme_disk_zero(const struct nvme_disk *disk, uint64_t offset, uint64_t len)
{
	static const uint8_t zeros[NVME_DISK_PIECE];
	uint64_t part;
	int rc;

	if (!len)
		return 0;
	if (disk->memory) {
		zero_memory(disk, offset, len);
		return 0;
	}
	rc = sys_allocate(disk->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, len);
	if (rc != -EOPNOTSUPP && rc != -ENODEV && rc != -ENOSYS)
		return rc;
	for (; len; offset += part, len -= part) {
		part = min_u64(len, sizeof(zeros));
		rc = nvme_disk_write(disk, offset, zeros, part);
		if (rc)
			return rc;
	}
	return 0;
}

int nvme_disk_flush(const struct nvme_disk *disk)
{
	int rc;

	if (disk->memory || disk->read_only)
		return 0;
	do
		rc = sys_data_sync(disk->fd);
	while (rc == -EINTR);
	return rc;
}
