/* SPDX-License-Identifier: MIT */
/*
 * A second opinion on what page tables say: reads raw memory from the root by the bit tables of the
 * specification, shares nothing with src/iopt, and objects to every bit that should not be there.
 */
#ifndef TESTS_UNIT_IOPT_DECODER_H
#define TESTS_UNIT_IOPT_DECODER_H

#include <stdbool.h>
#include <stdint.h>

enum decode_result {
	DECODE_NONE, /* nothing mapped */
	DECODE_LEAF,
	DECODE_BAD, /* against the specification; see why */
};

struct decoded {
	uint64_t oa;   /* of the address asked for */
	uint64_t size; /* of the leaf */
	bool read;
	bool write;
	bool dirty;
	bool coherent; /* forced */
	bool device;
	uint64_t entry;
	const char *why;
};

/* @format as iopt names it; @level of the top table @root, from the bottom. */
enum decode_result decode(const char *format, const void *root, unsigned int level, uint64_t iova,
			  struct decoded *out);

#endif
