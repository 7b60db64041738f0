/* SPDX-License-Identifier: MIT */
/*
 * Reading the file of a trace (trace/trace_file.h), whole or while it is written. An event is a
 * line, so no file has to fit into memory, and a line that is not finished is passed over.
 */
#ifndef CMD_TRACE_READ_H
#define CMD_TRACE_READ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json_object;

struct trace_item {
	struct json_object *args; /* valid during the visit */
	const char *name, *category, *phase;
	uint32_t pid, tid;
	double time; /* in microseconds */
};

/* Called for each event in the order of the file. False: enough. */
typedef bool (*trace_visit)(const struct trace_item *item, void *arg);

/*
 * Calls @visit for each event of the file @path ("-": standard input), but not for the first line,
 * whose arguments *@header are (owned by the caller: json_object_put(); NULL: not wanted). CMD_OK,
 * or what the command exits with: a message was printed.
 */
int trace_read(const char *path, struct json_object **header, trace_visit visit, void *arg);

/* The same for a file that is being written: each call visits what is new. */
struct trace_follower;
struct trace_follower *trace_follow(const char *path);
void trace_follow_more(struct trace_follower *follower, trace_visit visit, void *arg);
void trace_follow_end(struct trace_follower *follower);

/* A member of @args as text ("": none), and as a number. */
const char *trace_text(struct json_object *args, const char *key);
uint64_t trace_number(struct json_object *args, const char *key);

#endif
