/* SPDX-License-Identifier: MIT */
/*
 * What a call passes and gets back: the structure of an ioctl and the data that it points to, read
 * from the caller, and written as members of JSON.
 *
 * Members are written with their names (call_table.h): numbers as numbers; addresses, flags and
 * choices as strings. Data behind a pointer is "NAME_data", data behind the structure "tail", both
 * as hexadecimal bytes, if it has at most CALL_DATA_MAX of them.
 */
#ifndef TRACE_CALL_RECORD_H
#define TRACE_CALL_RECORD_H

#include "trace/call_table.h"
#include "trace/line.h"

struct uiommufd_caller;

enum {
	CALL_DATA_MAX = 2048,
};

struct call_record {
	const struct call_info *info; /* NULL: an unknown command */
	unsigned int cmd;
	uint64_t arg;
	bool readable;	/* the structure could be read */
	uint32_t usize; /* the caller's size of it */
	uint32_t len;	/* bytes of it that are in @structure; the rest is zeros */
	uint8_t structure[CALL_STRUCTURE_MAX] __attribute__((aligned(8)));
	uint32_t tail_len, data_len; /* 0: none, or too much */
	uint8_t tail[CALL_DATA_MAX];
	uint8_t data[CALL_DATA_MAX];
};

/* Reads what the ioctl @cmd with @arg passes. Context: no lock is held that a page fault needs. */
void call_record_read(struct call_record *record, struct uiommufd_caller *caller, unsigned int cmd,
		      bool device, uint64_t arg);

/* Reads the same again after the call: call_record_put() then writes what it has got back. */
void call_record_read_back(struct call_record *record, struct uiommufd_caller *caller);

/* Writes the members with @direction (CALL_IN or CALL_OUT). */
void call_record_put(const struct call_record *record, enum call_direction direction,
		     struct line *line);

#endif
