/* SPDX-License-Identifier: MIT */
/*
 * The driver that the programs in docs/reports.md share: an edu device, its DMA engine, and an IO
 * address space. Nothing here makes a mistake; each of the programs makes one.
 */
#ifndef E2E_REPORTS_RIG_H
#define E2E_REPORTS_RIG_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>

enum {
	PAGE = 4096,
	MEMORY = 16 * PAGE,
	READ = IOMMU_IOAS_MAP_READABLE,
	WRITE = IOMMU_IOAS_MAP_WRITEABLE,
};

struct rig {
	int iommu, device;
	uint32_t ioas, dev_id;
	uint8_t *memory; /* MEMORY bytes */
};

static inline void must(int result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
}

/* Writes the command register: 2 is memory decoding, 4 bus mastering. */
static inline void set_command(const struct rig *rig, uint16_t command)
{
	struct vfio_region_info config = {.argsz = sizeof(config),
					  .index = VFIO_PCI_CONFIG_REGION_INDEX};

	must(ioctl(rig->device, VFIO_DEVICE_GET_REGION_INFO, &config), "region info");
	must((int)pwrite(rig->device, &command, 2, (off_t)config.offset + 4), "command register");
}

/* Turns the bit for bus mastering on or off. */
static inline void set_bus_master(const struct rig *rig, int on)
{
	set_command(rig, on ? 6 : 2);
}

static inline uint32_t new_ioas(const struct rig *rig)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};

	must(ioctl(rig->iommu, IOMMU_IOAS_ALLOC, &alloc), "IOAS_ALLOC");
	return alloc.out_ioas_id;
}

static inline void destroy(const struct rig *rig, uint32_t id)
{
	struct iommu_destroy destroy = {.size = sizeof(destroy), .id = id};

	must(ioctl(rig->iommu, IOMMU_DESTROY, &destroy), "DESTROY");
}

/* A device that can do DMA, bound and not attached, an IOAS, and memory. */
static inline struct rig open_rig(void)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind)};
	struct rig rig = {.iommu = open("/dev/iommu", O_RDWR)};

	rig.device = open("/dev/vfio/devices/vfio0", O_RDWR);
	bind.iommufd = rig.iommu;
	must(ioctl(rig.device, VFIO_DEVICE_BIND_IOMMUFD, &bind), "BIND");
	rig.dev_id = bind.out_devid;
	set_bus_master(&rig, 1);
	rig.ioas = new_ioas(&rig);
	rig.memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return rig;
}

static inline int attach(const struct rig *rig)
{
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach), .pt_id = rig->ioas};

	return ioctl(rig->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
}

/* Attaches a table of the IOAS for requests with @pasid. */
static inline void attach_pasid(const struct rig *rig, uint32_t pasid)
{
	struct iommu_hwpt_alloc hwpt = {.size = sizeof(hwpt),
					.flags = IOMMU_HWPT_ALLOC_PASID,
					.dev_id = rig->dev_id,
					.pt_id = rig->ioas};
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach), .flags = VFIO_DEVICE_ATTACH_PASID, .pasid = pasid};

	must(ioctl(rig->iommu, IOMMU_HWPT_ALLOC, &hwpt), "HWPT_ALLOC");
	attach.pt_id = hwpt.out_hwpt_id;
	must(ioctl(rig->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach), "ATTACH with a PASID");
}

static inline int detach(const struct rig *rig)
{
	struct vfio_device_detach_iommufd_pt detach = {.argsz = sizeof(detach)};

	return ioctl(rig->device, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach);
}

static inline int map(const struct rig *rig, const void *memory, uint64_t len, uint64_t iova,
		      uint32_t rights)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | rights,
		.ioas_id = rig->ioas,
		.user_va = (uintptr_t)memory,
		.length = len,
		.iova = iova,
	};

	return ioctl(rig->iommu, IOMMU_IOAS_MAP, &map);
}

static inline int unmap(const struct rig *rig, uint64_t iova, uint64_t len)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap), .ioas_id = rig->ioas, .iova = iova, .length = len};

	return ioctl(rig->iommu, IOMMU_IOAS_UNMAP, &unmap);
}

/* Writes a register of the device. */
static inline void set_register(const struct rig *rig, unsigned int at, uint32_t value)
{
	must((int)pwrite(rig->device, &value, sizeof(value), (off_t)at), "register");
}

/* Has the device transfer @len bytes. */
static inline void start_transfer(const struct rig *rig, uint64_t source, uint64_t destination,
				  uint32_t len, uint32_t direction)
{
	set_register(rig, 0x80, (uint32_t)source);
	set_register(rig, 0x88, (uint32_t)destination);
	set_register(rig, 0x90, len);
	set_register(rig, 0x98, 1 | direction);
}

/* The same, and waits for the end. */
static inline void transfer(const struct rig *rig, uint64_t source, uint64_t destination,
			    uint32_t len, uint32_t direction)
{
	uint32_t busy = 1;

	start_transfer(rig, source, destination, len, direction);
	while (busy & 1)
		must((int)pread(rig->device, &busy, sizeof(busy), 0x98), "register");
}

/* The device reads, or writes, @len bytes at @iova. */
static inline void dma_read(const struct rig *rig, uint64_t iova, uint32_t len)
{
	transfer(rig, iova, 0x40000, len, 0);
}

static inline void dma_write(const struct rig *rig, uint64_t iova, uint32_t len)
{
	transfer(rig, 0x40000, iova, len, 2);
}

/* Lets the device send MSI messages, which end in an eventfd. */
static inline void enable_msi(const struct rig *rig)
{
	struct {
		struct vfio_irq_set head;
		int32_t event;
	} set = {
		.head =
			{
				.argsz = sizeof(set),
				.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
				.index = VFIO_PCI_MSI_IRQ_INDEX,
				.count = 1,
			},
		.event = eventfd(0, 0),
	};

	must(ioctl(rig->device, VFIO_DEVICE_SET_IRQS, &set), "SET_IRQS");
}

/* From now on no more than @bytes can be locked, whoever runs the program. */
static inline void limit_locked_memory(rlim_t bytes)
{
	const struct rlimit limit = {bytes, bytes};

	must(setrlimit(RLIMIT_MEMLOCK, &limit), "setrlimit");
	if (geteuid() == 0)
		must(setresuid(65534, 65534, 65534), "setresuid");
}

/* ---- nested translation, VT-d ---- */

enum {
	GUEST_IOVA = 0x5000000, /* what stage 1 maps: the guest's page GUEST_PAGE */
	GUEST_MEMORY =
		0x100000, /* what the guest calls its first page; rig->memory is its memory */
	GUEST_PAGE = 8,
};

/* The guest's entry for GUEST_IOVA. Its tables are the first four pages of its memory. */
static inline uint64_t *guest_entry(const struct rig *rig)
{
	return (uint64_t *)(rig->memory + 3 * PAGE) + (GUEST_IOVA >> 12 & 511);
}

/* An entry that leads to a page of the guest, with the rights to read and write. */
static inline uint64_t guest_leaf(unsigned int page)
{
	return (GUEST_MEMORY + page * (uint64_t)PAGE) | 7;
}

/* Attaches the device to a guest's table on top of the IOAS. Returns the nested HWPT. */
static inline uint32_t attach_guest(const struct rig *rig)
{
	struct iommu_hwpt_vtd_s1 stage1 = {.pgtbl_addr = GUEST_MEMORY, .addr_width = 48};
	struct iommu_hwpt_alloc hwpt = {.size = sizeof(hwpt),
					.flags = IOMMU_HWPT_ALLOC_NEST_PARENT,
					.dev_id = rig->dev_id,
					.pt_id = rig->ioas};
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach)};

	must(map(rig, rig->memory, MEMORY, GUEST_MEMORY, READ | WRITE), "MAP");
	must(ioctl(rig->iommu, IOMMU_HWPT_ALLOC, &hwpt), "nesting parent");
	for (unsigned int level = 0; level < 3; level++)
		((uint64_t *)(rig->memory + level * PAGE))[GUEST_IOVA >> (39 - 9 * level) & 511] =
			guest_leaf(level + 1);
	*guest_entry(rig) = guest_leaf(GUEST_PAGE);
	hwpt.flags = 0;
	hwpt.pt_id = hwpt.out_hwpt_id;
	hwpt.data_type = IOMMU_HWPT_DATA_VTD_S1;
	hwpt.data_len = sizeof(stage1);
	hwpt.data_uptr = (uintptr_t)&stage1;
	must(ioctl(rig->iommu, IOMMU_HWPT_ALLOC, &hwpt), "nested HWPT");
	attach.pt_id = hwpt.out_hwpt_id;
	must(ioctl(rig->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach), "ATTACH");
	return hwpt.out_hwpt_id;
}

/* ---- the older interface ---- */

/* Adds the group of the device @bdf to the container. Returns the group. */
static inline int add_group(int container, const char *bdf)
{
	char name[64], link[256], path[300];
	ssize_t len;
	int group;

	snprintf(name, sizeof(name), "/sys/bus/pci/devices/%s/iommu_group", bdf);
	len = readlink(name, link, sizeof(link) - 1);
	must((int)len, "iommu_group");
	link[len] = '\0';
	snprintf(path, sizeof(path), "/dev/vfio/%s", strrchr(link, '/') + 1);
	group = open(path, O_RDWR);
	must(ioctl(group, VFIO_GROUP_SET_CONTAINER, &container), "SET_CONTAINER");
	return group;
}

/* A container with the first device's group and the type1 driver of this version. */
static inline int open_container(unsigned long type)
{
	int container = open("/dev/vfio/vfio", O_RDWR);

	(void)add_group(container, "0000:01:00.0");
	must(ioctl(container, VFIO_SET_IOMMU, type), "SET_IOMMU");
	return container;
}

static inline int map_dma(int container, const void *memory, uint64_t len, uint64_t iova)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)memory,
		.iova = iova,
		.size = len,
	};

	return ioctl(container, VFIO_IOMMU_MAP_DMA, &map);
}

static inline int unmap_dma(int container, uint64_t len, uint64_t iova)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = iova, .size = len};

	return ioctl(container, VFIO_IOMMU_UNMAP_DMA, &unmap);
}

#endif
