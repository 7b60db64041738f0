/* SPDX-License-Identifier: MIT */
/* The limit of locked memory under `uiommufd run`, and whose memory counts. */
#ifndef PRELOAD_ENGINE_MEMLOCK_H
#define PRELOAD_ENGINE_MEMLOCK_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Takes the limit that the run was started with, if any, and counts the memory of the user's other
 * programs, too. Once, before the machine is started.
 */
void memlock_init(void);

/* The program locks memory by itself. */
void memlock_seen(void);

/* Whether it may lock @len bytes more, as far as its container's locked memory is concerned. */
bool memlock_permits(uint64_t len);

#endif
