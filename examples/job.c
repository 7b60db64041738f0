/* SPDX-License-Identifier: MIT */
/* See job.h. */
#include "job.h"

#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"

/* Looks for the C library of this process: a file of some MiB that every system has. */
static int consider_library(struct dl_phdr_info *info, size_t size, void *arg)
{
	const bool found = strstr(info->dlpi_name, "/libc.") != NULL;

	(void)size;
	if (found)
		snprintf(arg, SYSFS_PATH, "%s", info->dlpi_name);
	return found;
}

/* FNV-1a, 64 bits. */
static uint64_t checksum(const uint8_t *bytes, size_t len)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static void usage(int status)
{
	fprintf(status ? stderr : stdout,
		"usage: %s [-d BDF] [-n BYTES] [-o OUT] [FILE]\n"
		"Copies FILE through the DMA buffer of an \"edu\" PCI device, and compares.\n"
		"  -d BDF    the device (0000:01:00.0); default: the first edu\n"
		"  -n BYTES  copy at most this many (QEMU's edu takes 200 ms for each 4096)\n"
		"  -o OUT    write the copy there\n"
		"  FILE      default: the C library of this process\n",
		program_invocation_short_name);
	exit(status);
}

void job_parse(struct job *job, int argc, char **argv)
{
	char file[SYSFS_PATH];
	size_t limit = SIZE_MAX;
	int option;

	*job = (struct job){.out = NULL};
	while ((option = getopt(argc, argv, "d:n:o:h")) != -1) {
		switch (option) {
		case 'd':
			snprintf(job->bdf, sizeof(job->bdf), "%s", optarg);
			break;
		case 'n':
			limit = strtoull(optarg, NULL, 0);
			if (!limit)
				usage(1);
			break;
		case 'o':
			job->out = optarg;
			break;
		default:
			usage(option != 'h');
		}
	}
	if (argc - optind > 1)
		usage(1);
	if (optind < argc)
		snprintf(file, sizeof(file), "%s", argv[optind]);
	else if (!dl_iterate_phdr(consider_library, file))
		fail("this process has no shared C library to copy; name a FILE");
	job->fd = file_open(file, limit, &job->len);
	if (!*job->bdf)
		find_edu(job->bdf, sizeof(job->bdf));
}

void job_read(const struct job *job, struct mapping *from)
{
	file_read(job->fd, from->memory, job->len);
}

void job_begin(struct job *job)
{
	job->begin = seconds();
}

void job_end(const struct job *job, const struct edu *edu, const struct mapping *from,
	     const struct mapping *to)
{
	printf("copied    %zu bytes, %lu DMA transfers, %lu interrupts, %.3f s\n", job->len,
	       edu->transfers, edu->interrupts, seconds() - job->begin);
	if (memcmp(from->memory, to->memory, job->len) != 0)
		fail("the copy differs: checksum 0x%016llx, should be 0x%016llx",
		     (unsigned long long)checksum(to->memory, job->len),
		     (unsigned long long)checksum(from->memory, job->len));
	printf("verified  checksum 0x%016llx (FNV-1a)\n",
	       (unsigned long long)checksum(to->memory, job->len));
	if (job->out)
		file_write(job->out, to->memory, job->len);
}
