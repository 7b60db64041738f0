/* SPDX-License-Identifier: MIT */
#ifndef IOMMUFD_SHOW_FIT_H
#define IOMMUFD_SHOW_FIT_H

struct iommufd_ctx;
struct iova_set;
struct json;

/*
 * The member "conflicts" of a device that permits @permitted: of each IOAS of @ctx, what it does
 * not permit and is promised there ("window": exactly), or mapped ("mapping": from the first byte
 * to the last of each range that it does not permit). 0 or -ENOMEM. O(log n) in the number of
 * mappings.
 */
int show_conflicts(struct json *json, struct iommufd_ctx *ctx, const struct iova_set *permitted);

#endif
