/* SPDX-License-Identifier: MIT */
/* Mappings without memory behind them: the registers of devices. */
#ifndef PRELOAD_TRAP_TRAP_H
#define PRELOAD_TRAP_TRAP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Carries out the instruction that raised SIGBUS with the state @context (a ucontext_t) because it
 * accesses @addr, if @addr is in such a mapping. True: done, @context is behind the instruction.
 * False: the signal is the program's.
 *
 * Context: the signal handler of the access, inside a section (process/defer.h); may run a device
 * model and take its locks.
 */
bool trap_access(uintptr_t addr, void *context);

#endif
