/* SPDX-License-Identifier: MIT */
/*
 * The walk keeps the name so far, which has no links, and what is left of the path. Cost: a system
 * call for each component, two in directories that the shadow root has as well.
 */
#include "server/union_path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "preload/start/root.h"

enum {
	MAX_LINKS = 40, /* as in the kernel */
};

static const char *root = "";

/* A walk in progress. */
struct walk {
	struct union_path *result;
	char left[2 * PATH_MAX];
	bool follow;
	bool moved; /* by something of the shadow root, or out of it: the kernel cannot follow */
	size_t standin; /* length of the name at and below which all is real; 0: none */
	int links;
};

void union_set_root(const char *path)
{
	root = path;
}

/* Preload's name for it, in what is also part of the server. */
const char *root_path(void)
{
	return root;
}

const char *union_strip(const char *name)
{
	size_t len = strlen(root);

	if (!len || strncmp(name, root, len) != 0)
		return NULL;
	if (name[len] == '\0')
		return "/";
	return name[len] == '/' ? name + len : NULL;
}

/* Whether @name can be in the shadow root, which has files of its own beside these trees. */
static bool is_in_union(const char *name)
{
	return path_is_within(name, "/dev") || path_is_within(name, "/sys") ||
	       path_is_within(name, "/proc");
}

/* Takes the first component of what is left. False: there is none. */
static bool next_component(struct walk *walk, char component[NAME_MAX + 1])
{
	char *left = walk->left + strspn(walk->left, "/");
	size_t len = strcspn(left, "/");

	if (!len || len > NAME_MAX)
		return false;
	memcpy(component, left, len);
	component[len] = '\0';
	memmove(walk->left, left + len, strlen(left + len) + 1);
	return true;
}

static bool is_last(const struct walk *walk)
{
	return !walk->left[strspn(walk->left, "/")];
}

/* Puts @text, of a link, before what is left. False: it gets too long. */
static bool splice(struct walk *walk, const char *text)
{
	char rest[sizeof(walk->left)];
	size_t len = strlen(text);

	strcpy(rest, walk->left);
	if (len + strlen(rest) >= sizeof(walk->left))
		return false;
	memcpy(walk->left, text, len);
	strcpy(walk->left + len, rest);
	return true;
}

/* Back to the directory above. */
static void cut(struct walk *walk)
{
	char *slash = strrchr(walk->result->name, '/');

	if (!slash)
		return;
	*slash = '\0';
	if (strlen(walk->result->name) < walk->standin)
		walk->standin = 0;
}

static bool is_emulated(const struct walk *walk)
{
	return !walk->standin && path_is_emulated(walk->result->name);
}

static bool append(char *name, const char *component)
{
	size_t len = strlen(name);

	if (len + 1 + strlen(component) >= PATH_MAX)
		return false;
	name[len] = '/';
	strcpy(name + len + 1, component);
	return true;
}

static void set_shadow(struct union_path *result)
{
	strcpy(result->shadow, root);
	strcat(result->shadow, result->name);
}

/* The name is not in the shadow root: it is of the real system, or does not exist at all. */
static enum union_kind outside(struct walk *walk)
{
	if (is_emulated(walk))
		return UNION_MISSING;
	if (!walk->moved)
		return UNION_FOREIGN;
	if (strlen(walk->result->name) + strlen(walk->left) >= PATH_MAX)
		return UNION_MISSING;
	strcat(walk->result->name, walk->left);
	return UNION_REAL;
}

/*
 * The name is of the real system, whose links may lead to the emulated part. Those of /proc mean
 * something else for each process, and are followed by the kernel. Its directories lead there only
 * by "..".
 */
static enum union_kind leave(struct walk *walk)
{
	char *name = walk->result->name;
	const bool of_proc = path_is_within(name, "/proc");
	char text[PATH_MAX];
	struct stat st;
	ssize_t len;

	if (is_emulated(walk) || (of_proc && !strstr(walk->left, "..")) || lstat(name, &st))
		return outside(walk);
	if (S_ISDIR(st.st_mode) && !is_last(walk))
		return UNION_EMULATED;
	if (of_proc || !S_ISLNK(st.st_mode) || (is_last(walk) && !walk->follow))
		return outside(walk);
	len = readlink(name, text, sizeof(text) - 1);
	if (len < 0)
		return outside(walk);
	text[len] = '\0';
	if (++walk->links > MAX_LINKS || !splice(walk, text))
		return UNION_FOREIGN;
	if (text[0] == '/') {
		name[0] = '\0';
		walk->standin = 0;
	} else {
		cut(walk);
	}
	return UNION_EMULATED;
}

/* All at and below the name is of the real system, although it is in an emulated tree. */
static enum union_kind stand_in(struct walk *walk)
{
	walk->standin = strlen(walk->result->name);
	return leave(walk);
}

static enum union_kind missing(struct walk *walk, int error)
{
	walk->result->error = error;
	return UNION_MISSING;
}

/* Whether the directory reached is in the shadow root, and need not be in the real system. */
static bool is_of_shadow(struct union_path *at)
{
	struct stat st;

	if (!is_in_union(at->name) || path_is_shared(at->name))
		return false;
	set_shadow(at);
	return !lstat(at->shadow, &st);
}

/* Whether the directory above the name is in an emulated tree, too. */
static bool is_below(const struct walk *walk)
{
	char above[PATH_MAX];
	char *slash;

	strcpy(above, walk->result->name);
	slash = strrchr(above, '/');
	if (slash)
		*slash = '\0';
	return path_is_emulated(above);
}

/* Goes on to @component. UNION_EMULATED: the walk goes on. */
static enum union_kind step(struct walk *walk, const char *component)
{
	char *name = walk->result->name;
	char text[PATH_MAX];
	struct stat st;
	ssize_t len;

	if (strcmp(component, ".") == 0)
		return UNION_EMULATED;
	if (strcmp(component, "..") == 0) {
		walk->moved |= !walk->standin && is_of_shadow(walk->result);
		cut(walk);
		return UNION_EMULATED;
	}
	if (!append(name, component))
		return UNION_FOREIGN;
	set_shadow(walk->result);
	if (walk->standin || !is_in_union(name))
		return leave(walk);
	if (lstat(walk->result->shadow, &st))
		return path_is_one_of_many(name) && !lstat(name, &st) && !is_below(walk)
			       ? stand_in(walk)
			       : leave(walk);
	if (!S_ISLNK(st.st_mode) && !S_ISDIR(st.st_mode) && walk->left[0])
		return missing(walk, -ENOTDIR);
	if (!S_ISLNK(st.st_mode))
		return UNION_EMULATED;
	len = readlink(walk->result->shadow, text, sizeof(text) - 1);
	if (len < 0)
		return UNION_MISSING;
	text[len] = '\0';
	/* A link with an absolute text stands in for an entry of the real system. */
	if (text[0] == '/')
		return stand_in(walk);
	if (is_last(walk) && !walk->follow)
		return UNION_EMULATED;
	if (++walk->links > MAX_LINKS || !splice(walk, text))
		return UNION_FOREIGN;
	walk->moved = true;
	cut(walk);
	return UNION_EMULATED;
}

/* Fills in where the walk begins. False: nothing of ours can be on its way. */
static bool begin(struct walk *walk, const char *from, const char *path)
{
	const char *inside = path[0] == '/' ? union_strip(path) : union_strip(from);
	size_t len;

	/* By the name of the shadow root itself: such a program knows what it does. */
	if (path[0] == '/' && inside)
		return false;
	walk->moved = inside;
	if (path[0] == '/')
		from = "";
	else if (inside)
		from = inside;
	if (path[0] != '/' && from[0] != '/')
		return false;
	len = strlen(from);
	if (len + 1 + strlen(path) >= sizeof(walk->left) || strlen(path) >= PATH_MAX)
		return false;
	memcpy(walk->left, from, len);
	walk->left[len] = '/';
	strcpy(walk->left + len + 1, path);
	return true;
}

void union_walk(struct union_path *result, const char *from, const char *path, bool follow)
{
	const size_t len = strlen(path);
	/* What is before a slash is a directory, and no link to one. */
	struct walk walk = {.result = result, .follow = follow || (len && path[len - 1] == '/')};
	char component[NAME_MAX + 1];
	struct stat st;

	result->kind = UNION_FOREIGN;
	result->error = -ENOENT;
	result->has_directory = false;
	result->node = (struct node){.kind = NODE_NONE};
	result->name[0] = '\0';
	if (!begin(&walk, from, path))
		return;
	while (next_component(&walk, component)) {
		result->kind = step(&walk, component);
		result->has_directory = is_last(&walk);
		if (result->kind != UNION_EMULATED)
			return;
	}
	if (!result->name[0])
		strcpy(result->name, "/");
	set_shadow(result);
	/*
	 * The root itself, a name too long for any file, or one that ".." has led out; or a
	 * directory that the real system has as well: a listing adds what only the shadow root has.
	 */
	if (!is_last(&walk) || !is_in_union(result->name) || lstat(result->shadow, &st) ||
	    (path_is_shared(result->name) && !lstat(result->name, &st)))
		result->kind = walk.moved ? UNION_REAL : UNION_FOREIGN;
	else
		result->node = path_node(result->name);
}
