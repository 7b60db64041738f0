/* SPDX-License-Identifier: MIT */
#include "cmd/trace_print.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "trace/call_table.h"
#include "trace/error_name.h"
#include "trace/trace.h"

enum {
	SHOWN_BYTES = 32, /* of data */
	MAX_OPEN = 1024,  /* calls that have not returned */
	MAX_TRACKS = 512,
};

/* A call that has not returned. */
struct open_call {
	uint32_t pid, tid;
	char *name;
	struct json_object *args; /* owned */
	double time;
};

/* A device, which has no ID of a thread. */
struct track {
	uint32_t pid, tid;
	char name[40];
};

struct trace_printer {
	FILE *out;
	bool all, times;
	double start; /* 0: no event yet */
	struct open_call calls[MAX_OPEN];
	size_t count;
	struct track tracks[MAX_TRACKS];
	size_t track_count;
};

struct trace_printer *trace_printer_create(FILE *out, bool all, bool times)
{
	struct trace_printer *printer = calloc(1, sizeof(*printer));

	if (!printer)
		return NULL;
	printer->out = out;
	printer->all = all;
	printer->times = times;
	return printer;
}

/* Remembers the name of a track of a device. */
static void take_name(struct trace_printer *printer, const struct trace_item *item)
{
	struct track *track = &printer->tracks[printer->track_count];

	if (item->tid < TRACE_DEVICES || strcmp(item->name, "thread_name") != 0 ||
	    printer->track_count == MAX_TRACKS)
		return;
	*track = (struct track){.pid = item->pid, .tid = item->tid};
	snprintf(track->name, sizeof(track->name), "%s", trace_text(item->args, "name"));
	printer->track_count++;
}

static const struct track *find_track(const struct trace_printer *printer, uint32_t pid,
				      uint32_t tid)
{
	for (size_t i = printer->track_count; i-- > 0;)
		if (printer->tracks[i].tid == tid && printer->tracks[i].pid == pid)
			return &printer->tracks[i];
	return NULL;
}

static void put_start(struct trace_printer *printer, uint32_t pid, uint32_t tid, double time)
{
	const struct track *track = find_track(printer, pid, tid);

	if (track)
		fprintf(printer->out, "[%s] ", track->name);
	else
		fprintf(printer->out, "[pid %" PRIu32 "] ", tid);
	if (printer->times)
		fprintf(printer->out, "%.6f ", (time - printer->start) / 1e6);
}

/* ---- members ---- */

static bool ends_with(const char *text, const char *end)
{
	const size_t len = strlen(text), end_len = strlen(end);

	return len > end_len && strcmp(text + len - end_len, end) == 0;
}

static void put_value(FILE *out, const char *key, struct json_object *value)
{
	const char *text = json_object_get_string(value);
	const size_t digits = strlen(text);

	if (!ends_with(key, "_data") && strcmp(key, "tail") != 0)
		fputs(text, out);
	else if (digits <= 2 * (size_t)SHOWN_BYTES)
		fprintf(out, "<%s>", text);
	else
		fprintf(out, "<%.*s... %zu bytes>", 2 * SHOWN_BYTES, text, digits / 2);
}

/* Members that say which call it is, or that stand elsewhere in the line. */
static bool is_member(const char *key)
{
	static const char *const others[] = {"ioctl_fd", "file",   "device", "object", "cmd",
					     "arg",	 "result", "error",  "why"};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(key, others[i]) == 0)
			return false;
	return true;
}

/* Prints the members of @args in braces, if there are any, without those that are as in @before. */
static bool put_members(FILE *out, const char *open, struct json_object *args,
			struct json_object *before)
{
	struct json_object *same;
	bool any = false;

	json_object_object_foreach(args, key, value)
	{
		if (!is_member(key))
			continue;
		if (before && json_object_object_get_ex(before, key, &same) &&
		    json_object_equal(same, value))
			continue;
		fprintf(out, "%s%s=", any ? ", " : open, key);
		put_value(out, key, value);
		any = true;
	}
	if (any)
		fputc('}', out);
	return any;
}

/* ---- calls ---- */

/* "ioctl(4, NAME, {...}" without the end. */
static void put_call(FILE *out, const char *name, struct json_object *args)
{
	const struct call_info *info = call_find_name(name);
	const char *arg = trace_text(args, "arg");

	fprintf(out, "ioctl(%s, %s", trace_text(args, "ioctl_fd"),
		info ? name : trace_text(args, "cmd"));
	if (info && info->argument == CALL_FD_POINTER && *trace_text(args, "to_fd"))
		fprintf(out, ", [%s]", trace_text(args, "to_fd"));
	else if (info && info->argument == CALL_TEXT && *trace_text(args, "text"))
		fprintf(out, ", \"%s\"", trace_text(args, "text"));
	else if (!put_members(out, ", {", args, NULL) && *arg)
		fprintf(out, ", %s", arg);
}

static void put_result(FILE *out, struct json_object *args)
{
	const char *error = trace_text(args, "error"), *why = trace_text(args, "why");

	fprintf(out, ") = %s", trace_text(args, "result"));
	if (*error)
		fprintf(out, " %s (%s)", error, strerror(error_number(error)));
	if (*why)
		fprintf(out, " <%s>", why);
	fputc('\n', out);
}

static struct open_call *find_call(struct trace_printer *printer, const struct trace_item *item)
{
	for (size_t i = printer->count; i-- > 0;)
		if (printer->calls[i].tid == item->tid && printer->calls[i].pid == item->pid)
			return &printer->calls[i];
	return NULL;
}

static void open_call(struct trace_printer *printer, const struct trace_item *item)
{
	if (printer->count == MAX_OPEN)
		return;
	printer->calls[printer->count++] = (struct open_call){
		.pid = item->pid,
		.tid = item->tid,
		.name = strdup(item->name),
		.args = json_object_get(item->args),
		.time = item->time,
	};
}

static void forget_call(struct trace_printer *printer, struct open_call *call)
{
	free(call->name);
	json_object_put(call->args);
	*call = printer->calls[--printer->count];
}

static void close_call(struct trace_printer *printer, const struct trace_item *item)
{
	struct open_call *call = find_call(printer, item);

	if (!call || !call->name)
		return;
	put_start(printer, item->pid, item->tid, call->time);
	put_call(printer->out, call->name, call->args);
	(void)put_members(printer->out, " => {", item->args, call->args);
	put_result(printer->out, item->args);
	forget_call(printer, call);
}

void trace_printer_finish(struct trace_printer *printer)
{
	while (printer->count) {
		struct open_call *call = &printer->calls[0];

		put_start(printer, call->pid, call->tid, call->time);
		put_call(printer->out, call->name ? call->name : "", call->args);
		fputs(" <unfinished ...>\n", printer->out);
		forget_call(printer, call);
	}
	free(printer);
}

/* ---- other events ---- */

static void put_file(struct trace_printer *printer, const struct trace_item *item)
{
	put_start(printer, item->pid, item->tid, item->time);
	if (strcmp(item->name, "open") == 0)
		fprintf(printer->out, "open(\"%s\") = %s\n", trace_text(item->args, "path"),
			trace_text(item->args, "fd"));
	else
		fprintf(printer->out, "release(\"%s\")\n", trace_text(item->args, "file"));
}

/* What happens meanwhile: "--- DMA write {iova=0x1000, length=0x40}". */
static void put_other(struct trace_printer *printer, const struct trace_item *item)
{
	const bool of_device = *trace_text(item->args, "device");

	put_start(printer, item->pid, item->tid, item->time);
	fprintf(printer->out, "--- %s%s%s", item->name, of_device ? " " : "",
		of_device ? trace_text(item->args, "device") : "");
	(void)put_members(printer->out, " {", item->args, NULL);
	fputc('\n', printer->out);
}

bool trace_print(const struct trace_item *item, void *arg)
{
	struct trace_printer *printer = arg;

	if (printer->start <= 0 && item->phase[0] != 'M')
		printer->start = item->time;
	if (strcmp(item->category, "ioctl") == 0) {
		if (item->phase[0] == 'B')
			open_call(printer, item);
		else
			close_call(printer, item);
	} else if (strcmp(item->category, "file") == 0 && strcmp(item->name, "descriptor") != 0) {
		put_file(printer, item);
	} else if (item->phase[0] == 'M') {
		take_name(printer, item);
	} else if (printer->all && (item->phase[0] == 'B' || item->phase[0] == 'i')) {
		put_other(printer, item);
	}
	return true;
}
