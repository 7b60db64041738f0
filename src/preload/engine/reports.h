/* SPDX-License-Identifier: MIT */
/* Reports in a program under `uiommufd run`: with which settings they begin, and how they end. */
#ifndef PRELOAD_ENGINE_REPORTS_H
#define PRELOAD_ENGINE_REPORTS_H

#include "machine/machine.h"

/* Reads the settings of the run and starts reports. Before the machine is built. */
void reports_start(void);

/* Takes into account what the machine is for. */
void reports_of_machine(const struct machine *machine);

void reports_fork_child(void);

#endif
