/* SPDX-License-Identifier: MIT */
/*
 * Nested HWPTs: a guest's stage-1 table on top of a nesting parent. The interface between the
 * generic part (hwpt_nested.c) and the drivers of the kinds of IOMMU, which know the formats
 * [NESTED-DATA], [HWPT-INVALIDATE].
 */
#ifndef IOMMUFD_HWPT_NESTED_H
#define IOMMUFD_HWPT_NESTED_H

#include "iommu/user_data.h"
#include "iommufd/device/hwpt.h"

struct nested_ops;
struct tlb_match;
struct viommu;

struct hwpt_nested {
	struct hwpt base;
	struct hwpt_paging *parent; /* holds a user of it, or @viommu does */
	struct viommu *viommu;	    /* holds a user of it; NULL: directly on the parent */
	const struct nested_ops *nested_ops;
	void *state; /* of the driver */
};

/* An IOMMU_HWPT_INVALIDATE: where its array is, and how much of it was handled. */
struct invalidation {
	struct uiommufd_caller *caller;
	uint64_t uptr;
	uint32_t type;
	uint32_t entry_len; /* PAGE_SIZE at most */
	uint32_t entries;
	uint32_t handled; /* result, also of a failure */
};

/*
 * Reads entry @index of the array into @entry, of @size bytes. A shorter entry is extended with
 * zeros. 0; -E2BIG: a longer entry has bytes other than 0 at its end; -EFAULT.
 */
int invalidation_read(const struct invalidation *invalidation, uint32_t index, void *entry,
		      size_t size);

enum {
	INVALIDATION_ENTRY_MAX = 32
};

/* Carries out one entry of a nested HWPT. 0 or a negative errno. */
typedef int (*invalidation_entry_fn)(struct hwpt_nested *hwpt, const void *entry);

/*
 * Reads the entries, which have exactly @size bytes (at most INVALIDATION_ENTRY_MAX), and calls
 * @carry_out for one after another. 0; -EINVAL: another length; the error of the first that fails.
 */
int invalidation_run(struct hwpt_nested *hwpt, struct invalidation *invalidation, size_t size,
		     invalidation_entry_fn carry_out);

/*
 * Makes @match that of @npages pages from @addr on (0: one address; all ones: everything). 0;
 * -EINVAL: @addr is not the address of a page, or not 0 where @npages means everything.
 */
int invalidation_match_pages(uint64_t addr, uint64_t npages, struct tlb_match *match);

/* What a nested HWPT does beyond translating. */
struct nested_ops {
	/* IOMMU_HWPT_INVALIDATE of the HWPT. NULL: -EOPNOTSUPP. */
	int (*invalidate)(struct hwpt_nested *hwpt, struct invalidation *invalidation);

	/* Frees hwpt->state. NULL: there is none. */
	void (*release)(struct hwpt_nested *hwpt);
};

/*
 * Sets the domain, nested_ops and state of a new nested HWPT; its parent, and its vIOMMU if it has
 * one, are set already. @flags are those of HWPT_ALLOC without FAULT_ID_VALID. 0 or a negative
 * errno.
 */
typedef int (*nested_alloc_fn)(struct hwpt_nested *hwpt, uint32_t flags,
			       const struct user_data *data);

/* Nested HWPTs directly on a parent, for the kinds of IOMMU that support them. */
struct nested_driver {
	bool (*serves)(const struct iommu_kind *kind);
	nested_alloc_fn alloc;
};

/* Appends @driver (borrowed for good); the first that serves a kind is taken. */
void nested_register_driver(const struct nested_driver *driver);

/*
 * IOMMU_HWPT_ALLOC of a nested HWPT on @parent or on @viommu: creates it, answers the command and
 * publishes it. 0 or a negative errno.
 */
int nested_alloc_on_parent(struct ucmd *ucmd, struct iommufd_device *device,
			   struct hwpt_paging *parent);
int nested_alloc_on_viommu(struct ucmd *ucmd, struct iommufd_device *device, struct viommu *viommu);

/* Handler of the table in iommufd/entry/dispatch.c. */
int ioctl_hwpt_invalidate(struct ucmd *ucmd);

#endif
