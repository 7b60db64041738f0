/* SPDX-License-Identifier: MIT */
/*
 * Runs random sequences of system calls on /dev/iommu and its mock devices, and prints what came of
 * each. The same seed makes the same sequence, on Linux with its test driver and under
 * `uiommufd run --mock`, so that what both print can be compared (differential.py).
 *
 *     sequences hash    for each SEED on stdin: the seed, and a hash of its text
 *     sequences text    for each SEED or SEED:STEP,STEP... on stdin: its text
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "places.h"
#include "record.h"
#include "sequence.h"

/* The steps of SEED[:STEP,STEP...], of which @list is what follows the seed. */
static uint64_t parse_steps(char *list)
{
	uint64_t steps = 0;

	if (*list != ':')
		return UINT64_MAX;
	while (*list == ':' || *list == ',') {
		char *end;
		unsigned long step = strtoul(list + 1, &end, 10);

		if (end != list + 1 && step < 64)
			steps |= UINT64_C(1) << step;
		list = end;
	}
	return steps;
}

static void print_hash(uint64_t seed)
{
	sequence_run(seed, UINT64_MAX);
	printf("%llu %llx\n", (unsigned long long)seed, (unsigned long long)record_hash());
}

static void print_text(uint64_t seed, const char *line, char *list)
{
	record("=== %s\n", line);
	sequence_run(seed, parse_steps(list));
	record("=== end\n");
	record_flush();
}

int main(int argc, char **argv)
{
	const bool text = argc == 2 && !strcmp(argv[1], "text");
	char line[512], *list;
	uint64_t seed;

	if (!text && (argc != 2 || strcmp(argv[1], "hash") != 0)) {
		fprintf(stderr, "usage: %s hash|text <SEEDS\n", argv[0]);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* The same numbers for what is opened, everywhere. */
	for (int fd = 3; fd < FD_MEMORY; fd++)
		close(fd);
	places_create();
	if (text)
		record_print();
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		seed = strtoull(line, &list, 10);
		if (text)
			print_text(seed, line, list);
		else
			print_hash(seed);
	}
	return 0;
}
