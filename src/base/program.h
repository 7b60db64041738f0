/* SPDX-License-Identifier: MIT */
/* Inspecting a program before it is run. */
#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

/*
 * Why @program, as execvp(3) finds it, or the interpreter of a script, would not load a preloaded
 * library: it is statically linked; or set-user-ID, set-group-ID or with capabilities, so that
 * ld.so(8) ignores the environment. Returns words to follow the program's name; NULL: it loads the
 * library, or cannot be read.
 */
const char *program_obstacle(const char *program);

#endif
