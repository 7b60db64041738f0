/* SPDX-License-Identifier: MIT */
/* What cannot be read is left out: the call itself says what is wrong. */
#include "trace/call_record.h"

#include <stdio.h>
#include <string.h>

#include "base/caller.h"
#include "base/check.h"
#include "trace/call_words.h"

enum {
	WORDS_SIZE = 160,
	NAME_SIZE = 64,
};

/* The only pointer to data of a structure, or NULL. */
static const struct call_member *data_member(const struct call_info *info)
{
	for (const struct call_member *member = info->members; member && member->name; member++)
		if (member->type == MEMBER_POINTER)
			return member;
	return NULL;
}

/* At most @max bytes. */
static void read_data(struct call_record *record, struct uiommufd_caller *caller, uint64_t max)
{
	const struct call_member *member = data_member(record->info);
	uint64_t from, len;

	record->data_len = 0;
	if (!member)
		return;
	from = call_member_get(member, record->structure);
	len = min_u64(member->data_len(record->structure), max);
	if (from && len && len <= CALL_DATA_MAX && !caller_read(caller, record->data, from, len))
		record->data_len = (uint32_t)len;
}

/* What is behind the structure: data that belongs there, or what makes it longer than is known. */
static void read_tail(struct call_record *record, struct uiommufd_caller *caller)
{
	const uint32_t size = record->info->size;
	const uint32_t len = record->usize > size ? record->usize - size : 0;

	record->tail_len = 0;
	if (len && len <= CALL_DATA_MAX &&
	    !caller_read(caller, record->tail, record->arg + size, len))
		record->tail_len = len;
}

static void read_structure(struct call_record *record, struct uiommufd_caller *caller)
{
	const uint32_t size = record->info->size;

	memset(record->structure, 0, sizeof(record->structure));
	if (caller_read(caller, &record->usize, record->arg, sizeof(record->usize)))
		return;
	record->len = record->usize < size ? record->usize : size;
	if (record->len < sizeof(uint32_t))
		record->len = sizeof(uint32_t);
	record->readable = !caller_read(caller, record->structure, record->arg, record->len);
	if (!record->readable)
		return;
	read_tail(record, caller);
	read_data(record, caller, UINT64_MAX);
}

/* Text of the caller: as far as it can be read, byte by byte. */
static void read_text(struct call_record *record, struct uiommufd_caller *caller)
{
	uint32_t len = 0;

	while (len < NAME_SIZE && !caller_read(caller, &record->data[len], record->arg + len, 1) &&
	       record->data[len])
		len++;
	record->data[len] = '\0';
	record->readable = len;
}

void call_record_read(struct call_record *record, struct uiommufd_caller *caller, unsigned int cmd,
		      bool device, uint64_t arg)
{
	record->info = call_find(cmd, device);
	record->cmd = cmd;
	record->arg = arg;
	record->readable = false;
	record->usize = record->len = record->tail_len = record->data_len = 0;
	if (!record->info)
		return;
	if (record->info->argument == CALL_STRUCTURE)
		read_structure(record, caller);
	else if (record->info->argument == CALL_FD_POINTER)
		record->readable = !caller_read(caller, record->structure, arg, sizeof(int32_t));
	else if (record->info->argument == CALL_TEXT)
		read_text(record, caller);
}

void call_record_read_back(struct call_record *record, struct uiommufd_caller *caller)
{
	const struct call_info *info = record->info;
	const struct call_member *member = info ? data_member(info) : NULL;

	uint64_t space;

	if (!record->readable || info->argument != CALL_STRUCTURE)
		return;
	/* What comes back may be less than there is space for, and if that is too little, more. */
	space = member ? member->data_len(record->structure) : 0;
	(void)caller_read(caller, record->structure, record->arg, record->len);
	record->data_len = 0;
	if (member && member->direction & CALL_OUT)
		read_data(record, caller, space);
	if (info->tail & CALL_OUT)
		read_tail(record, caller);
	else
		record->tail_len = 0;
}

static void put_member(const struct call_record *record, const struct call_member *member,
		       enum call_direction direction, struct line *line)
{
	const uint64_t value = call_member_get(member, record->structure);
	char words[WORDS_SIZE], name[NAME_SIZE];

	switch ((enum call_member_type)member->type) {
	case MEMBER_NUMBER:
	case MEMBER_FD:
		line_number(line, member->name, (int64_t)value);
		break;
	case MEMBER_ADDRESS:
		line_hex(line, member->name, value);
		break;
	case MEMBER_FLAGS:
	case MEMBER_CHOICE:
		line_string(line, member->name, call_words(member, value, words, sizeof(words)));
		break;
	case MEMBER_RESERVED:
		if (value)
			line_hex(line, member->name, value);
		break;
	case MEMBER_POINTER:
		line_hex(line, member->name, value);
		if (!record->data_len || !(member->direction & direction))
			break;
		snprintf(name, sizeof(name), "%s_data", member->name);
		line_bytes(line, name, record->data, record->data_len);
		break;
	}
}

static void put_structure(const struct call_record *record, enum call_direction direction,
			  struct line *line)
{
	const struct call_member *member = record->info->members;

	for (; member && member->name; member++) {
		/* A pointer itself is always passed in; its data may come back. */
		const unsigned int ways = member->type == MEMBER_POINTER
						  ? member->direction | CALL_IN
						  : member->direction;

		if (ways & direction && member->offset + member->size <= record->len)
			put_member(record, member, direction, line);
	}
	if (record->tail_len)
		line_bytes(line, "tail", record->tail, record->tail_len);
}

void call_record_put(const struct call_record *record, enum call_direction direction,
		     struct line *line)
{
	const struct call_info *info = record->info;

	if (direction == CALL_IN && (!info || info->argument != CALL_NOTHING))
		line_hex(line, "arg", record->arg);
	if (!record->readable)
		return;
	if (info->argument == CALL_STRUCTURE)
		put_structure(record, direction, line);
	else if (direction == CALL_IN && info->argument == CALL_FD_POINTER)
		line_number(line, "to_fd", *(const int32_t *)(const void *)record->structure);
	else if (direction == CALL_IN && info->argument == CALL_TEXT)
		line_string(line, "text", (const char *)record->data);
}
