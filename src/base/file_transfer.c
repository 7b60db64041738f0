/* SPDX-License-Identifier: MIT */
/* See file_transfer.h. */
#include "base/file_transfer.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/caller.h"
#include "base/check.h"

enum {
	MOST_BYTES = 0x7ffff000, /* that one call transfers, as in the kernel */
};

/* Whether the buffer reaches into the kernel's half of the addresses. */
static bool in_kernel_half(uint64_t buf, uint64_t len)
{
	return (int64_t)(buf | len | (buf + len)) < 0;
}

ssize_t file_transfer(struct uiommufd_file *file, struct uiommufd_caller *caller, bool write,
		      uint64_t buf, uint64_t len, uint64_t *pos)
{
	const struct file_ops *ops = file->ops;

	if (write ? !ops->write : !ops->read)
		return -EINVAL;
	/* Before the file is asked, even for no bytes at all. */
	if (in_kernel_half(buf, len))
		return -EFAULT;
	len = min_u64(len, MOST_BYTES);
	return write ? ops->write(file, caller, buf, len, pos)
		     : ops->read(file, caller, buf, len, pos);
}

ssize_t file_transfer_vector(struct uiommufd_file *file, struct uiommufd_caller *caller, bool write,
			     uint64_t vector, uint64_t count, uint64_t *pos)
{
	ssize_t done = 0, n;

	if (count > UIO_MAXIOV)
		return -EINVAL;
	for (uint64_t i = 0; i < count; i++) {
		struct iovec segment;

		if (caller_read(caller, &segment, vector + i * sizeof(segment), sizeof(segment)))
			return done ? done : -EFAULT;
		n = file_transfer(file, caller, write, (uintptr_t)segment.iov_base, segment.iov_len,
				  pos);
		if (n < 0)
			return done ? done : n;
		done += n;
		if ((size_t)n < segment.iov_len)
			break;
	}
	return done;
}

int64_t file_seek(struct uiommufd_file *file, int64_t size, int64_t offset, int whence)
{
	int64_t pos;

	if (file->ops->seek)
		return file->ops->seek(file, offset, whence);
	if (!(file->flags & FILE_SEEKABLE))
		return -ESPIPE;
	switch (whence) {
	case SEEK_SET:
		pos = 0;
		break;
	case SEEK_CUR:
		pos = (int64_t)__atomic_load_n(&file->pos, __ATOMIC_RELAXED);
		break;
	case SEEK_END:
		pos = size;
		break;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(pos, offset, &pos) || pos < 0)
		return -EINVAL;
	__atomic_store_n(&file->pos, (uint64_t)pos, __ATOMIC_RELAXED);
	return pos;
}
