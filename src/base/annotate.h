/* SPDX-License-Identifier: MIT */
/*
 * Contracts on locks that clang checks (-Wthread-safety); other compilers see nothing.
 *
 * A function says which locks its caller holds (REQUIRES), must not hold (EXCLUDES), or which it
 * takes and gives back itself. The annotation stands on the first declaration: in the header of a
 * public function, on the definition of a static one, behind the parameters:
 *
 * 	static void erase(struct ioas *ioas) REQUIRES(ioas->lock)
 *
 * The analysis follows names, not values: a lock that is reached by two paths (hwpt->ioas->lock and
 * ioas->lock) is two locks to it. Copy the pointer into one local variable first. A function whose
 * locking depends on data (several locks in a loop, a lock that another function gives back) is
 * NO_LOCK_ANALYSIS and says why; base/lock.h still checks it when it runs.
 */
#ifndef BASE_ANNOTATE_H
#define BASE_ANNOTATE_H

#ifdef __clang__
#define LOCK_ATTRIBUTE(attribute) __attribute__((attribute))
#else
#define LOCK_ATTRIBUTE(attribute)
#endif

#define CAPABILITY(name)      LOCK_ATTRIBUTE(capability(name))
#define REQUIRES(...)	      LOCK_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define EXCLUDES(...)	      LOCK_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define ACQUIRES(...)	      LOCK_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define RELEASES(...)	      LOCK_ATTRIBUTE(release_capability(__VA_ARGS__))
#define TRY_ACQUIRES(ok, ...) LOCK_ATTRIBUTE(try_acquire_capability(ok, __VA_ARGS__))
#define ASSERTS_HELD(...)     LOCK_ATTRIBUTE(assert_capability(__VA_ARGS__))
#define RETURNS_LOCK(lock)    LOCK_ATTRIBUTE(lock_returned(lock))
#define NO_LOCK_ANALYSIS      LOCK_ATTRIBUTE(no_thread_safety_analysis)

/*
 * On a variable at file scope, behind its name: read and written with @lock held only. (C has no
 * such thing for members yet.)
 */
#define GUARDED_BY(lock) LOCK_ATTRIBUTE(guarded_by(lock))

#endif
