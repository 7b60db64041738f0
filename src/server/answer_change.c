/* SPDX-License-Identifier: MIT */
/* Without an answer, such a call would change the real system under an emulated name. */
#include "server/answer_change.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

#include "server/answer_path.h"
#include "server/union_path.h"

enum {
	NONE = -1 /* no such argument: the current directory; no second name */
};

/* Where the names are in the arguments of a call. */
static const struct change {
	int number;
	bool makes; /* the last name, which must not exist */
	signed char dirs[2], paths[2];
} changes[] = {
#ifdef SYS_mkdir
	{SYS_mkdir, true, {NONE, NONE}, {0, NONE}},   {SYS_mknod, true, {NONE, NONE}, {0, NONE}},
	{SYS_symlink, true, {NONE, NONE}, {1, NONE}}, {SYS_link, true, {NONE, NONE}, {0, 1}},
	{SYS_rename, false, {NONE, NONE}, {0, 1}},    {SYS_unlink, false, {NONE, NONE}, {0, NONE}},
	{SYS_rmdir, false, {NONE, NONE}, {0, NONE}},
#endif
	{SYS_mkdirat, true, {0, NONE}, {1, NONE}},    {SYS_mknodat, true, {0, NONE}, {1, NONE}},
	{SYS_symlinkat, true, {1, NONE}, {2, NONE}},  {SYS_linkat, true, {0, 2}, {1, 3}},
#ifdef SYS_renameat
	{SYS_renameat, false, {0, 2}, {1, 3}},
#endif
	{SYS_renameat2, false, {0, 2}, {1, 3}},	      {SYS_unlinkat, false, {0, NONE}, {1, NONE}},
};

static const struct change *find(int number)
{
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		if (changes[i].number == number)
			return &changes[i];
	}
	return NULL;
}

static bool is_emulated(const struct union_path *at)
{
	return at->kind == UNION_EMULATED || at->kind == UNION_MISSING;
}

/* The emulated name @at is to be made, or taken away. */
static int refuse(const struct union_path *at, bool makes)
{
	if (at->kind == UNION_EMULATED)
		return makes ? -EEXIST : -EPERM;
	return makes && at->has_directory ? -EPERM : at->error;
}

/* @from is to have the name @to, as one more or instead of its own: at least one is emulated. */
static int refuse_both(const struct union_path *from, const struct union_path *to, bool makes)
{
	static const char dev[] = "/dev";

	if (from->kind == UNION_MISSING)
		return from->error;
	if (makes && to->kind == UNION_EMULATED)
		return -EEXIST;
	if (is_emulated(from) && is_emulated(to))
		return refuse(makes ? to : from, makes);
	/* One file system has both. */
	if (path_is_within(from->name, dev) && path_is_within(to->name, dev))
		return -EBUSY;
	return -EXDEV;
}

static void resolve(struct request *request, const struct change *change, int at,
		    struct union_path *path)
{
	const __u64 *args = request->call->data.args;
	const int dirfd = change->dirs[at] == NONE ? AT_FDCWD : (int)args[change->dirs[at]];

	path->name[0] = '\0';
	if (!answer_path_resolve(request, dirfd, args[change->paths[at]], false, path))
		path->kind = UNION_FOREIGN;
}

struct answer answer_change(struct request *request)
{
	const struct change *change = find(request->call->data.nr);
	struct union_path from, to;

	if (!change)
		return answer_by_kernel();
	resolve(request, change, 0, &from);
	if (change->paths[1] == NONE)
		return is_emulated(&from) ? answer_result(refuse(&from, change->makes))
					  : answer_by_kernel();
	resolve(request, change, 1, &to);
	return is_emulated(&from) || is_emulated(&to)
		       ? answer_result(refuse_both(&from, &to, change->makes))
		       : answer_by_kernel();
}
