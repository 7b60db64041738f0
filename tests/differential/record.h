/* SPDX-License-Identifier: MIT */
/*
 * What a sequence tells: text, of which a hash is kept, and which is printed if somebody reads it.
 */
#ifndef DIFFERENTIAL_RECORD_H
#define DIFFERENTIAL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Has the text printed from here on. */
void record_print(void);

/* Begins a sequence. */
void record_begin(void);

__attribute__((format(printf, 1, 2))) void record(const char *format, ...);

/* Prints what is kept back. */
void record_flush(void);

/* Of all text of the sequence so far. */
uint64_t record_hash(void);

uint64_t hash_of(const void *bytes, size_t size);

/* The name of an error; valid until the next call. */
const char *error_name(int error);

#endif
