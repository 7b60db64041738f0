/* SPDX-License-Identifier: MIT */
/* See status_text.h. */
#include "preload/engine/status_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "preload/start/real.h"

static const char lock_name[] = "\nVmLck:", pin_name[] = "\nVmPin:";

pid_t status_text_process(const char *path, pid_t self)
{
	static const char proc[] = "/proc/", own[] = "self/";
	unsigned long pid;
	char *end;

	if (strncmp(path, proc, sizeof(proc) - 1) != 0)
		return 0;
	path += sizeof(proc) - 1;
	if (strncmp(path, own, sizeof(own) - 1) == 0)
		return strcmp(path + sizeof(own) - 1, "status") == 0 ? self : 0;
	pid = strtoul(path, &end, 10);
	return end != path && strcmp(end, "/status") == 0 && pid <= INT32_MAX ? (pid_t)pid : 0;
}

static uint64_t sum(const char *line, uint64_t pages)
{
	return strtoull(line + sizeof(pin_name) - 1, NULL, 10) + (pages << PAGE_SHIFT) / 1024;
}

static int write_all(int fd, const char *text, size_t len)
{
	long rc = SYS(SYS_write, fd, text, len);

	if (rc < 0)
		return (int)rc;
	return (size_t)rc == len ? 0 : -ENOSPC;
}

int status_text_write(int fd, const char *text, uint64_t pinned, uint64_t locked)
{
	/* They are neighbours, in this order, in every kernel. */
	const char *lock = strstr(text, lock_name), *pin = strstr(text, pin_name), *rest;
	char lines[96];
	int len, rc;

	if (!lock || !pin || strchr(lock + 1, '\n') != pin)
		return -ENOENT;
	rest = pin + 1 + strcspn(pin + 1, "\n");
	len = snprintf(lines, sizeof(lines), "%s\t%8llu kB%s\t%8llu kB", lock_name,
		       (unsigned long long)sum(lock, locked), pin_name,
		       (unsigned long long)sum(pin, pinned));
	rc = write_all(fd, text, (size_t)(lock - text));
	if (!rc)
		rc = write_all(fd, lines, (size_t)len);
	if (!rc)
		rc = write_all(fd, rest, strlen(rest));
	return rc ? rc : (int)SYS(SYS_lseek, fd, 0, SEEK_SET);
}
