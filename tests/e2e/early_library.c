/* SPDX-License-Identifier: MIT */
/* The library of early.c. */
#include <fcntl.h>

#include "check.h"

extern int early_fd, early_ioas;
__attribute__((visibility("default"))) int early_fd = -1;
__attribute__((visibility("default"))) int early_ioas;

static __attribute__((constructor)) void open_early(void)
{
	early_fd = open("/dev/iommu", O_RDWR);
	early_ioas = new_ioas(early_fd);
}
