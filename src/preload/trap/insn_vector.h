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
 * Copies register @n to @buf, VECTOR_BYTES bytes, zeros where the processor has no such part.
 * False: it has fewer than @bytes bytes of the register.
 */
bool vector_get(const ucontext_t *context, unsigned int n, unsigned int bytes, void *buf);

/*
 * Sets the lower @bytes (16, 32 or 64) of register @n from @buf. The rest becomes 0 if @clear is
 * true, and stays otherwise. False: as vector_get(), and nothing was changed.
 */
bool vector_set(ucontext_t *context, unsigned int n, unsigned int bytes, const void *buf,
		bool clear);

#endif
