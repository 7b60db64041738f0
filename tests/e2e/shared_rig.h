/* SPDX-License-Identifier: MIT */
/* What the programs need that do random things on a shared machine. */
#ifndef E2E_SHARED_RIG_H
#define E2E_SHARED_RIG_H

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

static uint64_t random_state;

static inline uint64_t random_number(void)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return random_state >> 20;
}

/* Descriptors of the server, whose child this program is. */
static inline int descriptors_of_server(void)
{
	char path[64];
	int count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", getppid());
	dir = opendir(path);
	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

#endif
