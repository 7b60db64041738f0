/* SPDX-License-Identifier: MIT */
/*
 * A call is made when the recorded one returned, so calls of several threads are made in the order
 * in which they had their effects, as far as that is known.
 */
#include "cmd/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <json-c/json.h>

#include "cmd/replay_call.h"
#include "cmd/replay_files.h"
#include "trace/error_name.h"

enum {
	MAX_PENDING = 1024,
};

/* A call whose end has not come yet. */
struct pending {
	uint32_t tid;
	struct json_object *args; /* owned */
};

static struct pending pending[MAX_PENDING];
static size_t pending_count;

/* ---- files ---- */

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

/* A file whose descriptor now is not known yet. */
static void expect_file(const struct trace_item *item)
{
	replay_expect_fd(trace_number(item->args, "object"), (int)trace_number(item->args, "fd"));
}

static void open_file(struct replay *replay, const struct trace_item *item)
{
	const char *path = path_now(replay, trace_text(item->args, "path"));
	int fd = open(path, O_RDWR | O_CLOEXEC);

	replay->calls++;
	if (fd < 0) {
		replay_differ(replay, "open", "%s was opened, now %s (%s)", path, error_name(errno),
			      strerror(errno));
		replay->differing++;
		return;
	}
	expect_file(item);
	replay_know_fd((int)trace_number(item->args, "fd"), fd);
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
	replay_differ(replay, item->name, "%s%s%s was the answer, now %s",
		      before ? error_name(before) : "0", *trace_text(item->args, "why") ? ", " : "",
		      trace_text(item->args, "why"), error ? error_name(error) : "0");
}

static void make_call(struct replay *replay, const struct trace_item *item,
		      struct json_object *begin)
{
	static struct replay_call call;
	size_t differences;
	int fd, rc, error;

	if (!replay_find_fd(trace_number(begin, "object"), (int)trace_number(begin, "ioctl_fd"),
			    &fd) ||
	    !replay_prepare(&call, item->name, begin, item->args)) {
		replay->skipped++;
		return;
	}
	replay->calls++;
	rc = ioctl(fd, (unsigned int)trace_number(begin, "cmd"), call.argument);
	error = rc < 0 ? errno : 0;
	compare_result(replay, item, error);
	differences = error != recorded_error(item->args);
	if (!differences)
		differences = replay_compare(&call, item->args, rc, replay);
	replay_finish(&call);
	replay->differing += differences != 0;
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
		replay_close_file(trace_number(item->args, "object"));
	else if (item->phase[0] == 'B')
		begin_call(item);
	else
		end_call(replay, item);
	return true;
}
