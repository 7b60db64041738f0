/* SPDX-License-Identifier: MIT */
/*
 * The object table of a context: creation, look-up and the rules of destruction (spec 00-model, 5
 * and 6).
 *
 * ctx->lock guards the ID table. Look-ups read an index beside it, under RCU, so that calls on
 * different objects share no lock; an object's memory is freed a grace period after it has left the
 * index.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <urcu-bp.h>

#include "base/alloc.h"
#include "base/tsan.h"
#include "iommufd/ctx.h"
#include "iommufd/ucmd.h"

/* Objects by ID, for look-ups. */
struct object_index {
	uint32_t size;
	struct iommufd_object *slots[];
};

/*
 * Pointers that look-ups follow; atomic, so that ThreadSanitizer sees what liburcu's own leave to
 * the reader.
 */
#define index_store(at, pointer) __atomic_store_n(at, pointer, __ATOMIC_RELEASE)
#define index_load(at)		 __atomic_load_n(at, __ATOMIC_ACQUIRE)

/* Returns when no look-up is under way that began before. */
static void wait_for_lookups(struct iommufd_ctx *ctx)
{
	urcu_bp_synchronize_rcu();
	tsan_grace_period(ctx);
}

/* Makes room for @id in the index. Caller holds ctx->lock. */
static int index_grow(struct iommufd_ctx *ctx, uint32_t id)
{
	struct object_index *old = ctx->index, *index;
	uint32_t size = old ? old->size : 0;

	if (id < size)
		return 0;
	size = size ? size * 2 : 64;
	while (size <= id)
		size *= 2;
	index = alloc_zeroed(sizeof(*index) + (size_t)size * sizeof(index->slots[0]));
	if (!index)
		return -ENOMEM;
	index->size = size;
	if (old)
		memcpy(index->slots, old->slots, old->size * sizeof(old->slots[0]));
	index_store(&ctx->index, index);
	if (old) {
		wait_for_lookups(ctx);
		alloc_free(old);
	}
	return 0;
}

static int reserve_id(struct iommufd_ctx *ctx, uint32_t *id)
{
	int rc;

	pthread_mutex_lock(&ctx->lock);
	rc = idtable_reserve(&ctx->objects, id);
	if (!rc) {
		rc = index_grow(ctx, *id);
		if (rc)
			idtable_erase(&ctx->objects, *id);
	}
	pthread_mutex_unlock(&ctx->lock);
	return rc;
}

void *object_create(struct iommufd_ctx *ctx, size_t size, enum object_type type,
		    object_destroy_fn destroy)
{
	struct iommufd_object *object = alloc_zeroed(size);

	if (!object)
		return NULL;
	if (reserve_id(ctx, &object->id)) {
		alloc_free(object);
		return NULL;
	}
	object->ctx = ctx;
	object->type = type;
	object->users = 1;
	object->destroy = destroy;
	return object;
}

void object_publish(struct iommufd_object *object)
{
	struct iommufd_ctx *ctx = object->ctx;

	pthread_mutex_lock(&ctx->lock);
	idtable_store(&ctx->objects, object->id, object);
	index_store(&ctx->index->slots[object->id], object);
	pthread_mutex_unlock(&ctx->lock);
}

/* Takes @object's ID out of use. */
static void release_id(struct iommufd_object *object)
{
	struct iommufd_ctx *ctx = object->ctx;

	pthread_mutex_lock(&ctx->lock);
	idtable_erase(&ctx->objects, object->id);
	index_store(&ctx->index->slots[object->id], NULL);
	pthread_mutex_unlock(&ctx->lock);
}

void object_abort(struct iommufd_object *object)
{
	release_id(object);
	alloc_free(object);
}

bool object_hold_live(struct iommufd_object *object)
{
	uint32_t users = __atomic_load_n(&object->users, __ATOMIC_RELAXED);

	while (users) {
		if (__atomic_compare_exchange_n(&object->users, &users, users + 1, true,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	}
	return false;
}

void *object_get(struct iommufd_ctx *ctx, uint32_t id, enum object_type type)
{
	struct iommufd_object *object = NULL;
	struct object_index *index;

	rcu_read_lock();
	index = index_load(&ctx->index);
	if (index && id < index->size)
		object = index_load(&index->slots[id]);
	if (object && ((type != OBJECT_ANY && object->type != type) || !object_hold_live(object)))
		object = NULL;
	tsan_reader_done(ctx);
	rcu_read_unlock();
	return object;
}

void *object_next(struct iommufd_ctx *ctx, uint32_t *id, enum object_type type)
{
	struct iommufd_object *object = NULL;

	pthread_mutex_lock(&ctx->lock);
	while ((object = idtable_next(&ctx->objects, id))) {
		if (object->type == type && object_hold_live(object))
			break;
		(*id)++;
	}
	pthread_mutex_unlock(&ctx->lock);
	return object;
}

void object_hold(struct iommufd_object *object)
{
	__atomic_add_fetch(&object->users, 1, __ATOMIC_RELAXED);
}

/* Takes the last @expected users away, if there are no others. */
static bool claim_users(struct iommufd_object *object, uint32_t expected)
{
	if (!__atomic_compare_exchange_n(&object->users, &expected, 0, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return false;
	release_id(object);
	return true;
}

/*
 * Takes a user away, and the table's with the last one: at no moment has somebody else a chance to
 * take that.
 */
static bool put_last(struct iommufd_object *object)
{
	uint32_t users = __atomic_load_n(&object->users, __ATOMIC_RELAXED), left;

	do
		left = users == 2 ? 0 : users - 1;
	while (!__atomic_compare_exchange_n(&object->users, &users, left, true, __ATOMIC_ACQ_REL,
					    __ATOMIC_RELAXED));
	return !left;
}

void object_put(struct iommufd_object *object)
{
	if (!object_is_transient(object)) {
		__atomic_sub_fetch(&object->users, 1, __ATOMIC_RELEASE);
	} else if (put_last(object)) {
		release_id(object);
		object->destroy(object);
	}
}

void object_set_transient(struct iommufd_object *object, bool transient)
{
	__atomic_store_n(&object->transient, transient, __ATOMIC_RELAXED);
}

bool object_is_transient(const struct iommufd_object *object)
{
	return __atomic_load_n(&object->transient, __ATOMIC_RELAXED);
}

bool object_claim(struct iommufd_object *object)
{
	return claim_users(object, 1);
}

void object_retire(struct iommufd_object *object)
{
	while (!claim_users(object, 2))
		sched_yield();
}

bool object_bury(struct iommufd_object *object)
{
	struct iommufd_ctx *ctx = object->ctx;
	uint32_t users = 1;

	while (!__atomic_compare_exchange_n(&object->users, &users, 0, false, __ATOMIC_ACQ_REL,
					    __ATOMIC_RELAXED)) {
		if (!users)
			return false;
		users = 1;
		sched_yield();
	}
	pthread_mutex_lock(&ctx->lock);
	idtable_hide(&ctx->objects, object->id);
	index_store(&ctx->index->slots[object->id], NULL);
	pthread_mutex_unlock(&ctx->lock);
	return true;
}

void object_free(struct iommufd_object *object)
{
	wait_for_lookups(object->ctx);
	alloc_free(object);
}

/* IOMMU_DESTROY. The look-up of this very call is not a holder. */
int ioctl_destroy(struct ucmd *ucmd)
{
	const struct iommu_destroy *cmd = ucmd->cmd;
	struct iommufd_object *object = object_get(ucmd->ctx, cmd->id, OBJECT_ANY);

	if (!object)
		return -ENOENT;
	if (!claim_users(object, 2)) {
		object_put(object);
		return -EBUSY;
	}
	object->destroy(object);
	return 0;
}

void object_destroy_all(struct iommufd_ctx *ctx)
{
	bool progress = true;

	while (progress) {
		struct iommufd_object *object;
		uint32_t id = 1;

		progress = false;
		while ((object = idtable_next(&ctx->objects, &id))) {
			id++;
			if (object->destroy && object_claim(object)) {
				object->destroy(object);
				progress = true;
			}
		}
	}
	alloc_free(ctx->index);
	idtable_destroy(&ctx->objects);
}
