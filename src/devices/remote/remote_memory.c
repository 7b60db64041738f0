/* SPDX-License-Identifier: MIT */
/*
 * What the server may reach. It is told of each mapping of the address space that the device is
 * attached to, and before the memory of one is given back, it has answered that it has let go.
 * So a server can only ask for what is mapped.
 *
 * Memory in a file that is shared is given with a descriptor, and the server does DMA without us. A
 * descriptor leads to the whole file, and only the server itself can give it back: that a server
 * does what it says is trusted then (the option messages is for one that is not).
 *
 * The list is kept while the device is not open, too: a container is attached before that.
 *
 * A table of the program's own (nested translation) cannot be told: the server may then ask for
 * anything, by messages.
 *
 * Cost: a round trip to the server for each MAP and UNMAP.
 */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "base/sys.h"
#include "devices/remote/remote_internal.h"
#include "iommu/iommu.h"
#include "mem/source_file.h"

enum {
	MAX_WINDOW_PARTS = 512, /* messages to find out what a server takes */
};

#define WINDOW_SIZE  (UINT64_C(1) << 48)
#define LEAST_WINDOW (UINT64_C(1) << 20)

/* A mapping. */
struct remote_region {
	struct listened_area area;
	bool there; /* the server has it */
	bool given; /* by a descriptor: it maps the memory itself */
};

static struct remote *remote_of(struct ioas_listener *listener)
{
	return caa_container_of(listener, struct remote, listener);
}

/* ---- messages ---- */

static uint32_t dma_flags(unsigned int prot)
{
	return (prot & IOPT_READ ? VU_DMA_READABLE : 0) | (prot & IOPT_WRITE ? VU_DMA_WRITABLE : 0);
}

/* 0 or the server's errno. */
static int send_map(struct remote *remote, const struct vu_dma_map *map, int fd)
{
	const struct vu_part parts[2] = {{map, sizeof(*map)}};
	const struct vu_descriptors with = {&fd, fd >= 0};
	struct vu_message *reply;
	int rc = vu_link_ask(&remote->link, VU_DMA_MAP, parts, &with, 0, &reply);

	vu_message_free(reply);
	return rc;
}

static void tell_region(struct remote *remote, struct remote_region *region)
	REQUIRES(remote->memory_lock)
{
	struct vu_dma_map map = {
		.argsz = sizeof(map),
		.flags = dma_flags(region->area.prot),
		.address = region->area.range.start,
		.size = iova_range_len(region->area.range),
	};

	int fd = -1;

	lock_assert_held(&remote->memory_lock);
	if (!remote->by_message &&
	    mem_source_file(region->area.source, region->area.start, map.size,
			    region->area.prot & IOPT_WRITE, &fd, &map.offset))
		map.offset = 0;
	region->given = fd >= 0 && !send_map(remote, &map, fd);
	if (fd >= 0)
		(void)sys_close(fd);
	/* It may not be able to map that file: huge pages, for instance. */
	map.offset = 0;
	region->there = region->given || !send_map(remote, &map, -1);
}

static void tell_unmap(struct remote *remote, uint64_t address, uint64_t size, uint32_t flags)
{
	const struct vu_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.flags = flags,
		.address = address,
		.size = size,
	};

	/* What a server keeps although it was told to forget it may be other memory by then. */
	if (vu_link_tell(&remote->link, VU_DMA_UNMAP, &unmap, sizeof(unmap)))
		vu_link_give_up(&remote->link, "does not unmap IOVA 0x%llx",
				(unsigned long long)address);
}

static void forget_region(struct remote *remote, struct remote_region *region)
	REQUIRES(remote->memory_lock)
{
	lock_assert_held(&remote->memory_lock);
	if (region->there && remote->told)
		tell_unmap(remote, region->area.range.start, iova_range_len(region->area.range), 0);
	region->there = region->given = false;
}

/*
 * Lets the server ask for [@start, @start + @size), in as few parts as it takes: some have a
 * largest size, or leave out what their own IOMMU reserves.
 */
static void tell_window(struct remote *remote, uint64_t start, uint64_t size, unsigned int *left)
{
	const struct vu_dma_map map = {
		.argsz = sizeof(map),
		.flags = VU_DMA_READABLE | VU_DMA_WRITABLE,
		.address = start,
		.size = size,
	};

	if (!*left)
		return;
	--*left;
	if (!send_map(remote, &map, -1) || atomic_load(&remote->link.over) || size <= LEAST_WINDOW)
		return;
	tell_window(remote, start, size / 2, left);
	tell_window(remote, start + size / 2, size / 2, left);
}

/* ---- the listener ---- */

static void begin(struct ioas_listener *listener, const struct iommu_domain *domain)
{
	struct remote *remote = remote_of(listener);

	lock_acquire(&remote->memory_lock);
	/* Dirty pages are seen only of what is written through the table. */
	remote->by_message = remote->messages || iommu_domain_flags(domain) & DOMAIN_DIRTY;
	lock_release(&remote->memory_lock);
}

static void add_region(struct remote *remote, const struct listened_area *area)
	REQUIRES(remote->memory_lock)
{
	struct remote_region *region = alloc_zeroed(sizeof(*region));

	lock_assert_held(&remote->memory_lock);
	if (!region)
		goto out_memory;
	region->area = *area;
	if (iova_map_insert(&remote->memory, area->range, region))
		goto out_region;
	if (remote->told)
		tell_region(remote, region);
	return;

out_region:
	alloc_free(region);
out_memory:
	log_error("%s: vfio-user: out of memory: the server does not learn of IOVA 0x%llx-0x%llx",
		  uiommufd_device_name(remote->dev), (unsigned long long)area->range.start,
		  (unsigned long long)area->range.last);
}

static void mapped(struct ioas_listener *listener, const struct listened_area *area)
{
	struct remote *remote = remote_of(listener);

	lock_acquire(&remote->memory_lock);
	add_region(remote, area);
	lock_release(&remote->memory_lock);
}

/* Adds what is left of @area, of which [@from, @to] has gone. */
static void add_rest(struct remote *remote, const struct listened_area *area,
		     struct iova_range gone) REQUIRES(remote->memory_lock)
{
	struct listened_area part = *area;

	lock_assert_held(&remote->memory_lock);
	if (area->range.start < gone.start) {
		part.range.last = gone.start - 1;
		add_region(remote, &part);
	}
	if (area->range.last > gone.last) {
		part.range = (struct iova_range){gone.last + 1, area->range.last};
		part.start = area->start + (part.range.start - area->range.start);
		add_region(remote, &part);
	}
}

static void unmapped(struct ioas_listener *listener, struct iova_range range)
{
	struct remote *remote = remote_of(listener);
	struct iova_map_entry entry;

	lock_acquire(&remote->memory_lock);
	while (iova_map_lower(&remote->memory, range.start, &entry) &&
	       entry.range.start <= range.last) {
		struct remote_region *region = entry.value;

		forget_region(remote, region);
		(void)iova_map_erase(&remote->memory, entry.range.start);
		/* An area that the program has cut since: the protocol has no part of one. */
		add_rest(remote, &region->area, range);
		alloc_free(region);
	}
	lock_release(&remote->memory_lock);
}

/* What was given by descriptor is not in that file any more, or not there. */
static int tell_again(const struct iova_map_entry *entry, void *arg)
{
	struct remote_region *region = entry->value;
	struct remote *remote = arg;

	lock_assert_held(&remote->memory_lock);
	if (region->given && remote->told) {
		forget_region(remote, region);
		tell_region(remote, region);
	}
	return 0;
}

static void moved(struct ioas_listener *listener, struct iova_range range)
{
	struct remote *remote = remote_of(listener);

	lock_acquire(&remote->memory_lock);
	(void)iova_map_for_each(&remote->memory, range, tell_again, remote);
	lock_release(&remote->memory_lock);
}

static int free_region(const struct iova_map_entry *entry, void *arg)
{
	(void)arg;
	alloc_free(entry->value);
	return 0;
}

static void clear(struct remote *remote) REQUIRES(remote->memory_lock)
{
	lock_assert_held(&remote->memory_lock);
	(void)iova_map_for_each(&remote->memory, IOVA_RANGE_ALL, free_region, NULL);
	iova_map_destroy(&remote->memory);
	iova_map_init(&remote->memory);
}

static void end(struct ioas_listener *listener)
{
	struct remote *remote = remote_of(listener);
	struct iova_map_entry entry;

	lock_acquire(&remote->memory_lock);
	if (remote->told && iova_map_lower(&remote->memory, 0, &entry))
		tell_unmap(remote, 0, 0, VU_UNMAP_ALL);
	clear(remote);
	lock_release(&remote->memory_lock);
}

static void set_window(struct remote *remote, bool window) REQUIRES(remote->memory_lock)
{
	unsigned int left = MAX_WINDOW_PARTS;

	lock_assert_held(&remote->memory_lock);
	if (!remote->told)
		return;
	if (window)
		tell_window(remote, 0, WINDOW_SIZE, &left);
	else
		tell_unmap(remote, 0, 0, VU_UNMAP_ALL);
}

static void nested(struct ioas_listener *listener, bool is)
{
	struct remote *remote = remote_of(listener);

	lock_acquire(&remote->memory_lock);
	if (remote->window != is) {
		remote->window = is;
		set_window(remote, is);
	}
	lock_release(&remote->memory_lock);
}

const struct listener_ops remote_listener = {
	.begin = begin,
	.mapped = mapped,
	.unmapped = unmapped,
	.moved = moved,
	.end = end,
	.nested = nested,
};

/* ---- with the device ---- */

static int tell_one(const struct iova_map_entry *entry, void *arg)
{
	struct remote_region *region = entry->value;
	struct remote *remote = arg;

	lock_assert_held(&remote->memory_lock);
	tell_region(remote, region);
	return atomic_load(&remote->link.over);
}

void remote_memory_tell(struct remote *remote)
{
	lock_acquire(&remote->memory_lock);
	remote->told = true;
	(void)iova_map_for_each(&remote->memory, IOVA_RANGE_ALL, tell_one, remote);
	if (remote->window)
		set_window(remote, true);
	lock_release(&remote->memory_lock);
}

static int forget_one(const struct iova_map_entry *entry, void *arg)
{
	struct remote_region *region = entry->value;

	(void)arg;
	region->there = region->given = false;
	return 0;
}

void remote_memory_silence(struct remote *remote)
{
	struct iova_map_entry entry;

	lock_acquire(&remote->memory_lock);
	if (!atomic_load(&remote->link.over) &&
	    (remote->window || iova_map_lower(&remote->memory, 0, &entry)))
		tell_unmap(remote, 0, 0, VU_UNMAP_ALL);
	remote->told = false;
	(void)iova_map_for_each(&remote->memory, IOVA_RANGE_ALL, forget_one, NULL);
	lock_release(&remote->memory_lock);
}

/* What is being asked for. */
struct written {
	struct iova_range range;
	void (*report)(struct iova_range written, void *arg);
	void *arg;
};

static int report_written(const struct iova_map_entry *entry, void *arg)
{
	const struct remote_region *region = entry->value;
	const struct written *written = arg;

	if (region->given && region->area.prot & IOPT_WRITE)
		written->report(
			(struct iova_range){max_u64(entry->range.start, written->range.start),
					    min_u64(entry->range.last, written->range.last)},
			written->arg);
	return 0;
}

void remote_written(struct uiommufd_device *dev, struct iova_range range,
		    void (*report)(struct iova_range written, void *arg), void *arg)
{
	struct remote *remote = uiommufd_device_state(dev);
	struct written written = {range, report, arg};

	lock_acquire(&remote->memory_lock);
	(void)iova_map_for_each(&remote->memory, range, report_written, &written);
	lock_release(&remote->memory_lock);
}

void remote_memory_destroy(struct remote *remote)
{
	lock_acquire(&remote->memory_lock);
	clear(remote);
	lock_release(&remote->memory_lock);
	iova_map_destroy(&remote->memory);
}
