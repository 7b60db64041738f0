/* SPDX-License-Identifier: MIT */
/* The limit of locked memory under `uiommufd run`, and whose memory counts. */
#ifndef PRELOAD_ENGINE_MEMLOCK_H
#define PRELOAD_ENGINE_MEMLOCK_H

/*
 * Takes the limit that the run was started with, if any, and counts the memory of the user's other
 * programs, too. Once, before the machine is started.
 */
void memlock_init(void);

#endif
