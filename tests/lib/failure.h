/* SPDX-License-Identifier: MIT */
/*
 * Injected failures, for tests that make each step of an operation fail in turn:
 *
 * 	for (uint64_t n = 1, left = 0; !left; n++) {
 * 		failure_arm(n);
 * 		rc = operation();
 * 		left = failure_disarm();
 * 		...
 * 	}
 *
 * The count is per thread. This is the only place of the tests that names the engine's interface.
 */
#ifndef TESTS_LIB_FAILURE_H
#define TESTS_LIB_FAILURE_H

#include <stdint.h>

/* The @n-th step of this thread that can fail, from now on, fails; 0: none does. */
void failure_arm(uint64_t n);

/* How many such steps are left until the failure; 0 once it has happened, or if none was armed. */
uint64_t failure_left(void);

/* No failure from now on; returns what failure_left() was. */
uint64_t failure_disarm(void);

#endif
