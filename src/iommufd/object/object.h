/* SPDX-License-Identifier: MIT */
/*
 * The objects of a context: everything that has an ID. How they are created, found, held and
 * destroyed.
 *
 * The locks of the user API, and in which order they are taken: docs/architecture.md, Locks.
 * Looking an object up takes none.
 */
#ifndef IOMMUFD_OBJECT_H
#define IOMMUFD_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ref.h"
#include "iova/range.h"

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
	 * Releases what a claimed object holds, and frees it with object_free(). NULL: its owner
	 * ends it, IOMMU_DESTROY never does.
	 */
	void (*destroy)(struct iommufd_object *object);

	/*
	 * Writes to @text, of @size bytes, why the object needs @range, which it has reserved in an
	 * IOAS. NULL: objects of this kind reserve nothing.
	 */
	void (*explain_reserved)(const struct iommufd_object *object, struct iova_range range,
				 char *text, size_t size);
};

/*
 * First member of every object. @users: one for the object table, one for each holder of [DESTROY],
 * and one for each ioctl that works on it just now; 0: being destroyed.
 */
struct iommufd_object {
	struct iommufd_ctx *ctx;
	const struct object_class *class;
	uint32_t id;
	struct ref users;
	bool transient; /* goes with its last holder, whichever that is; atomic */
};

/*
 * A new object of @class, zeroed, with a reserved ID and one user; no look-up finds it until
 * object_publish(). NULL: no memory or no ID. object_abort() undoes it.
 */
void *object_create(struct iommufd_ctx *ctx, const struct object_class *class);
void object_publish(struct iommufd_object *object);
void object_abort(struct iommufd_object *object);

/* Finds an object of @type (OBJECT_ANY: any) and takes a user; NULL: none such. Lock-free. */
struct iommufd_object *object_get(struct iommufd_ctx *ctx, uint32_t id, enum object_type type);

/* As object_get() for the lowest ID that is at least *@id and of @type; *@id becomes its ID. */
struct iommufd_object *object_next(struct iommufd_ctx *ctx, uint32_t *id, enum object_type type);

void object_hold(struct iommufd_object *object);

/* Takes a user unless the object is being destroyed (then false). */
bool object_hold_live(struct iommufd_object *object);

/*
 * Drops a user; of a transient object the last one but the table's destroys it, and must hold no
 * lock that this takes.
 */
void object_put(struct iommufd_object *object);

/*
 * Makes @object transient, or lasting. While it is being created the creator holds a user of its
 * own for that, so that it goes with the last of those who got hold of it if the creator gives up,
 * and not before.
 */
void object_set_transient(struct iommufd_object *object, bool transient);
bool object_is_transient(const struct iommufd_object *object);

static inline enum object_type object_type(const struct iommufd_object *object)
{
	return object->class->type;
}

/*
 * If nobody but the table holds @object, takes it out of the table, so that it is the caller's to
 * free (with object_free()), and returns true. Its ID is free at once.
 */
bool object_claim(struct iommufd_object *object);

/*
 * As object_claim(), for an owner that holds the other user and lets nobody else keep one: waits
 * for the ioctls that work on it just now.
 */
void object_retire(struct iommufd_object *object);

/*
 * As object_claim(), but waits for running ioctls, and the ID stays taken for good: a tombstone.
 * False: somebody else has claimed it.
 */
bool object_bury(struct iommufd_object *object);

/* Frees the memory of a claimed object, once nobody can be looking at it. */
void object_free(struct iommufd_object *object);

/* Destroys every object, leaf first: the context is going away and nobody else uses it. */
void object_destroy_all(struct iommufd_ctx *ctx);

struct ucmd;

/* Handlers of the table in iommufd/entry/dispatch.c. */
int ioctl_destroy(struct ucmd *ucmd);

#endif
