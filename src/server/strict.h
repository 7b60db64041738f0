/* SPDX-License-Identifier: MIT */
/*
 * The strict mode of seccomp, which the kernel does not give to a program that has a filter, as all
 * of a shared machine have. The program gets one more filter, which permits the same calls.
 */
#ifndef SERVER_STRICT_H
#define SERVER_STRICT_H

#include "server/answer.h"

/* prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) and seccomp(SECCOMP_SET_MODE_STRICT). */
struct answer strict_answer(struct request *request);

#endif
