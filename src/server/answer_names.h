/* SPDX-License-Identifier: MIT */
/* Answers to calls that change or watch what is behind a name. Context: as answer_call(). */
#ifndef SERVER_ANSWER_NAMES_H
#define SERVER_ANSWER_NAMES_H

#include "server/answer.h"

/* chmod, chown, utimensat and their kin. */
struct answer answer_attributes(struct request *request);

/* inotify_add_watch, fanotify_mark: nodes come and go in the shadow root as devices do. */
struct answer answer_watch(struct request *request);

/* name_to_handle_at: the file system of an emulated name has no handles. */
struct answer answer_handle(struct request *request);

#endif
