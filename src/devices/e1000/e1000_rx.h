/* SPDX-License-Identifier: MIT */
/* Receiving: frames are filtered, checked, and put into the memory that descriptors lead to. */
#ifndef DEVICES_E1000_E1000_RX_H
#define DEVICES_E1000_E1000_RX_H

#include <uiommufd/device.h>

/* A work function of PACKET_THREAD: receives what is there, some frames at a time. */
void e1000_receive(struct uiommufd_device *dev);

#endif
