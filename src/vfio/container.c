/* SPDX-License-Identifier: MIT */
/*
 * A container: groups, and the driver that they set together [TYPE1-STATES], [TYPE1-COMMANDS].
 *
 * Invariants, with type1.lock held:
 * - the driver is set only while there are groups;
 * - while it is, each device of each group is attached to its address space.
 *
 * type1.lock guards the list of groups, too. It is taken after group->use_lock.
 */
#include "vfio/container.h"

#include <assert.h>
#include <errno.h>

#include <uiommufd/vfio.h>

#include "base/alloc.h"
#include "base/dev_names.h"
#include "base/last_error.h"
#include "vfio/type1.h"
#include "vfio/vfio_internal.h"

struct vfio_container {
	struct uiommufd_file file;
	struct type1 type1;
	struct cds_list_head groups; /* vfio_group_link(), the newest first */
};

/* ---- attaching ---- */

/* Attaches @group to the driver [TYPE1-ATTACH]. On failure nothing of it is attached. */
static int attach(struct vfio_container *container, struct vfio_group *group)
	REQUIRES(container->type1.lock)
{
	int rc;

	lock_assert_held(&container->type1.lock);
	if (!type1_attachable(&container->type1))
		return refuse(-EBUSY, "a mapping has no memory now (VFIO_DMA_UNMAP_FLAG_VADDR): "
				      "VFIO_DMA_MAP_FLAG_VADDR comes first");
	rc = vfio_group_attach(group, container->type1.ctx, container->type1.ioas->object.id);
	/* A mapping is where the devices of the group cannot reach it. */
	if (rc == -EADDRINUSE)
		return refuse_unless_said(-EINVAL,
					  "a mapping is where the group's devices cannot reach it");
	if (rc)
		return rc;
	rc = type1_check_usable(&container->type1);
	if (rc)
		vfio_group_detach(group);
	return rc;
}

int vfio_container_add(struct vfio_container *container, struct vfio_group *group)
{
	int rc = 0;

	lock_acquire(&container->type1.lock);
	if (type1_started(&container->type1))
		rc = attach(container, group);
	if (!rc)
		cds_list_add(vfio_group_link(group), &container->groups);
	lock_release(&container->type1.lock);
	return rc;
}

void vfio_container_remove(struct vfio_container *container, struct vfio_group *group)
{
	struct type1 *type1 = &container->type1;

	lock_acquire(&type1->lock);
	cds_list_del(vfio_group_link(group));
	if (type1_started(type1)) {
		vfio_group_detach(group);
		if (cds_list_empty(&container->groups))
			type1_stop(type1);
	}
	lock_release(&type1->lock);
}

bool vfio_container_has_driver(struct vfio_container *container)
{
	bool has;

	lock_acquire(&container->type1.lock);
	has = type1_started(&container->type1);
	lock_release(&container->type1.lock);
	return has;
}

/* ---- CHECK_EXTENSION, SET_IOMMU ---- */

static long check_extension(struct vfio_container *container, uint64_t extension)
	REQUIRES(container->type1.lock)
{
	const bool started = type1_started(&container->type1);

	switch (extension) {
	case VFIO_TYPE1_IOMMU:
	case VFIO_TYPE1v2_IOMMU:
	case VFIO_UNMAP_ALL:
		return 1;
	case VFIO_DMA_CC_IOMMU:
		return started && type1_enforces_coherency(&container->type1);
	case VFIO_UPDATE_VADDR:
		return started;
	default:
		return 0;
	}
}

/* Attaches all groups, or none. */
static int attach_all(struct vfio_container *container) REQUIRES(container->type1.lock)
{
	struct cds_list_head *link, *done;
	int rc;

	for (link = container->groups.next; link != &container->groups; link = link->next) {
		rc = attach(container, vfio_group_at(link));
		if (!rc)
			continue;
		for (done = container->groups.next; done != link; done = done->next)
			vfio_group_detach(vfio_group_at(done));
		return rc;
	}
	return 0;
}

static long set_iommu(struct vfio_container *container, uint64_t type)
	REQUIRES(container->type1.lock)
{
	int rc;

	if (cds_list_empty(&container->groups))
		return refuse_mistake(-EINVAL, "the container has no group yet: "
					       "VFIO_GROUP_SET_CONTAINER comes first");
	if (type1_started(&container->type1))
		return refuse_mistake(-EINVAL, "the container has an IOMMU already");
	/* An extension that is no type of IOMMU: the driver refuses it, others find no driver. */
	if (type == VFIO_UNMAP_ALL)
		return refuse_mistake(-EINVAL, "VFIO_UNMAP_ALL is an extension, no type of IOMMU");
	if (type != VFIO_TYPE1_IOMMU && type != VFIO_TYPE1v2_IOMMU)
		return refuse(-ENODEV,
			      "there is no IOMMU of type %llu: VFIO_TYPE1_IOMMU and "
			      "VFIO_TYPE1v2_IOMMU are there",
			      (unsigned long long)type);
	rc = type1_start(&container->type1, type == VFIO_TYPE1v2_IOMMU);
	if (rc)
		return rc;
	rc = attach_all(container);
	if (rc)
		type1_stop(&container->type1);
	return rc;
}

/* ---- the file ---- */

static struct vfio_container *container_of_file(struct uiommufd_file *file)
{
	return caa_container_of(file, struct vfio_container, file);
}

/* What only the driver answers. */
static long driver_ioctl(struct type1 *type1, struct uiommufd_caller *caller, unsigned int cmd,
			 uint64_t arg, struct peer_hold *hold) REQUIRES(type1->lock)
{
	if (!type1_started(type1))
		return refuse_mistake(-EINVAL,
				      "the container has no IOMMU yet: VFIO_GROUP_SET_CONTAINER "
				      "and VFIO_SET_IOMMU come first");
	switch (cmd) {
	case VFIO_IOMMU_GET_INFO:
		return type1_get_info(type1, caller, arg);
	case VFIO_IOMMU_MAP_DMA:
		return type1_map_dma(type1, caller, arg, hold);
	case VFIO_IOMMU_UNMAP_DMA:
		return type1_unmap_dma(type1, caller, arg);
	case VFIO_IOMMU_DIRTY_PAGES:
		return type1_dirty_pages(type1, caller, arg);
	default:
		return -ENOTTY;
	}
}

static long container_ioctl(struct uiommufd_file *file, struct uiommufd_caller *caller,
			    unsigned int cmd, uint64_t arg)
{
	struct vfio_container *container = container_of_file(file);
	struct peer_hold hold = {.mapping = NULL};
	long rc;

	if (cmd == VFIO_GET_API_VERSION)
		return VFIO_API_VERSION;
	lock_acquire(&container->type1.lock);
	if (cmd == VFIO_CHECK_EXTENSION)
		rc = check_extension(container, arg);
	else if (cmd == VFIO_SET_IOMMU)
		rc = set_iommu(container, arg);
	else
		rc = driver_ioctl(&container->type1, caller, cmd, arg, &hold);
	lock_release(&container->type1.lock);
	vfio_peer_put(&hold);
	return rc;
}

static void container_release(struct uiommufd_file *file)
{
	struct vfio_container *container = container_of_file(file);

	assert(cds_list_empty(&container->groups));
	type1_destroy(&container->type1);
	alloc_free(container);
}

static const struct file_ops container_ops = {
	.name = DEV_CONTAINER,
	.ioctl = container_ioctl,
	.release = container_release,
};

int vfio_container_open(struct uiommufd_file **file)
{
	struct vfio_container *container = alloc_zeroed(sizeof(*container));

	if (!container)
		return -ENOMEM;
	file_init(&container->file, &container_ops, 0);
	type1_init(&container->type1);
	CDS_INIT_LIST_HEAD(&container->groups);
	*file = &container->file;
	return 0;
}

struct vfio_container *vfio_container_from_file(struct uiommufd_file *file)
{
	return file->ops == &container_ops ? container_of_file(file) : NULL;
}
