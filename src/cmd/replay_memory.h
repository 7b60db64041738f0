/* SPDX-License-Identifier: MIT */
/*
 * Memory for calls that are made again: anonymous memory in place of what the recorded program had,
 * at the same addresses if they are free, so that the kernel chooses the same IOVAs.
 */
#ifndef CMD_REPLAY_MEMORY_H
#define CMD_REPLAY_MEMORY_H

#include <stdint.h>

/*
 * Where the @len bytes at the recorded address @va are now; makes memory for those that there is
 * none for yet. What leaves the address space, and what cannot be had, is @va itself.
 */
uint64_t replay_memory(uint64_t va, uint64_t len);

/* An address that nothing is mapped at, in place of @va, with the same offset in its page. */
uint64_t replay_nothing(uint64_t va);

#endif
