/* SPDX-License-Identifier: MIT */
/*
 * The user API of /dev/iommu: names, numbers and layouts of Linux 7.3's <linux/iommufd.h>, and
 * uiommufd's own commands at the end.
 *
 * 	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
 *
 * 	if (ioctl(fd, IOMMU_IOAS_ALLOC, &alloc))
 * 		err(1, "IOMMU_IOAS_ALLOC");
 *
 * 	struct iommu_ioas_map map = {
 * 		.size = sizeof(map),
 * 		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
 * 		.ioas_id = alloc.out_ioas_id,
 * 		.user_va = (uintptr_t)buffer,
 * 		.length = buffer_size,
 * 	};
 *
 * 	if (ioctl(fd, IOMMU_IOAS_MAP, &map))
 * 		err(1, "IOMMU_IOAS_MAP");
 * 	// The device now reaches the buffer at map.iova.
 *
 * Rules of every command (iommufd):
 *
 * - The argument points to a structure whose first member, size, is its sizeof. A shorter
 *   structure, from an older header, is read as if zeroes followed it. A longer one is accepted if
 *   all bytes behind the part that is known are zero. Below the mandatory part: EINVAL.
 * - Members named __reserved are 0 on input. Addresses of the caller travel as 64-bit integers.
 * - IOVA and lengths are in bytes; "last" is inclusive.
 * - All objects of an open file share one space of IDs; 0 is never an ID.
 * - ENOTTY: unknown command. E2BIG: non-zero bytes behind the part that is known. EOPNOTSUPP: a
 *   flag, type or reserved member has an unknown value. EINVAL: a known value is wrong here.
 *   ENOENT: no object has this ID and type, or nothing is mapped there. EOVERFLOW: the arithmetic
 *   wraps. EFAULT: the argument, or memory that it points to, is not accessible. ENOMEM: out of
 *   memory. The comments below state only what is particular to a command.
 * - A name in brackets, [IOAS-MAP], is a section of docs/abi: the order of the checks, and what is
 *   written back when.
 *
 * Together with <linux/iommufd.h>: if this header comes first, that one becomes empty. If that one
 * comes first, this one adds what it lacks and leaves the rest as it is: structures that Linux has
 * lengthened since (iommu_hwpt_alloc, iommu_hw_info, iommu_viommu_alloc) keep the length of that
 * header, and constants that an older enum lacks are macros.
 */
#ifndef UIOMMUFD_IOMMUFD_H
#define UIOMMUFD_IOMMUFD_H

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * The guard of <linux/iommufd.h>, as installed and as in the kernel's tree. A header that has the
 * newest command has everything; in an older one, #ifndef can only look for the commands.
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
/* The type of all commands, and the first number; numbers below it belong to VFIO. */
#define IOMMUFD_TYPE (';')

enum {
	IOMMUFD_CMD_BASE = 0x80,
	IOMMUFD_CMD_DESTROY = 0x80,
};

/*
 * IOMMU_DESTROY: destroys an object of any type. [DESTROY]
 *
 * @id: the object
 *
 * EBUSY: something else holds it: an IOAS with page tables or accesses, a page table with
 * attachments, a queue whose descriptor is open. Always for devices, accesses, and page tables that
 * attaching to an IOAS made.
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

/*
 * IOMMU_IOAS_ALLOC: makes an empty IO address space (IOAS). [IOAS-ALLOC]
 *
 * @flags: 0
 * @out_ioas_id: the IOAS
 */
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

/* The IOVAs from @start to @last, both included. */
struct iommu_iova_range {
	__aligned_u64 start;
	__aligned_u64 last;
};

/*
 * IOMMU_IOAS_IOVA_RANGES: tells which IOVAs can be mapped: those that no attached device and no
 * page table of the IOAS reserves, whether they are mapped now or not. Ascending. Attaching a
 * device may narrow them. [IOAS-IOVA-RANGES]
 *
 * @num_iovas: in: capacity of the array; out: how many ranges there are
 * @allowed_iovas: address of the array of struct iommu_iova_range that is filled in
 * @out_iova_alignment: IOVA and length of every mapping are multiples of this; 1 .. page size
 *
 * EMSGSIZE: the array is too small; it has the first ranges, and @num_iovas is how many there are.
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
 * IOMMU_IOAS_ALLOW_IOVAS: states which IOVAs must stay usable. Attaching a device that would
 * reserve part of them is refused. IOMMU_IOAS_MAP chooses IOVAs within them; fixed IOVAs may be
 * elsewhere. The list replaces that of the previous call as a whole; an empty list, the initial
 * state, promises nothing. [IOAS-ALLOW-IOVAS]
 *
 * @num_iovas: length of the array
 * @allowed_iovas: address of an array of struct iommu_iova_range, in any order
 *
 * EINVAL: entries overlap, or a start is not below its last. EADDRINUSE: part of them is already
 * reserved.
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

/* How to map; WRITEABLE, READABLE or both are required. */
enum iommufd_ioas_map_flags {
	IOMMU_IOAS_MAP_FIXED_IOVA = 1 << 0, /* at the given IOVA, instead of a free one */
	IOMMU_IOAS_MAP_WRITEABLE = 1 << 1,  /* devices may write */
	IOMMU_IOAS_MAP_READABLE = 1 << 2,   /* devices may read */
};

/*
 * IOMMU_IOAS_MAP: maps the caller's memory [@user_va, @user_va + @length) at @iova. The memory is
 * pinned while a page table or an access uses it: the IOVA then leads to the same pages, whatever
 * the caller does to its own mapping. [IOAS-MAP]
 *
 * @flags: enum iommufd_ioas_map_flags
 * @iova: in: with FIXED_IOVA; out: where it was placed
 *
 * EEXIST: something is mapped there. EINVAL: part of the range is reserved, or it is misaligned.
 * ENOSPC: no free range is long enough. EFAULT: the memory is not accessible with these rights.
 * ENOMEM: above RLIMIT_MEMLOCK, too.
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
 * IOMMU_IOAS_MAP_FILE: like IOMMU_IOAS_MAP, for the bytes [@start, @start + @length) of file @fd: a
 * memfd or another file of tmpfs or hugetlbfs, or a dma-buf of device memory. The descriptor may be
 * closed afterwards. [IOAS-MAP-FILE]
 *
 * EBADF: @fd is not open. EINVAL, when the memory is pinned: @fd is another kind of file, or the
 * range passes its end. ENODEV: the dma-buf is revoked.
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
 * [@src_iova, @src_iova + @length), without pinning or accounting it again. The range may be part
 * of a mapping, or of several adjacent ones. [IOAS-COPY]
 *
 * @flags: enum iommufd_ioas_map_flags; the rights of the copy do not follow those of the source
 * @dst_iova: in: with FIXED_IOVA; out: where it was placed
 *
 * ENOENT: the source range has a hole. EPERM: WRITEABLE, but the memory was first mapped without
 * it. Otherwise as for IOMMU_IOAS_MAP.
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
 * IOMMU_IOAS_UNMAP: removes all mappings in [@iova, @iova + @length), each as a whole. @iova 0 with
 * @length 2^64-1 removes everything, and does not fail if there is nothing. [IOAS-UNMAP]
 *
 * @length: out: bytes unmapped, without the holes between mappings
 *
 * ENOENT: nothing is mapped there, or a mapping is only partly inside; the mappings below that one
 * are then removed. EBUSY: a hardware queue uses a mapping, or it is still being made. EDEADLK: an
 * access does not unpin it.
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
 * IOMMU_IOAS_CHANGE_PROCESS: makes the caller the owner of every mapping of the context and moves
 * the accounting of locked memory to it, for instance after a live update. All or nothing.
 * [IOAS-CHANGE-PROCESS]
 *
 * EINVAL: a mapping was not made by IOMMU_IOAS_MAP_FILE. ENOMEM: above the caller's limit, too.
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
 * IOMMU_IOAS_NOIOMMU_GET_PA: gives the physical address behind @iova, for devices without an IOMMU.
 * [NOIOMMU-GET-PA]
 *
 * @flags: 0
 * @length: in: bytes wanted, not 0; out: how many of them are contiguous from @out_phys on
 *
 * EPERM: no CAP_SYS_RAWIO. ENOENT: not mapped. EOPNOTSUPP: not built in (uiommufd: always),
 * @flags is not 0, or an IOMMU translates.
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
	 * Pinned pages are charged to the user (0, initially) or the process (1). Object 0. Setting
	 * it needs CAP_SYS_RESOURCE (EPERM) and a context without objects (EBUSY).
	 */
	IOMMU_OPTION_RLIMIT_MODE = 0,
	/*
	 * Page tables may have large pages (1, initially), or every entry covers one system page
	 * (0). Object: an IOAS. 0 is refused while the IOAS is in use (EINVAL) or has unaligned
	 * mappings (EADDRINUSE).
	 */
	IOMMU_OPTION_HUGE_PAGES = 1,
};

enum iommufd_option_ops {
	IOMMU_OPTION_OP_SET = 0,
	IOMMU_OPTION_OP_GET = 1,
};

/*
 * IOMMU_OPTION: sets or reads an option. [OPTION]
 *
 * @option_id: enum iommufd_option
 * @op: enum iommufd_option_ops
 * @object_id: the object, if the option belongs to one
 * @val64: SET: the new value; GET: out: the value in force
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
 * IOMMU_VFIO_IOAS: selects the IOAS that the commands of VFIO's type1 container work on
 * (<uiommufd/vfio.h>). [OPTION]
 *
 * @ioas_id: SET: the IOAS; GET: out: the IOAS. CLEAR selects none, and destroys nothing
 * @op: enum iommufd_vfio_ioas_op
 *
 * ENODEV: GET, and none is selected.
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

/* Linux lengthened IOMMU_HWPT_ALLOC in the release that brought IOMMU_HWPT_SET_DIRTY_TRACKING. */
#ifndef IOMMU_HWPT_SET_DIRTY_TRACKING
/* What a page table (HWPT) must be able to do. */
enum iommufd_hwpt_alloc_flags {
	IOMMU_HWPT_ALLOC_NEST_PARENT = 1 << 0,	  /* carry nested page tables */
	IOMMU_HWPT_ALLOC_DIRTY_TRACKING = 1 << 1, /* record writes */
	IOMMU_HWPT_FAULT_ID_VALID = 1 << 2,	  /* send page requests to queue fault_id */
	IOMMU_HWPT_ALLOC_PASID = 1 << 3, /* be attached to a PASID, or to the RID beside PASIDs */
};

/* struct iommu_hwpt_vtd_s1.flags: fields of a PASID table entry (VT-d 5.0 9.6). */
enum iommu_hwpt_vtd_s1_flags {
	IOMMU_VTD_S1_SRE = 1 << 0,  /* supervisor requests are allowed */
	IOMMU_VTD_S1_EAFE = 1 << 1, /* the extended accessed flag is set */
	IOMMU_VTD_S1_WPE = 1 << 2,  /* write protection applies to supervisor requests, too */
};

/*
 * IOMMU_HWPT_DATA_VTD_S1: a first-stage table of the guest.
 *
 * @flags: enum iommu_hwpt_vtd_s1_flags
 * @pgtbl_addr: address of its root in the address space of the parent
 * @addr_width: width of an input address in bits
 */
struct iommu_hwpt_vtd_s1 {
	__aligned_u64 flags;
	__aligned_u64 pgtbl_addr;
	__u32 addr_width;
	__u32 __reserved;
};

/* struct iommu_hwpt_alloc.data_type: which structure data_uptr points to. */
enum iommu_hwpt_data_type {
	IOMMU_HWPT_DATA_NONE = 0,	/* nothing */
	IOMMU_HWPT_DATA_VTD_S1 = 1,	/* struct iommu_hwpt_vtd_s1 */
	IOMMU_HWPT_DATA_ARM_SMMUV3 = 2, /* struct iommu_hwpt_arm_smmuv3 */
	IOMMU_HWPT_DATA_AMD_GUEST = 3,	/* struct iommu_hwpt_amd_guest */
};
#endif

#ifndef IOMMU_VIOMMU_ALLOC
/*
 * IOMMU_HWPT_DATA_ARM_SMMUV3: the guest's stream table entry. The driver takes V, Cfg and the
 * stage-1 fields.
 *
 * @ste: words 0 and 1
 *
 * EIO: other bits are set, or Cfg is not abort, bypass or stage-1 translation.
 */
struct iommu_hwpt_arm_smmuv3 {
	__aligned_le64 ste[2];
};
#endif

#ifdef UIOMMUFD_AFTER_OLDER
/* No command tells whether that header has these structures, so these get tags of their own. */
#define iommu_hwpt_amd_guest uiommufd_iommu_hwpt_amd_guest
#define iommu_hw_info_amd    uiommufd_iommu_hw_info_amd
#endif

#if defined(UIOMMUFD_IS_FIRST) || defined(UIOMMUFD_AFTER_OLDER)
/*
 * IOMMU_HWPT_DATA_AMD_GUEST: the guest's device table entry. The root of the guest table, its
 * levels, GIOV, GV, V and the guest paging mode are used.
 *
 * @dte: the entry
 *
 * EINVAL: a field of the host is set.
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
 * holds what is mapped there, now and later. On an HWPT with NEST_PARENT or on a vIOMMU it is
 * nested: the guest writes it. [HWPT-ALLOC]
 *
 * @flags: enum iommufd_hwpt_alloc_flags; if nested, only FAULT_ID_VALID and PASID
 * @dev_id: a device behind the IOMMU
 * @pt_id: IOAS, HWPT with NEST_PARENT, or vIOMMU
 * @out_hwpt_id: the HWPT
 * @data_type: enum iommu_hwpt_data_type
 * @data_len, @data_uptr: bytes and address of the structure that @data_type names
 * @fault_id: with FAULT_ID_VALID: the fault queue
 *
 * EOPNOTSUPP: the IOMMU has no such table. EINVAL: @pt_id does not exist or has another type, or
 * the data is wrong. EADDRINUSE: IOVAs that the table cannot reach are mapped or allowed. EFAULT,
 * ENOMEM: as for IOMMU_IOAS_MAP, for what is mapped already.
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
/* struct iommu_hw_info.out_capabilities: what the IOMMU can do for this device. */
enum iommufd_hw_capabilities {
	IOMMU_HW_CAP_DIRTY_TRACKING = 1 << 0,	     /* IOMMU_HWPT_ALLOC_DIRTY_TRACKING */
	IOMMU_HW_CAP_PCI_PASID_EXEC = 1 << 1,	     /* execute requests with PASID */
	IOMMU_HW_CAP_PCI_PASID_PRIV = 1 << 2,	     /* privileged requests with PASID */
	IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED = 1 << 3, /* the device caches no translations */
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
 * IOMMU_HWPT_SET_DIRTY_TRACKING: starts or stops recording which memory devices write through a
 * page table. Starting discards what was recorded before. [DIRTY-SET]
 *
 * @flags: IOMMU_HWPT_DIRTY_TRACKING_ENABLE starts, 0 stops
 * @hwpt_id: the page table
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
	IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR = 1, /* what is reported stays dirty */
};

/*
 * IOMMU_HWPT_GET_DIRTY_BITMAP: reports which memory in [@iova, @iova + @length) was written, up to
 * the first hole. What is reported is clean afterwards. [DIRTY-BITMAP]
 *
 * @hwpt_id: the page table
 * @flags: enum iommufd_hwpt_get_dirty_bitmap_flags
 * @page_size: bytes per bit, a power of two; may differ from the page sizes of the table
 * @data: address of the bitmap, lowest bit of the first byte first. Bits are set, never cleared
 *
 * EINVAL: the start or end of the range is not a multiple of @page_size. EOPNOTSUPP: the page table
 * does not track.
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

/* struct iommu_hwpt_invalidate.data_type: the type of the array's entries. */
enum iommu_hwpt_invalidate_data_type {
	IOMMU_HWPT_INVALIDATE_DATA_VTD_S1 = 0,	     /* struct iommu_hwpt_vtd_s1_invalidate */
	IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3 = 1, /* struct iommu_viommu_arm_smmuv3_invalidate */
};

/* struct iommu_hwpt_vtd_s1_invalidate.flags */
enum iommu_hwpt_vtd_s1_invalidate_flags {
	IOMMU_VTD_INV_FLAGS_LEAF = 1 << 0, /* only leaf entries have changed */
};

/*
 * One entry that drops cached translations of a nested VT-d table.
 *
 * @addr: first address, of the guest, a multiple of 4096
 * @npages: how many pages of 4 KiB; all ones, with @addr 0: the whole table
 * @flags: enum iommu_hwpt_vtd_s1_invalidate_flags
 */
struct iommu_hwpt_vtd_s1_invalidate {
	__aligned_u64 addr;
	__aligned_u64 npages;
	__u32 flags;
	__u32 __reserved;
};

/*
 * IOMMU_HWPT_INVALIDATE: drops cached translations, after the guest has changed its tables.
 * [HWPT-INVALIDATE]
 *
 * @hwpt_id: a nested HWPT, or a vIOMMU
 * @data_uptr: address of an array; 0 entries ask whether @data_type is supported
 * @data_type: enum iommu_hwpt_invalidate_data_type
 * @entry_len: bytes per entry
 * @entry_num: in: how many entries; out, on failure too: how many were handled
 *
 * EINVAL: @data_type does not suit the object, or an entry is wrong. EIO: a command that a guest
 * may not issue.
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
/*
 * One command of the guest's SMMUv3 queue: TLBI, CFGI or ATC_INV. Stream IDs are those of vDEVICEs.
 */
struct iommu_viommu_arm_smmuv3_invalidate {
	__aligned_le64 cmd[2];
};
#endif

/* ---- the IOMMU of a device ---- */

#ifndef IOMMU_GET_HW_INFO
enum {
	IOMMUFD_CMD_GET_HW_INFO = 0x8a,
};

/* Which structure describes the IOMMU. */
enum iommu_hw_info_type {
	IOMMU_HW_INFO_TYPE_NONE = 0,	       /* out: no structure */
	IOMMU_HW_INFO_TYPE_DEFAULT = 0,	       /* in: the one that the driver prefers */
	IOMMU_HW_INFO_TYPE_INTEL_VTD = 1,      /* struct iommu_hw_info_vtd */
	IOMMU_HW_INFO_TYPE_ARM_SMMUV3 = 2,     /* struct iommu_hw_info_arm_smmuv3 */
	IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV = 3, /* struct iommu_hw_info_tegra241_cmdqv */
	IOMMU_HW_INFO_TYPE_AMD = 4,	       /* struct iommu_hw_info_amd */
};

/*
 * Registers of a VT-d IOMMU.
 *
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
 * IOMMU_GET_HW_INFO: describes the IOMMU that a device is behind. [HW-INFO]
 *
 * @flags: enum iommufd_hw_info_flags
 * @dev_id: the device
 * @data_len: in: bytes at @data_uptr; out: length of the structure. What does not fit is left out;
 * 	bytes behind the structure are zeroed
 * @data_uptr: address to write the structure to
 * @in_data_type: with INPUT_TYPE: the type wanted
 * @out_data_type: the type written
 * @out_max_pasid_log2: width of a PASID in bits; 0: the device has none
 * @out_capabilities: enum iommufd_hw_capabilities
 *
 * ENOENT: also for emulated (mediated) devices. EOPNOTSUPP: the IOMMU has no structure of this
 * type.
 */
struct iommu_hw_info {
	__u32 size;
	__u32 flags;
	__u32 dev_id;
	__u32 data_len;
	__aligned_u64 data_uptr;
	__extension__ union {
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
	IOMMU_HW_INFO_FLAG_INPUT_TYPE = 1 << 0, /* in_data_type is valid */
};

/*
 * The queue extension of a Tegra241 SMMUv3.
 *
 * @flags: 0
 * @version: version of the extension
 * @log2vcmdqs: log2 of how many queues a VM can have
 * @log2vsids: log2 of how many stream IDs a VM can have
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
 * Registers of an SMMUv3. A VM sees of them what its monitor lets through.
 *
 * @flags: enum iommu_hw_info_arm_smmuv3_flags
 * @idr: IDR0 to IDR5
 * @iidr, @aidr: implementer and version of the architecture
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
	IOMMU_PGFAULT_FLAGS_LAST_PAGE = 1 << 1,	  /* the last request of its group */
};

/* struct iommu_hwpt_pgfault.perm: what the device wanted (PCIe 6.0 10.4.1). */
enum iommu_hwpt_pgfault_perm {
	IOMMU_PGFAULT_PERM_READ = 1 << 0,
	IOMMU_PGFAULT_PERM_WRITE = 1 << 1,
	IOMMU_PGFAULT_PERM_EXEC = 1 << 2, /* with PASID */
	IOMMU_PGFAULT_PERM_PRIV = 1 << 3, /* with PASID */
};

/*
 * A page request, as read from a fault queue's descriptor. Reading takes whole groups and does not
 * wait: 0 bytes if there is none. [FAULT-READ]
 *
 * @flags: enum iommu_hwpt_pgfault_flags
 * @dev_id: the device
 * @pasid: with PASID_VALID: the PASID
 * @grpid: index of the page request group
 * @perm: enum iommu_hwpt_pgfault_perm
 * @addr: the address that the device wants to access
 * @length: bytes that it expects to need; 0: unknown
 * @cookie: identifies the group in the response
 *
 * EINVAL: the first group does not fit. ESPIPE: the length is not a multiple of this structure.
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
	IOMMUFD_PAGE_RESP_SUCCESS = 0, /* the page is mapped now: try again */
	IOMMUFD_PAGE_RESP_INVALID = 1, /* the access fails */
};

/*
 * The answer to a page request group, written to the fault queue's descriptor. [FAULT-RESPONSE]
 *
 * @cookie: the group
 * @code: enum iommufd_page_response_code
 *
 * EINVAL: unknown code, or no group with this cookie waits.
 */
struct iommu_hwpt_page_response {
	__u32 cookie;
	__u32 code;
};

/*
 * IOMMU_FAULT_QUEUE_ALLOC: makes a queue of page requests, for IOMMU_HWPT_ALLOC. [FAULT-QUEUE]
 *
 * @flags: 0
 * @out_fault_id: the object, which the descriptor holds
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
	/* The VM's monitor keeps HYP_OWN of the guest's VINTF_CONFIG at 0. */
	IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV = 2,
};

/*
 * IOMMU_VIOMMU_ALLOC: makes a vIOMMU: the share of an IOMMU that one VM has. [VIOMMU-ALLOC]
 *
 * @flags: 0
 * @type: enum iommu_viommu_type
 * @dev_id: a device behind the IOMMU
 * @hwpt_id: the VM's memory: an HWPT with IOMMU_HWPT_ALLOC_NEST_PARENT
 * @out_viommu_id: the vIOMMU
 * @data_len, @data_uptr: bytes and address of the structure of this type, if it has one
 *
 * EOPNOTSUPP: the IOMMU has no such type. EINVAL: @hwpt_id is not a nesting parent.
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
/*
 * IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV: offset and length for an mmap of /dev/iommu, which maps page 0
 * of the interface. [MMAP]
 */
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
 * IOMMU_VDEVICE_ALLOC: makes a vDEVICE: a device as the VM sees it. Unbinding the device destroys
 * the vDEVICE; the context never uses its ID again. [VDEVICE-ALLOC]
 *
 * @viommu_id: the vIOMMU
 * @dev_id: the device
 * @out_vdevice_id: the vDEVICE
 * @virt_id: the guest's name for it, for instance its stream ID; unique in the vIOMMU
 *
 * EEXIST: @virt_id is in use, or the device has a vDEVICE. EINVAL: the device is behind another
 * IOMMU.
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
	/* The newest events did not fit in the queue. No data follows this header. */
	IOMMU_VEVENTQ_FLAG_LOST_EVENTS = 1U << 0,
};

/*
 * Precedes each event that is read from an event queue's descriptor. [VEVENTQ-READ]
 *
 * @flags: enum iommu_veventq_flag
 * @sequence: that of the previous event plus 1, 0 after 2^31-1; a gap means lost events
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

/* An event record of the SMMUv3 (Arm IHI 0070 7.3), with the stream ID of the vDEVICE. */
struct iommu_vevent_arm_smmuv3 {
	__aligned_le64 evt[4];
};

/*
 * IOMMU_VEVENTQ_ALLOC: makes the queue for one type of event of a vIOMMU. [VEVENTQ-ALLOC]
 *
 * @flags: 0
 * @type: enum iommu_veventq_type
 * @veventq_depth: how many events wait for the reader at most, 1 .. 2^19
 * @out_veventq_id: the object, which the descriptor holds
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

/* Which of the VM's command queues have an error, as in the hardware's LVCMDQ_ERR_MAP. */
struct iommu_vevent_tegra241_cmdqv {
	__aligned_le64 lvcmdq_err_map[2];
};

enum iommu_hw_queue_type {
	IOMMU_HW_QUEUE_TYPE_DEFAULT = 0, /* not valid */
	/*
	 * The length is a power of two, at least 32 bytes, and the address a multiple of it. Queues
	 * are made in ascending order of the index from 0 on, and destroyed in descending order.
	 */
	IOMMU_HW_QUEUE_TYPE_TEGRA241_CMDQV = 1,
};

/*
 * IOMMU_HW_QUEUE_ALLOC: lets the hardware work on a queue in the guest's memory. That memory cannot
 * be unmapped until the queue is destroyed. [HW-QUEUE]
 *
 * @flags: 0
 * @viommu_id: the vIOMMU
 * @type: enum iommu_hw_queue_type
 * @index: which queue of this type
 * @out_hw_queue_id: the queue
 * @nesting_parent_iova: address of the queue in the address space of the vIOMMU's HWPT
 * @length: bytes
 *
 * EOPNOTSUPP: the vIOMMU has no such queues. ENOENT: the memory is not mapped. EPERM: it is not
 * readable. EFAULT: it is not physically contiguous. EEXIST: the index is in use.
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
 * Linux does not have these commands; its numbers stay below theirs. To find out whether they
 * exist, issue IOMMU_RESV_IOVA_RANGES with dev_id 0: ENOENT if they do, ENOTTY if not.
 * [EXT-NUMBERS]
 */
enum {
	IOMMUFD_CMD_RESV_IOVA_RANGES = 0xc0,
	IOMMUFD_CMD_DEV_IOVA_RANGES = 0xc1,
	IOMMUFD_CMD_IOVA_LOOKUP = 0xc2,
	IOMMUFD_CMD_IOAS_GET_INFO = 0xc3,
};

/*
 * IOMMU_RESV_IOVA_RANGES: tells which IOVAs attaching a device reserves in an IOAS. A VM's monitor
 * passes them to a guest that owns its page tables. Ascending, and merged where they touch.
 * [EXT-RESV-RANGES]
 *
 * @dev_id: the device
 * @num_iovas: in: capacity of the array; out: how many ranges there are
 * @resv_iovas: address of the array of struct iommu_iova_range that is filled in
 *
 * EMSGSIZE: the array is too small; it has the first ranges, and @num_iovas is how many there are.
 * ENOENT: also for emulated (mediated) devices.
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
 * IOMMU_DEV_IOVA_RANGES: tells which IOVAs a new IOAS would permit with this device alone: what
 * IOMMU_IOAS_IOVA_RANGES would report, ready for IOMMU_IOAS_ALLOW_IOVAS. Changes nothing.
 * [EXT-DEV-RANGES]
 *
 * The members and errors are those of struct iommu_ioas_iova_ranges.
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

/* struct iommu_iova_lookup.out_kind: the meaning of out_addr. */
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
	IOMMU_IOVA_LOOKUP_FLAG_DIRTY = 1 << 0,	 /* dirty tracking has recorded a write */
	IOMMU_IOVA_LOOKUP_FLAG_PINNED = 1 << 1,	 /* the memory is pinned */
	IOMMU_IOVA_LOOKUP_FLAG_REVOKED = 1 << 2, /* the dma-buf was revoked */
};

/*
 * IOMMU_IOVA_LOOKUP: tells where @iova leads, for debugging. Accesses no memory of the program and
 * changes no state, not even accessed and dirty bits. For an IOAS it reports the mapping, for an
 * HWPT the table's entry, for a nested HWPT the entry of the guest's table. [EXT-LOOKUP]
 *
 * @flags: 0
 * @pt_id: IOAS or HWPT
 * @iova: the address to look up
 * @out_start, @out_length: the mapping, or the page, that contains @iova
 * @out_addr: the address that @iova leads to
 * @out_perm: enum iommu_iova_lookup_perm
 * @out_kind: enum iommu_iova_lookup_kind
 * @out_pid: KIND_USER_VA, KIND_FILE: the process that mapped it; else 0
 * @out_flags: enum iommu_iova_lookup_flags
 *
 * ENOENT: not mapped. EINVAL: @pt_id is neither. EOPNOTSUPP: the format cannot be walked.
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

/* struct iommu_ioas_get_info.out_capabilities */
enum iommu_ioas_info_capabilities {
	IOMMU_IOAS_INFO_MAP = 1 << 0,		      /* IOMMU_IOAS_MAP and _UNMAP */
	IOMMU_IOAS_INFO_PGTABLE_BINDING = 1 << 1,     /* nested HWPTs from a page table */
	IOMMU_IOAS_INFO_PASID_TABLE_BINDING = 1 << 2, /* from a table of PASIDs or contexts */
	IOMMU_IOAS_INFO_HW_NESTING = 1 << 3,	      /* the hardware walks both stages */
	IOMMU_IOAS_INFO_SW_NESTING = 1 << 4,	      /* IOMMU_HWPT_DATA_SOFT_S1 */
	IOMMU_IOAS_INFO_DIRTY_TRACKING = 1 << 5,
	IOMMU_IOAS_INFO_PAGE_REQUESTS = 1 << 6, /* HWPTs with a fault queue */
	IOMMU_IOAS_INFO_PASID = 1 << 7,		/* attachments of PASIDs */
};

/*
 * IOMMU_IOAS_GET_INFO: tells what an IOAS can do with what is attached to it now. The answer
 * changes with each attachment. [EXT-GET-INFO]
 *
 * @flags: 0
 * @ioas_id: the IOAS
 * @out_capabilities: enum iommu_ioas_info_capabilities: those of all devices that are attached to
 *                    its HWPTs, nested ones included; with none, MAP and SW_NESTING
 * @out_page_sizes: bit n: leaves of 2^n bytes are possible in every HWPT; with none, all from the
 *                  size of a page on
 * @out_alignment: IOVAs and lengths are multiples of it
 * @out_num_permitted: how many ranges IOMMU_IOAS_IOVA_RANGES gives
 * @out_num_tables: paging HWPTs
 * @out_num_devices: attachments of devices; each PASID counts
 */
struct iommu_ioas_get_info {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__u32 __reserved;
	__aligned_u64 out_capabilities;
	__aligned_u64 out_page_sizes;
	__u32 out_alignment;
	__u32 out_num_permitted;
	__u32 out_num_tables;
	__u32 out_num_devices;
};
#define IOMMU_IOAS_GET_INFO _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_GET_INFO)

/*
 * Software nesting: data_type of IOMMU_HWPT_ALLOC on a paging HWPT of any kind of IOMMU (it need
 * not be a nesting parent) or on a vIOMMU, and of IOMMU_HWPT_INVALIDATE on the nested HWPT.
 * [EXT-SOFT-NESTING]
 */
enum {
	IOMMU_HWPT_DATA_SOFT_S1 = 0xc0,		   /* struct iommu_hwpt_soft_s1 */
	IOMMU_HWPT_INVALIDATE_DATA_SOFT_S1 = 0xc0, /* struct iommu_hwpt_soft_s1_invalidate */
};

/* struct iommu_hwpt_soft_s1.format */
enum iommu_soft_s1_format {
	IOMMU_SOFT_S1_X86_4 = 1, /* x86-64, 4 levels: VT-d first stage, AMD v2 */
	IOMMU_SOFT_S1_X86_5 = 2,
	IOMMU_SOFT_S1_SV39 = 3, /* RISC-V */
	IOMMU_SOFT_S1_SV48 = 4,
	IOMMU_SOFT_S1_SV57 = 5,
	IOMMU_SOFT_S1_ARM_4K = 6, /* Arm LPAE stage 1, granule of 4 KiB */
	IOMMU_SOFT_S1_AMDV1 = 7,
	IOMMU_SOFT_S1_VTDSS = 8, /* VT-d second stage */
};

/* struct iommu_hwpt_soft_s1.flags */
enum iommu_soft_s1_flags {
	/*
	 * Accessed and dirty bits are set in the table. Without this flag, a clear one that the
	 * format makes software set (RISC-V; the access flag of Arm) is a fault.
	 */
	IOMMU_SOFT_S1_MARK = 1 << 0,
};

/*
 * IOMMU_HWPT_DATA_SOFT_S1: a table of the user's in the parent's IOVA space.
 *
 * @format: enum iommu_soft_s1_format
 * @flags: enum iommu_soft_s1_flags
 * @root: IOVA of the first table, aligned as the format wants: 4 KiB, for Arm the table's size
 * @addr_width: bits of an input address; 0: the format's greatest
 *
 * EOPNOTSUPP: unknown format or flags. EINVAL: the format has no such root or width.
 */
struct iommu_hwpt_soft_s1 {
	__u32 format;
	__u32 flags;
	__aligned_u64 root;
	__u32 addr_width;
	__u32 __reserved;
};

/* IOMMU_HWPT_INVALIDATE_DATA_SOFT_S1: @npages pages of 4 KiB from @iova on; all ones: all. */
struct iommu_hwpt_soft_s1_invalidate {
	__aligned_u64 iova;
	__aligned_u64 npages;
};

#endif
