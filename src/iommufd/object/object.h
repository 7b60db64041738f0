/* SPDX-License-Identifier: MIT */
/*
 * The objects of a context: everything that has an ID. How they are created, found, held and
 * destroyed.
 *
 * Looking an object up by its ID takes no lock. The locks of the user API and their order:
 * docs/architecture.md, Locks.
 */
#ifndef IOMMUFD_OBJECT_H
#define IOMMUFD_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ref.h"
#include "iova/range.h"
#include "report/origin.h"

enum object_type {
	OBJECT_ANY, /* for look-ups */
	OBJECT_IOAS,
	OBJECT_HWPT, /* paging */
	OBJECT_HWPT_NESTED,
	OBJECT_DEVICE,
	OBJECT_ACCESS,
	OBJECT_FAULT,
	OBJECT_VIOMMU,
	OBJECT_VDEVICE,
	OBJECT_VEVENTQ,
	OBJECT_HW_QUEUE,
	OBJECT_SELFTEST, /* mock/: the handle of a mock device */
};

struct iommufd_ctx;
struct iommufd_object;

/* What all objects of one kind have in common. */
struct object_class {
	enum object_type type;
	size_t size; /* of the whole object, whose first member is a struct iommufd_object */

	/*
	 * Releases what a claimed object holds, and frees it with object_free(). NULL: only its
	 * owner destroys it, never IOMMU_DESTROY.
	 */
	void (*destroy)(struct iommufd_object *object);

	/*
	 * Writes to @text, of @size bytes, why the object has reserved @range in an IOAS. NULL:
	 * objects of this kind reserve nothing.
	 */
	void (*explain_reserved)(const struct iommufd_object *object, struct iova_range range,
				 char *text, size_t size);
};

/*
 * First member of every object. @users: one for the object table, one for each holder that
 * [DESTROY] lists, and one for each ioctl in progress on it; 0: being destroyed.
 */
struct iommufd_object {
	struct iommufd_ctx *ctx;
	const struct object_class *class;
	uint32_t id;
	struct ref users;
	bool transient;	       /* destroyed with its last holder; atomic */
	struct origin created; /* while recording */
};

/*
 * Creates an object of @class, zeroed, with a reserved ID and one user. Look-ups find it from
 * object_publish() on; object_abort() frees it instead. NULL: no memory or no ID.
 */
void *object_create(struct iommufd_ctx *ctx, const struct object_class *class);
void object_publish(struct iommufd_object *object);
void object_abort(struct iommufd_object *object);

/* "IOAS", "HWPT", ...; NULL: programs have no word for it. */
const char *object_type_name(enum object_type type);

/*
 * For a look-up that has found no object @id of @type: sets the text, in which @member has the ID,
 * and returns -ENOENT.
 */
int object_refuse(struct iommufd_ctx *ctx, const char *member, uint32_t id, enum object_type type);

/* Finds the object @id of @type (OBJECT_ANY: any) and takes a user; NULL: none. Lock-free. */
struct iommufd_object *object_get(struct iommufd_ctx *ctx, uint32_t id, enum object_type type);

/* Like object_get(), for the first object of @type from *@id on. *@id becomes its ID. */
struct iommufd_object *object_next(struct iommufd_ctx *ctx, uint32_t *id, enum object_type type);

/*
 * Calls @visit for each published object of @ctx, under ctx->lock: it must not take a lock of the
 * user API, nor a user.
 */
void object_for_each(struct iommufd_ctx *ctx,
		     void (*visit)(const struct iommufd_object *object, void *arg), void *arg);

/* Takes a user. The caller has one already, or keeps the last one from going. */
void object_hold(struct iommufd_object *object);

/* Takes a user unless the object is being destroyed (then false). */
bool object_hold_live(struct iommufd_object *object);

/*
 * Drops a user. A transient object is destroyed when only the table's user is left: then the caller
 * must not hold a lock that the class's destroy() takes.
 */
void object_put(struct iommufd_object *object);

/*
 * Makes @object transient, or lasting. An object that other threads may reach while it is being
 * created is transient until it is published, and its creator holds a second user: if the creation
 * fails, the last of these threads destroys it.
 */
void object_set_transient(struct iommufd_object *object, bool transient);
bool object_is_transient(const struct iommufd_object *object);

static inline enum object_type object_type(const struct iommufd_object *object)
{
	return object->class->type;
}

/*
 * Takes @object out of the table if the table's user is the only one, and returns true: the caller
 * owns it and frees it with object_free(). Its ID is free at once.
 */
bool object_claim(struct iommufd_object *object);

/*
 * Like object_claim(), for an owner that holds the only lasting user beside the table's: waits for
 * the ioctls in progress on it.
 */
void object_retire(struct iommufd_object *object);

/*
 * Like object_claim(), but waits for the ioctls in progress, and the ID stays taken for good: a
 * tombstone. False: another thread has claimed it.
 */
bool object_bury(struct iommufd_object *object);

/* Frees the memory of a claimed object after a grace period: look-ups may still read it. */
void object_free(struct iommufd_object *object);

/* Destroys every object, leaves first. No other thread uses the context any more. */
void object_destroy_all(struct iommufd_ctx *ctx);

struct ucmd;

/* Handlers of the table in iommufd/entry/dispatch.c. */
int ioctl_destroy(struct ucmd *ucmd);

#endif
