/* SPDX-License-Identifier: MIT */
/* madvise() of registers that a program has mapped, for both ways of calling the machine. */
#ifndef VFIO_BAR_ADVICE_H
#define VFIO_BAR_ADVICE_H

#include <errno.h>
#include <sys/mman.h>

#include "base/sys.h"

/*
 * Why a kernel refuses @advice for registers, a negative errno; 0: it does not. Their pages are no
 * memory, and are in no dump and no child by advice alone (VM_PFNMAP, VM_IO, VM_DONTEXPAND).
 */
static inline int bar_refuse_advice(int advice)
{
	switch (advice) {
	case MADV_DONTNEED:
	case MADV_DONTNEED_LOCKED:
	case MADV_FREE:
	case MADV_GUARD_INSTALL:
	case MADV_COLD:
	case MADV_PAGEOUT:
	case MADV_POPULATE_READ:
	case MADV_POPULATE_WRITE:
	case MADV_DOFORK:
	case MADV_DODUMP:
		return -EINVAL;
	case MADV_REMOVE:
		/* It is the file that is asked to drop its pages, and has none. */
		return -ENODEV;
	default:
		return 0;
	}
}

#endif
