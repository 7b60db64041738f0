/* SPDX-License-Identifier: MIT */
/*
 * Calls about the program's memory where registers of a device are mapped in it. What is mapped
 * there is an empty file, of which the kernel would say other things: registers are no memory, so
 * they are not locked, take no advice for memory, and their mappings do not grow.
 *
 * Cost where no program has mapped any: a load. Else a walk through the program's mappings.
 */
#ifndef SERVER_REGISTERS_H
#define SERVER_REGISTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "server/answer.h"

/*
 * The lowest registers that are mapped in [@va, @end) of the program: from *@from to *@to. False:
 * there are none.
 */
bool registers_find(const struct request *request, uint64_t va, uint64_t end, uint64_t *from,
		    uint64_t *to);

/* Why the kernel refuses the mremap() of @request, a negative errno; or 0. */
int registers_refuse_mremap(const struct request *request);

/* mlock() and mlock2(). */
struct answer registers_answer_mlock(struct request *request);

#endif
