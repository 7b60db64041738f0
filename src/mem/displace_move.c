/* SPDX-License-Identifier: MIT */
/*
 * Moving the stretches of a displacement aside, and back (mem/displace.c).
 *
 * Cost: a system call for each mapping in a stretch, and a few to find the mappings, or one for the
 * whole where the kernel moves several at once. If the program locks memory, two more.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>

#include "base/fail.h"
#include "base/log.h"
#include "base/sys.h"
#include "mem/aside.h"
#include "mem/displace_internal.h"
#include "mem/maps.h"

static atomic_bool locking; /* the program may have locked memory */

void displace_note_locking(void)
{
	atomic_store_explicit(&locking, true, memory_order_relaxed);
}

/* A part of what moves. */
struct part {
	uint64_t len;
	bool hole;  /* nothing is mapped there */
	bool split; /* it is not whole pages, which are huge: the system would move them all */
};

/* What of [@from, @from + @len) is in one mapping, from @from on. */
static struct part first_part(uint64_t from, uint64_t len)
{
	uint64_t start, end, page_size;
	int rc = maps_find(from, &start, &end, &page_size);

	if (rc == -ENOENT)
		return (struct part){.len = len, .hole = true};
	/* An older kernel refuses to move several at once; without /proc nobody can tell. */
	if (rc)
		return (struct part){.len = rc == -ENOTTY ? len : PAGE_SIZE};
	if (start > from)
		return (struct part){.len = min_u64(len, start - from), .hole = true};
	len = min_u64(len, end - from);
	return (struct part){.len = len, .split = ((from | len) & (page_size - 1)) != 0};
}

static int move_pages(uint64_t from, uint64_t to, uint64_t len, int flags, uint64_t *done);

/* Moves the first half of the range, and then the second. */
static int move_halves(uint64_t from, uint64_t to, uint64_t len, int flags, uint64_t *done)
{
	const uint64_t half = align_down(len / 2 + PAGE_MASK, PAGE_SIZE);
	int rc = move_pages(from, to, half, flags, done);

	return rc ? rc : move_pages(from + half, to + half, len - half, flags, done);
}

/*
 * Moves [@from, @from + @len) to @to, over what is there, mapping by mapping: a kernel moves one at
 * a time (then a refusal makes us look for the mappings by halving), or it moves several until it
 * comes to one that it does not, and says no more than that it failed. Addresses without a mapping
 * (a system call that we did not see) are skipped. *@done: how many bytes from the start on have
 * been dealt with; all, or it fails.
 */
static int move_pages(uint64_t from, uint64_t to, uint64_t len, int flags, uint64_t *done)
{
	while (len) {
		const struct part part = first_part(from, len);
		const uint64_t now = part.len;
		int rc = part.split ? -EINVAL : 0;

		if (!part.hole && !part.split)
			rc = sys_mremap_to((void *)(uintptr_t)from, now, (void *)(uintptr_t)to,
					   flags);
		if (rc == -EFAULT && now > PAGE_SIZE) {
			rc = move_halves(from, to, now, flags, done);
			if (rc)
				return rc;
		} else if (rc && rc != -EFAULT) {
			return rc;
		} else {
			*done += now;
		}
		from += now;
		to += now;
		len -= now;
	}
	return 0;
}

/*
 * Moves [@aside, @aside + @len) back to @to. MREMAP_DONTUNMAP leaves our addresses mapped, without
 * memory. A kernel that cannot do that for this kind of memory unmaps them: then they are lost.
 */
static void move_back(uint64_t aside, uint64_t to, uint64_t len)
{
	uint64_t done = 0;
	int rc = 0;

	if (len)
		rc = move_pages(aside, to, len, MREMAP_DONTUNMAP, &done);
	if (rc == -EINVAL && !done) {
		aside_lose(aside, len >> PAGE_SHIFT);
		rc = move_pages(aside, to, len, 0, &done);
	}
	if (rc)
		log_error("pinned pages at 0x%" PRIx64 " could not be moved back", to + done);
}

/* Moves [@from, @from + @len) to @aside; on failure all of it is back. */
static int move_aside(uint64_t from, uint64_t aside, uint64_t len, int flags)
{
	uint64_t done = 0;
	int rc = move_pages(from, aside, len, flags, &done);

	if (rc)
		move_back(aside, from, done);
	return rc;
}

static uint64_t stretch_start(const struct stretch *stretch)
{
	return stretch->first << PAGE_SHIFT;
}

static uint64_t stretch_len(const struct stretch *stretch)
{
	return (stretch->end - stretch->first) << PAGE_SHIFT;
}

/*
 * Moves @stretch aside. The addresses stay mapped until the program's own call: if another thread
 * were given them before, that call would take them away from it. Where the system cannot keep this
 * kind of memory mapped, or both would be more than the program may have, and the call unmaps it
 * anyway (@d->unmaps), it becomes unmapped now.
 */
static int move_stretch(const struct displacement *d, const struct stretch *stretch)
{
	const uint64_t from = stretch_start(stretch), len = stretch_len(stretch);
	int rc = move_aside(from, stretch->aside, len, d->keep ? MREMAP_DONTUNMAP : 0);

	if ((rc == -EINVAL || rc == -ENOMEM) && d->keep && d->unmaps)
		rc = move_aside(from, stretch->aside, len, 0);
	return rc;
}

/*
 * Unlocks what the program has locked there: at another address it would count as locked still, and
 * what stays mapped without memory would, too. Only the kernel knows what is locked, and refuses
 * MADV_COLD there, as for huge pages, which unlocking does not change.
 */
static void unlock_stretch(struct stretch *stretch)
{
	void *start = (void *)(uintptr_t)stretch_start(stretch);

	stretch->locked = atomic_load_explicit(&locking, memory_order_relaxed) &&
			  sys_madvise(start, stretch_len(stretch), MADV_COLD) == -EINVAL;
	if (stretch->locked)
		(void)sys_call(SYS_munlock, (long)start, (long)stretch_len(stretch), 0, 0, 0, 0);
}

static void lock_again(const struct stretch *stretch)
{
	if (stretch->locked)
		(void)sys_call(SYS_mlock2, (long)stretch_start(stretch), (long)stretch_len(stretch),
			       MLOCK_ONFAULT, 0, 0, 0);
}

/* ---- what cannot move ---- */

struct kinds {
	uint64_t start, end;
	bool shared; /* some of it is */
};

static bool look_at_kind(const struct maps_entry *entry, void *arg)
{
	struct kinds *kinds = arg;

	kinds->shared |= entry->shared && entry->start < kinds->end && entry->end > kinds->start;
	return entry->end < kinds->end;
}

/*
 * Copies what cannot move and is private. If the program's call takes it away all the same, nobody
 * else has it. A copy of shared memory would be another page.
 */
static int copy_stretch(struct stretch *stretch)
{
	const uint64_t from = stretch_start(stretch), len = stretch_len(stretch);
	struct kinds kinds = {.start = from, .end = from + len};

	if (maps_for_each(look_at_kind, &kinds) || kinds.shared)
		return 0;
	if (displace_make_memory(stretch))
		return -ENOMEM;
	for (uint64_t done = 0; done < len; done += PAGE_SIZE)
		displace_copy_page(stretch->aside + done, from + done);
	return 0;
}

/*
 * What cannot move (a part of a huge page, a sealed mapping) can mostly not be taken away either.
 */
int displace_move(struct displacement *d)
{
	for (; d->moved < d->stretch_count; d->moved++) {
		struct stretch *stretch = &d->stretches[d->moved];
		int rc = -ENOMEM;

		unlock_stretch(stretch);
		if (!fail_inject())
			rc = move_stretch(d, stretch);
		stretch->stays = rc;
		if (rc && rc != -ENOMEM && d->call)
			rc = copy_stretch(stretch);
		if (rc) {
			lock_again(stretch);
			return -ENOMEM;
		}
	}
	return 0;
}

void displace_move_back(struct displacement *d)
{
	while (d->moved) {
		const struct stretch *stretch = &d->stretches[--d->moved];

		if (!stretch->stays)
			move_back(stretch->aside, stretch_start(stretch), stretch_len(stretch));
		lock_again(stretch);
	}
}

void displace_lock_again(const struct displacement *d)
{
	for (size_t i = 0; i < d->stretch_count; i++)
		lock_again(&d->stretches[i]);
}
