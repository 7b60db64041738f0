/* SPDX-License-Identifier: MIT */
/*
 * Nested HWPTs: what a driver of hardware contributes to them [NESTED-DATA], [HWPT-INVALIDATE]. The
 * generic part is hwpt_nested.c.
 */
#ifndef IOMMUFD_NESTED_H
#define IOMMUFD_NESTED_H

#include "iommu/user_data.h"
#include "iommufd/device/hwpt.h"

struct nested_ops;
struct viommu;

/* A nested HWPT: a guest's stage-1 table on top of a nesting parent. */
struct hwpt_nested {
	struct hwpt base;
	struct hwpt_paging *parent; /* a user of it, unless by @viommu */
	struct viommu *viommu;	    /* NULL, or what it is on: a user of it */
	const struct nested_ops *nested_ops;
	void *state; /* the driver's */
};

/* Where the array of an invalidation is, and how much of it was handled. */
struct invalidation {
	struct uiommufd_caller *caller;
	uint64_t uptr;
	uint32_t type;
	uint32_t entry_len;
	uint32_t entries;
	uint32_t handled; /* out */
};

/*
 * Reads entry @index of the array into @entry, of @size bytes. A shorter entry is extended with
 * zeros; of a longer one the tail must be zero (-E2BIG). -EFAULT.
 */
int invalidation_read(const struct invalidation *invalidation, uint32_t index, void *entry,
		      size_t size);

/* What a nested HWPT can do, beside translating. */
struct nested_ops {
	/* NULL: -EOPNOTSUPP. */
	int (*invalidate)(struct hwpt_nested *hwpt, struct invalidation *invalidation);

	/* Frees hwpt->state. NULL: there is none. */
	void (*release)(struct hwpt_nested *hwpt);
};

/*
 * Sets up a nested HWPT whose parent (and vIOMMU, if on one) is known: its domain, nested_ops and
 * state. @flags are those of HWPT_ALLOC without FAULT_ID_VALID. 0 or a negative errno.
 */
typedef int (*nested_alloc_fn)(struct hwpt_nested *hwpt, uint32_t flags,
			       const struct user_data *data);

/* Nested HWPTs directly on a parent, for the kinds of IOMMU that have them. */
struct nested_driver {
	bool (*serves)(const struct iommu_kind *kind);
	nested_alloc_fn alloc;
};

/* Adds a driver. It is never taken out. */
void nested_register_driver(const struct nested_driver *driver);

/*
 * A nested HWPT on @parent or on @viommu, for HWPT_ALLOC: in cmd->out_hwpt_id what is published
 * when the fault queue is known, too.
 */
int nested_alloc_on_parent(struct ucmd *ucmd, struct iommufd_device *device,
			   struct hwpt_paging *parent);
int nested_alloc_on_viommu(struct ucmd *ucmd, struct iommufd_device *device, struct viommu *viommu);

/* Handlers of the table in iommufd/entry/dispatch.c. */
int ioctl_hwpt_invalidate(struct ucmd *ucmd);

#endif
