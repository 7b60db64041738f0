/* SPDX-License-Identifier: MIT */
/*
 * The rights of the calling thread, as the system has them now.
 *
 * Asked anew each time, since credentials belong to a thread and change by calls that nobody has to
 * tell us of: unless somebody promises to. Then each thread remembers what it was told until the
 * next change.
 */
#ifndef MEM_CREDENTIALS_H
#define MEM_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

/* True if capability @cap is in the effective set. */
bool credentials_capable(int cap);

/* The real user id. */
uint32_t credentials_uid(void);

/*
 * From now on credentials_changed() follows each change of any thread's credentials, before the
 * change is relied on.
 */
void credentials_watch(void);
void credentials_changed(void);

#endif
