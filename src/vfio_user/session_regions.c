/* SPDX-License-Identifier: MIT */
/*
 * Regions: descriptions and accesses. Every register acts when it is read or written, so of a
 * region only the parts can be mapped that the model has as memory, and none has descriptors for
 * its doorbells.
 */
#include <errno.h>
#include <string.h>

#include <uiommufd/vfio.h>

#include "base/check.h"
#include "vfio_user/session.h"

static bool is_memory_of(const struct uiommufd_bar_part *part, uint32_t bar)
{
	return part->kind == UIOMMUFD_PART_MEMORY && part->bar == bar;
}

/* How many parts of the region are memory. */
static uint32_t count_areas(const struct vu_session *session, uint32_t index)
{
	const struct uiommufd_bar_part *part = session->model->bar_parts;
	uint32_t count = 0;

	for (; session->regions[index].memory >= 0 && part->size; part++)
		count += is_memory_of(part, index);
	return count;
}

/* Describes them; @out is behind the region's structure. */
static void put_areas(const struct vu_session *session, uint32_t index, uint32_t count,
		      uint8_t *out)
{
	const struct vfio_region_info_cap_sparse_mmap head = {
		.header = {.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP, .version = 1},
		.nr_areas = count,
	};

	memcpy(out, &head, sizeof(head));
	out += sizeof(head);
	for (const struct uiommufd_bar_part *part = session->model->bar_parts; part->size; part++) {
		const struct vfio_region_sparse_mmap_area area = {part->off, part->size};

		if (!is_memory_of(part, index))
			continue;
		memcpy(out, &area, sizeof(area));
		out += sizeof(area);
	}
}

int vu_handle_region_info(struct vu_session *session, struct vu_message *request,
			  struct vu_reply *reply)
{
	struct vfio_region_info info, *out;
	const struct vu_region *region;
	uint32_t count, len = sizeof(*out);

	memcpy(&info, request->payload, sizeof(info));
	if (info.argsz < sizeof(info))
		return vu_refuse(session, "its argsz is too small");
	if (info.index >= VU_REGIONS)
		return vu_refuse(session, "there is no such region");
	region = &session->regions[info.index];
	count = count_areas(session, info.index);
	if (count)
		len += (uint32_t)(sizeof(struct vfio_region_info_cap_sparse_mmap) +
				  count * sizeof(struct vfio_region_sparse_mmap_area));
	/* A client whose argsz is too small for the areas learns how large it has to be. */
	out = vu_reply_reserve(reply, info.argsz < len ? (uint32_t)sizeof(*out) : len);
	if (!out)
		return -ENOMEM;
	*out = (struct vfio_region_info){
		.argsz = len,
		.flags = region->flags & (VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE),
		.index = info.index,
		.size = region->size,
		.offset = 0, /* of its byte 0 in the descriptor */
	};
	if (count)
		out->flags |= VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS;
	if (count && info.argsz >= len) {
		out->cap_offset = sizeof(*out);
		put_areas(session, info.index, count, (uint8_t *)(out + 1));
		reply->fd = region->memory;
	}
	return 0;
}

int vu_handle_region_io_fds(struct vu_session *session, struct vu_message *request,
			    struct vu_reply *reply)
{
	struct vu_region_io_fds fds, *out;

	memcpy(&fds, request->payload, sizeof(fds));
	if (fds.argsz < sizeof(fds))
		return vu_refuse(session, "its argsz is too small");
	if (fds.index >= VU_REGIONS || !session->regions[fds.index].size)
		return vu_refuse(session, "there is no such region");
	out = vu_reply_reserve(reply, sizeof(*out));
	if (!out)
		return -ENOMEM;
	*out = (struct vu_region_io_fds){.argsz = sizeof(*out), .index = fds.index};
	return 0;
}

/* ---- accesses ---- */

static int check_access(struct vu_session *session, uint32_t region, uint64_t offset,
			uint32_t count)
{
	uint64_t end;

	if (region >= VU_REGIONS || !session->regions[region].size)
		return vu_refuse(session, "there is no such region");
	if (check_add(offset, count, &end) || end > session->regions[region].size)
		return vu_refuse(session, "it leaves the region");
	return 0;
}

static int write_bytes(struct vu_session *session, uint32_t region, uint64_t offset,
		       const uint8_t *data, uint32_t count)
{
	ssize_t done;
	int rc = check_access(session, region, offset, count);

	if (rc)
		return rc;
	done = engine_device_write(session->caller, data, count,
				   session->regions[region].pos + offset);
	return done < 0 ? (int)done : 0;
}

int vu_handle_read(struct vu_session *session, struct vu_message *request, struct vu_reply *reply)
{
	struct vu_access access;
	uint8_t *bytes;
	ssize_t done;
	int rc;

	memcpy(&access, request->payload, sizeof(access));
	if (access.count > VU_MAX_DATA)
		return vu_refuse(session, "it is for more than max_data_xfer_size");
	rc = check_access(session, access.region, access.offset, access.count);
	if (rc)
		return rc;
	bytes = vu_reply_reserve(reply, (uint32_t)sizeof(access) + access.count);
	if (!bytes)
		return -ENOMEM;
	memcpy(bytes, &access, sizeof(access));
	done = engine_device_read(session->caller, bytes + sizeof(access), access.count,
				  session->regions[access.region].pos + access.offset);
	return done < 0 ? (int)done : 0;
}

int vu_handle_write(struct vu_session *session, struct vu_message *request, struct vu_reply *reply)
{
	struct vu_access access;
	uint8_t *bytes;
	int rc;

	memcpy(&access, request->payload, sizeof(access));
	if (access.count > VU_MAX_DATA)
		return vu_refuse(session, "it is for more than max_data_xfer_size");
	if (request->len != sizeof(access) + access.count)
		return vu_refuse(session, "its count is not that of its data");
	rc = write_bytes(session, access.region, access.offset, request->payload + sizeof(access),
			 access.count);
	if (rc)
		return rc;
	bytes = vu_reply_reserve(reply, sizeof(access));
	if (!bytes)
		return -ENOMEM;
	memcpy(bytes, &access, sizeof(access));
	return 0;
}

/* The writes before one that is refused stay. */
int vu_handle_write_multi(struct vu_session *session, struct vu_message *request,
			  struct vu_reply *reply)
{
	const uint32_t room = request->len - (uint32_t)sizeof(uint64_t);
	struct vu_write write;
	uint64_t count;
	uint8_t *bytes;
	int rc;

	memcpy(&count, request->payload, sizeof(count));
	if (count != room / sizeof(write) || room % sizeof(write))
		return vu_refuse(session, "its count is not that of its writes");
	for (uint64_t i = 0; i < count; i++) {
		memcpy(&write, request->payload + sizeof(count) + i * sizeof(write), sizeof(write));
		if (write.count > sizeof(write.data))
			return vu_refuse(session, "a write has more than 8 bytes");
		rc = write_bytes(session, write.region, write.offset, write.data, write.count);
		if (rc)
			return rc;
	}
	bytes = vu_reply_reserve(reply, sizeof(count));
	if (!bytes)
		return -ENOMEM;
	memcpy(bytes, &count, sizeof(count));
	return 0;
}
