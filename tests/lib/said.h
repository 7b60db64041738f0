/* SPDX-License-Identifier: MIT */
/* Each refusal of an ioctl says why: tests that call through said_why() see one that does not. */
#ifndef LIB_SAID_H
#define LIB_SAID_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <uiommufd/uiommufd.h>

/*
 * Returns @rc, the result of the ioctl @cmd. Ends the program if the call was refused without a
 * text. A text would add nothing to: no memory, no such
 * command, no descriptor is free.
 */
static inline long said_why(long rc, unsigned int cmd)
{
	if (rc >= 0 || rc == -ENOMEM || rc == -ENOTTY || rc == -EMFILE || *uiommufd_last_error())
		return rc;
	fprintf(stderr, "ioctl 0x%x was refused with error %ld, and no text says why\n", cmd, -rc);
	abort();
}

#endif
