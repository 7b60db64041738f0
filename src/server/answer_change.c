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

struct answer answer_change(struct request *request)
{
	const struct change *change = find(request->call->data.nr);
	const __u64 *args = request->call->data.args;

	for (int i = 0; change && i < 2 && change->paths[i] != NONE; i++) {
		const int dirfd = change->dirs[i] == NONE ? AT_FDCWD : (int)args[change->dirs[i]];
		struct union_path at;

		if (!answer_path_resolve(request, dirfd, args[change->paths[i]], false, &at))
			continue;
		if (at.kind == UNION_EMULATED)
			return answer_result(change->makes ? -EEXIST : -EPERM);
		if (at.kind == UNION_MISSING)
			return answer_result(change->makes ? -EPERM : at.error);
	}
	return answer_by_kernel();
}
