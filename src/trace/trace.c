/* SPDX-License-Identifier: MIT */
/*
 * Invariant: while a file is open, every line of this process is written under trace.lock, with a
 * time that is not before that of the line before it.
 *
 * Cost of an event: a lock, the clock, about a microsecond of formatting.
 */
#include "trace/trace.h"

#include <assert.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/sys.h"
#include "report/origin.h"
#include "trace/trace_file.h"

enum {
	MAX_DEVICES = 256,
	LANES = 32,	     /* of a device; the last one is for all that find none free */
	BUCKET_NS = 1000000, /* of the bandwidth */
	ID_BITS = 22,	     /* the most that IDs of Linux have */
	ID_MASK = (1 << ID_BITS) - 1,
	ACTED_FOR = 256, /* threads of other processes whose names are not written again */
};

struct device {
	char name[TRACE_NAME];
	_Atomic uint32_t lanes; /* bit n: lane n is in a slice */
	uint32_t named;		/* bit n: lane n has its name in the file */
	uint64_t bucket;	/* the millisecond that @bytes belong to; 0: none */
	uint64_t bytes;
};

static struct {
	struct lock lock;
	struct trace_file file;
	char path[PATH_MAX];
	uint32_t pid;
	unsigned int generation : 20; /* never 0: threads of an older one have no name yet */
	struct device devices[MAX_DEVICES];
	uint32_t device_count;
	struct line line;
	char text[TRACE_LINE_MAX];
	pid_t acted_for[ACTED_FOR];
	int error; /* why it has stopped; told when the lock is not held */
} trace = {.lock = LOCK_INIT(LOCK_TRACE), .file = TRACE_FILE_INIT};

static __thread struct {
	uint64_t pid : ID_BITS;
	uint64_t tid : ID_BITS;
	uint64_t generation : 20; /* 0: not named yet */
} self __attribute__((tls_model("initial-exec")));

/* ---- lines ---- */

static struct device *device_of(uint32_t number) REQUIRES(trace.lock)
{
	lock_assert_held(&trace.lock);
	assert(number && number <= trace.device_count);
	return &trace.devices[number - 1];
}

static void append(void) REQUIRES(trace.lock)
{
	lock_assert_held(&trace.lock);
	line_put(&trace.line, "\n");
	if (!line_finish(&trace.line) || trace.file.fd < 0)
		return;
	trace.error = trace_file_append(&trace.file, trace.text, trace.line.len);
	if (trace.error)
		trace_file_leave(&trace.file);
}

/* The members that every event has. */
static void begin_event(char phase, uint32_t pid, uint32_t tid, uint64_t time, const char *name)
	REQUIRES(trace.lock)
{
	const char phase_text[2] = {phase, '\0'};

	lock_assert_held(&trace.lock);
	line_init(&trace.line, trace.text, sizeof(trace.text));
	line_put(&trace.line, ",");
	line_object(&trace.line, NULL);
	line_string(&trace.line, "name", name);
	line_string(&trace.line, "ph", phase_text);
	line_thousandths(&trace.line, "ts", time);
	line_number(&trace.line, "pid", pid);
	line_number(&trace.line, "tid", tid);
}

static void end_event(void) REQUIRES(trace.lock)
{
	lock_assert_held(&trace.lock);
	line_end_object(&trace.line);
	line_end_object(&trace.line);
	append();
}

/* Names a process or a thread. */
static void put_name(const char *what, uint32_t pid, uint32_t tid, const char *name)
	REQUIRES(trace.lock)
{
	lock_assert_held(&trace.lock);
	begin_event('M', pid, tid, clock_ns(), what);
	line_object(&trace.line, "args");
	line_string(&trace.line, "name", name);
	end_event();
}

/* The calling thread is, or acts for, @tid of @pid. */
static void be_thread(uint32_t pid, uint32_t tid) REQUIRES(trace.lock)
{
	lock_assert_held(&trace.lock);
	self.generation = trace.generation;
	self.pid = pid & ID_MASK;
	self.tid = tid & ID_MASK;
}

/* All threads are to be named again before their next events. */
static void next_generation(void) REQUIRES(trace.lock)
{
	lock_assert_held(&trace.lock);
	if (++trace.generation == 0)
		trace.generation = 1;
}

/* Names the calling thread, or the one that it acts for, and its process with the first one. */
static void put_names(const char *name) REQUIRES(trace.lock)
{
	lock_assert_held(&trace.lock);
	if (self.tid == self.pid)
		put_name("process_name", self.pid, self.tid, name);
	put_name("thread_name", self.pid, self.tid, name);
}

static void name_thread(void) REQUIRES(trace.lock)
{
	char name[TRACE_NAME] = "";

	lock_assert_held(&trace.lock);
	if (self.generation == trace.generation)
		return;
	be_thread(trace.pid, (uint32_t)sys_call(SYS_gettid, 0, 0, 0, 0, 0, 0));
	if (!sys_confined())
		(void)sys_call(SYS_prctl, PR_GET_NAME, (long)name, 0, 0, 0, 0);
	put_names(name);
}

static uint32_t lane_tid(uint32_t number, uint32_t lane)
{
	return TRACE_DEVICES + MAX_DEVICES + number * LANES + lane;
}

static void name_lane(uint32_t number, uint32_t lane) REQUIRES(trace.lock)
{
	struct device *device = device_of(number);
	char name[TRACE_NAME + 16];

	lock_assert_held(&trace.lock);
	if (device->named & UINT32_C(1) << lane)
		return;
	device->named |= UINT32_C(1) << lane;
	if (lane)
		snprintf(name, sizeof(name), "%s #%" PRIu32, device->name, lane + 1);
	else
		snprintf(name, sizeof(name), "%s", device->name);
	put_name("thread_name", trace.pid, lane_tid(number, lane), name);
}

/* Not analysed: trace_event_end() releases the lock. */
struct line *trace_event(char phase, struct trace_track track, const char *category,
			 const char *name) NO_LOCK_ANALYSIS
{
	uint32_t pid, tid;

	if (!tracing())
		return NULL;
	lock_acquire(&trace.lock);
	if (trace.file.fd < 0) {
		lock_release(&trace.lock);
		return NULL;
	}
	if (track.device) {
		name_lane(track.device, track.lane);
		pid = trace.pid;
		tid = lane_tid(track.device, track.lane);
	} else {
		name_thread();
		pid = self.pid;
		tid = self.tid;
	}
	begin_event(phase, pid, tid, clock_ns(), name);
	line_string(&trace.line, "cat", category);
	if (phase == 'i')
		line_string(&trace.line, "s", "t");
	line_object(&trace.line, "args");
	return &trace.line;
}

/* Ends a call of trace_event() or trace_counter(). */
static void leave(void) NO_LOCK_ANALYSIS
{
	const int error = trace.error;

	trace.error = 0;
	lock_release(&trace.lock);
	if (error)
		log_error("%s: %s; the trace ends here", trace.path, strerror(-error));
}

void trace_event_end(struct line *line) NO_LOCK_ANALYSIS
{
	if (!line)
		return;
	end_event();
	leave();
}

/* ---- devices ---- */

uint32_t trace_device(const char *name)
{
	uint32_t number;

	lock_acquire(&trace.lock);
	for (number = 1; number <= trace.device_count; number++)
		if (strcmp(trace.devices[number - 1].name, name) == 0)
			goto out;
	if (number > MAX_DEVICES) {
		number = 0;
		goto out;
	}
	trace.device_count++;
	snprintf(trace.devices[number - 1].name, TRACE_NAME, "%s", name);
out:
	lock_release(&trace.lock);
	return number;
}

uint32_t trace_lane_enter(uint32_t device)
{
	_Atomic uint32_t *lanes;
	uint32_t taken, lane;

	if (!device)
		return 0;
	lanes = &trace.devices[device - 1].lanes;
	taken = atomic_load(lanes);
	do {
		lane = (uint32_t)__builtin_ctz(~taken);
		if (lane >= LANES - 1)
			return LANES - 1; /* its slices overlap */
	} while (!atomic_compare_exchange_weak(lanes, &taken, taken | UINT32_C(1) << lane));
	return lane;
}

void trace_lane_leave(uint32_t device, uint32_t lane)
{
	if (device && lane < LANES - 1)
		atomic_fetch_and(&trace.devices[device - 1].lanes, ~(UINT32_C(1) << lane));
}

/* ---- counters ---- */

/* @track tells counters apart whose times do not ascend together. */
static void put_counter(const char *name, const char *unit, uint32_t track, uint64_t time,
			uint64_t value) REQUIRES(trace.lock)
{
	lock_assert_held(&trace.lock);
	begin_event('C', trace.pid, track, time, name);
	line_object(&trace.line, "args");
	line_number(&trace.line, unit, (int64_t)value);
	end_event();
}

void trace_counter(const char *name, const char *unit, uint64_t value) NO_LOCK_ANALYSIS
{
	if (!tracing())
		return;
	lock_acquire(&trace.lock);
	put_counter(name, unit, 0, clock_ns(), value);
	leave();
}

/* Writes the bucket of @device: its value, and 0 unless it goes on in the next one. */
static void put_bucket(struct device *device, bool goes_on) REQUIRES(trace.lock)
{
	const uint32_t track = TRACE_DEVICES + (uint32_t)(device - trace.devices);
	char name[TRACE_NAME + 16];

	lock_assert_held(&trace.lock);
	if (!device->bucket)
		return;
	snprintf(name, sizeof(name), "DMA of %s", device->name);
	put_counter(name, "bytes/s", track, device->bucket * BUCKET_NS,
		    device->bytes * (1000000000 / BUCKET_NS));
	if (!goes_on)
		put_counter(name, "bytes/s", track, (device->bucket + 1) * BUCKET_NS, 0);
}

void trace_count_dma(uint32_t number, uint64_t bytes) NO_LOCK_ANALYSIS
{
	struct device *device;
	uint64_t now;

	if (!number || !tracing())
		return;
	lock_acquire(&trace.lock);
	device = device_of(number);
	now = clock_ns() / BUCKET_NS;
	if (now != device->bucket) {
		put_bucket(device, now == device->bucket + 1);
		device->bucket = now;
		device->bytes = 0;
	}
	device->bytes += bytes;
	leave();
}

/* ---- beginning and end ---- */

static void begin_process(void) REQUIRES(trace.lock)
{
	lock_assert_held(&trace.lock);
	trace.pid = (uint32_t)sys_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
	next_generation();
}

int trace_start(const char *path)
{
	int rc;

	lock_acquire(&trace.lock);
	snprintf(trace.path, sizeof(trace.path), "%s", path);
	rc = trace_file_open(&trace.file, path);
	if (!rc)
		begin_process();
	lock_release(&trace.lock);
	if (!rc)
		observe(OBSERVER_TRACE);
	return rc;
}

bool trace_acts_for(pid_t tid)
{
	bool same;

	lock_acquire(&trace.lock);
	same = self.generation == trace.generation && self.tid == (uint32_t)tid;
	lock_release(&trace.lock);
	return same;
}

void trace_name_changes(pid_t tid)
{
	if (!tracing())
		return;
	lock_acquire(&trace.lock);
	trace.acted_for[tid % ACTED_FOR] = 0;
	next_generation();
	lock_release(&trace.lock);
}

/* A thread that is not remembered is named again, which viewers do not mind. */
void trace_act_for(pid_t pid, pid_t tid, const char *name) NO_LOCK_ANALYSIS
{
	pid_t *known = &trace.acted_for[tid % ACTED_FOR];

	if (!tracing())
		return;
	lock_acquire(&trace.lock);
	be_thread((uint32_t)pid, (uint32_t)tid);
	if (*known != tid)
		put_names(name);
	*known = tid;
	leave();
}

void trace_fork_child(const char *path)
{
	int rc;

	if (!tracing())
		return;
	lock_acquire(&trace.lock);
	trace_file_leave(&trace.file);
	snprintf(trace.path, sizeof(trace.path), "%s", path);
	rc = trace_file_open(&trace.file, trace.path);
	begin_process();
	for (uint32_t i = 0; i < trace.device_count; i++) {
		trace.devices[i].named = 0;
		trace.devices[i].bucket = 0;
		atomic_store(&trace.devices[i].lanes, 0);
	}
	lock_release(&trace.lock);
	if (rc)
		log_error("%s: %s; process %" PRIu32 " is not traced", trace.path, strerror(-rc),
			  trace.pid);
}

void trace_finish(void) NO_LOCK_ANALYSIS
{
	if (!tracing())
		return;
	lock_acquire(&trace.lock);
	for (uint32_t i = 0; i < trace.device_count; i++) {
		put_bucket(&trace.devices[i], false);
		trace.devices[i].bucket = 0;
	}
	leave();
}
