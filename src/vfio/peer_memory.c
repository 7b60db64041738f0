/* SPDX-License-Identifier: MIT */
/*
 * See peer.h. The BAR becomes a dma-buf whose bytes are its registers (mem/dmabuf.h). The mapping
 * holds no reference to the device's file, as with the kernel: after that is closed the BAR answers
 * as a device without an owner does. Devices outlive all files.
 */
#include "vfio/peer_memory.h"

#include <errno.h>

#include "mem/dmabuf.h"
#include "vfio/bar.h"
#include "vfio/vfio_internal.h"

static const struct vfio_mapping_finder *finder;

void vfio_set_mapping_finder(const struct vfio_mapping_finder *with)
{
	finder = with;
}

/* A source of @len bytes at offset @found->offset of the device's file. */
static int create_source(struct uiommufd_caller *caller, const struct vfio_mapping *found,
			 uint64_t len, bool writable, struct mem_source **source)
{
	const struct dmabuf_registers registers = {
		.ops = found->ops,
		.cookie = found->cookie,
		.offset = found->offset,
	};
	struct dmabuf *dmabuf;
	int rc;

	if (!bar_decodes_at(found->cookie, found->offset))
		return -EFAULT;
	rc = dmabuf_create_registers(len, &registers, &dmabuf);
	if (rc)
		return rc;
	rc = mem_source_from_dmabuf(caller, dmabuf, 0, len, writable, source);
	file_put(dmabuf_file(dmabuf));
	return rc;
}

int vfio_peer_source(struct uiommufd_caller *caller, uint64_t va, uint64_t len, bool writable,
		     struct mem_source **source, struct peer_hold *hold)
{
	struct vfio_mapping found;

	*source = NULL;
	hold->mapping = NULL;
	if (!finder || !finder->find(va, &found))
		return 0;
	hold->mapping = found.reference;
	if (found.left < len)
		return -EFAULT;
	return create_source(caller, &found, len, writable, source);
}

void vfio_peer_put(const struct peer_hold *hold)
{
	if (hold->mapping)
		finder->put(hold->mapping);
}
