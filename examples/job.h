/* SPDX-License-Identifier: MIT */
/* What the copy programs do besides copying: command line, files, comparison. */
#ifndef EXAMPLES_JOB_H
#define EXAMPLES_JOB_H

#include "edu.h"

struct job {
	char bdf[64];	 /* the device */
	int fd;		 /* the file */
	size_t len;	 /* bytes of it to copy */
	const char *out; /* where to write the copy, or NULL */
	double begin;	 /* when the copy began */
};

/* Reads the command line. Ends the program if it is wrong. */
void job_parse(struct job *job, int argc, char **argv);

/* Reads the file into @from. */
void job_read(const struct job *job, struct mapping *from);

/* Records when the copy begins. */
void job_begin(struct job *job);

/* Prints the result, compares, and writes the copy if the user asked for it. */
void job_end(const struct job *job, const struct edu *edu, const struct mapping *from,
	     const struct mapping *to);

#endif
