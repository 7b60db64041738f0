/* SPDX-License-Identifier: MIT */
/* The countdown behind fault_inject(); the thread's own, so nothing is locked. */
#include "base/fault.h"

__thread uint64_t fault_countdown __attribute__((tls_model("initial-exec")));

bool fault_hit(void)
{
	return --fault_countdown == 0;
}

void fault_arm(uint64_t n)
{
	fault_countdown = n;
}

uint64_t fault_left(void)
{
	return fault_countdown;
}
