/* SPDX-License-Identifier: MIT */
/* The program of a run, before it is started. */
#ifndef CMD_PROGRAM_H
#define CMD_PROGRAM_H

#include <stdbool.h>

/*
 * True if what execvp(3) would start as @program, or the interpreter that its first line names, is statically linked: nothing
 * can be preloaded into it.
 */
bool program_is_static(const char *program);

#endif
