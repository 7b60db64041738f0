/* SPDX-License-Identifier: MIT */
/* The current directory of a program, which may be an emulated one. */
#ifndef SERVER_ANSWER_CWD_H
#define SERVER_ANSWER_CWD_H

#include "server/answer.h"

/* Context: as answer_call(). */
struct answer answer_chdir(struct request *request);
struct answer answer_getcwd(struct request *request);

#endif
