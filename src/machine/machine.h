/* SPDX-License-Identifier: MIT */
/*
 * The emulated machine of a run: which IOMMUs, devices and groups it has. Described on the command
 * line (--iommu, --device), checked once by the command, handed to the preload as text, and
 * instantiated there or in an embedding program.
 *
 * Device text: MODEL[@BDF][,opt=val]... with the general options iommu=NAME (which IOMMU; default:
 * the first), group=N and index=N (of vfioN). IOMMU text: KIND[,name=NAME][,aperture=RANGES]
 * [,hole=RANGES][,iotlb=on|off] (iommu/shape.h); default names are the kind and a number, "amd0".
 * Default without any: one "amd".
 *
 * Defaults keep clear of what the system has: devices get the BDFs 0000:01:00.0, 0000:02:00.0, ...,
 * each a group of its own with a number above the system's, and the lowest index that is free, all
 * without those in /sys.
 *
 * Not locked: built by one thread, then only read.
 */
#ifndef MACHINE_MACHINE_H
#define MACHINE_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "vfio/vfio.h"

struct machine;

/* An empty machine. 0 or -ENOMEM. */
int machine_create(struct machine **machine);

/* No file of its devices may be open. */
void machine_destroy(struct machine *machine);

/*
 * Adds an IOMMU, a device. 0, or a negative errno with one clear line of text in @error (of
 * @error_size bytes) that says what is wrong with @text: unknown kind or model (naming those that
 * exist), BDF taken or malformed, unknown option.
 */
int machine_add_iommu(struct machine *machine, const char *text, char *error, size_t error_size);
int machine_add_device(struct machine *machine, const char *text, char *error, size_t error_size);

/* Whether contexts answer IOMMU_TEST_CMD. Default: no. */
void machine_set_mock(struct machine *machine, bool mock);
bool machine_mock(const struct machine *machine);

/* The whole description as lines of text that machine_parse() reads, with every default made
 * explicit. 0, or -EIO: writing failed. */
int machine_format(const struct machine *machine, FILE *out);

/*
 * Adds what the lines of @in describe: "iommu TEXT", "device TEXT", "mock". Such a description was
 * checked against the system when it was made: it is not again. Errors as above, with the line;
 * what the lines before it added stays.
 */
int machine_parse(struct machine *machine, FILE *in, char *error, size_t error_size);

/* Devices in order of their index; NULL past the end. */
struct vfio_device *machine_device(const struct machine *machine, size_t index);

/* The device at the address @bdf, as "0000:01:00.0" or "01:00.0"; or NULL. */
struct vfio_device *machine_find_device(const struct machine *machine, const char *bdf);

/* The group of a device, and the regions its IOMMU reserves: for sysfs. */
unsigned int machine_device_group(const struct machine *machine, size_t index);
struct iommu *machine_device_iommu(const struct machine *machine, size_t index);

/* IOMMUs in order of adding; NULL past the end. */
struct iommu *machine_iommu(const struct machine *machine, size_t index);

#endif
