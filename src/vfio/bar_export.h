/* SPDX-License-Identifier: MIT */
/*
 * dma-bufs of a device's BARs (VFIO_DEVICE_FEATURE_DMA_BUF), by which DMA of other devices reaches
 * its registers [VFIO-FEATURE.10].
 *
 * A dma-buf is revoked while the BAR does not answer: memory decoding off, D3, low power, pulled
 * out, not open, and during a reset. What was mapped before stays out of the tables for good; it
 * can be mapped again when the BAR answers.
 *
 * Invariant: outside of the functions below, every dma-buf of the device is revoked or not as the
 * device was at the last bar_exports_update() or bar_exports_revoke().
 *
 * Locks: bar_exports.lock guards the list. It is held while dma-bufs leave the tables of the user
 * API, so the device lock is not held around these functions. Register accesses check decoding by
 * themselves: nothing gets through between a change and its update.
 */
#ifndef VFIO_BAR_EXPORT_H
#define VFIO_BAR_EXPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <urcu/list.h>

#include "base/lock.h"

struct uiommufd_caller;
struct vfio_device;

struct bar_exports {
	struct lock lock;
	struct cds_list_head list; /* of struct bar_export; each has a reference of its dma-buf */
	_Atomic bool any;	   /* there is, or has been, one: read without the lock */
	bool revoked;		   /* all of them are */
};

void bar_exports_init(struct bar_exports *exports);

/* The device is closed, or destroyed: all are revoked and forgotten. */
void bar_exports_drop(struct vfio_device *device);
void bar_exports_destroy(struct bar_exports *exports);

/* GET of the feature, whose data is at @data: a descriptor, or a negative errno. */
long bar_export_get(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t data);

/* Revokes all, or ends the revocation, as the device is now. Costs one load if there is none. */
void bar_exports_update(struct vfio_device *device);

/* Revokes all, until the next update. */
void bar_exports_revoke(struct vfio_device *device);

#endif
