/* SPDX-License-Identifier: MIT */
/* The registration of a thread's park: thread-local, so there is no lock. */
#include "base/park.h"

#include <stddef.h>

#include "base/lock.h"

static __thread struct park *self __attribute__((tls_model("initial-exec")));

void park_set(struct park *park)
{
	self = park;
}

void park_begin(void)
{
	lock_assert_none_from(LOCK_NONE);
	if (self)
		self->begin(self);
}

void park_end(void)
{
	if (self)
		self->end(self);
}
