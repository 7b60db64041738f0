/* SPDX-License-Identifier: MIT */
/*
 * Where a path of the program leads.
 *
 * The program sees the real file system with the shadow root laid over the emulated part of it
 * (preload/start/layout.h). A path that cannot touch the emulated part is recognised by its first
 * characters and goes to the kernel as it is. Any other is walked, component by component, through
 * the union of the two; it ends in a path under the shadow root or in one of the real system.
 *
 * Nothing here allocates, locks or changes errno; all of it may run in a signal handler.
 */
#ifndef PRELOAD_PROCESS_PATH_H
#define PRELOAD_PROCESS_PATH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* Emulated files that are more than the file in the shadow root. */
enum node_kind {
	NODE_NONE,
	NODE_IOMMU,	/* /dev/iommu */
	NODE_CONTAINER, /* /dev/vfio/vfio */
	NODE_GROUP,	/* /dev/vfio/N */
	NODE_CDEV,	/* /dev/vfio/devices/vfioN */
	NODE_CONFIG,	/* /sys/devices/pciDDDD:BB/BDF/config */
};

struct node {
	enum node_kind kind;
	unsigned int number; /* of group or cdev */
};

/* The answer for one (directory descriptor, path) of the program. */
struct path_at {
	int dirfd; /* what to hand to the kernel instead */
	const char *path;
	bool shadow;	      /* it leads into the shadow root */
	bool near;	      /* is, or is inside, a directory that leads to the emulated part */
	const char *resolved; /* absolute, without links and dots; NULL if not walked */
	struct node node;
	char text[PATH_MAX + 256]; /* @path may point here; the root comes first, then @resolved */
};

/* A directory descriptor's hint (fdtable_hint()). */
enum path_hint {
	PATH_HINT_NONE,
	PATH_HINT_NEAR,	  /* /, or something in /dev or /sys */
	PATH_HINT_SHADOW, /* something under the shadow root */
};

/*
 * Fills @at. @follow: a link at the end is followed (stat), or not (lstat). A @path that no walk
 * can make sense of (NULL, too long, a loop) goes to the kernel as it is, which says what is wrong
 * with it.
 */
void path_resolve(struct path_at *at, int dirfd, const char *path, bool follow);

/* What open() of @at gives the descriptor as a hint. */
enum path_hint path_hint_of(const struct path_at *at);

/* The node that the program calls @resolved. */
struct node path_node(const char *resolved);

/* Says that the current directory may have changed. */
void path_cwd_changed(void);

/*
 * The name of descriptor @fd (AT_FDCWD: of the current directory) into @name of PATH_MAX bytes, as
 * the kernel has it. 0 or a negative errno.
 */
int path_of_fd(int fd, char *name);

/*
 * True if @name is a directory of the real system that has emulated entries among its own, like
 * /dev.
 */
bool path_is_shared(const char *name);

/* True if the absolute @path touches the emulated part on its way, going by its text alone. */
bool path_is_candidate(const char *path);

#endif
