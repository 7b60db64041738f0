/* SPDX-License-Identifier: MIT */
/*
 * The caller behind a request, as the engine calls it: one function for each operation of
 * <uiommufd/caller.h>, with what a missing operation means. Nothing else looks at caller->ops.
 *
 * Parameters and results are those of the operations. Context: any thread, with any lock of the
 * engine held.
 */
#ifndef BASE_CALLER_H
#define BASE_CALLER_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uiommufd/caller.h>

#include "base/fail.h"

static inline int caller_read(struct uiommufd_caller *caller, void *dst, uint64_t src, size_t len)
{
	return caller->ops->read(caller, dst, src, len);
}

static inline int caller_write(struct uiommufd_caller *caller, uint64_t dst, const void *src,
			       size_t len)
{
	return caller->ops->write(caller, dst, src, len);
}

/*
 * The @len bytes at @addr must be zero, however many they are: -E2BIG if one is not, -EFAULT if
 * they cannot be read, whichever shows first.
 */
int caller_check_zero(struct uiommufd_caller *caller, uint64_t addr, uint64_t len);

static inline int caller_populate(struct uiommufd_caller *caller, uint64_t va, uint64_t len,
				  bool write)
{
	return caller->ops->populate(caller, va, len, write);
}

/* Whether bus addresses are the caller's own addresses: it has no resolve. */
static inline bool caller_is_direct(const struct uiommufd_caller *caller)
{
	return !caller->ops->resolve;
}

static inline int caller_resolve(struct uiommufd_caller *caller, uint64_t va, uint64_t len,
				 uint64_t *bus, uint64_t *extent)
{
	if (!caller_is_direct(caller))
		return caller->ops->resolve(caller, va, len, bus, extent);
	*bus = va;
	*extent = len;
	return 0;
}

static inline int caller_dup_fd(struct uiommufd_caller *caller, int fd)
{
	return caller->ops->dup_fd ? caller->ops->dup_fd(caller, fd) : -EBADF;
}

static inline struct uiommufd_file *caller_get_file(struct uiommufd_caller *caller, int fd)
{
	return caller->ops->get_file ? caller->ops->get_file(caller, fd) : NULL;
}

static inline int caller_install_file(struct uiommufd_caller *caller, struct uiommufd_file *file,
				      int flags)
{
	if (!caller->ops->install_file || fail_inject())
		return -EMFILE;
	return caller->ops->install_file(caller, file, flags);
}

static inline void caller_uninstall_file(struct uiommufd_caller *caller, int fd)
{
	caller->ops->uninstall_file(caller, fd);
}

static inline bool caller_capable(struct uiommufd_caller *caller, int cap)
{
	return caller->ops->capable && caller->ops->capable(caller, cap);
}

static inline uint32_t caller_uid(struct uiommufd_caller *caller)
{
	return caller->ops->uid ? caller->ops->uid(caller) : caller->uid;
}

static inline uint64_t caller_memlock_limit(struct uiommufd_caller *caller)
{
	return caller->ops->memlock_limit ? caller->ops->memlock_limit(caller) : UINT64_MAX;
}

static inline bool caller_alive(struct uiommufd_caller *caller)
{
	return !caller->ops->alive || caller->ops->alive(caller);
}

/*
 * A reference that only keeps the caller from being freed: one without a release never is, and the
 * threads that map do not write its count, a cache line that all of them share.
 */
static inline struct uiommufd_caller *caller_hold(struct uiommufd_caller *caller)
{
	return caller->ops->release ? uiommufd_caller_get(caller) : caller;
}

static inline void caller_drop(struct uiommufd_caller *caller)
{
	if (caller->ops->release)
		uiommufd_caller_put(caller);
}

static inline void caller_release(struct uiommufd_caller *caller)
{
	if (caller->ops->release)
		caller->ops->release(caller);
}

#endif
