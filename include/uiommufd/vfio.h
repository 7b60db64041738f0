/* SPDX-License-Identifier: MIT */
/*
 * The user API of VFIO: names, numbers and layouts of Linux 7.3's <linux/vfio.h>.
 *
 * 	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind), .iommufd = iommufd };
 * 	struct vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach), .pt_id = ioas_id };
 * 	struct vfio_region_info bar = { .argsz = sizeof(bar), .index = VFIO_PCI_BAR0_REGION_INDEX };
 * 	int device = open("/dev/vfio/devices/vfio0", O_RDWR);
 *
 * 	if (ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind) ||
 * 	    ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach) ||
 * 	    ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &bar))
 * 		err(1, "vfio0");
 * 	regs = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, device, bar.offset);
 *
 * Rules of every command (VFIO):
 *
 * - The argument points to a structure whose first member, argsz, is the caller's size of it, with
 *   the arrays behind it. Below the mandatory part: EINVAL.
 * - EFAULT: the argument is not accessible. EINVAL: a value, flag or index is wrong. ENOTTY:
 *   unknown command, feature or interrupt action. The comments below state only what is particular
 *   to a command.
 * - One number may stand for different commands on different descriptors. The commands of a
 *   container also work on /dev/iommu [COMPAT].
 * - Information commands can append capabilities. If their flag says so, cap_offset and the next
 *   member of each struct vfio_info_cap_header are offsets from the start of the structure, 0 at
 *   the end. If argsz was too small for them, cap_offset is 0 and argsz becomes the size needed.
 * - A name in brackets, [PCI-REGION], is a section of docs/abi: the order of the checks, and what
 *   is written back when.
 *
 * Together with <linux/vfio.h>: if this header comes first, that one becomes empty. If that one
 * comes first, this one adds what it lacks (since Linux 5.10) and leaves the rest as it is: a
 * structure that Linux has lengthened since keeps the length of that header, and constants that an
 * older enum lacks are macros.
 */
#ifndef UIOMMUFD_VFIO_H
#define UIOMMUFD_VFIO_H

/* The ABI has arrays without a size at the end of structures: C++ compilers have them, ISO not. */
#ifdef __cplusplus
#pragma GCC system_header
#endif

#include <linux/ioctl.h>
#include <linux/types.h>

/* The guard of <linux/vfio.h>, as installed and as in the kernel's tree. */
#if defined(VFIO_H) || defined(_UAPIVFIO_H)
/* That header is complete if it has the newest feature. */
#ifndef VFIO_DEVICE_FEATURE_ZPCI_ERROR
#define UIOMMUFD_AFTER_OLDER
#endif
#endif
#ifndef VFIO_H
#define VFIO_H
#endif
#ifndef _UAPIVFIO_H
#define _UAPIVFIO_H
#endif

#ifndef VFIO_API_VERSION
#define VFIO_API_VERSION 0

/* Extensions, for VFIO_CHECK_EXTENSION. The kinds of IOMMU are also for VFIO_SET_IOMMU. */
#define VFIO_TYPE1_IOMMU     1
#define VFIO_SPAPR_TCE_IOMMU 2
#define VFIO_TYPE1v2_IOMMU   3 /* type 1, but unmaps only whole mappings */
#define VFIO_DMA_CC_IOMMU    4 /* DMA is cache coherent, even if the device asks for no-snoop */
#define VFIO_EEH	     5 /* POWER error handling */

#define VFIO_SPAPR_TCE_v2_IOMMU 7
#define VFIO_NOIOMMU_IOMMU	8 /* no IOMMU: no protection, no translation */

/* The numbers of commands are VFIO_BASE + n. */
#define VFIO_TYPE (';')
#define VFIO_BASE 100

/*
 * Precedes each capability of an information structure.
 *
 * @id: which capability; each information command has numbers of its own
 * @version: version of this capability
 * @next: offset of the next capability in the structure; 0: none
 */
struct vfio_info_cap_header {
	__u16 id;
	__u16 version;
	__u32 next;
};
#endif

#ifndef VFIO_UNMAP_ALL
#define VFIO_UNMAP_ALL 9 /* VFIO_DMA_UNMAP_FLAG_ALL */
#endif
#ifndef VFIO_UPDATE_VADDR
#define VFIO_UPDATE_VADDR 10 /* VFIO_DMA_UNMAP_FLAG_VADDR; not with mediated devices */
#endif
#ifndef __VFIO_RESERVED_TYPE1_NESTING_IOMMU
#define __VFIO_RESERVED_TYPE1_NESTING_IOMMU 6 /* no longer used */
#endif

/* ---- container: /dev/vfio/vfio ---- */

#ifndef VFIO_GET_API_VERSION
/* VFIO_GET_API_VERSION: takes no argument, returns VFIO_API_VERSION. [TYPE1-CONTAINER] */
#define VFIO_GET_API_VERSION _IO(VFIO_TYPE, VFIO_BASE + 0)
#endif

#ifndef VFIO_CHECK_EXTENSION
/*
 * VFIO_CHECK_EXTENSION: takes an extension by value; returns 0 (no) or a positive number.
 * [TYPE1-EXTENSIONS]
 */
#define VFIO_CHECK_EXTENSION _IO(VFIO_TYPE, VFIO_BASE + 1)
#endif

#ifndef VFIO_SET_IOMMU
/*
 * VFIO_SET_IOMMU: takes VFIO_TYPE1_IOMMU or VFIO_TYPE1v2_IOMMU by value. [TYPE1-SET-IOMMU]
 *
 * ENODEV: the container has no group.
 */
#define VFIO_SET_IOMMU _IO(VFIO_TYPE, VFIO_BASE + 2)
#endif

/* ---- group: /dev/vfio/NUMBER ---- */

#ifndef VFIO_GROUP_GET_STATUS
/*
 * VFIO_GROUP_GET_STATUS: describes a group. [VFIO-GROUP]
 *
 * @flags: VFIO_GROUP_FLAGS_*
 */
struct vfio_group_status {
	__u32 argsz;
	__u32 flags;
#define VFIO_GROUP_FLAGS_VIABLE	       (1 << 0) /* no other driver does DMA with its devices */
#define VFIO_GROUP_FLAGS_CONTAINER_SET (1 << 1) /* it has a container */
};
#define VFIO_GROUP_GET_STATUS _IO(VFIO_TYPE, VFIO_BASE + 3)
#endif

#ifndef VFIO_GROUP_SET_CONTAINER
/*
 * VFIO_GROUP_SET_CONTAINER: puts a group into a container. Takes the address of a __s32, the
 * descriptor of a container or of /dev/iommu, which gets an IOAS for it. [VFIO-GROUP]
 *
 * EINVAL: the group has a container. EBADFD: the descriptor is neither.
 */
#define VFIO_GROUP_SET_CONTAINER _IO(VFIO_TYPE, VFIO_BASE + 4)
#endif

#ifndef VFIO_GROUP_UNSET_CONTAINER
/*
 * VFIO_GROUP_UNSET_CONTAINER: takes a group out of its container. No argument. [VFIO-GROUP]
 *
 * EINVAL: the group has no container.
 */
#define VFIO_GROUP_UNSET_CONTAINER _IO(VFIO_TYPE, VFIO_BASE + 5)
#endif

#ifndef VFIO_GROUP_GET_DEVICE_FD
/*
 * VFIO_GROUP_GET_DEVICE_FD: opens a device of the group and attaches it to the container's address
 * space. Takes the address of its name, "0000:01:00.0"; returns a descriptor. [VFIO-GROUP]
 *
 * ENODEV: the group has no device of this name. EINVAL: the group has no container.
 */
#define VFIO_GROUP_GET_DEVICE_FD _IO(VFIO_TYPE, VFIO_BASE + 6)
#endif

/* ---- device: information ---- */

#ifndef VFIO_DEVICE_GET_INFO
/*
 * VFIO_DEVICE_GET_INFO: describes a device. [PCI-INFO]
 *
 * @flags: VFIO_DEVICE_FLAGS_*
 * @num_regions, @num_irqs: the highest index plus 1
 * @cap_offset: with FLAGS_CAPS: the first capability. Callers of old headers pass argsz 16, without
 *	this member
 */
struct vfio_device_info {
	__u32 argsz;
	__u32 flags;
#define VFIO_DEVICE_FLAGS_RESET	   (1 << 0) /* VFIO_DEVICE_RESET works */
#define VFIO_DEVICE_FLAGS_PCI	   (1 << 1) /* the kind of device: */
#define VFIO_DEVICE_FLAGS_PLATFORM (1 << 2)
#define VFIO_DEVICE_FLAGS_AMBA	   (1 << 3)
#define VFIO_DEVICE_FLAGS_CCW	   (1 << 4)
#define VFIO_DEVICE_FLAGS_AP	   (1 << 5)
#define VFIO_DEVICE_FLAGS_FSL_MC   (1 << 6)
#define VFIO_DEVICE_FLAGS_CAPS	   (1 << 7) /* there are capabilities */
	__u32 num_regions;
	__u32 num_irqs;
	__u32 cap_offset;
	__u32 pad;
};
#define VFIO_DEVICE_GET_INFO _IO(VFIO_TYPE, VFIO_BASE + 7)

/* Names of the kinds of device in the sysfs directory of a mediated device's parent. */
#define VFIO_DEVICE_API_PCI_STRING	"vfio-pci"
#define VFIO_DEVICE_API_PLATFORM_STRING "vfio-platform"
#define VFIO_DEVICE_API_AMBA_STRING	"vfio-amba"
#define VFIO_DEVICE_API_CCW_STRING	"vfio-ccw"
#define VFIO_DEVICE_API_AP_STRING	"vfio-ap"

/* Capabilities of a zPCI device (s390); <linux/vfio_zdev.h> has their layout. */
#define VFIO_DEVICE_INFO_CAP_ZPCI_BASE	1
#define VFIO_DEVICE_INFO_CAP_ZPCI_GROUP 2
#define VFIO_DEVICE_INFO_CAP_ZPCI_UTIL	3
#define VFIO_DEVICE_INFO_CAP_ZPCI_PFIP	4
#endif

#ifndef VFIO_DEVICE_FLAGS_CDX
#define VFIO_DEVICE_FLAGS_CDX (1 << 8)
#endif

#ifndef VFIO_DEVICE_INFO_CAP_PCI_ATOMIC_COMP
/*
 * Capability: which atomic operations the root port completes.
 *
 * @flags: VFIO_PCI_ATOMIC_COMP*, by width in bits
 */
#define VFIO_DEVICE_INFO_CAP_PCI_ATOMIC_COMP 5
struct vfio_device_info_cap_pci_atomic_comp {
	struct vfio_info_cap_header header;
	__u32 flags;
#define VFIO_PCI_ATOMIC_COMP32	(1 << 0)
#define VFIO_PCI_ATOMIC_COMP64	(1 << 1)
#define VFIO_PCI_ATOMIC_COMP128 (1 << 2)
	__u32 reserved;
};
#endif

/* ---- device: regions ---- */

#ifndef VFIO_DEVICE_GET_REGION_INFO
/*
 * VFIO_DEVICE_GET_REGION_INFO: describes a region: a part of the device that its descriptor reads,
 * writes or maps at @offset. [PCI-REGION]
 *
 * @flags: VFIO_REGION_INFO_FLAG_*
 * @index: in: which region; for PCI, VFIO_PCI_*_REGION_INDEX
 * @cap_offset: with FLAG_CAPS: the first capability
 * @size: bytes; 0: the device does not have this region
 * @offset: offset for pread, pwrite and mmap of the device's descriptor
 */
struct vfio_region_info {
	__u32 argsz;
	__u32 flags;
#define VFIO_REGION_INFO_FLAG_READ  (1 << 0)
#define VFIO_REGION_INFO_FLAG_WRITE (1 << 1)
#define VFIO_REGION_INFO_FLAG_MMAP  (1 << 2)
#define VFIO_REGION_INFO_FLAG_CAPS  (1 << 3) /* there are capabilities */
	__u32 index;
	__u32 cap_offset;
	__aligned_u64 size;
	__aligned_u64 offset;
};
#define VFIO_DEVICE_GET_REGION_INFO _IO(VFIO_TYPE, VFIO_BASE + 8)
#endif

#ifndef VFIO_REGION_INFO_CAP_SPARSE_MMAP
/*
 * Capability: only parts of the region can be mapped.
 *
 * @nr_areas: how many parts
 * @areas: each with offset and size in bytes
 */
#define VFIO_REGION_INFO_CAP_SPARSE_MMAP 1
struct vfio_region_sparse_mmap_area {
	__aligned_u64 offset;
	__aligned_u64 size;
};

struct vfio_region_info_cap_sparse_mmap {
	struct vfio_info_cap_header header;
	__u32 nr_areas;
	__u32 reserved;
	struct vfio_region_sparse_mmap_area areas[];
};
#endif

#ifndef VFIO_REGION_INFO_CAP_TYPE
/*
 * Capability: the meaning of a region without a fixed index.
 *
 * @type: VFIO_REGION_TYPE_*, or PCI_VENDOR_TYPE with a vendor ID, for types of that vendor
 * @subtype: VFIO_REGION_SUBTYPE_* of this type
 */
#define VFIO_REGION_INFO_CAP_TYPE 2
struct vfio_region_info_cap_type {
	struct vfio_info_cap_header header;
	__u32 type;
	__u32 subtype;
};

#define VFIO_REGION_TYPE_PCI_VENDOR_TYPE (1 << 31)
#define VFIO_REGION_TYPE_PCI_VENDOR_MASK 0xffff
#define VFIO_REGION_TYPE_GFX		 1
#define VFIO_REGION_TYPE_CCW		 2

/* Vendor 8086 */
#define VFIO_REGION_SUBTYPE_INTEL_IGD_OPREGION 1
#define VFIO_REGION_SUBTYPE_INTEL_IGD_HOST_CFG 2
#define VFIO_REGION_SUBTYPE_INTEL_IGD_LPC_CFG  3

/* Vendors 10de and 1014; no longer provided */
#define VFIO_REGION_SUBTYPE_NVIDIA_NVLINK2_RAM 1
#define VFIO_REGION_SUBTYPE_IBM_NVLINK2_ATSD   1

/* VFIO_REGION_TYPE_CCW */
#define VFIO_REGION_SUBTYPE_CCW_ASYNC_CMD 1
#define VFIO_REGION_SUBTYPE_CCW_SCHIB	  2
#define VFIO_REGION_SUBTYPE_CCW_CRW	  3
#endif

#ifndef VFIO_REGION_SUBTYPE_GFX_EDID
/*
 * The start of a region of type VFIO_REGION_TYPE_GFX, VFIO_REGION_SUBTYPE_GFX_EDID. Through it the
 * VM's monitor describes the display that is connected.
 *
 * @edid_offset: offset of the EDID in the region; read only
 * @edid_max_size: bytes that the EDID may have; read only
 * @edid_size: bytes that the EDID has
 * @max_xres, @max_yres: pixels; 0: no limit; read only
 * @link_state: VFIO_DEVICE_GFX_LINK_STATE_*
 */
#define VFIO_REGION_SUBTYPE_GFX_EDID 1
struct vfio_region_gfx_edid {
	__u32 edid_offset;
	__u32 edid_max_size;
	__u32 edid_size;
	__u32 max_xres;
	__u32 max_yres;
	__u32 link_state;
#define VFIO_DEVICE_GFX_LINK_STATE_UP	1
#define VFIO_DEVICE_GFX_LINK_STATE_DOWN 2
};
#endif

#ifndef VFIO_REGION_INFO_CAP_MSIX_MAPPABLE
/* Capability, only a header: the region may be mapped although it holds the MSI-X table. */
#define VFIO_REGION_INFO_CAP_MSIX_MAPPABLE 3
#endif

#ifndef VFIO_REGION_INFO_CAP_NVLINK2_SSATGT
/* Capability: address of NVLink2 memory on its link; no longer provided. */
#define VFIO_REGION_INFO_CAP_NVLINK2_SSATGT 4
struct vfio_region_info_cap_nvlink2_ssatgt {
	struct vfio_info_cap_header header;
	__aligned_u64 tgt;
};
#endif

#ifndef VFIO_REGION_INFO_CAP_NVLINK2_LNKSPD
/* Capability: speed of an NVLink2; no longer provided. */
#define VFIO_REGION_INFO_CAP_NVLINK2_LNKSPD 5
struct vfio_region_info_cap_nvlink2_lnkspd {
	struct vfio_info_cap_header header;
	__u32 link_speed;
	__u32 __pad;
};
#endif

/* ---- device: interrupts ---- */

#ifndef VFIO_DEVICE_GET_IRQ_INFO
/*
 * VFIO_DEVICE_GET_IRQ_INFO: describes one kind of interrupt. [PCI-IRQ]
 *
 * @flags: VFIO_IRQ_INFO_*
 * @index: in: which kind; for PCI, VFIO_PCI_*_IRQ_INDEX
 * @count: vectors of this kind; 0: the device has none
 */
struct vfio_irq_info {
	__u32 argsz;
	__u32 flags;
#define VFIO_IRQ_INFO_EVENTFD	 (1 << 0) /* delivered through eventfds */
#define VFIO_IRQ_INFO_MASKABLE	 (1 << 1) /* can be masked and unmasked */
#define VFIO_IRQ_INFO_AUTOMASKED (1 << 2) /* masked by each delivery */
#define VFIO_IRQ_INFO_NORESIZE	 (1 << 3) /* all vectors must be disabled to enable more */
	__u32 index;
	__u32 count;
};
#define VFIO_DEVICE_GET_IRQ_INFO _IO(VFIO_TYPE, VFIO_BASE + 9)
#endif

#ifndef VFIO_DEVICE_SET_IRQS
/*
 * VFIO_DEVICE_SET_IRQS: masks, unmasks or triggers interrupts, or connects them to eventfds.
 * [PCI-IRQ]
 *
 * @flags: one VFIO_IRQ_SET_DATA_* and one VFIO_IRQ_SET_ACTION_*
 * @index: as in struct vfio_irq_info
 * @start, @count: the vectors. DATA_NONE, ACTION_TRIGGER and count 0 disable all
 * @data: one element per vector. NONE: empty. BOOL: a __u8, whether to act. EVENTFD: a __s32, an
 *	eventfd that is signalled by the interrupt (TRIGGER) or unmasks it (UNMASK); -1: none
 *
 * EINVAL: the device has fewer vectors, or @data does not fit in argsz. ENOTTY: this kind of
 * interrupt does not support the action.
 */
struct vfio_irq_set {
	__u32 argsz;
	__u32 flags;
#define VFIO_IRQ_SET_DATA_NONE	    (1 << 0)
#define VFIO_IRQ_SET_DATA_BOOL	    (1 << 1)
#define VFIO_IRQ_SET_DATA_EVENTFD   (1 << 2)
#define VFIO_IRQ_SET_ACTION_MASK    (1 << 3)
#define VFIO_IRQ_SET_ACTION_UNMASK  (1 << 4)
#define VFIO_IRQ_SET_ACTION_TRIGGER (1 << 5)
	__u32 index;
	__u32 start;
	__u32 count;
	__u8 data[];
};
#define VFIO_DEVICE_SET_IRQS _IO(VFIO_TYPE, VFIO_BASE + 10)

#define VFIO_IRQ_SET_DATA_TYPE_MASK \
	(VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_DATA_EVENTFD)
#define VFIO_IRQ_SET_ACTION_TYPE_MASK \
	(VFIO_IRQ_SET_ACTION_MASK | VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_ACTION_TRIGGER)
#endif

/* ---- device: reset ---- */

#ifndef VFIO_DEVICE_RESET
/*
 * VFIO_DEVICE_RESET: resets the device. No argument. Mappings of regions stay valid. [PCI-RESET]
 *
 * EINVAL: the device cannot be reset.
 */
#define VFIO_DEVICE_RESET _IO(VFIO_TYPE, VFIO_BASE + 11)

/* Regions and kinds of interrupt of PCI devices. A device can have more. */
enum {
	VFIO_PCI_BAR0_REGION_INDEX = 0,
	VFIO_PCI_BAR1_REGION_INDEX = 1,
	VFIO_PCI_BAR2_REGION_INDEX = 2,
	VFIO_PCI_BAR3_REGION_INDEX = 3,
	VFIO_PCI_BAR4_REGION_INDEX = 4,
	VFIO_PCI_BAR5_REGION_INDEX = 5,
	VFIO_PCI_ROM_REGION_INDEX = 6,
	VFIO_PCI_CONFIG_REGION_INDEX = 7,
	VFIO_PCI_VGA_REGION_INDEX = 8, /* of display devices: legacy memory and ports */
	VFIO_PCI_NUM_REGIONS = 9,
};

enum {
	VFIO_PCI_INTX_IRQ_INDEX = 0,
	VFIO_PCI_MSI_IRQ_INDEX = 1,
	VFIO_PCI_MSIX_IRQ_INDEX = 2,
	VFIO_PCI_ERR_IRQ_INDEX = 3, /* an uncorrectable error happened */
	VFIO_PCI_REQ_IRQ_INDEX = 4, /* the host wants the device back */
	VFIO_PCI_NUM_IRQS = 5,
};

/* Regions and kinds of interrupt of channel devices (s390). */
enum {
	VFIO_CCW_CONFIG_REGION_INDEX = 0,
	VFIO_CCW_NUM_REGIONS = 1,
};

enum {
	VFIO_CCW_IO_IRQ_INDEX = 0,
	VFIO_CCW_CRW_IRQ_INDEX = 1,
	VFIO_CCW_REQ_IRQ_INDEX = 2,
	VFIO_CCW_NUM_IRQS = 3,
};

/* Kinds of interrupt of cryptographic adapters (s390). */
enum {
	VFIO_AP_REQ_IRQ_INDEX = 0,
	VFIO_AP_CFG_CHG_IRQ_INDEX = 1,
	VFIO_AP_NUM_IRQS = 2,
};
#endif

#ifndef VFIO_DEVICE_GET_PCI_HOT_RESET_INFO
/* A device that a reset of the slot or bus affects. */
struct vfio_pci_dependent_device {
	__extension__ union {
		__u32 group_id; /* without FLAG_DEV_ID: its group */
		__u32 devid;	/* with FLAG_DEV_ID: its ID in this iommufd, or VFIO_PCI_DEVID_* */
	};
	__u16 segment;
	__u8 bus;
	__u8 devfn;
};

/*
 * VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: lists the devices that VFIO_DEVICE_PCI_HOT_RESET affects.
 * [PCI-RESET]
 *
 * @flags: VFIO_PCI_HOT_RESET_FLAG_*
 * @count: out: how many devices there are
 * @devices: the devices
 *
 * ENOSPC: they do not fit in argsz; @count is set all the same. ENODEV: slot and bus cannot be
 * reset.
 */
struct vfio_pci_hot_reset_info {
	__u32 argsz;
	__u32 flags;
	__u32 count;
	struct vfio_pci_dependent_device devices[];
};
#define VFIO_DEVICE_GET_PCI_HOT_RESET_INFO _IO(VFIO_TYPE, VFIO_BASE + 12)
#endif

#ifndef VFIO_PCI_HOT_RESET_FLAG_DEV_ID
#define VFIO_PCI_HOT_RESET_FLAG_DEV_ID (1 << 0) /* entries have devid */
#endif
#ifndef VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED
#define VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED (1 << 1) /* all devices belong to the caller */
#endif
#ifndef VFIO_PCI_DEVID_OWNED
#define VFIO_PCI_DEVID_OWNED 0 /* belongs to the caller, but is not bound */
#endif
#ifndef VFIO_PCI_DEVID_NOT_OWNED
#define VFIO_PCI_DEVID_NOT_OWNED (-1)
#endif

#ifndef VFIO_DEVICE_PCI_HOT_RESET
/*
 * VFIO_DEVICE_PCI_HOT_RESET: resets the slot or bus. All devices that it affects must belong to the
 * caller. [PCI-RESET]
 *
 * @flags: 0
 * @count, @group_fds: descriptors of the groups, which prove that. 0 of them if the device was
 *	opened by its own node: then its iommufd proves it
 *
 * EINVAL: a device does not belong to the caller.
 */
struct vfio_pci_hot_reset {
	__u32 argsz;
	__u32 flags;
	__u32 count;
	__s32 group_fds[];
};
#define VFIO_DEVICE_PCI_HOT_RESET _IO(VFIO_TYPE, VFIO_BASE + 13)
#endif

/* ---- device: display, doorbells ---- */

#ifndef VFIO_DEVICE_QUERY_GFX_PLANE
/*
 * VFIO_DEVICE_QUERY_GFX_PLANE: tells where the guest's picture is.
 *
 * @flags: in: TYPE_DMABUF or TYPE_REGION; with TYPE_PROBE: only ask whether that is supported
 * @drm_plane_type: in: which plane
 * @drm_format, @drm_format_mod: format of the pixels, as DRM names it
 * @width, @height: pixels
 * @stride, @size: bytes of a line, and of the picture
 * @x_pos, @y_pos: position of a cursor
 * @x_hot, @y_hot: the hot spot of the cursor, if known
 * @region_index: TYPE_REGION: the region; 0: no picture
 * @dmabuf_id: TYPE_DMABUF: for VFIO_DEVICE_GET_GFX_DMABUF; 0: no picture
 */
struct vfio_device_gfx_plane_info {
	__u32 argsz;
	__u32 flags;
#define VFIO_GFX_PLANE_TYPE_PROBE  (1 << 0)
#define VFIO_GFX_PLANE_TYPE_DMABUF (1 << 1)
#define VFIO_GFX_PLANE_TYPE_REGION (1 << 2)
	__u32 drm_plane_type;
	__u32 drm_format;
	__aligned_u64 drm_format_mod;
	__u32 width;
	__u32 height;
	__u32 stride;
	__u32 size;
	__u32 x_pos;
	__u32 y_pos;
	__u32 x_hot;
	__u32 y_hot;
	__extension__ union {
		__u32 region_index;
		__u32 dmabuf_id;
	};
	__u32 reserved;
};
#define VFIO_DEVICE_QUERY_GFX_PLANE _IO(VFIO_TYPE, VFIO_BASE + 14)
#endif

#ifndef VFIO_DEVICE_GET_GFX_DMABUF
/*
 * VFIO_DEVICE_GET_GFX_DMABUF: takes the address of a dmabuf_id; returns a descriptor of that
 * dma-buf.
 */
#define VFIO_DEVICE_GET_GFX_DMABUF _IO(VFIO_TYPE, VFIO_BASE + 15)
#endif

#ifndef VFIO_DEVICE_IOEVENTFD
/*
 * VFIO_DEVICE_IOEVENTFD: has each signal of an eventfd write a value to a BAR. [PCI-RESET]
 *
 * @flags: the width: one of VFIO_DEVICE_IOEVENTFD_8 .. 64
 * @offset: where, as for pwrite to the device
 * @data: the value
 * @fd: an eventfd; -1: remove the one that was set
 *
 * EEXIST: this place and value have an eventfd. ENODEV: there is none to remove. ENOSPC: the device
 * has too many.
 */
struct vfio_device_ioeventfd {
	__u32 argsz;
	__u32 flags;
#define VFIO_DEVICE_IOEVENTFD_8		(1 << 0)
#define VFIO_DEVICE_IOEVENTFD_16	(1 << 1)
#define VFIO_DEVICE_IOEVENTFD_32	(1 << 2)
#define VFIO_DEVICE_IOEVENTFD_64	(1 << 3)
#define VFIO_DEVICE_IOEVENTFD_SIZE_MASK 0xf
	__aligned_u64 offset;
	__aligned_u64 data;
	__s32 fd;
	__u32 reserved;
};
#define VFIO_DEVICE_IOEVENTFD _IO(VFIO_TYPE, VFIO_BASE + 16)
#endif

/* ---- device: binding to an iommufd ---- */

#ifndef VFIO_DEVICE_BIND_IOMMUFD
/*
 * VFIO_DEVICE_BIND_IOMMUFD: binds a device to an iommufd, until its descriptor is closed. It is the
 * first command on /dev/vfio/devices/vfioN: any other fails with EINVAL before. [VFIO-BIND]
 *
 * @flags: VFIO_DEVICE_BIND_FLAG_TOKEN, or 0
 * @iommufd: descriptor of /dev/iommu
 * @out_devid: the device's ID in that iommufd
 * @token_uuid_ptr: with TOKEN: address of the 16 bytes that permit the use of a virtual function
 *
 * EBUSY: the device's group was opened by /dev/vfio/N. EINVAL: the device is bound already. EBADF:
 * @iommufd is not open. EBADFD: it is not an iommufd. EACCES: the token is wrong or missing. EPERM:
 * another iommufd has devices of the group, or the interrupts are not isolated.
 */
struct vfio_device_bind_iommufd {
	__u32 argsz;
	__u32 flags;
	__s32 iommufd;
	__u32 out_devid;
	__aligned_u64 token_uuid_ptr;
};
#define VFIO_DEVICE_BIND_IOMMUFD _IO(VFIO_TYPE, VFIO_BASE + 18)
#endif
#ifndef VFIO_DEVICE_BIND_FLAG_TOKEN
#define VFIO_DEVICE_BIND_FLAG_TOKEN (1 << 0)
#endif

#ifndef VFIO_DEVICE_ATTACH_IOMMUFD_PT
/*
 * VFIO_DEVICE_ATTACH_IOMMUFD_PT: directs a device's DMA to a page table. An attachment that exists
 * is replaced without a gap. [VFIO-ATTACH]
 *
 * @flags: VFIO_DEVICE_ATTACH_PASID: only DMA with @pasid
 * @pt_id: in: an IOAS or a page table (HWPT) of the iommufd; out: the page table in use
 * @pasid: with ATTACH_PASID: the PASID
 *
 * ENOENT: no object has this ID. EINVAL: the page table does not suit the device. EADDRINUSE: the
 * device reserves IOVAs that are mapped or allowed. EOPNOTSUPP: the device has no PASIDs.
 */
struct vfio_device_attach_iommufd_pt {
	__u32 argsz;
	__u32 flags;
	__u32 pt_id;
	__u32 pasid;
};
#define VFIO_DEVICE_ATTACH_IOMMUFD_PT _IO(VFIO_TYPE, VFIO_BASE + 19)
#endif
#ifndef VFIO_DEVICE_ATTACH_PASID
#define VFIO_DEVICE_ATTACH_PASID (1 << 0)
#endif

#ifndef VFIO_DEVICE_DETACH_IOMMUFD_PT
/*
 * VFIO_DEVICE_DETACH_IOMMUFD_PT: blocks a device's DMA. Succeeds if it was not attached.
 * [VFIO-ATTACH]
 *
 * @flags: VFIO_DEVICE_DETACH_PASID: only DMA with @pasid
 * @pasid: with DETACH_PASID: the PASID
 */
struct vfio_device_detach_iommufd_pt {
	__u32 argsz;
	__u32 flags;
	__u32 pasid;
};
#define VFIO_DEVICE_DETACH_IOMMUFD_PT _IO(VFIO_TYPE, VFIO_BASE + 20)
#endif
#ifndef VFIO_DEVICE_DETACH_PASID
#define VFIO_DEVICE_DETACH_PASID (1 << 0)
#endif

/* ---- device: features ---- */

#ifndef VFIO_DEVICE_FEATURE
/*
 * VFIO_DEVICE_FEATURE: reads, sets or probes an optional feature, VFIO_DEVICE_FEATURE_* below.
 * [VFIO-FEATURE]
 *
 * @flags: number of the feature, and GET or SET. With PROBE: only ask whether the device supports
 *	what is given, GET, SET or both
 * @data: structure of the feature, if it has one
 *
 * ENOTTY: the device does not have the feature. EINVAL: the feature cannot be read or set, or @data
 * does not fit in argsz.
 */
struct vfio_device_feature {
	__u32 argsz;
	__u32 flags;
#define VFIO_DEVICE_FEATURE_MASK  0xffff
#define VFIO_DEVICE_FEATURE_GET	  (1 << 16)
#define VFIO_DEVICE_FEATURE_SET	  (1 << 17)
#define VFIO_DEVICE_FEATURE_PROBE (1 << 18)
	__u8 data[];
};
#define VFIO_DEVICE_FEATURE _IO(VFIO_TYPE, VFIO_BASE + 17)
#endif

#ifndef VFIO_DEVICE_FEATURE_PCI_VF_TOKEN
/* SET, 16 bytes: a token without which the virtual functions of this device cannot be opened. */
#define VFIO_DEVICE_FEATURE_PCI_VF_TOKEN 0
#endif

#ifndef VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY
/* SET, no data: the device may sleep until the next access. */
#define VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY 3
#endif

#ifndef VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP
/* SET: the same; eventfd @wakeup_eventfd is signalled when the device wakes by itself. */
#define VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP 4
struct vfio_device_low_power_entry_with_wakeup {
	__s32 wakeup_eventfd;
	__u32 reserved;
};
#endif

#ifndef VFIO_DEVICE_FEATURE_LOW_POWER_EXIT
/* SET, no data: the device stays awake. */
#define VFIO_DEVICE_FEATURE_LOW_POWER_EXIT 5
#endif

#ifndef VFIO_DEVICE_FEATURE_BUS_MASTER
/*
 * SET: permits or forbids the device to do DMA.
 *
 * @op: VFIO_DEVICE_FEATURE_SET_MASTER or CLEAR_MASTER
 */
#define VFIO_DEVICE_FEATURE_BUS_MASTER 10
struct vfio_device_feature_bus_master {
	__u32 op;
#define VFIO_DEVICE_FEATURE_CLEAR_MASTER 0
#define VFIO_DEVICE_FEATURE_SET_MASTER	 1
};
#endif

#ifndef VFIO_DEVICE_FEATURE_DMA_BUF
/* The bytes [@offset, @offset + @length) of a region; both are multiples of the page size. */
struct vfio_region_dma_range {
	__u64 offset;
	__u64 length;
};

/*
 * GET: makes a dma-buf of parts of a region, for instance for other devices, and returns its
 * descriptor.
 *
 * @region_index: a BAR that can be mapped
 * @open_flags: O_CLOEXEC and access mode of the descriptor
 * @flags: 0
 * @nr_ranges: how many parts
 * @dma_ranges: the parts
 */
#define VFIO_DEVICE_FEATURE_DMA_BUF 11
struct vfio_device_feature_dma_buf {
	__u32 region_index;
	__u32 open_flags;
	__u32 flags;
	__u32 nr_ranges;
	struct vfio_region_dma_range dma_ranges[];
};
#endif

#ifndef VFIO_DEVICE_FEATURE_ZPCI_ERROR
/*
 * GET: the report of s390 firmware about an error of the device. It is opaque; the capability
 * VFIO_DEVICE_INFO_CAP_ZPCI_BASE has its length.
 *
 * ENOMSG: no error is pending.
 */
#define VFIO_DEVICE_FEATURE_ZPCI_ERROR 13
struct vfio_device_feature_zpci_err {
	__aligned_u64 data;
};
#endif

/* ---- device: dirty tracking of DMA ---- */

#ifndef VFIO_DEVICE_FEATURE_DMA_LOGGING_START
/*
 * SET: starts recording what the device writes.
 *
 * @page_size: bytes per record wanted, a power of two
 * @num_ranges: how many ranges, 1 .. 256
 * @ranges: address of an array of struct vfio_device_feature_dma_logging_range, which do not
 *	overlap and are multiples of @page_size
 *
 * E2BIG: too many ranges.
 */
#define VFIO_DEVICE_FEATURE_DMA_LOGGING_START 6
struct vfio_device_feature_dma_logging_control {
	__aligned_u64 page_size;
	__u32 num_ranges;
	__u32 __reserved;
	__aligned_u64 ranges;
};

struct vfio_device_feature_dma_logging_range {
	__aligned_u64 iova;
	__aligned_u64 length;
};
#endif

#ifndef VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP
/* SET, no data: stops recording. */
#define VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP 7
#endif

#ifndef VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT
/*
 * GET: reports what was written in [@iova, @iova + @length), which is clean afterwards.
 *
 * @page_size: bytes per bit, a power of two, 4096 or more
 * @bitmap: address of the bitmap, lowest bit first. Bits are set, never cleared
 */
#define VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT 8
struct vfio_device_feature_dma_logging_report {
	__aligned_u64 iova;
	__aligned_u64 length;
	__aligned_u64 page_size;
	__aligned_u64 bitmap;
};
#endif

/* ---- device: migration ---- */

/*
 * The first interface for migration, no longer in use: a region that starts with this structure.
 * The names of its states were given up for those of the second interface.
 */
#ifndef VFIO_DEVICE_STATE_V1_STOP
#ifdef UIOMMUFD_AFTER_OLDER
#undef VFIO_DEVICE_STATE_STOP
#undef VFIO_DEVICE_STATE_RUNNING
#undef VFIO_DEVICE_STATE_SAVING
#undef VFIO_DEVICE_STATE_RESUMING
#undef VFIO_DEVICE_STATE_MASK
#undef VFIO_DEVICE_STATE_VALID
#undef VFIO_DEVICE_STATE_IS_ERROR
#undef VFIO_DEVICE_STATE_SET_ERROR
#else
struct vfio_device_migration_info {
	__u32 device_state;
	__u32 reserved;
	__aligned_u64 pending_bytes;
	__aligned_u64 data_offset;
	__aligned_u64 data_size;
};
#endif
#define VFIO_REGION_TYPE_MIGRATION_DEPRECATED	 3
#define VFIO_REGION_SUBTYPE_MIGRATION_DEPRECATED 1

#define VFIO_DEVICE_STATE_V1_STOP     0
#define VFIO_DEVICE_STATE_V1_RUNNING  (1 << 0)
#define VFIO_DEVICE_STATE_V1_SAVING   (1 << 1)
#define VFIO_DEVICE_STATE_V1_RESUMING (1 << 2)
#define VFIO_DEVICE_STATE_MASK \
	(VFIO_DEVICE_STATE_V1_RUNNING | VFIO_DEVICE_STATE_V1_SAVING | VFIO_DEVICE_STATE_V1_RESUMING)

/* RESUMING excludes the other bits. SAVING with RESUMING stands for an error. */
#define VFIO_DEVICE_STATE_VALID(state)                 \
	(!(VFIO_DEVICE_STATE_V1_RESUMING & (state)) || \
	 (VFIO_DEVICE_STATE_MASK & (state)) == VFIO_DEVICE_STATE_V1_RESUMING)
#define VFIO_DEVICE_STATE_IS_ERROR(state)      \
	((VFIO_DEVICE_STATE_MASK & (state)) == \
	 (VFIO_DEVICE_STATE_V1_SAVING | VFIO_DEVICE_STATE_V1_RESUMING))
#define VFIO_DEVICE_STATE_SET_ERROR(state)                                   \
	((~VFIO_DEVICE_STATE_MASK & (state)) | VFIO_DEVICE_STATE_V1_SAVING | \
	 VFIO_DEVICE_STATE_V1_RESUMING)
#endif

#ifndef VFIO_DEVICE_FEATURE_MIGRATION
/*
 * GET: how the device can be migrated.
 *
 * @flags: VFIO_MIGRATION_STOP_COPY: the states STOP, RUNNING, STOP_COPY and RESUMING; P2P: also
 *	those that end in _P2P; PRE_COPY: also PRE_COPY
 */
#define VFIO_DEVICE_FEATURE_MIGRATION 1
struct vfio_device_feature_migration {
	__aligned_u64 flags;
#define VFIO_MIGRATION_STOP_COPY (1 << 0)
#define VFIO_MIGRATION_P2P	 (1 << 1)
};
#endif
#ifndef VFIO_MIGRATION_PRE_COPY
#define VFIO_MIGRATION_PRE_COPY (1 << 2)
#endif

#ifndef VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE
/*
 * GET, SET: the state of migration. SET goes through the states between the present one and the one
 * wanted. If a step fails, @device_state is the state reached.
 *
 * @device_state: enum vfio_device_mig_state
 * @data_fd: out: descriptor to read (STOP_COPY, PRE_COPY) or write (RESUMING) the device's state;
 *	-1: this state has none
 */
#define VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE 2
struct vfio_device_feature_mig_state {
	__u32 device_state;
	__s32 data_fd;
};

enum vfio_device_mig_state {
	VFIO_DEVICE_STATE_ERROR = 0,	    /* only a reset leads out of it */
	VFIO_DEVICE_STATE_STOP = 1,	    /* stopped: no DMA, no interrupts */
	VFIO_DEVICE_STATE_RUNNING = 2,	    /* running; the state after a reset */
	VFIO_DEVICE_STATE_STOP_COPY = 3,    /* stopped; its state can be read */
	VFIO_DEVICE_STATE_RESUMING = 4,	    /* stopped; its state can be written */
	VFIO_DEVICE_STATE_RUNNING_P2P = 5,  /* running, without DMA to other devices */
	VFIO_DEVICE_STATE_PRE_COPY = 6,	    /* running; a part of its state can be read */
	VFIO_DEVICE_STATE_PRE_COPY_P2P = 7, /* PRE_COPY, without DMA to other devices */
	VFIO_DEVICE_STATE_NR = 8,	    /* how many states there are */
};
#endif

#ifndef VFIO_MIG_GET_PRECOPY_INFO
/*
 * VFIO_MIG_GET_PRECOPY_INFO, on data_fd in state PRE_COPY: estimates how many bytes can be read.
 *
 * @flags: out: with VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2: VFIO_PRECOPY_INFO_REINIT
 * @initial_bytes: bytes left of the part to transfer before the device is stopped
 * @dirty_bytes: bytes left of the rest, which keeps changing
 */
struct vfio_precopy_info {
	__u32 argsz;
	__u32 flags;
	__aligned_u64 initial_bytes;
	__aligned_u64 dirty_bytes;
};
#define VFIO_MIG_GET_PRECOPY_INFO _IO(VFIO_TYPE, VFIO_BASE + 21)
#endif
#ifndef VFIO_PRECOPY_INFO_REINIT
#define VFIO_PRECOPY_INFO_REINIT (1 << 0) /* there are new initial bytes */
#endif

#ifndef VFIO_DEVICE_FEATURE_MIG_DATA_SIZE
/* GET: estimates how many bytes can be read in STOP_COPY. */
#define VFIO_DEVICE_FEATURE_MIG_DATA_SIZE 9
struct vfio_device_feature_mig_data_size {
	__aligned_u64 stop_copy_length;
};
#endif

#ifndef VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2
/* SET, no data: VFIO_MIG_GET_PRECOPY_INFO fills in flags. */
#define VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2 12
#endif

/* ---- type 1 container: mapping memory ---- */

#ifndef VFIO_IOMMU_GET_INFO
/*
 * VFIO_IOMMU_GET_INFO: describes a container. [TYPE1-INFO], [COMPAT-INFO]
 *
 * @flags: VFIO_IOMMU_INFO_*
 * @iova_pgsizes: page sizes; bit n: 2^n bytes
 * @cap_offset: with INFO_CAPS: the first capability
 *
 * ENODEV: there is no address space yet; also from the commands below.
 */
struct vfio_iommu_type1_info {
	__u32 argsz;
	__u32 flags;
#define VFIO_IOMMU_INFO_PGSIZES (1 << 0) /* iova_pgsizes is valid */
#define VFIO_IOMMU_INFO_CAPS	(1 << 1) /* there are capabilities */
	__aligned_u64 iova_pgsizes;
	__u32 cap_offset;
	__u32 pad;
};

/* Capability: the IOVAs that can be mapped; @end is inclusive. */
#define VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE 1
struct vfio_iova_range {
	__u64 start;
	__u64 end;
};

struct vfio_iommu_type1_info_cap_iova_range {
	struct vfio_info_cap_header header;
	__u32 nr_iovas;
	__u32 reserved;
	struct vfio_iova_range iova_ranges[];
};

/*
 * Capability: VFIO_IOMMU_DIRTY_PAGES works.
 *
 * @flags: 0
 * @pgsize_bitmap: the sizes that a bit can stand for; bit n: 2^n bytes
 * @max_dirty_bitmap_size: bytes that a bitmap can have
 */
#define VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION 2
struct vfio_iommu_type1_info_cap_migration {
	struct vfio_info_cap_header header;
	__u32 flags;
	__u64 pgsize_bitmap;
	__u64 max_dirty_bitmap_size;
};

#define VFIO_IOMMU_GET_INFO _IO(VFIO_TYPE, VFIO_BASE + 12)
#endif

#ifndef VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL
/* Capability: how many more mappings can be made, @avail. */
#define VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL 3
struct vfio_iommu_type1_info_dma_avail {
	struct vfio_info_cap_header header;
	__u32 avail;
};
#endif

#ifndef VFIO_IOMMU_MAP_DMA
/*
 * VFIO_IOMMU_MAP_DMA: maps the caller's memory [@vaddr, @vaddr + @size) at @iova and pins it.
 * [TYPE1-MAP], [COMPAT-MAP]
 *
 * @flags: VFIO_DMA_MAP_FLAG_*
 *
 * EEXIST: something is mapped there. EINVAL: part of the range is reserved, or it is misaligned.
 * ENOMEM: above RLIMIT_MEMLOCK, too.
 */
struct vfio_iommu_type1_dma_map {
	__u32 argsz;
	__u32 flags;
#define VFIO_DMA_MAP_FLAG_READ	(1 << 0) /* devices may read */
#define VFIO_DMA_MAP_FLAG_WRITE (1 << 1) /* devices may write */
	__u64 vaddr;
	__u64 iova;
	__u64 size;
};
#define VFIO_IOMMU_MAP_DMA _IO(VFIO_TYPE, VFIO_BASE + 13)
#endif
#ifndef VFIO_DMA_MAP_FLAG_VADDR
#define VFIO_DMA_MAP_FLAG_VADDR (1 << 2) /* only set the new address of a mapping's memory */
#endif

#ifndef VFIO_IOMMU_UNMAP_DMA
/*
 * A bitmap of dirty pages in the caller's memory.
 *
 * @pgsize: bytes that a bit stands for
 * @size: bytes of the bitmap
 * @data: the bitmap
 */
struct vfio_bitmap {
	__u64 pgsize;
	__u64 size;
	__u64 *data;
};

/*
 * VFIO_IOMMU_UNMAP_DMA: removes what is mapped in [@iova, @iova + @size), which may be nothing.
 * [TYPE1-UNMAP], [COMPAT-UNMAP]
 *
 * @flags: VFIO_DMA_UNMAP_FLAG_*
 * @size: out: bytes unmapped
 * @data: with GET_DIRTY_BITMAP: a struct vfio_bitmap
 *
 * EINVAL (of an iommufd: ENOENT): with VFIO_TYPE1v2_IOMMU, a mapping is only partly inside.
 */
struct vfio_iommu_type1_dma_unmap {
	__u32 argsz;
	__u32 flags;
#define VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP (1 << 0) /* report what was written */
	__u64 iova;
	__u64 size;
	__u8 data[];
};
#define VFIO_IOMMU_UNMAP_DMA _IO(VFIO_TYPE, VFIO_BASE + 14)
#endif
#ifndef VFIO_DMA_UNMAP_FLAG_ALL
#define VFIO_DMA_UNMAP_FLAG_ALL (1 << 1) /* remove everything; iova and size are 0 */
#endif
#ifndef VFIO_DMA_UNMAP_FLAG_VADDR
#define VFIO_DMA_UNMAP_FLAG_VADDR (1 << 2) /* only invalidate the address; DMA goes on */
#endif

#ifndef VFIO_IOMMU_ENABLE
/* Commands of POWER's first container, without an argument. */
#define VFIO_IOMMU_ENABLE  _IO(VFIO_TYPE, VFIO_BASE + 15)
#define VFIO_IOMMU_DISABLE _IO(VFIO_TYPE, VFIO_BASE + 16)
#endif

#ifndef VFIO_IOMMU_DIRTY_PAGES
/*
 * VFIO_IOMMU_DIRTY_PAGES: records which memory devices write. [TYPE1-DIRTY]
 *
 * @flags: one of VFIO_IOMMU_DIRTY_PAGES_FLAG_*
 * @data: with GET_BITMAP: a struct vfio_iommu_type1_dirty_bitmap_get
 *
 * ENOTTY: the container is an iommufd, which has IOMMU_HWPT_SET_DIRTY_TRACKING instead.
 */
struct vfio_iommu_type1_dirty_bitmap {
	__u32 argsz;
	__u32 flags;
#define VFIO_IOMMU_DIRTY_PAGES_FLAG_START      (1 << 0)
#define VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP       (1 << 1)
#define VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP (1 << 2)
	__u8 data[];
};

/* Asks what was written in [@iova, @iova + @size). */
struct vfio_iommu_type1_dirty_bitmap_get {
	__u64 iova;
	__u64 size;
	struct vfio_bitmap bitmap;
};
#define VFIO_IOMMU_DIRTY_PAGES _IO(VFIO_TYPE, VFIO_BASE + 17)
#endif

/* ---- POWER's container: not implemented; the names are for programs that mention them ---- */

#ifndef VFIO_IOMMU_SPAPR_TCE_GET_INFO
/*
 * Additional DMA windows.
 *
 * @pgsizes: page sizes; bit n: 2^n bytes
 * @max_dynamic_windows_supported: how many windows there can be
 * @levels: how many levels their tables can have
 */
struct vfio_iommu_spapr_tce_ddw_info {
	__u64 pgsizes;
	__u32 max_dynamic_windows_supported;
	__u32 levels;
};

/*
 * VFIO_IOMMU_SPAPR_TCE_GET_INFO: describes a container.
 *
 * @flags: VFIO_IOMMU_SPAPR_INFO_DDW: @ddw is valid
 * @dma32_window_start, @dma32_window_size: bus address and bytes of the low window
 * @ddw: the additional windows
 */
struct vfio_iommu_spapr_tce_info {
	__u32 argsz;
	__u32 flags;
#define VFIO_IOMMU_SPAPR_INFO_DDW (1 << 0)
	__u32 dma32_window_start;
	__u32 dma32_window_size;
	struct vfio_iommu_spapr_tce_ddw_info ddw;
};
#define VFIO_IOMMU_SPAPR_TCE_GET_INFO _IO(VFIO_TYPE, VFIO_BASE + 12)
#endif

#ifndef VFIO_EEH_PE_OP
/* The error to inject (VFIO_EEH_PE_INJECT_ERR), and its place on the bus. */
struct vfio_eeh_pe_err {
	__u32 type;
	__u32 func;
	__u64 addr;
	__u64 mask;
};

/*
 * VFIO_EEH_PE_OP: error handling of a partitionable endpoint.
 *
 * @op: VFIO_EEH_PE_*; GET_STATE returns a VFIO_EEH_PE_STATE_*
 */
struct vfio_eeh_pe_op {
	__u32 argsz;
	__u32 flags;
	__u32 op;
	__extension__ union {
		struct vfio_eeh_pe_err err;
	};
};
#define VFIO_EEH_PE_DISABLE	      0
#define VFIO_EEH_PE_ENABLE	      1
#define VFIO_EEH_PE_UNFREEZE_IO	      2
#define VFIO_EEH_PE_UNFREEZE_DMA      3
#define VFIO_EEH_PE_GET_STATE	      4
#define VFIO_EEH_PE_STATE_NORMAL      0
#define VFIO_EEH_PE_STATE_RESET	      1
#define VFIO_EEH_PE_STATE_STOPPED     2
#define VFIO_EEH_PE_STATE_STOPPED_DMA 4
#define VFIO_EEH_PE_STATE_UNAVAIL     5
#define VFIO_EEH_PE_RESET_DEACTIVATE  5
#define VFIO_EEH_PE_RESET_HOT	      6
#define VFIO_EEH_PE_RESET_FUNDAMENTAL 7
#define VFIO_EEH_PE_CONFIGURE	      8
#define VFIO_EEH_PE_INJECT_ERR	      9
#define VFIO_EEH_PE_OP		      _IO(VFIO_TYPE, VFIO_BASE + 21)
#endif

#ifndef VFIO_IOMMU_SPAPR_REGISTER_MEMORY
/* Pins memory of the caller, so that it can be mapped, and unpins it. */
struct vfio_iommu_spapr_register_memory {
	__u32 argsz;
	__u32 flags;
	__u64 vaddr;
	__u64 size;
};
#define VFIO_IOMMU_SPAPR_REGISTER_MEMORY   _IO(VFIO_TYPE, VFIO_BASE + 17)
#define VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY _IO(VFIO_TYPE, VFIO_BASE + 18)
#endif

#ifndef VFIO_IOMMU_SPAPR_TCE_CREATE
/*
 * Makes a DMA window.
 *
 * @page_shift: the size of a page is 2^@page_shift bytes
 * @window_size: bytes
 * @levels: levels of its table
 * @start_addr: out: bus address
 */
struct vfio_iommu_spapr_tce_create {
	__u32 argsz;
	__u32 flags;
	__u32 page_shift;
	__u32 __resv1;
	__u64 window_size;
	__u32 levels;
	__u32 __resv2;
	__u64 start_addr;
};
#define VFIO_IOMMU_SPAPR_TCE_CREATE _IO(VFIO_TYPE, VFIO_BASE + 19)
#endif

#ifndef VFIO_IOMMU_SPAPR_TCE_REMOVE
/* Removes the window that starts at @start_addr. */
struct vfio_iommu_spapr_tce_remove {
	__u32 argsz;
	__u32 flags;
	__u64 start_addr;
};
#define VFIO_IOMMU_SPAPR_TCE_REMOVE _IO(VFIO_TYPE, VFIO_BASE + 20)
#endif

#ifdef UIOMMUFD_AFTER_OLDER
/* Constants that the enum of an older header may lack. */
#define VFIO_CCW_REQ_IRQ_INDEX	       2
#define VFIO_AP_REQ_IRQ_INDEX	       0
#define VFIO_AP_CFG_CHG_IRQ_INDEX      1
#define VFIO_AP_NUM_IRQS	       2
#define VFIO_DEVICE_STATE_PRE_COPY     6
#define VFIO_DEVICE_STATE_PRE_COPY_P2P 7
#define VFIO_DEVICE_STATE_NR	       8
#endif
#undef UIOMMUFD_AFTER_OLDER

#endif
