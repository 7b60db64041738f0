/* SPDX-License-Identifier: MIT */
/* Answers to calls with a path. Context: as answer_call(). */
#ifndef SERVER_ANSWER_PATH_H
#define SERVER_ANSWER_PATH_H

#include <stdint.h>

#include "server/answer.h"
#include "server/union_path.h"

/* Where (@dirfd, @addr) of the program leads. False: the kernel is to say what is wrong with it. */
bool answer_path_resolve(struct request *request, int dirfd, uint64_t addr, bool follow,
			 struct union_path *path);

/* The name by which the server finds what @at leads to; NULL with *@answer. */
const char *answer_path_name(const struct union_path *at, struct answer *answer);

/* chroot and pivot_root: the program's absolute paths may lead elsewhere from now on. */
struct answer answer_root(void);

/* open and its kin. @path is an address of the program. */
struct answer answer_open(struct request *request, int dirfd, uint64_t path, int flags);
struct answer answer_openat2(struct request *request);

/* execve and execveat. True: they are the kernel's, else *@answer. */
bool answer_exec(struct request *request, struct answer *answer);

struct answer answer_truncate(struct request *request, uint64_t path);

struct answer answer_access(struct request *request, int dirfd, uint64_t path, int mode, int flags);

struct answer answer_readlink(struct request *request, int dirfd, uint64_t path, uint64_t out,
			      uint64_t size);

#endif
