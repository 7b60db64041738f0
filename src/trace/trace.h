/* SPDX-License-Identifier: MIT */
/*
 * Events as lines of a trace file (trace_file.h), in the Trace Event Format of Chrome and Perfetto.
 *
 * A process is one of the program's; a thread ("track") is one of its threads, or a device. One
 * that does several requests at once has several tracks. A track's events nest, and their times
 * ascend in the file, as one lock serialises the lines of a process. So a slice is two events, "B"
 * and "E", and a call that never ended is one.
 *
 * trace_event() takes the lock and trace_event_end() releases it: between them only members of
 * "args" are written.
 */
#ifndef TRACE_TRACE_H
#define TRACE_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/observe.h"
#include "trace/line.h"

enum {
	TRACE_DEVICES = 1 << 30, /* tracks from here on are devices: above all IDs of threads */
	TRACE_NAME = 64,	 /* bytes of a name, with its NUL */
};

/* Which track an event is on: that of the calling thread, or one of a device. */
struct trace_track {
	uint32_t device; /* from trace_device(); 0: the thread */
	uint32_t lane;	 /* of the device */
};

static inline bool tracing(void)
{
	return observed_by(OBSERVER_TRACE);
}

/*
 * Starts tracing to the file @path, which trace_file_create() has made. 0 or a negative errno.
 * Context: before any other thread uses the engine.
 */
int trace_start(const char *path);

/*
 * What the calling thread does from now on is the doing of thread @tid of process @pid, whose name
 * is @name.
 */
void trace_act_for(pid_t pid, pid_t tid, const char *name);

/* Whether it is already. */
bool trace_acts_for(pid_t tid);

/* Thread @tid is about to execute another program: its name will be another one. */
void trace_name_changes(pid_t tid);

/* In the child of a fork: its events are those of another process, in the file @path. */
void trace_fork_child(const char *path);

/* The number of the device @name (copied), which is the same for each call; 0: too many. */
uint32_t trace_device(const char *name);

/*
 * Reserves a lane of @device for a slice, the lowest that is free. trace_lane_leave() gives it back
 * when the slice has ended.
 */
uint32_t trace_lane_enter(uint32_t device);
void trace_lane_leave(uint32_t device, uint32_t lane);

/*
 * Begins an event of @phase: 'B', 'E' or 'i'. @category and @name are valid until the end. Returns
 * where its arguments are written; NULL: no event can be written. Context: takes LOCK_TRACE.
 */
struct line *trace_event(char phase, struct trace_track track, const char *category,
			 const char *name);
void trace_event_end(struct line *line);

/* A counter: @name has the value @value now. */
void trace_counter(const char *name, const char *unit, uint64_t value);

/* @bytes of DMA of @device ended: counts them for the bandwidth, a value for each millisecond. */
void trace_count_dma(uint32_t device, uint64_t bytes);

/* Writes what has not been written yet. At the end of the process. */
void trace_finish(void);

#endif
