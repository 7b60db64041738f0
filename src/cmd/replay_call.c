/* SPDX-License-Identifier: MIT */
/*
 * What a member means is in its type (trace/call_table.h), and for a few in its name: addresses of
 * memory, and IDs.
 */
#include "cmd/replay_call.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <json-c/json.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>

#include "base/check.h"
#include "cmd/replay.h"
#include "cmd/replay_files.h"
#include "cmd/replay_memory.h"
#include "trace/call_words.h"
#include "trace/error_name.h"

enum {
	MAX_IDS = 65536,
	TEXT_SIZE = 192,
};

void replay_differ(struct replay *replay, const char *call, const char *format, ...)
{
	va_list args;

	fprintf(replay->out, "call %" PRIu64 ", %s: ", replay->calls, call);
	va_start(args, format);
	vfprintf(replay->out, format, args);
	va_end(args);
	fputc('\n', replay->out);
}

/* ---- values ---- */

/* IDs that are others now than they were recorded; the same ones are not kept. */
static struct {
	uint32_t recorded, now;
} ids[MAX_IDS];
static size_t id_count;

static uint64_t id_now(uint64_t recorded)
{
	for (size_t i = id_count; i-- > 0;)
		if (ids[i].recorded == recorded)
			return ids[i].now;
	return recorded;
}

static void know_id(uint64_t recorded, uint64_t now)
{
	if (id_now(recorded) == now || id_count == MAX_IDS)
		return;
	ids[id_count].recorded = (uint32_t)recorded;
	ids[id_count++].now = (uint32_t)now;
}

static bool ends_with(const char *text, const char *end)
{
	const size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* Of an object, not of an option or the like. */
static bool is_id(const struct call_member *member)
{
	if (member->type != MEMBER_NUMBER)
		return false;
	return ends_with(member->name, "_id") || ends_with(member->name, "devid") ||
	       strcmp(member->name, "id") == 0;
}

/* The recorded value of @member. False: it was not recorded, or is not understood. */
static bool value_of(const struct call_member *member, struct json_object *args, uint64_t *value)
{
	struct json_object *object;

	if (!json_object_object_get_ex(args, member->name, &object))
		return false;
	if (member->type == MEMBER_FLAGS || member->type == MEMBER_CHOICE)
		return call_words_parse(member, json_object_get_string(object), value);
	*value = trace_number(args, member->name);
	return true;
}

/* The bytes that are written in hexadecimal in @args[@key]; the caller frees them. NULL: none. */
static uint8_t *bytes_of(struct json_object *args, const char *key, size_t *len)
{
	const char *text = trace_text(args, key);
	uint8_t *bytes;

	*len = strlen(text) / 2;
	bytes = *len ? malloc(*len) : NULL;
	for (size_t i = 0; bytes && i < *len; i++) {
		const char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};

		bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return bytes;
}

/* ---- descriptors ---- */

/* A file in place of one that is not ours: @size bytes of memory, or (0) an eventfd. */
static int make_fd(int recorded, uint64_t size)
{
	int fd = size ? memfd_create("replay", MFD_CLOEXEC)
		      : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd >= 0 && size && ftruncate(fd, (off_t)size))
		return fd; /* the call will say so */
	if (fd >= 0)
		replay_know_fd(recorded, fd);
	return fd;
}

/* The descriptor that stands for @recorded; what was not open is not open now. */
static int fd_now(int recorded, uint64_t size, bool was_bad)
{
	int now;

	if (recorded < 0)
		return recorded;
	if (was_bad)
		return -1;
	if (replay_find_fd(0, recorded, &now)) {
		if (size && ftruncate(now, (off_t)size)) /* longer than before, if it is memory */
			return now;
		return now;
	}
	return make_fd(recorded, size);
}

/* Descriptors in the data behind the structure of SET_IRQS and PCI_HOT_RESET. */
static void translate_tail(struct replay_call *call, size_t len, bool was_bad)
{
	const uint64_t count = len / sizeof(int32_t);
	int32_t *fds = (int32_t *)(void *)(call->structure + call->info->size);
	const struct vfio_irq_set *set = (const void *)call->structure;

	if (call->info->cmd == VFIO_DEVICE_SET_IRQS && call->info->argument == CALL_STRUCTURE &&
	    strcmp(call->info->name, "VFIO_DEVICE_SET_IRQS") == 0) {
		if (!(set->flags & VFIO_IRQ_SET_DATA_EVENTFD))
			return;
	} else if (strcmp(call->info->name, "VFIO_DEVICE_PCI_HOT_RESET") != 0) {
		return;
	}
	for (uint64_t i = 0; i < count; i++)
		fds[i] = fd_now(fds[i], 0, was_bad);
}

/* ---- the argument ---- */

static uint64_t file_size(const struct replay_call *call)
{
	const struct iommu_ioas_map_file *map = (const void *)call->structure;
	uint64_t end;

	if (call->info->cmd != IOMMU_IOAS_MAP_FILE)
		return 0;
	return check_add(map->start, map->length, &end) || end > INT64_MAX ? 1 : end;
}

/* Puts the recorded members into the structure, as they are. */
static bool put_members(struct replay_call *call, struct json_object *begin)
{
	for (const struct call_member *member = call->info->members; member && member->name;
	     member++) {
		uint64_t value;

		if (!(member->direction & CALL_IN) && member->type != MEMBER_POINTER)
			continue;
		if (value_of(member, begin, &value))
			call_member_set(member, call->structure, value);
	}
	return true;
}

/* Data behind a pointer: what was passed, and space for what comes back. */
static void put_data(struct replay_call *call, const struct call_member *member,
		     struct json_object *begin)
{
	const uint64_t len = member->data_len(call->structure);
	char name[TEXT_SIZE];
	uint8_t *bytes;
	size_t known;

	if (!call_member_get(member, call->structure))
		return;
	snprintf(name, sizeof(name), "%s_data", member->name);
	bytes = bytes_of(begin, name, &known);
	call->data_len = len < REPLAY_DATA_MAX ? len : REPLAY_DATA_MAX;
	call->data = calloc(1, call->data_len ? call->data_len : 1);
	if (call->data && bytes)
		memcpy(call->data, bytes, known < call->data_len ? known : call->data_len);
	free(bytes);
	call_member_set(member, call->structure, (uint64_t)(uintptr_t)call->data);
}

/* The member that says how long the memory at @member is, or NULL: it is no memory. */
static const char *memory_len(const struct call_member *member)
{
	if (strcmp(member->name, "user_va") == 0)
		return "length";
	return strcmp(member->name, "vaddr") == 0 ? "size" : NULL;
}

/* Puts what is in this process in place of what was in the recorded one. */
static void translate(struct replay_call *call, struct json_object *begin, int error)
{
	for (const struct call_member *member = call->info->members; member && member->name;
	     member++) {
		const uint64_t value = call_member_get(member, call->structure);
		const char *len = memory_len(member);

		if (member->type == MEMBER_FD && member->direction & CALL_IN)
			call_member_set(member, call->structure,
					(uint64_t)(int64_t)fd_now((int)value, file_size(call),
								  error == EBADF));
		else if (member->type == MEMBER_POINTER)
			put_data(call, member, begin);
		else if (len && error == EFAULT)
			call_member_set(member, call->structure, replay_nothing(value));
		else if (len)
			call_member_set(member, call->structure,
					replay_memory(value, trace_number(begin, len)));
		else if (is_id(member) && member->direction & CALL_IN)
			call_member_set(member, call->structure, id_now(value));
	}
}

static bool prepare_structure(struct replay_call *call, struct json_object *begin, int error)
{
	const struct call_member *first = call->info->members;
	uint8_t *tail;
	size_t len;

	if (!first) /* only its users know what the structure means */
		return false;
	memset(call->structure, 0, sizeof(call->structure));
	call->argument = call->structure;
	if (!*trace_text(begin, first->name)) {
		call->argument = (void *)(uintptr_t)replay_nothing(trace_number(begin, "arg"));
		return true;
	}
	tail = bytes_of(begin, "tail", &len);
	if (tail && len <= REPLAY_TAIL_MAX)
		memcpy(call->structure + call->info->size, tail, len);
	free(tail);
	if (!put_members(call, begin))
		return false;
	translate_tail(call, len, error == EBADF);
	translate(call, begin, error);
	return true;
}

bool replay_prepare(struct replay_call *call, const char *name, struct json_object *begin,
		    struct json_object *end)
{
	const int error = error_number(trace_text(end, "error"));
	int32_t *fd = (int32_t *)(void *)call->structure;

	call->info = call_find_name(name);
	call->data = NULL;
	call->data_len = 0;
	if (!call->info)
		return false;
	switch ((enum call_argument)call->info->argument) {
	case CALL_STRUCTURE:
		return prepare_structure(call, begin, error);
	case CALL_FD_POINTER:
		*fd = fd_now((int)trace_number(begin, "to_fd"), 0, error == EBADF);
		call->argument = call->structure;
		return true;
	case CALL_TEXT:
		snprintf((char *)call->structure, sizeof(call->structure), "%s",
			 trace_text(begin, "text"));
		call->argument = call->structure;
		return true;
	case CALL_NUMBER:
	case CALL_NOTHING:
		call->argument = (void *)(uintptr_t)trace_number(begin, "arg");
		return true;
	}
	return false;
}

/* ---- the answer ---- */

/* Members whose values are those of the process, not of the call. */
static bool is_incomparable(const struct call_member *member)
{
	return member->type == MEMBER_POINTER || strcmp(member->name, "out_pid") == 0 ||
	       strcmp(member->name, "out_addr") == 0;
}

/* 1 if the value of @member differs. */
static size_t compare_member(struct replay_call *call, const struct call_member *member,
			     struct json_object *end, struct replay *replay)
{
	const uint64_t now = call_member_get(member, call->structure);
	char text[TEXT_SIZE];
	uint64_t before;

	if (!(member->direction & CALL_OUT) || is_incomparable(member) ||
	    !value_of(member, end, &before))
		return 0;
	if (member->type == MEMBER_FD) {
		replay_know_fd((int)before, (int)now);
		return 0;
	}
	if (is_id(member)) {
		know_id(before, now);
		return 0;
	}
	if (before == now)
		return 0;
	if (member->words)
		(void)call_words(member, now, text, sizeof(text));
	else
		snprintf(text, sizeof(text),
			 member->type == MEMBER_NUMBER ? "%" PRIu64 : "0x%" PRIx64, now);
	replay_differ(replay, call->info->name, "%s was %s, now %s", member->name,
		      trace_text(end, member->name), text);
	return 1;
}

/* 1 if the bytes in @end[@key] are not those at @now. */
static size_t compare_bytes(struct replay_call *call, const char *key, const uint8_t *now,
			    size_t now_len, struct json_object *end, struct replay *replay)
{
	size_t len, at = 0;
	uint8_t *before = bytes_of(end, key, &len);
	char name[2 * TEXT_SIZE], was[8], is[8];

	while (before && at < len && at < now_len && before[at] == now[at])
		at++;
	if (before && at < len) {
		snprintf(name, sizeof(name), "byte %zu of %s", at, key);
		snprintf(was, sizeof(was), "0x%02x", before[at]);
		snprintf(is, sizeof(is), at < now_len ? "0x%02x" : "missing",
			 at < now_len ? now[at] : 0);
		replay_differ(replay, call->info->name, "%s was %s, now %s", name, was, is);
	}
	len = before && at < len;
	free(before);
	return len;
}

static size_t compare_structure(struct replay_call *call, struct json_object *end,
				struct replay *replay)
{
	size_t differences = 0;
	char name[TEXT_SIZE];

	for (const struct call_member *member = call->info->members; member && member->name;
	     member++) {
		differences += compare_member(call, member, end, replay);
		/* No device has written anything this time. */
		if (member->type != MEMBER_POINTER ||
		    call->info->cmd == IOMMU_HWPT_GET_DIRTY_BITMAP)
			continue;
		snprintf(name, sizeof(name), "%s_data", member->name);
		if (member->direction & CALL_OUT && call->data)
			differences +=
				compare_bytes(call, name, call->data, call->data_len, end, replay);
	}
	if (call->info->tail & CALL_OUT)
		differences += compare_bytes(call, "tail", call->structure + call->info->size,
					     REPLAY_TAIL_MAX, end, replay);
	return differences;
}

size_t replay_compare(struct replay_call *call, struct json_object *end, int rc,
		      struct replay *replay)
{
	const int64_t before = (int64_t)trace_number(end, "result");
	char was[24], is[24];

	if (rc < 0)
		return 0;
	if (strcmp(call->info->name, "VFIO_GROUP_GET_DEVICE_FD") == 0) {
		replay_know_fd((int)before, rc);
	} else if (rc != before) {
		snprintf(was, sizeof(was), "%" PRId64, before);
		snprintf(is, sizeof(is), "%d", rc);
		replay_differ(replay, call->info->name, "the result was %s, now %s", was, is);
		return 1;
	}
	return call->info->argument == CALL_STRUCTURE ? compare_structure(call, end, replay) : 0;
}

void replay_finish(struct replay_call *call)
{
	free(call->data);
	call->data = NULL;
}
