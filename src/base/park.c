/* SPDX-License-Identifier: MIT */
#include "base/park.h"

#include <stddef.h>

static __thread struct park *self __attribute__((tls_model("initial-exec")));

void park_set(struct park *park)
{
	self = park;
}

void park_begin(void)
{
	if (self)
		self->begin(self);
}

void park_end(void)
{
	if (self)
		self->end(self);
}
