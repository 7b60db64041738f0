/* SPDX-License-Identifier: MIT */
/* What the model of a profile is like: the options of `uiommufd run --profile-model`. */
#ifndef PROFILE_PROFILE_SETTINGS_H
#define PROFILE_PROFILE_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "profile/tlb_model.h"

struct profile_settings {
	struct tlb_geometry iotlb, walks; /* no entries: the default of the kind */
	uint32_t payload;		  /* bytes of a request on the bus: each is a look-up */
	uint32_t read_ns;		  /* of reading one entry of a page table */
	uint32_t invalidation_ns;	  /* of a command, until it is done */
	uint32_t link_gbps; /* of the bus or network that the device has to keep busy */
	uint32_t batch;	    /* ranges that an alternative invalidates at once */
};

void profile_settings_init(struct profile_settings *settings);

/*
 * Takes "NAME=VALUE,...": iotlb and walk-cache as ENTRIES or ENTRIES/WAYS, the others as numbers.
 * 0, or -EINVAL, and @why (@size bytes) says what is wrong.
 */
int profile_settings_parse(struct profile_settings *settings, const char *text, char *why,
			   size_t size);

/* The caches of an IOMMU of @kind: those of @settings, or the kind's defaults. */
struct tlb_geometry profile_iotlb(const struct profile_settings *settings, const char *kind);
struct tlb_geometry profile_walks(const struct profile_settings *settings, const char *kind);

#endif
