/* SPDX-License-Identifier: MIT */
/* Sending: transmit descriptors, and what becomes of the frames that they describe. */
#ifndef DEVICES_E1000_E1000_TX_H
#define DEVICES_E1000_E1000_TX_H

#include <uiommufd/device.h>

/* A work function of PACKET_THREAD: executes the descriptors up to TDT, some at a time. */
void e1000_transmit(struct uiommufd_device *dev);

#endif
