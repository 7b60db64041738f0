/* SPDX-License-Identifier: MIT */
/*
 * The ioctl tables: numbers, sizes, and how structures grow [FRAMING].
 *
 * A structure is copied in once and extended with zeros to the size that this version knows. If the
 * caller's is longer, the rest must be zeros. It is copied back up to the caller's size.
 *
 * No locks: the tables are constant, and the structure is on the stack of the call.
 */
#include "iommufd/entry/dispatch.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/caller.h"
#include "base/last_error.h"
#include "iommufd/compat/compat.h"
#include "iommufd/device/device_info.h"
#include "iommufd/device/device_ranges.h"
#include "iommufd/device/dirty.h"
#include "iommufd/device/ioas_info.h"
#include "iommufd/device/lookup.h"
#include "iommufd/ioas/change_process.h"
#include "iommufd/ioas/ioas.h"
#include "iommufd/ioas/ioas_map.h"
#include "iommufd/ioas/options.h"
#include "iommufd/object/object.h"
#include "iommufd/queue/fault_queue.h"
#include "iommufd/viommu/hw_queue.h"
#include "iommufd/viommu/hwpt_alloc.h"
#include "iommufd/viommu/hwpt_nested.h"
#include "iommufd/viommu/vdevice.h"
#include "iommufd/viommu/veventq.h"
#include "iommufd/viommu/viommu.h"

enum {
	IOCTL_FIRST = 0x80,
	IOCTL_LAST = 0x95, /* that Linux has assigned */
	IOCTL_TEST = 0xa0,
	IOCTL_OWN_FIRST = 0xc0, /* extensions of uiommufd [EXT] */
	IOCTL_OWN_LAST = 0xc3,
};

/* Of the structure of IOMMU_TEST_CMD, which only its handler knows. */
enum {
	TEST_CMD_SIZE = 72,
	TEST_CMD_MIN_SIZE = 68
};

static int (*test_handler)(struct ucmd *ucmd);

void iommufd_set_test_handler(int (*handler)(struct ucmd *ucmd))
{
	test_handler = handler;
}

/* Large enough for every structure of the table. */
union ucmd_buffer {
	uint64_t test[TEST_CMD_SIZE / sizeof(uint64_t)];
	struct iommu_destroy destroy;
	struct iommu_ioas_alloc ioas_alloc;
	struct iommu_ioas_allow_iovas allow_iovas;
	struct iommu_ioas_iova_ranges iova_ranges;
	struct iommu_ioas_map map;
	struct iommu_ioas_map_file map_file;
	struct iommu_ioas_copy copy;
	struct iommu_ioas_unmap unmap;
	struct iommu_ioas_change_process change_process;
	struct iommu_ioas_noiommu_get_pa noiommu_get_pa;
	struct iommu_hwpt_alloc hwpt_alloc;
	struct iommu_hw_info hw_info;
	struct iommu_hwpt_set_dirty_tracking set_dirty_tracking;
	struct iommu_hwpt_get_dirty_bitmap get_dirty_bitmap;
	struct iommu_hwpt_invalidate hwpt_invalidate;
	struct iommu_fault_alloc fault_alloc;
	struct iommu_viommu_alloc viommu_alloc;
	struct iommu_vdevice_alloc vdevice_alloc;
	struct iommu_veventq_alloc veventq_alloc;
	struct iommu_hw_queue_alloc hw_queue_alloc;
	struct iommu_option option;
	struct iommu_vfio_ioas vfio_ioas;
	struct iommu_resv_iova_ranges resv_iova_ranges;
	struct iommu_dev_iova_ranges dev_iova_ranges;
	struct iommu_iova_lookup iova_lookup;
	struct iommu_ioas_get_info ioas_get_info;
};

/*
 * For devices without an IOMMU, of which there are none here. Linux can be built without this
 * feature, too.
 */
static int ioctl_unsupported(struct ucmd *ucmd)
{
	(void)ucmd;
	return refuse(-EOPNOTSUPP, "no device here lacks an IOMMU");
}

struct ioctl_entry {
	unsigned int cmd;
	uint32_t size;
	uint32_t min_size;
	int (*handler)(struct ucmd *ucmd);
};

#define MEMBER_END(type, member) ((uint32_t)(offsetof(type, member) + sizeof(((type *)0)->member)))

/*
 * The command @nr takes a @type; the caller's must reach to the end of the member @last at least.
 */
#define ENTRY_AT(index, nr, type, last, function) \
	[index] = {nr, sizeof(type), MEMBER_END(type, last), function}
#define ENTRY(nr, type, last, function) \
	ENTRY_AT((nr & 0xff) - IOCTL_FIRST, nr, type, last, function)
#define OWN_ENTRY(nr, type, last, function) \
	ENTRY_AT((nr & 0xff) - IOCTL_OWN_FIRST, nr, type, last, function)

static const struct ioctl_entry table[IOCTL_LAST - IOCTL_FIRST + 1] = {
	ENTRY(IOMMU_DESTROY, struct iommu_destroy, id, ioctl_destroy),
	ENTRY(IOMMU_IOAS_ALLOC, struct iommu_ioas_alloc, out_ioas_id, ioctl_ioas_alloc),
	ENTRY(IOMMU_IOAS_ALLOW_IOVAS, struct iommu_ioas_allow_iovas, allowed_iovas,
	      ioctl_ioas_allow_iovas),
	ENTRY(IOMMU_IOAS_COPY, struct iommu_ioas_copy, src_iova, ioctl_ioas_copy),
	ENTRY(IOMMU_IOAS_IOVA_RANGES, struct iommu_ioas_iova_ranges, out_iova_alignment,
	      ioctl_ioas_iova_ranges),
	ENTRY(IOMMU_IOAS_MAP, struct iommu_ioas_map, iova, ioctl_ioas_map),
	ENTRY(IOMMU_IOAS_UNMAP, struct iommu_ioas_unmap, length, ioctl_ioas_unmap),
	ENTRY(IOMMU_OPTION, struct iommu_option, val64, ioctl_option),
	ENTRY(IOMMU_VFIO_IOAS, struct iommu_vfio_ioas, __reserved, ioctl_vfio_ioas),
	ENTRY(IOMMU_HWPT_ALLOC, struct iommu_hwpt_alloc, __reserved, ioctl_hwpt_alloc),
	ENTRY(IOMMU_GET_HW_INFO, struct iommu_hw_info, __reserved, ioctl_get_hw_info),
	ENTRY(IOMMU_HWPT_SET_DIRTY_TRACKING, struct iommu_hwpt_set_dirty_tracking, __reserved,
	      ioctl_hwpt_set_dirty_tracking),
	ENTRY(IOMMU_HWPT_GET_DIRTY_BITMAP, struct iommu_hwpt_get_dirty_bitmap, data,
	      ioctl_hwpt_get_dirty_bitmap),
	ENTRY(IOMMU_HWPT_INVALIDATE, struct iommu_hwpt_invalidate, __reserved,
	      ioctl_hwpt_invalidate),
	ENTRY(IOMMU_FAULT_QUEUE_ALLOC, struct iommu_fault_alloc, out_fault_fd, ioctl_fault_alloc),
	ENTRY(IOMMU_VIOMMU_ALLOC, struct iommu_viommu_alloc, out_viommu_id, ioctl_viommu_alloc),
	ENTRY(IOMMU_VDEVICE_ALLOC, struct iommu_vdevice_alloc, virt_id, ioctl_vdevice_alloc),
	ENTRY(IOMMU_VEVENTQ_ALLOC, struct iommu_veventq_alloc, out_veventq_fd, ioctl_veventq_alloc),
	ENTRY(IOMMU_HW_QUEUE_ALLOC, struct iommu_hw_queue_alloc, length, ioctl_hw_queue_alloc),
	ENTRY(IOMMU_IOAS_MAP_FILE, struct iommu_ioas_map_file, iova, ioctl_ioas_map_file),
	ENTRY(IOMMU_IOAS_NOIOMMU_GET_PA, struct iommu_ioas_noiommu_get_pa, out_phys,
	      ioctl_unsupported),
	ENTRY(IOMMU_IOAS_CHANGE_PROCESS, struct iommu_ioas_change_process, __reserved,
	      ioctl_ioas_change_process),
};

/* The extensions [EXT]. */
static const struct ioctl_entry own_table[IOCTL_OWN_LAST - IOCTL_OWN_FIRST + 1] = {
	OWN_ENTRY(IOMMU_RESV_IOVA_RANGES, struct iommu_resv_iova_ranges, resv_iovas,
		  ioctl_resv_iova_ranges),
	OWN_ENTRY(IOMMU_DEV_IOVA_RANGES, struct iommu_dev_iova_ranges, out_iova_alignment,
		  ioctl_dev_iova_ranges),
	OWN_ENTRY(IOMMU_IOVA_LOOKUP, struct iommu_iova_lookup, out_flags, ioctl_iova_lookup),
	OWN_ENTRY(IOMMU_IOAS_GET_INFO, struct iommu_ioas_get_info, out_num_devices,
		  ioctl_ioas_get_info),
};

static int call_test_handler(struct ucmd *ucmd)
{
	return test_handler(ucmd);
}

static const struct ioctl_entry test_entry = {_IO(IOMMUFD_TYPE, IOCTL_TEST), TEST_CMD_SIZE,
					      TEST_CMD_MIN_SIZE, call_test_handler};

/*
 * Copies the caller's structure, whose size is its first member, into ucmd->cmd, zero-extended to
 * the known size. What every such structure has is read at once, for most commands all of it.
 * Nothing beyond its size is read: that may be other memory, which a sanitizer of the program
 * watches or which ends there.
 */
static int ucmd_read(struct ucmd *ucmd, const struct ioctl_entry *entry)
{
	const uint32_t least = entry->min_size;
	char *to = ucmd->cmd;
	const bool begun = !caller_read(ucmd->caller, to, ucmd->uaddr, least);
	uint32_t size;
	int rc;

	if (begun)
		memcpy(&size, to, sizeof(size));
	else if (caller_read(ucmd->caller, &size, ucmd->uaddr, sizeof(size)))
		return refuse_memory("the argument", ucmd->uaddr, sizeof(size));
	if (size < least)
		return refuse(-EINVAL, "size is %u, and must be %u at least", size, least);
	if (size > entry->size) {
		rc = caller_check_zero(ucmd->caller, ucmd->uaddr + entry->size, size - entry->size);
		if (rc)
			return rc == -E2BIG ? refuse(rc,
						     "size is %u: bytes beyond the %u that are "
						     "known here are not 0",
						     size, entry->size)
					    : rc;
	}
	ucmd->usize = size < entry->size ? size : entry->size;
	if (!begun ||
	    (ucmd->usize > least &&
	     caller_read(ucmd->caller, to + least, ucmd->uaddr + least, ucmd->usize - least)))
		return refuse_memory("the argument", ucmd->uaddr, ucmd->usize);
	memset(to + ucmd->usize, 0, entry->size - ucmd->usize);
	return 0;
}

/* Whether @nr is a command of iommufd; all others go to the type1 container. */
static bool is_iommufd(const struct iommufd_ctx *ctx, unsigned int nr)
{
	if (nr >= IOCTL_OWN_FIRST && nr <= IOCTL_OWN_LAST)
		return true;
	return nr >= IOCTL_FIRST && nr <= (ctx->options.test_abi ? IOCTL_TEST : IOCTL_LAST);
}

/* The entry of @cmd, a command of iommufd. NULL: there is no such command. */
static const struct ioctl_entry *find_entry(const struct iommufd_ctx *ctx, unsigned int cmd)
{
	const unsigned int nr = cmd & 0xff;
	const struct ioctl_entry *entry = NULL;

	assert(is_iommufd(ctx, nr));
	if (nr >= IOCTL_OWN_FIRST)
		entry = &own_table[nr - IOCTL_OWN_FIRST];
	else if (nr <= IOCTL_LAST)
		entry = &table[nr - IOCTL_FIRST];
	else if (nr == IOCTL_TEST && test_handler)
		entry = &test_entry;
	if (!entry || !entry->handler || entry->cmd != cmd ||
	    (nr >= IOCTL_OWN_FIRST && ctx->options.no_extensions))
		return NULL;
	return entry;
}

long iommufd_ioctl(struct iommufd_ctx *ctx, struct uiommufd_caller *caller, unsigned int cmd,
		   uint64_t arg)
{
	const unsigned int nr = cmd & 0xff;
	union ucmd_buffer buffer;
	struct ucmd ucmd = {.ctx = ctx, .caller = caller, .cmd = &buffer, .uaddr = arg};
	const struct ioctl_entry *entry;
	uint32_t size;
	int rc;

	last_error_clear();
	if (!is_iommufd(ctx, nr))
		return compat_ioctl(ctx, caller, cmd, arg);
	entry = find_entry(ctx, cmd);
	if (!entry) {
		if (caller_read(caller, &size, arg, sizeof(size)))
			return refuse_memory("the argument", arg, sizeof(size));
		return -ENOTTY;
	}
	assert(entry->min_size <= entry->size && entry->size <= sizeof(buffer));
	rc = ucmd_read(&ucmd, entry);
	if (rc)
		return rc;
	return entry->handler(&ucmd);
}
