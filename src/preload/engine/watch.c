/* SPDX-License-Identifier: MIT */
/*
 * The settings are a file in the shadow root, which the command has written (cmd/run_watch.c):
 * lines NAME=VALUE. A trace file for all processes is there already; one of this process alone is
 * made here, and the command learns its name.
 */
#include "preload/engine/watch.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/sys.h"
#include "preload/start/layout.h"
#include "preload/start/root.h"
#include "profile/profile.h"
#include "report/file_pattern.h"
#include "report/json.h"
#include "report/symbols.h"
#include "trace/trace.h"
#include "trace/trace_file.h"

enum {
	SETTINGS_SIZE = 4 * PATH_MAX,
	MAX_PROFILES = 1000, /* of one process */
};

static struct {
	char text[SETTINGS_SIZE];
	const char *trace;   /* the pattern of its file; NULL: none is wanted */
	const char *header;  /* the first line of such a file */
	const char *profile; /* the model of the profile; NULL: none is wanted */
	bool read;
} settings;

static void take_setting(const char *name, const char *value)
{
	if (strcmp(name, "trace") == 0)
		settings.trace = value;
	else if (strcmp(name, "trace-header") == 0)
		settings.header = value;
	else if (strcmp(name, "profile") == 0)
		settings.profile = value;
}

/* Reads the file @name of the root into @text, of @size bytes, as a string. */
static void read_file(const char *name, char *text, size_t size)
{
	char path[ROOT_MAX + 32];
	long len = 0, got = 1;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", root_path(), name);
	fd = sys_open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && got > 0 && (size_t)len < size - 1) {
		got = sys_read(fd, text + len, size - 1 - (size_t)len);
		len += got > 0 ? got : 0;
	}
	if (fd >= 0)
		(void)sys_close(fd);
	text[len] = '\0';
}

static void read_settings(void)
{
	char *rest = settings.text, *line, *value;

	read_file(LAYOUT_WATCH, settings.text, sizeof(settings.text));
	while ((line = strsep(&rest, "\n"))) {
		value = strchr(line, '=');
		if (!value)
			continue;
		*value++ = '\0';
		take_setting(line, value);
	}
	settings.read = true;
}

/* Whether this process has made @path before, as another program. */
static bool is_listed(const char *path)
{
	static char list[SETTINGS_SIZE];
	char *rest = list, *line;

	read_file(LAYOUT_TRACES, list, sizeof(list));
	while ((line = strsep(&rest, "\n")))
		if (strcmp(line, path) == 0)
			return true;
	return false;
}

/* Makes the file of this process. 0 or a negative errno. */
static int make_file(const char *path)
{
	char line[PATH_MAX + 1], list[ROOT_MAX + 32];
	int len, fd, rc;

	if (is_listed(path))
		return 0;
	len = snprintf(line, sizeof(line), "%s\n", settings.header ? settings.header : "[{}");
	rc = trace_file_create(path, line, (size_t)len);
	if (rc)
		return rc;
	snprintf(list, sizeof(list), "%s/" LAYOUT_TRACES, root_path());
	fd = sys_open(list, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return fd;
	len = snprintf(line, sizeof(line), "%s\n", path);
	rc = (int)sys_write(fd, line, (size_t)len);
	(void)sys_close(fd);
	return rc < 0 ? rc : 0;
}

/* The name of the file of this process; it exists if 0 is returned. */
static int prepare_file(char path[PATH_MAX])
{
	file_pattern_expand(settings.trace, path);
	return file_pattern_varies(settings.trace) ? make_file(path) : 0;
}

static void start_profile(void)
{
	struct profile_settings model;
	char why[256], path[ROOT_MAX + 32];

	profile_settings_init(&model);
	(void)profile_settings_parse(&model, settings.profile, why, sizeof(why));
	profile_start(&model);
	snprintf(path, sizeof(path), "%s/" LAYOUT_SYMBOLS, root_path());
	symbols_set_server(path);
}

/* Writes the profile where the command finds it: a program may have several, by exec. */
static void write_profile(void)
{
	char path[ROOT_MAX + 64], *text;
	struct json json;
	size_t len, done = 0;
	int fd = -EEXIST;
	long got;

	if (!profile_has_content())
		return;
	json_init(&json);
	profile_write(&json);
	text = json_finish(&json, &len);
	for (int number = 0; text && fd == -EEXIST && number < MAX_PROFILES; number++) {
		snprintf(path, sizeof(path), "%s/" LAYOUT_PROFILES "/%d.%d", root_path(),
			 (int)getpid(), number);
		fd = (int)sys_call(SYS_openat, AT_FDCWD, (long)path,
				   O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600, 0, 0);
	}
	if (fd < 0) {
		log_error("the profile of process %d cannot be written: %s", (int)getpid(),
			  text ? strerror(-fd) : "no memory");
		alloc_free(text);
		return;
	}
	while (done < len && (got = sys_write(fd, text + done, len - done)) > 0)
		done += (size_t)got;
	(void)sys_close(fd);
	alloc_free(text);
}

void watch_start(void)
{
	char path[PATH_MAX];
	int rc;

	if (settings.read)
		return;
	read_settings();
	if (settings.profile)
		start_profile();
	if (!settings.trace)
		return;
	rc = prepare_file(path);
	if (!rc)
		rc = trace_start(path);
	if (rc)
		log_error("%s: %s; there is no trace of process %d", path, strerror(-rc),
			  (int)getpid());
}

void watch_fork_child(void)
{
	char path[PATH_MAX];
	int rc;

	profile_fork_child();
	if (!tracing())
		return;
	rc = prepare_file(path);
	trace_fork_child(rc ? "" : path);
}

void watch_finish(void)
{
	if (!settings.read)
		return;
	trace_finish();
	write_profile();
}
