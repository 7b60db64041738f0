/* SPDX-License-Identifier: MIT */
/*
 * What the program's sanitizer knows of memory that a device accesses. In a program that is built
 * with AddressSanitizer, memory that was freed, went out of scope or lies between two objects is
 * poisoned; with MemorySanitizer, memory that was never written is.
 *
 * Only the public interfaces of the sanitizers are called, if the program has them. Context: any;
 * LOCK_STACKS is taken.
 */
#ifndef REPORT_SANITIZER_H
#define REPORT_SANITIZER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sanitizer_objection {
	SANITIZER_FINE,
	SANITIZER_POISONED,	 /* not the program's to use */
	SANITIZER_UNINITIALISED, /* read by the device, never written */
};

/* What a sanitizer objects to, and what it knows of that memory. */
struct sanitizer_finding {
	enum sanitizer_objection objection; /* FINE: the rest is not set */
	const void *address;		    /* the first that is bad */
	const char *place;		    /* "heap", "stack", ... or "" */
	uint64_t start, size;		    /* the object there, or the nearest one; size 0: none */
	uint32_t allocated, freed;	    /* stacks (report/stack.h); 0: unknown */
};

extern atomic_bool sanitizer_watching;

/* Whether the program has a sanitizer, and sanitizer_start() was called. */
static inline bool sanitizer_present(void)
{
	return __builtin_expect(atomic_load_explicit(&sanitizer_watching, memory_order_relaxed), 0);
}

/* Looks for a sanitizer in this process. Context: before any DMA. */
void sanitizer_start(void);

/*
 * Before a device reads (writes) @len bytes at @address: sets finding->objection. What is known of
 * freed memory is in that memory, so a write destroys it.
 */
void sanitizer_check_read(const void *address, size_t len, struct sanitizer_finding *finding);
void sanitizer_check_write(const void *address, size_t len, struct sanitizer_finding *finding);

/*
 * ThreadSanitizer: a device is one more thread, which reads (writes) @len bytes at @address. A
 * write of a naturally aligned word is not checked, since drivers poll such words: it is a store
 * with release semantics, and an atomic load of the program that sees it is ordered behind it.
 *
 * The order is that of PCIe: what the program did before it wrote a register (sanitizer_doorbell())
 * is before the DMA that follows, and DMA is before the program's next read of a register or of an
 * eventfd (sanitizer_completion()).
 */
void sanitizer_device_read(const void *address, size_t len);
void sanitizer_device_write(const void *address, size_t len);
void sanitizer_doorbell(void);
void sanitizer_completion(void);

/*
 * The size of the object of the heap that begins at @address, as AddressSanitizer knows it; 0:
 * there is none, or the program has no AddressSanitizer.
 */
uint64_t sanitizer_object_size(const void *address);

#endif
