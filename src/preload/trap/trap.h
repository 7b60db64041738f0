/* SPDX-License-Identifier: MIT */
/* Mappings without memory behind them: the registers of devices. */
#ifndef PRELOAD_TRAP_TRAP_H
#define PRELOAD_TRAP_TRAP_H

/* Has accesses of the program to such mappings carried out by their files. Once, after
 * guard_install(). */
void trap_init(void);

#endif
