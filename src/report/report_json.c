/* SPDX-License-Identifier: MIT */
/*
 * A report as a line of JSON. The file is opened for each, to append: several processes may write
 * to it, and the program does not see a descriptor more.
 */
#include <fcntl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/sys.h"
#include "report/json.h"
#include "report/report_internal.h"

static void put_frames(struct json *json, const struct report *report,
		       const struct report_part *part)
{
	json_array(json, "frames");
	for (size_t i = 0; i < part->symbol_count; i++) {
		const struct symbol *symbol = &report->symbols.symbols[part->first_symbol + i];

		json_object(json, NULL);
		symbol_put(json, symbol);
		json_bool(json, "inlined", symbol->inlined);
		json_end_object(json);
	}
	json_end_array(json);
}

static void put_origin(struct json *json, const struct report *report,
		       const struct report_part *part)
{
	json_object(json, NULL);
	json_string(json, "role", part->role);
	json_string(json, "text", part->text);
	json_number(json, "thread", part->origin.tid);
	json_number(json, "ago_ns", report->time - part->origin.time);
	put_frames(json, report, part);
	json_end_object(json);
}

static void put_field(struct json *json, const struct report_field *field)
{
	switch (field->type) {
	case FIELD_NUMBER:
		json_number(json, field->name, field->number);
		break;
	case FIELD_HEX:
		json_hex(json, field->name, field->number);
		break;
	case FIELD_STRING:
		json_string(json, field->name, field->string);
		break;
	}
}

static void put_report(struct json *json, const struct report *report)
{
	json_object(json, NULL);
	json_string(json, "kind", report->kind);
	json_number(json, "process", (uint64_t)getpid());
	if (report->device[0])
		json_string(json, "device", report->device);
	json_string(json, "message", report->headline);
	for (size_t i = 0; i < report->field_count; i++)
		put_field(json, &report->fields[i]);
	json_array(json, "notes");
	for (size_t i = 0; i < report->part_count; i++)
		if (!report->parts[i].role)
			json_string(json, NULL, report->parts[i].text);
	json_end_array(json);
	json_array(json, "origins");
	for (size_t i = 0; i < report->part_count; i++)
		if (report->parts[i].role)
			put_origin(json, report, &report->parts[i]);
	json_end_array(json);
	json_end_object(json);
}

void report_to_json(const struct report *report, const char *path)
{
	struct json json;
	size_t len;
	char *text;
	int fd;

	if (sys_confined())
		return;
	json_init(&json);
	put_report(&json, report);
	text = json_finish(&json, &len);
	if (!text)
		return;
	for (size_t i = 0; i < len; i++)
		text[i] = text[i] == '\n' ? ' ' : text[i]; /* between values; strings have none */
	text[len++] = '\n';				   /* in place of the 0 */
	fd = (int)sys_call(SYS_openat, AT_FDCWD, (long)path,
			   O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666, 0, 0);
	if (fd >= 0) {
		while (sys_write(fd, text, len) == -EINTR)
			;
		(void)sys_close(fd);
	}
	alloc_free(text);
}
