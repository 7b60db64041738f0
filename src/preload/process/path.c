/* SPDX-License-Identifier: MIT */
/*
 * The walk through the union of the shadow root and the real system.
 *
 * Invariants of a walk:
 * - its name is "" or absolute, without links and dots;
 * - its name is in the shadow root only if it is in an emulated tree and not at or below a
 *   stand-in;
 * - a directory above the emulated trees is never a link;
 * - its name ends before the components that are still to go.
 *
 * Cost: a few compared characters for a path that cannot touch the emulated part, plus a load if it
 * is relative. A walked path costs one or two readlink() for each component.
 */
#include "preload/process/path.h"

#include <assert.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/sys.h"
#include "mem/guard.h"
#include "preload/process/fdtable.h"
#include "preload/start/layout.h"
#include "preload/start/real.h"
#include "preload/start/root.h"

enum {
	MAX_LINKS = 40,	   /* the kernel's limit */
	ATTEMPTS = 100,	   /* to read a link */
	LONGEST_TREE = 48, /* more than the longest name at which something emulated begins */
};

/* enum path_hint of the current directory, or CWD_UNKNOWN until it is first needed. */
#define CWD_UNKNOWN (-1)
static _Atomic int cwd_hint = CWD_UNKNOWN;

struct walk {
	char *root;	    /* the text of the shadow root, directly followed by @name */
	char *name;	    /* how far the walk has come: "" or absolute, canonical */
	size_t len;	    /* of @name */
	size_t standin;	    /* length of the stand-in at or above @name; 0: there is none */
	unsigned int links; /* followed so far */
	bool shadow;	    /* @name is in the shadow root */
	bool touched;	    /* @name has been in the shadow root on the way */

	/*
	 * The components still to go, at the end of the same memory. Texts of links are read into
	 * what is free between it and the name, and go before the components.
	 */
	const char *next;
};

/*
 * Whether @path, or the path of which it is the first characters, is "/", begins with /dev, /sys or
 * /proc, or with a dot that may lead there.
 */
static bool begins_near(const char *path)
{
	path += strspn(path, "/");
	if (*path == '\0' || *path == '.')
		return true;
	return path_is_within(path, "dev") || path_is_within(path, "sys") ||
	       path_is_within(path, "proc");
}

/* The next component of *@path, its length in *@len, and *@path after it; NULL at the end. */
static const char *next_component(const char **path, size_t *len)
{
	const char *name = *path + strspn(*path, "/");

	*len = strcspn(name, "/");
	*path = name + *len;
	return *len ? name : NULL;
}

static bool is_dot(const char *name, size_t len)
{
	return len == 1 && name[0] == '.';
}

static bool is_dot_dot(const char *name, size_t len)
{
	return len == 2 && name[0] == '.' && name[1] == '.';
}

/* The length of @name of @len bytes without its last component. */
static size_t parent_len(const char *name, size_t len)
{
	while (len && name[--len] != '/')
		;
	return len;
}

/*
 * Whether @name is the kernel's link to a descriptor or a current directory, which may be one of an
 * emulated file.
 */
static bool is_process_link(const char *name)
{
	if (strncmp(name, "/proc/", 6) == 0)
		return strstr(name, "/fd/") || strstr(name, "/cwd");
	return strncmp(name, "/dev/fd/", 8) == 0 || strncmp(name, "/dev/std", 8) == 0;
}

bool path_is_candidate(const char *path)
{
	char name[LONGEST_TREE];
	unsigned int below = 0; /* components that are left out of @name, which is full */
	const char *part;
	size_t len = 0;
	size_t size;

	name[0] = '\0';
	while ((part = next_component(&path, &size))) {
		if (is_dot(part, size))
			continue;
		if (is_dot_dot(part, size)) {
			if (below)
				below--;
			else
				len = parent_len(name, len);
			name[len] = '\0';
			continue;
		}
		if (below || len + 1 + size >= sizeof(name)) {
			below++;
			continue;
		}
		name[len] = '/';
		memcpy(name + len + 1, part, size);
		len += 1 + size;
		name[len] = '\0';
		if (path_is_emulated(name) || is_process_link(name))
			return true;
	}
	return false;
}

/*
 * Reads the link @path into @text of @size bytes, terminated by 0. Returns the length or a negative
 * errno.
 */
static long read_link(const char *path, char *text, size_t size)
{
	long len = -ENOMEM;

	/* The kernel may lack memory for a moment. Any other answer would lead to another file. */
	for (int i = 0; len == -ENOMEM && i < ATTEMPTS; i++)
		len = SYS(SYS_readlinkat, AT_FDCWD, path, text, size - 1);
	if (len >= 0)
		text[len] = '\0';
	return len;
}

/* What is free between the name and the components still to go. */
static char *walk_free(const struct walk *walk)
{
	return walk->name + walk->len + 1;
}

static size_t walk_space(const struct walk *walk)
{
	assert(walk_free(walk) <= walk->next);
	return (size_t)(walk->next - walk_free(walk));
}

static void walk_up(struct walk *walk)
{
	walk->len = parent_len(walk->name, walk->len);
	walk->name[walk->len] = '\0';
	if (walk->len < walk->standin)
		walk->standin = 0;
}

/*
 * Finds @walk->name in the shadow root, or else in the real system. Returns the length of its text
 * if it is a link, 0 if it is anything else or does not exist, -ENOTDIR if it would be inside a
 * file of the shadow root. The text goes to what is free (walk_free()).
 */
static long walk_look(struct walk *walk)
{
	const size_t space = walk_space(walk);
	char *target = walk_free(walk);
	long len;

	assert(walk->len == strlen(walk->name) && (walk->len == 0 || walk->name[0] == '/'));
	walk->shadow = false;
	if (path_is_shared(walk->name) || walk->len == 0)
		return 0;
	if (space < PATH_LINK_SPACE / 2)
		return -ENAMETOOLONG;
	if (!walk->standin && path_is_emulated(walk->name)) {
		len = read_link(walk->root, target, space);
		if (len >= 0 && target[0] == '/') {
			walk->standin = walk->len;
		} else if (len >= 0 || len == -EINVAL || len == -ENOTDIR) {
			walk->shadow = true;
			walk->touched = true;
			return len == -EINVAL ? 0 : len;
		}
	}
	len = read_link(walk->name, target, space);
	return len > 0 ? len : 0;
}

/* Puts the text of a link, @len bytes that walk_look() read, before the components still to go. */
static int walk_expand(struct walk *walk, size_t len)
{
	const size_t space = walk_space(walk);
	char *start;

	if (++walk->links > MAX_LINKS)
		return -ELOOP;
	if (len + 1 >= space) /* the text may have been cut */
		return -ENAMETOOLONG;
	start = walk_free(walk) + space - (len + 1);
	memmove(start, walk_free(walk), len);
	start[len] = '/';
	walk->next = start;
	walk_up(walk);
	if (start[0] == '/') {
		walk->len = 0;
		walk->name[0] = '\0';
		walk->standin = 0;
		/* A link of /proc to a directory or file of the shadow root. */
		if (root_strip(start))
			walk->next = root_strip(start);
	}
	return 0;
}

static int walk_append(struct walk *walk, const char *name, size_t len)
{
	if (walk->len + 1 + len + 1 >= PATH_MAX || walk_free(walk) + len >= walk->next)
		return -ENAMETOOLONG;
	walk->name[walk->len] = '/';
	memmove(walk->name + walk->len + 1, name, len);
	walk->len += 1 + len;
	walk->name[walk->len] = '\0';
	return 0;
}

/* Whether @walk->name is a directory, and ".." can follow. The part that all share is one. */
static bool walk_in_directory(const struct walk *walk)
{
	struct stat st;

	if (walk->len == 0 || path_is_shared(walk->name))
		return true;
	return SYS(SYS_newfstatat, AT_FDCWD, walk->shadow ? walk->root : walk->name, &st, 0) == 0 &&
	       S_ISDIR(st.st_mode);
}

/* Ends the walk where the kernel will find what is wrong: at @part and what follows it. */
static int walk_stop(struct walk *walk, const char *part)
{
	size_t len = strlen(part);

	if (walk->len + 1 + len + 1 >= PATH_MAX)
		return -ENAMETOOLONG;
	walk->name[walk->len] = '/';
	memmove(walk->name + walk->len + 1, part, len + 1);
	walk->len += 1 + len;
	walk->next = walk->name + walk->len;
	return 0;
}

static bool walk_at_end(const struct walk *walk)
{
	return walk->next[strspn(walk->next, "/")] == '\0';
}

static int walk_run(struct walk *walk, bool follow)
{
	const char *part;
	size_t size;
	long len;
	int rc;

	while ((part = next_component(&walk->next, &size))) {
		if (is_dot(part, size)) {
			/* Of an open file: "." alone. */
			if (walk->shadow && walk_at_end(walk) && !walk_in_directory(walk))
				return walk_stop(walk, part);
			continue;
		}
		if (is_dot_dot(part, size)) {
			if (!walk_in_directory(walk))
				return walk_stop(walk, part);
			walk_up(walk);
			walk_look(walk);
			continue;
		}
		rc = walk_append(walk, part, size);
		if (rc)
			return rc;
		len = walk_look(walk);
		if (len == -ENAMETOOLONG)
			return (int)len;
		if (len == -ENOTDIR) /* the kernel finds the same in the shadow root */
			return walk_at_end(walk) ? 0 : walk_stop(walk, walk->next);
		if (len > 0 && (follow || !walk_at_end(walk))) {
			rc = walk_expand(walk, (size_t)len);
			if (rc)
				return rc;
		}
	}
	return 0;
}

static enum path_hint hint_of_name(const char *name)
{
	if (name[0] != '/')
		return PATH_HINT_NONE;
	if (root_strip(name))
		return PATH_HINT_SHADOW;
	return begins_near(name) ? PATH_HINT_NEAR : PATH_HINT_NONE;
}

int path_of_fd(int fd, char *name, size_t size)
{
	char link[32];
	long len;

	if (fd == AT_FDCWD) {
		len = SYS(SYS_getcwd, name, size);
		return len < 0 ? (int)len : 0;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = read_link(link, name, size);
	if (len == (long)size - 1)
		return -ENAMETOOLONG;
	return len < 0 ? (int)len : 0;
}

void path_cwd_changed(void)
{
	char name[PATH_MAX];

	if (!root_active())
		return;
	atomic_store_explicit(&cwd_hint,
			      path_of_fd(AT_FDCWD, name, sizeof(name)) ? PATH_HINT_NONE
								       : (int)hint_of_name(name),
			      memory_order_relaxed);
}

static __attribute__((noinline)) int find_cwd_hint(void)
{
	path_cwd_changed();
	return atomic_load_explicit(&cwd_hint, memory_order_relaxed);
}

static bool cwd_may_reach(void)
{
	int hint = atomic_load_explicit(&cwd_hint, memory_order_relaxed);

	if (__builtin_expect(hint == CWD_UNKNOWN, 0))
		hint = find_cwd_hint();
	return hint != PATH_HINT_NONE;
}

/* Whether the path that begins with @head may lead to the emulated part. */
static bool may_reach(int dirfd, const char head[PATH_HEAD])
{
	if (head[0] == '/')
		return begins_near(head);
	if (dirfd != AT_FDCWD)
		return fdtable_hint(dirfd) != PATH_HINT_NONE;
	return cwd_may_reach() || (head[0] == '.' && head[1] == '.');
}

/*
 * Moves @at->given, at the beginning of @at->text, to its end, with the directory that it begins in
 * before it if it is relative. *@inside: whether the kernel would start in the shadow root. False:
 * there is no absolute form.
 */
static bool walk_start(struct walk *walk, struct path_at *at, bool *inside)
{
	size_t path_len = strlen(at->given);
	char *path = at->text + sizeof(at->text) - (path_len + 1);
	const char *base = "";
	size_t base_len = 0;

	memmove(path, at->given, path_len + 1);
	at->given = path;
	*inside = false;
	if (path[0] != '/') {
		if (path_of_fd(at->dirfd, at->text, (size_t)(path - at->text)) ||
		    at->text[0] != '/')
			return false;
		*inside = root_strip(at->text) != NULL;
		base = *inside ? root_strip(at->text) : at->text;
		base_len = strlen(base);
	}
	if (base_len + 1 + path_len + 1 > PATH_MAX)
		return false;
	path[-1] = '/';
	walk->next = memmove(path - 1 - base_len, base, base_len);
	return true;
}

static bool ends_as_directory(const char *path)
{
	size_t len = strlen(path);

	return path[len - 1] == '/' || (len > 1 && strcmp(path + len - 2, "/.") == 0);
}

/*
 * Walks @at->given, whose place the name of the walk takes, if it is a candidate or @anything is.
 */
static void path_walk(struct path_at *at, bool anything)
{
	bool directory = ends_as_directory(at->given);
	struct walk walk;
	bool inside;

	if (!walk_start(&walk, at, &inside))
		return;
	at->near = begins_near(walk.next);
	if (!inside && !anything && !path_is_candidate(walk.next))
		return;
	at->given = NULL;
	walk.root = at->text;
	walk.name = stpcpy(at->text, root_path());
	walk.name[0] = '\0';
	walk.len = walk.standin = 0;
	walk.links = 0;
	walk.shadow = walk.touched = false;
	if (walk_run(&walk, at->follow || directory))
		return;
	if (walk.len == 0)
		walk_append(&walk, "", 0);
	assert(!walk.shadow || (walk.touched && !walk.standin && path_is_emulated(walk.name)));
	at->resolved = walk.name;
	at->shadow = walk.shadow;
	at->emulated = !walk.standin && path_is_emulated(walk.name);
	if (walk.shadow && !directory)
		at->node = path_node(walk.name);
	if (directory && walk.len > 1)
		strcpy(walk.name + walk.len, "/");
	/* Where the shadow root was not met, the kernel's own walk ends at the same file. */
	if (!walk.touched && !inside)
		return;
	at->dirfd = AT_FDCWD;
	at->path = walk.shadow ? walk.root : walk.name;
}

/* Copies the beginning of the program's @path. False: it is empty or cannot be read. */
static bool read_head(struct path_at *at, const char *path)
{
	int len = path ? guard_copy_string(at->head, path, PATH_HEAD - 1) : 0;

	at->head[len < 0 ? 0 : len] = '\0';
	return len > 0;
}

/* Copies all of it. False: it has become unreadable or is longer than any path. */
static bool read_path(struct path_at *at, const char *path)
{
	int len = guard_copy_string(at->text, path, PATH_MAX);

	if (len <= 0 || len == PATH_MAX)
		return false;
	at->given = at->text;
	return true;
}

void path_resolve(struct path_at *at, int dirfd, const char *path, bool follow)
{
	preload_ready();
	at->dirfd = dirfd;
	at->path = path;
	at->head[0] = '\0';
	at->given = NULL;
	at->follow = follow;
	at->sought = false;
	at->shadow = false;
	at->emulated = false;
	at->near = false;
	at->resolved = NULL;
	at->node = (struct node){.kind = NODE_NONE};
	if (!root_active() || !read_head(at, path) || !may_reach(dirfd, at->head) ||
	    !read_path(at, path))
		return;
	path_walk(at, false);
}

/* Whether the walk to @at meets a link. Where the kernel cannot tell, one is assumed. */
static bool meets_link(const struct path_at *at)
{
	const struct open_how how = {
		.flags = O_PATH | O_CLOEXEC | (at->follow ? 0u : (unsigned int)O_NOFOLLOW),
		.resolve = RESOLVE_NO_SYMLINKS,
	};
	long fd;

	/* valgrind says of each call that it does not know that it does not. */
	if (sys_under_valgrind())
		return true;
	fd = SYS(SYS_openat2, at->dirfd, at->path, &how, sizeof(how));
	if (fd >= 0)
		SYS(SYS_close, fd);
	return fd < 0 && fd != -ENOENT && fd != -ENOTDIR && fd != -EFAULT;
}

static __attribute__((noinline)) bool walk_links(struct path_at *at)
{
	const char *path = at->path;

	at->sought = true;
	if (!meets_link(at) || !read_path(at, path))
		return false;
	path_walk(at, true);
	return at->path != path;
}

bool path_again(struct path_at *at)
{
	return at->head[0] && !at->resolved && !at->sought && !sys_confined() && walk_links(at);
}

void path_resolve_links(struct path_at *at, int dirfd, const char *path, bool follow)
{
	path_resolve(at, dirfd, path, follow);
	(void)path_again(at);
}

static __thread struct path_pass passing __attribute__((tls_model("initial-exec")));

struct path_pass path_pass(const struct path_at *at)
{
	struct path_pass outer = passing;

	passing = (struct path_pass){.path = at->path, .text = at->text};
	return outer;
}

void path_unpass(struct path_pass outer)
{
	passing = outer;
}

bool path_is_resolved(const char *path)
{
	return path == passing.path || path == passing.text;
}

/* Whether @device is the file system of /dev or /sys. */
static bool is_shared_device(dev_t device)
{
	static _Atomic dev_t dev, sys;
	struct stat st;

	if (!atomic_load_explicit(&dev, memory_order_acquire)) {
		st.st_dev = 0;
		SYS(SYS_newfstatat, AT_FDCWD, "/sys", &st, 0);
		atomic_store_explicit(&sys, st.st_dev, memory_order_relaxed);
		SYS(SYS_newfstatat, AT_FDCWD, "/dev", &st, 0);
		/* Release: a thread that sees this one sees the other, too. */
		atomic_store_explicit(&dev, st.st_dev, memory_order_release);
	}
	return device == atomic_load_explicit(&dev, memory_order_relaxed) ||
	       device == atomic_load_explicit(&sys, memory_order_relaxed);
}

bool path_found_directory(struct path_at *at, int fd)
{
	struct stat st;

	if (!at->head[0] || at->resolved || at->near || SYS(SYS_fstat, fd, &st) ||
	    !is_shared_device(st.st_dev) || path_of_fd(fd, at->text, sizeof(at->text)))
		return false;
	path_resolve(at, AT_FDCWD, at->text, true);
	return at->shadow;
}

enum path_hint path_hint_of(const struct path_at *at)
{
	if (at->shadow)
		return PATH_HINT_SHADOW;
	return at->near ? PATH_HINT_NEAR : PATH_HINT_NONE;
}
