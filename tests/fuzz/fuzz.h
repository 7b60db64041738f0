/* SPDX-License-Identifier: MIT */
/* What the fuzz targets share: reading an input, and the entry that both drivers call. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's name for it; called again and again in one process. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is left of an input. */
struct fuzz_input {
	const uint8_t *data;
	size_t left;
};

/* The next byte; 0 past the end. */
static inline uint8_t fuzz_byte(struct fuzz_input *input)
{
	if (!input->left)
		return 0;
	input->left--;
	return *input->data++;
}

/* The next @count (at most 8) bytes as one little-endian number. */
static inline uint64_t fuzz_bytes(struct fuzz_input *input, unsigned int count)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < count; i++)
		value |= (uint64_t)fuzz_byte(input) << (8 * i);
	return value;
}

#endif
