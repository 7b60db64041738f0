/* SPDX-License-Identifier: MIT */
/* Why memory of this process cannot be pinned, as text (base/last_error.h). */
#ifndef MEM_UNPINNABLE_H
#define MEM_UNPINNABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * @name: says what is mapped at an address whose accesses the transport traps (struct
 * file_trap_ops); false: they do not trap. It is called with locks held. There is one for the
 * process, set before anything is mapped for DMA.
 */
void unpinnable_set_namer(bool (*name)(uint64_t va, char *text, size_t size));

/*
 * For [@va, @va + @len), which could not be populated (@write: for writing): says what is missing,
 * and returns @error. Cost: reads the list of mappings.
 */
int refuse_unpinnable(uint64_t va, uint64_t len, bool write, int error);

#endif
