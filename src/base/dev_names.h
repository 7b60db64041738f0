/* SPDX-License-Identifier: MIT */
/* The names of the emulated device nodes, which each layer opens, shows or recognises. */
#ifndef BASE_DEV_NAMES_H
#define BASE_DEV_NAMES_H

#define DEV_IOMMU     "/dev/iommu"
#define DEV_VFIO      "/dev/vfio"
#define DEV_CONTAINER DEV_VFIO "/vfio"
#define DEV_GROUP     DEV_VFIO "/%u" /* of the group's number */
#define DEV_CDEVS     DEV_VFIO "/devices"
#define DEV_CDEV      DEV_CDEVS "/vfio%u" /* of the device's index */

/* The rest of such a name: as sysfs (uevent) and /proc/misc know the node. */
#define DEV_BELOW(name) (&(name)[sizeof("/dev/") - 1])

#endif
