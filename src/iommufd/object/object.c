/* SPDX-License-Identifier: MIT */
/*
 * The object table of a context: creation, look-up and the rules of destruction [IDS], [DESTROY].
 *
 * Invariants:
 * - the index has a slot for every ID in use, which leads to the object with that ID while it is
 *   published, and is NULL otherwise;
 * - an object that the index leads to has the table's user, or is being claimed;
 * - the memory of an object is freed a grace period after it has left the index.
 *
 * ctx->lock guards the ID table and changes of the index. Look-ups read the index under RCU, so
 * that calls on different objects share no lock.
 *
 * Cost: a look-up is O(1); creation and destruction are those of the ID table, and a grace period
 * to free an object.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <string.h>

#include "base/alloc.h"
#include "base/last_error.h"
#include "base/rcu.h"
#include "iommufd/object/ctx.h"
#include "iommufd/object/ucmd.h"

/* Objects by ID, for look-ups. */
struct object_index {
	uint32_t size;
	struct iommufd_object *slots[];
};

/* Gives the index a slot for @id. */
static int index_grow(struct iommufd_ctx *ctx, uint32_t id) REQUIRES(ctx->lock)
{
	struct object_index *old = ctx->index, *index;
	uint32_t size = old ? old->size : 0;

	lock_assert_held(&ctx->lock);
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
	rcu_store(&ctx->index, index);
	if (old) {
		rcu_wait(ctx);
		alloc_free(old);
	}
	return 0;
}

/* Makes the slot of @id, which is in use, lead to @object (NULL: to nothing). */
static void index_store(struct iommufd_ctx *ctx, uint32_t id, struct iommufd_object *object)
	REQUIRES(ctx->lock)
{
	lock_assert_held(&ctx->lock);
	assert(id < ctx->index->size);
	rcu_store(&ctx->index->slots[id], object);
}

static int reserve_id(struct iommufd_ctx *ctx, uint32_t *id)
{
	int rc;

	lock_acquire(&ctx->lock);
	rc = idtable_reserve(&ctx->objects, id);
	if (rc)
		goto out_unlock;
	rc = index_grow(ctx, *id);
	if (rc) {
		idtable_erase(&ctx->objects, *id);
		goto out_unlock;
	}
	assert(!ctx->index->slots[*id]);
out_unlock:
	lock_release(&ctx->lock);
	return rc;
}

void *object_create(struct iommufd_ctx *ctx, const struct object_class *class)
{
	struct iommufd_object *object = alloc_zeroed(class->size);

	if (!object)
		return NULL;
	if (reserve_id(ctx, &object->id)) {
		alloc_free(object);
		return NULL;
	}
	object->ctx = ctx;
	object->class = class;
	ref_init(&object->users);
	origin_capture(&object->created);
	return object;
}

void object_publish(struct iommufd_object *object)
{
	struct iommufd_ctx *ctx = object->ctx;

	assert(ref_read(&object->users));
	lock_acquire(&ctx->lock);
	idtable_store(&ctx->objects, object->id, object);
	index_store(ctx, object->id, object);
	lock_release(&ctx->lock);
}

/* Takes the ID of @object out of use. */
static void release_id(struct iommufd_object *object)
{
	struct iommufd_ctx *ctx = object->ctx;

	lock_acquire(&ctx->lock);
	assert(!ctx->index->slots[object->id] || ctx->index->slots[object->id] == object);
	idtable_erase(&ctx->objects, object->id);
	index_store(ctx, object->id, NULL);
	lock_release(&ctx->lock);
}

void object_abort(struct iommufd_object *object)
{
	release_id(object);
	alloc_free(object);
}

bool object_hold_live(struct iommufd_object *object)
{
	return ref_get_live(&object->users);
}

struct iommufd_object *object_get(struct iommufd_ctx *ctx, uint32_t id, enum object_type type)
{
	struct iommufd_object *object = NULL;
	struct object_index *index;

	rcu_read_lock();
	index = rcu_load(&ctx->index);
	if (index && id < index->size)
		object = rcu_load(&index->slots[id]);
	if (object &&
	    ((type != OBJECT_ANY && object_type(object) != type) || !object_hold_live(object)))
		object = NULL;
	assert(!object || object->id == id);
	rcu_read_done(ctx);
	rcu_read_unlock();
	return object;
}

struct iommufd_object *object_next(struct iommufd_ctx *ctx, uint32_t *id, enum object_type type)
{
	struct iommufd_object *object = NULL;

	lock_acquire(&ctx->lock);
	while ((object = idtable_next(&ctx->objects, id))) {
		if (object_type(object) == type && object_hold_live(object))
			break;
		(*id)++;
	}
	lock_release(&ctx->lock);
	return object;
}

void object_for_each(struct iommufd_ctx *ctx,
		     void (*visit)(const struct iommufd_object *object, void *arg), void *arg)
{
	const struct iommufd_object *object;
	uint32_t id = 1;

	lock_acquire(&ctx->lock);
	for (; (object = idtable_next(&ctx->objects, &id)); id++)
		visit(object, arg);
	lock_release(&ctx->lock);
}

void object_hold(struct iommufd_object *object)
{
	ref_get(&object->users);
}

/* Takes the last @expected users away if there are no others, and the ID with them. */
static bool claim_users(struct iommufd_object *object, uint32_t expected)
{
	if (!ref_claim(&object->users, expected))
		return false;
	release_id(object);
	return true;
}

/*
 * Takes a user away. With the last one it takes the table's in the same step, so that no other
 * thread can find the object in between: then true.
 */
static bool put_last(struct iommufd_object *object)
{
	while (!ref_claim(&object->users, 2)) {
		if (ref_put_but_last(&object->users, 2))
			return false;
	}
	return true;
}

void object_put(struct iommufd_object *object)
{
	if (!object_is_transient(object)) {
		bool last = ref_put(&object->users);

		/* Only a claim takes the table's user. */
		assert(!last);
		(void)last;
	} else if (put_last(object)) {
		release_id(object);
		object->class->destroy(object);
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

	while (!ref_claim(&object->users, 1)) {
		if (!ref_read(&object->users))
			return false;
		sched_yield();
	}
	lock_acquire(&ctx->lock);
	idtable_hide(&ctx->objects, object->id);
	index_store(ctx, object->id, NULL);
	lock_release(&ctx->lock);
	return true;
}

void object_free(struct iommufd_object *object)
{
	assert(!ref_read(&object->users));
	rcu_wait(object->ctx);
	alloc_free(object);
}

const char *object_type_name(enum object_type type)
{
	switch (type) {
	case OBJECT_IOAS:
		return "IOAS";
	case OBJECT_HWPT:
		return "HWPT";
	case OBJECT_HWPT_NESTED:
		return "nested HWPT";
	case OBJECT_FAULT:
		return "fault queue";
	case OBJECT_VIOMMU:
		return "vIOMMU";
	case OBJECT_VDEVICE:
		return "vDEVICE";
	case OBJECT_VEVENTQ:
		return "vEVENTQ";
	case OBJECT_HW_QUEUE:
		return "hardware queue";
	case OBJECT_DEVICE:
		return "device";
	case OBJECT_ANY:
	case OBJECT_ACCESS:
	case OBJECT_SELFTEST:
		break;
	}
	return NULL;
}

int object_refuse(struct iommufd_ctx *ctx, const char *member, uint32_t id, enum object_type type)
{
	const char *wanted = object_type_name(type), *name = NULL;
	struct iommufd_object *object = object_get(ctx, id, OBJECT_ANY);

	if (!object)
		return refuse_mistake(-ENOENT,
				      "%s %" PRIu32 ": this /dev/iommu has no object with this ID",
				      member, id);
	name = object_type_name(object_type(object));
	object_put(object);
	return refuse_mistake(-ENOENT, "%s %" PRIu32 " is a %s, and must be a %s", member, id,
			      name ? name : "thing of another type", wanted ? wanted : "?");
}

/* IOMMU_DESTROY. Of the two users it takes away, one is its own look-up's. */
int ioctl_destroy(struct ucmd *ucmd)
{
	const struct iommu_destroy *cmd = ucmd->cmd;
	struct iommufd_object *object = object_get(ucmd->ctx, cmd->id, OBJECT_ANY);

	if (!object)
		return refuse_mistake(
			-ENOENT, "there is no object %u; perhaps it was destroyed before", cmd->id);
	if (!claim_users(object, 2)) {
		object_put(object);
		return refuse(-EBUSY,
			      "object %u is in use: what is attached to it or made of it "
			      "goes first",
			      cmd->id);
	}
	object->class->destroy(object);
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
			if (object->class->destroy && object_claim(object)) {
				object->class->destroy(object);
				progress = true;
			}
		}
	}
	alloc_free(ctx->index);
	idtable_destroy(&ctx->objects);
}
