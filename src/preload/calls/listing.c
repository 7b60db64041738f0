/* SPDX-License-Identifier: MIT */
/*
 * See listing.h. For each stream that has come to its end there is one number kept, which entry of
 * the shadow directory is next; the shadow directory is small and does not change, so it is read
 * anew each time.
 */
#include "preload/calls/listing.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "preload/engine/call.h"
#include "preload/process/path.h"
#include "preload/start/real.h"
#include "preload/start/root.h"

struct listing {
	struct listing *next;
	DIR *dir;
	unsigned int position;
	struct dirent entry;
};

/* Taken inside the engine only: fork finds it free. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct listing *listings;
static _Atomic unsigned int count; /* so that closing any other stream costs a load */

/* Where the one of @dir is, or would be. Caller holds the lock. */
static struct listing **find(DIR *dir)
{
	struct listing **at = &listings;

	while (*at && (*at)->dir != dir)
		at = &(*at)->next;
	return at;
}

/* A link of any kind, and any other file, is there. */
static bool real_has(int dirfd, const char *name)
{
	char byte;

	return SYS(SYS_readlinkat, dirfd, name, &byte, 1) != -ENOENT;
}

/* Copies entry number @position of those that only the shadow directory @name has. */
static bool read_shadow(const char *name, int dirfd, unsigned int position, struct dirent *copy)
{
	char path[2 * PATH_MAX];
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
		if (found) /* the last in the stream's buffer may be shorter than the structure */
			memcpy(copy, entry, entry->d_reclen);
	}
	if (shadow)
		REAL(closedir)(shadow);
	return found;
}

static struct dirent *next_of(DIR *dir, const char *name)
{
	struct listing **at = find(dir);

	if (!*at) {
		struct listing *listing = alloc_zeroed(sizeof(*listing));

		if (!listing)
			return NULL;
		listing->dir = dir;
		*at = listing;
		count++;
	}
	if (!read_shadow(name, dirfd(dir), (*at)->position, &(*at)->entry))
		return NULL;
	(*at)->position++;
	return &(*at)->entry;
}

struct dirent *listing_next(DIR *dir)
{
	struct dirent *entry;
	struct engine_call call;
	char name[PATH_MAX];

	if (path_of_fd(dirfd(dir), name) || !path_is_shared(name))
		return NULL;
	engine_enter(&call);
	pthread_mutex_lock(&lock);
	entry = next_of(dir, name);
	pthread_mutex_unlock(&lock);
	engine_leave(&call);
	return entry;
}

void listing_forget(DIR *dir)
{
	struct listing *listing, **at;
	struct engine_call call;

	if (!atomic_load_explicit(&count, memory_order_relaxed))
		return;
	engine_enter(&call);
	pthread_mutex_lock(&lock);
	at = find(dir);
	listing = *at;
	if (listing) {
		*at = listing->next;
		count--;
	}
	pthread_mutex_unlock(&lock);
	alloc_free(listing);
	engine_leave(&call);
}
