/* SPDX-License-Identifier: MIT */
/* The first line of a trace says how to run the same machine again, for `uiommufd replay`. */
#include "cmd/run_watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "cmd/cmd.h"
#include "cmd/config.h"
#include "cmd/profile_text.h"
#include "preload/start/layout.h"
#include "profile/profile_settings.h"
#include "report/file_pattern.h"
#include "trace/line.h"
#include "trace/trace_file.h"

enum {
	HEADER_SIZE = 8192,
	MAX_WORDS = 256,
};

static struct {
	char trace[PATH_MAX]; /* "": no trace is wanted */
	bool followed;	      /* the trace is for `uiommufd trace` */
	bool profiles;
	char profile[PATH_MAX]; /* the file; "": it is printed */
	char model[256];	/* settings of the profile (profile/profile_settings.h) */
	char header[HEADER_SIZE];
	const char *words[MAX_WORDS]; /* that describe the machine; borrowed */
	size_t word_count;
} wanted;

const char *run_watch_options(void)
{
	return "--trace, --profile, --profile-model";
}

void run_watch_note(const char *option, const char *value)
{
	const char *const words[] = {option, value};

	for (size_t i = 0; i < 2; i++)
		if (words[i] && wanted.word_count < MAX_WORDS)
			wanted.words[wanted.word_count++] = words[i];
}

bool run_watch_wants_names(void)
{
	return wanted.profiles;
}

void run_watch_follow(const char *path)
{
	snprintf(wanted.trace, sizeof(wanted.trace), "%s", path);
	wanted.followed = true;
}

/* "--profile" or "--profile=FILE", which is made empty. */
static int take_profile(const char *value)
{
	int fd;

	wanted.profiles = true;
	if (!value)
		return CMD_OK;
	if (!*value || !cmd_absolute(value, wanted.profile)) {
		cmd_complain("--profile= needs the name of a file");
		return CMD_USAGE;
	}
	fd = open(wanted.profile, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0) {
		cmd_complain("%s: %m", wanted.profile);
		return CMD_USAGE;
	}
	close(fd);
	return CMD_OK;
}

static int take_model(const char *value)
{
	struct profile_settings settings;
	char why[512];

	wanted.profiles = true;
	if (!profile_settings_parse(&settings, value, why, sizeof(why)) &&
	    snprintf(wanted.model, sizeof(wanted.model), "%s", value) < (int)sizeof(wanted.model))
		return CMD_OK;
	cmd_complain("%s", why);
	return CMD_USAGE;
}

bool run_watch_take(char ***args, int *status)
{
	bool missing = false;
	const char *value;

	if (strcmp(**args, "--profile") == 0 || strncmp(**args, "--profile=", 10) == 0) {
		*status = take_profile((**args)[9] ? **args + 10 : NULL);
		return true;
	}
	value = cmd_option_value(args, "--profile-model", &missing);
	if (value) {
		*status = missing ? CMD_USAGE : take_model(value);
		if (missing)
			cmd_complain("--profile-model needs NAME=VALUE,...");
		return true;
	}
	value = cmd_option_value(args, "--trace", &missing);
	if (!value)
		return false;
	*status = CMD_USAGE;
	if (wanted.followed)
		cmd_complain("trace prints; to have a file, use run --trace FILE");
	else if (missing || !*value || strchr(value, '\n') || !cmd_absolute(value, wanted.trace))
		cmd_complain("--trace needs the name of a file");
	else
		*status = CMD_OK;
	return true;
}

/* An array of strings. */
static void put_words(struct line *line, const char *key, const char *const *words, size_t count)
{
	line_put(line, ",\"");
	line_put(line, key);
	line_put(line, "\":[");
	for (size_t i = 0; i < count; i++) {
		if (i)
			line_put(line, ",");
		line_string(line, NULL, words[i]);
	}
	line_put(line, "]");
}

static size_t count_words(char **words)
{
	size_t count = 0;

	while (words[count])
		count++;
	return count;
}

static void write_header(char **program)
{
	struct line line;

	line_init(&line, wanted.header, sizeof(wanted.header) - 1);
	line_put(&line, "[");
	line_object(&line, NULL);
	line_string(&line, "name", "uiommufd");
	line_string(&line, "ph", "M");
	line_number(&line, "pid", 0);
	line_number(&line, "tid", 0);
	line_object(&line, "args");
	line_number(&line, "format", 1);
	line_string(&line, "version", CONFIG_VERSION);
	put_words(&line, "machine", wanted.words, wanted.word_count);
	put_words(&line, "program", (const char *const *)program, count_words(program));
	line_end_object(&line);
	line_end_object(&line);
	if (!line_finish(&line)) /* a very long command line */
		snprintf(wanted.header, sizeof(wanted.header),
			 "[{\"name\":\"uiommufd\",\"ph\":\"M\",\"pid\":0,\"tid\":0,"
			 "\"args\":{\"format\":1}}");
}

static int make_trace(char **program)
{
	char line[HEADER_SIZE + 1];
	int len;

	write_header(program);
	if (file_pattern_varies(wanted.trace))
		return 0;
	len = snprintf(line, sizeof(line), "%s\n", wanted.header);
	return trace_file_create(wanted.trace, line, (size_t)len);
}

void run_watch_fill(struct tree *tree, char **program)
{
	int rc = wanted.trace[0] ? make_trace(program) : 0;

	if (rc) {
		tree_fail(tree, rc, wanted.trace);
		return;
	}
	tree_text(tree, "/" LAYOUT_WATCH, 0444, "%s%s%s%s%s%s%s%s", wanted.trace[0] ? "trace=" : "",
		  wanted.trace, wanted.trace[0] ? "\ntrace-header=" : "", wanted.header,
		  wanted.trace[0] ? "\n" : "", wanted.profiles ? "profile=" : "", wanted.model,
		  wanted.profiles ? "\n" : "");
	if (wanted.profiles)
		tree_dir(tree, "/" LAYOUT_PROFILES, 01777);
	if (!wanted.trace[0])
		return;
	tree_text(tree, "/" LAYOUT_TRACES, 0666, "%s%s",
		  file_pattern_varies(wanted.trace) ? "" : wanted.trace,
		  file_pattern_varies(wanted.trace) ? "" : "\n");
}

/* Adds the profiles that processes have left to the array @all. */
static void collect_profiles(const struct tree *tree, struct json_object *all)
{
	char root[PATH_MAX], path[2 * PATH_MAX];
	struct dirent *entry;
	DIR *directory;

	tree_real_path(tree, "/" LAYOUT_PROFILES, root);
	directory = opendir(root);
	while (directory && (entry = readdir(directory))) {
		struct json_object *profile;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", root, entry->d_name);
		profile = json_object_from_file(path);
		if (profile)
			json_object_array_add(all, profile);
	}
	if (directory)
		closedir(directory);
}

void run_watch_report(const struct tree *tree)
{
	struct json_object *file, *all;

	if (!wanted.profiles)
		return;
	file = json_object_new_object();
	all = json_object_new_array();
	json_object_object_add(file, "format", json_object_new_int(1));
	json_object_object_add(file, "profiles", all);
	collect_profiles(tree, all);
	if (!wanted.profile[0])
		profile_text(file, stderr);
	else if (json_object_to_file(wanted.profile, file))
		cmd_complain("%s: %m", wanted.profile);
	json_object_put(file);
}

void run_watch_finish(const struct tree *tree)
{
	char path[PATH_MAX];
	FILE *list;
	int rc;

	if (!wanted.trace[0] || wanted.followed)
		return;
	tree_real_path(tree, "/" LAYOUT_TRACES, path);
	list = fopen(path, "re");
	while (list && fgets(path, sizeof(path), list)) {
		path[strcspn(path, "\n")] = '\0';
		rc = trace_file_close(path);
		if (rc)
			cmd_complain("%s: %s", path, strerror(-rc));
	}
	if (list)
		fclose(list);
}
