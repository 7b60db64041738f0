/* SPDX-License-Identifier: MIT */
/* Names of ioctls and of errors, as programs write them. */
#ifndef CHECKER_CALL_NAMES_H
#define CHECKER_CALL_NAMES_H

#include <stdbool.h>

/* "IOMMU_IOAS_MAP"; NULL: unknown. @device: of a VFIO device, not of a container or group. */
const char *call_name(unsigned int cmd, bool device);

/* "EINVAL" for @error, positive; "an error" for one that no call here gives. */
const char *error_name(int error);

#endif
