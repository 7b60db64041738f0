/* SPDX-License-Identifier: MIT */
/* Rights and limits of a child process (run_in_child): they cannot be had back. */
#ifndef CONFORMANCE_PRIVILEGE_H
#define CONFORMANCE_PRIVILEGE_H

#include <stdbool.h>
#include <stdint.h>

/* True if the process has @capability (CAP_...) in its effective set. */
bool has_capability(int capability);

/* Drops it from all sets. */
void drop_capability(int capability);

/* The soft RLIMIT_MEMLOCK, in pages. */
void limit_locked_pages(uint64_t pages);

/*
 * Becomes a user whose locked memory nobody else charges, if the process is root; a user without
 * rights in any case.
 */
void become_nobody_else(void);

#endif
