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

/*
 * An emulated file was opened as @path and has become @fd; a call has made one called @file; the
 * last descriptor of one was closed.
 */
void event_open(const void *object, const char *path, int fd);
void event_made(const void *object, const char *file, int fd);
void event_close(const void *object, const char *file);

/* ---- mappings ---- */

/* [@range] of the IOAS @ioas leads to @va. @prot: 1 read, 2 write. */
void event_map(uint32_t ioas, struct iova_range range, uint64_t va, unsigned int prot);
void event_unmap(uint32_t ioas, struct iova_range range);

/*
 * The page table of a domain (an address that is not used), of the IOMMU with this name and kind,
 * has a mapping, or has it no more; @sizes: of the pages that it can have, as bits. @stack: of the
 * call (report/stack.h).
 */
struct event_table {
	const void *domain;
	const char *iommu, *kind;
	uint64_t sizes;
};

void event_fill(const struct event_table *table, struct iova_range range, uint64_t va,
		uint32_t stack);
void event_unfill(const void *domain, struct iova_range range);

/* What is cached of @range was invalidated by a guest; the page table is freed. */
void event_invalidate(const struct event_table *table, struct iova_range range);
void event_table_freed(const void *domain);

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

/*
 * Parts of a DMA, each in one page, went through the page tables. Context: inside the gate of the
 * domain, not in a read-side critical section.
 */
struct profile_access;
struct profile_part;
void event_translated(const struct profile_access *access, const struct profile_part *parts,
		      size_t count);

/* A DMA of @device failed at @iova. @cause: words. */
void event_fault(const char *device, uint32_t pasid, uint64_t iova, bool write, const char *cause);

/* @device sent the interrupt @vector of @kind: "intx", "msi", "msix". */
void event_interrupt(const char *device, const char *kind, unsigned int vector);

/* A register of @device was read or written. @bar: the index of the region; 7: config space. */
void event_register(const char *device, unsigned int bar, uint64_t offset, unsigned int size,
		    uint64_t value, bool write);

#endif
