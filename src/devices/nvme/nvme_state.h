/* SPDX-License-Identifier: MIT */
/*
 * The life of a controller: enabled, shut down, reset. The host sets bits of CC and waits for CSTS;
 * in between ADMIN_THREAD waits for the other threads.
 *
 * ASQ, ACQ and AQA are read when the admin queue is used first, not when CC.EN is set: QEMU 11
 * writes ACQ after CC.EN.
 */
#ifndef DEVICES_NVME_NVME_STATE_H
#define DEVICES_NVME_NVME_STATE_H

#include <stdbool.h>
#include <stdint.h>

struct uiommufd_device;

/* Work of ADMIN_THREAD: changes of state, then events and admin commands. */
void nvme_control(struct uiommufd_device *dev);

/* The controller has failed (CSTS.CFS): only a reset helps. Context: without the device lock. */
void nvme_fail(struct uiommufd_device *dev, const char *why);

/* Everything that is volatile is as after power-on; no thread works. */
void nvme_power_on(struct uiommufd_device *dev);

/*
 * The functions below need the device lock.
 */

/* Writes of CC and NSSR. */
void nvme_configure(struct uiommufd_device *dev, uint32_t cc);
void nvme_reset_subsystem(struct uiommufd_device *dev);

/* Puts the admin queues where AQA, ASQ and ACQ say. False: they are wrong: the controller fails. */
bool nvme_latch_admin_queues(struct uiommufd_device *dev);

#endif
