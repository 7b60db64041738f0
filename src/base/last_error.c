/* SPDX-License-Identifier: MIT */
/* The text, what it says of the program, and the device that it is about: all the thread's. */
#include "base/last_error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum {
	TEXT_SIZE = 480
};

static __thread char text[TEXT_SIZE];
static __thread enum refusal_kind kind;
static __thread const char *subject;
static __thread const char *reason; /* the format of the text */

void last_error_clear(void)
{
	text[0] = '\0';
}

void last_error_about(const char *name)
{
	subject = name;
}

const char *last_error_text(void)
{
	return text;
}

enum refusal_kind last_error_kind(void)
{
	return text[0] ? kind : REFUSAL_NONE;
}

uint64_t last_error_reason(void)
{
	return text[0] ? (uintptr_t)reason : 0;
}

static void set(enum refusal_kind new_kind, const char *format, va_list args)
{
	int used = subject ? snprintf(text, sizeof(text), "%s: ", subject) : 0;

	kind = new_kind;
	reason = format;
	if (used >= 0 && used < TEXT_SIZE)
		vsnprintf(text + used, (size_t)(TEXT_SIZE - used), format, args);
}

int refuse(int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set(REFUSAL_ANSWER, format, args);
	va_end(args);
	return error;
}

int refuse_mistake(int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set(REFUSAL_MISTAKE, format, args);
	va_end(args);
	return error;
}

int refuse_flags(int error, const char *member, uint64_t flags, uint64_t known)
{
	return refuse(error, "%s 0x%" PRIx64 ": 0x%" PRIx64 " is not known here, 0x%" PRIx64 " is",
		      member, flags, flags & ~known, known);
}

int refuse_reserved_member(void)
{
	return refuse(-EOPNOTSUPP, "a reserved member is not 0");
}

int refuse_memory(const char *what, uint64_t at, uint64_t len)
{
	return refuse_mistake(-EFAULT,
			      "%s, %" PRIu64 " bytes at 0x%" PRIx64
			      ", is not memory that the call can use",
			      what, len, at);
}

int refuse_unless_said(int error, const char *format, ...)
{
	va_list args;

	if (text[0])
		return error;
	va_start(args, format);
	set(REFUSAL_ANSWER, format, args);
	va_end(args);
	return error;
}
