/* SPDX-License-Identifier: MIT */
/*
 * A reference count. It starts at one, which the creator owns; the thread that puts the last
 * reference destroys the object. Debug builds assert that it neither overflows nor comes back from
 * zero.
 *
 * Context: any thread, no lock. What was written under a reference is visible to the thread that
 * destroys.
 */
#ifndef BASE_REF_H
#define BASE_REF_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

/* More holders than this are a leak. */
#define REF_MAX (UINT32_MAX / 2)

struct ref {
	uint32_t count; /* atomic */
};

#define REF_INIT           \
	{                  \
		.count = 1 \
	}

static inline void ref_init(struct ref *ref)
{
	__atomic_store_n(&ref->count, 1, __ATOMIC_RELAXED);
}

/* How many references there are: for assertions, and for showing. */
static inline uint32_t ref_read(const struct ref *ref)
{
	return __atomic_load_n(&ref->count, __ATOMIC_RELAXED);
}

/*
 * Whether the caller's reference is the only one. It remains so while nothing leads another thread
 * to the object. What was written under a reference that is gone is visible.
 */
static inline bool ref_is_sole(const struct ref *ref)
{
	return __atomic_load_n(&ref->count, __ATOMIC_ACQUIRE) == 1;
}

/* Takes a reference; the caller has one already, or keeps the last one from going. */
static inline void ref_get(struct ref *ref)
{
	uint32_t old = __atomic_fetch_add(&ref->count, 1, __ATOMIC_RELAXED);

	assert(old && old < REF_MAX);
	(void)old;
}

/* Takes a reference unless the last one is gone (then false). */
static inline bool ref_get_live(struct ref *ref)
{
	uint32_t count = ref_read(ref);

	while (count) {
		assert(count < REF_MAX);
		if (__atomic_compare_exchange_n(&ref->count, &count, count + 1, true,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	}
	return false;
}

/* Gives a reference back. True: it was the last one, and the caller destroys. */
static inline bool ref_put(struct ref *ref)
{
	uint32_t old = __atomic_fetch_sub(&ref->count, 1, __ATOMIC_ACQ_REL);

	assert(old && old <= REF_MAX);
	return old == 1;
}

/* Gives a reference back unless there are only @keep left (then false). */
static inline bool ref_put_but_last(struct ref *ref, uint32_t keep)
{
	uint32_t count = ref_read(ref);

	while (count > keep) {
		assert(count <= REF_MAX);
		if (__atomic_compare_exchange_n(&ref->count, &count, count - 1, true,
						__ATOMIC_RELEASE, __ATOMIC_RELAXED))
			return true;
	}
	return false;
}

/*
 * Takes the last @count references away at once, if there are no others: then the caller destroys.
 */
static inline bool ref_claim(struct ref *ref, uint32_t count)
{
	assert(count && ref_read(ref) <= REF_MAX);
	return __atomic_compare_exchange_n(&ref->count, &count, 0, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

#endif
