/* SPDX-License-Identifier: MIT */
/* Opening the files of a machine that are not one device's. */
#ifndef MACHINE_MACHINE_FILES_H
#define MACHINE_MACHINE_FILES_H

struct machine;
struct uiommufd_file;

/* /dev/iommu. *@file has a reference. 0 or a negative errno. */
int machine_open_iommu(const struct machine *machine, struct uiommufd_file **file);

/* /dev/vfio/vfio, of the kind that the machine has; -ENODEV: it has none. */
int machine_open_container(const struct machine *machine, struct uiommufd_file **file);

#endif
