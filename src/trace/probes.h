/* SPDX-License-Identifier: MIT */
/*
 * Probes for tracers (bpftrace, perf, SystemTap, gdb): instructions that do nothing, and a note in
 * the file that says where each is and where its arguments are. uiommufd(1) lists them.
 *
 * A tracer that attaches to a probe counts itself in the probe's semaphore. Here that is one for
 * all probes, which is also a part of the word that observed() loads: so without a tracer, a probe
 * costs nothing.
 *
 * Without <sys/sdt.h> (systemtap-sdt-dev) there are none.
 */
#ifndef TRACE_PROBES_H
#define TRACE_PROBES_H

#include "base/observe.h"

#if defined(__has_include) && !defined(NO_PROBES)
#if __has_include(<sys/sdt.h>)
#define HAVE_PROBES
#endif
#endif

#ifdef HAVE_PROBES
#define SDT_USE_VARIADIC
#include <sys/sdt.h>

/* What the note says is the address of the semaphore. */
#undef _SDT_SEMAPHORE
#define _SDT_SEMAPHORE(provider, name) _SDT_ASM_1(_SDT_ASM_ADDR observers)

/* PROBE(name, arguments...): numbers and pointers, at most 12. */
#define PROBE(...) STAP_PROBEV(uiommufd, __VA_ARGS__)
#else
#define PROBE(...) \
	do {       \
	} while (0)
#endif

#endif
