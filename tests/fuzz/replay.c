/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target without libFuzzer, so that every compiler and sanitizer can: the seeds in the
 * directories named as arguments, then each of them damaged at random, then random bytes. The same
 * every time: the random numbers come from UIOMMUFD_SEED, which is 1 by default.
 */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/random.h"
#include "fuzz.h"

enum {
	LONGEST = 4096,
	VARIANTS = 200, /* variants of each seed */
	RANDOM_INPUTS = 5000,
	RANDOM_LEN = 600,
};

struct seed {
	uint8_t bytes[LONGEST];
	size_t len;
};

static void run_damaged(const struct seed *seed)
{
	struct seed variant = *seed;
	uint64_t changes = 1 + random_below(8);

	if (!seed->len)
		return;
	for (uint64_t i = 0; i < changes; i++)
		variant.bytes[random_below(variant.len)] = (uint8_t)random_below(256);
	if (random_below(4) == 0)
		variant.len = random_below(variant.len) + 1;
	LLVMFuzzerTestOneInput(variant.bytes, variant.len);
}

static int run_file(const char *path)
{
	struct seed seed;
	FILE *in = fopen(path, "rb");

	if (!in) {
		perror(path);
		return -1;
	}
	seed.len = fread(seed.bytes, 1, sizeof(seed.bytes), in);
	fclose(in);
	LLVMFuzzerTestOneInput(seed.bytes, seed.len);
	for (int i = 0; i < VARIANTS; i++)
		run_damaged(&seed);
	return 0;
}

/* Returns how many seeds were run, or -1. */
static int run_directory(const char *path)
{
	struct dirent **entries;
	int found = scandir(path, &entries, NULL, alphasort), run = 0;

	if (found < 0) {
		perror(path);
		return -1;
	}
	for (int i = 0; i < found; i++) {
		char file[PATH_MAX];

		snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
		if (run >= 0 && entries[i]->d_name[0] != '.')
			run = run_file(file) ? -1 : run + 1;
		free(entries[i]);
	}
	free(entries);
	return run;
}

static void run_random(void)
{
	struct seed input;

	input.len = random_below(RANDOM_LEN);
	for (size_t i = 0; i < input.len; i++)
		input.bytes[i] = (uint8_t)random_below(256);
	LLVMFuzzerTestOneInput(input.bytes, input.len);
}

int main(int argc, char **argv)
{
	int seeds = 0;

	random_seed(1);
	for (int i = 1; i < argc; i++) {
		int run = run_directory(argv[i]);

		if (run < 0)
			return EXIT_FAILURE;
		seeds += run;
	}
	for (int i = 0; i < RANDOM_INPUTS; i++)
		run_random();
	printf("%d seeds, %d damaged, %d random inputs\n", seeds, seeds * VARIANTS, RANDOM_INPUTS);
	return EXIT_SUCCESS;
}
