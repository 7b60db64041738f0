/* SPDX-License-Identifier: MIT */
/*
 * Accounting of pinned pages [IOAS-ACCOUNTING]: the counters of users and of address spaces, and
 * the limit. Thread-safe, without a lock.
 */
#ifndef MEM_ACCOUNT_H
#define MEM_ACCOUNT_H

#include <stdint.h>

#include "mem/source.h"

/*
 * From now on what a user has locked is counted over all of that user's processes that have called
 * this with the same @directory. Once, before the first charge.
 */
void account_share(const char *directory);

/*
 * What this process has locked is not counted by others any more, and nothing of theirs is in use
 * here: what is left of all of them can be removed (user_share_remove()).
 */
void account_share_end(void);

/*
 * @locked says how many pages of a process the system has locked by itself (mlock(2)): they count
 * where a process is charged. Once, before the first charge; without it there are none.
 */
void account_set_locked_by_system(uint64_t (*locked)(struct uiommufd_caller *caller));

/*
 * Charges @caller, a process of the user @uid, for @pages. 0, or -ENOMEM: over the limit, or no
 * memory for the counter; nothing is charged then.
 */
int account_charge(struct uiommufd_caller *caller, uint32_t uid, enum mem_accounting mode,
		   uint64_t pages);

/* Takes back a charge; @uid and @mode are those of the charge. */
void account_uncharge(struct uiommufd_caller *caller, uint32_t uid, enum mem_accounting mode,
		      uint64_t pages);

#endif
