/* SPDX-License-Identifier: MIT */
/*
 * The rights of the calling thread, as the system has them now.
 *
 * Credentials belong to a thread and change by calls that the engine need not see, so each question
 * asks the system, unless a transport that sees those calls has promised to report them: then each
 * thread remembers the answer until the next change. What a thread can never be permitted again is
 * asked for once in any case.
 */
#ifndef MEM_CREDENTIALS_H
#define MEM_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

/* True if capability @cap is in the effective set. */
bool credentials_capable(int cap);

/* The real user ID. */
uint32_t credentials_uid(void);

/*
 * The promise: from now on credentials_changed() is called after each change of any thread's
 * credentials, before anything relies on the change.
 */
void credentials_watch(void);
void credentials_changed(void);

#endif
