/* SPDX-License-Identifier: MIT */
/*
 * What `uiommufd show`, `lookup` and `dump` ask a process, over a socket. A connection carries one
 * request, a line of text, and its answer:
 *
 * 	show MAPPINGS			 the state, at most so many mappings for each IOAS
 * 	lookup CONTEXT PT_ID IOVA	 where one IOVA (hexadecimal) leads
 * 	dump CONTEXT PT_ID		 a table
 *
 * An answer is JSON (inspect/show_state.h) or a text, or {"error": errno}, and ends with a 0 byte;
 * without that it is not complete.
 */
#ifndef INSPECT_INQUIRY_H
#define INSPECT_INQUIRY_H

#include <stddef.h>
#include <stdio.h>

enum {
	INQUIRY_REQUEST = 1024, /* the longest request, with a NUL */
};

/*
 * Answers one of those requests. The state is read while the world stands still (base/world.h), as
 * for a fork: an answer shows all objects at one moment, and no call sees the references that
 * reading takes. The program continues before the answer is sent.
 *
 * @close is the C library's fclose(): in a program that has the preload, the name is the
 * preload's.
 *
 * 0 and *@text: *@len bytes and a 0, from alloc(), owned by the caller. -ENOSYS: no such request;
 * -EINVAL: an object of another type; -ENOENT: no such object; -EBUSY: a call into the engine does
 * not end, perhaps because it waits for another thread; -ENOMEM.
 */
int inquiry_answer(const char *request, int (*close)(FILE *), char **text, size_t *len);

/*
 * Receives the request of the client that is connected by @fd, and sends what @answer, which
 * returns as inquiry_answer(), says to it. A client that is slow is given up.
 */
void inquiry_serve(int fd, int (*answer)(const char *request, char **text, size_t *len));

#endif
