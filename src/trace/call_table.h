/* SPDX-License-Identifier: MIT */
/*
 * The ioctls of iommufd and VFIO: their names, and the members of what they take. One table for
 * traces, for printing and replaying them, and for reports.
 */
#ifndef TRACE_CALL_TABLE_H
#define TRACE_CALL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the argument of a command is passed. */
enum call_argument {
	CALL_STRUCTURE, /* a pointer to a structure; its first member is its size */
	CALL_NUMBER,	/* a number */
	CALL_NOTHING,
	CALL_FD_POINTER, /* a pointer to a descriptor */
	CALL_TEXT,	 /* a pointer to text */
};

enum call_member_type {
	MEMBER_NUMBER,	 /* a count, an ID: decimal */
	MEMBER_ADDRESS,	 /* an address or a number of bytes: hexadecimal */
	MEMBER_POINTER,	 /* to data, of call_member.data_len() bytes */
	MEMBER_FLAGS,	 /* bits with names */
	MEMBER_CHOICE,	 /* one of several names */
	MEMBER_FD,	 /* a descriptor of the caller */
	MEMBER_RESERVED, /* shown only if it is not 0 */
};

enum call_direction {
	CALL_IN = 1,
	CALL_OUT = 2,
	CALL_INOUT = CALL_IN | CALL_OUT,
};

/* A name for a value, or for a bit of one. The end has no name. */
struct call_word {
	uint64_t value;
	const char *name;
};

struct call_member {
	const char *name; /* NULL: the end */
	uint16_t offset;
	uint8_t size;
	uint8_t type;	   /* enum call_member_type */
	uint8_t direction; /* enum call_direction; of a pointer: of its data */
	const struct call_word *words;
	/* MEMBER_POINTER: how many bytes there are behind it, from the whole structure. */
	uint64_t (*data_len)(const void *structure);
};

struct call_info {
	unsigned int cmd;
	const char *name;
	uint8_t argument; /* enum call_argument */
	uint8_t tail;	  /* CALL_STRUCTURE: enum call_direction of data behind it, or 0 */
	uint16_t size;	  /* CALL_STRUCTURE: without such data */
	const struct call_member *members;
};

enum {
	CALL_STRUCTURE_MAX = 128, /* no structure of the table is larger */
};

/* The command @cmd of a file, of a VFIO @device or another one; NULL: there is no such command. */
const struct call_info *call_find(unsigned int cmd, bool device);

/* The command called @name, or NULL. */
const struct call_info *call_find_name(const char *name);

#endif
