/* SPDX-License-Identifier: MIT */
/*
 * Counters of what is mapped and pinned are counted while a trace is made, which is from the first
 * call on.
 */
#include "trace/events.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "profile/profile.h"
#include "trace/call_record.h"
#include "trace/error_name.h"
#include "trace/probes.h"
#include "trace/trace.h"

enum {
	CONFIG_REGION = 7, /* VFIO_PCI_CONFIG_REGION_INDEX */
};

static const struct trace_track own_thread;

static _Atomic int64_t mapped_bytes;
static _Atomic int64_t told_pinned; /* the value of the counter in the trace */

/* ---- calls ---- */

static const char *call_title(const struct event_call *call, char number[32])
{
	if (call->record->info)
		return call->record->info->name;
	snprintf(number, 32, "ioctl 0x%x", call->cmd);
	return number;
}

void event_call_begin(struct event_call *call)
{
	struct line *line;
	char number[32];

	PROBE(ioctl_entry, call->fd, call->cmd, call->arg, call->file);
	call->record = tracing() ? alloc_zeroed(sizeof(*call->record)) : NULL;
	if (!call->record)
		return;
	call_record_read(call->record, call->caller, call->cmd, call->device[0], call->arg);
	line = trace_event('B', own_thread, "ioctl", call_title(call, number));
	if (!line)
		return;
	line_number(line, "ioctl_fd", call->fd); /* a structure may have an "fd" */
	line_string(line, "file", call->file);
	if (call->device[0])
		line_string(line, "device", call->device);
	line_hex(line, "object", (uintptr_t)call->object);
	line_hex(line, "cmd", call->cmd);
	call_record_put(call->record, CALL_IN, line);
	trace_event_end(line);
}

/* The counter of pinned bytes, where it has changed. */
static void tell_pinned(void)
{
	const int64_t pages = atomic_load(&observed_pins);

	if (atomic_exchange(&told_pinned, pages) != pages)
		trace_counter("pinned", "bytes", (uint64_t)(pages > 0 ? pages : 0) << PAGE_SHIFT);
}

void event_call_end(struct event_call *call, long result, const char *why)
{
	struct line *line;
	char number[32];

	PROBE(ioctl_return, call->fd, call->cmd, result);
	if (!call->record)
		return;
	tell_pinned();
	call_record_read_back(call->record, call->caller);
	line = trace_event('E', own_thread, "ioctl", call_title(call, number));
	if (line) {
		line_number(line, "result", result < 0 ? -1 : result);
		if (result < 0)
			line_string(line, "error", error_name((int)-result));
		if (why[0])
			line_string(line, "why", why);
		call_record_put(call->record, CALL_OUT, line);
	}
	trace_event_end(line);
	alloc_free(call->record);
}

void event_open(const void *object, const char *path, int fd)
{
	struct line *line = trace_event('i', own_thread, "file", "open");

	if (!line)
		return;
	line_string(line, "path", path);
	line_number(line, "fd", fd);
	line_hex(line, "object", (uintptr_t)object);
	trace_event_end(line);
}

void event_made(const void *object, const char *file, int fd)
{
	struct line *line = trace_event('i', own_thread, "file", "descriptor");

	if (!line)
		return;
	line_string(line, "file", file);
	line_number(line, "fd", fd);
	line_hex(line, "object", (uintptr_t)object);
	trace_event_end(line);
}

void event_close(const void *object, const char *file)
{
	struct line *line = trace_event('i', own_thread, "file", "close");

	if (!line)
		return;
	line_string(line, "file", file);
	line_hex(line, "object", (uintptr_t)object);
	trace_event_end(line);
}

/* ---- mappings ---- */

static void tell_mapped(int64_t change)
{
	const int64_t bytes = atomic_fetch_add(&mapped_bytes, change) + change;

	trace_counter("mapped", "bytes", bytes > 0 ? (uint64_t)bytes : 0);
	tell_pinned();
}

static void put_range(struct line *line, uint32_t ioas, struct iova_range range)
{
	line_number(line, "ioas", ioas);
	line_hex(line, "iova", range.start);
	line_hex(line, "length", iova_range_len(range));
}

void event_map(uint32_t ioas, struct iova_range range, uint64_t va, unsigned int prot)
{
	static const char *const rights[] = {"", "r", "w", "rw"};
	struct line *line;

	PROBE(map, ioas, range.start, iova_range_len(range), va, prot);
	if (!tracing())
		return;
	line = trace_event('i', own_thread, "mapping", "map");
	if (line) {
		put_range(line, ioas, range);
		line_hex(line, "va", va);
		line_string(line, "rights", rights[prot & 3]);
	}
	trace_event_end(line);
	tell_mapped((int64_t)iova_range_len(range));
}

void event_unmap(uint32_t ioas, struct iova_range range)
{
	struct line *line;

	PROBE(unmap, ioas, range.start, iova_range_len(range));
	if (!tracing())
		return;
	line = trace_event('i', own_thread, "mapping", "unmap");
	if (line)
		put_range(line, ioas, range);
	trace_event_end(line);
	tell_mapped(-(int64_t)iova_range_len(range));
}

static struct profile_iommu iommu_of(const struct event_table *table)
{
	return (struct profile_iommu){.name = table->iommu, .kind = table->kind};
}

void event_fill(const struct event_table *table, struct iova_range range, uint64_t va,
		uint32_t stack)
{
	const struct profile_iommu iommu = iommu_of(table);

	if (profiling())
		profile_map(table->domain, &iommu, range, va, table->sizes, stack);
}

void event_unfill(const void *domain, struct iova_range range)
{
	if (profiling())
		profile_unmap(domain, range);
}

void event_invalidate(const struct event_table *table, struct iova_range range)
{
	const struct profile_iommu iommu = iommu_of(table);

	if (profiling())
		profile_invalidate(table->domain, &iommu, range);
}

void event_table_freed(const void *domain)
{
	if (profiling())
		profile_forget(domain);
}

void event_attach(const char *device, uint32_t pasid, bool attached)
{
	struct line *line;

	PROBE(attach, device, pasid, (int)attached);
	if (!tracing())
		return;
	line = trace_event('i', (struct trace_track){.device = trace_device(device)}, "attach",
			   attached ? "attach" : "detach");
	if (line && pasid)
		line_number(line, "pasid", pasid);
	trace_event_end(line);
	tell_pinned();
}

/* ---- devices ---- */

static struct trace_track track_of(const struct event_dma *dma)
{
	return (struct trace_track){.device = dma->number, .lane = dma->lane};
}

static const char *dma_title(const struct event_dma *dma)
{
	if (dma->copy)
		return "DMA copy";
	return dma->write ? "DMA write" : "DMA read";
}

void event_dma_begin(struct event_dma *dma)
{
	struct line *line;

	PROBE(dma_begin, dma->device, dma->iova, dma->len, (int)dma->write, dma->pasid);
	dma->number = 0;
	if (!tracing())
		return;
	dma->number = trace_device(dma->device);
	dma->lane = trace_lane_enter(dma->number);
	line = trace_event('B', track_of(dma), "dma", dma_title(dma));
	if (!line)
		return;
	line_hex(line, "iova", dma->iova);
	line_hex(line, "length", dma->len);
	if (dma->pasid)
		line_number(line, "pasid", dma->pasid);
	trace_event_end(line);
}

void event_dma_end(const struct event_dma *dma, int result)
{
	struct line *line;

	PROBE(dma_end, dma->device, dma->iova, dma->len, result);
	if (!dma->number)
		return;
	line = trace_event('E', track_of(dma), "dma", dma_title(dma));
	if (line)
		line_string(line, "result", result ? "fault" : "done");
	trace_event_end(line);
	trace_lane_leave(dma->number, dma->lane);
	if (!result)
		trace_count_dma(dma->number, dma->len);
}

void event_translated(const struct profile_access *access, const struct profile_part *parts,
		      size_t count)
{
	if (profiling())
		profile_dma(access, parts, count);
}

void event_fault(const char *device, uint32_t pasid, uint64_t iova, bool write, const char *cause)
{
	struct line *line;

	PROBE(fault, device, pasid, iova, (int)write, cause);
	if (!tracing())
		return;
	line = trace_event('i', (struct trace_track){.device = trace_device(device)}, "fault",
			   "DMA fault");
	if (!line)
		return;
	line_hex(line, "iova", iova);
	line_string(line, "access", write ? "write" : "read");
	if (pasid)
		line_number(line, "pasid", pasid);
	line_string(line, "cause", cause);
	trace_event_end(line);
}

void event_interrupt(const char *device, const char *kind, unsigned int vector)
{
	struct line *line;

	PROBE(interrupt, device, kind, vector);
	if (!tracing())
		return;
	line = trace_event('i', (struct trace_track){.device = trace_device(device)}, "interrupt",
			   kind);
	if (!line)
		return;
	line_number(line, "vector", vector);
	trace_event_end(line);
}

void event_register(const char *device, unsigned int bar, uint64_t offset, unsigned int size,
		    uint64_t value, bool write)
{
	struct line *line;

	PROBE(register_access, device, bar, offset, size, value, (int)write);
	line = trace_event('i', own_thread, "register", write ? "register write" : "register read");
	if (!line)
		return;
	line_string(line, "device", device);
	if (bar < CONFIG_REGION)
		line_number(line, "bar", bar);
	else
		line_string(line, "bar", "config");
	line_hex(line, "offset", offset);
	line_number(line, "size", size);
	line_hex(line, "value", value);
	trace_event_end(line);
}
