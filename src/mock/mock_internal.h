/* SPDX-License-Identifier: MIT */
/*
 * What the files of mock/ share. Only mock.c calls the operations; they return what the ioctl
 * returns.
 */
#ifndef MOCK_INTERNAL_H
#define MOCK_INTERNAL_H

#include "base/check.h"
#include "base/lock.h"
#include "iommu/kind.h"
#include "iommufd/device/device.h"
#include "iommufd/object/ucmd.h"
#include "iommufd/viommu/hwpt_nested.h"
#include "iommufd/viommu/viommu.h"
#include "mem/frame.h"
#include "mock/test_abi.h"

/* How the RID of a device is attached to a vIOMMU. */
struct mock_attachment {
	const struct iommu_domain *domain; /* that its RID goes through */
	uint64_t virt_id;		   /* of its vDEVICE when it was attached */
};

/* A mock device. Its object owns it. */
struct mock_device {
	struct iommufd_object object;
	struct iommu_endpoint *endpoint;
	struct iommufd_group *group;
	struct iommufd_device *device;
	struct lock lock; /* held for attach, replace, detach */
	_Atomic uint32_t cache[MOCK_DEV_CACHE_ENTRIES];

	/* Guarded by the group's lock. */
	bool reserved_pasid; /* MOCK_PASID_RESERVED was attached */
	struct mock_attachment attached;
	struct mock_attachment attaching; /* by the attach in progress */
};

/* The one mock IOMMU (mock/mock_iommu.c). 0 or -ENOMEM; *@iommu is borrowed. */
extern const struct iommu_kind mock_kind;
struct iommu *mock_iommu(void);
int mock_iommu_create(void);

/* Nested HWPTs (mock/mock_nested.c) and vIOMMUs (mock/mock_viommu.c) of the mock IOMMU. */
extern const struct nested_driver mock_nested_driver;
extern const struct viommu_driver mock_viommu_driver;
int mock_nested_alloc(struct hwpt_nested *hwpt, uint32_t flags, const struct user_data *data);

/* The RID of @mock goes through @domain from now on. Context: with the group's lock. */
void mock_rid_attached(struct mock_device *mock, const struct iommu_domain *domain);

/* The mock device with device object @dev_id, and a user of that object; or NULL. */
struct mock_device *mock_device_get(struct iommufd_ctx *ctx, uint32_t dev_id);

/*
 * Makes the caller's page at @uptr present for reading. *@bus: where this process has it. -EFAULT.
 */
int mock_present(struct uiommufd_caller *caller, uint64_t uptr, uint64_t *bus);

/* mock/mock_device.c */
int mock_domain(struct ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_domain_flags(struct ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_domain_replace(struct ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_pasid_attach(struct ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_pasid_replace(struct ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_pasid_detach(struct ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_pasid_check_hwpt(struct ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_trigger_iopf(struct ucmd *ucmd, struct iommu_test_cmd *cmd);

/* mock/mock_check.c */
int mock_add_reserved(struct ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_check_map(struct ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_dirty(struct ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_set_temp_memory_limit(struct ucmd *ucmd, struct iommu_test_cmd *cmd);

/* mock/mock_refs.c */
int mock_check_refs(struct ucmd *ucmd, struct iommu_test_cmd *cmd);

/* mock/mock_access.c */
int mock_create_access(struct ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_access_replace_ioas(struct ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_access_pages(struct ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_destroy_access_pages(struct ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_access_rw(struct ucmd *ucmd, struct iommu_test_cmd *cmd);

/* mock/mock_nested.c, mock/mock_viommu.c */
int mock_check_iotlb(struct ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_dev_check_cache(struct ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_trigger_vevent(struct ucmd *ucmd, struct iommu_test_cmd *cmd);

/* mock/mock_dmabuf.c */
int mock_dmabuf_get(struct ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_dmabuf_revoke(struct ucmd *ucmd, struct iommu_test_cmd *cmd);

#endif
