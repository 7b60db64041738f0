/* SPDX-License-Identifier: MIT */
#include "failure.h"

#include "base/fault.h"

void failure_arm(uint64_t n)
{
	fault_arm(n);
}

uint64_t failure_left(void)
{
	return fault_left();
}

uint64_t failure_disarm(void)
{
	const uint64_t left = fault_left();

	fault_arm(0);
	return left;
}
