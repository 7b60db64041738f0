/* SPDX-License-Identifier: MIT */
#include "cmd/trace_read.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <json-c/json.h>

#include "cmd/cmd.h"
#include "trace/trace_file.h"

const char *trace_text(struct json_object *args, const char *key)
{
	struct json_object *member;

	return json_object_object_get_ex(args, key, &member) ? json_object_get_string(member) : "";
}

uint64_t trace_number(struct json_object *args, const char *key)
{
	struct json_object *member;

	if (!json_object_object_get_ex(args, key, &member))
		return 0;
	if (json_object_is_type(member, json_type_string))
		return strtoull(json_object_get_string(member), NULL, 0);
	return (uint64_t)json_object_get_int64(member);
}

/* ---- lines ---- */

/* The event on the line, or NULL: there is none. The caller owns it. */
static struct json_object *parse_line(const char *line)
{
	struct json_object *event;

	line += strspn(line, " \t\r");
	if (*line != ',' && *line != '[')
		return NULL;
	event = json_tokener_parse(line + 1);
	if (event && !json_object_is_type(event, json_type_object)) {
		json_object_put(event);
		return NULL;
	}
	return event;
}

static bool visit_event(struct json_object *event, trace_visit visit, void *arg)
{
	struct json_object *time;
	struct trace_item item = {
		.name = trace_text(event, "name"),
		.category = trace_text(event, "cat"),
		.phase = trace_text(event, "ph"),
		.pid = (uint32_t)trace_number(event, "pid"),
		.tid = (uint32_t)trace_number(event, "tid"),
	};

	if (json_object_object_get_ex(event, "ts", &time))
		item.time = json_object_get_double(time);
	if (!json_object_object_get_ex(event, "args", &item.args))
		return true;
	return visit(&item, arg);
}

/* The arguments of the first line, if it is that of a trace. */
static struct json_object *header_of(struct json_object *event)
{
	struct json_object *args;

	if (strcmp(trace_text(event, "name"), "uiommufd") != 0 ||
	    !json_object_object_get_ex(event, "args", &args) || trace_number(args, "format") != 1)
		return NULL;
	return json_object_get(args);
}

/* ---- a whole file ---- */

static int read_lines(FILE *in, const char *path, struct json_object **header, trace_visit visit,
		      void *arg)
{
	struct json_object *event, *first = NULL;
	size_t size = 0, broken = 0;
	bool more = true;
	char *line = NULL;

	while (more && getline(&line, &size, in) > 0) {
		event = parse_line(line);
		if (!first) {
			first = event ? header_of(event) : NULL;
			more = first;
		} else if (event) {
			more = visit_event(event, visit, arg);
		} else if (line[strspn(line, " ]\r\n")]) {
			broken++;
		}
		json_object_put(event);
	}
	free(line);
	if (!first) {
		cmd_complain("%s: it is no trace of uiommufd", path);
		return CMD_FAILED;
	}
	if (broken)
		cmd_complain("%s: %zu line%s no event", path, broken,
			     broken == 1 ? " is" : "s are");
	if (header)
		*header = first;
	else
		json_object_put(first);
	return CMD_OK;
}

int trace_read(const char *path, struct json_object **header, trace_visit visit, void *arg)
{
	const bool standard = strcmp(path, "-") == 0;
	FILE *in = standard ? stdin : fopen(path, "re");
	int status;

	if (!in) {
		cmd_complain("%s: %m", path);
		return CMD_FAILED;
	}
	status = read_lines(in, path, header, visit, arg);
	if (!standard)
		fclose(in);
	return status;
}

/* ---- while it is written ---- */

/* A chunk of the file, and how far it has been read. Its lines belong to one process. */
struct cursor {
	uint64_t at, end;
	uint32_t pid; /* 0: no line yet */
	bool over;    /* the process goes on elsewhere */
};

struct trace_follower {
	int fd;
	struct cursor *cursors;
	size_t count;
	char text[TRACE_LINE_MAX + 1];
};

struct trace_follower *trace_follow(const char *path)
{
	struct trace_follower *follower = calloc(1, sizeof(*follower));

	if (!follower)
		return NULL;
	follower->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (follower->fd < 0) {
		free(follower);
		return NULL;
	}
	return follower;
}

void trace_follow_end(struct trace_follower *follower)
{
	close(follower->fd);
	free(follower->cursors);
	free(follower);
}

/* Adds cursors for the chunks that have been appended. */
static void add_chunks(struct trace_follower *follower)
{
	const uint64_t known = (uint64_t)follower->count * TRACE_CHUNK_SIZE;
	struct stat st;

	if (fstat(follower->fd, &st))
		return;
	for (uint64_t at = known; at + TRACE_CHUNK_SIZE <= (uint64_t)st.st_size;
	     at += TRACE_CHUNK_SIZE) {
		struct cursor *grown =
			realloc(follower->cursors, (follower->count + 1) * sizeof(*grown));

		if (!grown)
			return;
		follower->cursors = grown;
		grown[follower->count++] = (struct cursor){.at = at, .end = at + TRACE_CHUNK_SIZE};
	}
}

static void settle(struct trace_follower *follower, size_t index, trace_visit visit, void *arg);

/* Visits the next whole line of the chunk number @index. False: there is none yet. */
static bool follow_line(struct trace_follower *follower, size_t index, trace_visit visit, void *arg)
{
	struct cursor *cursor = &follower->cursors[index];
	const uint64_t left = cursor->end - cursor->at;
	const size_t want = left < TRACE_LINE_MAX ? (size_t)left : TRACE_LINE_MAX;
	const ssize_t got = pread(follower->fd, follower->text, want, (off_t)cursor->at);
	struct json_object *event;
	char *line_end;

	line_end = got > 0 ? memchr(follower->text, '\n', (size_t)got) : NULL;
	if (!line_end)
		return false;
	*line_end = '\0';
	cursor->at += (uint64_t)(line_end - follower->text) + 1;
	event = parse_line(follower->text);
	if (event && !cursor->pid) {
		cursor->pid = (uint32_t)trace_number(event, "pid");
		settle(follower, index, visit, arg);
	}
	if (event)
		(void)visit_event(event, visit, arg);
	json_object_put(event);
	return true;
}

/* A process that writes to the chunk number @index has finished those before: visits their rest. */
static void settle(struct trace_follower *follower, size_t index, trace_visit visit, void *arg)
{
	for (size_t i = 0; i < index; i++) {
		if (follower->cursors[i].over ||
		    follower->cursors[i].pid != follower->cursors[index].pid)
			continue;
		follower->cursors[i].over = true;
		while (follow_line(follower, i, visit, arg))
			;
	}
}

void trace_follow_more(struct trace_follower *follower, trace_visit visit, void *arg)
{
	add_chunks(follower);
	for (size_t i = 0; i < follower->count; i++) {
		if (follower->cursors[i].over)
			continue;
		while (follow_line(follower, i, visit, arg))
			;
	}
}
