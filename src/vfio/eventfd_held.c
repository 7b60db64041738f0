/* SPDX-License-Identifier: MIT */
/*
 * See eventfd_held.h. An eventfd has a number of its own, which /proc/PID/fdinfo shows for each
 * descriptor of it (Linux 5.2). System calls are made directly, as in eventfd.c.
 */
#include "vfio/eventfd_held.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/sys.h"

enum {
	LIST_SIZE = 1024,
	TEXT_SIZE = 512, /* of which an eventfd's needs a third */
	NO_ID = -1,
};

/* What the descriptor @name of the directory @fdinfo is of; NO_ID: no eventfd. */
static long id_of(int fdinfo, const char *name)
{
	static const char label[] = "eventfd-id:";
	char text[TEXT_SIZE];
	const char *digit;
	long id = 0;
	ssize_t len;
	int fd;

	fd = (int)sys_call(SYS_openat, fdinfo, (long)name, O_RDONLY | O_CLOEXEC, 0, 0, 0);
	if (fd < 0)
		return NO_ID;
	len = sys_read(fd, text, sizeof(text) - 1);
	(void)sys_close(fd);
	text[len > 0 ? len : 0] = '\0';
	digit = strstr(text, label);
	if (!digit)
		return NO_ID;
	digit += sizeof(label) - 1;
	digit += strspn(digit, " \t");
	for (; *digit >= '0' && *digit <= '9'; digit++)
		id = id * 10 + (*digit - '0');
	return id;
}

/* Whether the directory @fdinfo has a descriptor with @id that is not named @except. */
static bool has(int fdinfo, long id, const char *except)
{
	char list[LIST_SIZE] __attribute__((aligned(8)));
	bool found = false;
	long got;

	while (!found &&
	       (got = sys_call(SYS_getdents64, fdinfo, (long)list, sizeof(list), 0, 0, 0)) > 0) {
		for (long at = 0; at < got && !found;) {
			const struct dirent *entry = (const void *)(list + at);

			at += entry->d_reclen;
			found = strcmp(entry->d_name, except) != 0 &&
				id_of(fdinfo, entry->d_name) == id;
		}
	}
	return found;
}

static int open_fdinfo(const char *process)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%s/fdinfo", process);
	return sys_open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

bool eventfd_is_held(const struct uiommufd_caller *caller, int own)
{
	char name[16] = "", process[16];
	const bool apart = caller->pid != (int)sys_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
	int fdinfo;
	bool held;
	long id;

	if (sys_confined())
		return false;
	snprintf(name, sizeof(name), "%d", own);
	fdinfo = open_fdinfo("self");
	if (fdinfo < 0)
		return false;
	id = id_of(fdinfo, name);
	if (apart) {
		(void)sys_close(fdinfo);
		snprintf(process, sizeof(process), "%d", caller->pid);
		fdinfo = open_fdinfo(process);
	}
	if (fdinfo < 0)
		return false;
	held = id != NO_ID && has(fdinfo, id, apart ? "" : name);
	(void)sys_close(fdinfo);
	return held;
}
