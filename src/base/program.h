/* SPDX-License-Identifier: MIT */
/* What a program is, before it is run. */
#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

/*
 * Why @program, as execvp(3) finds it (or, of a script, what interprets it), would not load a
 * preloaded library: because it is statically linked, or set-user-ID, set-group-ID or with
 * capabilities, such that ld.so(8) listens to nobody. Words that follow its name; NULL: it would,
 * or it is nothing that can be said of.
 */
const char *program_obstacle(const char *program);

#endif
