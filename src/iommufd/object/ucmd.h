/* SPDX-License-Identifier: MIT */
/* One ioctl in progress, and the answers that several commands have in common. */
#ifndef IOMMUFD_UCMD_H
#define IOMMUFD_UCMD_H

#include <uiommufd/iommufd.h>

#include "iommufd/object/ctx.h"
#include "iova/iova_set.h"

/* The command's structure, copied in, and where to copy it back to. */
struct ucmd {
	struct iommufd_ctx *ctx;
	struct uiommufd_caller *caller;
	void *cmd;	/* zero-extended to the known size */
	uint64_t uaddr; /* of the caller's structure */
	uint32_t usize; /* how many bytes of it are written back */
};

/* Writes the whole structure back. 0 or -EFAULT. */
int ucmd_respond(const struct ucmd *ucmd);

/*
 * Answers a command with @ranges: fills the caller's array at @array with as many as fit into *@num
 * (a field of the command), sets *@num to how many there are, and writes the command back. 0;
 * -EFAULT; -EMSGSIZE: written, but not all ranges fit.
 */
int ucmd_respond_ranges(struct ucmd *ucmd, uint64_t array, uint32_t *num,
			const struct iova_set *ranges);

#endif
