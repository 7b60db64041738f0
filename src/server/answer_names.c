/* SPDX-License-Identifier: MIT */
/*
 * The server makes the call on the file of the shadow root. It may have more rights than the
 * program, so it asks what the kernel would ask of the program first; of a program of its own user
 * the kernel decides.
 */
#include "server/answer_names.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/caller.h"
#include "base/sys.h"
#include "server/answer_path.h"
#include "server/proc_file.h"
#include "server/union_path.h"

enum {
	MICROSECONDS = 1000000
};

/* How a call gives the two times. */
enum times_form {
	TIMESPECS,
	TIMEVALS,
	SECONDS,
};

/* A change of what stat() shows of a file. */
struct attributes {
	int dirfd;
	uint64_t path;
	bool follow;

	bool has_mode, has_owner; /* neither: it is a change of the times */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	uint64_t times; /* their address in the program; 0: they become now */
	enum times_form form;
};

static struct attributes mode_change(int dirfd, uint64_t path, uint64_t mode, uint64_t flags)
{
	return (struct attributes){
		.dirfd = dirfd,
		.path = path,
		.follow = !(flags & AT_SYMLINK_NOFOLLOW),
		.has_mode = true,
		.mode = (mode_t)mode,
	};
}

static struct attributes owner_change(int dirfd, uint64_t path, uint64_t uid, uint64_t gid,
				      uint64_t flags)
{
	return (struct attributes){
		.dirfd = dirfd,
		.path = path,
		.follow = !(flags & AT_SYMLINK_NOFOLLOW),
		.has_owner = true,
		.uid = (uid_t)uid,
		.gid = (gid_t)gid,
	};
}

static struct attributes times_change(int dirfd, uint64_t path, uint64_t times,
				      enum times_form form, uint64_t flags)
{
	return (struct attributes){
		.dirfd = dirfd,
		.path = path,
		.follow = !(flags & AT_SYMLINK_NOFOLLOW),
		.times = times,
		.form = form,
	};
}

static struct attributes attributes_of(const struct request *request)
{
	const __u64 *args = request->call->data.args;

	switch (request->call->data.nr) {
#ifdef SYS_chmod
	case SYS_chmod:
		return mode_change(AT_FDCWD, args[0], args[1], 0);
	case SYS_chown:
		return owner_change(AT_FDCWD, args[0], args[1], args[2], 0);
	case SYS_lchown:
		return owner_change(AT_FDCWD, args[0], args[1], args[2], AT_SYMLINK_NOFOLLOW);
	case SYS_utime:
		return times_change(AT_FDCWD, args[0], args[1], SECONDS, 0);
	case SYS_utimes:
		return times_change(AT_FDCWD, args[0], args[1], TIMEVALS, 0);
	case SYS_futimesat:
		return times_change((int)args[0], args[1], args[2], TIMEVALS, 0);
#endif
	case SYS_fchmodat:
		return mode_change((int)args[0], args[1], args[2], 0);
	case SYS_fchmodat2:
		return mode_change((int)args[0], args[1], args[2], args[3]);
	case SYS_fchownat:
		return owner_change((int)args[0], args[1], args[2], args[3], args[4]);
	default: /* utimensat */
		return times_change((int)args[0], args[1], args[2], TIMESPECS, args[3]);
	}
}

/* 0: the program may make the change in a file like @st. Or a negative errno. */
static int check_rights(const struct request *request, const struct attributes *attributes,
			const struct stat *st)
{
	struct uiommufd_caller *caller = &request->client->caller;
	const int proc = request->client->proc;

	if (getuid() != 0)
		return 0;
	if (attributes->has_owner)
		return caller_capable(caller, CAP_CHOWN) ? 0 : -EPERM;
	if (proc_file_owns(proc, st) || caller_capable(caller, CAP_FOWNER))
		return 0;
	if (attributes->has_mode || attributes->times)
		return -EPERM;
	return proc_file_rights(proc, st, false) & W_OK ? 0 : -EACCES;
}

/* 0 or a negative errno. */
static int read_times(struct uiommufd_caller *caller, const struct attributes *attributes,
		      struct timespec times[2])
{
	struct timeval precise[2];
	time_t seconds[2];

	switch (attributes->form) {
	case TIMESPECS:
		return caller_read(caller, times, attributes->times, 2 * sizeof(times[0]));
	case TIMEVALS:
		if (caller_read(caller, precise, attributes->times, sizeof(precise)))
			return -EFAULT;
		for (int i = 0; i < 2; i++) {
			if (precise[i].tv_usec < 0 || precise[i].tv_usec >= MICROSECONDS)
				return -EINVAL;
			times[i].tv_sec = precise[i].tv_sec;
			times[i].tv_nsec = precise[i].tv_usec * 1000;
		}
		return 0;
	case SECONDS:
		if (caller_read(caller, seconds, attributes->times, sizeof(seconds)))
			return -EFAULT;
		for (int i = 0; i < 2; i++)
			times[i] = (struct timespec){.tv_sec = seconds[i]};
		return 0;
	}
	return -EINVAL;
}

static int change(const struct request *request, const struct attributes *attributes,
		  const char *name)
{
	const int flags = attributes->follow ? 0 : AT_SYMLINK_NOFOLLOW;
	const bool to_now = !attributes->times;
	struct timespec times[2];
	int rc = 0;

	if (attributes->times)
		rc = read_times(&request->client->caller, attributes, times);
	if (rc)
		return rc;
	if (attributes->has_mode)
		rc = fchmodat(AT_FDCWD, name, attributes->mode, flags);
	else if (attributes->has_owner)
		rc = fchownat(AT_FDCWD, name, attributes->uid, attributes->gid, flags);
	else
		rc = utimensat(AT_FDCWD, name, to_now ? NULL : times, flags);
	return rc ? -errno : 0;
}

/*
 * The name by which the server finds what (@dirfd, @path) of the program leads to, in *@at, with
 * its attributes. False: *@answer.
 */
static bool find(struct request *request, int dirfd, uint64_t path, bool follow,
		 struct union_path *at, const char **name, struct stat *st, struct answer *answer)
{
	*answer = answer_by_kernel();
	if (!answer_path_resolve(request, dirfd, path, follow, at))
		return false;
	*name = answer_path_name(at, answer);
	if (!*name)
		return false;
	if (!lstat(*name, st))
		return true;
	*answer = answer_result(-errno);
	return false;
}

struct answer answer_attributes(struct request *request)
{
	const struct attributes wanted = attributes_of(request);
	struct answer answer;
	struct union_path at;
	const char *name;
	struct stat st;
	int rc;

	/* futimens() has no path. */
	if (!wanted.path)
		return answer_by_kernel();
	if (!find(request, wanted.dirfd, wanted.path, wanted.follow, &at, &name, &st, &answer))
		return answer;
	rc = check_rights(request, &wanted, &st);
	return answer_result(rc ? rc : change(request, &wanted, name));
}

/* @fd is the server's descriptor of the group of events that is to watch @name. */
static int watch_name(const struct seccomp_data *call, int fd, const char *name)
{
	int rc;

	if (call->nr == SYS_inotify_add_watch)
		rc = inotify_add_watch(fd, name, (uint32_t)call->args[2]);
	else
		rc = fanotify_mark(fd, (unsigned int)call->args[1], call->args[2], AT_FDCWD, name);
	return rc < 0 ? -errno : rc;
}

struct answer answer_watch(struct request *request)
{
	const struct seccomp_data *call = &request->call->data;
	const __u64 *args = call->args;
	const bool marks = call->nr == SYS_fanotify_mark;
	const bool follow = !(marks ? args[1] & FAN_MARK_DONT_FOLLOW : args[2] & IN_DONT_FOLLOW);
	struct answer answer;
	struct union_path at;
	const char *name;
	struct stat st;
	int fd, watch;

	/* Without a path it is a descriptor that is watched, or nothing. */
	if (marks && !args[4])
		return answer_by_kernel();
	if (!find(request, marks ? (int)args[3] : AT_FDCWD, args[marks ? 4 : 1], follow, &at, &name,
		  &st, &answer))
		return answer;
	if (!(proc_file_rights(request->client->proc, &st, false) & R_OK))
		return answer_result(-EACCES);
	fd = caller_dup_fd(&request->client->caller, (int)args[0]);
	if (fd < 0)
		return answer_result(fd);
	watch = watch_name(call, fd, name);
	close(fd);
	return answer_result(watch);
}

struct answer answer_handle(struct request *request)
{
	const __u64 *args = request->call->data.args;
	struct answer answer;
	struct union_path at;
	const char *name;
	struct stat st;

	if (!find(request, (int)args[0], args[1], args[4] & AT_SYMLINK_FOLLOW, &at, &name, &st,
		  &answer))
		return answer;
	return answer_result(-EOPNOTSUPP);
}
