/* SPDX-License-Identifier: MIT */
/* What the attributes show, and which devices have them: for the table in attribute.c. */
#ifndef SYSFS_SHOW_H
#define SYSFS_SHOW_H

#include <stdbool.h>

#include "vfio/vfio.h"

/* Which devices have an attribute. */
bool has_always(struct vfio_device *device);
bool has_reset(struct vfio_device *device);
bool has_link(struct vfio_device *device);
bool has_display(struct vfio_device *device);
bool has_serial(struct vfio_device *device);
bool has_errors(struct vfio_device *device);

/* Each writes to @text, SYSFS_TEXT bytes, and returns the length or a negative errno. */
int show_vendor(struct vfio_device *device, char *text);
int show_device(struct vfio_device *device, char *text);
int show_subsystem_vendor(struct vfio_device *device, char *text);
int show_subsystem_device(struct vfio_device *device, char *text);
int show_class(struct vfio_device *device, char *text);
int show_revision(struct vfio_device *device, char *text);
int show_modalias(struct vfio_device *device, char *text);
int show_resource(struct vfio_device *device, char *text);
int show_irq(struct vfio_device *device, char *text);
int show_local_cpus(struct vfio_device *device, char *text);
int show_local_cpulist(struct vfio_device *device, char *text);
int show_mask_bits(struct vfio_device *device, char *text);
int show_enable(struct vfio_device *device, char *text);
int show_power_state(struct vfio_device *device, char *text);
int show_driver(struct vfio_device *device, char *text);
int show_uevent(struct vfio_device *device, char *text);
int show_reset_method(struct vfio_device *device, char *text);
int show_current_link_speed(struct vfio_device *device, char *text);
int show_current_link_width(struct vfio_device *device, char *text);
int show_max_link_speed(struct vfio_device *device, char *text);
int show_max_link_width(struct vfio_device *device, char *text);
int show_serial_number(struct vfio_device *device, char *text);
int show_errors_correctable(struct vfio_device *device, char *text);
int show_errors_fatal(struct vfio_device *device, char *text);
int show_errors_nonfatal(struct vfio_device *device, char *text);
int show_runtime_status(struct vfio_device *device, char *text);

/* The same for all devices. */
int show_zero(struct vfio_device *device, char *text);
int show_one(struct vfio_device *device, char *text);
int show_minus_one(struct vfio_device *device, char *text);
int show_auto(struct vfio_device *device, char *text);
int show_blank(struct vfio_device *device, char *text);
int show_io_error(struct vfio_device *device, char *text);

#endif
