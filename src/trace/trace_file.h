/* SPDX-License-Identifier: MIT */
/*
 * The file of a trace: a JSON array of events, one on each line, which several processes append to.
 *
 * A process owns chunks of the file: each is appended as blanks, which mean nothing in JSON, and
 * mapped. Lines are stored there, so writing one is no system call, and what has been written stays
 * if the process is killed. The command that started the processes begins the array, and when they
 * have ended it takes the blanks out and closes the array (trace_file_close()). Until then it lacks
 * its end, as viewers permit.
 *
 * The owner (trace.c) serialises all calls but those of the command.
 */
#ifndef TRACE_TRACE_FILE_H
#define TRACE_TRACE_FILE_H

#include <stdbool.h>
#include <stddef.h>

struct trace_file {
	int fd;	     /* ours to keep; -1: none */
	char *chunk; /* NULL: none */
	size_t used; /* of it */
};

#define TRACE_FILE_INIT  \
	{                \
		.fd = -1 \
	}

enum {
	TRACE_LINE_MAX = 32768,	       /* bytes of a line */
	TRACE_CHUNK_SIZE = 256 * 1024, /* a line is in one chunk */
};

/*
 * Creates the file @path, with @line as the first of its array, in place of what is there. 0 or a
 * negative errno.
 */
int trace_file_create(const char *path, const char *line, size_t len);

/* Opens the file @path to append to it. 0 or a negative errno. */
int trace_file_open(struct trace_file *file, const char *path);

/* Appends a line of @len bytes. 0, or a negative errno: nothing was appended. */
int trace_file_append(struct trace_file *file, const char *line, size_t len);

/* Lets go of the file, in the child of a fork, too. */
void trace_file_leave(struct trace_file *file);

/*
 * For the command, when no process appends any more: removes the blanks, and lines that were not
 * finished, and ends the array. 0 or a negative errno.
 */
int trace_file_close(const char *path);

#endif
