/* SPDX-License-Identifier: MIT */
/* Whether a program has closed an eventfd: what the kernel hears of, and we have to look for. */
#ifndef VFIO_EVENTFD_HELD_H
#define VFIO_EVENTFD_HELD_H

#include <stdbool.h>

#include <uiommufd/caller.h>

/*
 * Whether the caller's process has a descriptor of the eventfd @own, which is ours. False, too, if
 * /proc does not tell. Cost: two system calls for each of its descriptors.
 */
bool eventfd_is_held(const struct uiommufd_caller *caller, int own);

#endif
