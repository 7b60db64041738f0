/* SPDX-License-Identifier: MIT */
/*
 * Translations that a device keeps: translation requests, requests that are translated already, and
 * invalidations (PCIe 6.0 10, Address Translation Services).
 *
 * An endpoint that keeps translations has a function for invalidations. It is called after entries
 * have left the tables, and before the unmap, detachment or invalidation that removed them returns.
 * The device guards what it keeps with a lock, which that function takes: it holds the lock from a
 * translation until that is stored, and during each access through one. So when the function
 * returns, no access through the old entries is under way, and none follows.
 *
 * Nothing that is written through a kept translation is marked in the tables. So no translation for
 * writing is given while a domain tracks what is written, and those that are kept are invalidated
 * when that begins.
 */
#ifndef IOMMU_ATS_H
#define IOMMU_ATS_H

#include "iommu/iommu.h"

enum {
	ATS_ALL_PASIDS = UINT32_MAX
};

/* Context: the thread that unmaps or detaches, with its locks, up to LOCK_ENDPOINTS. */
typedef void (*ats_handler)(void *arg, uint32_t pasid, struct iova_range range);

/* From then on the endpoint can use ATS. Context: before the endpoint is attached, and once. */
void ats_enable(struct iommu_endpoint *endpoint, ats_handler handler, void *arg);

/* What a device keeps: @len bytes at @iova are at @bus, and may be accessed as @prot says. */
struct ats_entry {
	uint64_t iova, bus, len;
	unsigned int prot; /* enum iopt_prot */
};

/*
 * Translates @iova of @endpoint for @prot. 0; -ENOENT: it is not mapped; -EPERM: no right,
 * or writes are tracked. Context: with the device's lock.
 */
int ats_translate(struct iommu_endpoint *endpoint, uint32_t pasid, uint64_t iova, unsigned int prot,
		  struct ats_entry *entry);

/*
 * Copies @len bytes between @buf and @iova, which @entry has. 0, or -EAGAIN: the memory cannot be
 * reached this way now, which an ordinary request may. Context: with the device's lock.
 */
int ats_copy(struct iommu_endpoint *endpoint, uint32_t pasid, const struct ats_entry *entry,
	     uint64_t iova, void *buf, size_t len, enum dma_dir dir);

#endif
