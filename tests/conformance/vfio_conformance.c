/* SPDX-License-Identifier: MIT */
/* The file of a device [VFIO-CDEV] and the PCI device behind it [PCI]. */
#include "conformance.h"
#include "groups.h"

int main(int argc, char **argv)
{
	static const group_function groups[] = {
		vfio_bind,	    vfio_attach,    vfio_info,	  vfio_irq,    vfio_region,
		vfio_reset_feature, vfio_ioeventfd, vfio_logging, vfio_config,
	};

	return run_groups(argc, argv, groups, ARRAY_SIZE(groups));
}
