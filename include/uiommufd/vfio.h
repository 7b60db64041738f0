/* SPDX-License-Identifier: MIT */
/*
 * The user API of VFIO: names, numbers and layouts of Linux 7.3's <linux/vfio.h>.
 *
 *	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind), .iommufd = iommufd };
 *	struct vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach), .pt_id = ioas_id };
 *	struct vfio_region_info bar = { .argsz = sizeof(bar), .index = VFIO_PCI_BAR0_REGION_INDEX };
 *	int device = open("/dev/vfio/devices/vfio0", O_RDWR);
 *
 *	if (ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind) ||
 *	    ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach) ||
 *	    ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &bar))
 *		err(1, "vfio0");
 *	regs = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, device, bar.offset);
 *
 * Rules of every command (VFIO):
 *
 * - The argument points to a structure whose first member, argsz, is the size that the caller has
 *   room for. Less than the mandatory part: EINVAL.
 * - EFAULT: the argument is not accessible. EINVAL: a value, flag or index is wrong. ENOTTY: no
 *   such command, feature or interrupt action. The comments below add what is particular to the
 *   command.
 * - The same number can be another command on another descriptor. The commands of a container work
 *   on /dev/iommu, too (spec: iommufd's VFIO compatibility).
 * - Information commands can append capabilities: if their flag says so, cap_offset and the next of
 *   each struct vfio_info_cap_header are offsets from the start of the structure, 0 at the end. If
 *   argsz was too small for them, cap_offset is 0 and argsz becomes what is needed.
 *
 * Beside <linux/vfio.h>: if this header is first, that one becomes empty. If that one was first,
 * this one adds what it lacks (since Linux 5.10) and leaves the rest as it is: a structure that
 * Linux has lengthened since keeps the length of that header. Constants that an older enum lacks
 * are then macros.
 */
#ifndef UIOMMUFD_VFIO_H
#define UIOMMUFD_VFIO_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* The guard of <linux/vfio.h>, as installed and as in the kernel's tree. */
#if defined(VFIO_H) || defined(_UAPIVFIO_H)
/* Its newest feature tells whether it is complete. */
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

/* VFIO_CHECK_EXTENSION: kinds of IOMMU, for VFIO_SET_IOMMU, and what they can do. */
#define VFIO_TYPE1_IOMMU     1
#define VFIO_SPAPR_TCE_IOMMU 2
#define VFIO_TYPE1v2_IOMMU   3 /* type 1 that unmaps only whole mappings */
#define VFIO_DMA_CC_IOMMU    4 /* DMA is cache coherent, whatever the device asks for */
#define VFIO_EEH	     5 /* POWER error handling */

#define VFIO_SPAPR_TCE_v2_IOMMU 7
#define VFIO_NOIOMMU_IOMMU	8 /* no IOMMU: no protection, no translation */

/* Numbers of commands are VFIO_BASE + n. */
#define VFIO_TYPE (';')
#define VFIO_BASE 100

/*
 * Precedes each capability of an information structure.
 *
 * @id: what it is; each information command has its own numbers
 * @version: of this capability
 * @next: offset of the next one in the structure; 0: none
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
/* No argument. Returns VFIO_API_VERSION. */
#define VFIO_GET_API_VERSION _IO(VFIO_TYPE, VFIO_BASE + 0)
#endif

#ifndef VFIO_CHECK_EXTENSION
/* Argument: one of the numbers above, by value. Returns 0 (no) or positive. */
#define VFIO_CHECK_EXTENSION _IO(VFIO_TYPE, VFIO_BASE + 1)
#endif

#ifndef VFIO_SET_IOMMU
/* Argument: VFIO_TYPE1_IOMMU or VFIO_TYPE1v2_IOMMU, by value. ENODEV: no group has been added. */
#define VFIO_SET_IOMMU _IO(VFIO_TYPE, VFIO_BASE + 2)
#endif

/* ---- group: /dev/vfio/NUMBER ---- */

#ifndef VFIO_GROUP_GET_STATUS
/*
 * VFIO_GROUP_GET_STATUS
 *
 * @flags: VFIO_GROUP_FLAGS_*
 */
struct vfio_group_status {
	__u32 argsz;
	__u32 flags;
#define VFIO_GROUP_FLAGS_VIABLE	       (1 << 0) /* no other driver does DMA with its devices */
#define VFIO_GROUP_FLAGS_CONTAINER_SET (1 << 1)
};
#define VFIO_GROUP_GET_STATUS _IO(VFIO_TYPE, VFIO_BASE + 3)
#endif

#ifndef VFIO_GROUP_SET_CONTAINER
/*
 * Argument: address of a __s32, the descriptor of a container or of /dev/iommu, which then has an
 * IOAS for it. EINVAL: the group has one. EBADFD: something else.
 */
#define VFIO_GROUP_SET_CONTAINER _IO(VFIO_TYPE, VFIO_BASE + 4)
#endif

#ifndef VFIO_GROUP_UNSET_CONTAINER
/* No argument. EINVAL: it has none. */
#define VFIO_GROUP_UNSET_CONTAINER _IO(VFIO_TYPE, VFIO_BASE + 5)
#endif

#ifndef VFIO_GROUP_GET_DEVICE_FD
/*
 * Argument: name of a device of the group, e.g. "0000:01:00.0". Returns a descriptor of it,
 * attached to the container's address space. ENODEV: no such device. EINVAL: no container.
 */
#define VFIO_GROUP_GET_DEVICE_FD _IO(VFIO_TYPE, VFIO_BASE + 6)
#endif

/* ---- device: what it is ---- */

#ifndef VFIO_DEVICE_GET_INFO
/*
 * VFIO_DEVICE_GET_INFO
 *
 * @flags: VFIO_DEVICE_FLAGS_*
 * @num_regions, @num_irqs: highest index and 1
 * @cap_offset: the first capability, with FLAGS_CAPS; may be beyond argsz of old callers, who have
 *	room for 16 bytes
 */
struct vfio_device_info {
	__u32 argsz;
	__u32 flags;
#define VFIO_DEVICE_FLAGS_RESET	   (1 << 0) /* VFIO_DEVICE_RESET works */
#define VFIO_DEVICE_FLAGS_PCI	   (1 << 1) /* what kind of device it is: */
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

/* What sysfs of a mediated device's parent calls the kinds of device. */
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
 * Which atomic operations the root port completes.
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
 * VFIO_DEVICE_GET_REGION_INFO: a part of the device to read, write or map at @offset of its
 * descriptor.
 *
 * @flags: VFIO_REGION_INFO_FLAG_*
 * @index: in: which region; for PCI, VFIO_PCI_*_REGION_INDEX
 * @size: bytes; 0: the device has none
 * @offset: in the descriptor
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
/* Only parts of the region can be mapped: @nr_areas of them, offset and size in bytes. */
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
 * What a region without a fixed index is.
 *
 * @type: VFIO_REGION_TYPE_*; PCI_VENDOR_TYPE with a vendor ID: what its vendor says
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
 * VFIO_REGION_TYPE_GFX, VFIO_REGION_SUBTYPE_GFX_EDID: what such a region starts with. Through it
 * the monitor of a VM says what display is connected.
 *
 * @edid_offset: where in the region the EDID goes; read only
 * @edid_max_size, @edid_size: bytes: the most (read only), and how many it has
 * @max_xres, @max_yres: pixels; 0: any; read only
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
/* The region holds the MSI-X table, and may be mapped all the same. A header, nothing more. */
#define VFIO_REGION_INFO_CAP_MSIX_MAPPABLE 3
#endif

#ifndef VFIO_REGION_INFO_CAP_NVLINK2_SSATGT
/* Address of NVLink2 memory on its link; no longer provided. */
#define VFIO_REGION_INFO_CAP_NVLINK2_SSATGT 4
struct vfio_region_info_cap_nvlink2_ssatgt {
	struct vfio_info_cap_header header;
	__aligned_u64 tgt;
};
#endif

#ifndef VFIO_REGION_INFO_CAP_NVLINK2_LNKSPD
/* Speed of an NVLink2; no longer provided. */
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
 * VFIO_DEVICE_GET_IRQ_INFO
 *
 * @flags: VFIO_IRQ_INFO_*
 * @index: in: which kind of interrupt; for PCI, VFIO_PCI_*_IRQ_INDEX
 * @count: vectors of this kind; 0: the device has none
 */
struct vfio_irq_info {
	__u32 argsz;
	__u32 flags;
#define VFIO_IRQ_INFO_EVENTFD	 (1 << 0) /* is delivered through eventfds */
#define VFIO_IRQ_INFO_MASKABLE	 (1 << 1) /* can be masked and unmasked */
#define VFIO_IRQ_INFO_AUTOMASKED (1 << 2) /* is masked by each delivery */
#define VFIO_IRQ_INFO_NORESIZE	 (1 << 3) /* to enable more vectors, disable all first */
	__u32 index;
	__u32 count;
};
#define VFIO_DEVICE_GET_IRQ_INFO _IO(VFIO_TYPE, VFIO_BASE + 9)
#endif

#ifndef VFIO_DEVICE_SET_IRQS
/*
 * VFIO_DEVICE_SET_IRQS: masks, unmasks, triggers, or says where interrupts go.
 *
 * @flags: one VFIO_IRQ_SET_DATA_* and one VFIO_IRQ_SET_ACTION_*
 * @index: as in struct vfio_irq_info
 * @start, @count: vectors. No data, TRIGGER and count 0: disables all
 * @data: an element per vector: nothing; BOOL: a __u8, whether to act; EVENTFD: a __s32
 *	that signals (TRIGGER) or unmasks (UNMASK), -1 for none
 *
 * EINVAL: vectors beyond those of the device, or @data does not fit in argsz. ENOTTY: this kind
 * cannot.
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
/* No argument. Mappings of regions stay valid. EINVAL: the device cannot be reset. */
#define VFIO_DEVICE_RESET _IO(VFIO_TYPE, VFIO_BASE + 11)

/* Regions and kinds of interrupt of PCI devices; more of them can follow. */
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

/* Those of channel devices (s390). */
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

/* Those of cryptographic adapters (s390). */
enum {
	VFIO_AP_REQ_IRQ_INDEX = 0,
	VFIO_AP_CFG_CHG_IRQ_INDEX = 1,
	VFIO_AP_NUM_IRQS = 2,
};
#endif

#ifndef VFIO_DEVICE_GET_PCI_HOT_RESET_INFO
/* A device that a reset of the slot or bus would hit, too. */
struct vfio_pci_dependent_device {
	union {
		__u32 group_id; /* its group, or with FLAG_DEV_ID */
		__u32 devid;	/* its ID in this iommufd, or VFIO_PCI_DEVID_* */
	};
	__u16 segment;
	__u8 bus;
	__u8 devfn;
};

/*
 * VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: whom VFIO_DEVICE_PCI_HOT_RESET would hit.
 *
 * @flags: VFIO_PCI_HOT_RESET_FLAG_*
 * @count: out: entries of @devices
 *
 * ENOSPC: argsz has no room for them; @count is right. ENODEV: no such reset.
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
#define VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED (1 << 1) /* all of them belong to the caller */
#endif
#ifndef VFIO_PCI_DEVID_OWNED
#define VFIO_PCI_DEVID_OWNED 0 /* belongs to the caller, but is not bound */
#endif
#ifndef VFIO_PCI_DEVID_NOT_OWNED
#define VFIO_PCI_DEVID_NOT_OWNED (-1)
#endif

#ifndef VFIO_DEVICE_PCI_HOT_RESET
/*
 * VFIO_DEVICE_PCI_HOT_RESET: resets slot or bus. All devices hit must belong to the caller
 * (EINVAL).
 *
 * @flags: 0
 * @count, @group_fds: proof of that: descriptors of the groups. 0 of them, and an iommufd
 *	proves it, if the device was opened by its own node
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
 * VFIO_DEVICE_QUERY_GFX_PLANE: where the guest's picture is.
 *
 * @flags: in: TYPE_DMABUF or TYPE_REGION; with TYPE_PROBE: only whether that is supported
 * @drm_plane_type: in: which plane
 * @drm_format, @drm_format_mod: of the pixels, as DRM names them
 * @width, @height: pixels
 * @stride, @size: bytes of a line, of the picture
 * @x_pos, @y_pos: of a cursor
 * @x_hot, @y_hot: point of the cursor that points, if known
 * @region_index, @dmabuf_id: where, by type; 0: nothing to show
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
	union {
		__u32 region_index;
		__u32 dmabuf_id;
	};
	__u32 reserved;
};
#define VFIO_DEVICE_QUERY_GFX_PLANE _IO(VFIO_TYPE, VFIO_BASE + 14)
#endif

#ifndef VFIO_DEVICE_GET_GFX_DMABUF
/* Argument: address of a dmabuf_id. Returns a descriptor of that dma-buf. */
#define VFIO_DEVICE_GET_GFX_DMABUF _IO(VFIO_TYPE, VFIO_BASE + 15)
#endif

#ifndef VFIO_DEVICE_IOEVENTFD
/*
 * VFIO_DEVICE_IOEVENTFD: each signal of @fd writes @data to @offset of the device, a place in a
 * BAR.
 *
 * @flags: the width: one of VFIO_DEVICE_IOEVENTFD_8 .. 64
 * @offset: as for pwrite to the device
 * @fd: an eventfd; -1: no longer
 *
 * EEXIST: there is one for this place and value. ENODEV: none to remove. ENOSPC: too many.
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
 * VFIO_DEVICE_BIND_IOMMUFD: the first command on /dev/vfio/devices/vfioN; all others fail with
 * EINVAL before. Lasts until the descriptor is closed.
 *
 * @flags: VFIO_DEVICE_BIND_FLAG_TOKEN, or 0
 * @iommufd: descriptor of /dev/iommu
 * @out_devid: ID of the device there
 * @token_uuid_ptr: with TOKEN: address of the 16 bytes that entitle to use this virtual function
 *
 * EBUSY: its group is in use the old way. EINVAL: bound already. EBADF, EBADFD: not an iommufd.
 * EACCES: the token is wrong, or needed. EPERM: others use the group, or its interrupts are not
 * isolated.
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
 * VFIO_DEVICE_ATTACH_IOMMUFD_PT: the device's DMA goes to @pt_id from now on, if it was attached
 * before, without a gap.
 *
 * @flags: VFIO_DEVICE_ATTACH_PASID: only its DMA with @pasid
 * @pt_id: in: an IOAS or a page table (HWPT) of the iommufd; out: the page table in use
 *
 * ENOENT: no such ID. EINVAL: the page table does not suit the device. EADDRINUSE: the device
 * reserves IOVAs that are mapped or allowed. EOPNOTSUPP: the device has no PASIDs.
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
 * VFIO_DEVICE_DETACH_IOMMUFD_PT: blocks the device's DMA. Succeeds if it was not attached.
 *
 * @flags: VFIO_DEVICE_DETACH_PASID: only its DMA with @pasid
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
 * VFIO_DEVICE_FEATURE: reads, sets, or asks for an optional property, VFIO_DEVICE_FEATURE_* below.
 *
 * @flags: number of the feature, and GET or SET; with PROBE: only whether it can, of both
 *	if both given
 * @data: structure of the feature, if it has one
 *
 * ENOTTY: the device does not have it. EINVAL: it cannot be read, or set; @data does not fit in
 * argsz.
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
/* SET, 16 bytes: a secret that opening virtual functions of this physical one then takes. */
#define VFIO_DEVICE_FEATURE_PCI_VF_TOKEN 0
#endif

#ifndef VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY
/* SET, no data: the device may sleep until the next access. */
#define VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY 3
#endif

#ifndef VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP
/* SET: the same, and eventfd @wakeup_eventfd is signalled when the device wakes by itself. */
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
 * SET: whether the device may do DMA.
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
/* Bytes @offset to @offset + @length of a region, multiples of the page size. */
struct vfio_region_dma_range {
	__u64 offset;
	__u64 length;
};

/*
 * GET: parts of a region as a dma-buf, e.g. for other devices to reach. Returns its descriptor.
 *
 * @region_index: a BAR that can be mapped
 * @open_flags: O_CLOEXEC and access mode of the descriptor
 * @flags: 0
 * @nr_ranges: entries of @dma_ranges
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
 * GET: what s390 firmware reports about the device's error; opaque, as long as the capability
 * VFIO_DEVICE_INFO_CAP_ZPCI_BASE says. ENOMSG: no error is pending.
 */
#define VFIO_DEVICE_FEATURE_ZPCI_ERROR 13
struct vfio_device_feature_zpci_err {
	__aligned_u64 data;
};
#endif

/* ---- device: dirty tracking of its DMA ---- */

#ifndef VFIO_DEVICE_FEATURE_DMA_LOGGING_START
/*
 * SET: records what the device writes.
 *
 * @page_size: bytes per record that are wanted, a power of two
 * @num_ranges: 1 .. 256 (E2BIG)
 * @ranges: address of an array of struct vfio_device_feature_dma_logging_range, not overlapping,
 *	multiples of @page_size
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
/* SET, no data: no longer. */
#define VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP 7
#endif

#ifndef VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT
/*
 * GET: what was written in [@iova, @iova + @length), which is clean afterwards.
 *
 * @page_size: bytes per bit, a power of two from 4096 on
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
 * The first interface to migrate devices: a region, with this at its start. Not in use any more;
 * the names of its states made room for those of the second one.
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

/* Resuming goes with no other bit. Saving and resuming together mean an error. */
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
 * GET: the device can be migrated, and how.
 *
 * @flags: VFIO_MIGRATION_STOP_COPY: states STOP, RUNNING, STOP_COPY, RESUMING. P2P: those
 *	that end in _P2P, too. PRE_COPY: PRE_COPY, too
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
 * GET, SET: the state of migration. From a state to a far one the device takes the steps between;
 * if one fails, @device_state is where it has stopped.
 *
 * @device_state: enum vfio_device_mig_state
 * @data_fd: out: descriptor to read (STOP_COPY, PRE_COPY) or write (RESUMING) the device's
 *	state; -1: the step opens none
 */
#define VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE 2
struct vfio_device_feature_mig_state {
	__u32 device_state;
	__s32 data_fd;
};

enum vfio_device_mig_state {
	VFIO_DEVICE_STATE_ERROR = 0,	    /* only a reset helps */
	VFIO_DEVICE_STATE_STOP = 1,	    /* changes nothing: no DMA, no interrupts */
	VFIO_DEVICE_STATE_RUNNING = 2,	    /* works; the state after a reset */
	VFIO_DEVICE_STATE_STOP_COPY = 3,    /* stopped, and gives its state */
	VFIO_DEVICE_STATE_RESUMING = 4,	    /* stopped, and takes a state */
	VFIO_DEVICE_STATE_RUNNING_P2P = 5,  /* works, but does no DMA to other devices */
	VFIO_DEVICE_STATE_PRE_COPY = 6,	    /* works, and gives what it has so far */
	VFIO_DEVICE_STATE_PRE_COPY_P2P = 7, /* both */
	VFIO_DEVICE_STATE_NR = 8,	    /* how many states there are */
};
#endif

#ifndef VFIO_MIG_GET_PRECOPY_INFO
/*
 * VFIO_MIG_GET_PRECOPY_INFO, on data_fd in state PRE_COPY: how much there is to read. Bytes.
 *
 * @flags: out, with VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2: VFIO_PRECOPY_INFO_REINIT
 * @initial_bytes: remain of the part to send first, if the stop is to be short
 * @dirty_bytes: remain of the rest, which keeps changing
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
#define VFIO_PRECOPY_INFO_REINIT (1 << 0) /* new initial bytes have come up */
#endif

#ifndef VFIO_DEVICE_FEATURE_MIG_DATA_SIZE
/* GET: estimate of the bytes that STOP_COPY would give. */
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
 * VFIO_IOMMU_GET_INFO
 *
 * @flags: VFIO_IOMMU_INFO_*
 * @iova_pgsizes: page sizes; bit n: 2^n bytes
 *
 * ENODEV: no address space yet; so do the commands below.
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

/* Capability: the IOVAs that can be mapped. @end is inclusive. */
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
 * @pgsize_bitmap: bytes per bit that it offers; bit n: 2^n
 * @max_dirty_bitmap_size: bytes of the longest bitmap
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
/* Capability: how many more mappings are possible. */
#define VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL 3
struct vfio_iommu_type1_info_dma_avail {
	struct vfio_info_cap_header header;
	__u32 avail;
};
#endif

#ifndef VFIO_IOMMU_MAP_DMA
/*
 * VFIO_IOMMU_MAP_DMA: maps the caller's memory [@vaddr, @vaddr + @size) at @iova and pins it.
 *
 * @flags: VFIO_DMA_MAP_FLAG_*
 *
 * EEXIST: something is mapped there. EINVAL: reserved IOVAs, or misaligned. ENOMEM: more than
 * RLIMIT_MEMLOCK.
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
#define VFIO_DMA_MAP_FLAG_VADDR (1 << 2) /* gives a mapping its memory's new address */
#endif

#ifndef VFIO_IOMMU_UNMAP_DMA
/*
 * A bitmap of dirty pages in the caller's memory.
 *
 * @pgsize: bytes per bit
 * @size: bytes of @data
 */
struct vfio_bitmap {
	__u64 pgsize;
	__u64 size;
	__u64 *data;
};

/*
 * VFIO_IOMMU_UNMAP_DMA: removes what is mapped in [@iova, @iova + @size). With VFIO_TYPE1v2_IOMMU
 * whole mappings only (ENOENT); nothing there is no error.
 *
 * @flags: VFIO_DMA_UNMAP_FLAG_*
 * @size: out: bytes unmapped
 * @data: with GET_DIRTY_BITMAP: a struct vfio_bitmap
 */
struct vfio_iommu_type1_dma_unmap {
	__u32 argsz;
	__u32 flags;
#define VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP (1 << 0)
	__u64 iova;
	__u64 size;
	__u8 data[];
};
#define VFIO_IOMMU_UNMAP_DMA _IO(VFIO_TYPE, VFIO_BASE + 14)
#endif
#ifndef VFIO_DMA_UNMAP_FLAG_ALL
#define VFIO_DMA_UNMAP_FLAG_ALL (1 << 1) /* everything; iova and size are 0 */
#endif
#ifndef VFIO_DMA_UNMAP_FLAG_VADDR
#define VFIO_DMA_UNMAP_FLAG_VADDR (1 << 2) /* only forgets the address; DMA goes on */
#endif

#ifndef VFIO_IOMMU_ENABLE
/* POWER's first container. No argument. */
#define VFIO_IOMMU_ENABLE  _IO(VFIO_TYPE, VFIO_BASE + 15)
#define VFIO_IOMMU_DISABLE _IO(VFIO_TYPE, VFIO_BASE + 16)
#endif

#ifndef VFIO_IOMMU_DIRTY_PAGES
/*
 * VFIO_IOMMU_DIRTY_PAGES: records which memory devices write. An iommufd does not have it (ENOTTY):
 * use IOMMU_HWPT_SET_DIRTY_TRACKING.
 *
 * @flags: one of VFIO_IOMMU_DIRTY_PAGES_FLAG_*
 * @data: for GET_BITMAP: a struct vfio_iommu_type1_dirty_bitmap_get
 */
struct vfio_iommu_type1_dirty_bitmap {
	__u32 argsz;
	__u32 flags;
#define VFIO_IOMMU_DIRTY_PAGES_FLAG_START      (1 << 0)
#define VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP       (1 << 1)
#define VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP (1 << 2)
	__u8 data[];
};

/* What was written in [@iova, @iova + @size). */
struct vfio_iommu_type1_dirty_bitmap_get {
	__u64 iova;
	__u64 size;
	struct vfio_bitmap bitmap;
};
#define VFIO_IOMMU_DIRTY_PAGES _IO(VFIO_TYPE, VFIO_BASE + 17)
#endif

/* ---- POWER's container: only the names, for programs that mention them ---- */

#ifndef VFIO_IOMMU_SPAPR_TCE_GET_INFO
/*
 * Additional DMA windows.
 *
 * @pgsizes: page sizes; bit n: 2^n bytes
 * @max_dynamic_windows_supported: how many windows
 * @levels: of their tables, at most
 */
struct vfio_iommu_spapr_tce_ddw_info {
	__u64 pgsizes;
	__u32 max_dynamic_windows_supported;
	__u32 levels;
};

/*
 * VFIO_IOMMU_SPAPR_TCE_GET_INFO
 *
 * @flags: VFIO_IOMMU_SPAPR_INFO_DDW
 * @dma32_window_start, @dma32_window_size: the low window, bus address and bytes
 * @ddw: with INFO_DDW
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
/* VFIO_EEH_PE_INJECT_ERR: which error, and where on the bus. */
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
	union {
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
/* Pins the caller's memory, which can then be mapped; and undoes it. */
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
 * @page_shift: its pages have 2^@page_shift bytes
 * @window_size: bytes
 * @levels: of its table
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
