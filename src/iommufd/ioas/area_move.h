/* SPDX-License-Identifier: MIT */
/* What becomes of areas when their memory moves or goes. */
#ifndef IOMMUFD_AREA_MOVE_H
#define IOMMUFD_AREA_MOVE_H

#include <stddef.h>
#include <stdint.h>

struct displace_moved;
struct dmabuf;

/* Redirects the tables after memory has moved (mem/displace.h). */
void iommufd_sources_moved(const struct displace_moved *moved, size_t count);

/* For tests: how many areas have been looked at for that. */
uint64_t iommufd_areas_looked_at(void);

/* Takes what is mapped of @dmabuf out of all tables (mem/dmabuf.h). */
void iommufd_dmabuf_revoked(struct dmabuf *dmabuf);

#endif
