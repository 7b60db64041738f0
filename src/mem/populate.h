/* SPDX-License-Identifier: MIT */
/* Making memory of this process present. */
#ifndef MEM_POPULATE_H
#define MEM_POPULATE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Makes the whole pages of [@va, @va + @len) present for reading or (@write) writing. 0; -EFAULT:
 * not mapped, or not with that right; -ENOMEM.
 */
int populate(uint64_t va, uint64_t len, bool write);

#endif
