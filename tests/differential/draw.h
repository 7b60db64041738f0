/* SPDX-License-Identifier: MIT */
/*
 * Random numbers. Each step of a sequence has a stream of its own, so that a step draws the same
 * whether those before it ran or not.
 */
#ifndef DIFFERENTIAL_DRAW_H
#define DIFFERENTIAL_DRAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Streams that are no step's. */
enum {
	STREAM_DUMP = 777,
	STREAM_SEQUENCE = 1000,
	STREAM_END = 2000,
};

/* Begins stream @step of sequence @seed. */
void draw_begin(uint64_t seed, uint64_t step);

uint64_t draw(void);

/* As likely to be small as large. */
uint64_t draw_magnitude(void);

/* A number below @n; 0 for @n = 0. */
uint32_t below(uint32_t n);

/* True in @percent of a hundred cases. */
bool percent(uint32_t percent);

uint64_t one_of_array(const uint64_t *values, size_t count);

#define VALUES(...) ((const uint64_t[]){__VA_ARGS__})
#define ONE_OF(...) \
	one_of_array(VALUES(__VA_ARGS__), sizeof(VALUES(__VA_ARGS__)) / sizeof(uint64_t))
#define ONE_OF32(...) ((uint32_t)ONE_OF(__VA_ARGS__))

#endif
