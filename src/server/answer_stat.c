/* SPDX-License-Identifier: MIT */
/* What names and descriptors are is what the shadow root says of its files, as nodes and texts. */
#include "server/answer_stat.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "base/caller.h"
#include "server/answer_path.h"
#include "server/files.h"
#include "server/opened.h"
#include "server/program_fd.h"
#include "server/program_memory.h"
#include "server/union_path.h"

/* Whether the path at @addr is "" and means the descriptor (AT_EMPTY_PATH). */
static bool is_empty(struct request *request, uint64_t addr, int flags)
{
	char text[2];

	return flags & AT_EMPTY_PATH &&
	       (!addr || program_memory_read_string(request, text, addr, sizeof(text)) == 0);
}

/* The permissions of a node that the program has open, whose name is not known any more. */
enum {
	OPEN_NODE_MODE = 0600
};

static void become_device(struct stat *st, struct node node)
{
	unsigned int device_major, device_minor;

	if (!path_device_number(node, &device_major, &device_minor))
		return;
	st->st_mode = (st->st_mode & 07777) | S_IFCHR;
	st->st_rdev = makedev(device_major, device_minor);
	st->st_size = 0;
	st->st_blocks = 0;
}

/* @st is of the file @name of the shadow root. */
static void become_sysfs(struct stat *st, const char *name)
{
	uint64_t size;

	if (!path_size(name, st->st_mode, &size))
		return;
	st->st_size = (off_t)size;
	st->st_blocks = 0;
}

static struct answer write_stat(const struct request *request, const struct stat *st, uint64_t out)
{
	return answer_result(caller_write(&request->client->caller, out, st, sizeof(*st)));
}

/* Whether @fd, opened by O_PATH, is the file of the shadow root that stands for a device. */
static bool names_device(const struct request *request, int fd, const struct stat *st,
			 struct node *node)
{
	char name[PATH_MAX];
	const char *inside;

	if (!S_ISREG(st->st_mode) || st->st_size)
		return false;
	inside = program_fd_name(request, fd, name) > 0 ? union_strip(name) : NULL;
	if (inside)
		*node = path_node(inside);
	return inside && path_is_device(*node);
}

/* Whether what the kernel calls @name is a copy of what a file of sysfs shows (files_show()). */
static bool is_shown(const char *name)
{
	static const char copy[] = "/memfd:" FILES_SHOWN;

	return strncmp(name, copy, sizeof(copy) - 1) == 0;
}

/* @fd may be a file of sysfs of the shadow root, or a copy of what one shows. */
static bool is_of_sysfs(const struct request *request, int fd, struct stat *st)
{
	char name[PATH_MAX];
	const char *inside;
	uint64_t size;

	if ((S_ISREG(st->st_mode) ? st->st_size >= PATH_TEXT_SIZE
				  : !S_ISLNK(st->st_mode) && !S_ISDIR(st->st_mode)) ||
	    program_fd_name(request, fd, name) <= 0)
		return false;
	inside = union_strip(name);
	if (!inside && !is_shown(name))
		return false;
	if (inside && !path_size(inside, st->st_mode, &size))
		return false;
	st->st_size = inside ? (off_t)size : PATH_TEXT_SIZE;
	st->st_blocks = 0;
	return true;
}

/* What the program's @fd is, if the kernel would say something else. */
static bool stat_descriptor(const struct request *request, int fd, struct stat *st)
{
	struct node node = {.kind = NODE_NONE};
	struct uiommufd_file *file;

	if (program_fd_stat(request, fd, st))
		return false;
	file = S_ISSOCK(st->st_mode) ? opened_find(st, &node) : NULL;
	if (file)
		file_put(file);
	else if (!is_of_sysfs(request, fd, st) && !names_device(request, fd, st, &node))
		return false;
	if (file && node.kind == NODE_NONE)
		return false;
	if (file && !opened_is_shown_as(st, st))
		st->st_mode = OPEN_NODE_MODE;
	become_device(st, node);
	return true;
}

struct answer answer_fstat(struct request *request, int fd, uint64_t out)
{
	struct stat st;

	return stat_descriptor(request, fd, &st) ? write_stat(request, &st, out)
						 : answer_by_kernel();
}

struct answer answer_stat(struct request *request, int dirfd, uint64_t path, uint64_t out,
			  int flags)
{
	struct union_path at;
	struct answer answer;
	const char *name;
	struct stat st;

	if (is_empty(request, path, flags))
		return answer_fstat(request, dirfd, out);
	if (!answer_path_resolve(request, dirfd, path, !(flags & AT_SYMLINK_NOFOLLOW), &at))
		return answer_by_kernel();
	name = answer_path_name(&at, &answer);
	if (!name)
		return answer;
	if (fstatat(AT_FDCWD, name, &st, flags & AT_SYMLINK_NOFOLLOW))
		return answer_result(-errno);
	become_device(&st, at.node);
	if (at.kind == UNION_EMULATED)
		become_sysfs(&st, at.name);
	return write_stat(request, &st, out);
}

static struct statx_timestamp timestamp(const struct timespec *time)
{
	return (struct statx_timestamp){.tv_sec = time->tv_sec, .tv_nsec = (uint32_t)time->tv_nsec};
}

/* statx of the descriptor @fd. */
static struct answer statx_descriptor(struct request *request, int fd)
{
	struct statx stx;
	struct stat st;

	if (!stat_descriptor(request, fd, &st))
		return answer_by_kernel();
	stx = (struct statx){
		.stx_mask = STATX_BASIC_STATS,
		.stx_blksize = (uint32_t)st.st_blksize,
		.stx_nlink = (uint32_t)st.st_nlink,
		.stx_uid = st.st_uid,
		.stx_gid = st.st_gid,
		.stx_mode = (uint16_t)st.st_mode,
		.stx_ino = st.st_ino,
		.stx_size = (uint64_t)st.st_size,
		.stx_blocks = (uint64_t)st.st_blocks,
		.stx_atime = timestamp(&st.st_atim),
		.stx_mtime = timestamp(&st.st_mtim),
		.stx_ctime = timestamp(&st.st_ctim),
		.stx_rdev_major = major(st.st_rdev),
		.stx_rdev_minor = minor(st.st_rdev),
		.stx_dev_major = major(st.st_dev),
		.stx_dev_minor = minor(st.st_dev),
	};
	return answer_result(caller_write(&request->client->caller, request->call->data.args[4],
					  &stx, sizeof(stx)));
}

struct answer answer_statx(struct request *request)
{
	const __u64 *args = request->call->data.args;
	const int flags = (int)args[2];
	unsigned int device_major, device_minor;
	struct node node = {.kind = NODE_NONE};
	struct union_path at;
	struct answer answer;
	struct statx stx;
	const char *name;
	uint64_t size;

	if (is_empty(request, args[1], flags))
		return statx_descriptor(request, (int)args[0]);
	if (!answer_path_resolve(request, (int)args[0], args[1], !(flags & AT_SYMLINK_NOFOLLOW),
				 &at))
		return answer_by_kernel();
	name = answer_path_name(&at, &answer);
	if (!name)
		return answer;
	/* As of sysfs and devtmpfs; tmpfs may leave times out that are not asked for. */
	if (statx(AT_FDCWD, name, flags & ~AT_EMPTY_PATH, (unsigned int)args[3] | STATX_BASIC_STATS,
		  &stx))
		return answer_result(-errno);
	node = at.node;
	if (path_device_number(node, &device_major, &device_minor)) {
		stx.stx_mode = (uint16_t)((stx.stx_mode & 07777) | S_IFCHR);
		stx.stx_rdev_major = device_major;
		stx.stx_rdev_minor = device_minor;
		stx.stx_size = 0;
		stx.stx_blocks = 0;
	} else if (at.kind == UNION_EMULATED && path_size(at.name, stx.stx_mode, &size)) {
		stx.stx_size = size;
		stx.stx_blocks = 0;
	}
	return answer_result(caller_write(&request->client->caller, args[4], &stx, sizeof(stx)));
}

/* ---- file systems ---- */

/* What the file @name of the machine, at @inside, is on: sysfs or devtmpfs. */
static struct answer write_statfs(const struct request *request, const char *name,
				  const char *inside, uint64_t out)
{
	struct statfs fs;

	if (statfs(name, &fs))
		return answer_result(-errno);
	fs.f_type = path_is_within(inside, "/sys") ? SYSFS_MAGIC : TMPFS_MAGIC;
	return answer_result(caller_write(&request->client->caller, out, &fs, sizeof(fs)));
}

struct answer answer_statfs(struct request *request, uint64_t path, uint64_t out)
{
	struct union_path at;

	if (!answer_path_resolve(request, AT_FDCWD, path, true, &at) || at.kind == UNION_REAL)
		return answer_by_kernel();
	return at.kind == UNION_EMULATED ? write_statfs(request, at.shadow, at.name, out)
					 : answer_result(at.error);
}

struct answer answer_fstatfs(struct request *request, int fd, uint64_t out)
{
	struct uiommufd_file *file;
	struct node node;
	char name[PATH_MAX];
	const char *inside;

	/* A socket stands for an open file of the machine. */
	file = program_fd_file(request, fd, &node);
	if (file) {
		file_put(file);
		if (node.kind == NODE_NONE)
			return answer_by_kernel();
		return write_statfs(request, "/", path_is_device(node) ? "/dev" : "/sys", out);
	}
	if (program_fd_name(request, fd, name) <= 0)
		return answer_by_kernel();
	if (is_shown(name))
		return write_statfs(request, "/", "/sys", out);
	inside = union_strip(name);
	return inside ? write_statfs(request, name, inside, out) : answer_by_kernel();
}
