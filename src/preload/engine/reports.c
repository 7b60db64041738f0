/* SPDX-License-Identifier: MIT */
/* The settings are a file in the shadow root, which the command has written. */
#include "preload/engine/reports.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "checker/advice.h"
#include "checker/call_report.h"
#include "checker/dma_report.h"
#include "checker/fetch_report.h"
#include "checker/leak_report.h"
#include "preload/engine/call.h"
#include "preload/process/fdtable.h"
#include "preload/start/layout.h"
#include "preload/start/real.h"
#include "preload/start/root.h"
#include "report/file_pattern.h"
#include "report/report.h"
#include "report/symbols.h"

enum {
	SETTINGS_SIZE = 3 * PATH_MAX + 1024
};

static void read_settings(struct report_settings *settings)
{
	static char text[SETTINGS_SIZE];
	char path[ROOT_MAX + sizeof("/" LAYOUT_REPORTS)];
	long len;
	int fd;

	report_settings_init(settings);
	snprintf(path, sizeof(path), "%s/" LAYOUT_REPORTS, root_path());
	fd = (int)SYS(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	len = SYS(SYS_read, fd, text, sizeof(text) - 1);
	SYS(SYS_close, fd);
	text[len > 0 ? len : 0] = '\0';
	report_settings_read(settings, text);
}

static void open_log(const char *pattern)
{
	char *path = file_pattern_expand(pattern);
	const int rc = path ? log_open(path) : -ENOMEM;

	if (rc)
		log_error("%s: %s", path ? path : pattern, strerror(-rc));
	alloc_free(path);
}

/*
 * free() gives large blocks back to the system, and many programs free their buffers before they
 * close what the buffers are mapped in. The device keeps the pages; it is no mistake until the
 * device uses them.
 */
static void report_mistake(const char *kind, const char *text)
{
	const bool by_allocator = strcmp(kind, "memory-taken-away") == 0 && engine_is_inside_libc();

	if (!by_allocator || report_settings()->explain)
		report_line(kind, text);
}

void reports_start(void)
{
	static struct report_settings settings;
	char path[ROOT_MAX + sizeof("/" LAYOUT_SYMBOLS) + sizeof("/" LAYOUT_REPORTED)];
	int rc;

	if (report_started())
		return;
	read_settings(&settings);
	if (settings.log_file[0])
		open_log(settings.log_file);
	if (!settings.reports)
		return;
	if (settings.suppressions[0]) {
		rc = report_read_suppressions(settings.suppressions);
		if (rc)
			log_error("%s: %s", settings.suppressions, strerror(-rc));
	}
	snprintf(path, sizeof(path), "%s/" LAYOUT_SYMBOLS, root_path());
	symbols_set_server(path);
	snprintf(path, sizeof(path), "%s/" LAYOUT_REPORTED, root_path());
	report_start(&settings, path);
	log_set_mistake_sink(report_mistake);
	dma_report_start();
	fetch_report_start();
	if (report_advises())
		advice_start();
}

void reports_of_machine(const struct machine *machine)
{
	if (machine_mock(machine))
		call_report_expect_mistakes();
}

void reports_fork_child(void)
{
	report_fork_child();
	advice_fork_child();
	if (report_started() && file_pattern_varies(report_settings()->log_file))
		open_log(report_settings()->log_file);
}

/* Tells the leak report which descriptors are open. Copies of one count once. */
static void report_leaks(void)
{
	static struct leak_files files;

	files.count = 0;
	for (int fd = fdtable_next(0, UINT_MAX); fd >= 0;
	     fd = fdtable_next((unsigned int)fd + 1, UINT_MAX)) {
		struct description *description = fdtable_get(fd);

		if (!description)
			continue;
		leak_add_file(&files, fd, description->file, &description->opened);
		description_put(description);
	}
	leak_report(&files);
}

/* At the end of the program; what other threads do meanwhile is not looked at any more. */
static __attribute__((destructor)) void finish(void)
{
	struct engine_call call;

	if (!report_started() || engine_busy())
		return;
	engine_enter(&call);
	if (report_settings()->leaks)
		report_leaks();
	if (report_advises())
		advice_finish();
	report_finish();
	engine_leave(&call);
}
