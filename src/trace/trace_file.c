/* SPDX-License-Identifier: MIT */
/*
 * Chunks begin at multiples of TRACE_CHUNK_SIZE, which any page size divides: the first line of the
 * array is filled up with blanks, too.
 */
#include "trace/trace_file.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/sys.h"
#include "mem/guard.h"

/* ---- writing ---- */

/* Appends @len blanks, at most a chunk, in one write. 0 or a negative errno. */
static int append_blanks(int fd, size_t len)
{
	static char blanks[TRACE_CHUNK_SIZE];
	ssize_t done;

	if (!blanks[0])
		memset(blanks, ' ', sizeof(blanks));
	do
		done = sys_write(fd, blanks, len);
	while (done == -EINTR);
	if (done == (ssize_t)len)
		return 0;
	return done < 0 ? (int)done : -ENOSPC;
}

int trace_file_create(const char *path, const char *line, size_t len)
{
	int fd, rc;

	/* A program that still writes to the old file keeps it. */
	(void)sys_call(SYS_unlinkat, AT_FDCWD, (long)path, 0, 0, 0, 0);
	fd = (int)sys_call(SYS_openat, AT_FDCWD, (long)path,
			   O_RDWR | O_CREAT | O_APPEND | O_TRUNC | O_CLOEXEC, 0666, 0, 0);
	if (fd < 0)
		return fd;
	rc = (int)sys_write(fd, line, len);
	if (rc >= 0)
		rc = append_blanks(fd, TRACE_CHUNK_SIZE - len % TRACE_CHUNK_SIZE);
	(void)sys_close(fd);
	return rc;
}

int trace_file_open(struct trace_file *file, const char *path)
{
	int fd = sys_open(path, O_RDWR | O_APPEND | O_CLOEXEC);

	*file = (struct trace_file){.fd = fd < 0 ? -1 : sys_move_away(fd)};
	return fd < 0 ? fd : 0;
}

static void unmap_chunk(struct trace_file *file)
{
	if (file->chunk)
		(void)sys_munmap(file->chunk, TRACE_CHUNK_SIZE);
	file->chunk = NULL;
}

/*
 * Of several processes that append a chunk at once, each finds its own: it has opened the file for
 * itself, and its position is where its own write has ended.
 */
static int next_chunk(struct trace_file *file)
{
	void *chunk = NULL;
	int64_t end;
	int rc;

	unmap_chunk(file);
	rc = append_blanks(file->fd, TRACE_CHUNK_SIZE);
	if (rc)
		return rc;
	end = sys_seek(file->fd, 0, SEEK_CUR);
	if (end < TRACE_CHUNK_SIZE)
		return end < 0 ? (int)end : -EIO;
	rc = sys_mmap(NULL, TRACE_CHUNK_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd,
		      (uint64_t)end - TRACE_CHUNK_SIZE, &chunk);
	if (rc)
		return rc;
	file->chunk = chunk;
	file->used = 0;
	return 0;
}

int trace_file_append(struct trace_file *file, const char *line, size_t len)
{
	int rc;

	if (len > TRACE_LINE_MAX)
		return -EMSGSIZE;
	if (!file->chunk || len > TRACE_CHUNK_SIZE - file->used) {
		rc = next_chunk(file);
		if (rc)
			return rc;
	}
	/* A file that was truncated has no memory there. */
	rc = guard_copy(file->chunk + file->used, line, len);
	if (!rc)
		file->used += len;
	return rc;
}

void trace_file_leave(struct trace_file *file)
{
	unmap_chunk(file);
	if (file->fd >= 0)
		(void)sys_close(file->fd);
	file->fd = -1;
}

/* ---- the end ---- */

/* Whether the @len bytes at @line are a whole event: the first, or one after a comma. */
static bool is_whole(const char *line, size_t len)
{
	return len > 2 && (line[0] == ',' || line[0] == '[') && line[1] == '{' &&
	       line[len - 1] == '}';
}

/*
 * Copies the whole lines of the chunk at @at to @to, which is not behind it, and returns their
 * length. A line that was not finished is the last of its chunk.
 */
static size_t compact_chunk(char *to, const char *at, size_t len)
{
	const char *end = at + len, *line_end;
	size_t kept = 0;

	while (at < end && (line_end = memchr(at, '\n', (size_t)(end - at)))) {
		size_t line_len = (size_t)(line_end - at);

		if (is_whole(at, line_len)) {
			memmove(to + kept, at, line_len + 1);
			kept += line_len + 1;
		}
		at = line_end + 1;
	}
	return kept;
}

static int close_array(int fd, char *text, size_t len)
{
	static const char end[] = "]\n";
	size_t kept = 0;

	for (size_t at = 0; at < len; at += TRACE_CHUNK_SIZE)
		kept += compact_chunk(text + kept, text + at,
				      len - at < TRACE_CHUNK_SIZE ? len - at : TRACE_CHUNK_SIZE);
	if (!kept || kept + sizeof(end) > len)
		return -EINVAL;
	memcpy(text + kept, end, sizeof(end) - 1);
	kept += sizeof(end) - 1;
	return (int)sys_call(SYS_ftruncate, fd, (long)kept, 0, 0, 0, 0);
}

int trace_file_close(const char *path)
{
	int fd = sys_open(path, O_RDWR | O_CLOEXEC);
	int64_t size;
	void *text = NULL;
	int rc;

	if (fd < 0)
		return fd;
	size = sys_seek(fd, 0, SEEK_END);
	rc = size <= 0 ? -EINVAL
		       : sys_mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0,
				  &text);
	if (!rc) {
		rc = close_array(fd, text, (size_t)size);
		(void)sys_munmap(text, (size_t)size);
	}
	(void)sys_close(fd);
	return rc;
}
