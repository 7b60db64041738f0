/* SPDX-License-Identifier: MIT */
/* The text is the thread's; whether it is logged is a setting of the process. */
#include "iommufd/object/last_error.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/log.h"

enum {
	TEXT_SIZE = 320
};

static __thread char text[TEXT_SIZE];
static __thread const char *subject;
static _Atomic bool logging;

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

void last_error_set_logging(bool on)
{
	atomic_store_explicit(&logging, on, memory_order_relaxed);
}

void last_error_set(const char *format, ...)
{
	int used = subject ? snprintf(text, sizeof(text), "%s: ", subject) : 0;
	va_list args;

	va_start(args, format);
	if (used >= 0 && used < TEXT_SIZE)
		vsnprintf(text + used, (size_t)(TEXT_SIZE - used), format, args);
	va_end(args);
	if (atomic_load_explicit(&logging, memory_order_relaxed))
		log_fault("refused: %s", text);
}
