/* SPDX-License-Identifier: MIT */
/* Answers to calls that make, move or remove names. Context: as answer_call(). */
#ifndef SERVER_ANSWER_CHANGE_H
#define SERVER_ANSWER_CHANGE_H

#include "server/answer.h"

/* Names of the emulated part are not changed; others are the kernel's business. */
struct answer answer_change(struct request *request);

#endif
