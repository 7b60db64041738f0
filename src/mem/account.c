/* SPDX-License-Identifier: MIT */
/*
 * The counter of each user is in a hash of lists that only grow, at their heads. There are as many
 * counters as one engine has users, so they are never freed, and are found without a lock.
 */
#include "mem/account.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/check.h"
#include "base/fail.h"
#include "base/last_error.h"

struct user {
	struct user *next;
	uint32_t uid;
	uint64_t locked; /* pages; atomic */
};

enum {
	USER_LISTS = 64
};

static _Atomic(struct user *) users[USER_LISTS];

static struct user *find_user(struct user *head, uint32_t uid)
{
	while (head && head->uid != uid)
		head = head->next;
	return head;
}

/* The counter of @uid, created if it is the first use. NULL: no memory. */
static struct user *get_user(uint32_t uid)
{
	_Atomic(struct user *) *list = &users[uid % USER_LISTS];
	struct user *head = atomic_load_explicit(list, memory_order_acquire);
	struct user *user = find_user(head, uid), *fresh;

	if (user)
		return user;
	fresh = alloc_zeroed(sizeof(*fresh));
	if (!fresh)
		return NULL;
	fresh->uid = uid;
	do {
		user = find_user(head, uid);
		if (user) {
			alloc_free(fresh);
			return user;
		}
		fresh->next = head;
	} while (!atomic_compare_exchange_weak_explicit(list, &head, fresh, memory_order_acq_rel,
							memory_order_acquire));
	return fresh;
}

uint64_t mem_user_locked(uint32_t uid)
{
	_Atomic(struct user *) *list = &users[uid % USER_LISTS];
	const struct user *user = find_user(atomic_load_explicit(list, memory_order_acquire), uid);

	return user ? __atomic_load_n(&user->locked, __ATOMIC_RELAXED) : 0;
}

/* The counters of a caller are plain integers, since the public header has them. */
static void add(uint64_t *counter, uint64_t pages)
{
	(void)__atomic_fetch_add(counter, pages, __ATOMIC_RELAXED);
}

static void sub(uint64_t *counter, uint64_t pages)
{
	uint64_t before = __atomic_fetch_sub(counter, pages, __ATOMIC_RELAXED);

	assert(before >= pages);
	(void)before;
}

static uint64_t to_kib(uint64_t pages)
{
	return pages << (PAGE_SHIFT - 10);
}

/* Adds @pages to @counter unless the sum exceeds @limit: then -ENOMEM. */
static int add_below(uint64_t *counter, uint64_t pages, uint64_t limit)
{
	uint64_t now = __atomic_load_n(counter, __ATOMIC_RELAXED), sum;

	do {
		if (check_add(now, pages, &sum) || sum > limit)
			return refuse_mistake(-ENOMEM,
					      "the memlock limit is %" PRIu64 " KiB: %" PRIu64
					      " KiB are locked and %" PRIu64
					      " KiB more are wanted (ulimit -l)",
					      to_kib(limit), to_kib(now), to_kib(pages));
	} while (!__atomic_compare_exchange_n(counter, &now, sum, true, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	return 0;
}

static uint64_t limit_of(struct uiommufd_caller *caller)
{
	uint64_t bytes = caller_memlock_limit(caller);

	return bytes >> PAGE_SHIFT;
}

static bool counts_pins(enum mem_accounting mode)
{
	return mode != MEM_ACCOUNT_LOCKED && mode != MEM_ACCOUNT_LOCKED_UNLIMITED;
}

int account_charge(struct uiommufd_caller *caller, uint32_t uid, enum mem_accounting mode,
		   uint64_t pages)
{
	struct user *user;
	int rc = 0;

	if (fail_inject())
		return -ENOMEM;
	switch (mode) {
	case MEM_ACCOUNT_NONE:
		break;
	case MEM_ACCOUNT_USER:
		user = get_user(uid);
		if (!user)
			return -ENOMEM;
		rc = add_below(&user->locked, pages, limit_of(caller));
		break;
	case MEM_ACCOUNT_MM:
	case MEM_ACCOUNT_LOCKED:
		rc = add_below(&caller->locked_pages, pages, limit_of(caller));
		break;
	case MEM_ACCOUNT_LOCKED_UNLIMITED:
		rc = add_below(&caller->locked_pages, pages, UINT64_MAX);
		break;
	}
	if (rc)
		return rc;
	if (counts_pins(mode))
		add(&caller->pinned_pages, pages);
	return 0;
}

void account_uncharge(struct uiommufd_caller *caller, uint32_t uid, enum mem_accounting mode,
		      uint64_t pages)
{
	switch (mode) {
	case MEM_ACCOUNT_NONE:
		break;
	case MEM_ACCOUNT_USER:
		sub(&get_user(uid)->locked, pages);
		break;
	case MEM_ACCOUNT_MM:
	case MEM_ACCOUNT_LOCKED:
	case MEM_ACCOUNT_LOCKED_UNLIMITED:
		sub(&caller->locked_pages, pages);
		break;
	}
	if (counts_pins(mode))
		sub(&caller->pinned_pages, pages);
}
