/* SPDX-License-Identifier: MIT */
/* The entry into the user API: an ioctl on a context. */
#ifndef IOMMUFD_DISPATCH_H
#define IOMMUFD_DISPATCH_H

#include "iommufd/object/ucmd.h"

/* Carries out @cmd with the structure at @arg of @caller: 0 or more, or a negative errno. */
long iommufd_ioctl(struct iommufd_ctx *ctx, struct uiommufd_caller *caller, unsigned int cmd,
		   uint64_t arg);

/*
 * Sets the handler of IOMMU_TEST_CMD in contexts with the test ABI (mock/). Context: before the
 * first context is opened.
 */
void iommufd_set_test_handler(int (*handler)(struct ucmd *ucmd));

#endif
