/* SPDX-License-Identifier: MIT */
/* Lines are "START-END rwxs OFFSET MAJOR:MINOR INODE NAME", numbers hexadecimal but the inode. */
#include "base/maps.h"

#include <stdlib.h>
#include <string.h>

#include "base/sys.h"

struct reader {
	int fd;
	size_t at, len;
	char buffer[2048];
};

/* The next character, or -1. */
static int next(struct reader *reader)
{
	if (reader->at == reader->len) {
		ssize_t got = sys_read(reader->fd, reader->buffer, sizeof(reader->buffer));

		if (got <= 0)
			return -1;
		reader->len = (size_t)got;
		reader->at = 0;
	}
	return (unsigned char)reader->buffer[reader->at++];
}

/* The next line, ended by 0 and cut to @size. False: there is none. */
static bool read_line(struct reader *reader, char *line, size_t size)
{
	size_t len = 0;
	int c;

	while ((c = next(reader)) >= 0 && c != '\n')
		if (len + 1 < size)
			line[len++] = (char)c;
	line[len] = '\0';
	return c >= 0;
}

static void parse(char *line, struct maps_entry *entry)
{
	char *p;

	entry->start = strtoull(line, &p, 16);
	entry->end = strtoull(p + 1, &p, 16);
	entry->readable = p[1] == 'r';
	entry->writable = p[2] == 'w';
	entry->offset = strtoull(p + 5, &p, 16);
	(void)strtoul(p, &p, 16);     /* major */
	(void)strtoul(p + 1, &p, 16); /* minor */
	(void)strtoull(p, &p, 10);    /* inode */
	p += strspn(p, " ");
	strncpy(entry->name, p, sizeof(entry->name) - 1);
	entry->name[sizeof(entry->name) - 1] = '\0';
}

int maps_for_each(bool (*visit)(const struct maps_entry *entry, void *arg), void *arg)
{
	struct reader reader = {.fd = sys_open("/proc/self/maps", O_RDONLY | O_CLOEXEC)};
	struct maps_entry entry;
	char line[384];

	if (reader.fd < 0)
		return reader.fd;
	while (read_line(&reader, line, sizeof(line))) {
		parse(line, &entry);
		if (!visit(&entry, arg))
			break;
	}
	return sys_close(reader.fd);
}
