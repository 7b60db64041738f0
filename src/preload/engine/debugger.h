/* SPDX-License-Identifier: MIT */
/* What a debugger is told of signals. */
#ifndef PRELOAD_ENGINE_DEBUGGER_H
#define PRELOAD_ENGINE_DEBUGGER_H

/*
 * Called in the handler of a SIGSEGV or SIGBUS of which the program will die: when the handler
 * returns, the instruction raises the signal again. A debugger that passes these signals on, as
 * accesses to mapped registers raise them, has a breakpoint here (cmd/launch.c).
 */
void uiommufd_fatal_signal(void);

#endif
