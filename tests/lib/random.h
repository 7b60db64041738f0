/* SPDX-License-Identifier: MIT */
/*
 * Random numbers of tests and benchmarks: splitmix64, where every state is a good one. The inline
 * functions know nothing of the engine and need no library.
 *
 * A program has one seed: UIOMMUFD_SEED of the environment, or one that is printed, so that a run
 * that failed can be repeated. random_u64() and random_below() draw from it, on the main thread
 * only; each other thread gets a generator of its own from rng_of().
 */
#ifndef TESTS_LIB_RANDOM_H
#define TESTS_LIB_RANDOM_H

#include <stdint.h>

struct rng {
	uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng)
{
	uint64_t z = rng->state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* A number below @bound, which is not 0. */
static inline uint64_t rng_below(struct rng *rng, uint64_t bound)
{
	return rng_next(rng) % bound;
}

/*
 * The seed of this program: UIOMMUFD_SEED, or @otherwise if that is not set. The first call reads
 * and prints it, and decides for all others.
 */
uint64_t random_seed(uint64_t otherwise);

/* A generator of its own for each @stream (thread, case) of the program; they repeat together. */
struct rng rng_of(uint64_t stream);

/* The program's generator; without an earlier random_seed(), the clock is the seed. */
uint64_t random_u64(void);

/* A number below @bound, which is not 0. */
uint64_t random_below(uint64_t bound);

#endif
