/* SPDX-License-Identifier: MIT */
/* No state. Cost: some system calls for each question. */
#include "server/proc_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "preload/engine/status_text.h"

enum {
	STATUS = 4096, /* bytes of the longest such file */
};

int proc_file_open(pid_t id)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d", id);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Reads the text of @file. False: it cannot be read. */
static bool read_text(int proc, const char *file, char text[STATUS])
{
	int fd = openat(proc, file, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, STATUS - 1);

	if (fd >= 0)
		close(fd);
	if (len <= 0)
		return false;
	text[len] = '\0';
	return true;
}

bool proc_file_number(int proc, const char *file, const char *name, int base, uint64_t *value)
{
	char text[STATUS];
	const char *line;

	if (!read_text(proc, file, text))
		return false;
	line = strstr(text, name);
	if (!line)
		return false;
	line += strlen(name);
	line += strspn(line, " \t");
	*value = line[0] == 'u' ? UINT64_MAX : strtoull(line, NULL, base);
	return true;
}

/* The @index-th number of the line that begins with @name. */
static uint32_t number_of(const char *text, const char *name, unsigned int index)
{
	const char *at = strstr(text, name);
	unsigned long value = UINT32_MAX;
	char *end;

	if (!at)
		return UINT32_MAX;
	at += strlen(name);
	for (unsigned int i = 0; i <= index; i++) {
		value = strtoul(at, &end, 10);
		at = end;
	}
	return (uint32_t)value;
}

static bool has_group(const char *text, gid_t gid)
{
	static const char name[] = "\nGroups:";
	const char *at = strstr(text, name), *last;
	char *end;

	if (!at)
		return false;
	at += sizeof(name) - 1;
	last = at + strcspn(at, "\n");
	for (at += strspn(at, " \t"); at < last; at = end + strspn(end, " \t"))
		if (strtoul(at, &end, 10) == gid || end == at)
			return end != at;
	return false;
}

/* Capabilities do without the rights of a file. access() asks with those that a real user has. */
static bool overrides(const char *text, bool real)
{
	static const char name[] = "\nCapEff:";
	const char *at = strstr(text, name);

	if (real)
		return number_of(text, "\nUid:", 0) == 0;
	return at && strtoull(at + sizeof(name) - 1, NULL, 16) >> CAP_DAC_OVERRIDE & 1;
}

int proc_file_rights(int proc, const struct stat *st, bool real)
{
	const unsigned int index = real ? 0 : 3; /* the real one, or that of the file system */
	char text[STATUS];

	if (!read_text(proc, "status", text))
		return 0;
	if (overrides(text, real))
		return R_OK | W_OK | (S_ISDIR(st->st_mode) || st->st_mode & 0111 ? X_OK : 0);
	if (number_of(text, "\nUid:", index) == st->st_uid)
		return (int)(st->st_mode >> 6 & 7);
	if (number_of(text, "\nGid:", index) == st->st_gid || has_group(text, st->st_gid))
		return (int)(st->st_mode >> 3 & 7);
	return (int)(st->st_mode & 7);
}

bool proc_file_owns(int proc, const struct stat *st)
{
	char text[STATUS];

	return read_text(proc, "status", text) && number_of(text, "\nUid:", 3) == st->st_uid;
}

void proc_file_name(int proc, char name[PROC_FILE_NAME])
{
	int fd = openat(proc, "comm", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, name, PROC_FILE_NAME - 1);

	if (fd >= 0)
		close(fd);
	name[len < 0 ? 0 : len] = '\0';
	name[strcspn(name, "\n")] = '\0';
}

int proc_file_status(pid_t pid, uint64_t pinned, uint64_t locked)
{
	int proc = proc_file_open(pid), fd, rc = -ENOENT;
	char text[STATUS];

	if (proc < 0)
		return proc;
	fd = read_text(proc, "status", text) ? memfd_create("status", MFD_CLOEXEC) : -1;
	close(proc);
	if (fd < 0)
		return rc;
	rc = status_text_write(fd, text, pinned, locked);
	if (!rc)
		return fd;
	close(fd);
	return rc;
}
