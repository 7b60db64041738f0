/* SPDX-License-Identifier: MIT */
/* The files of a PCI device that is bound to vfio-pci, as in sysfs. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cmd/shadow.h"
#include "preload/start/layout.h"

enum {
	CONFIG_MAX = 4096,
	RESOURCES = 13, /* lines of the file: 6 BARs, the ROM, and those of virtual functions */
	BARS = 6,
};

/* Offsets in config space (PCI 3.0, 6.1). */
enum {
	PCI_VENDOR = 0x00,
	PCI_DEVICE = 0x02,
	PCI_REVISION = 0x08,
	PCI_INTERFACE = 0x09,
	PCI_SUBCLASS = 0x0a,
	PCI_BASE_CLASS = 0x0b,
	PCI_SUBSYSTEM_VENDOR = 0x2c,
	PCI_SUBSYSTEM_DEVICE = 0x2e,
	PCI_INTERRUPT_LINE = 0x3c,
};

/* The device whose files are being written. */
struct pci_files {
	struct tree *tree;
	struct vfio_device *device;
	char dir[128];
	uint8_t config[CONFIG_MAX];
	size_t config_size;
};

static unsigned int word(const struct pci_files *pci, size_t offset)
{
	return pci->config[offset] | (unsigned int)pci->config[offset + 1] << 8;
}

static unsigned int class_code(const struct pci_files *pci)
{
	return (unsigned int)pci->config[PCI_BASE_CLASS] << 16 |
	       (unsigned int)pci->config[PCI_SUBCLASS] << 8 | pci->config[PCI_INTERFACE];
}

static void add_file(const struct pci_files *pci, const char *name, mode_t mode, const char *format,
		     ...) __attribute__((format(printf, 4, 5)));

static void add_file(const struct pci_files *pci, const char *name, mode_t mode, const char *format,
		     ...)
{
	char path[PATH_MAX];
	char text[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	snprintf(path, sizeof(path), "%s/%s", pci->dir, name);
	tree_text(pci->tree, path, mode, "%s", text);
}

static void add_link(const struct pci_files *pci, const char *name, const char *target)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", pci->dir, name);
	tree_link(pci->tree, path, target);
}

static void add_config(const struct pci_files *pci)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/config", pci->dir);
	tree_bytes(pci->tree, path, 0644, pci->config, pci->config_size);
}

static void add_resource(const struct pci_files *pci)
{
	char text[RESOURCES * 64] = "";
	size_t len = 0;

	for (unsigned int i = 0; i < RESOURCES; i++) {
		uint64_t start = 0, end = 0, flags = 0;

		if (i < BARS)
			vfio_device_resource(pci->device, i, &start, &end, &flags);
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"0x%016llx 0x%016llx 0x%016llx\n",
					(unsigned long long)start, (unsigned long long)end,
					(unsigned long long)flags);
	}
	add_file(pci, "resource", 0444, "%s", text);
}

static void add_identity(const struct pci_files *pci)
{
	const unsigned int vendor = word(pci, PCI_VENDOR);
	const unsigned int device = word(pci, PCI_DEVICE);
	const unsigned int subvendor = word(pci, PCI_SUBSYSTEM_VENDOR);
	const unsigned int subdevice = word(pci, PCI_SUBSYSTEM_DEVICE);
	char alias[128];

	snprintf(alias, sizeof(alias), "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X", vendor,
		 device, subvendor, subdevice, pci->config[PCI_BASE_CLASS],
		 pci->config[PCI_SUBCLASS], pci->config[PCI_INTERFACE]);
	add_file(pci, "vendor", 0444, "0x%04x\n", vendor);
	add_file(pci, "device", 0444, "0x%04x\n", device);
	add_file(pci, "subsystem_vendor", 0444, "0x%04x\n", subvendor);
	add_file(pci, "subsystem_device", 0444, "0x%04x\n", subdevice);
	add_file(pci, "class", 0444, "0x%06x\n", class_code(pci));
	add_file(pci, "revision", 0444, "0x%02x\n", pci->config[PCI_REVISION]);
	add_file(pci, "modalias", 0444, "%s\n", alias);
	add_file(pci, "uevent", 0644,
		 "DRIVER=vfio-pci\nPCI_CLASS=%X\nPCI_ID=%04X:%04X\nPCI_SUBSYS_ID=%04X:%04X\n"
		 "PCI_SLOT_NAME=%s\nMODALIAS=%s\n",
		 class_code(pci), vendor, device, subvendor, subdevice,
		 vfio_device_name(pci->device), alias);
}

/* The first line of the real file @path; @otherwise: if there is none. */
static void read_line(const char *path, const char *otherwise, char *text, size_t size)
{
	FILE *in = fopen(path, "re");

	if (!in || !fgets(text, (int)size, in))
		snprintf(text, size, "%s", otherwise);
	if (in)
		fclose(in);
}

static void add_state(const struct pci_files *pci)
{
	char cpus[1024];

	read_line("/sys/devices/system/cpu/online", "0\n", cpus, sizeof(cpus));
	add_file(pci, "local_cpulist", 0444, "%s", cpus);
	add_file(pci, "numa_node", 0644, "-1\n");
	add_file(pci, "irq", 0444, "%u\n", pci->config[PCI_INTERRUPT_LINE]);
	add_file(pci, "enable", 0644, "0\n");
	add_file(pci, "power_state", 0444, "D0\n");
	add_file(pci, "msi_bus", 0644, "1\n");
	add_file(pci, "dma_mask_bits", 0444, "64\n");
	add_file(pci, "consistent_dma_mask_bits", 0444, "64\n");
	add_file(pci, "ari_enabled", 0444, "0\n");
	add_file(pci, "broken_parity_status", 0644, "0\n");
	add_file(pci, "driver_override", 0644, "vfio-pci\n");
}

/* The vfio device on top of the PCI device. */
static void add_vfio(const struct pci_files *pci)
{
	const unsigned int index = vfio_device_index(pci->device);
	char target[256];
	char path[64];

	snprintf(path, sizeof(path), "vfio-dev/vfio%u/dev", index);
	add_file(pci, path, 0444, "%u:%u\n", LAYOUT_CDEV_MAJOR, index);
	snprintf(path, sizeof(path), "vfio-dev/vfio%u/uevent", index);
	add_file(pci, path, 0644, "MAJOR=%u\nMINOR=%u\nDEVNAME=vfio/devices/vfio%u\n",
		 LAYOUT_CDEV_MAJOR, index, index);
	snprintf(path, sizeof(path), "vfio-dev/vfio%u/device", index);
	add_link(pci, path, pci->dir);
	snprintf(path, sizeof(path), "vfio-dev/vfio%u/subsystem", index);
	add_link(pci, path, LAYOUT_SYS_VFIO);

	snprintf(path, sizeof(path), LAYOUT_SYS_VFIO "/vfio%u", index);
	snprintf(target, sizeof(target), "%s/vfio-dev/vfio%u", pci->dir, index);
	tree_link(pci->tree, path, target);
}

static void add_links(const struct pci_files *pci, unsigned int group)
{
	const char *name = vfio_device_name(pci->device);
	char path[PATH_MAX];

	snprintf(path, sizeof(path), LAYOUT_SYS_GROUPS "/%u", group);
	add_link(pci, "iommu_group", path);
	add_link(pci, "driver", LAYOUT_SYS_PCI "/drivers/vfio-pci");
	add_link(pci, "subsystem", LAYOUT_SYS_PCI);

	snprintf(path, sizeof(path), LAYOUT_SYS_GROUPS "/%u/devices/%s", group, name);
	tree_link(pci->tree, path, pci->dir);
	snprintf(path, sizeof(path), LAYOUT_SYS_PCI "/devices/%s", name);
	tree_link(pci->tree, path, pci->dir);
	snprintf(path, sizeof(path), LAYOUT_SYS_PCI "/drivers/vfio-pci/%s", name);
	tree_link(pci->tree, path, pci->dir);
}

void shadow_add_pci(struct tree *tree, const struct machine *machine, size_t index)
{
	struct pci_files pci = {.tree = tree, .device = machine_device(machine, index)};
	const struct pci_bdf bdf = vfio_device_bdf(pci.device);

	snprintf(pci.dir, sizeof(pci.dir), LAYOUT_SYS_PCI_BUSES "%04x:%02x/%s", bdf.domain, bdf.bus,
		 vfio_device_name(pci.device));
	pci.config_size = vfio_device_config_read(pci.device, 0, pci.config, sizeof(pci.config));
	add_identity(&pci);
	add_config(&pci);
	add_resource(&pci);
	add_state(&pci);
	if (machine_iommufd(machine))
		add_vfio(&pci);
	add_links(&pci, machine_device_group(machine, index));
}
