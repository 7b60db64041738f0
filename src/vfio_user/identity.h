/* SPDX-License-Identifier: MIT */
/*
 * What a vfio-user server says about its device: regions, interrupts, config space. All numbers are
 * the server's, checked for what may be done with them and not for sense.
 */
#ifndef VFIO_USER_IDENTITY_H
#define VFIO_USER_IDENTITY_H

#include "vfio_user/server_link.h"

enum {
	VU_ID_BARS = 6,
	VU_ID_CONFIG = 7, /* the region with config space */
	VU_ID_REGIONS = 8,
	VU_ID_IRQS = 5,
	VU_CONFIG_SIZE = 4096,
	VU_MAX_AREAS = 15, /* of a region: each may come with a descriptor */
};

/* A part of a region that can be mapped. */
struct vu_area {
	uint64_t offset, size; /* in the region */
	int fd;		       /* owned; -1: none */
};

/* A region. */
struct vu_region_facts {
	uint64_t size; /* 0: there is none */
	uint32_t flags;
	uint64_t fd_offset; /* of the region's first byte, in the files of its areas */
	unsigned int area_count;
	struct vu_area areas[VU_MAX_AREAS];
};

/* The device. It has no pointer in it, and is kept in a file for other processes. */
struct vu_identity {
	uint32_t magic, size;	       /* VU_IDENTITY_MAGIC, and the bytes of this structure */
	uint32_t flags;		       /* VFIO_DEVICE_FLAGS_... */
	struct vu_capabilities theirs; /* of the server */
	uint32_t irqs[VU_ID_IRQS];
	uint64_t bars[VU_ID_BARS]; /* their sizes */
	uint32_t config_size;
	uint8_t config[VU_CONFIG_SIZE];
};

#define VU_IDENTITY_MAGIC UINT32_C(0x69647675)

/*
 * Asks for the region @index, with what can be mapped of it. The caller owns the descriptors of the
 * areas (vu_region_release()). 0 or an errno of vu_link_ask().
 */
int vu_ask_region(struct vu_link *link, uint32_t index, struct vu_region_facts *region);
void vu_region_release(struct vu_region_facts *region);

/*
 * Asks for all that there is. 0, or an errno of vu_link_ask(), or -EPROTO and link->why: it is no
 * PCI device, or contradicts itself.
 */
int vu_identify(struct vu_link *link, struct vu_identity *identity);

/* Reads @len bytes of @region; fewer come only with an error. */
int vu_region_read(struct vu_link *link, uint32_t region, uint64_t offset, void *buf, uint32_t len);
int vu_region_write(struct vu_link *link, uint32_t region, uint64_t offset, const void *buf,
		    uint32_t len);

#endif
