/* SPDX-License-Identifier: MIT */
/* Why memory of this process cannot be pinned, as text (base/last_error.h). */
#ifndef MEM_UNPINNABLE_H
#define MEM_UNPINNABLE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * For [@va, @va + @len), which could not be populated (@write: for writing): says what is missing,
 * and returns @error. Cost: reads the list of mappings.
 */
int refuse_unpinnable(uint64_t va, uint64_t len, bool write, int error);

#endif
