/* SPDX-License-Identifier: MIT */
/*
 * Whether looking for doorbells pays: only if the watcher gets a processor. Where more threads want
 * one than there are, a program that polls waits for the watcher's turn, milliseconds, for what a
 * trap would have done in two microseconds. So a look that comes late ends the looking for a pause,
 * in which doorbells trap. If the next late look comes soon after the pause, that of it is twice as
 * long.
 *
 * Times are of one clock, in ns. Context: whoever looks, and under one lock whoever changes the
 * rest.
 */
#ifndef VFIO_LOOK_PACE_H
#define VFIO_LOOK_PACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	LOOK_LATE_NS = 1000000, /* after the look before it */
	LOOK_PAUSE_NS = 10000000,
	LOOK_MAX_PAUSE_NS = 1280000000,
};

/* All zero: nothing has been looked at yet. */
struct look_pace {
	_Atomic uint64_t looked; /* the last look, or the beginning */
	uint64_t until;		 /* the end of the last pause */
	uint64_t pause;		 /* its length; 0: there was none */
};

/* Whether to begin looking at @now. Context: under the lock. */
bool look_pace_begin(struct look_pace *pace, uint64_t now);

/* There is a look at @now. Whether it is late. */
bool look_pace_is_late(struct look_pace *pace, uint64_t now);

/* A pause begins at @now. Context: under the lock. */
void look_pace_pause(struct look_pace *pace, uint64_t now);

#endif
