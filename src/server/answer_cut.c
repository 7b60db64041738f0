/* SPDX-License-Identifier: MIT */
/*
 * Pages that leave a file, by a program that has none of them pinned as well: the device keeps
 * copies (mem/displace.h). Only whole pages leave a file; the rest of its last page is cleared.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/falloc.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"
#include "server/answer_memory.h"
#include "server/mapped.h"
#include "server/opened.h"
#include "server/program_memory.h"
#include "server/tracer.h"

/* The program's call. */
struct cut {
	struct request *request;
	const struct displace_file *file;
	bool traced, made;
	long result;
};

static long make(void *arg)
{
	struct cut *cut = arg;

	cut->made = true;
	if (cut->traced)
		cut->result = tracer_make_call(&cut->request->call->data);
	return cut->result;
}

static long work(void *arg)
{
	struct cut *cut = arg;
	long rc = displace_file(cut->file, make, cut);

	return cut->made ? cut->result : rc;
}

static struct answer cut_file(struct request *request, const struct displace_file *file)
{
	struct cut cut = {.request = request, .file = file};

	if (file->first >= file->end || !displace_possible())
		return answer_by_kernel();
	/* What the program has closed before is not pinned any more. */
	opened_drain();
	mapped_sweep();
	return answer_memory_traced(request, &cut.traced, work, &cut);
}

/* ---- which file ---- */

/* A file that is about to lose pages. */
struct target {
	struct stat st;
	uint64_t page; /* the size of its pages */
	uint64_t type; /* of its file system */
};

/* Of @name in @dir. False: it has no pages. */
static bool look_at(int dir, const char *name, int flags, struct target *target)
{
	int fd = openat(dir, name, O_PATH | O_CLOEXEC | flags);
	struct statfs fs;
	bool good;

	if (fd < 0)
		return false;
	good = !fstat(fd, &target->st) && S_ISREG(target->st.st_mode) && !fstatfs(fd, &fs);
	target->page = good && fs.f_type == HUGETLBFS_MAGIC ? (uint64_t)fs.f_bsize : PAGE_SIZE;
	target->type = good ? (uint64_t)fs.f_type : 0;
	close(fd);
	return good;
}

/* Whole pages of [@from, @to) leave the file. @copies: those in private mappings, too. */
static struct answer cut(struct request *request, const struct target *target, uint64_t from,
			 uint64_t to, bool copies)
{
	struct displace_file file = {
		.dev = target->st.st_dev,
		.ino = target->st.st_ino,
		.end = align_down(to, target->page) >> PAGE_SHIFT,
		.copies = copies,
	};
	uint64_t first;

	if (check_align_up(from, target->page, &first))
		return answer_by_kernel();
	file.first = first >> PAGE_SHIFT;
	return cut_file(request, &file);
}

static struct answer shorten(struct request *request, const struct target *target, uint64_t len)
{
	if (len > INT64_MAX || (int64_t)len >= target->st.st_size)
		return answer_by_kernel();
	return cut(request, target, len, INT64_MAX, true);
}

/* ---- calls ---- */

static struct answer answer_fallocate(struct request *request, const struct target *target)
{
	const __u64 *args = request->call->data.args;
	const uint64_t to_the_end = FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE;
	uint64_t last;

	if (args[2] > INT64_MAX || !args[3] || args[3] > INT64_MAX)
		return answer_by_kernel();
	if (args[1] & to_the_end || check_last(args[2], args[3], &last))
		last = INT64_MAX;
	return cut(request, target, args[2], last + 1,
		   args[1] & to_the_end && displace_shift_drops_copies(target->type));
}

struct answer answer_cut(struct request *request)
{
	const __u64 *args = request->call->data.args;
	struct target target;
	char name[32];

	snprintf(name, sizeof(name), "fd/%d", (int)args[0]);
	if (!look_at(request->task, name, 0, &target))
		return answer_by_kernel();
	return request->call->data.nr == SYS_fallocate ? answer_fallocate(request, &target)
						       : shorten(request, &target, args[1]);
}

/* @text of the program, as a name in its directory of /proc. False: it is too long. */
static bool name_in_proc(int dirfd, const char *text, char name[PATH_MAX])
{
	static const char self[] = "/proc/self/";
	int len;

	if (!strncmp(text, self, strlen(self)))
		len = snprintf(name, PATH_MAX, "%s", text + strlen(self));
	else if (text[0] == '/')
		len = snprintf(name, PATH_MAX, "root%s", text);
	else if (dirfd == AT_FDCWD)
		len = snprintf(name, PATH_MAX, "cwd/%s", text);
	else
		len = snprintf(name, PATH_MAX, "fd/%d/%s", dirfd, text);
	return len < PATH_MAX;
}

struct answer answer_cut_path(struct request *request, int dirfd, uint64_t path, uint64_t len,
			      bool follow)
{
	char text[PATH_MAX], name[PATH_MAX];
	struct target target;

	if (!displace_possible() ||
	    program_memory_read_string(request, text, path, sizeof(text)) <= 0 ||
	    !name_in_proc(dirfd, text, name) ||
	    !look_at(request->task, name, follow ? 0 : O_NOFOLLOW, &target))
		return answer_by_kernel();
	return shorten(request, &target, len);
}
