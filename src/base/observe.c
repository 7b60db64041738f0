/* SPDX-License-Identifier: MIT */
/* In a section of its own: tools for probes expect their semaphores in .probes. */
#include "base/observe.h"

struct observers observers __attribute__((section(".probes"), used));
_Atomic int64_t observed_pins;
