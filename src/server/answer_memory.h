/* SPDX-License-Identifier: MIT */
/*
 * Calls by which a program takes memory away from itself: what is pinned of it stays the device's
 * (mem/displace.h). Context: as answer_call().
 */
#ifndef SERVER_ANSWER_MEMORY_H
#define SERVER_ANSWER_MEMORY_H

#include <stdbool.h>

#include "mem/displace.h"
#include "server/answer.h"

/*
 * Whether @call takes away memory at most, and none that is pinned, for there is none: it is the
 * kernel's, whoever makes it. A few loads.
 */
bool answer_memory_is_kernels(const struct seccomp_notif *call);

/* munmap, mmap with MAP_FIXED of what is not emulated, mremap, brk, shmat and shmdt, madvise. */
struct answer answer_memory(struct request *request);

/*
 * Whether something is pinned there, as far as what the program has closed before goes; perhaps by
 * another process with the same address space, whose memory @request is about then.
 */
bool answer_memory_is_pinned(struct request *request, uint64_t va, uint64_t len);

/* The memory that @request is about. */
struct displace_remote answer_memory_of(const struct request *request);

/* The server is about to map something over [@va, @va + @len). 0, or -ENOMEM: it must not. */
int answer_memory_keep(struct request *request, uint64_t va, uint64_t len);

/*
 * Has @work done by the tracer (tracer_stop_for()), with *@traced; if the program cannot be traced,
 * without, and its call is left to the kernel.
 */
struct answer answer_memory_traced(struct request *request, bool *traced, long (*work)(void *arg),
				   void *arg);

/* ---- answer_advice.c ---- */

/* madvise that drops pages. */
struct answer answer_advice(struct request *request);

/* Whether pages are dropped by @advice. */
bool answer_advice_drops(int advice);

/*
 * process_madvise that does. The kernel takes such advice from the process itself, since Linux
 * 6.13: about pinned memory it is refused as before.
 */
struct answer answer_process_advice(struct request *request);

/* UFFDIO_MOVE, which the kernel refuses for pages that are pinned. */
struct answer answer_userfault_move(struct request *request);

/* ---- answer_cut.c: pages that leave a file ---- */

/* ftruncate and fallocate. */
struct answer answer_cut(struct request *request);

/* The file at @path shrinks to @len, by the call of @request: truncate, or open with O_TRUNC. */
struct answer answer_cut_path(struct request *request, int dirfd, uint64_t path, uint64_t len,
			      bool follow);

#endif
