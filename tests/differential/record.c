/* SPDX-License-Identifier: MIT */
#include "record.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FNV_START 0xcbf29ce484222325
#define FNV_PRIME 0x100000001b3

enum {
	LONGEST = 2048, /* of one call of record() */
};

static bool printing;
static uint64_t hash;
static char text[1 << 16];
static size_t used;

void record_print(void)
{
	printing = true;
}

void record_begin(void)
{
	hash = FNV_START;
}

void record_flush(void)
{
	size_t done = 0;

	while (printing && done < used) {
		ssize_t written = write(STDOUT_FILENO, text + done, used - done);

		if (written <= 0)
			_exit(3);
		done += (size_t)written;
	}
	used = 0;
}

static uint64_t hash_more(uint64_t so_far, const void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		so_far = (so_far ^ ((const uint8_t *)bytes)[i]) * FNV_PRIME;
	return so_far;
}

void record(const char *format, ...)
{
	va_list arguments;
	size_t length;
	int printed;

	if (used > sizeof(text) - LONGEST)
		record_flush();
	va_start(arguments, format);
	printed = vsnprintf(text + used, LONGEST, format, arguments);
	va_end(arguments);
	length = printed < LONGEST ? (size_t)printed : LONGEST - 1;
	hash = hash_more(hash, text + used, length);
	used += length;
}

uint64_t record_hash(void)
{
	return hash;
}

uint64_t hash_of(const void *bytes, size_t size)
{
	return hash_more(FNV_START, bytes, size);
}

/* The names that the recorded texts use; other errors are numbers there. */
static bool has_name(int error)
{
	static const int named[] = {
		EPERM,	  ENOENT,     EIO,	  ENXIO,   E2BIG,     EBADF,  EAGAIN,
		ENOMEM,	  EACCES,     EFAULT,	  EBUSY,   EEXIST,    ENODEV, EINVAL,
		ENFILE,	  EMFILE,     ENOTTY,	  EFBIG,   ENOSPC,    ESPIPE, EROFS,
		EPIPE,	  EDOM,	      ERANGE,	  EDEADLK, EOVERFLOW, EBADE,  EBADFD,
		EMSGSIZE, EOPNOTSUPP, EADDRINUSE, ENODATA, ETIME,     EPROTO,
	};

	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		if (named[i] == error)
			return true;
	}
	return false;
}

const char *error_name(int error)
{
	static char number[16];

	if (has_name(error))
		return strerrorname_np(error);
	snprintf(number, sizeof(number), "E%d", error);
	return number;
}
