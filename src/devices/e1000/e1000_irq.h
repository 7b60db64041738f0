/* SPDX-License-Identifier: MIT */
/* Interrupts: causes, the mask, throttling, and causes that are delayed. With the device lock. */
#ifndef DEVICES_E1000_E1000_IRQ_H
#define DEVICES_E1000_E1000_IRQ_H

#include <stdbool.h>
#include <stdint.h>

#include <uiommufd/device.h>

/* Adds @causes to ICR. */
void e1000_raise(struct uiommufd_device *dev, uint32_t causes);

/* Gives INTA# its level, after ICR, IMS or ITR has changed. */
void e1000_update_line(struct uiommufd_device *dev);

/* Frames were received, or descriptors written back: RXT0 and TXDW, now or delayed. */
void e1000_raise_received(struct uiommufd_device *dev);
void e1000_raise_sent(struct uiommufd_device *dev, bool delayed);

/* Ends the delay of RXT0, or of TXDW: the bit FPD. */
void e1000_flush_received(struct uiommufd_device *dev);
void e1000_flush_sent(struct uiommufd_device *dev);

/* No cause, no delay; the line is not asserted. */
void e1000_irq_reset(struct uiommufd_device *dev);

#endif
