/* SPDX-License-Identifier: MIT */
/* The registers: BAR 0, and BAR 2, through which the IO space reaches them as well. */
#ifndef DEVICES_E1000_E1000_REGISTERS_H
#define DEVICES_E1000_E1000_REGISTERS_H

#include <stdint.h>

#include <uiommufd/device.h>

uint64_t e1000_bar_read(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			unsigned int size);
void e1000_bar_write(struct uiommufd_device *dev, unsigned int bar, uint64_t off, unsigned int size,
		     uint64_t value);

/* The registers as a reset by CTRL.RST leaves them. With the device lock. */
void e1000_reset_registers(struct uiommufd_device *dev);

#endif
