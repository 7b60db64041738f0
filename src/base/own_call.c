/* SPDX-License-Identifier: MIT */
/* The mark is thread-local, so there is no lock. */
#include "base/own_call.h"

#include <assert.h>

static __thread bool active __attribute__((tls_model("initial-exec")));

void own_begin(void)
{
	assert(!active);
	active = true;
}

void own_end(void)
{
	assert(active);
	active = false;
}

GENERAL_REGISTERS bool own_active(void)
{
	return active;
}
