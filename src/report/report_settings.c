/* SPDX-License-Identifier: MIT */
/* A table of options: where each is in the structure, and of which type. */
#include "report/report_settings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	DEFAULT_HISTORY = 16384,
	DEFAULT_REPORTS = 1000,
	MAX_HISTORY = 1 << 24,
	MAX_EXITCODE = 255,
};

enum option_type {
	OPTION_FLAG,   /* no value */
	OPTION_SWITCH, /* "on" or "off" */
	OPTION_NUMBER, /* a uint64_t */
	OPTION_CODE,   /* an unsigned int */
	OPTION_PATH,
};

struct option {
	const char *name;
	enum option_type type;
	size_t offset;
	uint64_t max;
};

#define OPTION(name, type, member, max)                                   \
	{                                                                 \
		name, type, offsetof(struct report_settings, member), max \
	}

static const struct option options[] = {
	OPTION("reports", OPTION_SWITCH, reports, 0),
	OPTION("explain", OPTION_FLAG, explain, 0),
	OPTION("advice", OPTION_FLAG, advice, 0),
	OPTION("stacks", OPTION_SWITCH, stacks, 0),
	OPTION("quiet", OPTION_FLAG, quiet, 0),
	OPTION("double-fetch", OPTION_FLAG, double_fetch, 0),
	OPTION("leaks", OPTION_FLAG, leaks, 0),
	OPTION("summary", OPTION_FLAG, summary, 0),
	OPTION("break", OPTION_FLAG, stop, 0),
	OPTION("gen-suppressions", OPTION_FLAG, gen_suppressions, 0),
	OPTION("history", OPTION_NUMBER, history, MAX_HISTORY),
	OPTION("max-reports", OPTION_NUMBER, max_reports, UINT32_MAX),
	OPTION("error-exitcode", OPTION_CODE, exitcode, MAX_EXITCODE),
	OPTION("log-file", OPTION_PATH, log_file, 0),
	OPTION("report", OPTION_PATH, json_file, 0),
	OPTION("suppressions", OPTION_PATH, suppressions, 0),
};

void report_settings_init(struct report_settings *settings)
{
	*settings = (struct report_settings){
		.reports = true,
		.stacks = true,
		.history = DEFAULT_HISTORY,
		.max_reports = DEFAULT_REPORTS,
	};
}

static const struct option *find_option(const char *name)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (strcmp(options[i].name, name) == 0)
			return &options[i];
	return NULL;
}

bool report_settings_has(const char *name, bool *wants_value)
{
	const struct option *option = find_option(name);

	*wants_value = option && option->type != OPTION_FLAG;
	return option;
}

static int set_number(const struct option *option, const char *value, void *to)
{
	uint64_t number;
	char *end;

	errno = 0;
	number = strtoull(value, &end, 0);
	if (errno || *end || end == value || *value == '-' || number > option->max)
		return -EINVAL;
	if (option->type == OPTION_CODE)
		*(unsigned int *)to = (unsigned int)number;
	else
		*(uint64_t *)to = number;
	return 0;
}

static int set_value(const struct option *option, const char *value, void *to)
{
	switch (option->type) {
	case OPTION_FLAG:
		*(bool *)to = true;
		return value ? -EINVAL : 0;
	case OPTION_SWITCH:
		if (!value || (strcmp(value, "on") != 0 && strcmp(value, "off") != 0))
			return -EINVAL;
		*(bool *)to = strcmp(value, "on") == 0;
		return 0;
	case OPTION_NUMBER:
	case OPTION_CODE:
		return value ? set_number(option, value, to) : -EINVAL;
	case OPTION_PATH:
		if (!value || !*value || strlen(value) >= PATH_MAX || strchr(value, '\n'))
			return -EINVAL;
		strcpy(to, value);
		return 0;
	}
	return -EINVAL;
}

static void explain(const struct option *option, const char *value, char *why, size_t size)
{
	switch (option->type) {
	case OPTION_FLAG:
		snprintf(why, size, "--%s takes no value", option->name);
		break;
	case OPTION_SWITCH:
		snprintf(why, size, "--%s is on or off", option->name);
		break;
	case OPTION_NUMBER:
	case OPTION_CODE:
		snprintf(why, size, "--%s is a number from 0 to %" PRIu64 ", not \"%s\"",
			 option->name, option->max, value ? value : "");
		break;
	case OPTION_PATH:
		snprintf(why, size, "--%s needs the name of a file", option->name);
		break;
	}
}

int report_settings_set(struct report_settings *settings, const char *name, const char *value,
			char *why, size_t size)
{
	const struct option *option = find_option(name);
	int rc;

	if (!option)
		return -ENOENT;
	rc = set_value(option, value, (char *)settings + option->offset);
	if (rc)
		explain(option, value, why, size);
	return rc;
}

void report_settings_read(struct report_settings *settings, char *text)
{
	char why[128];
	char *rest = text, *line, *value;

	while ((line = strsep(&rest, "\n"))) {
		value = strchr(line, '=');
		if (value)
			*value++ = '\0';
		(void)report_settings_set(settings, line, value, why, sizeof(why));
	}
}
