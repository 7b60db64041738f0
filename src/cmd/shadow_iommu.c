/* SPDX-License-Identifier: MIT */
/*
 * The IOMMUs in sysfs [SYSFS-GROUP]: a device of the class "iommu" for each, where that of the real
 * hardware would be, with the registers that IOMMU_GET_HW_INFO tells.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>

#include "cmd/shadow.h"
#include "iommu/iommu.h"
#include "preload/start/layout.h"

enum {
	VTD_FIRST_ADDRESS = 0xfed90000,
	VTD_STEP = 0x2000,
	SMMU_FIRST_ADDRESS = 0x2b400000,
	SMMU_STEP = 0x100000,
	VTD_DOMAINS = 1 << 16,	 /* of its capability register */
	AMD_HEADER = 0x190b640f, /* of its capability in config space */
};

/* An IOMMU as sysfs calls it. */
struct iommu_entry {
	struct iommu *iommu;
	const char *kind;
	char parent[128]; /* the device that it is part of; "": none */
	char name[64];
	char dir[256];
};

/* How many IOMMUs of the same kind are before number @index of @machine. */
static unsigned int rank_of(const struct machine *machine, size_t index)
{
	const char *kind = iommu_kind_name(iommu_kind_of(machine_iommu(machine, index)));
	unsigned int rank = 0;

	for (size_t i = 0; i < index; i++) {
		/* By name: an IOMMU with options has a kind of its own. */
		if (strcmp(iommu_kind_name(iommu_kind_of(machine_iommu(machine, i))), kind) == 0)
			rank++;
	}
	return rank;
}

/*
 * The address of the AMD IOMMU number @rank. Processors of AMD have one on each of the buses 0, 20,
 * 40, ...; it is on the first of them that the real system does not have.
 */
static void place_amd(unsigned int rank, char path[128])
{
	enum {
		BUS_STEP = 0x20,
		BUSES = 0x100,
	};

	for (unsigned int bus = 0; bus < BUSES; bus += BUS_STEP) {
		snprintf(path, 128, LAYOUT_SYS_PCI_BUSES "0000:%02x", bus);
		if (access(path, F_OK) == 0)
			continue;
		snprintf(path, 128, LAYOUT_SYS_PCI_BUSES "0000:%02x/0000:%02x:%02x.2", bus, bus,
			 rank % 32);
		return;
	}
	path[0] = '\0';
}

static struct iommu_entry entry_of(const struct machine *machine, size_t index)
{
	struct iommu_entry entry = {.iommu = machine_iommu(machine, index)};
	const unsigned int rank = rank_of(machine, index);

	entry.kind = iommu_kind_name(iommu_kind_of(entry.iommu));
	if (strcmp(entry.kind, "intel") == 0) {
		snprintf(entry.name, sizeof(entry.name), "dmar%u", rank);
	} else if (strcmp(entry.kind, "amd") == 0) {
		snprintf(entry.name, sizeof(entry.name), "ivhd%u", rank);
		place_amd(rank, entry.parent);
	} else if (strcmp(entry.kind, "smmuv3") == 0) {
		snprintf(entry.name, sizeof(entry.name), "smmu3.0x%016x",
			 SMMU_FIRST_ADDRESS + rank * SMMU_STEP);
		snprintf(entry.parent, sizeof(entry.parent),
			 LAYOUT_SYS_PLATFORM "arm-smmu-v3.%u.auto", rank);
	} else if (strcmp(entry.kind, "riscv") == 0) {
		snprintf(entry.name, sizeof(entry.name), "riscv-iommu@riscv-iommu.%u", rank);
		snprintf(entry.parent, sizeof(entry.parent), LAYOUT_SYS_PLATFORM "riscv-iommu.%u",
			 rank);
	} else {
		snprintf(entry.name, sizeof(entry.name), "%s", iommu_name(entry.iommu));
	}
	snprintf(entry.dir, sizeof(entry.dir), "%s/iommu/%s",
		 entry.parent[0] ? entry.parent : LAYOUT_SYS_VIRTUAL, entry.name);
	return entry;
}

/* A file with one line, below the directory of @entry. */
#define ADD_LINE(tree, entry, name, format, ...)                             \
	do {                                                                 \
		char path_[PATH_MAX];                                        \
		snprintf(path_, sizeof(path_), "%s/%s", (entry)->dir, name); \
		tree_text(tree, path_, 0444, format "\n", __VA_ARGS__);      \
	} while (0)

static void add_vtd(struct tree *tree, const struct iommu_entry *entry, unsigned int rank,
		    const struct iommu_hw_info_vtd *info)
{
	ADD_LINE(tree, entry, "intel-iommu/version", "%d:%d", 1, 0);
	ADD_LINE(tree, entry, "intel-iommu/address", "%x", VTD_FIRST_ADDRESS + rank * VTD_STEP);
	ADD_LINE(tree, entry, "intel-iommu/cap", "%" PRIx64, (uint64_t)info->cap_reg);
	ADD_LINE(tree, entry, "intel-iommu/ecap", "%" PRIx64, (uint64_t)info->ecap_reg);
	ADD_LINE(tree, entry, "intel-iommu/domains_supported", "%d", VTD_DOMAINS);
	ADD_LINE(tree, entry, "intel-iommu/domains_used", "%d", 1);
}

static void add_amd(struct tree *tree, const struct iommu_entry *entry,
		    const struct iommu_hw_info_amd *info)
{
	ADD_LINE(tree, entry, "amd-iommu/cap", "%x", AMD_HEADER);
	ADD_LINE(tree, entry, "amd-iommu/features", "%" PRIx64 ":%" PRIx64, (uint64_t)info->efr,
		 (uint64_t)info->efr2);
}

/* The registers of the hardware that has some. */
static void add_registers(struct tree *tree, const struct iommu_entry *entry, unsigned int rank)
{
	union {
		struct iommu_hw_info_vtd vtd;
		struct iommu_hw_info_amd amd;
		uint8_t bytes[HW_INFO_MAX];
	} info = {.bytes = {0}};
	struct iommu_endpoint *probe;
	uint32_t type = 0;
	size_t len;

	if (iommu_endpoint_create(entry->iommu, "", &probe))
		return;
	if (iommu_endpoint_hw_info(probe, 0, &type, &info, &len))
		type = 0;
	iommu_endpoint_destroy(probe);
	if (type == IOMMU_HW_INFO_TYPE_INTEL_VTD)
		add_vtd(tree, entry, rank, &info.vtd);
	else if (type == IOMMU_HW_INFO_TYPE_AMD)
		add_amd(tree, entry, &info.amd);
}

static void add_iommu(struct tree *tree, const struct machine *machine, size_t index)
{
	const struct iommu_entry entry = entry_of(machine, index);
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/uevent", entry.dir);
	tree_text(tree, path, 0644, "%s", "");
	snprintf(path, sizeof(path), "%s/devices", entry.dir);
	tree_dir(tree, path, 0755);
	snprintf(path, sizeof(path), "%s/power/control", entry.dir);
	tree_text(tree, path, 0644, "auto\n");
	snprintf(path, sizeof(path), "%s/power/runtime_status", entry.dir);
	tree_text(tree, path, 0444, "unsupported\n");
	snprintf(path, sizeof(path), "%s/subsystem", entry.dir);
	tree_link(tree, path, LAYOUT_SYS_CLASS_IOMMU);
	if (entry.parent[0]) {
		snprintf(path, sizeof(path), "%s/device", entry.dir);
		tree_link(tree, path, entry.parent);
	}
	snprintf(path, sizeof(path), LAYOUT_SYS_CLASS_IOMMU "/%s", entry.name);
	tree_link(tree, path, entry.dir);
	add_registers(tree, &entry, rank_of(machine, index));
}

void shadow_add_iommus(struct tree *tree, const struct machine *machine)
{
	for (size_t i = 0; machine_iommu(machine, i); i++)
		add_iommu(tree, machine, i);
}

void shadow_link_iommu(struct tree *tree, const struct machine *machine, size_t index,
		       const char *dir)
{
	const struct iommu *iommu = machine_device_iommu(machine, index);
	struct iommu_entry entry;
	char path[PATH_MAX];
	size_t number = 0;

	while (machine_iommu(machine, number) != iommu)
		number++;
	entry = entry_of(machine, number);
	snprintf(path, sizeof(path), "%s/iommu", dir);
	tree_link(tree, path, entry.dir);
	snprintf(path, sizeof(path), "%s/devices/%s", entry.dir,
		 vfio_device_name(machine_device(machine, index)));
	tree_link(tree, path, dir);
}
