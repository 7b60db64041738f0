/* SPDX-License-Identifier: MIT */
/*
 * The settings are a file in the shadow root, which the command has written (cmd/run_watch.c):
 * lines NAME=VALUE. A trace file for all processes is there already; one of this process alone is
 * made here, and the command learns its name.
 */
#include "preload/engine/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
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

/* Writes the name of the file of this process to the list. 0 or a negative errno. */
static int list_file(const char *path)
{
	const struct iovec line[] = {
		{.iov_base = (void *)(uintptr_t)path, .iov_len = strlen(path)},
		{.iov_base = "\n", .iov_len = 1},
	};
	char list[ROOT_MAX + 32];
	long rc;
	int fd;

	snprintf(list, sizeof(list), "%s/" LAYOUT_TRACES, root_path());
	fd = sys_open(list, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return fd;
	rc = sys_call(SYS_writev, fd, (long)line, 2, 0, 0, 0);
	(void)sys_close(fd);
	return rc < 0 ? (int)rc : 0;
}

/* Makes the file of this process. 0 or a negative errno. */
static int make_file(const char *path)
{
	const char *header = settings.header ? settings.header : "[{}";
	const size_t len = strlen(header);
	char *line;
	int rc;

	if (is_listed(path))
		return 0;
	line = alloc_zeroed(len + 1);
	if (!line)
		return -ENOMEM;
	memcpy(line, header, len);
	line[len] = '\n';
	rc = trace_file_create(path, line, len + 1);
	alloc_free(line);
	return rc ? rc : list_file(path);
}

/*
 * The name of the file of this process, which exists if *@error is 0; free with alloc_free(). NULL:
 * no memory.
 */
static char *prepare_file(int *error)
{
	char *path = file_pattern_expand(settings.trace);

	*error = path ? 0 : -ENOMEM;
	if (path && file_pattern_varies(settings.trace))
		*error = make_file(path);
	return path;
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

static void start_trace(void)
{
	int rc;
	char *path = prepare_file(&rc);

	if (!rc)
		rc = trace_start(path);
	if (rc)
		log_error("%s: %s; there is no trace of process %d", path ? path : settings.trace,
			  strerror(-rc), (int)getpid());
	alloc_free(path);
}

void watch_start(void)
{
	if (settings.read)
		return;
	read_settings();
	if (settings.profile)
		start_profile();
	if (settings.trace)
		start_trace();
}

void watch_fork_child(void)
{
	char *path;
	int rc;

	profile_fork_child();
	if (!tracing())
		return;
	path = prepare_file(&rc);
	trace_fork_child(rc ? "" : path);
	alloc_free(path);
}

void watch_finish(void)
{
	if (!settings.read)
		return;
	trace_finish();
	write_profile();
}
