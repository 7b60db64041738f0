/* SPDX-License-Identifier: MIT */
/* Answers to read, write and their kin, and to those that copy a descriptor or its contents. */
#ifndef SERVER_ANSWER_IO_H
#define SERVER_ANSWER_IO_H

#include "server/answer.h"

/* Context: as answer_call(). Each leaves calls for which it has no answer to the kernel. */
struct answer answer_transfer(struct request *request);
struct answer answer_seek(struct request *request);
/* fsync, fdatasync and ftruncate. */
struct answer answer_contents(struct request *request);
struct answer answer_dup(struct request *request);
/* fcntl */
struct answer answer_control(struct request *request);
struct answer answer_readahead(struct request *request);
struct answer answer_splice(struct request *request);
struct answer answer_epoll(struct request *request);
struct answer answer_socket(struct request *request);

#endif
