/* SPDX-License-Identifier: MIT */
/*
 * Without an answer, the kernel would not find the file: `ls -l` asks about each. Real files that
 * only the shadow root leads to are shown as if they had none.
 */
#include "server/answer_xattr.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/caller.h"
#include "server/answer_path.h"
#include "server/union_path.h"

/* Why @request, a change of an attribute, fails for @node: a user's are not of devices. */
static int refused(struct request *request, struct node node)
{
	static const char of_user[] = "user.";
	char start[sizeof(of_user)] = "";

	if (caller_read(&request->client->caller, start, request->call->data.args[1],
			sizeof(of_user) - 1))
		return -EFAULT;
	return path_is_device(node) && !strcmp(start, of_user) ? -EPERM : -EOPNOTSUPP;
}

struct answer answer_xattr(struct request *request)
{
	const int number = request->call->data.nr;
	const bool lists = number == SYS_listxattr || number == SYS_llistxattr;
	const bool changes = number == SYS_setxattr || number == SYS_lsetxattr ||
			     number == SYS_removexattr || number == SYS_lremovexattr;
	const bool follow = number == SYS_getxattr || number == SYS_listxattr ||
			    number == SYS_setxattr || number == SYS_removexattr;
	struct union_path at;

	if (!answer_path_resolve(request, AT_FDCWD, request->call->data.args[0], follow, &at))
		return answer_by_kernel();
	if (at.kind == UNION_MISSING)
		return answer_result(at.error);
	if (changes)
		return answer_result(refused(request, at.node));
	return answer_result(lists ? 0 : -ENODATA);
}
