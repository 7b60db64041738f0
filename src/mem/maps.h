/* SPDX-License-Identifier: MIT */
/*
 * The system's list of the mappings of this process, in the order of their addresses.
 *
 * Calls no allocator, and needs little of the stack. Cost: reading a few kilobytes of text for
 * every hundred mappings.
 */
#ifndef MEM_MAPS_H
#define MEM_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A mapping, [@start, @end). */
struct maps_entry {
	uint64_t start, end;
	bool readable, writable, executable, shared;
	uint64_t dev, inode, offset; /* of a file; the offset is that of @start */
	const char *name; /* "" for anonymous memory; borrowed until the next entry is read */
};

/* The list that is being read, from maps_open() to maps_close(). */
struct maps {
	int fd;
	bool borrowed;	 /* @fd: it is not closed */
	uint64_t pos;	 /* in the file */
	size_t from, to; /* the part of @text that is not used yet */
	char *text;	 /* longer than any line: its path is at most PATH_MAX */
};

/* 0 or a negative errno. Fails in a program that has confined itself (sys_confined()). */
int maps_open(struct maps *maps);

/* Keeps the list open for maps_open_kept(). Context: one thread at a time. */
void maps_keep(void);

/*
 * maps_open(), or else by what has been kept: where the program is in another root, or may make no
 * system calls but those that it knows. It has to know pread64 then. Fails in the child of a fork
 * that can open nothing.
 */
int maps_open_kept(struct maps *maps);

/* The list of another process from its start: of @fd, /proc/PID/maps, borrowed. 0 or -ENOMEM. */
int maps_open_at(struct maps *maps, int fd);
void maps_close(struct maps *maps);

/* The next mapping. False: there is none. */
bool maps_next(struct maps *maps, struct maps_entry *entry);

/* Calls @visit for each mapping until it returns false. 0, or a negative errno. */
int maps_for_each(bool (*visit)(const struct maps_entry *entry, void *arg), void *arg);

/* What the system says of one mapping when it is asked. */
struct maps_answer {
	uint64_t start, end;
	uint64_t rights; /* enum maps_right */
	uint64_t page_size;
	uint64_t dev, inode, offset; /* of its file; inode 0: it has none */
};

enum maps_right {
	MAPS_READABLE = 1,
	MAPS_WRITABLE = 2,
	MAPS_SHARED = 8,
};

/*
 * Asks @fd, /proc/PID/maps of any process, for the mapping that holds @addr, or the next one. 0;
 * -ENOENT: there is none; -ENOTTY: a kernel before 6.11 cannot tell.
 */
int maps_ask(int fd, uint64_t addr, struct maps_answer *answer);

/* A part of a private mapping of a file, [@start, @end). */
struct maps_copy {
	uint64_t start, end;
	bool writable;
};

/*
 * Calls @visit for each such part of [@va, @end), by the list @fd of any process, borrowed, until
 * it does not return 0. Returns that, or a negative errno.
 */
int maps_visit_copies(int fd, uint64_t va, uint64_t end,
		      int (*visit)(const struct maps_copy *copy, void *arg), void *arg);

/* The same of this process; 0, too, if its list cannot be opened. */
int maps_visit_own_copies(uint64_t va, uint64_t end,
			  int (*visit)(const struct maps_copy *copy, void *arg), void *arg);

/*
 * Asks the system for the mapping that holds @addr, or the next one: *@start and *@end, and the
 * size of its pages. 0, -ENOENT:
 * there is none; -ENOTTY: a kernel before 6.11 cannot tell; -EACCES: /proc is out of reach.
 */
int maps_find(uint64_t addr, uint64_t *start, uint64_t *end, uint64_t *page_size);

/*
 * The addresses of the segment of System V that is attached at @addr: [@addr, @addr + *@len), from
 * the first to the last of its mappings that are still where shmat() put them. False: there is
 * none.
 */
bool maps_segment(uint64_t addr, uint64_t *len);

/* The same in another process, by its list @fd, borrowed. 0; -EINVAL: there is none; -ENOMEM. */
int maps_segment_of(int fd, uint64_t addr, uint64_t *len);

#endif
