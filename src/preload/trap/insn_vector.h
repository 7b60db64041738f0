/* SPDX-License-Identifier: MIT */
/* The vector registers of a thread that was interrupted by a signal. */
#ifndef PRELOAD_TRAP_INSN_VECTOR_H
#define PRELOAD_TRAP_INSN_VECTOR_H

#include <stdbool.h>
#include <ucontext.h>

enum {
	VECTOR_BYTES = 64, /* of zmm0..zmm31 */
	XMM_BYTES = 16,
};

/*
 * @buf = register @n, all VECTOR_BYTES of it, as far as the machine has them. False: it has no
 * @bytes of them.
 */
bool vector_get(const ucontext_t *context, unsigned int n, unsigned int bytes, void *buf);

/*
 * The lower @bytes (16, 32 or 64) of register @n = @buf. What is above becomes 0 if @clear, or
 * stays.
 */
bool vector_set(ucontext_t *context, unsigned int n, unsigned int bytes, const void *buf,
		bool clear);

#endif
