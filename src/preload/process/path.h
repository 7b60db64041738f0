/* SPDX-License-Identifier: MIT */
/*
 * Where a path of the program leads.
 *
 * The program sees the real file system with the shadow root laid over the emulated part of it
 * (preload/start/layout.h). A path that cannot touch the emulated part is recognised by its first
 * characters and goes to the kernel unchanged. Any other is walked, component by component, through
 * the union of the two, and ends in a path under the shadow root or in one of the real system.
 *
 * Context: any thread, any signal handler. Nothing here allocates, locks or changes errno.
 */
#ifndef PRELOAD_PROCESS_PATH_H
#define PRELOAD_PROCESS_PATH_H

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/sys.h"
#include "preload/process/path_names.h"
#include "preload/start/root.h"

/* So many of a path's first characters tell whether it may lead to the emulated part. */
#define PATH_HEAD 8

/* Least space that a walk has for the text of a link: enough to tell that it is one. */
#define PATH_LINK_SPACE 64

/* The answer for one (directory descriptor, path) of the program. */
struct path_at {
	int dirfd; /* this and @path are for the kernel, in place of the program's */
	const char *path;
	char head[PATH_HEAD]; /* the beginning of the program's path; "" if it cannot be read */
	const char *given;    /* a copy of the program's path, or NULL: not made, or used up */
	bool follow;	      /* as given to path_resolve() */
	bool sought;	      /* path_again() has been asked */
	bool shadow;	      /* it leads into the shadow root */
	bool emulated;	      /* its name is one of the emulated part, whether it exists or not */
	bool near;	      /* it is, or is inside, a directory that leads to the emulated part */
	const char *resolved; /* absolute, without links and dots; NULL if not walked */
	struct node node;

	/*
	 * The root, directly followed by @resolved, which is not NULL. @path may point here. The
	 * rest is for the walk: a thread's stack may have no space for more (PTHREAD_STACK_MIN).
	 */
	char text[ROOT_MAX + 1 + PATH_MAX + PATH_LINK_SPACE];
};

/* What is known of a directory by its descriptor (fdtable_hint()). */
enum path_hint {
	PATH_HINT_NONE,
	PATH_HINT_NEAR,	  /* /, or something in /dev or /sys */
	PATH_HINT_SHADOW, /* something under the shadow root */
};

/*
 * Fills @at for (@dirfd, @path) of the program. @follow: whether a link at the end is followed
 * (stat) or not (lstat). A @path that cannot be walked (a bad pointer, too long, a loop) goes to
 * the kernel unchanged, which says what is wrong with it. Nothing else reads the program's string:
 * it is copied through the guard (mem/guard.h), once.
 */
void path_resolve(struct path_at *at, int dirfd, const char *path, bool follow);

/*
 * To be called after the kernel has said ENOENT to @at: whether links of the real system lead it to
 * the emulated part, and the call is to be repeated with what @at says now. Once for each @at.
 * errno stays as it is. Finds nothing in a program that confines itself (sys_confined()): the
 * search makes calls that the program would not make.
 */
bool path_again(struct path_at *at);

/*
 * Like path_resolve(), and follows the real system's links at once: for calls that would make a
 * name. Costs a system call for any path.
 */
void path_resolve_links(struct path_at *at, int dirfd, const char *path, bool follow);

/* The result of @call, a system call with @at that may be repeated (path_again()). */
#define PATH_CALL(at, call)                               \
	({                                                \
		long rc_;                                 \
		do                                        \
			rc_ = (call);                     \
		while (rc_ == -ENOENT && path_again(at)); \
		rc_;                                      \
	})

/*
 * The paths of @at have been resolved, until path_unpass(): where the C library makes a system call
 * with one of them, path_is_resolved() is true. They nest; what is returned is for path_unpass().
 */
struct path_pass {
	const char *path, *text;
};

struct path_pass path_pass(const struct path_at *at);
void path_unpass(struct path_pass outer);
GENERAL_REGISTERS bool path_is_resolved(const char *path);

/* The same for a function of the C library, @failed its result for an error. */
#define PATH_CALL_REAL(at, failed, call)                                        \
	({                                                                      \
		__typeof__(call) rc_;                                           \
		do {                                                            \
			struct path_pass outer_ = path_pass(at);                \
			rc_ = (call);                                           \
			path_unpass(outer_);                                    \
		} while (rc_ == (failed) && errno == ENOENT && path_again(at)); \
		rc_;                                                            \
	})

/*
 * The kernel has opened @fd, a directory, by @at, which was not walked. If links of the real system
 * have led to a directory that the emulated part shares or replaces, resolves its name to @at.
 * True: the directory is in the shadow root, and to be opened again by @at.
 */
bool path_found_directory(struct path_at *at, int fd);

/* The hint for a descriptor that open() of @at returns. */
enum path_hint path_hint_of(const struct path_at *at);

/* To be called when the current directory may have changed. */
void path_cwd_changed(void);

/*
 * Copies the kernel's name of descriptor @fd (AT_FDCWD: of the current directory) to @name, @size
 * bytes. 0 or a negative errno: -ENAMETOOLONG or -ERANGE if it is longer.
 */
int path_of_fd(int fd, char *name, size_t size);

/*
 * Whether the absolute @path touches the emulated part on its way, by its text alone: links are not
 * read.
 */
bool path_is_candidate(const char *path);

#endif
