/* SPDX-License-Identifier: MIT */
/* See identity.h. */
#include "vfio_user/identity.h"

#include <errno.h>
#include <string.h>

#include <uiommufd/vfio.h>

#include "base/check.h"
#include "base/sys.h"

enum {
	CAPS_SPACE = 1024,     /* bytes of capabilities of a region that we ask for */
	MAX_CAPS = 16,	       /* in a chain */
	CONFIG_LEAST = 64,     /* a header of type 0 */
	CONFIG_STEP = 256,     /* bytes of it that are read at once */
	CONFIG_EXPRESS = 4096, /* a device has this much, or 256 */
	CONFIG_PLAIN = 256,
};

/* ---- accesses ---- */

int vu_region_read(struct vu_link *link, uint32_t region, uint64_t offset, void *buf, uint32_t len)
{
	const struct vu_access access = {.offset = offset, .region = region, .count = len};
	const struct vu_part parts[2] = {{&access, sizeof(access)}};
	struct vu_message *reply;
	struct vu_access echo;
	int rc = vu_link_ask(link, VU_REGION_READ, parts, NULL, sizeof(access) + len, &reply);

	if (rc)
		return rc;
	memcpy(&echo, reply->payload, sizeof(echo));
	if (reply->len != sizeof(access) + len || echo.count != len) {
		vu_link_give_up(link, "answers a read of %u bytes with %u", len, echo.count);
		rc = -EIO;
	} else {
		memcpy(buf, reply->payload + sizeof(access), len);
	}
	vu_message_free(reply);
	return rc;
}

int vu_region_write(struct vu_link *link, uint32_t region, uint64_t offset, const void *buf,
		    uint32_t len)
{
	const struct vu_access access = {.offset = offset, .region = region, .count = len};
	const struct vu_part parts[2] = {{&access, sizeof(access)}, {buf, len}};
	struct vu_message *reply;
	int rc = vu_link_ask(link, VU_REGION_WRITE, parts, NULL, 0, &reply);

	vu_message_free(reply);
	return rc;
}

/* ---- regions ---- */

/* Adds the areas of the capability at @at of @reply, which @left bytes are left of. */
static void read_areas(const uint8_t *at, size_t left, struct vu_region_facts *region)
{
	struct vfio_region_info_cap_sparse_mmap cap;
	struct vfio_region_sparse_mmap_area area;

	if (left < sizeof(cap))
		return;
	memcpy(&cap, at, sizeof(cap));
	left -= sizeof(cap);
	for (uint32_t i = 0; i < cap.nr_areas && left >= sizeof(area); i++) {
		if (region->area_count == VU_MAX_AREAS)
			return;
		memcpy(&area, at + sizeof(cap) + i * sizeof(area), sizeof(area));
		left -= sizeof(area);
		region->areas[region->area_count++] =
			(struct vu_area){.offset = area.offset, .size = area.size, .fd = -1};
	}
}

/* Follows the chain of capabilities. What is not inside the reply ends it. */
static void read_caps(const struct vu_message *reply, uint32_t offset,
		      struct vu_region_facts *region)
{
	struct vfio_info_cap_header cap;

	for (unsigned int i = 0; i < MAX_CAPS; i++) {
		if (offset < sizeof(struct vfio_region_info) || reply->len < sizeof(cap) ||
		    offset > reply->len - sizeof(cap))
			return;
		memcpy(&cap, reply->payload + offset, sizeof(cap));
		if (cap.id == VFIO_REGION_INFO_CAP_SPARSE_MMAP)
			read_areas(reply->payload + offset, reply->len - offset, region);
		offset = cap.next;
	}
}

/* Whether the pages of @area are in the region, and in the file that it came with. */
static bool area_is_good(const struct vu_region_facts *region, const struct vu_area *area)
{
	uint64_t end, file_end;
	struct stat st;

	if (!area->size || !is_aligned(area->offset | area->size | region->fd_offset, PAGE_SIZE) ||
	    check_add(area->offset, area->size, &end) || end > region->size ||
	    check_add(region->fd_offset, end, &file_end) || file_end > INT64_MAX)
		return false;
	if (sys_call(SYS_fstat, area->fd, (long)&st, 0, 0, 0, 0))
		return false;
	/* Of a device, a length is not known. */
	return S_ISREG(st.st_mode) ? (uint64_t)st.st_size >= file_end : S_ISCHR(st.st_mode);
}

/*
 * Gives the areas their descriptors: one for each, or one for all. An area that lacks one, or is
 * not what it says, is left out: it is reached by messages.
 */
static void take_fds(struct vu_message *reply, struct vu_region_facts *region)
{
	unsigned int good = 0;

	for (unsigned int i = 0; i < region->area_count; i++) {
		struct vu_area area = region->areas[i];

		if (i < reply->fd_count) {
			area.fd = reply->fds[i];
			reply->fds[i] = -1;
		} else if (reply->fd_count == 1 && good) {
			area.fd = sys_dup_away(region->areas[0].fd);
		}
		if (area.fd < 0)
			continue;
		if (area_is_good(region, &area))
			region->areas[good++] = area;
		else
			(void)sys_close(area.fd);
	}
	region->area_count = good;
}

int vu_ask_region(struct vu_link *link, uint32_t index, struct vu_region_facts *region)
{
	struct vfio_region_info info = {.argsz = sizeof(info) + CAPS_SPACE, .index = index};
	const struct vu_part parts[2] = {{&info, sizeof(info)}};
	struct vu_message *reply;
	int rc = vu_link_ask(link, VU_DEVICE_GET_REGION_INFO, parts, NULL, sizeof(info), &reply);

	*region = (struct vu_region_facts){.size = 0};
	if (rc)
		return rc;
	memcpy(&info, reply->payload, sizeof(info));
	region->size = info.size;
	region->flags = info.flags;
	region->fd_offset = info.offset;
	if (!(info.flags & VFIO_REGION_INFO_FLAG_MMAP))
		goto out;
	if (info.flags & VFIO_REGION_INFO_FLAG_CAPS)
		read_caps(reply, info.cap_offset, region);
	if (!region->area_count)
		region->areas[region->area_count++] = (struct vu_area){.size = info.size, .fd = -1};
	take_fds(reply, region);
out:
	vu_message_free(reply);
	return 0;
}

void vu_region_release(struct vu_region_facts *region)
{
	for (unsigned int i = 0; i < region->area_count; i++)
		(void)sys_close(region->areas[i].fd);
	region->area_count = 0;
}

/* ---- the device ---- */

static int contradicts(struct vu_link *link, const char *what)
{
	vu_link_give_up(link, "%s", what);
	return -EPROTO;
}

static int ask_device(struct vu_link *link, struct vu_device_info *info)
{
	const struct vu_device_info request = {.argsz = sizeof(request)};
	const struct vu_part parts[2] = {{&request, sizeof(request)}};
	struct vu_message *reply;
	int rc = vu_link_ask(link, VU_DEVICE_GET_INFO, parts, NULL, sizeof(*info), &reply);

	if (rc)
		return rc;
	memcpy(info, reply->payload, sizeof(*info));
	vu_message_free(reply);
	if (!(info->flags & VFIO_DEVICE_FLAGS_PCI))
		return contradicts(link, "has a device that is not of PCI");
	if (info->region_count <= VU_ID_CONFIG)
		return contradicts(link, "has a device without config space");
	return 0;
}

static int ask_irq(struct vu_link *link, uint32_t index, uint32_t *count)
{
	struct vfio_irq_info info = {.argsz = sizeof(info), .index = index};
	const struct vu_part parts[2] = {{&info, sizeof(info)}};
	struct vu_message *reply;
	int rc = vu_link_ask(link, VU_DEVICE_GET_IRQ_INFO, parts, NULL, sizeof(info), &reply);

	if (rc)
		return rc;
	memcpy(&info, reply->payload, sizeof(info));
	vu_message_free(reply);
	*count = info.count;
	return 0;
}

static int read_config(struct vu_link *link, uint64_t size, struct vu_identity *identity)
{
	int rc = 0;

	if (size < CONFIG_LEAST)
		return contradicts(link, "has a config space of less than 64 bytes");
	identity->config_size = size < CONFIG_EXPRESS ? CONFIG_PLAIN : CONFIG_EXPRESS;
	size = min_u64(size, identity->config_size);
	for (uint32_t at = 0; at < size && !rc;) {
		uint32_t step = (uint32_t)min_u64(size - at, CONFIG_STEP);

		step = (uint32_t)min_u64(step, link->theirs.max_data_xfer_size);
		rc = vu_region_read(link, VU_ID_CONFIG, at, identity->config + at, step);
		at += step;
	}
	return rc;
}

int vu_identify(struct vu_link *link, struct vu_identity *identity)
{
	struct vu_device_info info;
	int rc = ask_device(link, &info);

	if (rc)
		return rc;
	*identity = (struct vu_identity){
		.magic = VU_IDENTITY_MAGIC,
		.size = sizeof(*identity),
		.flags = info.flags,
		.theirs = link->theirs,
	};
	for (uint32_t i = 0; i < VU_ID_REGIONS; i++) {
		struct vu_region_facts region;

		rc = vu_ask_region(link, i, &region);
		if (rc == -EINVAL && i != VU_ID_CONFIG)
			continue; /* it does not know such a region */
		if (rc)
			return rc;
		vu_region_release(&region);
		if (i < VU_ID_BARS)
			identity->bars[i] = region.size;
		if (i == VU_ID_CONFIG)
			rc = read_config(link, region.size, identity);
		if (rc)
			return rc;
	}
	for (uint32_t i = 0; i < VU_ID_IRQS && i < info.irq_count; i++) {
		rc = ask_irq(link, i, &identity->irqs[i]);
		if (rc)
			return rc;
	}
	return 0;
}
