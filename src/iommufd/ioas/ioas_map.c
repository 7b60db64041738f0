/* SPDX-License-Identifier: MIT */
/*
 * The commands that change what is mapped: MAP, MAP_FILE, COPY, UNMAP [IOAS-MAPPING], [IOAS-UNMAP].
 * The checks follow the order of the reference's tables; area.c does the work.
 */
#include "iommufd/ioas/ioas_map.h"

#include <assert.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <string.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/last_error.h"
#include "iommufd/ioas/area.h"
#include "mem/dmabuf.h"

enum {
	MAP_FLAGS = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_WRITEABLE | IOMMU_IOAS_MAP_READABLE
};

/* The rights in the flags of a MAP or COPY; 0: none, which is an error. */
static uint8_t map_prot(uint32_t flags)
{
	uint8_t prot = 0;

	if (flags & IOMMU_IOAS_MAP_READABLE)
		prot |= IOPT_READ;
	if (flags & IOMMU_IOAS_MAP_WRITEABLE)
		prot |= IOPT_WRITE;
	return prot;
}

/* How the pages that @ucmd maps will be accounted. */
static enum mem_accounting map_accounting(const struct ucmd *ucmd)
{
	const bool unlimited = caller_capable(ucmd->caller, CAP_IPC_LOCK);

	if (ucmd->ctx->options.charge_always)
		return unlimited ? MEM_ACCOUNT_LOCKED_UNLIMITED : MEM_ACCOUNT_LOCKED;
	if (unlimited)
		return MEM_ACCOUNT_NONE;
	return ucmd->ctx->accounting_mm ? MEM_ACCOUNT_MM : MEM_ACCOUNT_USER;
}

int ioas_map_source(struct ioas *ioas, struct mem_source *source, uint32_t flags, uint64_t *iova)
{
	struct area *area = area_of_source(source, map_prot(flags));
	struct area_request request = {
		.areas = &area,
		.count = 1,
		.len = mem_source_len(source),
		.fixed = flags & IOMMU_IOAS_MAP_FIXED_IOVA,
		.iova = *iova,
	};
	int rc = ioas_add_areas(ioas, &request);

	if (rc)
		area_free(area);
	else
		*iova = request.iova;
	return rc;
}

static int refuse_length(uint64_t len)
{
	return refuse_mistake(-EINVAL, "length is 0x%" PRIx64 ": there is nothing to map", len);
}

int ioas_map_user(struct ucmd *ucmd, struct iommu_ioas_map *cmd, struct ioas *ioas)
{
	struct mem_source *source;
	uint64_t iova, end;
	int rc;

	if (check_add(cmd->user_va, cmd->length, &end))
		return refuse_mistake(-EOVERFLOW,
				      "user_va 0x%" PRIx64 " and length 0x%" PRIx64
				      " wrap around the end of the address space",
				      (uint64_t)cmd->user_va, (uint64_t)cmd->length);
	if (!cmd->length || cmd->length > UINT64_MAX - PAGE_SIZE)
		return refuse_length(cmd->length);
	rc = mem_source_from_va(ucmd->caller, cmd->user_va, cmd->length,
				cmd->flags & IOMMU_IOAS_MAP_WRITEABLE, map_accounting(ucmd),
				&source);
	if (rc)
		return rc;
	iova = cmd->iova;
	rc = ioas_map_source(ioas, source, cmd->flags, &iova);
	if (!rc)
		cmd->iova = iova;
	return rc;
}

static int refuse_rights(void)
{
	return refuse_mistake(-EINVAL, "flags have neither IOMMU_IOAS_MAP_READABLE nor "
				       "IOMMU_IOAS_MAP_WRITEABLE: no DMA could use the mapping");
}

static int refuse_ioas(const char *member, uint32_t id)
{
	return refuse_mistake(-ENOENT, "%s %" PRIu32 ": no IOAS of this /dev/iommu has this ID",
			      member, id);
}

/* The checks that MAP and MAP_FILE have in common. */
static int check_map(uint32_t flags, uint64_t iova, uint64_t len)
{
	if (flags & ~MAP_FLAGS)
		return refuse_flags(-EOPNOTSUPP, "flags", flags, MAP_FLAGS);
	if (iova == UINT64_MAX || len == UINT64_MAX)
		return refuse_mistake(-EOVERFLOW, "iova or length is all ones");
	return map_prot(flags) ? 0 : refuse_rights();
}

int ioctl_ioas_map(struct ucmd *ucmd)
{
	struct iommu_ioas_map *cmd = ucmd->cmd;
	struct ioas *ioas;
	int rc;

	if (cmd->__reserved)
		return refuse(-EOPNOTSUPP, "__reserved is not 0");
	rc = check_map(cmd->flags, cmd->iova, cmd->length);
	if (rc)
		return rc;
	ioas = ioas_get(ucmd->ctx, cmd->ioas_id);
	if (!ioas)
		return refuse_ioas("ioas_id", cmd->ioas_id);
	rc = ioas_map_user(ucmd, cmd, ioas);
	if (!rc)
		rc = ucmd_respond(ucmd);
	object_put(&ioas->object);
	return rc;
}

/* Creates a source of the file behind cmd->fd: one of our dma-bufs, or a file of the system. */
static int file_source(struct ucmd *ucmd, const struct iommu_ioas_map_file *cmd,
		       struct mem_source **source)
{
	struct uiommufd_caller *caller = ucmd->caller;
	const bool writable = cmd->flags & IOMMU_IOAS_MAP_WRITEABLE;
	struct uiommufd_file *file = caller_get_file(caller, cmd->fd);
	struct dmabuf *dmabuf = file ? dmabuf_from_file(file) : NULL;
	int rc;

	if (dmabuf)
		rc = mem_source_from_dmabuf(caller, dmabuf, cmd->start, cmd->length, writable,
					    source);
	else
		rc = mem_source_from_file(caller, cmd->fd, cmd->start, cmd->length, writable,
					  map_accounting(ucmd), source);
	if (file)
		file_put(file);
	return rc;
}

/* What has been refused is of @fd, which may be an emulated file other than a dma-buf. */
static void explain_file(struct uiommufd_caller *caller, int fd)
{
	struct uiommufd_file *file = caller_get_file(caller, fd);

	if (!file)
		return;
	if (!dmabuf_from_file(file))
		(void)refuse_mistake(-EINVAL,
				     "fd %d is %s, which is not in memory; registers of a device "
				     "are mapped by a dma-buf (VFIO_DEVICE_FEATURE_DMA_BUF)",
				     fd, file->ops->name);
	file_put(file);
}

static int map_file(struct ucmd *ucmd, struct iommu_ioas_map_file *cmd, struct ioas *ioas)
{
	struct mem_source *source;
	uint64_t iova, last;
	int rc;

	if (!cmd->length)
		return refuse_length(cmd->length);
	if (check_last(cmd->start, cmd->length, &last))
		return refuse_mistake(-EOVERFLOW, "start and length wrap around");
	rc = file_source(ucmd, cmd, &source);
	if (rc)
		return rc;
	if (cmd->length > UINT64_MAX - PAGE_SIZE) {
		mem_source_put(source);
		return refuse_length(cmd->length);
	}
	iova = cmd->iova;
	rc = ioas_map_source(ioas, source, cmd->flags, &iova);
	if (!rc)
		cmd->iova = iova;
	if (rc == -EINVAL)
		explain_file(ucmd->caller, cmd->fd);
	return rc;
}

int ioctl_ioas_map_file(struct ucmd *ucmd)
{
	struct iommu_ioas_map_file *cmd = ucmd->cmd;
	struct ioas *ioas;
	int rc = check_map(cmd->flags, cmd->iova, cmd->length);

	if (rc)
		return rc;
	ioas = ioas_get(ucmd->ctx, cmd->ioas_id);
	if (!ioas)
		return refuse_ioas("ioas_id", cmd->ioas_id);
	rc = map_file(ucmd, cmd, ioas);
	if (!rc)
		rc = ucmd_respond(ucmd);
	object_put(&ioas->object);
	return rc;
}

/* ---- COPY ---- */

/* The areas of the source range, cut to it, as areas for the destination. */
struct pieces {
	struct iova_range range;
	uint8_t prot;
	bool pinning;	     /* areas may be busy */
	uint64_t next;	     /* the first IOVA that is not covered yet */
	struct area **areas; /* @few, or allocated */
	size_t count, capacity;
	struct area *few[4];
};

static int pieces_append(struct pieces *pieces, struct area *area)
{
	if (pieces->count == pieces->capacity) {
		const bool few = pieces->areas == pieces->few;
		size_t capacity = pieces->capacity * 2;
		struct area **areas =
			alloc_resize(few ? NULL : pieces->areas, capacity, sizeof(struct area *));

		if (!areas)
			return -ENOMEM;
		if (few)
			memcpy(areas, pieces->few, sizeof(pieces->few));
		pieces->areas = areas;
		pieces->capacity = capacity;
	}
	pieces->areas[pieces->count++] = area;
	return 0;
}

/* Adds the part of @entry in the range. -ENOENT: a gap before it, or it is under construction. */
static int pieces_visit(const struct iova_map_entry *entry, void *arg)
{
	const struct area *from = entry->value;
	struct pieces *pieces = arg;
	uint64_t start = max_u64(entry->range.start, pieces->range.start);
	uint64_t last = min_u64(entry->range.last, pieces->range.last);
	struct area *area;
	int rc;

	area_prefetch(from);
	assert(!from->busy || pieces->pinning);
	/* Whether any area can be busy mostly spares waiting for this one here. */
	if (start != pieces->next || (pieces->pinning && from->busy))
		return -ENOENT;
	area = area_create_part(from, start - entry->range.start, last - start + 1, pieces->prot);
	if (!area)
		return -ENOMEM;
	rc = pieces_append(pieces, area);
	if (rc) {
		area_free(area);
		return rc;
	}
	pieces->next = last + 1;
	return 0;
}

static void pieces_free(struct pieces *pieces, bool areas_too)
{
	for (size_t i = 0; areas_too && i < pieces->count; i++)
		area_free(pieces->areas[i]);
	if (pieces->areas != pieces->few)
		alloc_free(pieces->areas);
}

/* Whether @cmd says where in the IOAS, of which it copies a part, the copy will be. */
static bool fixed_in_source(const struct iommu_ioas_copy *cmd)
{
	return cmd->dst_ioas_id == cmd->src_ioas_id && (cmd->flags & IOMMU_IOAS_MAP_FIXED_IOVA);
}

/* Collects the source range of @cmd. On failure there is nothing to free. */
static int pieces_collect(struct ioas *ioas, const struct iommu_ioas_copy *cmd,
			  struct pieces *pieces)
{
	int rc;

	pieces->areas = pieces->few;
	pieces->capacity = sizeof(pieces->few) / sizeof(pieces->few[0]);
	pieces->next = pieces->range.start;
	lock_acquire_patiently(&ioas->lock);
	if (fixed_in_source(cmd))
		ioas_prefetch(ioas, cmd->dst_iova);
	pieces->pinning = ioas->pinning;
	rc = iova_map_for_each(&ioas->areas, pieces->range, pieces_visit, pieces);
	lock_release_lasting(&ioas->lock);
	if (rc)
		goto out_free;
	if (!pieces->count || pieces->next != pieces->range.last + 1) {
		rc = -ENOENT;
		goto out_free;
	}
	return 0;

out_free:
	if (rc == -ENOENT)
		(void)refuse_mistake(rc,
				     "the source 0x%" PRIx64 "-0x%" PRIx64 " of IOAS %" PRIu32
				     " is not mapped at 0x%" PRIx64,
				     pieces->range.start, pieces->range.last, ioas->object.id,
				     pieces->next);
	pieces_free(pieces, true);
	return rc;
}

static int check_copy_range(const struct iommu_ioas_copy *cmd, struct iova_range *range)
{
	if (!cmd->length)
		return refuse_length(cmd->length);
	range->start = cmd->src_iova;
	if (check_last(cmd->src_iova, cmd->length, &range->last))
		return refuse_mistake(-EOVERFLOW, "src_iova and length wrap around");
	return 0;
}

static int collect_source(struct ucmd *ucmd, const struct iommu_ioas_copy *cmd,
			  struct pieces *pieces)
{
	struct ioas *ioas = ioas_get(ucmd->ctx, cmd->src_ioas_id);
	int rc;

	if (!ioas)
		return refuse_ioas("src_ioas_id", cmd->src_ioas_id);
	rc = check_copy_range(cmd, &pieces->range);
	if (rc)
		goto out_put;
	rc = pieces_collect(ioas, cmd, pieces);
out_put:
	object_put(&ioas->object);
	return rc;
}

static int copy_pieces(struct ucmd *ucmd, struct iommu_ioas_copy *cmd, struct pieces *pieces)
{
	struct area_request request = {
		.areas = pieces->areas,
		.count = pieces->count,
		.len = cmd->length,
		.fixed = cmd->flags & IOMMU_IOAS_MAP_FIXED_IOVA,
		.prefetched = fixed_in_source(cmd),
		.iova = cmd->dst_iova,
	};
	struct ioas *ioas = ioas_get(ucmd->ctx, cmd->dst_ioas_id);
	int rc;

	if (ioas) {
		rc = ioas_add_areas(ioas, &request);
		object_put(&ioas->object);
	} else {
		rc = refuse_ioas("dst_ioas_id", cmd->dst_ioas_id);
	}
	cmd->dst_iova = request.iova;
	pieces_free(pieces, rc != 0);
	return rc;
}

int ioctl_ioas_copy(struct ucmd *ucmd)
{
	struct iommu_ioas_copy *cmd = ucmd->cmd;
	struct pieces pieces = {.prot = map_prot(cmd->flags)};
	int rc;

	if (cmd->flags & ~MAP_FLAGS)
		return refuse_flags(-EOPNOTSUPP, "flags", cmd->flags, MAP_FLAGS);
	if (cmd->length == UINT64_MAX || cmd->src_iova == UINT64_MAX || cmd->dst_iova == UINT64_MAX)
		return refuse_mistake(-EOVERFLOW, "length or an IOVA is all ones");
	if (!pieces.prot)
		return refuse_rights();
	rc = collect_source(ucmd, cmd, &pieces);
	if (rc)
		return rc;
	rc = copy_pieces(ucmd, cmd, &pieces);
	if (rc)
		return rc;
	return ucmd_respond(ucmd);
}

/* ---- UNMAP ---- */

static int refuse_empty(const struct ioas *ioas, struct iova_range range)
{
	return refuse(-ENOENT, "nothing is mapped in 0x%" PRIx64 "-0x%" PRIx64 " of IOAS %" PRIu32,
		      range.start, range.last, ioas->object.id);
}

static int unmap(struct ioas *ioas, struct iommu_ioas_unmap *cmd)
{
	struct iova_range range = {.start = cmd->iova};
	uint64_t unmapped;
	int rc;

	if (cmd->iova == 0 && cmd->length == UINT64_MAX) {
		rc = ioas_unmap_range(ioas, IOVA_RANGE_ALL, &unmapped);
		cmd->length = unmapped;
		return rc;
	}
	if (cmd->iova == UINT64_MAX || cmd->length == UINT64_MAX)
		return refuse_mistake(-EOVERFLOW, "iova or length is all ones");
	if (!cmd->length)
		return refuse_mistake(-EINVAL, "length is 0: there is nothing to unmap");
	if (check_last(cmd->iova, cmd->length, &range.last))
		return refuse_mistake(-EOVERFLOW, "iova and length wrap around");
	rc = ioas_unmap_range(ioas, range, &unmapped);
	if (rc)
		return rc;
	cmd->length = unmapped;
	return unmapped ? 0 : refuse_empty(ioas, range);
}

int ioctl_ioas_unmap(struct ucmd *ucmd)
{
	struct iommu_ioas_unmap *cmd = ucmd->cmd;
	struct ioas *ioas = ioas_get(ucmd->ctx, cmd->ioas_id);
	int rc;

	if (!ioas)
		return refuse_ioas("ioas_id", cmd->ioas_id);
	rc = unmap(ioas, cmd);
	object_put(&ioas->object);
	if (rc)
		return rc;
	return ucmd_respond(ucmd);
}
