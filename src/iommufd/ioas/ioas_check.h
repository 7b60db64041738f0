/* SPDX-License-Identifier: MIT */
/* The invariants of an IOAS, for tests. */
#ifndef IOMMUFD_IOAS_CHECK_H
#define IOMMUFD_IOAS_CHECK_H

#include "iommufd/ioas/ioas.h"

/* Returns which invariant of ioas.c, area.c or access.c does not hold; NULL: all do. */
const char *ioas_check(struct ioas *ioas) REQUIRES(ioas->lock);

/* The same for every IOAS of the process. */
const char *ioas_check_all(void);

#endif
