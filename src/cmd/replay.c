/* SPDX-License-Identifier: MIT */
/*
 * A call is made when the recorded one returned, so calls of several threads are made in the order
 * in which they had their effects, as far as that is known.
 */
#include "cmd/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <json-c/json.h>

#include "cmd/replay_call.h"
#include "trace/error_name.h"

enum {
	MAX_FILES = 4096,
	MAX_PENDING = 1024,
};

/* An open file: as it was recorded, and now. */
struct file {
	uint64_t object; /* 0: not known */
	int recorded, now;
};

/* A call whose end has not come yet. */
struct pending {
	uint32_t tid;
	struct json_object *args; /* owned */
};

static struct file files[MAX_FILES];
static size_t file_count;
static struct pending pending[MAX_PENDING];
static size_t pending_count;

/* ---- descriptors ---- */

/* The latest file that was known as @recorded, or the one with @object; NULL: none. */
static struct file *find_file(uint64_t object, int recorded)
{
	for (size_t i = file_count; object && i-- > 0;)
		if (files[i].object == object)
			return &files[i];
	for (size_t i = file_count; i-- > 0;)
		if (files[i].recorded == recorded && (!object || !files[i].object))
			return &files[i];
	return NULL;
}

void replay_know_fd(int recorded, int now)
{
	/* The descriptor itself is recorded while the call that makes it is under way. */
	for (size_t i = file_count; i-- > 0;) {
		if (files[i].recorded == recorded && files[i].now < 0) {
			files[i].now = now;
			return;
		}
	}
	if (file_count < MAX_FILES)
		files[file_count++] = (struct file){.recorded = recorded, .now = now};
}

bool replay_find_fd(int recorded, int *now)
{
	const struct file *file = find_file(0, recorded);

	if (file)
		*now = file->now;
	return file;
}

static const char *path_now(const struct replay *replay, const char *path)
{
	for (size_t i = 0; i < replay->path_count; i++) {
		const struct replay_path *other = &replay->paths[i];

		if (strlen(path) == other->recorded_len &&
		    memcmp(path, other->recorded, other->recorded_len) == 0)
			return other->now;
	}
	return path;
}

static void differ(struct replay *replay, const char *call, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Prints one difference of the current call. */
static void differ(struct replay *replay, const char *call, const char *format, ...)
{
	va_list args;

	fprintf(replay->out, "call %" PRIu64 ", %s: ", replay->calls, call);
	va_start(args, format);
	vfprintf(replay->out, format, args);
	va_end(args);
	fputc('\n', replay->out);
}

/* A file whose descriptor now is not known yet. */
static void expect_file(const struct trace_item *item)
{
	if (file_count < MAX_FILES)
		files[file_count++] = (struct file){
			.object = trace_number(item->args, "object"),
			.recorded = (int)trace_number(item->args, "fd"),
			.now = -1,
		};
}

static void open_file(struct replay *replay, const struct trace_item *item)
{
	const char *path = path_now(replay, trace_text(item->args, "path"));
	int fd = open(path, O_RDWR | O_CLOEXEC);

	replay->calls++;
	if (fd < 0) {
		differ(replay, "open", "%s was opened, now %s (%s)", path, error_name(errno),
		       strerror(errno));
		replay->differing++;
		return;
	}
	expect_file(item);
	replay_know_fd((int)trace_number(item->args, "fd"), fd);
}

static void close_file(const struct trace_item *item)
{
	struct file *file = find_file(trace_number(item->args, "object"), -1);

	if (!file)
		return;
	if (file->now >= 0)
		close(file->now);
	*file = files[--file_count];
}

/* ---- calls ---- */

static struct pending *find_pending(uint32_t tid)
{
	for (size_t i = pending_count; i-- > 0;)
		if (pending[i].tid == tid)
			return &pending[i];
	return NULL;
}

/* The recorded errno; 0: it succeeded. */
static int recorded_error(struct json_object *end)
{
	return error_number(trace_text(end, "error"));
}

static void compare_result(struct replay *replay, const struct trace_item *item, int error)
{
	const int before = recorded_error(item->args);

	if (error == before)
		return;
	differ(replay, item->name, "%s%s%s was the answer, now %s",
	       before ? error_name(before) : "0", *trace_text(item->args, "why") ? ", " : "",
	       trace_text(item->args, "why"), error ? error_name(error) : "0");
}

static void make_call(struct replay *replay, const struct trace_item *item,
		      struct json_object *begin)
{
	static struct replay_call call;
	const struct file *file =
		find_file(trace_number(begin, "object"), (int)trace_number(begin, "ioctl_fd"));
	size_t differences;
	int rc, error;

	if (!file || !replay_prepare(&call, item->name, begin, item->args)) {
		replay->skipped++;
		return;
	}
	replay->calls++;
	rc = ioctl(file->now, (unsigned int)trace_number(begin, "cmd"), call.argument);
	error = rc < 0 ? errno : 0;
	compare_result(replay, item, error);
	differences = error != recorded_error(item->args);
	if (!differences)
		differences = replay_compare(&call, item->args, rc, replay);
	replay_finish(&call);
	replay->differing += differences != 0;
}

void replay_differ(struct replay *replay, const char *call, const char *member, const char *before,
		   const char *now)
{
	differ(replay, call, "%s was %s, now %s", member, before, now);
}

static void begin_call(const struct trace_item *item)
{
	if (pending_count < MAX_PENDING)
		pending[pending_count++] =
			(struct pending){.tid = item->tid, .args = json_object_get(item->args)};
}

static void end_call(struct replay *replay, const struct trace_item *item)
{
	struct pending *call = find_pending(item->tid);

	if (!call)
		return;
	make_call(replay, item, call->args);
	json_object_put(call->args);
	*call = pending[--pending_count];
}

bool replay_visit(const struct trace_item *item, void *arg)
{
	struct replay *replay = arg;
	const bool of_file = strcmp(item->category, "file") == 0;
	const bool of_call = strcmp(item->category, "ioctl") == 0;

	if (!of_file && !of_call)
		return true;
	if (!replay->pid)
		replay->pid = item->pid;
	if (item->pid != replay->pid) {
		replay->others += item->phase[0] == 'B';
		return true;
	}
	if (of_file && strcmp(item->name, "open") == 0)
		open_file(replay, item);
	else if (of_file && strcmp(item->name, "descriptor") == 0)
		expect_file(item);
	else if (of_file)
		close_file(item);
	else if (item->phase[0] == 'B')
		begin_call(item);
	else
		end_call(replay, item);
	return true;
}
