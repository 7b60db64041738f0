/* SPDX-License-Identifier: MIT */
/*
 * The program in whose process the engine runs, as the engine's caller: its memory is the process's
 * own, its descriptors are those of the table (process/fdtable.h).
 */
#ifndef PRELOAD_ENGINE_OWN_PROCESS_H
#define PRELOAD_ENGINE_OWN_PROCESS_H

#include "preload/process/fdtable.h"

/* Before the first use. May be repeated while the machine has not started. */
void own_process_init(void);

/* The caller: borrowed, valid for ever. */
struct uiommufd_caller *own_process_caller(void);

/*
 * Makes the placeholder @fd, which the program does not know yet, stand for @file. 0 (takes the
 * reference of @file) or -ENFILE (the reference stays the caller's).
 *
 * Context: inside the engine.
 */
int own_process_install(int fd, struct uiommufd_file *file, int access, struct node node);

/* In the child of a fork: the caller is another process now. */
void own_process_fork_child(void);

/* How many pages it has pinned, and locked, for DMA: of what the kernel does not see. */
void own_process_locked(uint64_t *pinned, uint64_t *locked);

#endif
