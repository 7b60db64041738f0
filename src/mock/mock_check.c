/* SPDX-License-Identifier: MIT */
/*
 * Inspecting page tables, and changing what otherwise only hardware changes [TEST-CHECK].
 *
 * Context: any thread; takes ioas->lock, and walks tables in read-side critical sections.
 */
#include "base/alloc.h"
#include "base/caller.h"
#include "iommufd/device/hwpt.h"
#include "mock/mock_internal.h"

int mock_add_reserved(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct iova_range range = {.start = cmd->add_reserved.start};
	struct ioas *ioas;
	int rc;

	if (!cmd->add_reserved.length)
		return -EINVAL;
	if (check_last(range.start, cmd->add_reserved.length, &range.last))
		return -EOVERFLOW;
	ioas = ioas_get(ucmd->ctx, cmd->id);
	if (!ioas)
		return -ENOENT;
	lock_acquire(&ioas->lock);
	/* The IOAS is the owner: the reservation lasts as long as it lives. */
	rc = ioas_reserve(ioas, &range, 1, &ioas->object);
	lock_release(&ioas->lock);
	object_put(&ioas->object);
	return rc;
}

int mock_set_temp_memory_limit(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	/* The fewest bytes of temporary buffers that Linux accepts. Nothing here needs any. */
	enum {
		LEAST = 12
	};

	(void)ucmd;
	return cmd->set_temp_memory_limit.limit < LEAST ? -EINVAL : 0;
}

/* ---- MD_CHECK_MAP ---- */

/* A comparison of what the table translates to with the caller's memory. */
struct map_check {
	struct iopt *table;
	struct uiommufd_caller *caller;
	struct frame_cursor ours, theirs;
};

static int check_page(struct map_check *check, uint64_t iova, uint64_t uptr)
{
	struct iopt_leaf leaf;
	uint64_t bus;
	bool found;
	int rc;

	rc = mock_present(check->caller, uptr, &bus);
	if (rc)
		return rc;
	rcu_read_lock();
	found = iopt_translate(check->table, iova, &leaf);
	rcu_read_unlock();
	if (!found || (leaf.oa & PAGE_MASK) != (bus & PAGE_MASK))
		return -EINVAL;
	if (leaf.oa == bus ||
	    frame_equal(frame_of(&check->ours, leaf.oa), frame_of(&check->theirs, bus)))
		return 0;
	return -EINVAL;
}

static int check_map(struct ucmd *ucmd, const struct iommu_test_cmd *cmd, struct hwpt_paging *hwpt)
{
	const uint64_t iova = cmd->md_check_map.iova, uptr = cmd->md_check_map.uptr;
	const uint64_t length = cmd->md_check_map.length;
	const uint64_t page = lowest_bit(iommu_domain_pgsizes(hwpt->base.domain));
	struct map_check check = {
		.table = iommu_domain_table(hwpt->base.domain),
		.caller = ucmd->caller,
	};
	uint64_t end;

	if (!is_aligned(iova | length | uptr, page) || check_add(uptr, length, &end))
		return -EINVAL;
	for (uint64_t done = 0; done < length; done += page) {
		int rc = check_page(&check, iova + done, uptr + done);

		if (rc)
			return rc;
	}
	return 0;
}

int mock_check_map(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct hwpt_paging *hwpt = hwpt_paging_get(ucmd->ctx, cmd->id);
	int rc;

	if (!hwpt)
		return -ENOENT;
	rc = check_map(ucmd, cmd, hwpt);
	object_put(&hwpt->base.object);
	return rc;
}

/* ---- DIRTY ---- */

/* The most bits of one bitmap. */
#define MAX_BITS (UINT64_C(1) << 27)

/* Marks the page of each set bit of @bitmap dirty. Returns the number of set bits. */
static uint64_t mark_dirty(struct hwpt_paging *hwpt, const struct iommu_test_cmd *cmd,
			   const uint8_t *bitmap, uint64_t bits)
{
	const struct iova_range aperture = iommu_domain_aperture(hwpt->base.domain);
	struct iopt *table = iommu_domain_table(hwpt->base.domain);
	uint64_t count = 0;

	for (uint64_t i = 0; i < bits; i++) {
		const uint64_t iova = cmd->dirty.iova + i * cmd->dirty.page_size;

		if (!(bitmap[i / 8] & (1u << (i % 8))))
			continue;
		count++;
		rcu_read_lock();
		if (iova >= aperture.start && iova <= aperture.last)
			(void)iopt_set_dirty(table, iova);
		rcu_read_unlock();
	}
	return count;
}

static int dirty(struct ucmd *ucmd, struct iommu_test_cmd *cmd, struct hwpt_paging *hwpt,
		 uint64_t bits)
{
	const size_t size = (size_t)((bits + 7) / 8);
	uint8_t *bitmap;
	int rc;

	if (!iommu_domain_dirty_tracking(hwpt->base.domain))
		return -EINVAL;
	bitmap = alloc_zeroed(size);
	if (!bitmap)
		return -ENOMEM;
	rc = caller_read(ucmd->caller, bitmap, cmd->dirty.uptr, size);
	if (rc)
		goto out;
	cmd->dirty.out_nr_dirty = mark_dirty(hwpt, cmd, bitmap, bits);
	rc = ucmd_respond(ucmd);
out:
	alloc_free(bitmap);
	return rc;
}

int mock_dirty(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	const uint64_t page_size = cmd->dirty.page_size, length = cmd->dirty.length;
	struct hwpt_paging *hwpt;
	int rc;

	if (!page_size || !length || cmd->dirty.iova % page_size || length % page_size ||
	    !cmd->dirty.uptr)
		return -EINVAL;
	if (length / page_size > MAX_BITS)
		return -EOVERFLOW;
	hwpt = hwpt_paging_get(ucmd->ctx, cmd->id);
	if (!hwpt)
		return -ENOENT;
	rc = dirty(ucmd, cmd, hwpt, length / page_size);
	object_put(&hwpt->base.object);
	return rc;
}
