/* SPDX-License-Identifier: MIT */
/* The way into the user API: one ioctl on a context. */
#ifndef IOMMUFD_DISPATCH_H
#define IOMMUFD_DISPATCH_H

#include "iommufd/object/ucmd.h"

/* Carries out @cmd with the structure at @arg of @caller: 0 or more, or a negative errno. */
long iommufd_ioctl(struct iommufd_ctx *ctx, struct uiommufd_caller *caller, unsigned int cmd,
		   uint64_t arg);

/*
 * Sets what answers IOMMU_TEST_CMD in contexts that have the test ABI (mock/). Called before any
 * context is opened.
 */
void iommufd_set_test_handler(int (*handler)(struct ucmd *ucmd));

#endif
