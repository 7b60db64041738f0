/* SPDX-License-Identifier: MIT */
/* One call of a replay: its argument, made from the recorded members, and the comparison. */
#ifndef CMD_REPLAY_CALL_H
#define CMD_REPLAY_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/call_table.h"

struct json_object;
struct replay;

enum {
	REPLAY_TAIL_MAX = 65536,	    /* of a structure; what is longer is cut */
	REPLAY_DATA_MAX = 16 * 1024 * 1024, /* behind a pointer */
};

struct replay_call {
	const struct call_info *info;
	void *argument;
	uint8_t structure[CALL_STRUCTURE_MAX + REPLAY_TAIL_MAX] __attribute__((aligned(8)));
	void *data; /* owned; NULL: none */
	uint64_t data_len;
};

/*
 * Makes the argument of the call @name, which began with the members @begin and ended with @end.
 * False: it cannot be made again.
 */
bool replay_prepare(struct replay_call *call, const char *name, struct json_object *begin,
		    struct json_object *end);

/* Compares what the call, whose result is @rc, has given with @end; returns the differences. */
size_t replay_compare(struct replay_call *call, struct json_object *end, int rc,
		      struct replay *replay);

void replay_finish(struct replay_call *call);

/* Prints one difference of the current call, which is of the ioctl @call. */
void replay_differ(struct replay *replay, const char *call, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
