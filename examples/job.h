/* SPDX-License-Identifier: MIT */
/* What the copy programs do beside copying: command line, files, and the comparison at the end. */
#ifndef EXAMPLES_JOB_H
#define EXAMPLES_JOB_H

#include "edu.h"

struct job {
	char bdf[64]; /* the device */
	int fd;	      /* the file */
	size_t len;   /* how much of it */
	const char *out;
	double begin;
};

/* From the command line. Ends the program if that is no good. */
void job_parse(struct job *job, int argc, char **argv);

/* Reads the file into @from. */
void job_read(const struct job *job, struct mapping *from);

/* Takes the time. */
void job_begin(struct job *job);

/* Tells how it went, compares, and writes the copy where the user wants it. */
void job_end(const struct job *job, const struct edu *edu, const struct mapping *from,
	     const struct mapping *to);

#endif
