/* SPDX-License-Identifier: MIT */
/*
 * The count is a thread-local variable, so only the thread itself can access it. It is disarmed
 * while the file is in use, so that reading and writing the file do not count.
 */
#include "mock/mock_fail_nth.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <urcu/compiler.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/sys.h"

struct fail_nth {
	struct uiommufd_file file;
	pid_t tid;
};

enum {
	NUMBER_SIZE = 16 /* a number, a newline, and the end */
};

static int check_thread(const struct uiommufd_file *file)
{
	const struct fail_nth *fail = caa_container_of(file, const struct fail_nth, file);

	return sys_call(SYS_gettid, 0, 0, 0, 0, 0, 0) == fail->tid ? 0 : -EPERM;
}

static ssize_t fail_nth_read(struct uiommufd_file *file, struct uiommufd_caller *caller,
			     uint64_t buf, size_t len, uint64_t *pos)
{
	const uint64_t left = fail_left();
	char text[NUMBER_SIZE];
	uint64_t size;
	int rc = check_thread(file);

	if (rc)
		return rc;
	size = (uint64_t)snprintf(text, sizeof(text), "%llu\n", (unsigned long long)left);
	if (*pos >= size)
		return 0;
	len = min_u64(len, size - *pos);
	fail_arm(0);
	rc = caller_write(caller, buf, text + *pos, len);
	fail_arm(left);
	if (rc)
		return rc;
	*pos += len;
	return (ssize_t)len;
}

/* @text is a number, and perhaps a newline. */
static int parse(const char *text, long *n)
{
	char *end;

	errno = 0;
	*n = strtol(text, &end, 0);
	if (end == text || (*end && (*end != '\n' || end[1])) || errno || *n < 0 || *n >= INT_MAX)
		return -EINVAL;
	return 0;
}

static ssize_t fail_nth_write(struct uiommufd_file *file, struct uiommufd_caller *caller,
			      uint64_t buf, size_t len, uint64_t *pos)
{
	char text[NUMBER_SIZE] = "";
	int rc = check_thread(file);
	long n;

	if (rc)
		return rc;
	if (len >= sizeof(text))
		return -EINVAL;
	fail_arm(0);
	rc = caller_read(caller, text, buf, len);
	if (rc)
		return rc;
	rc = parse(text, &n);
	if (rc)
		return rc;
	*pos += len;
	fail_arm((uint64_t)n);
	return (ssize_t)len;
}

static void fail_nth_release(struct uiommufd_file *file)
{
	alloc_free(caa_container_of(file, struct fail_nth, file));
}

static const struct file_ops fail_nth_ops = {
	.name = "fail-nth",
	.read = fail_nth_read,
	.write = fail_nth_write,
	.release = fail_nth_release,
};

int fail_nth_create(pid_t tid, struct uiommufd_file **out)
{
	struct fail_nth *fail = alloc_zeroed(sizeof(*fail));

	if (!fail)
		return -ENOMEM;
	file_init(&fail->file, &fail_nth_ops, FILE_SEEKABLE);
	fail->tid = tid;
	*out = &fail->file;
	return 0;
}
