/* SPDX-License-Identifier: MIT */
/*
 * The program moves memory in which pages are pinned (mremap): the device's tables follow. The
 * sources' pins and places (mem/index.h) say where the pages are then.
 *
 * Cost: as for displace.c, with one system call; onto pinned pages, three.
 */
#include <inttypes.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/sys.h"
#include "mem/displace_internal.h"
#include "mem/maps.h"
#include "mem/source_internal.h"
#include "mem/view.h"

struct remap {
	const struct displace_remote *remote; /* whose memory moves; NULL: this process's */
	displace_call call;		      /* moves it, instead of mremap() by this process */
	void *arg;
	uint64_t old, old_len, new_len;
	uint64_t to;
	int flags;
	struct index_place **places; /* for those victims that need one */
};

static long call_mremap(const struct remap *remap)
{
	if (remap->call)
		return remap->call(remap->arg);
	return sys_call(SYS_mremap, (long)remap->old, (long)remap->old_len, (long)remap->new_len,
			remap->flags, (long)remap->to, 0);
}

static void cancel_places(const struct displacement *d, const struct remap *remap)
{
	for (size_t i = 0; remap->places && i < d->victims.count; i++)
		index_place_destroy(remap->places[i]);
	alloc_free(remap->places);
}

static int create_places(const struct displacement *d, struct remap *remap)
{
	remap->places = alloc_array(d->victims.count, sizeof(*remap->places));
	if (!remap->places)
		return -ENOMEM;
	for (size_t i = 0; i < d->victims.count; i++) {
		if (!d->hulls[i].pages.count)
			continue;
		remap->places[i] = index_place_create(d->victims.sources[i]);
		if (!remap->places[i])
			return -ENOMEM;
	}
	return 0;
}

/* Tells the sources, and the index, that what was in the range is at @to now. */
static void commit_remap(const struct displacement *d, const struct remap *remap, uint64_t to)
{
	const uint64_t len = (d->end - d->first) << PAGE_SHIFT;

	displace_assert_locked(d);
	for (size_t i = 0; i < d->segment_count; i++) {
		const struct segment *segment = &d->segments[i];
		uint64_t own = source_base(segment->source) + (segment->page << PAGE_SHIFT);
		uint64_t bus = to + ((segment->first - d->first) << PAGE_SHIFT);

		source_assert_locked(segment->source);
		source_set_bus(segment->source, segment_pages(segment), bus == own ? 0 : bus,
			       false);
		pins_tidy(&segment->source->parts, segment_pages(segment));
	}
	for (size_t i = 0; i < d->victims.count; i++) {
		if (!remap->places[i])
			continue;
		index_place_forget(d->victims.sources[i], remap->old, remap->old + (len - 1));
		index_place_add(remap->places[i], to, to + (len - 1));
	}
	/* Before DMA goes on, which may have to pass the program's rights. */
	if (!remap->remote)
		view_move(remap->old, len, to, remap->new_len);
}

static long remap_locked(struct displacement *d, struct remap *remap)
{
	long rc = displace_list(d);

	if (rc)
		goto out_cancel;
	rc = create_places(d, remap);
	if (rc)
		goto out_cancel;
	rc = call_mremap(remap);
	if (rc < 0)
		goto out_cancel;
	commit_remap(d, remap, (uint64_t)rc);
	alloc_free(remap->places);
	return rc;

out_cancel:
	displace_unlist(d);
	cancel_places(d, remap);
	return rc;
}

/* remap(), of memory in one mapping, or on a kernel that moves only that. */
static long remap_one(struct remap *remap) REQUIRES(displace_lock)
{
	struct displacement d = {.remote = remap->remote};
	long rc;

	lock_assert_held(&displace_lock);
	if (!displace_touched(remap->old, min_u64(remap->old_len, remap->new_len), &d.first,
			      &d.end))
		return call_mremap(remap);
	rc = displace_find_victims(&d);
	if (rc)
		goto out_destroy;
	displace_begin(&d);
	rc = remap_locked(&d, remap);
	displace_end(&d, rc >= 0 && d.segment_count);

out_destroy:
	displace_destroy(&d);
	return rc;
}

/* How much of @remap's memory from @done on is in one mapping; *@hole: it is not mapped. */
static uint64_t next_part(const struct remap *remap, uint64_t done, bool *hole)
{
	const uint64_t at = remap->old + done, left = remap->old_len - done;
	uint64_t start, end, page_size;

	*hole = false;
	if (maps_find(at, &start, &end, &page_size))
		return left;
	*hole = start > at;
	return min_u64(left, (*hole ? start : end) - at);
}

/* Moves the first @len bytes of @remap, mapping by mapping. *@done: how many have been moved. */
static long remap_parts(const struct remap *remap, uint64_t len, uint64_t *done)
	REQUIRES(displace_lock)
{
	lock_assert_held(&displace_lock);
	*done = 0;
	while (*done < len) {
		struct remap part = *remap;
		bool hole;
		long rc;

		part.old_len = next_part(remap, *done, &hole);
		part.new_len = part.old_len;
		part.old += *done;
		part.to += *done;
		rc = hole ? *done ? 0 : -EFAULT : remap_one(&part);
		if (rc < 0)
			return rc;
		*done += part.old_len;
	}
	return (long)remap->to;
}

/*
 * Moves the memory of @remap with the pins of what is in it. Nothing is pinned where it goes.
 *
 * A kernel that moves several mappings at once (from 6.17 on) may fail when it has moved some of
 * them, and does not say which. So each is moved by itself; if one cannot be, all are moved back.
 */
static long remap(struct remap *remap) REQUIRES(displace_lock)
{
	struct remap back = {
		.old = remap->to, .flags = MREMAP_MAYMOVE | MREMAP_FIXED, .to = remap->old};
	uint64_t done, undone;
	bool hole;
	long rc;

	lock_assert_held(&displace_lock);
	if (!(remap->flags & MREMAP_FIXED) || remap->old_len != remap->new_len ||
	    remap->old_len <= PAGE_SIZE || next_part(remap, 0, &hole) == remap->old_len)
		return remap_one(remap);
	rc = remap_parts(remap, remap->old_len, &done);
	if (rc >= 0 || !done)
		return rc;
	back.old_len = done;
	back.new_len = done;
	if (remap_parts(&back, done, &undone) < 0)
		log_error("memory at 0x%" PRIx64 " could not be moved back", back.to + undone);
	return rc;
}

static bool ranges_overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a - b < b_len || b - a < a_len;
}

bool displace_mremap_is_valid(uint64_t old, uint64_t old_len, uint64_t new_len, uint64_t flags,
			      uint64_t to)
{
	const uint64_t placed = MREMAP_FIXED | MREMAP_DONTUNMAP;

	if (flags & ~(placed | MREMAP_MAYMOVE))
		return false;
	if ((flags & placed) && !(flags & MREMAP_MAYMOVE))
		return false;
	if ((flags & MREMAP_DONTUNMAP) && old_len != new_len)
		return false;
	if (!new_len || !is_aligned(old, PAGE_SIZE))
		return false;
	return !(flags & MREMAP_FIXED) ||
	       (is_aligned(to, PAGE_SIZE) && !ranges_overlap(old, old_len, to, new_len));
}

/* Makes the addresses of @remap's target free of pinned pages. They stay mapped if possible. */
static int clear_target(const struct remap *remap) REQUIRES(displace_lock)
{
	int rc = displace_range_locked(remap->to, remap->new_len, DISPLACE_MMAP_FIXED, true);

	return rc ? displace_range_locked(remap->to, remap->new_len, DISPLACE_MMAP_FIXED, false)
		  : 0;
}

/*
 * MREMAP_FIXED onto pinned pages. Only the kernel knows whether the move is possible, by making it.
 * So the memory moves to reserved addresses first; the pinned pages leave the target when only a
 * lack of memory can still fail.
 */
static long remap_over(const struct remap *wanted) REQUIRES(displace_lock)
{
	const uint64_t align = UINT64_C(1) << 30; /* the largest page of any mapping */
	struct remap there = *wanted, on;
	void *between;
	long rc;

	/* msync() finds holes: some kernels unmap the target before they find them. */
	if (wanted->old_len && sys_call(SYS_msync, (long)align_down(wanted->old, PAGE_SIZE),
					(long)wanted->old_len, MS_ASYNC, 0, 0, 0))
		return is_aligned(wanted->old, PAGE_SIZE) ? -EFAULT : -EINVAL;
	if (sys_reserve(align_down(wanted->new_len + PAGE_MASK, PAGE_SIZE), align,
			wanted->to & (align - 1), &between))
		return -ENOMEM;
	there.to = (uint64_t)(uintptr_t)between;
	rc = remap(&there);
	if (rc < 0) {
		(void)sys_munmap(between, wanted->new_len);
		return rc;
	}
	on = (struct remap){.old = there.to,
			    .old_len = wanted->new_len,
			    .new_len = wanted->new_len,
			    .to = wanted->to,
			    .flags = MREMAP_MAYMOVE | MREMAP_FIXED};
	rc = clear_target(wanted);
	if (rc)
		goto out_back;
	rc = remap(&on);
	if (rc < 0)
		goto out_back;
	return rc;

out_back:
	on.to = wanted->old;
	on.new_len = min_u64(wanted->old_len, wanted->new_len);
	if (remap(&on) < 0)
		log_error("memory at 0x%" PRIx64 " could not be moved back", wanted->old);
	return rc;
}

long displace_mremap(uint64_t old, uint64_t old_len, uint64_t new_len, int flags, uint64_t to)
{
	struct remap wanted = {
		.old = old, .old_len = old_len, .new_len = new_len, .flags = flags, .to = to};
	long rc;

	if (!index_enabled())
		return call_mremap(&wanted);
	lock_acquire(&displace_lock);
	/* What the kernel refuses before it does anything is left to it. */
	if ((flags & MREMAP_FIXED) && (flags & MREMAP_MAYMOVE) && is_aligned(to, PAGE_SIZE) &&
	    displace_needed(to, new_len) && !ranges_overlap(old, old_len, to, new_len))
		rc = remap_over(&wanted);
	else
		rc = remap(&wanted);
	lock_release(&displace_lock);
	return rc;
}

long displace_remote_mremap(const struct displace_remote *remote, uint64_t old, uint64_t len,
			    displace_call call, void *arg)
{
	struct remap wanted = {.remote = remote,
			       .call = call,
			       .arg = arg,
			       .old = old,
			       .old_len = len,
			       .new_len = len};
	long rc;

	lock_acquire(&displace_lock);
	rc = remap_one(&wanted);
	lock_release(&displace_lock);
	return rc;
}
