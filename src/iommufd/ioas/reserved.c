/* SPDX-License-Identifier: MIT */
/*
 * Invariants between calls:
 * - reserved->ranges has each range that an owner has, with how often owners have it;
 * - reserved->all is the union of them, and has space for each of them apart: when some go, the
 *   rest may not merge any more, and removing must not fail.
 */
#include "iommufd/ioas/reserved.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"

void reserved_init(struct reserved *reserved, struct iova_set *all)
{
	*reserved = (struct reserved){.all = all};
	CDS_INIT_LIST_HEAD(&reserved->owners);
	iova_map_init(&reserved->index);
}

static void free_owner(struct reserved_owner *owner)
{
	cds_list_del(&owner->link);
	alloc_free(owner->ranges);
	alloc_free(owner);
}

void reserved_destroy(struct reserved *reserved)
{
	struct reserved_owner *owner, *next;

	cds_list_for_each_entry_safe (owner, next, &reserved->owners, link)
		free_owner(owner);
	iova_map_destroy(&reserved->index);
	alloc_free(reserved->ranges);
}

/*
 * @array, of *@capacity elements of @size bytes, with space for @count (not 0) in all: it may have
 * moved. NULL: there is no memory, and nothing has changed.
 */
static void *grown(void *array, size_t *capacity, size_t count, size_t size)
{
	size_t more = *capacity ? 2 * *capacity : 4;

	if (count <= *capacity)
		return array;
	if (more < count)
		more = count;
	array = alloc_resize(array, more, size);
	if (array)
		*capacity = more;
	return array;
}

/* ---- ranges ---- */

static bool is_below(struct iova_range a, struct iova_range b)
{
	return a.start != b.start ? a.start < b.start : a.last < b.last;
}

/* Where @range is among the ranges, or would be. */
static size_t place_of(const struct reserved *reserved, struct iova_range range)
{
	size_t low = 0, high = reserved->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (is_below(reserved->ranges[middle].range, range))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct reserved *reserved, size_t at, struct iova_range range)
{
	return at < reserved->count && !is_below(range, reserved->ranges[at].range);
}

/* Counts one more user of @range. The capacity is there, and in the union the range itself. */
static void use_range(struct reserved *reserved, struct iova_range range)
{
	const size_t at = place_of(reserved, range);
	struct reserved_range *ranges = reserved->ranges;

	if (!is_at(reserved, at, range)) {
		memmove(&ranges[at + 1], &ranges[at], (reserved->count - at) * sizeof(*ranges));
		ranges[at] = (struct reserved_range){.range = range};
		reserved->count++;
	}
	ranges[at].users++;
}

/* Counts one user of @range less. Returns whether that was the last one. */
static bool leave_range(struct reserved *reserved, struct iova_range range)
{
	const size_t at = place_of(reserved, range);
	struct reserved_range *ranges = reserved->ranges;

	if (--ranges[at].users)
		return false;
	reserved->count--;
	memmove(&ranges[at], &ranges[at + 1], (reserved->count - at) * sizeof(*ranges));
	return true;
}

static bool all_known(const struct reserved *reserved, const struct iova_range *ranges,
		      size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!is_at(reserved, place_of(reserved, ranges[i]), ranges[i]))
			return false;
	}
	return true;
}

/* Makes @all the union with @ranges, in a set that has space for each range apart. */
static int extend(struct reserved *reserved, const struct iova_range *ranges, size_t count)
{
	struct reserved_range *space = grown(reserved->ranges, &reserved->capacity,
					     reserved->count + count, sizeof(*space));
	struct iova_set all;
	int rc;

	if (!space)
		return -ENOMEM;
	reserved->ranges = space;
	iova_set_init(&all);
	rc = iova_set_copy(reserved->all, &all);
	if (!rc)
		rc = iova_set_reserve(&all, reserved->count + count);
	for (size_t i = 0; i < count && !rc; i++)
		rc = iova_set_add(&all, ranges[i]);
	if (!rc)
		iova_set_swap(reserved->all, &all);
	iova_set_destroy(&all);
	return rc;
}

/* ---- owners ---- */

/* The index holds ranges of numbers: an object is the one number of its address. */
static uint64_t key_of(const struct iommufd_object *object)
{
	return (uintptr_t)object;
}

static struct reserved_owner *find_owner(const struct reserved *reserved,
					 const struct iommufd_object *object)
{
	return iova_map_find(&reserved->index, key_of(object));
}

static struct reserved_owner *add_owner(struct reserved *reserved,
					const struct iommufd_object *object)
{
	const struct iova_range key = {key_of(object), key_of(object)};
	struct reserved_owner *owner = alloc_zeroed(sizeof(*owner));

	if (!owner)
		return NULL;
	owner->object = object;
	if (iova_map_insert(&reserved->index, key, owner)) {
		alloc_free(owner);
		return NULL;
	}
	cds_list_add_tail(&owner->link, &reserved->owners);
	return owner;
}

static void drop_owner(struct reserved *reserved, struct reserved_owner *owner)
{
	(void)iova_map_erase(&reserved->index, key_of(owner->object));
	free_owner(owner);
}

int reserved_add(struct reserved *reserved, const struct iova_range *ranges, size_t count,
		 const struct iommufd_object *object)
{
	struct reserved_owner *owner = find_owner(reserved, object);
	struct iova_range *space;
	int rc = -ENOMEM;

	if (!count)
		return 0;
	if (!owner)
		owner = add_owner(reserved, object);
	if (!owner)
		return -ENOMEM;
	space = grown(owner->ranges, &owner->capacity, owner->count + count, sizeof(*space));
	if (space) {
		owner->ranges = space;
		rc = all_known(reserved, ranges, count) ? 0 : extend(reserved, ranges, count);
	}
	if (rc) {
		if (!owner->count)
			drop_owner(reserved, owner);
		return rc;
	}
	for (size_t i = 0; i < count; i++) {
		owner->ranges[owner->count++] = ranges[i];
		use_range(reserved, ranges[i]);
	}
	return 0;
}

void reserved_remove(struct reserved *reserved, const struct iommufd_object *object)
{
	struct reserved_owner *owner = find_owner(reserved, object);
	bool fewer = false;

	if (!owner)
		return;
	for (size_t i = 0; i < owner->count; i++)
		fewer |= leave_range(reserved, owner->ranges[i]);
	drop_owner(reserved, owner);
	if (!fewer)
		return;
	reserved->all->count = 0;
	for (size_t i = 0; i < reserved->count; i++)
		(void)iova_set_add(reserved->all, reserved->ranges[i].range);
}

int reserved_for_each(const struct reserved *reserved,
		      int (*visit)(struct iova_range range, const struct iommufd_object *owner,
				   void *arg),
		      void *arg)
{
	const struct reserved_owner *owner;

	cds_list_for_each_entry (owner, &reserved->owners, link) {
		for (size_t i = 0; i < owner->count; i++) {
			const int rc = visit(owner->ranges[i], owner->object, arg);

			if (rc)
				return rc;
		}
	}
	return 0;
}

/* ---- invariants ---- */

/* Whether [@range] is in the union of the ranges, which are ascending. */
static bool is_covered(const struct reserved *reserved, struct iova_range range)
{
	uint64_t next = range.start;

	for (size_t i = 0; i < reserved->count; i++) {
		const struct iova_range part = reserved->ranges[i].range;

		if (part.start > next)
			return false;
		if (part.last >= range.last)
			return true;
		next = max_u64(next, part.last + 1);
	}
	return false;
}

static int count_one(struct iova_range range, const struct iommufd_object *owner, void *arg)
{
	(void)range;
	(void)owner;
	++*(size_t *)arg;
	return 0;
}

const char *reserved_check(const struct reserved *reserved)
{
	size_t users = 0, owned = 0;

	if (reserved->all->capacity < reserved->count)
		return "the reserved set has space for each range apart";
	for (size_t i = 0; i < reserved->count; i++) {
		if (!iova_set_contains(reserved->all, reserved->ranges[i].range))
			return "what an owner reserves is in the reserved set";
		users += reserved->ranges[i].users;
	}
	for (size_t i = 0; i < reserved->all->count; i++) {
		if (!is_covered(reserved, reserved->all->ranges[i]))
			return "the reserved set holds only what has an owner";
	}
	(void)reserved_for_each(reserved, count_one, &owned);
	return users == owned ? NULL : "each range of an owner is counted";
}
