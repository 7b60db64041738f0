/* SPDX-License-Identifier: MIT */
/*
 * The test kit: what the tests share, as a library (tests/lib/meson.build) and this header.
 *
 * page.h	PAGE
 * random.h	random numbers, and the seed that repeats a run
 * failure.h	injected failures
 * death.h	what aborts
 * fixture.h	a context and devices through the embedding API, as a user has them
 * engine.h	the same through the engine's own interfaces, with descriptors
 * guest.h	a guest's memory, its stage 1 tables, and a device behind them
 * soft_tables.h	a user's tables of each format of software nesting
 * vfio_rig.h	one VFIO device, its context, and its descriptors
 * group_rig.h	two VFIO devices in a group
 * migrate.h	the device of a rig, saved and loaded
 * ioat_rig.h	the ioat device and its ring
 * e1000_rig.h	the e1000, its rings, and a driver of it
 * nvme_rig.h	an NVMe controller and its queues
 * mock_rig.h	a context with the test ABI
 * mem_caller.h	a caller whose limits a test chooses
 * reported.h	what was said on stderr
 * sweep.h	ioctls with each failure in turn, compared by all that can be seen
 *
 * page.h and the inline part of random.h know nothing of the engine: programs that run under
 * `uiommufd run` include them alone. Nor do they, or the rigs of VFIO, need cmocka, so that
 * benchmarks use them as well.
 */
#ifndef TESTS_LIB_KIT_H
#define TESTS_LIB_KIT_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>
#undef stop /* a macro of version 2 */

#include "death.h"
#include "e1000_rig.h"
#include "engine.h"
#include "failure.h"
#include "fixture.h"
#include "group_rig.h"
#include "guest.h"
#include "ioat_rig.h"
#include "mem_caller.h"
#include "migrate.h"
#include "mock_rig.h"
#include "nvme_rig.h"
#include "page.h"
#include "random.h"
#include "reported.h"
#include "require.h"
#include "soft_tables.h"
#include "sweep.h"
#include "vfio_rig.h"

#endif
