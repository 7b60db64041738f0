/* SPDX-License-Identifier: MIT */
/* Splits HEAD[@BDF][,opt=val]...; what the parts mean is decided elsewhere. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/sys.h"
#include "machine/machine_internal.h"

int machine_fail(const struct machine_error *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (error->size)
		vsnprintf(error->text, error->size, format, args);
	va_end(args);
	return -EINVAL;
}

int machine_no_memory(const struct machine_error *error)
{
	(void)machine_fail(error, "out of memory");
	return -ENOMEM;
}

static int add_option(struct machine_text *parts, char *option, const struct machine_error *error)
{
	char *equals = strchr(option, '=');

	if (equals == option || !*option)
		return machine_fail(error, "\"%s\" is no option: write name=value", option);
	if (equals)
		*equals = '\0';
	if (parts->option_count == MACHINE_MAX_OPTIONS)
		return machine_fail(error, "more than %d options", MACHINE_MAX_OPTIONS);
	for (unsigned int i = 0; i < parts->option_count; i++)
		if (strcmp(parts->options[i].name, option) == 0)
			return machine_fail(error, "option %s is given twice", option);
	parts->options[parts->option_count++] =
		(struct option_value){option, equals ? equals + 1 : NULL};
	return 0;
}

int machine_text_split(const char *text, struct machine_text *parts,
		       const struct machine_error *error)
{
	size_t size = strlen(text) + 1;
	char *next, *head, *at;
	int rc;

	*parts = (struct machine_text){0};
	if (strchr(text, '\n'))
		return machine_fail(error, "a text is one line");
	parts->copy = alloc_zeroed(size);
	if (!parts->copy)
		return machine_no_memory(error);
	memcpy(parts->copy, text, size);
	next = parts->copy;
	head = strsep(&next, ",");
	parts->head = head;
	at = strrchr(head, '@');
	if (at && !strchr(at, '/')) {
		*at = '\0';
		parts->bdf = at + 1;
	}
	while (next) {
		rc = add_option(parts, strsep(&next, ","), error);
		if (rc)
			goto out_free;
	}
	return 0;

out_free:
	machine_text_free(parts);
	return rc;
}

int machine_text_need_values(const struct machine_text *parts, const struct machine_error *error)
{
	for (unsigned int i = 0; i < parts->option_count; i++)
		if (!parts->options[i].value)
			return machine_fail(error, "\"%s\" is no option: write name=value",
					    parts->options[i].name);
	return 0;
}

int machine_text_make_absolute(struct machine_text *parts, unsigned int option,
			       const struct machine_error *error)
{
	const char *name = parts->options[option].name, *path = parts->options[option].value;
	size_t size = PATH_MAX + strlen(path) + 1, used;
	char *absolute;

	if (path[0] == '/' || !path[0])
		return 0;
	absolute = alloc_zeroed(size);
	if (!absolute)
		return machine_no_memory(error);
	parts->absolute[parts->absolute_count++] = absolute;
	if (sys_call(SYS_getcwd, (long)absolute, PATH_MAX, 0, 0, 0, 0) < 0 || absolute[0] != '/' ||
	    strpbrk(absolute, ",\n"))
		return machine_fail(error,
				    "%s=%s: the path of the working directory cannot be put before "
				    "it: write an absolute path",
				    name, path);
	used = strlen(absolute);
	snprintf(absolute + used, size - used, "/%s", path);
	parts->options[option].value = absolute;
	return 0;
}

void machine_text_free(struct machine_text *parts)
{
	for (unsigned int i = 0; i < parts->absolute_count; i++)
		alloc_free(parts->absolute[i]);
	alloc_free(parts->copy);
	*parts = (struct machine_text){0};
}

const char *machine_text_take(struct machine_text *parts, const char *name)
{
	for (unsigned int i = 0; i < parts->option_count; i++) {
		const char *value = parts->options[i].value;

		if (strcmp(parts->options[i].name, name) != 0)
			continue;
		parts->option_count--;
		memmove(parts->options + i, parts->options + i + 1,
			(parts->option_count - i) * sizeof(parts->options[0]));
		return value;
	}
	return NULL;
}

char *machine_text_join(const struct machine_text *parts)
{
	size_t size = 1, used = 0;
	char *text;

	for (unsigned int i = 0; i < parts->option_count; i++)
		size += strlen(parts->options[i].name) + strlen(parts->options[i].value) + 2;
	text = alloc_zeroed(size);
	for (unsigned int i = 0; text && i < parts->option_count; i++)
		used += (size_t)snprintf(text + used, size - used, ",%s=%s", parts->options[i].name,
					 parts->options[i].value);
	return text;
}

bool machine_number_parse(const char *text, unsigned int max, unsigned int *number)
{
	unsigned long value;
	char *end;

	if (!isdigit((unsigned char)*text) || strlen(text) > 10)
		return false;
	value = strtoul(text, &end, 10);
	if (*end || value > max)
		return false;
	*number = (unsigned int)value;
	return true;
}

/* Reads exactly @digits hexadecimal digits and @end at *@text, and moves *@text behind them. */
static bool hex_field(const char **text, unsigned int digits, char end, unsigned int *value)
{
	*value = 0;
	for (unsigned int i = 0; i < digits; i++, (*text)++) {
		unsigned char c = (unsigned char)**text;

		if (!isxdigit(c))
			return false;
		*value = *value << 4 | (unsigned int)(isdigit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	if (**text != end)
		return false;
	if (end)
		(*text)++;
	return true;
}

bool machine_bdf_parse(const char *text, struct pci_bdf *bdf)
{
	unsigned int domain = 0, bus, slot, function;

	/* All widths are fixed, so the length tells whether there is a domain. */
	if (strlen(text) == strlen("0000:00:00.0") && !hex_field(&text, 4, ':', &domain))
		return false;
	if (!hex_field(&text, 2, ':', &bus) || !hex_field(&text, 2, '.', &slot) ||
	    !hex_field(&text, 1, '\0', &function))
		return false;
	if (slot > 31 || function > 7)
		return false;
	*bdf = (struct pci_bdf){.domain = (uint16_t)domain,
				.bus = (uint8_t)bus,
				.slot = (uint8_t)slot,
				.function = (uint8_t)function};
	return true;
}
