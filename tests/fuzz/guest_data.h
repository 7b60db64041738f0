/* SPDX-License-Identifier: MIT */
/*
 * What a guest has in its memory: page tables, and the structures of its IOMMU that lead to them.
 */
#ifndef FUZZ_GUEST_DATA_H
#define FUZZ_GUEST_DATA_H

#include "fuzz.h"

/* Writes one of them into a page of the hostile program, the parts of it good or bad. */
void guest_data_write(struct fuzz_input *input);

#endif
