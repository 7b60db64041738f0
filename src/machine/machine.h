/* SPDX-License-Identifier: MIT */
/*
 * The emulated machine: its IOMMUs, devices and groups. `uiommufd run` describes it by options
 * (--iommu, --device) and checks the description once; as text it goes to the preload, which builds
 * the machine in the program's process.
 *
 * Device text: MODEL[@BDF][,opt=val]..., where a MODEL with a '/' is the path of a shared object
 * (devices/plugin.h), with the general options iommu=NAME (which IOMMU; default: the first),
 * group=N, index=N (of vfioN), mmap=on|off, doorbells=shared|trap and hostile=on|off. IOMMU text:
 * KIND[,name=NAME][,aperture=RANGES][,hole=RANGES][,iotlb=on|off] (iommu/shape.h); default names
 * are the kind and a number, "amd0".
 * Default without any: one "amd".
 *
 * Defaults avoid what the system has in /sys: devices get the BDFs 0000:01:00.0, 0000:02:00.0, ...,
 * each a group of its own with a number above those of the system, and the lowest free index.
 *
 * Locks: none. One thread builds the machine; then it is only read, except when a device comes or
 * goes while no other thread reads it (base/world.h).
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

/*
 * A machine with @iommu, to which it takes a reference, for devices that do not avoid what the
 * system has. 0 or -ENOMEM.
 */
int machine_create_around(struct iommu *iommu, struct machine **machine);

/* Context: no file of its devices is open. */
void machine_destroy(struct machine *machine);

struct plugin_linker;

/* What loads models from shared objects; borrowed. Without it, none can be loaded. */
void machine_set_linker(struct machine *machine, const struct plugin_linker *linker);

/*
 * The /sys (borrowed) that the programs of a run see, to which devices are added: what is there and
 * not in @machine belongs to devices that were pulled out, but are still open. Like what the system
 * has, it is not taken again.
 */
void machine_set_run(struct machine *machine, const char *sysfs);

/*
 * The directory (copied) with the files in which another process has left what vfio-user servers
 * say of their devices, each named for its BDF. Without it, and for devices without one, the
 * servers are asked. 0 or -ENOMEM.
 */
int machine_set_identities(struct machine *machine, const char *directory);

/*
 * What to leave there for device @index, which exists: *@len bytes, borrowed. NULL: the device is
 * not of a server.
 */
const void *machine_device_identity(const struct machine *machine, size_t index, size_t *len);

/*
 * The connection with which the server of device @index was asked, which the caller owns then.
 * False: there is none.
 */
struct vu_connection;
bool machine_take_connection(const struct machine *machine, size_t index,
			     struct vu_connection *connection);

/*
 * Adds an IOMMU or a device. 0, or a negative errno and, in @error (@error_size bytes), a line that
 * says what is wrong with @text: unknown kind or model (it names those that exist) or a
 * shared object without one, BDF taken or malformed, unknown option.
 */
int machine_add_iommu(struct machine *machine, const char *text, char *error, size_t error_size);
int machine_add_device(struct machine *machine, const char *text, char *error, size_t error_size);

/* What is behind /dev/vfio/vfio. */
enum machine_container {
	CONTAINER_TYPE1,   /* VFIO's own container, with the type1 driver: the default */
	CONTAINER_IOMMUFD, /* a context, as in kernels that have no other container */
	CONTAINER_NONE,	   /* there is none */
};

/* Sets it by its word: "type1", "iommufd", "none". False: the word is another. */
bool machine_set_container(struct machine *machine, const char *word);
enum machine_container machine_container(const struct machine *machine);

/* Whether there are /dev/iommu and cdevs of VFIO devices. Default: yes. */
void machine_set_iommufd(struct machine *machine, bool iommufd);
bool machine_iommufd(const struct machine *machine);

/*
 * Makes all devices hostile (vfio/hostile.h), those that exist and those to come, except those with
 * hostile=off. 0; -ENOMEM; -EINVAL, and @error.
 */
int machine_set_hostile(struct machine *machine, const char *text, char *error, size_t error_size);

/* Whether contexts answer IOMMU_TEST_CMD. Default: no. */
void machine_set_mock(struct machine *machine, bool mock);
bool machine_mock(const struct machine *machine);

/*
 * Writes the description as lines for machine_parse(), with all defaults explicit. 0, or -EIO:
 * writing failed.
 */
int machine_format(const struct machine *machine, FILE *out);

/*
 * Adds what the lines of @in describe: "iommu TEXT", "hostile TEXT", "device TEXT", "container
 * WORD", "no-iommufd", "mock". It does not look at the system, which the description was checked
 * against when it was made. Errors as above, with the number of the line; what the lines before it
 * added stays.
 */
int machine_parse(struct machine *machine, FILE *in, char *error, size_t error_size);

/*
 * Takes @device out of the machine, as if it had never been there; it lives on, as something may
 * still refer to it, until the machine is destroyed. 0 or -ENOMEM.
 */
int machine_drop_device(struct machine *machine, struct vfio_device *device);

/* Device @index, in the order of their N in vfioN, borrowed; NULL past the end. */
struct vfio_device *machine_device(const struct machine *machine, size_t index);

/* The device at the address @bdf, "0000:01:00.0" or "01:00.0", borrowed; or NULL. */
struct vfio_device *machine_find_device(const struct machine *machine, const char *bdf);

/*
 * The one whose character device is /dev/vfio/devices/vfio@number, or NULL. One that was pulled out
 * has none.
 */
struct vfio_device *machine_find_cdev(const struct machine *machine, unsigned int number);

/* The group number and the IOMMU (borrowed) of device @index, which exists. */
unsigned int machine_device_group(const struct machine *machine, size_t index);
struct iommu *machine_device_iommu(const struct machine *machine, size_t index);

/* IOMMU @index, in the order of adding, borrowed; NULL past the end. */
struct iommu *machine_iommu(const struct machine *machine, size_t index);

#endif
