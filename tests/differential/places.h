/* SPDX-License-Identifier: MIT */
/*
 * The program's memory and files. They are at the same addresses, and have the same numbers, in
 * every program that replays a sequence: both show in what is printed.
 */
#ifndef DIFFERENTIAL_PLACES_H
#define DIFFERENTIAL_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#define PAGE UINT64_C(4096)

/* Memory to map: private, read-only, of a file. */
#define ANON		   UINT64_C(0x1000000000)
#define ANON_PAGES	   32
#define ANON_SIZE	   (ANON_PAGES * PAGE)
#define READ_ONLY	   UINT64_C(0x1100000000)
#define READ_ONLY_PAGES	   4
#define SHARED		   UINT64_C(0x1200000000)
#define SHARED_PAGES	   8
#define SHARED_SIZE	   (SHARED_PAGES * PAGE)
/* Nothing is here. */
#define HOLE		   UINT64_C(0x1300000000)
/* What a structure points to. */
#define BUFFER		   UINT64_C(0x1400000000)
#define BUFFER_PAGES	   4
#define BUFFER_SIZE	   (BUFFER_PAGES * PAGE)
/* The structure itself: two pages, and one that is read-only and can be written elsewhere. */
#define ARGUMENT	   UINT64_C(0x1500000000)
#define ARGUMENT_SIZE	   (2 * PAGE)
#define ARGUMENT_READ_ONLY UINT64_C(0x1600000000)
#define ARGUMENT_WRITABLE  UINT64_C(0x1700000000)

#define AT(address) ((void *)(uintptr_t)(address))

/* Descriptors. */
enum {
	FD_MEMORY = 100,
	FD_MEMORY_READ_ONLY,
	FD_FILE,
	FD_PIPE,
	FD_NULL,
	FD_NONE = 199,
};

/* What a sequence has done to ANON and SHARED. */
extern struct touched {
	bool anon_moved; /* parts of ANON are other memory */
	bool anon_gone;	 /* and some are not there, or cannot be written: nobody looks at it */
	bool shared_cut; /* parts of the file were taken away */
} touched;

/* RLIMIT_MEMLOCK at the start. */
extern struct rlimit memlock;

void places_create(void);

/* As it was at the start. */
void places_reset(void);

/* Copies to where the sequence's @address points, as far as that is in BUFFER. */
void buffer_put(uint64_t address, const void *bytes, size_t size);

void buffer_fill(int byte, size_t size);

#endif
