/* SPDX-License-Identifier: MIT */
/* See look_pace.h. */
#include "vfio/look_pace.h"

bool look_pace_begin(struct look_pace *pace, uint64_t now)
{
	if (now < pace->until)
		return false;
	atomic_store_explicit(&pace->looked, now, memory_order_relaxed);
	return true;
}

bool look_pace_is_late(struct look_pace *pace, uint64_t now)
{
	const uint64_t before = atomic_load_explicit(&pace->looked, memory_order_relaxed);

	atomic_store_explicit(&pace->looked, now, memory_order_relaxed);
	/* Who begins may have looked at the clock after the caller. */
	return now > before && now - before > LOOK_LATE_NS;
}

void look_pace_pause(struct look_pace *pace, uint64_t now)
{
	/* If it went well for longer than it was paused, that is over. */
	if (!pace->pause || now - pace->until > 2 * pace->pause)
		pace->pause = LOOK_PAUSE_NS;
	else if (pace->pause < LOOK_MAX_PAUSE_NS)
		pace->pause *= 2;
	pace->until = now + pace->pause;
}
