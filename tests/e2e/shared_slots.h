/* SPDX-License-Identifier: MIT */
/* The memory of a program through which its calls go on a shared machine (server/call_slot.h). */
#ifndef E2E_SHARED_SLOTS_H
#define E2E_SHARED_SLOTS_H

#include <stdio.h>
#include <string.h>

#include "server/call_slot.h"

/*
 * The slots of this process, SLOT_COUNT of them; NULL: it has none. A process that has tried to
 * become another program has several such files, of which one is in use: @index counts them.
 */
static inline struct call_slot *shared_slots(int index)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long at, found = 0;
	char line[512];

	while (maps && !found && fgets(line, sizeof(line), maps)) {
		if (strstr(line, "memfd:uiommufd-calls") && sscanf(line, "%lx", &at) == 1 &&
		    index-- == 0)
			found = at;
	}
	if (maps)
		(void)fclose(maps);
	return (struct call_slot *)found;
}

/* The slot through which the last call was ioctl() with @command; NULL: none. */
static inline struct call_slot *slot_of(unsigned int command)
{
	struct call_slot *slots;

	for (int file = 0; (slots = shared_slots(file)); file++) {
		for (int i = 0; i < SLOT_COUNT; i++) {
			if (slots[i].args[1] == command)
				return &slots[i];
		}
	}
	return NULL;
}

#endif
