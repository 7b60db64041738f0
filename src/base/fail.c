/* SPDX-License-Identifier: MIT */
/* The countdown behind fail_inject(). It is per thread, so there is no lock. */
#include "base/fail.h"

__thread uint64_t fail_countdown __attribute__((tls_model("initial-exec")));

bool fail_hit(void)
{
	return --fail_countdown == 0;
}

void fail_arm(uint64_t n)
{
	fail_countdown = n;
}

uint64_t fail_left(void)
{
	return fail_countdown;
}
