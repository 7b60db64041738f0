/* SPDX-License-Identifier: MIT */
/* The argument of `uiommufd run --memlock`. */
#ifndef CMD_LIMIT_H
#define CMD_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Reads a limit: bytes, a number with K, M or G behind it (of 1024), or "unlimited" (UINT64_MAX).
 * False: @text is none.
 */
bool limit_parse(const char *text, uint64_t *bytes);

#endif
