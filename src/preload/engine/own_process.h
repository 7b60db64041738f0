/* SPDX-License-Identifier: MIT */
/* The program whose process we are in, as the engine's caller: its memory is ours, its descriptors
 * are the table's. */
#ifndef PRELOAD_ENGINE_OWN_PROCESS_H
#define PRELOAD_ENGINE_OWN_PROCESS_H

#include "preload/process/fdtable.h"

/* Once, before the first use. */
void caller_init(void);
struct uiommufd_caller *caller_program(void);

/*
 * Makes the placeholder @fd, which the program does not know yet, stand for @file. 0 (the reference
 * is taken over) or -ENFILE (the caller keeps it).
 */
int caller_install_at(int fd, struct uiommufd_file *file, int access, struct node node);

/* In the child of a fork: the caller is another process now. */
void caller_fork_child(void);

#endif
