/* SPDX-License-Identifier: MIT */
/*
 * The counter of each user is in a hash of lists that only grow, at their heads. There are as many
 * counters as one engine has users, so they are never freed, and are found without a lock.
 *
 * If a user's other processes count as well (account_share()), user->lock guards the counter and
 * what is published of it (mem/user_share.h). Two processes that charge at the same time may both
 * be refused, but never exceed the limit together: each looks at the others again once it has
 * published its own.
 *
 * The child of a fork has a copy of what its parent has locked. That is one memory for the kernel,
 * so it remains the parent's: the child publishes what it locks beyond.
 */
#include "mem/account.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/check.h"
#include "base/fail.h"
#include "base/last_error.h"
#include "base/lock.h"
#include "base/log.h"
#include "mem/user_share.h"

struct user {
	struct user *next;
	uint32_t uid;
	uint64_t locked; /* pages; atomic */
	struct lock lock;
	enum {
		SHARE_CLOSED,
		SHARE_OPEN,
		SHARE_REFUSED, /* the process counts for itself */
	} state;
	struct user_share share;
	uint64_t inherited; /* pages of @locked that the parent of this process counts */
};

enum {
	USER_LISTS = 64
};

static _Atomic(struct user *) users[USER_LISTS];

/* Where the user's other processes are found; "": they are not counted. Set before any charge. */
static char directory[PATH_MAX];

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
	lock_init(&fresh->lock, LOCK_ACCOUNT);
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
			return -ENOMEM;
	} while (!__atomic_compare_exchange_n(counter, &now, sum, true, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	return 0;
}

/* ---- a user's other processes ---- */

static void open_share(struct user *user) REQUIRES(user->lock)
{
	int rc;

	lock_assert_held(&user->lock);
	if (user->state != SHARE_CLOSED)
		return;
	rc = user_share_open(&user->share, directory, user->uid);
	user->state = rc ? SHARE_REFUSED : SHARE_OPEN;
	if (rc)
		log_info("%s: the other programs of user %u are not counted: error %d", directory,
			 user->uid, -rc);
}

/* Someone has destroyed the table: what it said is not known any more. */
static void refuse_share(struct user *user) REQUIRES(user->lock)
{
	lock_assert_held(&user->lock);
	user_share_close(&user->share);
	user->state = SHARE_REFUSED;
}

static uint64_t others_of(struct user *user) REQUIRES(user->lock)
{
	uint64_t pages = 0;

	lock_assert_held(&user->lock);
	if (user->state == SHARE_OPEN && user_share_others(&user->share, &pages)) {
		refuse_share(user);
		return 0;
	}
	return pages;
}

static void publish(struct user *user) REQUIRES(user->lock)
{
	lock_assert_held(&user->lock);
	user->inherited = min_u64(user->inherited, user->locked);
	if (user->state == SHARE_OPEN &&
	    user_share_publish(&user->share, user->locked - user->inherited))
		refuse_share(user);
}

/* How much @user->locked may be when others have locked @others. */
static uint64_t space_beside(const struct user *user, uint64_t others, uint64_t limit)
{
	uint64_t space;

	if (check_add(limit, user->inherited, &space))
		space = UINT64_MAX;
	return space > others ? space - others : 0;
}

static int add_beside_others(struct user *user, uint64_t pages, uint64_t limit) REQUIRES(user->lock)
{
	int rc;

	lock_assert_held(&user->lock);
	open_share(user);
	rc = add_below(&user->locked, pages, space_beside(user, others_of(user), limit));
	if (rc && user->state == SHARE_OPEN) {
		user_share_sweep(&user->share);
		rc = add_below(&user->locked, pages, space_beside(user, others_of(user), limit));
	}
	if (rc)
		return rc;
	publish(user);
	if (user->locked <= space_beside(user, others_of(user), limit))
		return 0;
	sub(&user->locked, pages);
	publish(user);
	return -ENOMEM;
}

static int charge_user(struct user *user, uint64_t pages, uint64_t limit)
{
	int rc;

	if (!directory[0])
		return add_below(&user->locked, pages, limit);
	lock_acquire(&user->lock);
	rc = add_beside_others(user, pages, limit);
	lock_release(&user->lock);
	return rc;
}

static void uncharge_user(struct user *user, uint64_t pages)
{
	if (!directory[0]) {
		sub(&user->locked, pages);
		return;
	}
	lock_acquire(&user->lock);
	sub(&user->locked, pages);
	publish(user);
	lock_release(&user->lock);
}

/* No other thread is left, and none was inside the engine. */
static void fork_child(void)
{
	for (int i = 0; i < USER_LISTS; i++) {
		struct user *user = atomic_load_explicit(&users[i], memory_order_relaxed);

		for (; user; user = user->next) {
			if (user->state == SHARE_OPEN)
				user_share_close(&user->share);
			user->state = SHARE_CLOSED;
			user->inherited = user->locked;
		}
	}
}

void account_share_end(void)
{
	for (int i = 0; i < USER_LISTS; i++) {
		struct user *user = atomic_load_explicit(&users[i], memory_order_acquire);

		for (; user; user = user->next) {
			lock_acquire(&user->lock);
			if (user->state == SHARE_OPEN)
				refuse_share(user);
			lock_release(&user->lock);
		}
	}
}

void account_share(const char *of_user)
{
	assert(!directory[0]);
	if ((size_t)snprintf(directory, sizeof(directory), "%s", of_user) >= sizeof(directory) ||
	    pthread_atfork(NULL, NULL, fork_child))
		directory[0] = '\0';
}

/* ---- charges ---- */

static uint64_t (*locked_by_system)(struct uiommufd_caller *caller);

void account_set_locked_by_system(uint64_t (*locked)(struct uiommufd_caller *caller))
{
	locked_by_system = locked;
}

static int refuse_charge(uint64_t pages, uint64_t locked, uint64_t limit, bool of_user)
{
	return refuse_mistake(-ENOMEM,
			      "%" PRIu64 " KiB more would exceed the limit of locked memory, which "
			      "is %" PRIu64 " KiB for the %s; %" PRIu64
			      " KiB are locked by this process (ulimit -l, RLIMIT_MEMLOCK, or "
			      "--memlock of uiommufd run)",
			      to_kib(pages), to_kib(limit),
			      of_user ? "user, in all programs" : "process", to_kib(locked));
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

/* *@system: what the system has locked, which the limit is for, too. */
static int charge_process(struct uiommufd_caller *caller, uint64_t pages, uint64_t *system)
{
	const uint64_t limit = limit_of(caller);

	if (locked_by_system && limit != UINT64_MAX >> PAGE_SHIFT)
		*system = locked_by_system(caller);
	return add_below(&caller->locked_pages, pages, limit > *system ? limit - *system : 0);
}

int account_charge(struct uiommufd_caller *caller, uint32_t uid, enum mem_accounting mode,
		   uint64_t pages)
{
	const uint64_t *locked = &caller->locked_pages;
	uint64_t system = 0;
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
		locked = &user->locked;
		rc = charge_user(user, pages, limit_of(caller));
		break;
	case MEM_ACCOUNT_MM:
	case MEM_ACCOUNT_LOCKED:
		rc = charge_process(caller, pages, &system);
		break;
	case MEM_ACCOUNT_LOCKED_UNLIMITED:
		rc = add_below(&caller->locked_pages, pages, UINT64_MAX);
		break;
	}
	if (rc)
		return refuse_charge(pages, __atomic_load_n(locked, __ATOMIC_RELAXED) + system,
				     limit_of(caller), mode == MEM_ACCOUNT_USER);
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
		uncharge_user(get_user(uid), pages);
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
