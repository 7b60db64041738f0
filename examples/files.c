/* SPDX-License-Identifier: MIT */
/* See files.h. */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void fail(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	exit(1);
}

int file_open(const char *path, size_t limit, size_t *len)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st))
		fail("%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || !st.st_size)
		fail("%s is empty or not a regular file", path);
	*len = (size_t)st.st_size < limit ? (size_t)st.st_size : limit;
	printf("file      %s, %zu bytes of it\n", path, *len);
	return fd;
}

void file_read(int fd, void *to, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t part = read(fd, (char *)to + done, len - done);

		if (part <= 0)
			fail("reading the file: %s", part ? strerror(errno) : "it became shorter");
		done += (size_t)part;
	}
}

void file_write(const char *path, const void *from, size_t len)
{
	FILE *file = fopen(path, "we");

	if (!file || fwrite(from, 1, len, file) != len || fclose(file))
		fail("%s: %s", path, strerror(errno));
}

double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}
