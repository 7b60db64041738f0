/* SPDX-License-Identifier: MIT */
/* A value without a word is its number. */
#include "trace/call_words.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t call_member_get(const struct call_member *member, const void *structure)
{
	uint64_t value = 0;

	/* Members and host are little endian. */
	memcpy(&value, (const char *)structure + member->offset, member->size);
	if (member->type == MEMBER_FD)
		value = (uint64_t)(int64_t)(int32_t)value;
	return value;
}

void call_member_set(const struct call_member *member, void *structure, uint64_t value)
{
	memcpy((char *)structure + member->offset, &value, member->size);
}

const char *call_words(const struct call_member *member, uint64_t value, char *text, size_t size)
{
	const bool flags = member->type == MEMBER_FLAGS;
	uint64_t rest = value;
	size_t used = 0;

	text[0] = '\0';
	for (const struct call_word *word = member->words; word->name; word++) {
		if (flags ? !(rest & word->value) : value != word->value)
			continue;
		used += (size_t)snprintf(text + used, size - used, "%s%s", used ? "|" : "",
					 word->name);
		if (!flags || used >= size)
			return text;
		rest &= ~word->value;
	}
	if (rest)
		snprintf(text + used, size - used, "%s0x%" PRIx64, used ? "|" : "", rest);
	else if (!used)
		snprintf(text, size, "0");
	return text;
}

static bool parse_word(const struct call_member *member, const char *text, size_t len,
		       uint64_t *value)
{
	char *end;

	for (const struct call_word *word = member->words; word->name; word++) {
		if (strlen(word->name) == len && memcmp(word->name, text, len) == 0) {
			*value |= word->value;
			return true;
		}
	}
	*value |= strtoull(text, &end, 0);
	return len && end == text + len;
}

bool call_words_parse(const struct call_member *member, const char *text, uint64_t *value)
{
	*value = 0;
	for (;;) {
		size_t len = strcspn(text, "|");

		if (!parse_word(member, text, len, value))
			return false;
		if (!text[len])
			return true;
		text += len + 1;
	}
}
