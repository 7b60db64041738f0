/* SPDX-License-Identifier: MIT */
/*
 * The processes under `uiommufd run` on this system that answer requests (inspect/inquiry.h). Those
 * that share a machine are one: their server answers for all of them.
 */
#ifndef CMD_PEER_H
#define CMD_PEER_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Who is asked. */
struct peer {
	pid_t pid;
	uid_t uid;	     /* of the server of a machine */
	char root[PATH_MAX]; /* its shadow root, as this process reaches it */
};

/*
 * Finds the process to ask. @text: its PID, or that of an ancestor such as `uiommufd run`; NULL:
 * the only process. Returns 0 and *@peer, or prints what is wrong and returns an exit status.
 */
int peer_find(const char *text, struct peer *peer);

/* The server of the machine @name, in the same way. */
int peer_find_machine(const char *name, struct peer *peer);

/* The same without a word: false, it is none, or does not answer. */
bool peer_is_machine(const char *name, struct peer *peer);

/* A connection to @peer, or -1. */
int peer_connect(const struct peer *peer);

/*
 * Sends the line @request to @peer. Returns the answer (the caller frees it) and its length; or
 * prints what is wrong, with @what as the name of what was asked for, and returns NULL.
 */
char *peer_ask(const struct peer *peer, const char *request, const char *what, size_t *len);

/*
 * The same, but what is wrong is not printed: it is put in @why (@size bytes), and
 * errno is what the process answered, 0 if it did not answer.
 */
char *peer_try(const struct peer *peer, const char *request, const char *what, size_t *len,
	       char *why, size_t size);

/* Whether the process that was found is not there any more. */
bool peer_has_ended(const struct peer *peer);

#endif
