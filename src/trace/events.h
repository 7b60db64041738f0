/* SPDX-License-Identifier: MIT */
/*
 * What happens in the engine, for all that watch it: traces (trace.h), the profile
 * (profile/profile.h) and the probes of tracers (probes.h). Whoever makes it happen asks
 *
 *	if (observed())
 *		event_map(...);
 *
 * so there is one place for each event, and without an observer it is a load and a branch.
 *
 * Devices are named by their addresses ("0000:01:00.0"). Context: any thread, with any lock of a
 * lower rank than LOCK_TRACE held, unless a function says otherwise. All functions leave the state
 * of the engine alone.
 */
#ifndef TRACE_EVENTS_H
#define TRACE_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/observe.h"
#include "iova/range.h"

struct uiommufd_caller;
struct call_record;

/* ---- calls ---- */

/* An ioctl. The first members are set by the caller of event_call_begin(). */
struct event_call {
	const void *object; /* the emulated file: tells files with the same name apart */
	const char *file;   /* "/dev/iommu" */
	const char *device; /* "": not the file of a device */
	struct uiommufd_caller *caller;
	uint64_t arg;
	unsigned int cmd;
	int fd;

	struct call_record *record; /* NULL: it is not traced */
};

/* Context: no lock is held, as the caller's memory is read. */
void event_call_begin(struct event_call *call);

/* @why: why it was refused, or "". */
void event_call_end(struct event_call *call, long result, const char *why);

/* An emulated file was opened as @path and has become @fd; the last descriptor of it was closed. */
void event_open(const void *object, const char *path, int fd);
void event_close(const void *object, const char *file);

/* ---- mappings ---- */

/* [@range] of the IOAS @ioas leads to @va. @prot: 1 read, 2 write. */
void event_map(uint32_t ioas, struct iova_range range, uint64_t va, unsigned int prot);
void event_unmap(uint32_t ioas, struct iova_range range);

/* The device's @pasid goes through another page table, or (not @attached) through none. */
void event_attach(const char *device, uint32_t pasid, bool attached);

/* ---- devices ---- */

struct event_dma {
	const char *device;
	uint64_t iova, len;
	uint32_t pasid;
	bool write;
	bool copy; /* inside of memory: @iova is the destination */

	uint32_t number, lane; /* of the trace */
};

void event_dma_begin(struct event_dma *dma);

/* @result: 0, or a negative errno. */
void event_dma_end(const struct event_dma *dma, int result);

/* A DMA of @device failed at @iova. @cause: words. */
void event_fault(const char *device, uint32_t pasid, uint64_t iova, bool write, const char *cause);

/* @device sent the interrupt @vector of @kind: "intx", "msi", "msix". */
void event_interrupt(const char *device, const char *kind, unsigned int vector);

/* A register of @device was read or written. @bar: the index of the region; 7: config space. */
void event_register(const char *device, unsigned int bar, uint64_t offset, unsigned int size,
		    uint64_t value, bool write);

#endif
