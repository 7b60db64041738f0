/* SPDX-License-Identifier: MIT */
/* A sequence: what its seed makes of it is recorded with record(). */
#ifndef DIFFERENTIAL_SEQUENCE_H
#define DIFFERENTIAL_SEQUENCE_H

#include <stdint.h>

/*
 * Runs sequence @seed with the steps whose bit in @steps is set. Every sequence starts anew; what
 * it leaves is let go of.
 */
void sequence_run(uint64_t seed, uint64_t steps);

/* Tells what can be seen of all that the sequence has made. */
void dump_all(uint64_t seed);

#endif
