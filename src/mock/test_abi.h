/* SPDX-License-Identifier: MIT */
/*
 * IOMMU_TEST_CMD: the user API of the mock devices, with which conformance programs of iommufd make
 * devices and look behind the scenes. Layout and numbers are those that Linux 7.3's programs use.
 * There only when the test ABI is enabled; nothing but mock/ and its tests include this.
 */
#ifndef MOCK_TEST_ABI_H
#define MOCK_TEST_ABI_H

#include <assert.h>
#include <linux/types.h>
#include <stddef.h>

#include <uiommufd/iommufd.h>

/* struct iommu_test_cmd.op: what to do, and to what struct iommu_test_cmd.id belongs. */
enum iommu_test_op {
	IOMMU_TEST_OP_ADD_RESERVED = 1,		 /* IOAS */
	IOMMU_TEST_OP_MOCK_DOMAIN = 2,		 /* IOAS or HWPT to attach to */
	IOMMU_TEST_OP_MD_CHECK_MAP = 3,		 /* paging HWPT */
	IOMMU_TEST_OP_MD_CHECK_REFS = 4,	 /* - */
	IOMMU_TEST_OP_CREATE_ACCESS = 5,	 /* IOAS */
	IOMMU_TEST_OP_DESTROY_ACCESS_PAGES = 6,	 /* access descriptor */
	IOMMU_TEST_OP_ACCESS_PAGES = 7,		 /* access descriptor */
	IOMMU_TEST_OP_ACCESS_RW = 8,		 /* access descriptor */
	IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT = 9, /* - */
	IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE = 10,	 /* selftest device */
	IOMMU_TEST_OP_ACCESS_REPLACE_IOAS = 11,	 /* access descriptor */
	IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS = 12,	 /* IOAS or HWPT to attach to */
	IOMMU_TEST_OP_DIRTY = 13,		 /* paging HWPT */
	IOMMU_TEST_OP_MD_CHECK_IOTLB = 14,	 /* nested HWPT */
	IOMMU_TEST_OP_TRIGGER_IOPF = 15,	 /* - */
	IOMMU_TEST_OP_DEV_CHECK_CACHE = 16,	 /* device */
	IOMMU_TEST_OP_TRIGGER_VEVENT = 17,	 /* - */
	IOMMU_TEST_OP_PASID_ATTACH = 18,	 /* selftest device */
	IOMMU_TEST_OP_PASID_REPLACE = 19,	 /* selftest device */
	IOMMU_TEST_OP_PASID_DETACH = 20,	 /* selftest device */
	IOMMU_TEST_OP_PASID_CHECK_HWPT = 21,	 /* selftest device */
	IOMMU_TEST_OP_DMABUF_GET = 22,		 /* - */
	IOMMU_TEST_OP_DMABUF_REVOKE = 23,	 /* - */
};

/* The mock IOMMU's DEFAULT tables: smallest page, and the IOVAs they reach. */
#define MOCK_PAGE_SIZE	    2048
#define MOCK_APERTURE_START 0x1000000ULL
#define MOCK_APERTURE_LAST  0x7fffffffULL
/* The large page of its HUGE tables. */
#define MOCK_HUGE_PAGE_SIZE (512 * MOCK_PAGE_SIZE)

/* mock_domain_flags.dev_flags */
enum {
	MOCK_DEVICE_NO_DIRTY = 1 << 0, /* no dirty tracking */
	MOCK_DEVICE_PASID = 1 << 2,    /* PASIDs of MOCK_PASID_WIDTH bits */
};

#define MOCK_PASID_WIDTH    20
#define MOCK_PASID_RESERVED 1024 /* attaching it fails every second time */

/* create_access.flags */
enum {
	MOCK_ACCESS_NEEDS_PIN_PAGES = 1 << 0, /* may pin, not only read and write */
};

/* access_pages.flags, access_rw.flags */
enum {
	MOCK_ACCESS_WRITE = 1 << 0,
	MOCK_ACCESS_SLOW_PATH = 1 << 2, /* access_rw: not by a plain copy */
	MOCK_ACCESS_SYZ = 1 << 16,	/* iova counts from the start of the n-th mapping */
};

/* What the mock IOMMU answers to in the commands of <uiommufd/iommufd.h>. */
#define IOMMU_HWPT_DATA_SELFTEST	      0xdeadU
#define IOMMU_HWPT_INVALIDATE_DATA_SELFTEST   0xdeadbeefU
#define IOMMU_VIOMMU_TYPE_SELFTEST	      0xdeadbeefU
#define IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST 0xdeadbeefU
#define IOMMU_HW_QUEUE_TYPE_SELFTEST	      0xdeadbeefU
#define IOMMU_VEVENTQ_TYPE_SELFTEST	      0xbeefbeefU
#define IOMMU_HW_INFO_TYPE_SELFTEST	      0xfeedbeefU

#define MOCK_HW_INFO_TEST_REG  0xdeadbeefU
#define MOCK_HW_QUEUES	       2 /* of a vIOMMU */
#define MOCK_IOTLB_ENTRIES     4 /* of a nested HWPT */
#define MOCK_DEV_CACHE_ENTRIES 4 /* of a device */
#define MOCK_DEV_CACHE_INITIAL 0xbaddadU
#define MOCK_IOTLB_INITIAL     0xbadbeefU /* customary; the caller chooses */

/* Layouts of struct iommu_hwpt_selftest.pagetable_type. */
enum {
	MOCK_PAGETABLE_DEFAULT = 0, /* all sizes from 2 KiB on, in the aperture above */
	MOCK_PAGETABLE_HUGE = 1,    /* 4 KiB and 1 MiB, 38 bits */
};

/* IOMMU_HWPT_DATA_SELFTEST. @iotlb: what all IOTLB entries of a nested HWPT start as. */
struct iommu_hwpt_selftest {
	__u32 iotlb;
	__u32 pagetable_type;
};

/* Bit 0 of the flags of both kinds of invalidation. */
enum {
	MOCK_INVALIDATE_ALL = 1 << 0,
};

/* IOMMU_HWPT_INVALIDATE_DATA_SELFTEST, on a nested HWPT. */
struct iommu_hwpt_invalidate_selftest {
	__u32 flags;
	__u32 iotlb_id;
};

/* IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST, on a vIOMMU. @vdev_id: virt_id of a vDEVICE. */
struct iommu_viommu_invalidate_selftest {
	__u32 flags;
	__u32 vdev_id;
	__u32 cache_id;
};

/* IOMMU_VIOMMU_TYPE_SELFTEST. @out_data is @in_data; so is the first word of the region to mmap. */
struct iommu_viommu_selftest {
	__u32 in_data;
	__u32 out_data;
	__aligned_u64 out_mmap_offset;
	__aligned_u64 out_mmap_length;
};

/* IOMMU_VEVENTQ_TYPE_SELFTEST. @virt_id: low half of the vDEVICE's. */
struct iommu_vevent_selftest {
	__u32 virt_id;
};

/* IOMMU_HW_INFO_TYPE_SELFTEST. @flags: 0, @test_reg: MOCK_HW_INFO_TEST_REG. */
struct iommu_hw_info_selftest {
	__u32 flags;
	__u32 test_reg;
};

/*
 * IOMMU_TEST_CMD: does @op to @id. Members that start with out_, and pt_id, are written back.
 *
 * EOPNOTSUPP: no such operation. For the errors of each operation see [TEST].
 */
struct iommu_test_cmd {
	__u32 size;
	__u32 op;
	__u32 id;
	__u32 __reserved;
	union {
		struct {
			__aligned_u64 start;
			__aligned_u64 length;
		} add_reserved;
		/* mock_domain_flags is the same with an argument. */
		struct {
			__u32 out_stdev_id;
			__u32 out_hwpt_id;
			__u32 out_idev_id;
		} mock_domain;
		struct {
			__u32 out_stdev_id;
			__u32 out_hwpt_id;
			__u32 out_idev_id;
			__u32 dev_flags;
		} mock_domain_flags;
		struct {
			__u32 pt_id;
		} mock_domain_replace;
		struct {
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 uptr;
		} md_check_map;
		struct {
			__aligned_u64 length;
			__aligned_u64 uptr;
			__u32 refs;
		} md_check_refs;
		struct {
			__u32 out_access_fd;
			__u32 flags;
		} create_access;
		struct {
			__u32 access_pages_id;
		} destroy_access_pages;
		struct {
			__u32 flags;
			__u32 out_access_pages_id;
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 uptr;
		} access_pages;
		struct {
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 uptr;
			__u32 flags;
		} access_rw;
		struct {
			__u32 ioas_id;
		} access_replace_ioas;
		struct {
			__u32 limit;
		} set_temp_memory_limit;
		struct {
			__u32 flags;
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 page_size;
			__aligned_u64 uptr;
			__aligned_u64 out_nr_dirty;
		} dirty;
		struct {
			__u32 id;
			__u32 iotlb;
		} md_check_iotlb;
		struct {
			__u32 dev_id;
			__u32 pasid;
			__u32 grpid;
			__u32 perm;
			__u64 addr;
		} trigger_iopf;
		struct {
			__u32 id;
			__u32 cache;
		} dev_check_cache;
		struct {
			__u32 dev_id;
		} trigger_vevent;
		/* pasid_replace, too */
		struct {
			__u32 pasid;
			__u32 pt_id;
		} pasid_attach;
		struct {
			__u32 pasid;
		} pasid_detach;
		struct {
			__u32 pasid;
			__u32 hwpt_id;
		} pasid_check_hwpt;
		struct {
			__u32 length;
			__u32 open_flags;
		} dmabuf_get;
		struct {
			__s32 dmabuf_fd;
			__u32 revoked;
		} dmabuf_revoke;
	};
	__u32 last;
};
#define IOMMU_TEST_CMD _IO(IOMMUFD_TYPE, 0xa0)

#define TEST_ABI_AT(field, offset, bytes)                                             \
	static_assert(offsetof(struct iommu_test_cmd, field) == (offset) &&           \
			      sizeof(((struct iommu_test_cmd *)0)->field) == (bytes), \
		      "IOMMU_TEST_CMD: " #field)

static_assert(sizeof(struct iommu_test_cmd) == 72, "IOMMU_TEST_CMD");
static_assert(_Alignof(struct iommu_test_cmd) == 8, "IOMMU_TEST_CMD");
TEST_ABI_AT(op, 4, 4);
TEST_ABI_AT(id, 8, 4);
TEST_ABI_AT(add_reserved.start, 16, 8);
TEST_ABI_AT(add_reserved.length, 24, 8);
TEST_ABI_AT(mock_domain.out_stdev_id, 16, 4);
TEST_ABI_AT(mock_domain.out_hwpt_id, 20, 4);
TEST_ABI_AT(mock_domain.out_idev_id, 24, 4);
TEST_ABI_AT(mock_domain_flags.out_stdev_id, 16, 4);
TEST_ABI_AT(mock_domain_flags.out_hwpt_id, 20, 4);
TEST_ABI_AT(mock_domain_flags.out_idev_id, 24, 4);
TEST_ABI_AT(mock_domain_flags.dev_flags, 28, 4);
TEST_ABI_AT(mock_domain_replace.pt_id, 16, 4);
TEST_ABI_AT(md_check_map.iova, 16, 8);
TEST_ABI_AT(md_check_map.length, 24, 8);
TEST_ABI_AT(md_check_map.uptr, 32, 8);
TEST_ABI_AT(md_check_refs.length, 16, 8);
TEST_ABI_AT(md_check_refs.uptr, 24, 8);
TEST_ABI_AT(md_check_refs.refs, 32, 4);
TEST_ABI_AT(create_access.out_access_fd, 16, 4);
TEST_ABI_AT(create_access.flags, 20, 4);
TEST_ABI_AT(destroy_access_pages.access_pages_id, 16, 4);
TEST_ABI_AT(access_pages.flags, 16, 4);
TEST_ABI_AT(access_pages.out_access_pages_id, 20, 4);
TEST_ABI_AT(access_pages.iova, 24, 8);
TEST_ABI_AT(access_pages.length, 32, 8);
TEST_ABI_AT(access_pages.uptr, 40, 8);
TEST_ABI_AT(access_rw.iova, 16, 8);
TEST_ABI_AT(access_rw.length, 24, 8);
TEST_ABI_AT(access_rw.uptr, 32, 8);
TEST_ABI_AT(access_rw.flags, 40, 4);
TEST_ABI_AT(access_replace_ioas.ioas_id, 16, 4);
TEST_ABI_AT(set_temp_memory_limit.limit, 16, 4);
TEST_ABI_AT(dirty.flags, 16, 4);
TEST_ABI_AT(dirty.iova, 24, 8);
TEST_ABI_AT(dirty.length, 32, 8);
TEST_ABI_AT(dirty.page_size, 40, 8);
TEST_ABI_AT(dirty.uptr, 48, 8);
TEST_ABI_AT(dirty.out_nr_dirty, 56, 8);
TEST_ABI_AT(md_check_iotlb.id, 16, 4);
TEST_ABI_AT(md_check_iotlb.iotlb, 20, 4);
TEST_ABI_AT(trigger_iopf.dev_id, 16, 4);
TEST_ABI_AT(trigger_iopf.pasid, 20, 4);
TEST_ABI_AT(trigger_iopf.grpid, 24, 4);
TEST_ABI_AT(trigger_iopf.perm, 28, 4);
TEST_ABI_AT(trigger_iopf.addr, 32, 8);
TEST_ABI_AT(dev_check_cache.id, 16, 4);
TEST_ABI_AT(dev_check_cache.cache, 20, 4);
TEST_ABI_AT(trigger_vevent.dev_id, 16, 4);
TEST_ABI_AT(pasid_attach.pasid, 16, 4);
TEST_ABI_AT(pasid_attach.pt_id, 20, 4);
TEST_ABI_AT(pasid_detach.pasid, 16, 4);
TEST_ABI_AT(pasid_check_hwpt.pasid, 16, 4);
TEST_ABI_AT(pasid_check_hwpt.hwpt_id, 20, 4);
TEST_ABI_AT(dmabuf_get.length, 16, 4);
TEST_ABI_AT(dmabuf_get.open_flags, 20, 4);
TEST_ABI_AT(dmabuf_revoke.dmabuf_fd, 16, 4);
TEST_ABI_AT(dmabuf_revoke.revoked, 20, 4);
TEST_ABI_AT(last, 64, 4);
static_assert(sizeof(struct iommu_hwpt_selftest) == 8, "IOMMU_HWPT_DATA_SELFTEST");
static_assert(sizeof(struct iommu_hwpt_invalidate_selftest) == 8, "nested HWPT's invalidation");
static_assert(sizeof(struct iommu_viommu_invalidate_selftest) == 12, "vIOMMU's invalidation");
static_assert(sizeof(struct iommu_viommu_selftest) == 24, "IOMMU_VIOMMU_TYPE_SELFTEST");
static_assert(sizeof(struct iommu_vevent_selftest) == 4, "IOMMU_VEVENTQ_TYPE_SELFTEST");
static_assert(sizeof(struct iommu_hw_info_selftest) == 8, "IOMMU_HW_INFO_TYPE_SELFTEST");
static_assert(IOMMU_TEST_CMD == 0x3ba0, "IOMMU_TEST_CMD");
#undef TEST_ABI_AT

#endif
