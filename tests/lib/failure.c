/* SPDX-License-Identifier: MIT */
#include "failure.h"

#include "base/fail.h"

void failure_arm(uint64_t n)
{
	fail_arm(n);
}

uint64_t failure_left(void)
{
	return fail_left();
}

uint64_t failure_disarm(void)
{
	const uint64_t left = fail_left();

	fail_arm(0);
	return left;
}
