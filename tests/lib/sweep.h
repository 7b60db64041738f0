/* SPDX-License-Identifier: MIT */
/*
 * Sweeps: an ioctl is made with the n-th failure injected, for n = 1, 2, 3 ... until it succeeds
 * without meeting one. After each failure everything that can be seen is compared with what was
 * seen before: the text of `uiommufd show` for every context (objects, windows, mappings, tables,
 * attachments), the next free ID, the descriptors, the charged memory. A call that succeeds in
 * spite of the failure is undone first. Leaks are left to the leak checker.
 *
 * The machine is that of group_rig.h; the context is its container.
 */
#ifndef TESTS_LIB_SWEEP_H
#define TESTS_LIB_SWEEP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "group_rig.h"

struct sweep_step {
	const char *name;
	void (*prepare)(void); /* creates what @run needs; NULL: nothing */
	long (*run)(void);
	void (*undo)(void); /* NULL: @run changes nothing */
	bool may_fail;	    /* @run meets at least one failure */
};

/* Runs one step; @iommu is the descriptor of the context. */
void sweep(struct group_rig *rig, int iommu, const struct sweep_step *step);

/* Runs @test once for each of @steps, which is its initial state; returns the program's status. */
int sweep_all(const char *name, const struct sweep_step *steps, size_t count,
	      CMUnitTestFunction test, CMFixtureFunction set_up, CMFixtureFunction tear_down);

/*
 * Adds a device of @text, as of --device, to a machine with each failure in turn. After each the
 * machine is as before, and takes the device when nothing fails. Returns how many steps can fail.
 */
unsigned int sweep_device(const char *text);

#endif
