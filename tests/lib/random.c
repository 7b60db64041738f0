/* SPDX-License-Identifier: MIT */
#include "random.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of what follows */
static bool seeded; /* atomic: random_u64() reads it without the lock */
static uint64_t seed;
static struct rng generator;

uint64_t random_seed(uint64_t otherwise)
{
	const char *given = getenv("UIOMMUFD_SEED");
	uint64_t result;

	pthread_mutex_lock(&lock);
	if (!seeded) {
		seed = given ? strtoull(given, NULL, 0) : otherwise;
		generator.state = seed;
		__atomic_store_n(&seeded, true, __ATOMIC_RELEASE);
		printf("UIOMMUFD_SEED=%llu\n", (unsigned long long)seed);
		fflush(stdout);
	}
	result = seed;
	pthread_mutex_unlock(&lock);
	return result;
}

struct rng rng_of(uint64_t stream)
{
	struct rng rng = {.state = random_seed((uint64_t)time(NULL)) + stream};

	/* Neighbouring states would give nearly the same sequence, shifted by one. */
	rng.state = rng_next(&rng);
	return rng;
}

uint64_t random_u64(void)
{
	if (!__atomic_load_n(&seeded, __ATOMIC_ACQUIRE))
		random_seed((uint64_t)time(NULL));
	return rng_next(&generator);
}

uint64_t random_below(uint64_t bound)
{
	return random_u64() % bound;
}
