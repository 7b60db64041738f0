/* SPDX-License-Identifier: MIT */
/*
 * Why the latest call of this thread was refused, as text, where an errno says too little: which
 * device, which window, which range (uiommufd_last_error()). A call that succeeds pays for storing
 * one byte.
 */
#ifndef IOMMUFD_LAST_ERROR_H
#define IOMMUFD_LAST_ERROR_H

#include <stdbool.h>

#include "iova/range.h"

struct area;
struct ioas;

/* A call begins: nothing is known yet. */
void last_error_clear(void);

/*
 * What follows is about the device called @name, until last_error_about(NULL): the texts begin with
 * it. @name is borrowed.
 */
void last_error_about(const char *name);

/* The text, "" if there is none. The thread's own, until its next call. */
const char *last_error_text(void);

/* Whether each text is a line of the log, too. Default: no. */
void last_error_set_logging(bool on);

/*
 * The texts. Callers hold ioas->lock. @owner, of a reserved range, is an object: the device, the
 * HWPT, or the IOAS itself (the test ABI's).
 */
void last_error_reserved_over_window(const struct ioas *ioas, struct iova_range reserved,
				     const void *owner, struct iova_range window);
void last_error_reserved_over_area(const struct ioas *ioas, struct iova_range reserved,
				   const void *owner, const struct area *area);
void last_error_area_misaligned(const struct ioas *ioas, const struct area *area,
				unsigned long long alignment);

#endif
