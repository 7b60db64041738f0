/* SPDX-License-Identifier: MIT */
/*
 * What the processes of a user have locked, each by itself, in a file that they share.
 *
 * The file is a table with a word for each process: its pages. A process holds the kernel's lock on
 * the byte of the file with the number of its word, as long as it lives; so a word without a lock
 * belongs to a process that has ended, however that was.
 *
 * What is in the file is another process's word: any value is taken, none does harm but to what the
 * user may lock. A file that is not the user's own, or that others may write, is not used.
 */
#ifndef MEM_USER_SHARE_H
#define MEM_USER_SHARE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct user_share {
	uint64_t *words; /* mapped; others may truncate the file, so only by guard_copy() */
	unsigned int own;
	int fd; /* kept for its lock */
};

/*
 * Where the tables are for programs whose shadow root is @root: in the directory that it is in,
 * whose name is written to @directory, of @size bytes. False: it is in none of its own.
 */
bool user_share_directory(const char *root, char *directory, size_t size);

/*
 * Opens the table of @uid in @directory, and takes a word of it, which is 0. The caller owns it
 * until user_share_close(). A negative errno: the table cannot be used.
 */
int user_share_open(struct user_share *share, const char *directory, uint32_t uid);

/* In the child of a fork also: its parent keeps the word. */
void user_share_close(struct user_share *share);

/* The pages of all others; UINT64_MAX if they are more than that. -EFAULT: the table is gone. */
int user_share_others(const struct user_share *share, uint64_t *pages);

/* Makes @pages known as ours. -EFAULT: the table is gone. */
int user_share_publish(const struct user_share *share, uint64_t pages);

/* Sets the words of processes that have ended to 0. */
void user_share_sweep(const struct user_share *share);

/* How the names of tables begin; the user's number follows. */
#define USER_SHARE_PREFIX "uiommufd-locked-"

/* Removes the table of @uid in @directory unless a process uses it. */
void user_share_remove(const char *directory, uint32_t uid);

#endif
