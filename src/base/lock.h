/* SPDX-License-Identifier: MIT */
/*
 * Mutexes with a rank: in which order locks are taken is one enum, and debug builds check it.
 *
 * Invariants:
 * - a thread acquires a lock only while every lock that it holds has a lower rank;
 *   lock_acquire_nested() also while it holds others of the same rank, whose order the caller
 *   knows;
 * - the thread that acquired a lock releases it.
 *
 * Unless NDEBUG is defined each thread keeps the set of what it holds; acquiring asserts the order,
 * and lock_assert_held() that the lock is in the set. With NDEBUG a lock is a mutex of four bytes
 * and nothing else. There is nothing to destroy.
 *
 * Cost: that of the mutex (base/futex_lock.h); in debug builds a search of what the thread holds, a
 * handful.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <assert.h>
#include <stdbool.h>
#include <time.h>

#include "base/annotate.h"
#include "base/condition.h"
#include "base/futex_lock.h"

/*
 * Outermost first. What each guards is written where the lock is declared; docs/architecture.md has
 * the overview.
 */
enum lock_rank {
	LOCK_NONE,	     /* rank of a lock that was never initialised */
	LOCK_TURN,	     /* server: the thread that waits for the next call of a program */
	LOCK_ENGINE_START,   /* preload: starting the machine; a fork that finds none */
	LOCK_WORLD,	     /* base/world.c */
	LOCK_LISTING,	     /* preload: how far directories are listed */
	LOCK_VFIO_GROUP_USE, /* of a VFIO group: its container, and how many devices are open */
	LOCK_VFIO_CONTAINER, /* of a type1 container: its groups, and all that is mapped */
	LOCK_VFIO_GROUPS,    /* the registry of VFIO groups */
	LOCK_VFIO_DEVICES,   /* the registry of VFIO devices */
	LOCK_VFIO_BIND,	     /* of a VFIO device; several at once with the registry */
	LOCK_VFIO_MIGRATION, /* of a VFIO device: its state, data that is saved or loaded */
	LOCK_VFIO_EXPORTS,   /* of a VFIO device: dma-bufs of its BARs */
	LOCK_VFIO_GROUP,     /* of a VFIO group */
	LOCK_MOCK_DEVICE,
	LOCK_MOCK_ACCESS,  /* operations of a test access */
	LOCK_DISPLACING,   /* one move of pinned pages at a time */
	LOCK_CONTEXTS,	   /* the registry of contexts */
	LOCK_ACCESS,	   /* of an access: which IOAS it is attached to */
	LOCK_MOCK_ITEMS,   /* of a test access: its pins */
	LOCK_IOAS_ATTACH,  /* of an IOAS: its automatic page tables */
	LOCK_GROUP,	   /* of an IOMMU group: its attachments */
	LOCK_IOAS,	   /* of an IOAS: areas, ranges, tables; several in the order of IDs */
	LOCK_REMOTE_DMA,   /* of a device in another process: what it may reach */
	LOCK_VIOMMU,	   /* of a vIOMMU; never with LOCK_IOAS */
	LOCK_QUEUE,	   /* of an event queue: what is queued */
	LOCK_DEVICE_FAULT, /* of a device: faults whose group is not complete */
	LOCK_CTX,	   /* of a context: the table of objects, regions for mmap */
	LOCK_DRIVERS,	   /* a registry of drivers */
	LOCK_ENDPOINTS,	   /* the list of endpoints */
	LOCK_DMABUF,	   /* of a dma-buf */
	LOCK_SOURCE,	   /* of a source: its pins; several at once for a move */
	LOCK_SHMEM_REGISTRY,
	LOCK_SHMEM,	      /* of a file's pages */
	LOCK_PLACES,	      /* the index of sources by address */
	LOCK_INDEX,	      /* a stripe of that index */
	LOCK_ASIDE,	      /* pages moved aside */
	LOCK_VIEW,	      /* memory whose rights the program has restricted */
	LOCK_GUARD,	      /* actions of the guard */
	LOCK_PROCESS_MEMORY,  /* where memory of other processes is */
	LOCK_REGISTERED,      /* memory that an embedding program has promised to keep */
	LOCK_ACCOUNT,	      /* of a user: what all processes have locked */
	LOCK_IOEVENTFDS,      /* of a VFIO device */
	LOCK_IRQ_SET,	      /* of a VFIO device: SET_IRQS */
	LOCK_VFIO_DEVICE,     /* of a VFIO device: config space and registers */
	LOCK_REMOTE,	      /* of a device in another process: its receiving thread */
	LOCK_WORK,	      /* of a VFIO device: its thread */
	LOCK_IRQ,	      /* of a VFIO device: raising */
	LOCK_VFIO_USER,	      /* of a vfio-user connection: sending, replies, requests that wait */
	LOCK_SERVER,	      /* server: programs' descriptors and tasks */
	LOCK_LATE_WRITE,      /* server: what is written to sysfs later */
	LOCK_MAPPING,	      /* preload: mapped files; held by a fork, after all others */
	LOCK_ADVICE,	      /* how each call site maps */
	LOCK_DEVICE_RECORD,   /* what a program did last with a device */
	LOCK_REPORT_HANDLERS, /* functions of an embedding program that are told of reports */
	LOCK_REPORT,	      /* the report that is being written */
	LOCK_PROFILE,	      /* the profile and its models */
	LOCK_STACKS,	      /* the table of stacks */
	LOCK_TRACE,	      /* lines of a trace */
	LOCK_POOL,	      /* a part of a pool */
	LOCK_CHUNKS,	      /* address space of the engine's memory */
};

struct CAPABILITY("lock") lock {
	struct futex_lock mutex;
#ifndef NDEBUG
	enum lock_rank rank;
#endif
};

#ifndef NDEBUG
#define LOCK_INIT(of_rank)         \
	{                          \
		.rank = (of_rank), \
	}

/*
 * The held set, for lock types of other kinds as well: asserts that the calling thread may acquire
 * @lock now; that it is in the set; and puts it in or takes it out.
 */
void lock_check_order(const void *lock, enum lock_rank rank, bool nested);
void lock_note_acquired(const void *lock, enum lock_rank rank);
void lock_note_released(const void *lock, enum lock_rank rank);
bool lock_is_noted(const void *lock, enum lock_rank rank);

/* Asserts that the calling thread holds no lock of @rank or above (LOCK_NONE: none at all). */
void lock_assert_none_from(enum lock_rank rank);
#else
#define LOCK_INIT(of_rank)             \
	{                              \
		.mutex = {.state = 0}, \
	}

static inline void lock_check_order(const void *lock, enum lock_rank rank, bool nested)
{
	(void)lock, (void)rank, (void)nested;
}

static inline void lock_note_acquired(const void *lock, enum lock_rank rank)
{
	(void)lock, (void)rank;
}

static inline void lock_note_released(const void *lock, enum lock_rank rank)
{
	(void)lock, (void)rank;
}

static inline bool lock_is_noted(const void *lock, enum lock_rank rank)
{
	(void)lock, (void)rank;
	return true;
}

static inline void lock_assert_none_from(enum lock_rank rank)
{
	(void)rank;
}
#endif

/* The rank of @lock, for the checks. */
static inline enum lock_rank lock_rank(const struct lock *lock)
{
#ifndef NDEBUG
	return lock->rank;
#else
	(void)lock;
	return LOCK_NONE;
#endif
}

/* Before the first use, unless LOCK_INIT() stands in the initialiser. */
static inline void lock_init(struct lock *lock, enum lock_rank rank)
{
	atomic_init(&lock->mutex.state, FUTEX_LOCK_FREE);
#ifndef NDEBUG
	lock->rank = rank;
#else
	(void)rank;
#endif
}

/* After the last use. */
static inline void lock_destroy(struct lock *lock)
{
	assert(atomic_load_explicit(&lock->mutex.state, memory_order_relaxed) == FUTEX_LOCK_FREE);
	(void)lock;
}

static inline void lock_acquire(struct lock *lock) ACQUIRES(*lock) NO_LOCK_ANALYSIS
{
	lock_check_order(lock, lock_rank(lock), false);
	futex_lock_take(&lock->mutex);
	lock_note_acquired(lock, lock_rank(lock));
}

/*
 * Like lock_acquire(), where threads may take @lock over and over, and guard much by it: one that
 * waits lets the others go on for some microseconds.
 */
static inline void lock_acquire_patiently(struct lock *lock) ACQUIRES(*lock) NO_LOCK_ANALYSIS
{
	lock_check_order(lock, lock_rank(lock), false);
	futex_lock_take_patiently(&lock->mutex);
	lock_note_acquired(lock, lock_rank(lock));
}

/*
 * Like lock_acquire(), for one more lock of a rank that the thread holds already: the caller states
 * in a comment which comes first.
 */
static inline void lock_acquire_nested(struct lock *lock) ACQUIRES(*lock) NO_LOCK_ANALYSIS
{
	lock_check_order(lock, lock_rank(lock), true);
	futex_lock_take(&lock->mutex);
	lock_note_acquired(lock, lock_rank(lock));
}

/*
 * Acquires @lock if it is free. A thread that only tries cannot deadlock, so the order does not
 * matter.
 */
static inline bool lock_try(struct lock *lock) TRY_ACQUIRES(true, *lock) NO_LOCK_ANALYSIS
{
	if (!futex_lock_try(&lock->mutex))
		return false;
	lock_note_acquired(lock, lock_rank(lock));
	return true;
}

static inline void lock_release(struct lock *lock) RELEASES(*lock) NO_LOCK_ANALYSIS
{
	lock_note_released(lock, lock_rank(lock));
	futex_lock_release(&lock->mutex);
}

/*
 * Like lock_release(), of a lock that is not destroyed before this returns, because it is static or
 * the caller has a user of what it is in. Costs a store instead of an exchange.
 */
static inline void lock_release_lasting(struct lock *lock) RELEASES(*lock) NO_LOCK_ANALYSIS
{
	lock_note_released(lock, lock_rank(lock));
	futex_lock_release_lasting(&lock->mutex);
}

/*
 * Releases @lock, sleeps until @condition is signalled, for no reason, or at the latest until
 * @deadline (NULL: none) on CLOCK_MONOTONIC, and acquires it again. 0, or -ETIMEDOUT.
 */
static inline int lock_wait_until(struct lock *lock, struct condition *condition,
				  const struct timespec *deadline) REQUIRES(*lock)
{
	const uint32_t sequence = condition_begin(condition);
	int rc;

	lock_note_released(lock, lock_rank(lock));
	futex_lock_release(&lock->mutex);
	rc = condition_sleep(condition, sequence, deadline);
	futex_lock_take(&lock->mutex);
	lock_note_acquired(lock, lock_rank(lock));
	condition_end(condition);
	return rc;
}

/* Like lock_wait_until(), without a deadline. */
static inline void lock_wait(struct lock *lock, struct condition *condition) REQUIRES(*lock)
{
	(void)lock_wait_until(lock, condition, NULL);
}

/* Asserts that the calling thread holds @lock. */
static inline void lock_assert_held(const struct lock *lock) ASSERTS_HELD(*lock) NO_LOCK_ANALYSIS
{
	assert(lock_is_noted(lock, lock_rank(lock)));
	(void)lock;
}

#endif
