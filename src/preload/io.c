/* SPDX-License-Identifier: MIT */
/*
 * ioctl, and the families of read, write and lseek. For a descriptor that is not emulated each is
 * one lookup more than without us.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <uiommufd/caller.h>

#include "base/check.h"
#include "preload/engine.h"
#include "preload/real.h"

/* The most that one call of the kernel transfers. */
#define MAX_TRANSFER ((size_t)0x7ffff000)

/* What a stream of the C library checks before it trusts a length. */
_Noreturn void __chk_fail(void);
ssize_t __read_chk(int fd, void *buf, size_t len, size_t room);
ssize_t __pread_chk(int fd, void *buf, size_t len, off_t offset, size_t room);
ssize_t __pread64_chk(int fd, void *buf, size_t len, off_t offset, size_t room);

enum direction {
	IN,
	OUT,
};

/* Where a transfer takes its position: AT_FILE for the file's own, else an offset. */
#define AT_FILE INT64_C(-1)

/* Whether the buffer reaches into the kernel's half of the addresses. */
static bool in_kernel_half(uint64_t buf, size_t len)
{
	return (int64_t)(buf | len | (buf + len)) < 0;
}

static long one_transfer(struct description *desc, enum direction direction, uint64_t buf,
			 size_t len, uint64_t *pos)
{
	struct uiommufd_file *file = desc->file;

	if (direction == IN ? !file->ops->read : !file->ops->write)
		return -EINVAL;
	/* Before the file is asked, even for no bytes at all. */
	if (in_kernel_half(buf, len))
		return -EFAULT;
	if (len > MAX_TRANSFER)
		len = MAX_TRANSFER;
	return direction == IN ? file->ops->read(file, engine_caller(), buf, len, pos)
			       : file->ops->write(file, engine_caller(), buf, len, pos);
}

/* The segments one after another, until one is not filled. */
static long transfer_segments(struct description *desc, enum direction direction,
			      const struct iovec *iov, int count, uint64_t *pos)
{
	struct uiommufd_caller *caller = engine_caller();
	struct iovec segment;
	long done = 0;
	long n;

	if (count < 0 || count > UIO_MAXIOV)
		return -EINVAL;
	for (int i = 0; i < count; i++) {
		if (caller->ops->read(caller, &segment, (uintptr_t)(iov + i), sizeof(segment)))
			return done ? done : -EFAULT;
		n = one_transfer(desc, direction, (uintptr_t)segment.iov_base, segment.iov_len,
				 pos);
		if (n < 0)
			return done ? done : n;
		done += n;
		if ((size_t)n < segment.iov_len)
			break;
	}
	return done;
}

static int check_access(const struct description *desc, enum direction direction, int64_t offset)
{
	if (desc->access == (direction == IN ? O_WRONLY : O_RDONLY))
		return -EBADF;
	if (offset == AT_FILE)
		return 0;
	if (offset < 0)
		return -EINVAL;
	return desc->file->flags & FILE_SEEKABLE ? 0 : -ESPIPE;
}

static long vector_in_engine(struct description *desc, enum direction direction,
			     const struct iovec *iov, int count, int64_t offset)
{
	uint64_t pos;
	long rc = check_access(desc, direction, offset);

	if (!rc && offset != AT_FILE) {
		pos = (uint64_t)offset;
		rc = transfer_segments(desc, direction, iov, count, &pos);
	} else if (!rc) {
		pos = __atomic_load_n(&desc->file->pos, __ATOMIC_RELAXED);
		rc = transfer_segments(desc, direction, iov, count, &pos);
		__atomic_store_n(&desc->file->pos, pos, __ATOMIC_RELAXED);
	}
	return rc;
}

/* False if @fd is not emulated. Else *@result and errno are the call's. */
static bool emulated_vector(int fd, enum direction direction, const struct iovec *iov, int count,
			    int64_t offset, ssize_t *result)
{
	struct engine_call call;
	struct description *desc = engine_enter_fd(&call, fd);
	long rc;

	if (!desc)
		return false;
	rc = vector_in_engine(desc, direction, iov, count, offset);
	engine_leave_fd(&call, desc);
	*result = libc_result(rc);
	return true;
}

static bool emulated_buffer(int fd, enum direction direction, const void *buf, size_t len,
			    int64_t offset, ssize_t *result)
{
	const struct iovec iov = {.iov_base = (void *)buf, .iov_len = len};

	return emulated_vector(fd, direction, &iov, 1, offset, result);
}

/* A negative offset of pread is an error, not AT_FILE. */
static int64_t explicit_offset(off_t offset)
{
	return offset < 0 ? INT64_MIN : offset;
}

EXPORT ssize_t read(int fd, void *buf, size_t len)
{
	ssize_t done;

	if (emulated_buffer(fd, IN, buf, len, AT_FILE, &done))
		return done;
	return REAL(read)(fd, buf, len);
}

EXPORT ssize_t write(int fd, const void *buf, size_t len)
{
	ssize_t done;

	if (emulated_buffer(fd, OUT, buf, len, AT_FILE, &done))
		return done;
	return REAL(write)(fd, buf, len);
}

EXPORT ssize_t pread(int fd, void *buf, size_t len, off_t offset)
{
	ssize_t done;

	if (emulated_buffer(fd, IN, buf, len, explicit_offset(offset), &done))
		return done;
	return REAL(pread)(fd, buf, len, offset);
}

EXPORT ssize_t pwrite(int fd, const void *buf, size_t len, off_t offset)
{
	ssize_t done;

	if (emulated_buffer(fd, OUT, buf, len, explicit_offset(offset), &done))
		return done;
	return REAL(pwrite)(fd, buf, len, offset);
}

EXPORT ssize_t readv(int fd, const struct iovec *iov, int count)
{
	ssize_t done;

	if (emulated_vector(fd, IN, iov, count, AT_FILE, &done))
		return done;
	return REAL(readv)(fd, iov, count);
}

EXPORT ssize_t writev(int fd, const struct iovec *iov, int count)
{
	ssize_t done;

	if (emulated_vector(fd, OUT, iov, count, AT_FILE, &done))
		return done;
	return REAL(writev)(fd, iov, count);
}

EXPORT ssize_t preadv(int fd, const struct iovec *iov, int count, off_t offset)
{
	ssize_t done;

	if (emulated_vector(fd, IN, iov, count, explicit_offset(offset), &done))
		return done;
	return REAL(preadv)(fd, iov, count, offset);
}

EXPORT ssize_t pwritev(int fd, const struct iovec *iov, int count, off_t offset)
{
	ssize_t done;

	if (emulated_vector(fd, OUT, iov, count, explicit_offset(offset), &done))
		return done;
	return REAL(pwritev)(fd, iov, count, offset);
}

/* The forms with flags take -1 for the file's own position; no flag means anything to us. */
static bool emulated_flagged(int fd, enum direction direction, const struct iovec *iov, int count,
			     off_t offset, int flags, ssize_t *result)
{
	if (flags && fdtable_has(fd)) {
		*result = libc_result(-EOPNOTSUPP);
		return true;
	}
	return emulated_vector(fd, direction, iov, count,
			       offset == -1 ? AT_FILE : explicit_offset(offset), result);
}

EXPORT ssize_t preadv2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
	ssize_t done;

	if (emulated_flagged(fd, IN, iov, count, offset, flags, &done))
		return done;
	return REAL(preadv2)(fd, iov, count, offset, flags);
}

EXPORT ssize_t pwritev2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
	ssize_t done;

	if (emulated_flagged(fd, OUT, iov, count, offset, flags, &done))
		return done;
	return REAL(pwritev2)(fd, iov, count, offset, flags);
}

EXPORT_ALIAS(pread64, pread);
EXPORT_ALIAS(pwrite64, pwrite);
EXPORT_ALIAS(preadv64, preadv);
EXPORT_ALIAS(pwritev64, pwritev);
EXPORT_ALIAS(preadv64v2, preadv2);
EXPORT_ALIAS(pwritev64v2, pwritev2);

EXPORT ssize_t __read_chk(int fd, void *buf, size_t len, size_t room)
{
	if (len > room)
		__chk_fail();
	return read(fd, buf, len);
}

EXPORT ssize_t __pread_chk(int fd, void *buf, size_t len, off_t offset, size_t room)
{
	if (len > room)
		__chk_fail();
	return pread(fd, buf, len, offset);
}

EXPORT_ALIAS(__pread64_chk, __pread_chk);

static int64_t emulated_seek(int fd, struct uiommufd_file *file, off_t offset, int whence)
{
	struct stat st;
	int64_t base;
	int64_t pos;

	if (!(file->flags & FILE_SEEKABLE))
		return -ESPIPE;
	if (whence == SEEK_SET)
		base = 0;
	else if (whence == SEEK_CUR)
		base = (int64_t)__atomic_load_n(&file->pos, __ATOMIC_RELAXED);
	else if (whence == SEEK_END && SYS(SYS_fstat, fd, &st) == 0)
		base = st.st_size;
	else
		return -EINVAL;
	if (__builtin_add_overflow(base, offset, &pos) || pos < 0)
		return -EINVAL;
	__atomic_store_n(&file->pos, (uint64_t)pos, __ATOMIC_RELAXED);
	return pos;
}

EXPORT off_t lseek(int fd, off_t offset, int whence)
{
	struct engine_call call;
	struct description *desc = engine_enter_fd(&call, fd);
	long rc;

	if (!desc)
		return libc_result(SYS(SYS_lseek, fd, offset, whence));
	rc = emulated_seek(fd, desc->file, offset, whence);
	engine_leave_fd(&call, desc);
	return libc_result(rc);
}

EXPORT_ALIAS(lseek64, lseek);

/* Commands that the kernel handles itself, whatever the file is. */
static bool is_generic(unsigned int cmd)
{
	return cmd == FIOCLEX || cmd == FIONCLEX || cmd == FIONBIO || cmd == FIOASYNC;
}

EXPORT int ioctl(int fd, unsigned long cmd, ...)
{
	struct engine_call call;
	struct description *desc = engine_enter_fd(&call, fd);
	unsigned long arg;
	va_list args;
	long rc;

	va_start(args, cmd);
	arg = va_arg(args, unsigned long);
	va_end(args);

	if (!desc)
		return (int)libc_result(SYS(SYS_ioctl, fd, cmd, arg));
	if (is_generic((unsigned int)cmd))
		rc = SYS(SYS_ioctl, fd, cmd, arg);
	else if (desc->file->ops->ioctl)
		rc = desc->file->ops->ioctl(desc->file, engine_caller(), (unsigned int)cmd, arg);
	else
		rc = -ENOTTY;
	engine_leave_fd(&call, desc);
	return (int)libc_result(rc);
}
