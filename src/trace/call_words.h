/* SPDX-License-Identifier: MIT */
/* The values of the members of calls (call_table.h), as numbers and as words. */
#ifndef TRACE_CALL_WORDS_H
#define TRACE_CALL_WORDS_H

#include "trace/call_table.h"

/* The value of @member in @structure. */
uint64_t call_member_get(const struct call_member *member, const void *structure);
void call_member_set(const struct call_member *member, void *structure, uint64_t value);

/* Writes @value of @member as words, "READABLE|0x80". Returns @text, of @size bytes. */
const char *call_words(const struct call_member *member, uint64_t value, char *text, size_t size);

/* The value that such @text stands for. False: it has an unknown word. */
bool call_words_parse(const struct call_member *member, const char *text, uint64_t *value);

#endif
