/* SPDX-License-Identifier: MIT */
/*
 * See bar_export.h. The dma-buf's bytes are the BAR's registers (mem/dmabuf.h). It keeps no file of
 * the device open: devices outlive all files, and a closed one has revoked its dma-bufs.
 */
#include "vfio/bar_export.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <stddef.h>

#include <uiommufd/vfio.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/check.h"
#include "base/last_error.h"
#include "mem/dmabuf.h"
#include "vfio/bar.h"
#include "vfio/vfio_internal.h"

enum {
	MAX_RANGES = 4096 /* far beyond what is useful: bounds the work of one call */
};

struct bar_export {
	struct cds_list_head link;
	struct dmabuf *dmabuf;
};

void bar_exports_init(struct bar_exports *exports)
{
	lock_init(&exports->lock, LOCK_VFIO_EXPORTS);
	CDS_INIT_LIST_HEAD(&exports->list);
	exports->revoked = true;
}

void bar_exports_destroy(struct bar_exports *exports)
{
	lock_destroy(&exports->lock);
}

/* Whether DMA of other devices is answered. */
static bool answers(struct vfio_device *device)
{
	bool does;

	lock_acquire(&device->lock);
	does = vfio_device_permits_memory(device) && !atomic_load(&device->low_power) &&
	       !atomic_load(&device->gone);
	lock_release(&device->lock);
	return does;
}

static void forget(struct bar_export *export)
{
	cds_list_del(&export->link);
	file_put(dmabuf_file(export->dmabuf));
	alloc_free(export);
}

/* Forgets those that nothing else refers to: they can get no other reference any more. */
static void prune(struct bar_exports *exports) REQUIRES(exports->lock)
{
	struct bar_export *export, *next;

	lock_assert_held(&exports->lock);
	cds_list_for_each_entry_safe (export, next, &exports->list, link) {
		if (ref_read(&dmabuf_file(export->dmabuf)->refs) == 1)
			forget(export);
	}
}

static void set_revoked(struct bar_exports *exports, bool revoked) REQUIRES(exports->lock)
{
	struct bar_export *export;

	lock_assert_held(&exports->lock);
	if (exports->revoked == revoked)
		return;
	exports->revoked = revoked;
	cds_list_for_each_entry (export, &exports->list, link)
		dmabuf_set_revoked(export->dmabuf, revoked);
}

void bar_exports_update(struct vfio_device *device)
{
	struct bar_exports *exports = &device->exports;

	if (!atomic_load(&exports->any))
		return;
	lock_acquire(&exports->lock);
	set_revoked(exports, !answers(device));
	lock_release(&exports->lock);
}

void bar_exports_revoke(struct vfio_device *device)
{
	struct bar_exports *exports = &device->exports;

	if (!atomic_load(&exports->any))
		return;
	lock_acquire(&exports->lock);
	set_revoked(exports, true);
	lock_release(&exports->lock);
}

void bar_exports_drop(struct vfio_device *device)
{
	struct bar_exports *exports = &device->exports;
	struct bar_export *export, *next;

	if (!atomic_load(&exports->any))
		return;
	lock_acquire(&exports->lock);
	set_revoked(exports, true);
	cds_list_for_each_entry_safe (export, next, &exports->list, link)
		forget(export);
	lock_release(&exports->lock);
}

/* ---- GET ---- */

static int check_flags(const struct vfio_device_feature_dma_buf *get)
{
	if (!get->nr_ranges || get->flags)
		return refuse_mistake(-EINVAL,
				      "nr_ranges is %u and flags 0x%x: one range at least, and 0",
				      get->nr_ranges, get->flags);
	if (get->region_index >= PCI_BARS)
		return refuse_mistake(-ENODEV, "region_index is %u, and must be a BAR: 0 to 5",
				      get->region_index);
	if (get->nr_ranges > MAX_RANGES)
		return refuse(-ENOMEM, "nr_ranges is %u: at most %u", get->nr_ranges,
			      (unsigned int)MAX_RANGES);
	return 0;
}

/* Checks the ranges at @data against the BAR. *@first is the first one, *@total all bytes. */
static int check_ranges(const struct vfio_device *device, struct uiommufd_caller *caller,
			const struct vfio_device_feature_dma_buf *get, uint64_t data,
			struct vfio_region_dma_range *first, uint64_t *total)
{
	const struct uiommufd_bar *bar = &device->model->bars[get->region_index];
	struct vfio_region_dma_range range;
	uint64_t end;

	*total = 0;
	for (uint32_t i = 0; i < get->nr_ranges; i++) {
		if (caller_read(caller, &range, data + i * sizeof(range), sizeof(range)))
			return refuse_memory("dma_ranges", data, get->nr_ranges * sizeof(range));
		if (!range.length || !is_aligned(range.offset | range.length, PAGE_SIZE) ||
		    check_add(*total, range.length, total))
			return refuse_mistake(
				-EINVAL,
				"dma_ranges[%u] 0x%llx+0x%llx is empty or not a multiple of a page",
				i, (unsigned long long)range.offset,
				(unsigned long long)range.length);
		if ((bar->flags & UIOMMUFD_BAR_IO) || check_add(range.offset, range.length, &end) ||
		    end > bar->size)
			return refuse_mistake(-EINVAL,
					      "dma_ranges[%u] 0x%llx+0x%llx is not inside BAR %u, "
					      "which has 0x%llx "
					      "bytes of %s",
					      i, (unsigned long long)range.offset,
					      (unsigned long long)range.length, get->region_index,
					      (unsigned long long)bar->size,
					      bar->flags & UIOMMUFD_BAR_IO ? "ports" : "memory");
		if (!i)
			*first = range;
	}
	return 0;
}

/* The dma-buf of @range of BAR @index. */
static int create(struct vfio_device *device, unsigned int index,
		  const struct vfio_region_dma_range *range, uint64_t total, struct dmabuf **dmabuf)
{
	const struct dmabuf_registers registers = {
		.ops = &bar_trap,
		.cookie = device,
		.offset = vfio_region_offset(index) + range->offset,
		.scattered = total != range->length,
	};

	return dmabuf_create_registers(total, &registers, dmabuf);
}

/* Puts @dmabuf on the list. */
static int publish(struct vfio_device *device, struct dmabuf *dmabuf)
{
	struct bar_exports *exports = &device->exports;
	struct bar_export *export = alloc_zeroed(sizeof(*export));

	if (!export)
		return -ENOMEM;
	export->dmabuf = dmabuf;
	file_get(dmabuf_file(dmabuf));
	/* First: a change of the device from here on looks at the list. */
	atomic_store(&exports->any, true);
	lock_acquire(&exports->lock);
	prune(exports);
	set_revoked(exports, !answers(device));
	cds_list_add_tail(&export->link, &exports->list);
	if (exports->revoked)
		dmabuf_set_revoked(dmabuf, true);
	lock_release(&exports->lock);
	return 0;
}

static int check_open_flags(uint32_t flags)
{
	if (flags & ~(uint32_t)(O_ACCMODE | O_CLOEXEC) || (flags & O_ACCMODE) == O_ACCMODE)
		return refuse_mistake(-EINVAL, "open_flags 0x%x: O_CLOEXEC and an access mode",
				      flags);
	return 0;
}

long bar_export_get(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t data)
{
	struct vfio_device_feature_dma_buf get;
	struct vfio_region_dma_range first = {0};
	struct dmabuf *dmabuf;
	uint64_t total;
	int rc;

	if (caller_read(caller, &get, data, sizeof(get)))
		return refuse_memory("the data", data, sizeof(get));
	rc = check_flags(&get);
	if (rc)
		return rc;
	rc = check_ranges(device, caller, &get, data + sizeof(get), &first, &total);
	if (rc)
		return rc;
	rc = check_open_flags(get.open_flags);
	if (rc)
		return rc;
	rc = create(device, get.region_index, &first, total, &dmabuf);
	if (rc)
		return rc;
	lock_acquire(&device->bind_lock);
	rc = publish(device, dmabuf);
	lock_release(&device->bind_lock);
	if (!rc)
		rc = caller_install_file(caller, dmabuf_file(dmabuf),
					 (int)(get.open_flags & O_CLOEXEC));
	if (rc < 0)
		file_put(dmabuf_file(dmabuf));
	return rc;
}
