/* SPDX-License-Identifier: MIT */
/*
 * Accesses whose owner is a conformance program: a descriptor for each, and the pins it made by
 * number (spec 50-test-abi, 5).
 *
 * Locks: op_lock serialises what the program asks of one access; items_lock guards the pins, and is
 * held while one is made, so that who is told to let go of a range finds every pin in it. Order:
 * op_lock - access->lock - items_lock - ioas->lock.
 */
#include <fcntl.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/file.h"
#include "iommufd/ioas/access.h"
#include "iommufd/queue/event_queue.h"
#include "mock/mock_internal.h"

#define MAX_LENGTH (UINT64_C(16) << 20)

struct mock_access {
	struct uiommufd_file file;
	struct iommufd_access *access;
	pthread_mutex_t op_lock;
	pthread_mutex_t items_lock; /* guards what follows */
	struct cds_list_head items;
	uint32_t next_id;
};

/* One range that is pinned. */
struct pin_item {
	struct cds_list_head link;
	uint32_t id;
	uint64_t iova, len;
};

/* Caller holds items_lock. */
static void drop_item(struct mock_access *mock, struct pin_item *item)
{
	iommufd_access_unpin(mock->access, item->iova, item->len);
	cds_list_del(&item->link);
	alloc_free(item);
}

static void access_unmap(void *data, uint64_t iova, uint64_t len)
{
	const uint64_t last = iova + (len - 1);
	struct mock_access *mock = data;
	struct pin_item *item, *next;

	pthread_mutex_lock(&mock->items_lock);
	cds_list_for_each_entry_safe (item, next, &mock->items, link) {
		if (item->iova <= last && iova <= item->iova + (item->len - 1))
			drop_item(mock, item);
	}
	pthread_mutex_unlock(&mock->items_lock);
}

static const struct iommufd_access_ops rw_ops = {.unmap = access_unmap};
static const struct iommufd_access_ops pin_ops = {.needs_pin_pages = true, .unmap = access_unmap};

/* ---- the descriptor ---- */

static void free_access(struct mock_access *mock)
{
	pthread_mutex_destroy(&mock->items_lock);
	pthread_mutex_destroy(&mock->op_lock);
	alloc_free(mock);
}

static void access_release(struct uiommufd_file *file)
{
	struct mock_access *mock = (struct mock_access *)file;

	/* Has us drop the pins. */
	iommufd_access_destroy(mock->access);
	free_access(mock);
}

static const struct file_ops access_file_ops = {
	.name = "anon_inode:[iommufd_test]",
	.release = access_release,
};

/* The access behind the caller's descriptor @fd, or NULL. Give it back with access_put(). */
static struct mock_access *access_get(struct uiommufd_caller *caller, uint32_t fd)
{
	struct uiommufd_file *file = caller_get_file(caller, (int)fd);

	if (file && file->ops != &access_file_ops) {
		file_put(file);
		file = NULL;
	}
	return (struct mock_access *)file;
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
	pthread_mutex_init(&mock->op_lock, NULL);
	pthread_mutex_init(&mock->items_lock, NULL);
	CDS_INIT_LIST_HEAD(&mock->items);
	rc = iommufd_access_create(ctx, pins ? &pin_ops : &rw_ops, mock, &mock->access);
	if (rc)
		free_access(mock);
	else
		*out = mock;
	return rc;
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
	if (!rc) {
		cmd->create_access.out_access_fd = (uint32_t)fd;
		rc = ucmd_respond(ucmd);
	}
	if (rc)
		caller_uninstall_file(ucmd->caller, fd);
	return rc;
}

int mock_access_replace_ioas(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct mock_access *mock = access_get(ucmd->caller, cmd->id);
	int rc;

	if (!mock)
		return -EBADFD;
	pthread_mutex_lock(&mock->op_lock);
	rc = iommufd_access_replace(mock->access, cmd->access_replace_ioas.ioas_id);
	pthread_mutex_unlock(&mock->op_lock);
	access_put(mock);
	return rc;
}

/* ---- counting from a mapping ---- */

struct nth_area {
	uint32_t left; /* areas to pass over */
	uint64_t start;
};

static int nth_visit(const struct iova_map_entry *entry, void *arg)
{
	struct nth_area *nth = arg;

	nth->start = entry->range.start;
	return nth->left-- == 0;
}

/* With MOCK_ACCESS_SYZ, an IOVA is the number of an area and, above it, an offset in that. */
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

/*
 * Pins for @item, whose range is set, and adds it. *@cmd has the number then. Caller holds
 * items_lock.
 */
static int add_item(struct ucmd *ucmd, struct iommu_test_cmd *cmd, struct mock_access *mock,
		    struct pin_item *item, uint64_t *pages, uint64_t count)
{
	const bool write = cmd->access_pages.flags & MOCK_ACCESS_WRITE;
	int rc = iommufd_access_pin(mock->access, item->iova, item->len, write, pages);

	if (rc)
		return rc;
	if (cmd->access_pages.uptr)
		rc = compare_pages(ucmd->caller, pages, count, cmd->access_pages.uptr);
	if (!rc) {
		item->id = mock->next_id;
		cmd->access_pages.out_access_pages_id = item->id;
		rc = ucmd_respond(ucmd);
	}
	if (rc) {
		iommufd_access_unpin(mock->access, item->iova, item->len);
		return rc;
	}
	mock->next_id++;
	cds_list_add_tail(&item->link, &mock->items);
	return 0;
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
	pthread_mutex_lock(&mock->items_lock);
	rc = add_item(ucmd, cmd, mock, item, pages, count);
	pthread_mutex_unlock(&mock->items_lock);
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
	pthread_mutex_lock(&mock->op_lock);
	rc = mock->access->ops->needs_pin_pages ? pin_range(ucmd, cmd, mock) : -EOPNOTSUPP;
	pthread_mutex_unlock(&mock->op_lock);
	access_put(mock);
	return rc;
}

static int destroy_pages(struct mock_access *mock, uint32_t id)
{
	struct pin_item *item, *next;
	int rc = -ENOENT;

	pthread_mutex_lock(&mock->items_lock);
	cds_list_for_each_entry_safe (item, next, &mock->items, link) {
		if (item->id == id) {
			drop_item(mock, item);
			rc = 0;
			break;
		}
	}
	pthread_mutex_unlock(&mock->items_lock);
	return rc;
}

int mock_destroy_access_pages(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct mock_access *mock = access_get(ucmd->caller, cmd->id);
	int rc;

	if (!mock)
		return -EBADFD;
	pthread_mutex_lock(&mock->op_lock);
	rc = destroy_pages(mock, cmd->destroy_access_pages.access_pages_id);
	pthread_mutex_unlock(&mock->op_lock);
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
	int rc = 0;

	if (write)
		rc = caller_read(caller, buf, uptr, len);
	if (!rc)
		rc = iommufd_access_rw(mock->access, caller, iova, buf, len, write, slow);
	if (!rc && !write)
		rc = caller_write(caller, uptr, buf, len);
	return rc;
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
		pthread_mutex_lock(&mock->op_lock);
		rc = copy_range(ucmd, cmd, mock, buf);
		pthread_mutex_unlock(&mock->op_lock);
		alloc_free(buf);
	}
	access_put(mock);
	return rc;
}
