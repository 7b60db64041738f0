/* SPDX-License-Identifier: MIT */
/* `uiommufd list`: kinds of IOMMU, models of devices, and their options. */
#include <stdio.h>

#include "cmd/cmd.h"
#include "devices/devices.h"
#include "iommu/iommu.h"

static void list_options(const struct uiommufd_option *option)
{
	for (; option && option->name; option++)
		printf("      %-12s %s\n", option->name, option->help);
}

int cmd_list(char **args)
{
	const struct uiommufd_model *model;
	const struct iommu_kind *kind;

	if (args[0]) {
		cmd_complain("list takes no argument, but there is \"%s\"", args[0]);
		return CMD_USAGE;
	}
	puts("Kinds of IOMMU (--iommu):");
	for (size_t i = 0; (kind = iommu_kind_at(i)); i++) {
		printf("  %-12s %s\n", iommu_kind_name(kind), iommu_kind_summary(kind));
		if (iommu_kind_alias(kind))
			printf("  %-12s the same\n", iommu_kind_alias(kind));
	}
	puts("\nOptions of every IOMMU:");
	printf("      %-12s %s\n", "name", "what it is called; default: the kind and a number");
	printf("      %-12s %s\n", "aperture",
	       "START-LAST: all that it translates; several, with '+' between, are windows");
	printf("      %-12s %s\n", "hole",
	       "START-LAST: reserved for each device behind it; several with '+' between");
	printf("      %-12s %s\n", "iotlb",
	       "off: nested translations are not cached; default: on, as hardware does");
	puts("\nDevice models (--device), with their options:");
	for (size_t i = 0; (model = device_model_at(i)); i++) {
		printf("  %-12s %s\n", model->name, model->summary);
		list_options(model->options);
	}
	puts("\nOptions of every device:");
	printf("      %-12s %s\n", "iommu", "name of the IOMMU it is behind; default: the first");
	printf("      %-12s %s\n", "group", "number of its IOMMU group; default: one of its own");
	printf("      %-12s %s\n", "index",
	       "N of /dev/vfio/devices/vfioN; default: the lowest free");
	printf("      %-12s %s\n", "mmap", "off: its BARs cannot be mapped; default: on");
	return CMD_OK;
}
