/* SPDX-License-Identifier: MIT */
/*
 * Levels of hash tables with lists. A source is on the first level whose granule is at least as
 * large as the source, in the list of the granule in which it begins. So it reaches at most into
 * the next granule, and a search looks, on each level in use, at the granules of its range and the
 * one before them. The hash puts neighbouring granules into neighbouring lists. Places have levels
 * of their own.
 *
 * Locks: each list is guarded by one of the stripes, places by their own lock. A thread that holds
 * one acquires no other.
 */
#include "mem/index.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <urcu/compiler.h>

#include "base/alloc.h"
#include "base/lock.h"
#include "base/sort.h"
#include "mem/source_internal.h"

struct level {
	unsigned int shift; /* log2 of the granule */
	unsigned int bits;  /* log2 of the number of lists */
	struct index_link **lists;
	_Atomic uint64_t count; /* sources */
};

enum {
	STRIPES = 256,
	LEVELS = 5,
	LISTS = (1 << 16) + (1 << 14) + (1 << 12) + (1 << 10) + 1,
	PLACE_LISTS = (1 << 12) + (1 << 10) + (1 << 8) + (1 << 6) + 1,
};

static struct index_link *all_lists[LISTS];
static struct level levels[LEVELS] = {
	{.shift = 16, .bits = 16, .lists = all_lists},
	{.shift = 21, .bits = 14, .lists = all_lists + (1 << 16)},
	{.shift = 26, .bits = 12, .lists = all_lists + (1 << 16) + (1 << 14)},
	{.shift = 32, .bits = 10, .lists = all_lists + (1 << 16) + (1 << 14) + (1 << 12)},
	{.shift = 63, .bits = 0, .lists = all_lists + LISTS - 1},
};

/* Pages that are not at their source's own addresses. */
struct index_place {
	struct index_link link;	   /* in a list of a level */
	struct index_link sibling; /* in the list of the source's places */
	struct mem_source *source; /* borrowed: destroying the source removes the place */
	uint64_t va, last;
};

static struct lock places_lock = LOCK_INIT(LOCK_PLACES);
static struct index_link *place_lists[PLACE_LISTS] GUARDED_BY(places_lock);
static struct level place_levels[LEVELS] = {
	{.shift = 16, .bits = 12, .lists = place_lists},
	{.shift = 21, .bits = 10, .lists = place_lists + (1 << 12)},
	{.shift = 26, .bits = 8, .lists = place_lists + (1 << 12) + (1 << 10)},
	{.shift = 32, .bits = 6, .lists = place_lists + (1 << 12) + (1 << 10) + (1 << 8)},
	{.shift = 63, .bits = 0, .lists = place_lists + PLACE_LISTS - 1},
};
static struct index_link *away GUARDED_BY(places_lock); /* sources with no page at home */
static _Atomic uint64_t place_count, away_count;
static uint64_t places_looked_at GUARDED_BY(places_lock);

static struct lock stripes[STRIPES]; /* each guards its lists */
static pthread_once_t stripes_once = PTHREAD_ONCE_INIT;
static atomic_bool enabled;

static void init_stripes(void)
{
	for (int i = 0; i < STRIPES; i++)
		lock_init(&stripes[i], LOCK_INDEX);
}

void index_enable(void)
{
	pthread_once(&stripes_once, init_stripes);
	atomic_store_explicit(&enabled, true, memory_order_release);
}

bool index_enabled(void)
{
	return atomic_load_explicit(&enabled, memory_order_acquire);
}

/* The one of @all for what reaches from @va to @last. */
static struct level *level_for(struct level *all, uint64_t va, uint64_t last)
{
	struct level *level = all;

	/* The last level also takes what is longer: no address is in its upper half. */
	while (level < &all[LEVELS - 1] && (last - va) >> level->shift)
		level++;
	return level;
}

static struct level *level_of(const struct mem_source *source)
{
	return level_for(levels, source_base(source), source_last(source));
}

static struct index_link **list_of(const struct level *level, uint64_t granule)
{
	/* Areas that lie a whole table apart are common: keep their granules in different lists. */
	uint64_t hash = granule + (granule >> level->bits) * UINT64_C(0x9e3779b1);

	return &level->lists[hash & ((UINT64_C(1) << level->bits) - 1)];
}

/* The lock of @list. */
static struct lock *stripe_of(struct index_link **list)
{
	return &stripes[(size_t)(list - all_lists) % STRIPES];
}

bool index_has(const struct mem_source *source, enum index_presence presence)
{
	return atomic_load_explicit(&source->indexed, memory_order_relaxed) & presence;
}

static void set_presence(struct mem_source *source, enum index_presence presence)
{
	atomic_fetch_or_explicit(&source->indexed, presence, memory_order_relaxed);
}

static void clear_presence(struct mem_source *source, enum index_presence presence)
{
	atomic_fetch_and_explicit(&source->indexed, (uint8_t)~presence, memory_order_relaxed);
}

/* The level's list that @source is in, or is to be in. */
static struct index_link **own_list(const struct mem_source *source)
{
	const struct level *level = level_of(source);

	return list_of(level, source_base(source) >> level->shift);
}

static void leave_own(struct mem_source *source)
{
	struct lock *lock = stripe_of(own_list(source));

	assert(index_has(source, INDEX_OWN));
	lock_acquire(lock);
	index_link_remove(&source_wide(source)->link);
	lock_release(lock);
	atomic_fetch_sub_explicit(&level_of(source)->count, 1, memory_order_relaxed);
	clear_presence(source, INDEX_OWN);
}

static void leave_away(struct mem_source *source)
{
	lock_acquire(&places_lock);
	index_link_remove(&source_wide(source)->link);
	lock_release(&places_lock);
	atomic_fetch_sub_explicit(&away_count, 1, memory_order_relaxed);
	clear_presence(source, INDEX_AWAY);
}

void index_add(struct mem_source *source)
{
	struct index_link **list = own_list(source);
	struct lock *lock = stripe_of(list);

	if (index_has(source, INDEX_AWAY))
		leave_away(source);
	lock_acquire(lock);
	index_link_push(list, &source_wide(source)->link);
	lock_release(lock);
	atomic_fetch_add_explicit(&level_of(source)->count, 1, memory_order_relaxed);
	set_presence(source, INDEX_OWN);
}

struct index_place *index_place_create(struct mem_source *source)
{
	struct index_place *place = alloc_zeroed(sizeof(*place));

	if (place)
		place->source = source;
	return place;
}

void index_place_destroy(struct index_place *place)
{
	alloc_free(place);
}

void index_place_add(struct index_place *place, uint64_t va, uint64_t last)
{
	struct level *level = level_for(place_levels, va, last);

	place->va = va;
	place->last = last;
	set_presence(place->source, INDEX_PLACES);
	lock_acquire(&places_lock);
	index_link_push(list_of(level, va >> level->shift), &place->link);
	index_link_push(&source_wide(place->source)->places, &place->sibling);
	lock_release(&places_lock);
	atomic_fetch_add_explicit(&level->count, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&place_count, 1, memory_order_release);
}

static void remove_place(struct index_place *place) REQUIRES(places_lock)
{
	struct level *level = level_for(place_levels, place->va, place->last);

	lock_assert_held(&places_lock);
	index_link_remove(&place->link);
	index_link_remove(&place->sibling);
	atomic_fetch_sub_explicit(&level->count, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&place_count, 1, memory_order_relaxed);
	alloc_free(place);
}

void index_place_forget(const struct mem_source *source, uint64_t va, uint64_t last)
{
	struct index_link *next;

	lock_acquire(&places_lock);
	for (struct index_link *link = source_wide(source)->places; link; link = next) {
		struct index_place *place = caa_container_of(link, struct index_place, sibling);

		next = link->next;
		if (va <= place->va && place->last <= last)
			remove_place(place);
	}
	lock_release(&places_lock);
}

void index_leave(struct mem_source *source)
{
	leave_own(source);
	lock_acquire(&places_lock);
	index_link_push(&away, &source_wide(source)->link);
	lock_release(&places_lock);
	atomic_fetch_add_explicit(&away_count, 1, memory_order_relaxed);
	set_presence(source, INDEX_AWAY);
}

void index_remove(struct mem_source *source)
{
	if (index_has(source, INDEX_PLACES))
		index_place_forget(source, 0, UINT64_MAX);
	if (index_has(source, INDEX_OWN))
		leave_own(source);
	else if (index_has(source, INDEX_AWAY))
		leave_away(source);
}

/* A search for sources with pinned pages in [@va, @last] that begin in granules [@first, @end). */
struct search {
	const struct uiommufd_caller *owner; /* of their memory; NULL: this process */
	bool all;			     /* whoever it is */
	uint64_t va, last;
	unsigned int shift;
	uint64_t first, end;
	int (*found)(struct mem_source *source, void *arg); /* non-zero ends the search */
	void *arg;
};

static bool is_owned(const struct search *search, const struct mem_source *source)
{
	if (search->all)
		return true;
	return search->owner ? source->caller == search->owner : caller_is_direct(source->caller);
}

static bool matches(const struct search *search, const struct mem_source *source)
{
	uint64_t granule = source_base(source) >> search->shift;

	return granule >= search->first && granule < search->end &&
	       source_base(source) <= search->last && search->va <= source_last(source) &&
	       is_owned(search, source) &&
	       atomic_load_explicit(&source->in_use, memory_order_acquire);
}

static int search_list(const struct search *search, struct index_link **list)
{
	struct lock *lock = stripe_of(list);
	int rc = 0;

	lock_acquire(lock);
	for (struct index_link *link = *list; link && !rc; link = link->next) {
		struct mem_source *source = source_of_link(link);

		if (matches(search, source))
			rc = search->found(source, search->arg);
	}
	lock_release(lock);
	return rc;
}

static int search_level(struct search *search, const struct level *level)
{
	const uint64_t lists = UINT64_C(1) << level->bits;
	uint64_t first = search->va >> level->shift;
	uint64_t end = (search->last >> level->shift) + 1;
	int rc = 0;

	first -= !!first;
	search->shift = level->shift;
	if (end - first >= lists) {
		search->first = first;
		search->end = end;
		for (uint64_t i = 0; i < lists && !rc; i++)
			rc = search_list(search, &level->lists[i]);
		return rc;
	}
	/* Granule by granule: two may share a list, and each source must be found once. */
	for (; first < end && !rc; first++) {
		search->first = first;
		search->end = first + 1;
		rc = search_list(search, list_of(level, first));
	}
	return rc;
}

static int search_place_list(const struct search *search, const struct index_link *list)
	REQUIRES(places_lock)
{
	int rc = 0;

	lock_assert_held(&places_lock);
	for (const struct index_link *link = list; link && !rc; link = link->next) {
		const struct index_place *place = caa_container_of(link, struct index_place, link);

		places_looked_at++;
		if (place->va <= search->last && search->va <= place->last &&
		    is_owned(search, place->source) &&
		    atomic_load_explicit(&place->source->in_use, memory_order_acquire))
			rc = search->found(place->source, search->arg);
	}
	return rc;
}

/* A place may be found twice, if two of the granules share a list. */
static int search_place_level(const struct search *search, const struct level *level)
	REQUIRES(places_lock)
{
	const uint64_t lists = UINT64_C(1) << level->bits;
	uint64_t first = search->va >> level->shift;
	uint64_t end = (search->last >> level->shift) + 1;
	int rc = 0;

	lock_assert_held(&places_lock);
	first -= !!first;
	if (end - first >= lists) {
		for (uint64_t i = 0; i < lists && !rc; i++)
			rc = search_place_list(search, level->lists[i]);
		return rc;
	}
	for (; first < end && !rc; first++)
		rc = search_place_list(search, *list_of(level, first));
	return rc;
}

static int search_places(const struct search *search)
{
	int rc = 0;

	lock_acquire(&places_lock);
	for (int i = 0; i < LEVELS && !rc; i++) {
		if (atomic_load_explicit(&place_levels[i].count, memory_order_relaxed))
			rc = search_place_level(search, &place_levels[i]);
	}
	lock_release(&places_lock);
	return rc;
}

static int search_all(struct search *search)
{
	int rc = 0;

	for (int i = 0; i < LEVELS && !rc; i++) {
		if (atomic_load_explicit(&levels[i].count, memory_order_relaxed))
			rc = search_level(search, &levels[i]);
	}
	if (!rc && atomic_load_explicit(&place_count, memory_order_acquire))
		rc = search_places(search);
	return rc;
}

static int found_one(struct mem_source *source, void *arg)
{
	(void)source;
	(void)arg;
	return 1;
}

bool index_any(const struct uiommufd_caller *owner, uint64_t va, uint64_t last)
{
	struct search search = {.owner = owner, .va = va, .last = last, .found = found_one};

	return index_enabled() && search_all(&search);
}

uint64_t index_places_looked_at(void)
{
	uint64_t count;

	lock_acquire(&places_lock);
	count = places_looked_at;
	lock_release(&places_lock);
	return count;
}

bool index_in_use(void)
{
	uint64_t count = atomic_load_explicit(&place_count, memory_order_relaxed) +
			 atomic_load_explicit(&away_count, memory_order_relaxed);

	for (int i = 0; i < LEVELS; i++)
		count += atomic_load_explicit(&levels[i].count, memory_order_relaxed);
	return count != 0;
}

/* ---- lists ---- */

int source_list_add(struct source_list *list, struct mem_source *source)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? 2 * list->capacity : 8;
		struct mem_source **grown =
			alloc_resize(list->sources, capacity, sizeof(struct mem_source *));

		if (!grown)
			return -ENOMEM;
		list->sources = grown;
		list->capacity = capacity;
	}
	if (source_get_if_alive(source))
		list->sources[list->count++] = source;
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const uintptr_t x = (uintptr_t) * (struct mem_source *const *)a;
	const uintptr_t y = (uintptr_t) * (struct mem_source *const *)b;

	return (x > y) - (x < y);
}

void source_list_unify(struct source_list *list)
{
	size_t count = 0;

	sort(list->sources, list->count, sizeof(struct mem_source *), by_address);
	for (size_t i = 0; i < list->count; i++) {
		if (count && list->sources[count - 1] == list->sources[i])
			mem_source_put(list->sources[i]);
		else
			list->sources[count++] = list->sources[i];
	}
	list->count = count;
}

void source_list_destroy(struct source_list *list)
{
	while (list->count)
		mem_source_put(list->sources[--list->count]);
	alloc_free(list->sources);
	list->sources = NULL;
	list->capacity = 0;
}

struct collection {
	struct source_list *list;
	bool places; /* a source may have been found at several */
};

static int collect(struct mem_source *source, void *arg)
{
	struct collection *collection = arg;

	collection->places |= index_has(source, INDEX_PLACES);
	return source_list_add(collection->list, source);
}

static int search_into(struct search *search, struct source_list *list)
{
	struct collection collection = {.list = list};
	int rc;

	search->found = collect;
	search->arg = &collection;
	rc = search_all(search);
	if (collection.places)
		source_list_unify(list);
	return rc;
}

int index_find(const struct uiommufd_caller *owner, uint64_t va, uint64_t last,
	       struct source_list *list)
{
	struct search search = {.owner = owner, .va = va, .last = last};

	return index_enabled() ? search_into(&search, list) : 0;
}

int index_find_all(struct source_list *list)
{
	struct search search = {.all = true, .last = UINT64_MAX};
	int rc = index_enabled() ? search_into(&search, list) : 0;

	lock_acquire(&places_lock);
	for (struct index_link *link = away; link && !rc; link = link->next) {
		struct mem_source *source = source_of_link(link);

		if (atomic_load_explicit(&source->in_use, memory_order_acquire))
			rc = source_list_add(list, source);
	}
	lock_release(&places_lock);
	return rc;
}
