/* SPDX-License-Identifier: MIT */
/*
 * The current directory of a program in an emulated directory is that of the shadow root, which the
 * program is given as a descriptor: the tracer makes fchdir() of it instead of the program's
 * chdir(). Paths from there are walked as those from a descriptor (server/union_path.h).
 */
#include "server/answer_cwd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/caller.h"
#include "server/answer_path.h"
#include "server/program_fd.h"
#include "server/tracer.h"
#include "server/union_path.h"

/* On the tracer. @arg: the number of the directory in the program, or a negative errno. */
static long change(void *arg)
{
	const int fd = *(const int *)arg;
	const struct seccomp_data enter = {.nr = SYS_fchdir, .args = {(__u64)fd}};
	const struct seccomp_data leave = {.nr = SYS_close, .args = {(__u64)fd}};
	long rc;

	if (fd < 0)
		return fd;
	rc = tracer_make_call(&enter);
	(void)tracer_make_call(&leave);
	return rc;
}

/* Makes the directory @name of the server's file system the current one. */
static struct answer change_to(struct request *request, const char *name)
{
	int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return answer_result(-errno);
	return tracer_stop_for(request, &fd, change, &fd) ? (struct answer){.kind = ANSWER_GIVEN}
							  : answer_result(-ENOENT);
}

struct answer answer_chdir(struct request *request)
{
	struct union_path at;

	if (!answer_path_resolve(request, AT_FDCWD, request->call->data.args[0], true, &at))
		return answer_by_kernel();
	if (at.kind == UNION_MISSING)
		return answer_result(at.error);
	if (at.kind == UNION_EMULATED)
		return change_to(request, at.shadow);
	/* The kernel would look for it in the shadow root. */
	return caller_uid(&request->client->caller) == getuid() ? change_to(request, at.name)
								: answer_result(-EACCES);
}

struct answer answer_getcwd(struct request *request)
{
	const __u64 *args = request->call->data.args;
	char name[PATH_MAX];
	const char *inside;
	size_t size;
	int rc;

	inside = program_fd_name(request, AT_FDCWD, name) > 0 ? union_strip(name) : NULL;
	if (!inside)
		return answer_by_kernel();
	size = strlen(inside) + 1;
	if (args[1] < size)
		return answer_result(-ERANGE);
	rc = caller_write(&request->client->caller, args[0], inside, size);
	return answer_result(rc ? rc : (long)size);
}
