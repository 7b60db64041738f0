/* SPDX-License-Identifier: MIT */
/*
 * The kernel's entries come first: the server reads them through a copy of the program's
 * descriptor, whose position is the same. At their end come those of the shadow root, all at once.
 *
 * That a descriptor has had them is remembered until the kernel has entries for it again, which it
 * has at the start of every directory. The oldest is forgotten when there are too many: its program
 * gets the entries once more. The lock guards what is remembered.
 *
 * Directories of the shadow root have plain files where the program sees devices, and links where
 * it sees what is real. /dev/shm is listed without the shadow roots of runs.
 *
 * Cost of a listing of another directory: the stop, and reading a link.
 */
#include "server/answer_listing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/caller.h"
#include "base/check.h"
#include "base/lock.h"
#include "preload/calls/old_entries.h"
#include "preload/process/path_names.h"
#include "preload/start/layout.h"
#include "preload/start/root.h"
#include "server/program_fd.h"
#include "server/union_path.h"

enum {
	BUFFER = 32768, /* what the C library asks for at once */
	ENDED = 256,
};

/* A descriptor whose listing has ended with the machine's entries. */
struct ended {
	pid_t pid; /* 0: none */
	int fd;
	dev_t dev;
	ino_t inode;
};

static struct {
	struct lock lock;
	struct ended ended[ENDED];
	unsigned int next;
} listings = {.lock = LOCK_INIT(LOCK_SERVER)};

/* An entry as getdents64() gives it. */
struct entry {
	uint64_t inode;
	int64_t position;
	uint16_t size;
	uint8_t type;
	char name[];
};

static struct ended *find(const struct ended *wanted) REQUIRES(listings.lock)
{
	lock_assert_held(&listings.lock);
	for (struct ended *at = listings.ended; at < listings.ended + ENDED; at++) {
		if (at->pid == wanted->pid && at->fd == wanted->fd && at->dev == wanted->dev &&
		    at->inode == wanted->inode)
			return at;
	}
	return NULL;
}

/* Remembers that @listing is at its end. False: it has been before. */
static bool end(const struct ended *listing)
{
	bool fresh;

	lock_acquire(&listings.lock);
	fresh = !find(listing);
	if (fresh)
		listings.ended[listings.next++ % ENDED] = *listing;
	lock_release(&listings.lock);
	return fresh;
}

static void forget(const struct ended *listing)
{
	struct ended *found;

	lock_acquire(&listings.lock);
	found = find(listing);
	if (found)
		found->pid = 0;
	lock_release(&listings.lock);
}

/* Whether the directory @fd has an entry @name, which may be a link that leads nowhere. */
static bool has(int fd, const char *name)
{
	struct stat st;

	return !fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW);
}

/* Adds @shown of the directory @name at @out, whose first @used bytes of @size are used. */
static long add(char *out, size_t used, size_t size, const char *name, const struct dirent *shown)
{
	const size_t fixed = offsetof(struct entry, name), len = strlen(shown->d_name) + 1;
	struct entry entry = {.inode = shown->d_ino, .position = INT64_MAX, .type = shown->d_type};
	char path[2 * PATH_MAX];

	entry.size = (uint16_t)((fixed + len + 7) & ~(size_t)7);
	if (used + entry.size > size)
		return -EINVAL;
	snprintf(path, sizeof(path), "%s/%s", name, shown->d_name);
	if (path_is_device(path_node(path)))
		entry.type = DT_CHR;
	memset(out + used, 0, entry.size);
	memcpy(out + used, &entry, fixed);
	memcpy(out + used + fixed, shown->d_name, len);
	return entry.size;
}

/* What the link @entry of the directory @fd of the shadow root stands in for, if it does. */
static uint8_t type_of_link(int fd, const struct entry *entry)
{
	char text[PATH_MAX];
	struct stat st;
	const ssize_t len = readlinkat(fd, entry->name, text, sizeof(text) - 1);

	text[len < 0 ? 0 : len] = '\0';
	return text[0] == '/' && !lstat(text, &st) ? IFTODT(st.st_mode) : entry->type;
}

/* Has @out, @len bytes of the directory @name of the shadow root, @fd, say what programs see. */
static void mark_types(int fd, const char *name, char *out, long len)
{
	char path[2 * PATH_MAX];
	struct entry *entry;

	for (long at = 0; at < len; at += entry->size) {
		entry = (struct entry *)(void *)(out + at);
		snprintf(path, sizeof(path), "%s/%s", name, entry->name);
		if (path_is_device(path_node(path)))
			entry->type = DT_CHR;
		else if (entry->type == DT_LNK)
			entry->type = type_of_link(fd, entry);
	}
}

/* The entries that the shadow root has in @name, and the real directory @fd has not. */
static long list_added(int fd, const char *name, char *out, size_t size)
{
	char path[2 * PATH_MAX];
	struct dirent *shown;
	long used = 0, rc = 0;
	DIR *shadow;

	snprintf(path, sizeof(path), "%s%s", root_path(), name);
	shadow = opendir(path);
	while (shadow && rc >= 0 && (shown = readdir(shadow))) {
		if (strcmp(shown->d_name, ".") == 0 || strcmp(shown->d_name, "..") == 0 ||
		    has(fd, shown->d_name))
			continue;
		rc = add(out, (size_t)used, size, name, shown);
		used += rc > 0 ? rc : 0;
	}
	if (shadow)
		closedir(shadow);
	return rc < 0 ? rc : used;
}

/* What comes next of the real directory @name behind @fd, a copy of the program's descriptor. */
static long list_real(int fd, const char *name, const struct ended *listing, char *out, size_t size)
{
	long len = syscall(SYS_getdents64, fd, out, size);

	if (len < 0)
		return -errno;
	if (len) {
		forget(listing);
		return len;
	}
	if (!end(listing))
		return 0;
	len = list_added(fd, name, out, size);
	if (len < 0)
		forget(listing);
	return len;
}

/*
 * What comes next of the directory LAYOUT_MEMORY behind @fd, without the shadow roots: programs
 * walk /dev to look for devices.
 */
static long list_memory(int fd, char *out, size_t size)
{
	const struct entry *entry;
	long len, left = 0;

	do {
		len = syscall(SYS_getdents64, fd, out, size);
		if (len < 0)
			return -errno;
		for (long at = 0, next; at < len; at = next) {
			entry = (const struct entry *)(void *)(out + at);
			next = at + entry->size;
			if (!strncmp(entry->name, LAYOUT_PREFIX, strlen(LAYOUT_PREFIX)))
				continue;
			memmove(out + left, entry, (size_t)(next - at));
			left += next - at;
		}
	} while (len && !left); /* all were hidden; 0 would be the end */
	return left;
}

/* The same of a directory of the shadow root. */
static long list_shadow(int fd, const char *name, char *out, size_t size)
{
	long len = syscall(SYS_getdents64, fd, out, size);

	if (len < 0)
		return -errno;
	mark_types(fd, name, out, len);
	return len;
}

/* Whether @st is of the server's @name: a program may have another directory mounted there. */
static bool is_named(const struct stat *st, const char *name)
{
	struct stat ours;

	return !stat(name, &ours) && ours.st_dev == st->st_dev && ours.st_ino == st->st_ino;
}

struct answer answer_listing(struct request *request)
{
	struct uiommufd_caller *caller = &request->client->caller;
	const __u64 *args = request->call->data.args;
	struct ended listing = {.pid = caller->pid, .fd = (int)args[0]};
	_Alignas(struct entry) char out[BUFFER];
	char name[PATH_MAX];
	const char *inside;
	struct stat st;
	bool in_memory;
	size_t size;
	long len;
	int fd;

	if (program_fd_name(request, listing.fd, name) <= 0)
		return answer_by_kernel();
	inside = union_strip(name);
	in_memory = !inside && strcmp(name, LAYOUT_MEMORY) == 0;
	if (!inside && !in_memory && !path_is_shared(name))
		return answer_by_kernel();
	fd = caller_dup_fd(caller, listing.fd);
	if (fd < 0)
		return answer_by_kernel();
	if (fstat(fd, &st) || (!inside && !is_named(&st, name))) {
		close(fd);
		return answer_by_kernel();
	}
	listing.dev = st.st_dev;
	listing.inode = st.st_ino;
	size = min_u64((unsigned int)args[2], sizeof(out));
	if (in_memory)
		len = list_memory(fd, out, size);
	else
		len = inside ? list_shadow(fd, inside, out, size)
			     : list_real(fd, name, &listing, out, size);
	close(fd);
	if (len > 0 && request->call->data.nr != SYS_getdents64)
		old_entries(out, len);
	if (len > 0 && caller_write(caller, args[1], out, (size_t)len))
		len = -EFAULT;
	return answer_result(len);
}
