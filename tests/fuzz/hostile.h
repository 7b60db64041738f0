/* SPDX-License-Identifier: MIT */
/*
 * A program that means harm: the caller that fuzz targets act for.
 *
 * Its whole memory is one arena of this process; any other address is EFAULT, so a stray pointer
 * does no harm. It has a few descriptors from the start, and keeps the files that it is given.
 */
#ifndef FUZZ_HOSTILE_H
#define FUZZ_HOSTILE_H

#include <uiommufd/caller.h>

#include "fuzz.h"

enum {
	HOSTILE_MEMFD = 3,
	HOSTILE_EVENTFD = 4,
	HOSTILE_FILES = 8,
	HOSTILE_PAGES = 64,
	HOSTILE_FIRST_FILE = 5, /* the descriptor of files[0] */
};

struct hostile {
	struct uiommufd_caller caller;
	struct uiommufd_file *files[HOSTILE_FILES];
	uint8_t race; /* not 0: another thread changes what has been read, at once */
};

/* A program at its start, its memory zeroed. One at a time. */
void hostile_start(struct hostile *program);

/* Closes its files; whatever else it reached must be closed already. Asserts that nothing of it is
 * still referenced or pinned. */
void hostile_finish(struct hostile *program);

/* Gives it @file (the reference is taken over). Returns the descriptor, or -EMFILE. */
int hostile_give(struct hostile *program, struct uiommufd_file *file);

/* A 64-bit value of a kind that calls care about: nothing, small numbers, good and bad addresses,
 * pages, all. */
uint64_t hostile_word(struct fuzz_input *input);

/* The address of page @n of its memory, from 0 to HOSTILE_PAGES - 1. */
uint64_t hostile_page(unsigned int n);

/* Puts @len bytes of a structure into its memory; bit 7 of @how: where the last bytes are missing.
 * Returns the address. */
uint64_t hostile_place(const void *bytes, size_t len, unsigned int how);

/* Fills some memory with words: what pointers point to. */
void hostile_fill(struct fuzz_input *input);

/* Reads, writes, maps, closes or asks about the readiness of one of its files. */
void hostile_use_file(struct hostile *program, struct fuzz_input *input);

#endif
