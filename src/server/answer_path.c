/* SPDX-License-Identifier: MIT */
/*
 * A path is copied from the program once. If it leads to nothing of ours, the kernel carries out
 * the call, and copies the path again: a program that changes it meanwhile deceives only itself.
 *
 * The server opens for a program only what is in the shadow root, and what a name of the shadow
 * root stands in for; the latter only for programs of the user that the server runs as.
 */
#include "server/answer_path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/caller.h"
#include "base/check.h"
#include "base/file_command.h"
#include "base/sys.h"
#include "preload/engine/status_text.h"
#include "server/answer_memory.h"
#include "server/files.h"
#include "server/mapped.h"
#include "server/opened.h"
#include "server/proc_fdinfo.h"
#include "server/proc_file.h"
#include "server/proc_link.h"
#include "server/program_fd.h"
#include "server/program_memory.h"
#include "server/tracer.h"
#include "server/union_path.h"
#include "trace/events.h"

enum {
	SETTLE_MS = 200, /* for what others have written to sysfs before a name is looked up */
};

/* Makes @text, relative to the directory @from, absolute, if it is not too long then. */
static void join(const char *from, char text[PATH_MAX])
{
	const size_t len = strlen(from);

	if (len + 1 + strlen(text) >= PATH_MAX)
		return;
	memmove(text + len + 1, text, strlen(text) + 1);
	memcpy(text, from, len);
	text[len] = '/';
}

/* From then on each path of any program is looked at. */
struct answer answer_root(void)
{
	program_fd_roots_differ();
	return answer_by_kernel();
}

/* Whether the root of the program is another than that of the machine. */
static bool has_other_root(const struct request *request)
{
	char root[2];

	return program_fd_roots_may_differ() &&
	       (readlinkat(request->client->proc, "root", root, sizeof(root)) != 1 ||
		root[0] != '/');
}

static bool is_same(const struct stat *one, const struct stat *other)
{
	return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

/* Whether the directory @dirfd of the program, which is called @name, is of the machine's trees. */
static bool is_of_machine(const struct request *request, int dirfd, const char *name)
{
	struct stat theirs, ours;
	char link[32] = "cwd";

	if (!program_fd_roots_may_differ())
		return false;
	if (union_strip(name))
		return true;
	if (!path_is_within(name, "/dev") && !path_is_within(name, "/sys"))
		return false;
	if (dirfd != AT_FDCWD)
		snprintf(link, sizeof(link), "fd/%d", dirfd);
	return !fstatat(request->client->proc, link, &theirs, 0) && !stat(name, &ours) &&
	       is_same(&theirs, &ours);
}

/*
 * Whether the program has something else mounted where the tree of the emulated @name is: its own
 * /dev, in a namespace of its own.
 */
static bool is_elsewhere(const struct request *request, const char *name)
{
	const bool in_sysfs = path_is_within(name, "/sys");
	struct stat theirs, ours;

	if (!program_fd_roots_may_differ() || stat(in_sysfs ? "/sys" : "/dev", &ours))
		return false;
	if (fstatat(request->client->proc, in_sysfs ? "root/sys" : "root/dev", &theirs, 0))
		return errno == ENOENT;
	return !is_same(&theirs, &ours);
}

/*
 * Whether the absolute @text leads, in the other root of the program, to where that has the
 * machine's /dev or /sys mounted.
 */
static bool is_mounted_there(const struct request *request, const char *text)
{
	const char *name = text + strspn(text, "/") - 1;

	return (path_is_within(name, "/dev") || path_is_within(name, "/sys")) &&
	       !is_elsewhere(request, name);
}

bool answer_path_resolve(struct request *request, int dirfd, uint64_t addr, bool follow,
			 struct union_path *path)
{
	char text[PATH_MAX], from[PATH_MAX] = "";
	bool inside, elsewhere;
	int len;

	opened_settle_writes(SETTLE_MS);
	len = program_memory_read_string(request, text, addr, sizeof(text));
	elsewhere = len > 0 && text[0] == '/' && has_other_root(request);
	if (len <= 0 || (elsewhere && !is_mounted_there(request, text)))
		return false;
	if (text[0] != '/' && program_fd_name(request, dirfd, from) < 0)
		return false;
	inside = text[0] != '/' && is_of_machine(request, dirfd, from);
	if (text[0] != '/' && path_is_within(from, "/proc"))
		join(from, text);
	if (proc_link_read(request, text, follow, from)) {
		strcpy(text, from);
		from[0] = '\0';
	}
	proc_link_name_process(request, text);
	union_walk(path, from, text, follow);
	if (path->kind != UNION_FOREIGN && !inside && is_elsewhere(request, path->name))
		return false;
	/* What it has led out to, the server would look for in its own root. */
	if (path->kind == UNION_REAL && elsewhere)
		return false;
	if (path->kind == UNION_REAL)
		proc_link_name_process(request, path->name);
	return path->kind != UNION_FOREIGN;
}

const char *answer_path_name(const struct union_path *at, struct answer *answer)
{
	if (at->kind == UNION_EMULATED)
		return at->shadow;
	if (at->kind == UNION_REAL)
		return at->name;
	*answer = answer_result(at->error);
	return NULL;
}

/* ---- open ---- */

/* Gives the program @fd, which is closed here. */
static struct answer give(const struct request *request, int fd, int flags)
{
	int number = program_fd_give(request, fd, flags, true);
	const bool in_two_steps = number == -EINVAL;

	/* Before Linux 5.14. A signal that comes between has the program repeat the call. */
	if (in_two_steps)
		number = program_fd_give(request, fd, flags, false);
	close(fd);
	if (number == -ENOENT || number == -EINPROGRESS)
		return (struct answer){.kind = ANSWER_GIVEN};
	return number < 0 || in_two_steps ? answer_result(number)
					  : (struct answer){.kind = ANSWER_GIVEN};
}

/*
 * Opens @name in the server's file system. The kernel gives a program no descriptor that is of a
 * path only (O_PATH), so it gets one that can also be read.
 */
static struct answer open_name(const struct request *request, const char *name, int flags)
{
	const int of_path = O_NOFOLLOW | O_DIRECTORY;
	const int kept = of_path | O_ACCMODE | O_NONBLOCK | O_APPEND;
	int fd = open(name, (flags & (flags & O_PATH ? of_path : kept)) | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? answer_result(-errno) : give(request, fd, flags);
}

/*
 * Gives the program @file, taken, that it has opened at @path. When the program goes on, it is open
 * there only, and known to be: the program may close it at once.
 */
static struct answer give_file(struct request *request, struct uiommufd_file *file,
			       const struct union_path *path, int flags)
{
	const bool of_sysfs = !path_is_device(path->node);
	struct stat end, shown;
	int fd, number;
	int rc = opened_make(file, path->node,
			     of_sysfs && file->ops->write ? &request->client->caller : NULL, &fd);

	if (rc) {
		file_put(file);
		return answer_result(rc);
	}
	if (flags & O_NONBLOCK)
		(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	if (!fstat(fd, &end)) {
		opened_set_access(&end, flags & O_ACCMODE);
		if (!stat(path->shadow, &shown))
			opened_show_as(&end, &shown);
	}
	number = program_fd_give_emulated(request, file, fd, flags, 0);
	if (number >= 0 && observed())
		event_open(file, path->name, number);
	close(fd);
	return answer_result(number);
}

/*
 * Whether the rights that the file in the shadow root has permit @flags. Root, too, does not read
 * or write a file of sysfs that nobody reads or writes.
 */
static bool is_permitted(const struct request *request, const struct union_path *path, int flags)
{
	const int access = flags & O_ACCMODE;
	struct stat st;
	int rights;

	if (stat(path->shadow, &st))
		return false;
	rights = proc_file_rights(request->client->proc, &st, false);
	if (!path_is_device(path->node) && !(st.st_mode & 0444))
		rights &= ~R_OK;
	if (!path_is_device(path->node) && !(st.st_mode & 0222))
		rights &= ~W_OK;
	return (access == O_WRONLY || rights & R_OK) && (access == O_RDONLY || rights & W_OK);
}

static struct answer open_node(struct request *request, const struct union_path *path, int flags)
{
	struct uiommufd_file *file;
	int rc;

	if ((flags & O_CREAT) && (flags & O_EXCL))
		return answer_result(-EEXIST);
	if (flags & O_DIRECTORY)
		return answer_result(-ENOTDIR);
	if (!is_permitted(request, path, flags))
		return answer_result(-EACCES);
	if (flags & O_DIRECT)
		return answer_result(-EINVAL);
	/* What programs have closed, or held when they were killed, is closed. */
	client_wait_for_killed(request);
	opened_drain();
	mapped_sweep();
	rc = files_open(path->node, path->name, &request->client->caller, &file);
	return rc ? answer_result(rc) : give_file(request, file, path, flags);
}

/* Opens a file of sysfs that is more than the file in the shadow root. */
static struct answer open_sysfs(struct request *request, const struct union_path *path, int flags)
{
	struct uiommufd_caller *caller = &request->client->caller;
	struct uiommufd_file *file;
	struct stat st;
	int rc;

	if (flags & (O_DIRECTORY | O_DIRECT))
		return answer_result(flags & O_DIRECT ? -EINVAL : -ENOTDIR);
	/* What programs have closed, and unmapped, is closed. */
	opened_drain();
	mapped_sweep();
	if ((flags & O_ACCMODE) == O_RDONLY && path->node.kind != NODE_RESOURCE) {
		rc = files_show(path->node, path->name, caller);
		if (rc == -ENOENT)
			return open_name(request, path->shadow, flags);
		if (rc < 0)
			return answer_result(rc);
		sys_read_only(rc, O_CLOEXEC);
		if (!stat(path->shadow, &st))
			(void)fchmod(rc, st.st_mode & 07777);
		return give(request, rc, flags);
	}
	rc = files_open(path->node, path->name, caller, &file);
	/* What it may is remembered, for what arrives when it has ended (late_write.h). */
	(void)caller_capable(caller, CAP_SYS_ADMIN);
	return rc ? answer_result(rc) : give_file(request, file, path, flags);
}

static bool is_directory(const struct union_path *path)
{
	struct stat st;

	return !stat(path->shadow, &st) && S_ISDIR(st.st_mode);
}

static struct answer open_emulated(struct request *request, const struct union_path *path,
				   int flags)
{
	if (path_is_device(path->node) && !(flags & O_PATH))
		return open_node(request, path, flags);
	if ((flags & O_CREAT) && (flags & O_EXCL))
		return answer_result(-EEXIST);
	if (is_directory(path) && flags & (O_CREAT | O_TRUNC) && !(flags & O_PATH))
		return answer_result(-EISDIR);
	if (is_directory(path) && (flags & O_TMPFILE) == O_TMPFILE)
		return answer_result(-EOPNOTSUPP);
	if (!(flags & (O_PATH | O_DIRECTORY)) && !is_permitted(request, path, flags))
		return answer_result(-EACCES);
	if (path->node.kind != NODE_NONE && !(flags & O_PATH))
		return open_sysfs(request, path, flags);
	return open_name(request, path->shadow, flags);
}

/* A copy of /proc/PID/status of a program that has pinned memory, which the kernel does not see. */
static int copy_status(const struct request *request, const char *path)
{
	const pid_t pid = status_text_process(path, request->client->caller.pid);
	struct client *client = pid ? client_find(pid) : NULL;
	uint64_t pinned, locked;

	if (!client)
		return -ENOENT;
	/* What it has closed pins nothing. */
	opened_drain();
	pinned = __atomic_load_n(&client->caller.pinned_pages, __ATOMIC_RELAXED);
	locked = __atomic_load_n(&client->caller.locked_pages, __ATOMIC_RELAXED);
	uiommufd_caller_put(&client->caller);
	return pinned || locked ? proc_file_status(pid, pinned, locked) : -ENOENT;
}

/* Opens a file of /proc in which the kernel does not say all. False: @path is something else. */
static bool open_proc(struct request *request, uint64_t path, int flags, struct answer *answer)
{
	char text[64];
	int fd;

	if (program_memory_read_string(request, text, path, sizeof(text)) <= 0)
		return false;
	fd = copy_status(request, text);
	if (fd < 0)
		fd = proc_fdinfo_open(request, text);
	if (fd < 0)
		return false;
	if ((flags & O_ACCMODE) == O_RDONLY)
		sys_read_only(fd, O_CLOEXEC);
	*answer = give(request, fd, flags);
	return true;
}

/* ---- descriptors of a path only ---- */

/* Opening a name in a directory, by the thread of the program. */
struct opening {
	int directory; /* the number that it has there, or a negative errno */
	uint64_t name;
	int flags;
};

/* On the tracer. */
static long open_there(void *arg)
{
	const struct opening *opening = arg;
	const __u64 directory = (__u64)opening->directory;
	const struct seccomp_data enter = {
		.nr = SYS_openat, .args = {directory, opening->name, (__u64)opening->flags}};
	const struct seccomp_data leave = {.nr = SYS_close, .args = {directory}};
	long rc;

	if (opening->directory < 0)
		return opening->directory;
	rc = tracer_make_call(&enter);
	(void)tracer_make_call(&leave);
	return rc;
}

/*
 * Opens @at, which (@dirfd, @path) names, as a path only (O_PATH). Only the kernel can give such a
 * descriptor, and of a link there is no other: it is asked for the last name, in the directory of
 * the shadow root. False: that is not what the file is called, or it is a directory, of which one
 * for reading does as well.
 */
static bool open_path(struct request *request, int dirfd, uint64_t path, int flags,
		      struct union_path *at, struct answer *answer)
{
	char *name = strrchr(at->shadow, '/');
	char text[PATH_MAX], from[PATH_MAX];
	struct opening opening = {.flags = flags};
	const char *last;
	struct stat st;

	if (program_memory_read_string(request, text, path, sizeof(text)) <= 0)
		return false;
	last = strrchr(text, '/');
	last = last ? last + 1 : text;
	if (strcmp(last, name + 1) != 0)
		return false;
	*answer = answer_by_kernel();
	if (last == text && program_fd_name(request, dirfd, from) == name - at->shadow &&
	    memcmp(from, at->shadow, (size_t)(name - at->shadow)) == 0)
		return true;
	if (lstat(at->shadow, &st) || S_ISDIR(st.st_mode))
		return false;
	*name = '\0';
	opening.directory = open(at->shadow, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*name = '/';
	opening.name = path + (uint64_t)(last - text);
	*answer = (struct answer){.kind = ANSWER_GIVEN};
	return opening.directory >= 0 &&
	       tracer_stop_for(request, &opening.directory, open_there, &opening);
}

struct answer answer_open(struct request *request, int dirfd, uint64_t path, int flags)
{
	struct answer answer;
	struct union_path at;

	if ((flags & O_TMPFILE) == O_TMPFILE && (flags & O_ACCMODE) == O_RDONLY)
		return answer_by_kernel();
	if (open_proc(request, path, flags, &answer))
		return answer;
	if (!answer_path_resolve(request, dirfd, path, !(flags & O_NOFOLLOW), &at))
		return flags & O_TRUNC
			       ? answer_cut_path(request, dirfd, path, 0, !(flags & O_NOFOLLOW))
			       : answer_by_kernel();
	switch (at.kind) {
	case UNION_EMULATED:
		if (file_flags_are_impossible(flags))
			return answer_result(-EINVAL);
		if (flags & O_PATH && open_path(request, dirfd, path, flags, &at, &answer))
			return answer;
		return open_emulated(request, &at, flags);
	case UNION_MISSING:
		return answer_result(flags & O_CREAT && at.error == -ENOENT && at.has_directory
					     ? -EACCES
					     : at.error);
	case UNION_REAL:
		if (flags & O_CREAT || caller_uid(&request->client->caller) != getuid())
			return answer_result(-EACCES);
		return open_name(request, at.name, flags);
	case UNION_FOREIGN:
		break;
	}
	return answer_by_kernel();
}

/*
 * The structure of openat2, @size bytes at @addr. False: the kernel is to say what is wrong with
 * it. It looks at that before the path, so it says of an empty path whether the rest would do.
 */
static bool read_how(const struct request *request, uint64_t addr, uint64_t size,
		     struct open_how *how)
{
	char all[PAGE_SIZE] __attribute__((aligned(8)));

	if (size < sizeof(*how) || size > sizeof(all) ||
	    caller_read(&request->client->caller, all, addr, size) ||
	    sys_call(SYS_openat2, AT_FDCWD, (long)"", (long)all, (long)size, 0, 0) != -ENOENT)
		return false;
	memcpy(how, all, sizeof(*how));
	return true;
}

struct answer answer_openat2(struct request *request)
{
	const __u64 *args = request->call->data.args;
	char text[PATH_MAX];
	struct open_how how;
	int skipped = 0;

	if (!read_how(request, args[2], args[3], &how))
		return answer_by_kernel();
	if (how.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT) &&
	    program_memory_read_string(request, text, args[1], sizeof(text)) > 0)
		skipped = path_in_directory(how.resolve, text);
	if (skipped < 0)
		return answer_by_kernel();
	return answer_open(request, (int)args[0], args[1] + (unsigned int)skipped, (int)how.flags);
}

/* ---- the rest ---- */

bool answer_exec(struct request *request, struct answer *answer)
{
	const bool at_dir = request->call->data.nr == SYS_execveat;
	const __u64 *args = request->call->data.args;
	struct union_path at;

	if (!answer_path_resolve(request, at_dir ? (int)args[0] : AT_FDCWD, args[at_dir], true,
				 &at) ||
	    at.kind == UNION_REAL)
		return true;
	/* Nothing that is emulated is a program. */
	*answer = answer_result(at.kind == UNION_EMULATED ? -EACCES : at.error);
	return false;
}

struct answer answer_truncate(struct request *request, uint64_t path)
{
	struct union_path at;
	struct answer answer;
	const char *name;
	struct stat st;

	if (!answer_path_resolve(request, AT_FDCWD, path, true, &at))
		return answer_cut_path(request, AT_FDCWD, path, request->call->data.args[1], true);
	if (at.kind == UNION_REAL)
		return answer_by_kernel();
	if (at.kind == UNION_MISSING)
		return answer_result(at.error);
	if (path_is_device(at.node))
		return answer_result(-EINVAL);
	name = answer_path_name(&at, &answer);
	if (!name)
		return answer;
	if (stat(name, &st) || faccessat(AT_FDCWD, name, W_OK, 0))
		return answer_result(-errno);
	/* Files of sysfs have no length. */
	return answer_result(S_ISDIR(st.st_mode) ? -EISDIR : 0);
}

struct answer answer_access(struct request *request, int dirfd, uint64_t path, int mode, int flags)
{
	struct union_path at;
	struct answer answer;
	const char *name;
	struct stat st;

	if (!answer_path_resolve(request, dirfd, path, !(flags & AT_SYMLINK_NOFOLLOW), &at))
		return answer_by_kernel();
	name = answer_path_name(&at, &answer);
	if (!name)
		return answer;
	if (faccessat(AT_FDCWD, name, mode, 0))
		return answer_result(-errno);
	if (at.kind == UNION_EMULATED && !stat(name, &st) &&
	    mode & ~proc_file_rights(request->client->proc, &st, !(flags & AT_EACCESS)))
		return answer_result(-EACCES);
	return answer_result(0);
}

/* Whether the path (@dirfd, @path) is a link of /proc that is read here. */
static bool read_proc_link(struct request *request, int dirfd, uint64_t path, char name[PATH_MAX])
{
	char text[PATH_MAX], from[PATH_MAX];

	if (program_memory_read_string(request, text, path, sizeof(text)) <= 0)
		return false;
	if (text[0] != '/' && program_fd_name(request, dirfd, from) > 0 &&
	    path_is_within(from, "/proc"))
		join(from, text);
	return proc_link_name(request, text, name);
}

static struct answer write_link(const struct request *request, const char *text, size_t len,
				uint64_t out, uint64_t size)
{
	int rc;

	if ((int)size <= 0)
		return answer_result(-EINVAL);
	len = min_u64(len, size);
	rc = caller_write(&request->client->caller, out, text, len);
	return answer_result(rc ? rc : (long)len);
}

struct answer answer_readlink(struct request *request, int dirfd, uint64_t path, uint64_t out,
			      uint64_t size)
{
	struct union_path at;
	struct answer answer;
	char text[PATH_MAX];
	const char *name;
	ssize_t len;

	if (read_proc_link(request, dirfd, path, text))
		return write_link(request, text, strlen(text), out, size);
	if (!answer_path_resolve(request, dirfd, path, false, &at))
		return answer_by_kernel();
	name = answer_path_name(&at, &answer);
	if (!name)
		return answer;
	len = readlink(name, text, sizeof(text));
	return len < 0 ? answer_result(-errno) : write_link(request, text, (size_t)len, out, size);
}
