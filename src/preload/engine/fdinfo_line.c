/* SPDX-License-Identifier: MIT */
/* See fdinfo_line.h. */
#include "preload/engine/fdinfo_line.h"

#include <stdio.h>

#include "preload/start/layout.h"
#include "vfio/vfio.h"

size_t fdinfo_line(struct uiommufd_file *file, char line[FDINFO_LINE])
{
	struct vfio_device *device = vfio_device_from_file(file);
	struct pci_bdf bdf;

	if (!device)
		return 0;
	bdf = vfio_device_bdf(device);
	return (size_t)snprintf(line, FDINFO_LINE,
				"vfio-device-syspath: " LAYOUT_SYS_PCI_BUSES "%04x:%02x/%s\n",
				bdf.domain, bdf.bus, vfio_device_name(device));
}
