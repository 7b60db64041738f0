/* SPDX-License-Identifier: MIT */
#include "cmd/replay_files.h"

#include <stddef.h>
#include <unistd.h>

enum {
	MAX_FILES = 4096,
};

static struct file {
	uint64_t object; /* 0: not known */
	int recorded, now;
} files[MAX_FILES];
static size_t file_count;

/* The latest file that was known as @recorded, or the one with @object; NULL: none. */
static struct file *find_file(uint64_t object, int recorded)
{
	for (size_t i = file_count; object && i-- > 0;)
		if (files[i].object == object)
			return &files[i];
	for (size_t i = file_count; i-- > 0;)
		if (files[i].recorded == recorded && (!object || !files[i].object))
			return &files[i];
	return NULL;
}

static void add(struct file file)
{
	if (file_count < MAX_FILES)
		files[file_count++] = file;
}

void replay_expect_fd(uint64_t object, int recorded)
{
	add((struct file){.object = object, .recorded = recorded, .now = -1});
}

void replay_know_fd(int recorded, int now)
{
	for (size_t i = file_count; i-- > 0;) {
		if (files[i].recorded == recorded && files[i].now < 0) {
			files[i].now = now;
			return;
		}
	}
	add((struct file){.recorded = recorded, .now = now});
}

bool replay_find_fd(uint64_t object, int recorded, int *now)
{
	const struct file *file = find_file(object, recorded);

	if (file)
		*now = file->now;
	return file;
}

void replay_close_file(uint64_t object)
{
	struct file *file = find_file(object, -1);

	if (!file)
		return;
	if (file->now >= 0)
		close(file->now);
	*file = files[--file_count];
}
