/* SPDX-License-Identifier: MIT */
/* Doorbells, and the shadows of them that Doorbell Buffer Config puts into memory. */
#ifndef DEVICES_NVME_NVME_DOORBELL_H
#define DEVICES_NVME_NVME_DOORBELL_H

#include <stdbool.h>
#include <stdint.h>

struct uiommufd_device;

/* A write of @value at @off of the doorbells. Context: with the device lock. */
void nvme_doorbell(struct uiommufd_device *dev, uint64_t off, uint32_t value);

/*
 * Doorbell Buffer Config, with its two buffers, which get the state of the admin queues. Returns
 * whether they can be written. Context: ADMIN_THREAD, executing the command, without the device
 * lock.
 */
bool nvme_set_shadows(struct uiommufd_device *dev, uint64_t doorbells, uint64_t event_indexes);

/*
 * The functions below are for the thread of submission queue @queue, without the device lock.
 */

/* Takes over the shadow of its tail. Returns whether there are shadows. */
bool nvme_follow_tail(struct uiommufd_device *dev, unsigned int queue);

/* The same for the head of its completion queue. */
void nvme_follow_head(struct uiommufd_device *dev, unsigned int queue);

/* Asks for the doorbells of both when they go on from here. */
void nvme_ask_for_doorbells(struct uiommufd_device *dev, unsigned int queue);

/* Asks for doorbells from the tail that is known on, and takes over what came before that. */
void nvme_look_behind(struct uiommufd_device *dev, unsigned int queue);

/* Whether there is nothing to do in the queue, nor to look at, until its doorbell is written. */
bool nvme_will_be_rung(struct uiommufd_device *dev, unsigned int queue);

#endif
