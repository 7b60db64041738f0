/* SPDX-License-Identifier: MIT */
/*
 * The slots of a process (server/call_slot.h), and the threads that attend them. A call that comes
 * through a slot is answered as one that the filter has stopped, by answer_call(); what cannot be
 * done without a stopped thread, giving it a descriptor, is left to the system call.
 *
 * Thread-safe.
 */
#ifndef SERVER_CALL_PAGE_H
#define SERVER_CALL_PAGE_H

#include <stdbool.h>

#include "server/answer.h"

struct call_page;

/* Whether @command of the descriptor @fd is a request of the library (call_slot.h). */
bool call_page_is_asked(int fd, unsigned int command);

/* Answers it. Context: as answer_call(). */
struct answer call_page_answer(struct request *request);

/* The slots are not attended any more: the program has ended, or may be another one. NULL: none. */
void call_page_close(struct call_page *page);

/* With its client: nothing attends them. NULL: none. */
void call_page_destroy(struct call_page *page);

#endif
