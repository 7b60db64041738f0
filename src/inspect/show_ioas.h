/* SPDX-License-Identifier: MIT */
/* IO address spaces as JSON, and the members that show_state() and show_lookup() share. */
#ifndef INSPECT_SHOW_IOAS_H
#define INSPECT_SHOW_IOAS_H

#include <stdint.h>

#include "iommufd/ioas/ioas.h"

struct area;
struct iommufd_ctx;
struct iova_set;
struct json;

/* "rw", "r", "w", "" for enum iopt_prot. */
const char *show_rights(unsigned int prot);

/* The member @key: an array of the ranges of @set. */
void show_ranges(struct json *json, const char *key, const struct iova_set *set);

/*
 * The members "rights", "of", "address", "file" and "pid" of a mapping: what is at byte @off of
 * @area. "file" is left out if the memory is not of a file or its name is unknown, "pid" if it is
 * a dma-buf's.
 */
void show_backing(struct json *json, const struct area *area, uint64_t off);

/* The member "reserved": what of @ioas is reserved and touches @within, and by which object. */
void show_reserved(struct json *json, const struct ioas *ioas, struct iova_range within)
	REQUIRES(ioas->lock);

/* The member "ioases" of @ctx, with at most @mappings mappings of each one by one. */
void show_ioases(struct json *json, struct iommufd_ctx *ctx, uint64_t mappings);

/*
 * The member "conflicts" of a device that permits @permitted: in each IOAS of @ctx, the parts that
 * the device does not permit of what is promised there ("window": each range), and of what is
 * mapped ("mapping": for each range that it does not permit, from the first mapped byte to the
 * last).
 */
void show_conflicts(struct json *json, struct iommufd_ctx *ctx, const struct iova_set *permitted);

#endif
