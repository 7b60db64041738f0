/* SPDX-License-Identifier: MIT */
/* The commands that map, copy and unmap. */
#ifndef IOMMUFD_IOAS_MAP_H
#define IOMMUFD_IOAS_MAP_H

#include "iommufd/ioas/ioas.h"
#include "iommufd/object/ucmd.h"

struct mem_source;

/* MAPs the memory that @cmd names [IOAS-MAP.5..11]. cmd->iova becomes the IOVA chosen. */
int ioas_map_user(struct ucmd *ucmd, struct iommu_ioas_map *cmd, struct ioas *ioas);

/*
 * Maps all of @source, which it takes also on failure, with the flags of a MAP; *@iova is used with
 * FIXED, and becomes what was chosen. Errors: [IOAS-MAP.8..11].
 */
int ioas_map_source(struct ioas *ioas, struct mem_source *source, uint32_t flags, uint64_t *iova);

/* Handlers of the table in iommufd/entry/dispatch.c. */
int ioctl_ioas_map(struct ucmd *ucmd);
int ioctl_ioas_map_file(struct ucmd *ucmd);
int ioctl_ioas_copy(struct ucmd *ucmd);
int ioctl_ioas_unmap(struct ucmd *ucmd);

#endif
