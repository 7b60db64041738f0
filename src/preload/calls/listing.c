/* SPDX-License-Identifier: MIT */
/*
 * For each descriptor whose directory has come to its end, the number of the next entry of the
 * shadow directory is kept. The shadow directory is small and does not change, so it is read anew
 * for each entry.
 *
 * Invariants:
 * - a descriptor has at most one listing;
 * - listings.count is the length of the list.
 *
 * listings.lock guards the list. It is taken inside the engine only, so a fork finds it free.
 *
 * Cost: closing a directory while there is no listing costs a load.
 */
#include "preload/calls/listing.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/alloc.h"
#include "base/lock.h"
#include "preload/engine/call.h"
#include "preload/process/path.h"
#include "preload/start/layout.h"
#include "preload/start/real.h"
#include "preload/start/root.h"

enum {
	SHARED_MAX = 64, /* more than the longest name of a directory with added entries */
};

struct listing {
	struct listing *next;
	int fd;
	unsigned int position;
	struct dirent entry;
};

static struct {
	struct lock lock;
	struct listing *first;
	_Atomic unsigned int count;
} listings = {.lock = LOCK_INIT(LOCK_LISTING)};

/* The link to the listing of @fd, or the link at the end of the list. */
static struct listing **find(int fd) REQUIRES(listings.lock)
{
	struct listing **link = &listings.first;

	lock_assert_held(&listings.lock);
	while (*link && (*link)->fd != fd)
		link = &(*link)->next;
	return link;
}

static void add(struct listing **end, struct listing *listing) REQUIRES(listings.lock)
{
	lock_assert_held(&listings.lock);
	assert(!*end);
	*end = listing;
	listings.count++;
}

static void remove_listing(struct listing **link) REQUIRES(listings.lock)
{
	lock_assert_held(&listings.lock);
	assert(listings.count);
	*link = (*link)->next;
	listings.count--;
}

/* Whether the directory has an entry @name, which may be a link that leads nowhere. */
static bool real_has(int dirfd, const char *name)
{
	char byte;

	return SYS(SYS_readlinkat, dirfd, name, &byte, 1) != -ENOENT;
}

/*
 * Copies entry number @position of those that the shadow directory @name has and the real one,
 * @dirfd, has not. False: there are fewer.
 */
static bool read_shadow(const char *name, int dirfd, unsigned int position, struct dirent *copy)
{
	char path[ROOT_MAX + SHARED_MAX];
	struct dirent *entry;
	bool found = false;
	DIR *shadow;

	snprintf(path, sizeof(path), "%s%s", root_path(), name);
	shadow = REAL(opendir)(path);
	while (shadow && !found && (entry = REAL(readdir)(shadow))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    real_has(dirfd, entry->d_name))
			continue;
		found = position-- == 0;
		/* Not the whole structure: the last entry in the stream's buffer may be shorter. */
		if (found)
			memcpy(copy, entry, entry->d_reclen);
	}
	if (shadow)
		REAL(closedir)(shadow);
	return found;
}

static struct dirent *next_of(int fd, const char *name) REQUIRES(listings.lock)
{
	struct listing **link = find(fd);
	struct listing *listing = *link;

	lock_assert_held(&listings.lock);
	if (!listing) {
		listing = alloc_zeroed(sizeof(*listing));
		if (!listing)
			return NULL;
		listing->fd = fd;
		add(link, listing);
	}
	if (!read_shadow(name, fd, listing->position, &listing->entry))
		return NULL;
	listing->position++;
	return &listing->entry;
}

struct dirent *listing_next(int fd)
{
	struct dirent *entry;
	struct engine_call call;
	char name[SHARED_MAX];

	if (path_of_fd(fd, name, sizeof(name)) || !path_is_shared(name))
		return NULL;
	engine_enter(&call);
	lock_acquire(&listings.lock);
	entry = next_of(fd, name);
	lock_release(&listings.lock);
	engine_leave(&call);
	return entry;
}

bool listing_hides(int fd, const char *name)
{
	struct stat directory, memory;

	return strncmp(name, LAYOUT_PREFIX, strlen(LAYOUT_PREFIX)) == 0 &&
	       SYS(SYS_newfstatat, fd, "", &directory, AT_EMPTY_PATH) == 0 &&
	       SYS(SYS_newfstatat, AT_FDCWD, LAYOUT_MEMORY, &memory, 0) == 0 &&
	       directory.st_dev == memory.st_dev && directory.st_ino == memory.st_ino;
}

void listing_forget(int fd)
{
	struct listing *listing, **link;
	struct engine_call call;

	if (!atomic_load_explicit(&listings.count, memory_order_relaxed))
		return;
	engine_enter(&call);
	lock_acquire(&listings.lock);
	link = find(fd);
	listing = *link;
	if (listing)
		remove_listing(link);
	lock_release(&listings.lock);
	alloc_free(listing);
	engine_leave(&call);
}
