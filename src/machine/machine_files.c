/* SPDX-License-Identifier: MIT */
#include "machine/machine_files.h"

#include <errno.h>

#include "iommufd/entry/ctx_file.h"
#include "machine/machine.h"
#include "vfio/vfio.h"

/* @accounting_mm: as of /dev/vfio/vfio where that is an iommufd. */
static int open_context(const struct machine *machine, bool accounting_mm,
			struct uiommufd_file **file)
{
	const struct iommufd_options options = {
		.accounting_mm = accounting_mm,
		.test_abi = machine_mock(machine),
	};
	struct iommufd_ctx *ctx;
	int rc;

	rc = iommufd_ctx_create(&options, &ctx);
	if (rc)
		return rc;
	*file = iommufd_ctx_file(ctx);
	return 0;
}

int machine_open_iommu(const struct machine *machine, struct uiommufd_file **file)
{
	return open_context(machine, false, file);
}

int machine_open_container(const struct machine *machine, struct uiommufd_file **file)
{
	switch (machine_container(machine)) {
	case CONTAINER_TYPE1:
		return vfio_container_open(file);
	case CONTAINER_IOMMUFD:
		return open_context(machine, true, file);
	case CONTAINER_NONE:
		break;
	}
	return -ENODEV;
}
