/* SPDX-License-Identifier: MIT */
/*
 * Calls of programs that wait, as the kernel hands them over on what filter_install() returned, and
 * the way back.
 *
 * Thread-safe.
 */
#ifndef SERVER_NOTIFICATION_H
#define SERVER_NOTIFICATION_H

#include <linux/seccomp.h>
#include <stdbool.h>

#include "base/lock.h"
#include "server/answer.h"

/* Where calls arrive. */
struct notifications {
	int fd;
	struct lock turn; /* of the thread that takes the next call: LOCK_TURN */
};

/*
 * Waits for the next call, which no other thread gets. False: there will be none, all programs have
 * ended.
 */
bool notification_take(struct notifications *from, struct seccomp_notif *call);

/* Nothing happens if the thread that made @call has been killed. */
void notification_answer(const struct notifications *from, const struct seccomp_notif *call,
			 struct answer answer);

#endif
