/* SPDX-License-Identifier: MIT */
/* The open files of a replay: by the descriptor that was recorded, the one that there is now. */
#ifndef CMD_REPLAY_FILES_H
#define CMD_REPLAY_FILES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A file whose descriptor now is not known yet: it is recorded while the call that makes it is
 * under way. @object: its number in the trace, which does not change; 0: not known.
 */
void replay_expect_fd(uint64_t object, int recorded);

/* The descriptor @recorded is @now. */
void replay_know_fd(int recorded, int now);

/*
 * *@now becomes the descriptor of @object, or the latest that was recorded as @recorded; -1: it is
 * not known yet. False: there is no such file.
 */
bool replay_find_fd(uint64_t object, int recorded, int *now);

/* Closes the file @object, if there is one. */
void replay_close_file(uint64_t object);

#endif
