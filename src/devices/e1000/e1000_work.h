/* SPDX-License-Identifier: MIT */
/* What sending and receiving have in common: rings, the cable, and the threads' work. */
#ifndef DEVICES_E1000_E1000_WORK_H
#define DEVICES_E1000_E1000_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include <uiommufd/device.h>

#include "devices/e1000/e1000.h"

/*
 * The ring whose registers begin at @first (RDBAL or TDBAL); its count is 0 if it cannot be used,
 * which may be reported. With the device lock.
 */
struct e1000_ring e1000_take_ring(struct uiommufd_device *dev, uint32_t first);

/*
 * The first and the last thing that a work function of PACKET_THREAD does, with the device lock.
 * After a reset the first forgets what was in progress. Returns the generation.
 */
unsigned int e1000_begin_work(struct e1000 *e);
void e1000_end_work(struct e1000 *e);

/* Has WIRE_THREAD wait for @events of the port. */
void e1000_watch(struct uiommufd_device *dev, unsigned int events);

/* Puts STATUS.LU right, after the link, CTRL or the PHY has changed. With the device lock. */
void e1000_update_link(struct uiommufd_device *dev);

/* Opens the port, if it is closed; the link follows it. PACKET_THREAD. */
void e1000_service_port(struct uiommufd_device *dev);

/* Whether what is sent is received here. With the device lock. */
bool e1000_loops(struct e1000 *e);

#endif
