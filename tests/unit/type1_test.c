/* SPDX-License-Identifier: MIT */
/* The type1 container on a context: its own framing, what it maps, and how version 1 cuts mappings. */
#include "fixture.h"

#include <linux/vfio.h>
