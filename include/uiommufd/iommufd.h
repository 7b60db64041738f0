/* SPDX-License-Identifier: MIT */
/*
 * The user API of /dev/iommu: names, numbers and layouts of Linux 7.3's <linux/iommufd.h>, and
 * uiommufd's own commands at the end.
 *
 *	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
 *
 *	if (ioctl(fd, IOMMU_IOAS_ALLOC, &alloc))
 *		err(1, "IOMMU_IOAS_ALLOC");
 *
 *	struct iommu_ioas_map map = {
 *		.size = sizeof(map),
 *		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
 *		.ioas_id = alloc.out_ioas_id,
 *		.user_va = (uintptr_t)buffer,
 *		.length = buffer_size,
 *	};
 *
 *	if (ioctl(fd, IOMMU_IOAS_MAP, &map))
 *		err(1, "IOMMU_IOAS_MAP");
 *	// The device now reaches the buffer at map.iova.
 *
 * Rules of every command (iommufd):
 *
 * - The argument points to a structure whose first member, size, is its sizeof. A shorter structure
 *   of an older header stands for one with a tail of zeroes; a longer one is accepted while the
 *   part that is not known is zero. Less than the mandatory part: EINVAL.
 * - Members named __reserved are 0 on input. Addresses of the caller travel as 64-bit integers.
 * - IOVA and lengths are in bytes; "last" is inclusive.
 * - One space of IDs for all objects of an open file; 0 is never an ID.
 * - ENOTTY: no such command. E2BIG: non-zero bytes after the part that is known. EOPNOTSUPP: a
 *   flag, type or reserved member has a value that is not known. EINVAL: known, but wrong. ENOENT:
 *   no such ID (or of another type), or nothing mapped there. EOVERFLOW: the arithmetic wraps.
 *   EFAULT: the argument or what it points to is not accessible. ENOMEM. The comments below add
 *   only what is particular to the command.
 *
 * Beside <linux/iommufd.h>: if this header is first, that one becomes empty. If that one was first,
 * this one adds what it lacks and leaves the rest as it is: structures that Linux has lengthened
 * since (iommu_hwpt_alloc, iommu_hw_info, iommu_viommu_alloc) keep the length of that header.
 * Constants that an older enum lacks are then macros.
 */
#ifndef UIOMMUFD_IOMMUFD_H
#define UIOMMUFD_IOMMUFD_H

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * The guard of <linux/iommufd.h>, as installed and as in the kernel's tree. A header that has the
 * newest command has everything; of an older one, #ifndef can only ask for the commands.
 */
#if !defined(_IOMMUFD_H) && !defined(_UAPI_IOMMUFD_H)
#define UIOMMUFD_IS_FIRST
#elif !defined(IOMMU_IOAS_NOIOMMU_GET_PA)
#define UIOMMUFD_AFTER_OLDER
#endif
#ifndef _IOMMUFD_H
#define _IOMMUFD_H
#endif
#ifndef _UAPI_IOMMUFD_H
#define _UAPI_IOMMUFD_H
#endif

/* ---- objects ---- */

#ifndef IOMMU_DESTROY
/* The type of all commands, and the first number; those below it belong to VFIO. */
#define IOMMUFD_TYPE (';')

enum {
	IOMMUFD_CMD_BASE = 0x80,
	IOMMUFD_CMD_DESTROY = 0x80,
};

/*
 * IOMMU_DESTROY: destroys object @id of any type. EBUSY while something else holds it: an IOAS with
 * page tables or accesses, a page table with attachments, a queue whose descriptor is open; always
 * for devices, accesses and page tables that attaching to an IOAS made.
 */
struct iommu_destroy {
	__u32 size;
	__u32 id;
};
#define IOMMU_DESTROY _IO(IOMMUFD_TYPE, IOMMUFD_CMD_DESTROY)
#endif

/* ---- IO address spaces ---- */

#ifndef IOMMU_IOAS_ALLOC
enum {
	IOMMUFD_CMD_IOAS_ALLOC = 0x81,
};

/* IOMMU_IOAS_ALLOC: makes an empty IO address space (IOAS), @out_ioas_id. @flags is 0. */
struct iommu_ioas_alloc {
	__u32 size;
	__u32 flags;
	__u32 out_ioas_id;
};
#define IOMMU_IOAS_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_ALLOC)
#endif

#ifndef IOMMU_IOAS_IOVA_RANGES
enum {
	IOMMUFD_CMD_IOAS_IOVA_RANGES = 0x84,
};

/* IOVAs @start to @last, both included. */
struct iommu_iova_range {
	__aligned_u64 start;
	__aligned_u64 last;
};

/*
 * IOMMU_IOAS_IOVA_RANGES: which IOVAs can be mapped, i.e. those that no attached device and no page
 * table of the IOAS reserves, whether mapped now or not. Ascending; attaching narrows them.
 *
 * @num_iovas: in: capacity of the array; out: how many ranges there are
 * @allowed_iovas: address of the array of struct iommu_iova_range that is filled in
 * @out_iova_alignment: IOVA and length of every mapping are multiples of this; 1 .. page size
 *
 * EMSGSIZE: there are more ranges than the array holds; it has the first ones, @num_iovas is right.
 */
struct iommu_ioas_iova_ranges {
	__u32 size;
	__u32 ioas_id;
	__u32 num_iovas;
	__u32 __reserved;
	__aligned_u64 allowed_iovas;
	__aligned_u64 out_iova_alignment;
};
#define IOMMU_IOAS_IOVA_RANGES _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_IOVA_RANGES)
#endif

#ifndef IOMMU_IOAS_ALLOW_IOVAS
enum {
	IOMMUFD_CMD_IOAS_ALLOW_IOVAS = 0x82,
};

/*
 * IOMMU_IOAS_ALLOW_IOVAS: the IOVAs that must stay usable. Attaching a device that would take part
 * of them is refused, and IOVAs chosen by IOMMU_IOAS_MAP lie in them; fixed ones may be elsewhere.
 * Replaces the list of the previous call as a whole; an empty list (the state at first) promises
 * nothing.
 *
 * @num_iovas: length of the array
 * @allowed_iovas: address of an array of struct iommu_iova_range, in any order
 *
 * EINVAL: entries overlap, or start is not below last. EADDRINUSE: part of them is reserved
 * already.
 */
struct iommu_ioas_allow_iovas {
	__u32 size;
	__u32 ioas_id;
	__u32 num_iovas;
	__u32 __reserved;
	__aligned_u64 allowed_iovas;
};
#define IOMMU_IOAS_ALLOW_IOVAS _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_ALLOW_IOVAS)
#endif

#ifndef IOMMU_IOAS_MAP
enum {
	IOMMUFD_CMD_IOAS_MAP = 0x85,
};

/* How to map; at least one of WRITEABLE and READABLE. */
enum iommufd_ioas_map_flags {
	IOMMU_IOAS_MAP_FIXED_IOVA = 1 << 0, /* at the IOVA given, instead of a free one */
	IOMMU_IOAS_MAP_WRITEABLE = 1 << 1,  /* devices may write */
	IOMMU_IOAS_MAP_READABLE = 1 << 2,   /* devices may read */
};

/*
 * IOMMU_IOAS_MAP: maps the caller's memory [@user_va, @user_va + @length) at @iova. The memory is
 * pinned while a page table or an access uses it: the IOVA keeps leading to the pages of that
 * moment.
 *
 * @flags: enum iommufd_ioas_map_flags
 * @iova: in: with FIXED_IOVA; out: where it was placed
 *
 * EEXIST: something is mapped there. EINVAL: reserved IOVAs, or misaligned. ENOSPC: no free IOVA
 * fits. EFAULT: not accessible with these rights. ENOMEM: more than RLIMIT_MEMLOCK.
 */
struct iommu_ioas_map {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__u32 __reserved;
	__aligned_u64 user_va;
	__aligned_u64 length;
	__aligned_u64 iova;
};
#define IOMMU_IOAS_MAP _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_MAP)
#endif

#ifndef IOMMU_IOAS_MAP_FILE
enum {
	IOMMUFD_CMD_IOAS_MAP_FILE = 0x8f,
};

/*
 * IOMMU_IOAS_MAP_FILE: as IOMMU_IOAS_MAP, of the bytes [@start, @start + @length) of file @fd: a
 * memfd or another file of tmpfs or hugetlbfs, or a dma-buf of device memory. The descriptor may be
 * closed afterwards.
 *
 * EBADF: @fd is not open. EINVAL, when the memory is pinned: another kind of file, or beyond its
 * end. ENODEV: the dma-buf is revoked.
 */
struct iommu_ioas_map_file {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__s32 fd;
	__aligned_u64 start;
	__aligned_u64 length;
	__aligned_u64 iova;
};
#define IOMMU_IOAS_MAP_FILE _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_MAP_FILE)
#endif

#ifndef IOMMU_IOAS_COPY
enum {
	IOMMUFD_CMD_IOAS_COPY = 0x83,
};

/*
 * IOMMU_IOAS_COPY: maps in @dst_ioas_id the memory that @src_ioas_id (which may be the same) has at
 * [@src_iova, @src_iova + @length), without pinning or accounting it again. Any part of one or
 * several adjacent mappings.
 *
 * @flags: enum iommufd_ioas_map_flags; the rights of the copy do not follow those of the source
 * @dst_iova: in: with FIXED_IOVA; out: where it was placed
 *
 * ENOENT: the source range has a hole. EPERM: WRITEABLE, and the memory was mapped first without
 * it. Otherwise as IOMMU_IOAS_MAP.
 */
struct iommu_ioas_copy {
	__u32 size;
	__u32 flags;
	__u32 dst_ioas_id;
	__u32 src_ioas_id;
	__aligned_u64 length;
	__aligned_u64 dst_iova;
	__aligned_u64 src_iova;
};
#define IOMMU_IOAS_COPY _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_COPY)
#endif

#ifndef IOMMU_IOAS_UNMAP
enum {
	IOMMUFD_CMD_IOAS_UNMAP = 0x86,
};

/*
 * IOMMU_IOAS_UNMAP: removes all mappings in [@iova, @iova + @length), whole ones only. @iova 0 with
 * @length 2^64-1 removes everything and always finds enough.
 *
 * @length: out: bytes unmapped, without the holes
 *
 * ENOENT: nothing there, or a mapping is only partly inside; those below it are gone then. EBUSY:
 * in use by a hardware queue, or being mapped. EDEADLK: an access does not let go of it.
 */
struct iommu_ioas_unmap {
	__u32 size;
	__u32 ioas_id;
	__aligned_u64 iova;
	__aligned_u64 length;
};
#define IOMMU_IOAS_UNMAP _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_UNMAP)
#endif

#ifndef IOMMU_IOAS_CHANGE_PROCESS
enum {
	IOMMUFD_CMD_IOAS_CHANGE_PROCESS = 0x92,
};

/*
 * IOMMU_IOAS_CHANGE_PROCESS: the caller becomes the owner of every mapping of the context, with its
 * share of the memlock accounting, e.g. after a live update.
 *
 * EINVAL: a mapping is not of IOMMU_IOAS_MAP_FILE. ENOMEM: above the caller's limit. All or
 * nothing.
 */
struct iommu_ioas_change_process {
	__u32 size;
	__u32 __reserved;
};
#define IOMMU_IOAS_CHANGE_PROCESS _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_CHANGE_PROCESS)
#endif

#ifndef IOMMU_IOAS_NOIOMMU_GET_PA
enum {
	IOMMUFD_CMD_IOAS_NOIOMMU_GET_PA = 0x95,
};

/*
 * IOMMU_IOAS_NOIOMMU_GET_PA: the physical address behind @iova, for devices without an IOMMU.
 *
 * @length: in: at most so many bytes, not 0; out: bytes that follow each other from @out_phys on
 *
 * EPERM: without CAP_SYS_RAWIO. ENOENT: not mapped. EOPNOTSUPP: not built in, @flags is not 0, or
 * an IOMMU is in between.
 */
struct iommu_ioas_noiommu_get_pa {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__u32 __reserved;
	__aligned_u64 iova;
	__aligned_u64 length;
	__aligned_u64 out_phys;
};
#define IOMMU_IOAS_NOIOMMU_GET_PA _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_NOIOMMU_GET_PA)
#endif

/* ---- options ---- */

#ifndef IOMMU_OPTION
enum {
	IOMMUFD_CMD_OPTION = 0x87,
};

/* What IOMMU_OPTION sets. */
enum iommufd_option {
	/*
	 * Pinned pages count for the user (0, at first) or the process (1). Object 0. To set it
	 * takes CAP_SYS_RESOURCE (EPERM) and a context without objects (EBUSY).
	 */
	IOMMU_OPTION_RLIMIT_MODE = 0,
	/*
	 * Large pages may be used (1, at first), or every entry covers one system page (0). Object:
	 * an IOAS. 0 is refused when it is in use already (EINVAL) or has unaligned mappings
	 * (EADDRINUSE).
	 */
	IOMMU_OPTION_HUGE_PAGES = 1,
};

enum iommufd_option_ops {
	IOMMU_OPTION_OP_SET = 0,
	IOMMU_OPTION_OP_GET = 1,
};

/*
 * IOMMU_OPTION: sets or reads an option.
 *
 * @option_id: enum iommufd_option
 * @op: enum iommufd_option_ops
 * @object_id: the object, if the option belongs to one
 * @val64: value to set, or out: the one in force
 */
struct iommu_option {
	__u32 size;
	__u32 option_id;
	__u16 op;
	__u16 __reserved;
	__u32 object_id;
	__aligned_u64 val64;
};
#define IOMMU_OPTION _IO(IOMMUFD_TYPE, IOMMUFD_CMD_OPTION)
#endif

#ifndef IOMMU_VFIO_IOAS
enum {
	IOMMUFD_CMD_VFIO_IOAS = 0x88,
};

enum iommufd_vfio_ioas_op {
	IOMMU_VFIO_IOAS_GET = 0,
	IOMMU_VFIO_IOAS_SET = 1,
	IOMMU_VFIO_IOAS_CLEAR = 2,
};

/*
 * IOMMU_VFIO_IOAS: which IOAS the commands of VFIO's type1 container work on (<uiommufd/vfio.h>).
 *
 * @ioas_id: SET: the IOAS; GET: out. CLEAR leaves none, and destroys nothing
 * @op: enum iommufd_vfio_ioas_op
 *
 * ENODEV: GET, and there is none.
 */
struct iommu_vfio_ioas {
	__u32 size;
	__u32 ioas_id;
	__u16 op;
	__u16 __reserved;
};
#define IOMMU_VFIO_IOAS _IO(IOMMUFD_TYPE, IOMMUFD_CMD_VFIO_IOAS)
#endif

/* ---- IO page tables ---- */

/* (Linux lengthened IOMMU_HWPT_ALLOC in the release that brought IOMMU_HWPT_SET_DIRTY_TRACKING.) */
#ifndef IOMMU_HWPT_SET_DIRTY_TRACKING
/* What a page table (HWPT) must be able to do. */
enum iommufd_hwpt_alloc_flags {
	IOMMU_HWPT_ALLOC_NEST_PARENT = 1 << 0,	  /* carry nested page tables */
	IOMMU_HWPT_ALLOC_DIRTY_TRACKING = 1 << 1, /* record writes */
	IOMMU_HWPT_FAULT_ID_VALID = 1 << 2,	  /* send page faults to queue fault_id */
	IOMMU_HWPT_ALLOC_PASID = 1 << 3,	  /* be attached to PASIDs, or beside them */
};

/* struct iommu_hwpt_vtd_s1.flags, as the fields of a PASID table entry (VT-d 5.0 9.6). */
enum iommu_hwpt_vtd_s1_flags {
	IOMMU_VTD_S1_SRE = 1 << 0,  /* supervisor requests are allowed */
	IOMMU_VTD_S1_EAFE = 1 << 1, /* the extended accessed flag is set */
	IOMMU_VTD_S1_WPE = 1 << 2,  /* write protection holds for supervisor requests, too */
};

/*
 * IOMMU_HWPT_DATA_VTD_S1: a first-stage table of the guest.
 *
 * @flags: enum iommu_hwpt_vtd_s1_flags
 * @pgtbl_addr: address of its root, in the address space of the parent
 * @addr_width: bits of an input address
 */
struct iommu_hwpt_vtd_s1 {
	__aligned_u64 flags;
	__aligned_u64 pgtbl_addr;
	__u32 addr_width;
	__u32 __reserved;
};

/* struct iommu_hwpt_alloc.data_type: what data_uptr points to. */
enum iommu_hwpt_data_type {
	IOMMU_HWPT_DATA_NONE = 0,	/* nothing */
	IOMMU_HWPT_DATA_VTD_S1 = 1,	/* struct iommu_hwpt_vtd_s1 */
	IOMMU_HWPT_DATA_ARM_SMMUV3 = 2, /* struct iommu_hwpt_arm_smmuv3 */
	IOMMU_HWPT_DATA_AMD_GUEST = 3,	/* struct iommu_hwpt_amd_guest */
};
#endif

#ifndef IOMMU_VIOMMU_ALLOC
/*
 * IOMMU_HWPT_DATA_ARM_SMMUV3: the guest's stream table entry, of which the driver takes V, Cfg and
 * the stage-1 fields.
 *
 * @ste: words 0 and 1. EIO: other bits are set, or Cfg is not abort, bypass or stage-1 translation
 */
struct iommu_hwpt_arm_smmuv3 {
	__aligned_le64 ste[2];
};
#endif

#ifdef UIOMMUFD_AFTER_OLDER
/* Linux brought these with no command that would tell; ours go by another tag to be safe. */
#define iommu_hwpt_amd_guest uiommufd_iommu_hwpt_amd_guest
#define iommu_hw_info_amd    uiommufd_iommu_hw_info_amd
#endif

#if defined(UIOMMUFD_IS_FIRST) || defined(UIOMMUFD_AFTER_OLDER)
/*
 * IOMMU_HWPT_DATA_AMD_GUEST: the guest's device table entry, of which the guest table root, its
 * levels, GIOV, GV, V and the guest paging mode count. Host fields set: EINVAL.
 */
struct iommu_hwpt_amd_guest {
	__aligned_u64 dte[4];
};
#endif

#ifndef IOMMU_HWPT_ALLOC
enum {
	IOMMUFD_CMD_HWPT_ALLOC = 0x89,
};

/*
 * IOMMU_HWPT_ALLOC: makes an IO page table (HWPT) in the format of @dev_id's IOMMU. On an IOAS it
 * holds what is mapped there, now and later; on one with NEST_PARENT or on a vIOMMU it is nested:
 * the guest writes it.
 *
 * @flags: enum iommufd_hwpt_alloc_flags; FAULT_ID_VALID and PASID only, if nested
 * @dev_id: a device behind the IOMMU
 * @pt_id: IOAS, HWPT with NEST_PARENT, or vIOMMU
 * @data_type, @data_len, @data_uptr: enum iommu_hwpt_data_type, and the structure it says
 * @fault_id: with FAULT_ID_VALID: the fault queue
 *
 * EOPNOTSUPP: this IOMMU cannot. EINVAL: @pt_id does not exist or is of the wrong type, or bad
 * data. EADDRINUSE: something is mapped or allowed outside of what the table can reach. EFAULT,
 * ENOMEM: as IOMMU_IOAS_MAP, for what is mapped already.
 */
struct iommu_hwpt_alloc {
	__u32 size;
	__u32 flags;
	__u32 dev_id;
	__u32 pt_id;
	__u32 out_hwpt_id;
	__u32 __reserved;
	__u32 data_type;
	__u32 data_len;
	__aligned_u64 data_uptr;
	__u32 fault_id;
	__u32 __reserved2;
};
#define IOMMU_HWPT_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_HWPT_ALLOC)
#endif

#ifndef IOMMU_HWPT_SET_DIRTY_TRACKING
/* IOMMU_GET_HW_INFO: what the IOMMU can do for this device. */
enum iommufd_hw_capabilities {
	IOMMU_HW_CAP_DIRTY_TRACKING = 1 << 0,	     /* IOMMU_HWPT_ALLOC_DIRTY_TRACKING */
	IOMMU_HW_CAP_PCI_PASID_EXEC = 1 << 1,	     /* requests with PASID to execute */
	IOMMU_HW_CAP_PCI_PASID_PRIV = 1 << 2,	     /* privileged requests with PASID */
	IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED = 1 << 3, /* no translation cache in the device */
};

/* struct iommu_hw_info_vtd.flags */
enum iommu_hw_info_vtd_flags {
	/* Memory that the guest maps read-only must not be mapped read-only in the parent. */
	IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17 = 1 << 0,
};

enum {
	IOMMUFD_CMD_HWPT_SET_DIRTY_TRACKING = 0x8b,
};

enum iommufd_hwpt_set_dirty_tracking_flags {
	IOMMU_HWPT_DIRTY_TRACKING_ENABLE = 1,
};

/*
 * IOMMU_HWPT_SET_DIRTY_TRACKING: starts (IOMMU_HWPT_DIRTY_TRACKING_ENABLE in @flags) or stops (0)
 * to record which memory devices write through a page table. Starting forgets what was recorded.
 *
 * EOPNOTSUPP: the page table was made without IOMMU_HWPT_ALLOC_DIRTY_TRACKING.
 */
struct iommu_hwpt_set_dirty_tracking {
	__u32 size;
	__u32 flags;
	__u32 hwpt_id;
	__u32 __reserved;
};
#define IOMMU_HWPT_SET_DIRTY_TRACKING _IO(IOMMUFD_TYPE, IOMMUFD_CMD_HWPT_SET_DIRTY_TRACKING)
#endif

#ifndef IOMMU_HWPT_GET_DIRTY_BITMAP
enum {
	IOMMUFD_CMD_HWPT_GET_DIRTY_BITMAP = 0x8c,
};

enum iommufd_hwpt_get_dirty_bitmap_flags {
	IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR = 1, /* and they stay dirty */
};

/*
 * IOMMU_HWPT_GET_DIRTY_BITMAP: which memory in [@iova, @iova + @length) was written. Up to the
 * first hole; those reported are clean afterwards.
 *
 * @flags: enum iommufd_hwpt_get_dirty_bitmap_flags
 * @page_size: bytes per bit, a power of two; may differ from the pages of the table
 * @data: address of the bitmap, lowest bit of the first byte first. Bits are set, never cleared
 *
 * EINVAL: @iova or its end is not a multiple of @page_size. EOPNOTSUPP: no dirty tracking.
 */
struct iommu_hwpt_get_dirty_bitmap {
	__u32 size;
	__u32 hwpt_id;
	__u32 flags;
	__u32 __reserved;
	__aligned_u64 iova;
	__aligned_u64 length;
	__aligned_u64 page_size;
	__aligned_u64 data;
};
#define IOMMU_HWPT_GET_DIRTY_BITMAP _IO(IOMMUFD_TYPE, IOMMUFD_CMD_HWPT_GET_DIRTY_BITMAP)
#endif

#ifndef IOMMU_HWPT_INVALIDATE
enum {
	IOMMUFD_CMD_HWPT_INVALIDATE = 0x8d,
};

/* struct iommu_hwpt_invalidate.data_type: what the array holds. */
enum iommu_hwpt_invalidate_data_type {
	IOMMU_HWPT_INVALIDATE_DATA_VTD_S1 = 0,	     /* struct iommu_hwpt_vtd_s1_invalidate */
	IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3 = 1, /* struct iommu_viommu_arm_smmuv3_invalidate */
};

/* struct iommu_hwpt_vtd_s1_invalidate.flags */
enum iommu_hwpt_vtd_s1_invalidate_flags {
	IOMMU_VTD_INV_FLAGS_LEAF = 1 << 0, /* only leaf entries have changed */
};

/*
 * Forgets cached translations of a nested VT-d table.
 *
 * @addr: first address of the guest, a multiple of 4096
 * @npages: 4 KiB pages; all ones, with @addr 0: the whole table
 * @flags: enum iommu_hwpt_vtd_s1_invalidate_flags
 */
struct iommu_hwpt_vtd_s1_invalidate {
	__aligned_u64 addr;
	__aligned_u64 npages;
	__u32 flags;
	__u32 __reserved;
};

/*
 * IOMMU_HWPT_INVALIDATE: the guest has changed tables: drops what is cached of them.
 *
 * @hwpt_id: a nested HWPT, or a vIOMMU
 * @data_uptr: address of an array; 0 entries ask whether @data_type is supported
 * @data_type: enum iommu_hwpt_invalidate_data_type
 * @entry_len: bytes per entry
 * @entry_num: in: entries; out, on failure too: how many were handled
 *
 * EINVAL: not the type of this object, or a bad entry. EIO: a command that is not allowed.
 */
struct iommu_hwpt_invalidate {
	__u32 size;
	__u32 hwpt_id;
	__aligned_u64 data_uptr;
	__u32 data_type;
	__u32 entry_len;
	__u32 entry_num;
	__u32 __reserved;
};
#define IOMMU_HWPT_INVALIDATE _IO(IOMMUFD_TYPE, IOMMUFD_CMD_HWPT_INVALIDATE)
#endif

#ifndef IOMMU_VIOMMU_ALLOC
/* One command of the guest's SMMUv3 queue: TLBI, CFGI or ATC_INV. Stream IDs are vDEVICE's. */
struct iommu_viommu_arm_smmuv3_invalidate {
	__aligned_le64 cmd[2];
};
#endif

/* ---- what the IOMMU of a device is ---- */

#ifndef IOMMU_GET_HW_INFO
enum {
	IOMMUFD_CMD_GET_HW_INFO = 0x8a,
};

/* Which structure describes the IOMMU. */
enum iommu_hw_info_type {
	IOMMU_HW_INFO_TYPE_NONE = 0,	       /* out: nothing to say */
	IOMMU_HW_INFO_TYPE_DEFAULT = 0,	       /* in: what its driver prefers */
	IOMMU_HW_INFO_TYPE_INTEL_VTD = 1,      /* struct iommu_hw_info_vtd */
	IOMMU_HW_INFO_TYPE_ARM_SMMUV3 = 2,     /* struct iommu_hw_info_arm_smmuv3 */
	IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV = 3, /* struct iommu_hw_info_tegra241_cmdqv */
	IOMMU_HW_INFO_TYPE_AMD = 4,	       /* struct iommu_hw_info_amd */
};

/*
 * @flags: enum iommu_hw_info_vtd_flags
 * @cap_reg, @ecap_reg: the capability and extended capability registers (VT-d 5.0 11.4.2, 11.4.3)
 */
struct iommu_hw_info_vtd {
	__u32 flags;
	__u32 __reserved;
	__aligned_u64 cap_reg;
	__aligned_u64 ecap_reg;
};

/*
 * IOMMU_GET_HW_INFO: what is behind @dev_id.
 *
 * @flags: enum iommufd_hw_info_flags
 * @data_len: in: room for the structure; out: its full length. What does not fit is left out, and
 *	room that is left is zeroed
 * @data_uptr: address of the room
 * @in_data_type: with INPUT_TYPE: the type wanted. EOPNOTSUPP: the IOMMU has none of it
 * @out_data_type: the type it got
 * @out_max_pasid_log2: PASIDs have so many bits; 0: none
 * @out_capabilities: enum iommufd_hw_capabilities
 *
 * ENOENT: no device, which includes emulated (mediated) ones.
 */
struct iommu_hw_info {
	__u32 size;
	__u32 flags;
	__u32 dev_id;
	__u32 data_len;
	__aligned_u64 data_uptr;
	union {
		__u32 in_data_type;
		__u32 out_data_type;
	};
	__u8 out_max_pasid_log2;
	__u8 __reserved[3];
	__aligned_u64 out_capabilities;
};
#define IOMMU_GET_HW_INFO _IO(IOMMUFD_TYPE, IOMMUFD_CMD_GET_HW_INFO)
#endif

#ifndef IOMMU_HW_QUEUE_ALLOC
/* struct iommu_hw_info.flags */
enum iommufd_hw_info_flags {
	IOMMU_HW_INFO_FLAG_INPUT_TYPE = 1 << 0, /* in_data_type counts */
};

/*
 * The queue extension of a Tegra241 SMMUv3.
 *
 * @flags: 0
 * @version: of the extension
 * @log2vcmdqs, @log2vsids: log2 of the queues, and of the stream IDs, that a VM can have
 */
struct iommu_hw_info_tegra241_cmdqv {
	__u32 flags;
	__u8 version;
	__u8 log2vcmdqs;
	__u8 log2vsids;
	__u8 __reserved;
};
#endif

#ifndef IOMMU_VIOMMU_ALLOC
/*
 * Registers of an SMMUv3, of which a VM sees what its monitor lets through.
 *
 * @flags: enum iommu_hw_info_arm_smmuv3_flags
 * @idr: IDR0 to IDR5
 * @iidr, @aidr: who made it, and which architecture
 */
struct iommu_hw_info_arm_smmuv3 {
	__u32 flags;
	__u32 __reserved;
	__u32 idr[6];
	__u32 iidr;
	__u32 aidr;
};
#endif

#if defined(UIOMMUFD_IS_FIRST)
/* struct iommu_hw_info_arm_smmuv3.flags */
enum iommu_hw_info_arm_smmuv3_flags {
	/* The guest must issue each TLBI and CFGI, with its CMD_SYNC, twice. */
	IOMMU_HW_INFO_ARM_SMMUV3_ERRATA_REPEAT_TLBI_CFGI = 1 << 0,
};
#endif

#if defined(UIOMMUFD_IS_FIRST) || defined(UIOMMUFD_AFTER_OLDER)
/* Extended feature registers 1 and 2 of an AMD IOMMU. */
struct iommu_hw_info_amd {
	__aligned_u64 efr;
	__aligned_u64 efr2;
};
#endif

/* ---- IO page faults ---- */

#ifndef IOMMU_FAULT_QUEUE_ALLOC
enum {
	IOMMUFD_CMD_FAULT_QUEUE_ALLOC = 0x8e,
};

/* struct iommu_hwpt_pgfault.flags */
enum iommu_hwpt_pgfault_flags {
	IOMMU_PGFAULT_FLAGS_PASID_VALID = 1 << 0, /* the request had a PASID */
	IOMMU_PGFAULT_FLAGS_LAST_PAGE = 1 << 1,	  /* the last one of its group */
};

/* struct iommu_hwpt_pgfault.perm: what the device wanted (PCIe 6.0 10.4.1). */
enum iommu_hwpt_pgfault_perm {
	IOMMU_PGFAULT_PERM_READ = 1 << 0,
	IOMMU_PGFAULT_PERM_WRITE = 1 << 1,
	IOMMU_PGFAULT_PERM_EXEC = 1 << 2, /* with PASID */
	IOMMU_PGFAULT_PERM_PRIV = 1 << 3, /* with PASID */
};

/*
 * A page request, as read from a fault queue's descriptor. Reading takes whole groups, and does not
 * wait: 0 bytes if there is none, EINVAL if the first one does not fit.
 *
 * @flags: enum iommu_hwpt_pgfault_flags
 * @dev_id: the device
 * @pasid: with PASID_VALID
 * @grpid: index of the page request group
 * @perm: enum iommu_hwpt_pgfault_perm
 * @addr: what it wanted to reach
 * @length: how much it expects to need, in bytes; 0: it did not say
 * @cookie: names the group in the response
 */
struct iommu_hwpt_pgfault {
	__u32 flags;
	__u32 dev_id;
	__u32 pasid;
	__u32 grpid;
	__u32 perm;
	__u32 __reserved;
	__aligned_u64 addr;
	__u32 length;
	__u32 cookie;
};

/* Answers to a page request group (PCIe 6.0 10.4.2.1). */
enum iommufd_page_response_code {
	IOMMUFD_PAGE_RESP_SUCCESS = 0, /* try again: it is mapped now */
	IOMMUFD_PAGE_RESP_INVALID = 1, /* give up */
};

/*
 * Answers the group of @cookie when written to the fault queue's descriptor.
 *
 * @code: enum iommufd_page_response_code
 *
 * EINVAL: another code, or no group with this cookie waits.
 */
struct iommu_hwpt_page_response {
	__u32 cookie;
	__u32 code;
};

/*
 * IOMMU_FAULT_QUEUE_ALLOC: makes a queue for page requests, to give to IOMMU_HWPT_ALLOC.
 *
 * @flags: 0
 * @out_fault_id: the object; held by the descriptor
 * @out_fault_fd: descriptor to read, write and poll
 */
struct iommu_fault_alloc {
	__u32 size;
	__u32 flags;
	__u32 out_fault_id;
	__u32 out_fault_fd;
};
#define IOMMU_FAULT_QUEUE_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_FAULT_QUEUE_ALLOC)
#endif

/* ---- a VM's IOMMU ---- */

#ifndef IOMMU_VIOMMU_ALLOC
enum {
	IOMMUFD_CMD_VIOMMU_ALLOC = 0x90,
};

enum iommu_viommu_type {
	IOMMU_VIOMMU_TYPE_DEFAULT = 0, /* not valid */
	IOMMU_VIOMMU_TYPE_ARM_SMMUV3 = 1,
	/* The monitor keeps HYP_OWN of the guest's VINTF_CONFIG at 0. */
	IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV = 2,
};

/*
 * IOMMU_VIOMMU_ALLOC: makes a vIOMMU: the share of an IOMMU that one VM has.
 *
 * @flags: 0
 * @type: enum iommu_viommu_type
 * @dev_id: a device behind the IOMMU
 * @hwpt_id: the VM's memory: an HWPT with IOMMU_HWPT_ALLOC_NEST_PARENT
 * @data_len, @data_uptr: structure of this type, if it has one
 *
 * EOPNOTSUPP: the IOMMU has no such type. EINVAL: not a nesting parent.
 */
struct iommu_viommu_alloc {
	__u32 size;
	__u32 flags;
	__u32 type;
	__u32 dev_id;
	__u32 hwpt_id;
	__u32 out_viommu_id;
	__u32 data_len;
	__u32 __reserved;
	__aligned_u64 data_uptr;
};
#define IOMMU_VIOMMU_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_VIOMMU_ALLOC)
#endif

#ifndef IOMMU_HW_QUEUE_ALLOC
/* IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV: mmap of /dev/iommu that gives the interface's page 0. */
struct iommu_viommu_tegra241_cmdqv {
	__aligned_u64 out_vintf_mmap_offset;
	__aligned_u64 out_vintf_mmap_length;
};
#endif

#ifndef IOMMU_VDEVICE_ALLOC
enum {
	IOMMUFD_CMD_VDEVICE_ALLOC = 0x91,
};

/*
 * IOMMU_VDEVICE_ALLOC: a device, as the VM sees it.
 *
 * @virt_id: what the guest calls it, e.g. its stream ID; unique in the vIOMMU
 *
 * EEXIST: @virt_id is taken, or the device has a vDEVICE. EINVAL: behind another IOMMU. Unbinding
 * the device destroys the vDEVICE, and its ID is lost to the context.
 */
struct iommu_vdevice_alloc {
	__u32 size;
	__u32 viommu_id;
	__u32 dev_id;
	__u32 out_vdevice_id;
	__aligned_u64 virt_id;
};
#define IOMMU_VDEVICE_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_VDEVICE_ALLOC)
#endif

#ifndef IOMMU_VEVENTQ_ALLOC
enum {
	IOMMUFD_CMD_VEVENTQ_ALLOC = 0x93,
};

/* struct iommufd_vevent_header.flags */
enum iommu_veventq_flag {
	/* The newest events did not fit. No data follows the header. */
	IOMMU_VEVENTQ_FLAG_LOST_EVENTS = 1U << 0,
};

/*
 * Precedes each event read from an event queue's descriptor.
 *
 * @flags: enum iommu_veventq_flag
 * @sequence: 1 more than that of the event before, 0 after 2^31-1; a gap is events lost
 */
struct iommufd_vevent_header {
	__u32 flags;
	__u32 sequence;
};

enum iommu_veventq_type {
	IOMMU_VEVENTQ_TYPE_DEFAULT = 0,	       /* not valid */
	IOMMU_VEVENTQ_TYPE_ARM_SMMUV3 = 1,     /* struct iommu_vevent_arm_smmuv3 */
	IOMMU_VEVENTQ_TYPE_TEGRA241_CMDQV = 2, /* struct iommu_vevent_tegra241_cmdqv */
};

/* An event record of the SMMUv3 (its architecture, 7.3), with the stream ID of the vDEVICE. */
struct iommu_vevent_arm_smmuv3 {
	__aligned_le64 evt[4];
};

/*
 * IOMMU_VEVENTQ_ALLOC: makes the queue of one type of event of a vIOMMU.
 *
 * @flags: 0
 * @type: enum iommu_veventq_type
 * @veventq_depth: events kept for the reader, 1 .. 2^19
 * @out_veventq_id: the object; held by the descriptor
 * @out_veventq_fd: descriptor to read and poll; reading does not wait
 *
 * EEXIST: the vIOMMU has a queue of this type.
 */
struct iommu_veventq_alloc {
	__u32 size;
	__u32 flags;
	__u32 viommu_id;
	__u32 type;
	__u32 veventq_depth;
	__u32 out_veventq_id;
	__u32 out_veventq_fd;
	__u32 __reserved;
};
#define IOMMU_VEVENTQ_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_VEVENTQ_ALLOC)
#endif

#ifndef IOMMU_HW_QUEUE_ALLOC
enum {
	IOMMUFD_CMD_HW_QUEUE_ALLOC = 0x94,
};

/* Which of the VM's command queues have an error: LVCMDQ_ERR_MAP as the hardware has it. */
struct iommu_vevent_tegra241_cmdqv {
	__aligned_le64 lvcmdq_err_map[2];
};

enum iommu_hw_queue_type {
	IOMMU_HW_QUEUE_TYPE_DEFAULT = 0, /* not valid */
	/*
	 * The length is a power of two, at least 32 bytes; the base a multiple of it. Made from
	 * index 0 upwards, destroyed from the last one downwards.
	 */
	IOMMU_HW_QUEUE_TYPE_TEGRA241_CMDQV = 1,
};

/*
 * IOMMU_HW_QUEUE_ALLOC: lets the hardware work on a queue in the guest's memory. What it touches
 * cannot be unmapped until the queue is destroyed.
 *
 * @flags: 0
 * @type: enum iommu_hw_queue_type
 * @index: which queue of this type
 * @nesting_parent_iova, @length: the memory, in the address space of the vIOMMU's HWPT, in bytes
 *
 * EOPNOTSUPP: the vIOMMU has no such queues. ENOENT, EPERM: not mapped, or not readable. EFAULT:
 * not physically contiguous. EEXIST: the index is in use.
 */
struct iommu_hw_queue_alloc {
	__u32 size;
	__u32 flags;
	__u32 viommu_id;
	__u32 type;
	__u32 index;
	__u32 out_hw_queue_id;
	__aligned_u64 nesting_parent_iova;
	__aligned_u64 length;
};
#define IOMMU_HW_QUEUE_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_HW_QUEUE_ALLOC)
#endif

#ifdef UIOMMUFD_AFTER_OLDER
/* Constants that the enum of an older header may lack. */
#define IOMMU_HWPT_FAULT_ID_VALID			 (1 << 2)
#define IOMMU_HWPT_ALLOC_PASID				 (1 << 3)
#define IOMMU_HWPT_DATA_ARM_SMMUV3			 2
#define IOMMU_HWPT_DATA_AMD_GUEST			 3
#define IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3		 1
#define IOMMU_HW_INFO_ARM_SMMUV3_ERRATA_REPEAT_TLBI_CFGI (1 << 0)
#define IOMMU_HW_INFO_TYPE_DEFAULT			 0
#define IOMMU_HW_INFO_TYPE_ARM_SMMUV3			 2
#define IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV		 3
#define IOMMU_HW_INFO_TYPE_AMD				 4
#define IOMMU_HW_CAP_PCI_PASID_EXEC			 (1 << 1)
#define IOMMU_HW_CAP_PCI_PASID_PRIV			 (1 << 2)
#define IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED		 (1 << 3)
#define IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV		 2
#define IOMMU_VEVENTQ_TYPE_TEGRA241_CMDQV		 2
#endif
#undef UIOMMUFD_IS_FIRST
#undef UIOMMUFD_AFTER_OLDER

/* ---- uiommufd's own commands ---- */

/*
 * Not in Linux, whose numbers stay below. To find out whether they are there, issue
 * IOMMU_RESV_IOVA_RANGES with dev_id 0: ENOENT if so, ENOTTY if not.
 */
enum {
	IOMMUFD_CMD_RESV_IOVA_RANGES = 0xc0,
	IOMMUFD_CMD_DEV_IOVA_RANGES = 0xc1,
	IOMMUFD_CMD_IOVA_LOOKUP = 0xc2,
};

/*
 * IOMMU_RESV_IOVA_RANGES: the IOVAs that attaching this device takes away from an IOAS. A VM's
 * monitor tells them to a guest that owns its page tables. Sorted, and merged where they touch.
 *
 * @num_iovas: in: capacity of the array; out: how many ranges there are
 * @resv_iovas: address of the array of struct iommu_iova_range that is filled in
 *
 * EMSGSIZE: there are more ranges than the array holds; it has the first ones, @num_iovas is right.
 * ENOENT: no device, which includes emulated (mediated) ones.
 */
struct iommu_resv_iova_ranges {
	__u32 size;
	__u32 dev_id;
	__u32 num_iovas;
	__u32 __reserved;
	__aligned_u64 resv_iovas;
};
#define IOMMU_RESV_IOVA_RANGES _IO(IOMMUFD_TYPE, IOMMUFD_CMD_RESV_IOVA_RANGES)

/*
 * IOMMU_DEV_IOVA_RANGES: the IOVAs that remain when this device alone is attached to a new IOAS:
 * what IOMMU_IOAS_IOVA_RANGES would say then, ready for IOMMU_IOAS_ALLOW_IOVAS. Changes nothing.
 *
 * Members and errors as struct iommu_ioas_iova_ranges.
 */
struct iommu_dev_iova_ranges {
	__u32 size;
	__u32 dev_id;
	__u32 num_iovas;
	__u32 __reserved;
	__aligned_u64 allowed_iovas;
	__aligned_u64 out_iova_alignment;
};
#define IOMMU_DEV_IOVA_RANGES _IO(IOMMUFD_TYPE, IOMMUFD_CMD_DEV_IOVA_RANGES)

/* struct iommu_iova_lookup.out_kind: what out_addr is. */
enum iommu_iova_lookup_kind {
	IOMMU_IOVA_LOOKUP_KIND_USER_VA = 1, /* an address of process out_pid */
	IOMMU_IOVA_LOOKUP_KIND_FILE = 2,    /* an offset in the file */
	IOMMU_IOVA_LOOKUP_KIND_DMABUF = 3,  /* an offset in the dma-buf */
	IOMMU_IOVA_LOOKUP_KIND_PHYS = 4,    /* a physical address of the model */
	IOMMU_IOVA_LOOKUP_KIND_GUEST = 5,   /* an IOVA of the nesting parent */
};

/* struct iommu_iova_lookup.out_perm */
enum iommu_iova_lookup_perm {
	IOMMU_IOVA_LOOKUP_PERM_READ = 1 << 0,
	IOMMU_IOVA_LOOKUP_PERM_WRITE = 1 << 1,
};

/* struct iommu_iova_lookup.out_flags */
enum iommu_iova_lookup_flags {
	IOMMU_IOVA_LOOKUP_FLAG_DIRTY = 1 << 0,	 /* written, as dirty tracking has recorded */
	IOMMU_IOVA_LOOKUP_FLAG_PINNED = 1 << 1,	 /* its memory is pinned */
	IOMMU_IOVA_LOOKUP_FLAG_REVOKED = 1 << 2, /* its dma-buf was revoked */
};

/*
 * IOMMU_IOVA_LOOKUP: where @iova leads, for debugging. Touches no memory and changes no state,
 * accessed and dirty bits included. On an IOAS it tells what IOMMU_IOAS_MAP established; on an
 * HWPT, what the table says; on a nested one, what the guest's table says.
 *
 * @flags: 0
 * @pt_id: IOAS or HWPT
 * @out_start, @out_length: the mapping, or the page, that @iova is in
 * @out_addr: where @iova itself leads
 * @out_perm: enum iommu_iova_lookup_perm
 * @out_kind: enum iommu_iova_lookup_kind
 * @out_pid: the process that mapped it (KIND_USER_VA, KIND_FILE), else 0
 * @out_flags: enum iommu_iova_lookup_flags
 *
 * ENOENT: not mapped. EINVAL: @pt_id is something else. EOPNOTSUPP: a format that cannot be walked.
 */
struct iommu_iova_lookup {
	__u32 size;
	__u32 flags;
	__u32 pt_id;
	__u32 __reserved;
	__aligned_u64 iova;
	__aligned_u64 out_start;
	__aligned_u64 out_length;
	__aligned_u64 out_addr;
	__u32 out_perm;
	__u32 out_kind;
	__u32 out_pid;
	__u32 out_flags;
};
#define IOMMU_IOVA_LOOKUP _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOVA_LOOKUP)

#endif
