/* SPDX-License-Identifier: MIT */
/* Advice about the memory that a mapping exposes: a stack, code, neighbours on the heap. */
#ifndef CHECKER_ADVICE_MEMORY_H
#define CHECKER_ADVICE_MEMORY_H

#include <stdint.h>

/*
 * [@va, @va + @len), of this process, has been mapped. Context: on the thread that maps; takes
 * LOCK_REPORT. Cost: reading /proc/self/maps.
 */
void advise_on_memory(uint64_t va, uint64_t len);

#endif
