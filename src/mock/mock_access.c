/* SPDX-License-Identifier: MIT */
/*
 * Accesses that a conformance program owns [TEST-ACCESS]: each has a descriptor, and its pins have
 * numbers.
 *
 * Locks: op_lock serialises the program's commands on one access. items_lock guards the list of
 * pins and is held while a pin is made, so that access_unmap() finds every pin in the range that it
 * has to release. Order: op_lock, access->lock, items_lock, ioas->lock.
 *
 * Cost: commands on pins search the list of all pins of the access.
 */
#include <fcntl.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/file.h"
#include "base/lock.h"
#include "iommufd/ioas/access.h"
#include "iommufd/queue/event_queue.h"
#include "mock/mock_internal.h"

#define MAX_LENGTH (UINT64_C(16) << 20)

struct mock_access {
	struct uiommufd_file file;
	struct iommufd_access *access;
	struct lock op_lock;
	struct lock items_lock; /* guards what follows */
	struct cds_list_head items;
	uint32_t next_id;
};

/* One range that is pinned. */
struct pin_item {
	struct cds_list_head link;
	uint32_t id;
	uint64_t iova, len;
};

static void drop_item(struct mock_access *mock, struct pin_item *item) REQUIRES(mock->items_lock)
{
	lock_assert_held(&mock->items_lock);
	iommufd_access_unpin(mock->access, item->iova, item->len);
	cds_list_del(&item->link);
	alloc_free(item);
}

static void access_unmap(void *data, uint64_t iova, uint64_t len)
{
	const uint64_t last = iova + (len - 1);
	struct mock_access *mock = data;
	struct pin_item *item, *next;

	lock_acquire(&mock->items_lock);
	cds_list_for_each_entry_safe (item, next, &mock->items, link) {
		if (item->iova <= last && iova <= item->iova + (item->len - 1))
			drop_item(mock, item);
	}
	lock_release(&mock->items_lock);
}

static struct mock_access *mock_of(struct uiommufd_file *file)
{
	return caa_container_of(file, struct mock_access, file);
}

static const struct iommufd_access_ops rw_ops = {.unmap = access_unmap};
static const struct iommufd_access_ops pin_ops = {.needs_pin_pages = true, .unmap = access_unmap};

/* ---- the descriptor ---- */

static void free_access(struct mock_access *mock)
{
	lock_destroy(&mock->items_lock);
	lock_destroy(&mock->op_lock);
	alloc_free(mock);
}

static void access_release(struct uiommufd_file *file)
{
	struct mock_access *mock = mock_of(file);

	/* Calls access_unmap() for the pins that are left. */
	iommufd_access_destroy(mock->access);
	free_access(mock);
}

static const struct file_ops access_file_ops = {
	.name = "anon_inode:[iommufd_test]",
	.release = access_release,
};

/* The access behind the caller's descriptor @fd, with a reference (access_put()), or NULL. */
static struct mock_access *access_get(struct uiommufd_caller *caller, uint32_t fd)
{
	struct uiommufd_file *file = caller_get_file(caller, (int)fd);

	if (!file)
		return NULL;
	if (file->ops != &access_file_ops) {
		file_put(file);
		return NULL;
	}
	return mock_of(file);
}

static void access_put(struct mock_access *mock)
{
	file_put(&mock->file);
}

/* An access that is not attached, with one reference of its file. */
static int create_access(struct iommufd_ctx *ctx, uint32_t flags, struct mock_access **out)
{
	const bool pins = flags & MOCK_ACCESS_NEEDS_PIN_PAGES;
	struct mock_access *mock = alloc_zeroed(sizeof(*mock));
	int rc;

	if (!mock)
		return -ENOMEM;
	file_init(&mock->file, &access_file_ops, 0);
	lock_init(&mock->op_lock, LOCK_MOCK_ACCESS);
	lock_init(&mock->items_lock, LOCK_MOCK_ITEMS);
	CDS_INIT_LIST_HEAD(&mock->items);
	rc = iommufd_access_create(ctx, pins ? &pin_ops : &rw_ops, mock, &mock->access);
	if (rc) {
		free_access(mock);
		return rc;
	}
	*out = mock;
	return 0;
}

int mock_create_access(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct mock_access *mock;
	int fd, rc;

	if (cmd->create_access.flags & ~(uint32_t)MOCK_ACCESS_NEEDS_PIN_PAGES)
		return -EOPNOTSUPP;
	rc = create_access(ucmd->ctx, cmd->create_access.flags, &mock);
	if (rc)
		return rc;
	fd = caller_install_file(ucmd->caller, &mock->file, O_CLOEXEC);
	if (fd < 0) {
		access_put(mock);
		return -ENOMEM;
	}
	rc = iommufd_access_attach(mock->access, cmd->id);
	if (rc)
		goto out_uninstall;
	cmd->create_access.out_access_fd = (uint32_t)fd;
	rc = ucmd_respond(ucmd);
	if (rc)
		goto out_uninstall;
	return 0;

out_uninstall:
	caller_uninstall_file(ucmd->caller, fd);
	return rc;
}

int mock_access_replace_ioas(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct mock_access *mock = access_get(ucmd->caller, cmd->id);
	int rc;

	if (!mock)
		return -EBADFD;
	lock_acquire(&mock->op_lock);
	rc = iommufd_access_replace(mock->access, cmd->access_replace_ioas.ioas_id);
	lock_release(&mock->op_lock);
	access_put(mock);
	return rc;
}

/* ---- IOVAs relative to a mapping ---- */

struct nth_area {
	uint32_t left; /* areas to skip */
	uint64_t start;
};

static int nth_visit(const struct iova_map_entry *entry, void *arg)
{
	struct nth_area *nth = arg;

	nth->start = entry->range.start;
	return nth->left-- == 0;
}

/*
 * With MOCK_ACCESS_SYZ, the low half of an IOVA is the number of an area, the high half an offset.
 */
static uint64_t resolve_iova(struct mock_access *mock, uint32_t flags, uint64_t iova)
{
	struct nth_area nth = {.left = (uint32_t)iova};
	struct ioas *ioas = mock->access->ioas;
	int found;

	if (!(flags & MOCK_ACCESS_SYZ) || !ioas)
		return iova;
	lock_acquire(&ioas->lock);
	found = iova_map_for_each(&ioas->areas, IOVA_RANGE_ALL, nth_visit, &nth);
	lock_release(&ioas->lock);
	return found ? nth.start + (iova >> 32) : 0;
}

/* ---- pins ---- */

/* Compares the pinned pages with those of the caller at @uptr. */
static int compare_pages(struct uiommufd_caller *caller, const uint64_t *pages, uint64_t count,
			 uint64_t uptr)
{
	struct frame_cursor ours = {.mapping.end = 0}, theirs = ours;

	uptr = align_down(uptr, PAGE_SIZE);
	for (uint64_t i = 0; i < count; i++) {
		uint64_t bus;
		int rc = mock_present(caller, uptr + i * PAGE_SIZE, &bus);

		if (rc)
			return rc;
		if (!frame_equal(frame_of(&ours, pages[i]), frame_of(&theirs, bus)))
			return -EBADE;
	}
	return 0;
}

/* Pins the range of @item, takes @item into the list, and tells its number in @cmd. */
static int add_item(struct ucmd *ucmd, struct iommu_test_cmd *cmd, struct mock_access *mock,
		    struct pin_item *item, uint64_t *pages, uint64_t count)
	REQUIRES(mock->items_lock)
{
	const bool write = cmd->access_pages.flags & MOCK_ACCESS_WRITE;
	int rc;

	lock_assert_held(&mock->items_lock);
	rc = iommufd_access_pin(mock->access, item->iova, item->len, write, pages);
	if (rc)
		return rc;
	if (cmd->access_pages.uptr) {
		rc = compare_pages(ucmd->caller, pages, count, cmd->access_pages.uptr);
		if (rc)
			goto out_unpin;
	}
	item->id = mock->next_id;
	cmd->access_pages.out_access_pages_id = item->id;
	rc = ucmd_respond(ucmd);
	if (rc)
		goto out_unpin;
	mock->next_id++;
	cds_list_add_tail(&item->link, &mock->items);
	return 0;

out_unpin:
	iommufd_access_unpin(mock->access, item->iova, item->len);
	return rc;
}

static int pin_range(struct ucmd *ucmd, struct iommu_test_cmd *cmd, struct mock_access *mock)
{
	const uint64_t iova = resolve_iova(mock, cmd->access_pages.flags, cmd->access_pages.iova);
	const uint64_t len = cmd->access_pages.length;
	const uint64_t count = ((iova & PAGE_MASK) + len + PAGE_MASK) >> PAGE_SHIFT;
	struct pin_item *item;
	uint64_t *pages;
	int rc;

	pages = alloc_array(max_u64(count, 1), sizeof(*pages));
	if (!pages)
		return -ENOMEM;
	rc = -ENOMEM;
	item = alloc_zeroed(sizeof(*item));
	if (!item)
		goto out_pages;
	item->iova = iova;
	item->len = len;
	lock_acquire(&mock->items_lock);
	rc = add_item(ucmd, cmd, mock, item, pages, count);
	lock_release(&mock->items_lock);
	if (rc)
		alloc_free(item);
out_pages:
	alloc_free(pages);
	return rc;
}

int mock_access_pages(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	const uint32_t known = MOCK_ACCESS_WRITE | MOCK_ACCESS_SYZ;
	struct mock_access *mock;
	int rc;

	if (cmd->access_pages.length > MAX_LENGTH)
		return -ENOMEM;
	if (cmd->access_pages.flags & ~known)
		return -EOPNOTSUPP;
	mock = access_get(ucmd->caller, cmd->id);
	if (!mock)
		return -EBADFD;
	lock_acquire(&mock->op_lock);
	rc = mock->access->ops->needs_pin_pages ? pin_range(ucmd, cmd, mock) : -EOPNOTSUPP;
	lock_release(&mock->op_lock);
	access_put(mock);
	return rc;
}

static int destroy_pages(struct mock_access *mock, uint32_t id)
{
	struct pin_item *item, *next;
	int rc = -ENOENT;

	lock_acquire(&mock->items_lock);
	cds_list_for_each_entry_safe (item, next, &mock->items, link) {
		if (item->id == id) {
			drop_item(mock, item);
			rc = 0;
			break;
		}
	}
	lock_release(&mock->items_lock);
	return rc;
}

int mock_destroy_access_pages(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct mock_access *mock = access_get(ucmd->caller, cmd->id);
	int rc;

	if (!mock)
		return -EBADFD;
	lock_acquire(&mock->op_lock);
	rc = destroy_pages(mock, cmd->destroy_access_pages.access_pages_id);
	lock_release(&mock->op_lock);
	access_put(mock);
	return rc;
}

/* ---- copies ---- */

static int copy_range(struct ucmd *ucmd, const struct iommu_test_cmd *cmd, struct mock_access *mock,
		      void *buf)
{
	const uint64_t iova = resolve_iova(mock, cmd->access_rw.flags, cmd->access_rw.iova);
	const bool write = cmd->access_rw.flags & MOCK_ACCESS_WRITE;
	const bool slow = cmd->access_rw.flags & MOCK_ACCESS_SLOW_PATH;
	const uint64_t uptr = cmd->access_rw.uptr, len = cmd->access_rw.length;
	struct uiommufd_caller *caller = ucmd->caller;
	int rc;

	if (write) {
		rc = caller_read(caller, buf, uptr, len);
		if (rc)
			return rc;
	}
	rc = iommufd_access_rw(mock->access, caller, iova, buf, len, write, slow);
	if (rc || write)
		return rc;
	return caller_write(caller, uptr, buf, len);
}

int mock_access_rw(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	const uint32_t known = MOCK_ACCESS_WRITE | MOCK_ACCESS_SLOW_PATH | MOCK_ACCESS_SYZ;
	struct mock_access *mock;
	void *buf;
	int rc = -ENOMEM;

	if (cmd->access_rw.length > MAX_LENGTH)
		return -ENOMEM;
	if (cmd->access_rw.flags & ~known)
		return -EOPNOTSUPP;
	mock = access_get(ucmd->caller, cmd->id);
	if (!mock)
		return -EBADFD;
	buf = alloc_zeroed(max_u64(cmd->access_rw.length, 1));
	if (buf) {
		lock_acquire(&mock->op_lock);
		rc = copy_range(ucmd, cmd, mock, buf);
		lock_release(&mock->op_lock);
		alloc_free(buf);
	}
	access_put(mock);
	return rc;
}
