/* SPDX-License-Identifier: MIT */
/*
 * ioctl(), read(), write(), lseek() and their relatives. For a descriptor that is not emulated each
 * costs one look-up (process/fdtable.h) more than without us.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <uiommufd/caller.h>

#include "base/caller.h"
#include "base/file_command.h"
#include "base/file_transfer.h"
#include "checker/call_report.h"
#include "mem/userfault_move.h"
#include "preload/calls/listing.h"
#include "preload/calls/memory.h"
#include "preload/engine/call.h"
#include "preload/engine/own_process.h"
#include "preload/start/libc.h"
#include "preload/start/real.h"
#include "report/sanitizer.h"

enum direction {
	IN,
	OUT,
};

/* The offset of a transfer that uses and moves the file's own position. */
#define AT_FILE INT64_C(-1)

/* What one call of the program asks to be transferred. */
struct transfer {
	enum direction direction;
	const struct iovec *iov; /* in the program's memory, or our own */
	int count;
	int64_t offset; /* or AT_FILE */
};

static long transfer_segments(struct description *desc, const struct transfer *transfer,
			      uint64_t *pos)
{
	/* A negative count is too large. */
	return file_transfer_vector(desc->file, own_process_caller(), transfer->direction == OUT,
				    (uintptr_t)transfer->iov, (uint64_t)transfer->count, pos);
}

static int check_access(const struct description *desc, const struct transfer *transfer)
{
	if (desc->access == (transfer->direction == IN ? O_WRONLY : O_RDONLY))
		return -EBADF;
	if (transfer->offset == AT_FILE)
		return 0;
	if (transfer->offset < 0)
		return -EINVAL;
	/* A device node is read at any offset: it fails, if at all, because it cannot be read. */
	return desc->file->flags & FILE_SEEKABLE || path_is_device(desc->node) ? 0 : -ESPIPE;
}

static long transfer_inside(struct description *desc, const struct transfer *transfer)
{
	uint64_t pos;
	long rc;

	rc = check_access(desc, transfer);
	if (rc)
		return rc;
	if (transfer->offset != AT_FILE) {
		pos = (uint64_t)transfer->offset;
		return transfer_segments(desc, transfer, &pos);
	}
	pos = __atomic_load_n(&desc->file->pos, __ATOMIC_RELAXED);
	rc = transfer_segments(desc, transfer, &pos);
	__atomic_store_n(&desc->file->pos, pos, __ATOMIC_RELAXED);
	return rc;
}

/* False if @fd is not emulated. Otherwise *@result and errno are the call's. */
static bool emulated(int fd, const struct transfer *transfer, ssize_t *result)
{
	struct description *desc;
	struct engine_call call;
	long rc;

	if (!fdtable_has(fd))
		return false;
	engine_cancellation_point();
	desc = engine_enter_fd(&call, fd);
	if (!desc)
		return false;
	rc = transfer_inside(desc, transfer);
	engine_leave_cancelled(&call, desc, rc);
	*result = libc_result(rc);
	return true;
}

static bool emulated_buffer(int fd, enum direction direction, const void *buf, size_t len,
			    int64_t offset, ssize_t *result)
{
	const struct iovec iov = {.iov_base = (void *)buf, .iov_len = len};
	const struct transfer transfer = {direction, &iov, 1, offset};

	return emulated(fd, &transfer, result);
}

/* A negative offset of pread() is an error, and must not become AT_FILE. */
static int64_t explicit_offset(off_t offset)
{
	return offset < 0 ? INT64_MIN : offset;
}

EXPORT ssize_t read(int fd, void *buf, size_t len)
{
	ssize_t done;

	if (emulated_buffer(fd, IN, buf, len, AT_FILE, &done))
		return done;
	done = REAL(read)(fd, buf, len);
	if (__builtin_expect(sanitizer_present(), 0))
		sanitizer_completion();
	return done;
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
	const struct transfer transfer = {IN, iov, count, AT_FILE};
	ssize_t done;

	if (emulated(fd, &transfer, &done))
		return done;
	return REAL(readv)(fd, iov, count);
}

EXPORT ssize_t writev(int fd, const struct iovec *iov, int count)
{
	const struct transfer transfer = {OUT, iov, count, AT_FILE};
	ssize_t done;

	if (emulated(fd, &transfer, &done))
		return done;
	return REAL(writev)(fd, iov, count);
}

EXPORT ssize_t preadv(int fd, const struct iovec *iov, int count, off_t offset)
{
	const struct transfer transfer = {IN, iov, count, explicit_offset(offset)};
	ssize_t done;

	if (emulated(fd, &transfer, &done))
		return done;
	return REAL(preadv)(fd, iov, count, offset);
}

EXPORT ssize_t pwritev(int fd, const struct iovec *iov, int count, off_t offset)
{
	const struct transfer transfer = {OUT, iov, count, explicit_offset(offset)};
	ssize_t done;

	if (emulated(fd, &transfer, &done))
		return done;
	return REAL(pwritev)(fd, iov, count, offset);
}

/* The forms with flags take -1 for the file's own position. */
static int64_t flagged_offset(off_t offset)
{
	return offset == -1 ? AT_FILE : explicit_offset(offset);
}

/* No emulated file knows any flag. */
static bool emulated_flagged(int fd, const struct transfer *transfer, int flags, ssize_t *result)
{
	if (flags && fdtable_has(fd)) {
		*result = libc_result(-EOPNOTSUPP);
		return true;
	}
	return emulated(fd, transfer, result);
}

EXPORT ssize_t preadv2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
	const struct transfer transfer = {IN, iov, count, flagged_offset(offset)};
	ssize_t done;

	if (emulated_flagged(fd, &transfer, flags, &done))
		return done;
	return REAL(preadv2)(fd, iov, count, offset, flags);
}

EXPORT ssize_t pwritev2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
	const struct transfer transfer = {OUT, iov, count, flagged_offset(offset)};
	ssize_t done;

	if (emulated_flagged(fd, &transfer, flags, &done))
		return done;
	return REAL(pwritev2)(fd, iov, count, offset, flags);
}

EXPORT_ALIAS(pread64, pread);
EXPORT_ALIAS(pwrite64, pwrite);
EXPORT_ALIAS(preadv64, preadv);
EXPORT_ALIAS(pwritev64, pwritev);
EXPORT_ALIAS(preadv64v2, preadv2);
EXPORT_ALIAS(pwritev64v2, pwritev2);

EXPORT ssize_t __read_chk(int fd, void *buf, size_t len, size_t space)
{
	if (len > space)
		__chk_fail();
	return read(fd, buf, len);
}

EXPORT ssize_t __pread_chk(int fd, void *buf, size_t len, off_t offset, size_t space)
{
	if (len > space)
		__chk_fail();
	return pread(fd, buf, len, offset);
}

EXPORT_ALIAS(__pread64_chk, __pread_chk);

static int64_t emulated_seek(int fd, const struct description *desc, off_t offset, int whence)
{
	struct stat st = {.st_size = 0};

	if (path_is_device(desc->node))
		return -ESPIPE;
	if (whence == SEEK_END && SYS(SYS_fstat, fd, &st))
		return -EINVAL;
	return file_seek(desc->file, st.st_size, offset, whence);
}

EXPORT off_t lseek(int fd, off_t offset, int whence)
{
	struct engine_call call;
	struct description *desc = engine_enter_fd(&call, fd);
	long rc;

	if (!desc) {
		if (fdtable_hint(fd) == PATH_HINT_NEAR)
			listing_forget(fd);
		return libc_result(SYS(SYS_lseek, fd, offset, whence));
	}
	rc = emulated_seek(fd, desc, offset, whence);
	engine_leave_fd(&call, desc);
	return libc_result(rc);
}

EXPORT_ALIAS(lseek64, lseek);

/* ---- what only files with contents of their own can do ---- */

/*
 * Whether @fd is an emulated file other than config space, whose placeholder has the same contents.
 * Such a file is no regular file: nothing is stored in it, and nothing moves its pages.
 */
static bool has_no_contents(int fd)
{
	struct engine_call call;
	struct description *desc = engine_enter_fd(&call, fd);
	bool none;

	if (!desc)
		return false;
	none = desc->node.kind != NODE_CONFIG;
	engine_leave_fd(&call, desc);
	return none;
}

/*
 * Whether @fd is emulated; then *@result is that of a call that writes contents back or cuts them
 * off (@cuts): of a file of sysfs it does nothing, of another it fails.
 */
static bool without_contents(int fd, bool cuts, int *result)
{
	struct engine_call call;
	struct description *desc = engine_enter_fd(&call, fd);

	if (!desc)
		return false;
	*result = desc->node.kind == NODE_NONE || path_is_device(desc->node) ||
				  (cuts && desc->access == O_RDONLY)
			  ? -EINVAL
			  : 0;
	engine_leave_fd(&call, desc);
	return true;
}

/* The result of a cancellation point on an emulated file. */
static int synced(int result)
{
	engine_cancellation_point();
	return (int)libc_result(result);
}

EXPORT int fsync(int fd)
{
	int result;

	return without_contents(fd, false, &result) ? synced(result) : REAL(fsync)(fd);
}

EXPORT int fdatasync(int fd)
{
	int result;

	return without_contents(fd, false, &result) ? synced(result) : REAL(fdatasync)(fd);
}

EXPORT int ftruncate(int fd, off_t len)
{
	int result;

	if (!without_contents(fd, true, &result))
		result = (int)memory_ftruncate(fd, len);
	return (int)libc_result(result);
}

static int check_allocate(int fd, off_t offset, off_t len)
{
	struct engine_call call;
	struct description *desc = engine_enter_fd(&call, fd);
	int access;

	if (!desc)
		return 0;
	access = desc->access;
	engine_leave_fd(&call, desc);
	if (offset < 0 || len <= 0)
		return -EINVAL;
	return access == O_RDONLY ? -EBADF : -ENODEV;
}

EXPORT int fallocate(int fd, int mode, off_t offset, off_t len)
{
	const int rc = check_allocate(fd, offset, len);

	engine_cancellation_point();
	return (int)libc_result(rc ? rc : memory_fallocate(fd, mode, offset, len));
}

EXPORT int posix_fallocate(int fd, off_t offset, off_t len)
{
	const int rc = check_allocate(fd, offset, len);

	return rc ? -rc : REAL(posix_fallocate)(fd, offset, len);
}

/* Why nothing moves between two files, of which one has no pages: first, they may not be open. */
static int cannot_move(int from, int to)
{
	return file_flags_permit(SYS(SYS_fcntl, from, F_GETFL), O_RDONLY) &&
			       file_flags_permit(SYS(SYS_fcntl, to, F_GETFL), O_WRONLY)
		       ? -EINVAL
		       : -EBADF;
}

/* The same for copying, which looks at the types of the files before the rights. */
static int cannot_copy(int from, int to)
{
	const long flags[] = {SYS(SYS_fcntl, from, F_GETFL), SYS(SYS_fcntl, to, F_GETFL)};
	struct stat st[2];

	if (flags[0] < 0 || flags[1] < 0 || (flags[0] | flags[1]) & O_PATH ||
	    SYS(SYS_fstat, from, &st[0]) || SYS(SYS_fstat, to, &st[1]))
		return -EBADF;
	return S_ISDIR(st[0].st_mode) || S_ISDIR(st[1].st_mode) ? -EISDIR : -EINVAL;
}

EXPORT ssize_t sendfile(int to, int from, off_t *offset, size_t len)
{
	if (has_no_contents(to) || has_no_contents(from))
		return libc_result(cannot_move(from, to));
	return REAL(sendfile)(to, from, offset, len);
}

EXPORT ssize_t splice(int from, off_t *from_offset, int to, off_t *to_offset, size_t len,
		      unsigned int flags)
{
	if (len && (has_no_contents(to) || has_no_contents(from)))
		return libc_result(cannot_move(from, to));
	return REAL(splice)(from, from_offset, to, to_offset, len, flags);
}

EXPORT ssize_t copy_file_range(int from, off_t *from_offset, int to, off_t *to_offset, size_t len,
			       unsigned int flags)
{
	if (has_no_contents(to) || has_no_contents(from))
		return libc_result(cannot_copy(from, to));
	return REAL(copy_file_range)(from, from_offset, to, to_offset, len, flags);
}

/* Whether @fd is emulated, and no file of sysfs: what the kernel calls it is no regular file. */
static bool is_special(int fd)
{
	struct engine_call call;
	struct description *desc = engine_enter_fd(&call, fd);
	bool is;

	if (!desc)
		return false;
	is = desc->node.kind == NODE_NONE || path_is_device(desc->node);
	engine_leave_fd(&call, desc);
	return is;
}

EXPORT ssize_t readahead(int fd, off_t offset, size_t len)
{
	const long rc = SYS(SYS_readahead, fd, offset, len);

	return libc_result(!rc && is_special(fd) ? -EINVAL : rc);
}

EXPORT int sync_file_range(int fd, off_t offset, off_t len, unsigned int flags)
{
	int rc;

	if (!is_special(fd))
		return REAL(sync_file_range)(fd, offset, len, flags);
	engine_cancellation_point();
	/* What is wrong with the arguments comes first; the placeholder has nothing to wait for. */
	rc = (int)SYS(SYS_sync_file_range, fd, offset, len, flags);
	return (int)libc_result(rc ? rc : -ESPIPE);
}

EXPORT_ALIAS(ftruncate64, ftruncate);
EXPORT_ALIAS(fallocate64, fallocate);
EXPORT_ALIAS(posix_fallocate64, posix_fallocate);
EXPORT_ALIAS(sendfile64, sendfile);

static long ioctl_inside(int fd, struct uiommufd_file *file, unsigned long cmd, unsigned long arg)
{
	struct call call;
	long rc;

	/* The placeholder answers FIOASYNC as well. */
	if (file_command_is_generic((unsigned int)cmd) || cmd == FIOASYNC)
		return SYS(SYS_ioctl, fd, cmd, arg);
	if (!file->ops->ioctl)
		return -ENOTTY;
	call_begin(&call, file, fd, own_process_caller(), (unsigned int)cmd, arg);
	rc = file->ops->ioctl(file, own_process_caller(), (unsigned int)cmd, arg);
	call_end(&call, rc);
	return rc;
}

EXPORT int ioctl(int fd, IOCTL_REQUEST request, ...)
{
	struct engine_call call;
	struct description *desc = engine_enter_fd(&call, fd);
	/* musl's int would be extended by its sign. */
	const unsigned long cmd = sizeof(request) == sizeof(int)
					  ? (unsigned long)(unsigned int)request
					  : (unsigned long)request;
	unsigned long arg;
	va_list args;
	long rc;

	va_start(args, request);
	arg = va_arg(args, unsigned long);
	va_end(args);

	if (!desc && cmd == USERFAULT_MOVE)
		return (int)libc_result(memory_userfault_move(fd, (long)arg));
	if (!desc)
		return (int)libc_result(SYS(SYS_ioctl, fd, cmd, arg));
	rc = ioctl_inside(fd, desc->file, cmd, arg);
	engine_leave_fd(&call, desc);
	return (int)libc_result(rc);
}
