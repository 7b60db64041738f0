/* SPDX-License-Identifier: MIT */
/* The text of /proc/self/maps, line by line. */
#include "mem/maps.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "base/check.h"
#include "base/fail.h"
#include "base/sys.h"
#include "mem/kept_file.h"

enum {
	TEXT_SIZE = 16384
};

/* The list of the process that has called maps_keep(). */
static struct kept_file kept = KEPT_FILE_NONE;

int maps_open_at(struct maps *maps, int fd)
{
	void *text = NULL;
	int rc = sys_mmap(NULL, TEXT_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			  0, &text);

	*maps = (struct maps){.fd = fd, .borrowed = true, .text = text};
	return rc;
}

static int open_own(void)
{
	return sys_confined() ? -EPERM : sys_open_always("/proc/self/maps", O_RDONLY | O_CLOEXEC);
}

int maps_open(struct maps *maps)
{
	const int fd = open_own();
	int rc = fd < 0 ? fd : maps_open_at(maps, fd);

	if (!rc)
		maps->borrowed = false;
	else if (fd >= 0)
		(void)sys_close(fd);
	return rc;
}

void maps_keep(void)
{
	kept_file_open(&kept, "/proc/self/maps", O_RDONLY);
}

int maps_open_kept(struct maps *maps)
{
	int rc = maps_open(maps);

	return (rc == -EPERM || rc == -ENOENT || rc == -EACCES) && kept_file_is_open(&kept)
		       ? maps_open_at(maps, kept.fd)
		       : rc;
}

void maps_close(struct maps *maps)
{
	if (!maps->borrowed)
		(void)sys_close(maps->fd);
	(void)sys_munmap(maps->text, TEXT_SIZE);
}

static bool fill(struct maps *maps)
{
	ssize_t got;

	memmove(maps->text, maps->text + maps->from, maps->to - maps->from);
	maps->to -= maps->from;
	maps->from = 0;
	got = sys_pread(maps->fd, maps->text + maps->to, TEXT_SIZE - 1 - maps->to,
			(off_t)maps->pos);
	if (got <= 0)
		return false;
	maps->pos += (uint64_t)got;
	maps->to += (size_t)got;
	return true;
}

/* The next line, ended by 0; NULL at the end. */
static char *next_line(struct maps *maps)
{
	char *line, *end;

	do {
		line = maps->text + maps->from;
		end = memchr(line, '\n', maps->to - maps->from);
	} while (!end && fill(maps));
	if (!end)
		return NULL;
	*end = '\0';
	maps->from = (size_t)(end + 1 - maps->text);
	return line;
}

/* "START-END rwxs OFFSET MAJOR:MINOR INODE NAME", all but the inode hexadecimal. */
bool maps_next(struct maps *maps, struct maps_entry *entry)
{
	unsigned int major, minor;
	char *p = next_line(maps);

	if (!p)
		return false;
	entry->start = strtoull(p, &p, 16);
	entry->end = strtoull(p + 1, &p, 16);
	entry->readable = p[1] == 'r';
	entry->writable = p[2] == 'w';
	entry->executable = p[3] == 'x';
	entry->shared = p[4] == 's';
	entry->offset = strtoull(p + 5, &p, 16);
	major = (unsigned int)strtoul(p, &p, 16);
	minor = (unsigned int)strtoul(p + 1, &p, 16);
	entry->dev = makedev(major, minor);
	entry->inode = strtoull(p, &p, 10);
	entry->name = p + strspn(p, " ");
	return true;
}

int maps_for_each(bool (*visit)(const struct maps_entry *entry, void *arg), void *arg)
{
	struct maps_entry entry;
	struct maps maps;
	int rc = maps_open(&maps);

	if (rc)
		return rc;
	while (maps_next(&maps, &entry) && visit(&entry, arg))
		continue;
	maps_close(&maps);
	return 0;
}

/* The kernel's struct procmap_query, which older headers lack. */
struct question {
	uint64_t size, flags, addr;
	uint64_t start, end;
	uint64_t rights, page_size;
	uint64_t offset, inode;
	uint32_t dev_major, dev_minor;
	uint32_t more[2];
	uint64_t texts[2];
};

_Static_assert(sizeof(struct question) == 104, "as in the kernel");

enum {
	HOLDS_OR_NEXT = 0x10
};

int maps_ask(int fd, uint64_t addr, struct maps_answer *answer)
{
	struct question question = {.size = sizeof(question), .flags = HOLDS_OR_NEXT, .addr = addr};
	int rc = (int)sys_call(SYS_ioctl, fd, (long)_IOWR('f', 17, struct question),
			       (long)&question, 0, 0, 0);

	*answer = (struct maps_answer){
		.start = question.start,
		.end = question.end,
		.rights = question.rights,
		.page_size = question.page_size,
		.dev = makedev(question.dev_major, question.dev_minor),
		.inode = question.inode,
		.offset = question.offset,
	};
	return rc;
}

/* Private memory that is mapped by /dev/zero is no file's. */
static bool is_copy(bool shared, uint64_t dev, uint64_t inode)
{
	struct stat st;

	if (shared || !inode)
		return false;
	return sys_call(SYS_newfstatat, AT_FDCWD, (long)"/dev/zero", (long)&st, 0, 0, 0) ||
	       st.st_dev != dev || st.st_ino != inode;
}

/* By the text of the list. */
static int read_copies(int fd, uint64_t va, uint64_t end,
		       int (*visit)(const struct maps_copy *copy, void *arg), void *arg)
{
	struct maps_entry entry;
	struct maps maps;
	int rc = maps_open_at(&maps, fd);

	if (rc)
		return rc;
	while (!rc && maps_next(&maps, &entry) && entry.start < end) {
		const struct maps_copy copy = {.start = max_u64(entry.start, va),
					       .end = min_u64(entry.end, end),
					       .writable = entry.writable};

		if (copy.start < copy.end && is_copy(entry.shared, entry.dev, entry.inode))
			rc = visit(&copy, arg);
	}
	maps_close(&maps);
	return rc;
}

int maps_visit_copies(int fd, uint64_t va, uint64_t end,
		      int (*visit)(const struct maps_copy *copy, void *arg), void *arg)
{
	struct maps_answer answer;
	int rc = 0;

	for (uint64_t at = va; at < end && !rc; at = answer.end) {
		rc = maps_ask(fd, at, &answer);
		/* An older kernel, an emulation of one, or a filter of system calls. */
		if (rc && rc != -ENOENT)
			return read_copies(fd, at, end, visit, arg);
		if (rc || answer.start >= end)
			break;
		if (is_copy(answer.rights & MAPS_SHARED, answer.dev, answer.inode))
			rc = visit(&(struct maps_copy){.start = max_u64(answer.start, at),
						       .end = min_u64(answer.end, end),
						       .writable = answer.rights & MAPS_WRITABLE},
				   arg);
	}
	return rc == -ENOENT ? 0 : rc;
}

int maps_visit_own_copies(uint64_t va, uint64_t end,
			  int (*visit)(const struct maps_copy *copy, void *arg), void *arg)
{
	const int fd = open_own();
	int rc;

	if (fd < 0)
		return 0;
	rc = maps_visit_copies(fd, va, end, visit, arg);
	(void)sys_close(fd);
	return rc;
}

int maps_find(uint64_t addr, uint64_t *start, uint64_t *end, uint64_t *page_size)
{
	struct maps_answer answer;
	const int fd = open_own();
	int rc;

	if (fd < 0)
		return -EACCES;
	rc = maps_ask(fd, addr, &answer);
	(void)sys_close(fd);
	*start = answer.start;
	*end = answer.end;
	*page_size = answer.page_size;
	return rc;
}

static bool find_segment(struct maps *maps, uint64_t addr, uint64_t *len)
{
	struct maps_entry entry, first = {.end = 0};

	while (maps_next(maps, &entry)) {
		if (entry.start == addr && entry.shared)
			first = entry;
		if (first.end && entry.shared && entry.dev == first.dev &&
		    entry.inode == first.inode && entry.offset == entry.start - addr)
			*len = entry.end - addr;
	}
	maps_close(maps);
	return *len != 0;
}

bool maps_segment(uint64_t addr, uint64_t *len)
{
	struct maps maps;

	*len = 0;
	return !maps_open(&maps) && find_segment(&maps, addr, len);
}

int maps_segment_of(int fd, uint64_t addr, uint64_t *len)
{
	struct maps maps;
	int rc = fail_inject() ? -ENOMEM : maps_open_at(&maps, fd);

	*len = 0;
	if (rc)
		return rc;
	return find_segment(&maps, addr, len) ? 0 : -EINVAL;
}
