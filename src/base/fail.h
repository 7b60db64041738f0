/* SPDX-License-Identifier: MIT */
/*
 * Injected failures: every allocation and every other step that may fail asks here first, so that a
 * test can make each of them fail in turn.
 *
 * Each thread has its own countdown. Once it is armed with n, the n-th call of fail_inject()
 * returns true, and no other. Cost when not armed: one thread-local load and a branch.
 */
#ifndef BASE_FAIL_H
#define BASE_FAIL_H

#include <stdbool.h>
#include <stdint.h>

extern __thread uint64_t fail_countdown __attribute__((tls_model("initial-exec")));

/* Counts down; true: this is the n-th. For fail_inject() only. */
bool fail_hit(void);

/* True if this step must fail now. The caller returns the errno that the step itself would give. */
static inline bool fail_inject(void)
{
	return __builtin_expect(fail_countdown != 0, 0) && fail_hit();
}

/* The @n-th fail_inject() of this thread from now on returns true; 0 disarms. */
void fail_arm(uint64_t n);

/* What is left of the count: 0 when the failure was hit, or none was armed. */
uint64_t fail_left(void);

#endif
