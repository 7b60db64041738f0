/* SPDX-License-Identifier: MIT */
/* Answers to stat and its kin. Context: as answer_call(). */
#ifndef SERVER_ANSWER_STAT_H
#define SERVER_ANSWER_STAT_H

#include <stdint.h>

#include "server/answer.h"

/* The structure goes to @out of the program, as the path is at @path. */
struct answer answer_stat(struct request *request, int dirfd, uint64_t path, uint64_t out,
			  int flags);
struct answer answer_fstat(struct request *request, int fd, uint64_t out);
struct answer answer_statx(struct request *request);

struct answer answer_statfs(struct request *request, uint64_t path, uint64_t out);
struct answer answer_fstatfs(struct request *request, int fd, uint64_t out);

#endif
