/* SPDX-License-Identifier: MIT */
/* What `uiommufd list e1000` says of registers: a table that ends with an empty entry. */
#ifndef DEVICES_E1000_E1000_LIST_H
#define DEVICES_E1000_E1000_LIST_H

#include <uiommufd/device.h>

extern const struct uiommufd_register e1000_registers[];

#endif
