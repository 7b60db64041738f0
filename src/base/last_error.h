/* SPDX-License-Identifier: MIT */
/*
 * Why this thread's latest call was refused, as text, where an errno says too little: which check
 * refused, what the value was, and what would pass (uiommufd_last_error(), reports of refused
 * calls).
 *
 * A text that needs a lock to be written is written where the lock is held; it is printed by
 * whoever made the call, when no lock is. Each thread has a text of its own, so there are no locks.
 * A call that succeeds stores one byte.
 */
#ifndef BASE_LAST_ERROR_H
#define BASE_LAST_ERROR_H

#include <stdbool.h>
#include <stdint.h>

/* What a refusal says about the program. */
enum refusal_kind {
	REFUSAL_NONE,	 /* no text */
	REFUSAL_ANSWER,	 /* may be what the program wanted to know */
	REFUSAL_MISTAKE, /* no correct program makes such a call */
};

/* Forgets the text of the previous call. */
void last_error_clear(void);

/*
 * Starts each text with the name of a device, @name, until last_error_about(NULL). Borrows @name.
 */
void last_error_about(const char *name);

/* The text, "" if there is none. It belongs to the thread and is valid until its next call. */
const char *last_error_text(void);
enum refusal_kind last_error_kind(void);

/* A number for what is wrong, whatever the values in the text; 0: there is no text. */
uint64_t last_error_reason(void);

/*
 * Sets the text, formatted like printf(), of a call that fails with @error, a negative errno, and
 * returns @error. A later text replaces an earlier one.
 */
int __attribute__((format(printf, 2, 3), cold)) refuse(int error, const char *format, ...);

/* The same for REFUSAL_MISTAKE. */
int __attribute__((format(printf, 2, 3), cold)) refuse_mistake(int error, const char *format, ...);

/* A refusal of @flags, which has bits beyond @known; the text names them. Returns @error. */
int __attribute__((cold))
refuse_flags(int error, const char *member, uint64_t flags, uint64_t known);

/* A refusal of a reserved member that is not 0: -EOPNOTSUPP. */
int __attribute__((cold)) refuse_reserved_member(void);

/* A refusal of the program's memory, @len bytes at @at: it cannot be read or written. -EFAULT. */
int __attribute__((cold)) refuse_memory(const char *what, uint64_t at, uint64_t len);

/*
 * Sets a text unless there is one already: for a caller that knows less than what it calls. Returns
 * @error.
 */
int __attribute__((format(printf, 2, 3), cold))
refuse_unless_said(int error, const char *format, ...);

#endif
