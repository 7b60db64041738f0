/* SPDX-License-Identifier: MIT */
/* See double_fetch.h. A log is made with the first read that is remembered. */
#include "vfio/double_fetch.h"

#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "report/report.h"
#include "vfio/vfio_internal.h"

enum {
	FETCHES = 16, /* that are remembered of a thread */
};

struct fetch {
	uint64_t iova;
	uint32_t pasid, len;
	uint8_t bytes[FETCH_LONGEST];
};

/* Of one thread, valid for one call of a work function, and one epoch of the device. */
struct thread_fetches {
	uint64_t run, epoch;
	unsigned int count; /* that were made; the latest are in the ring */
	struct fetch ring[FETCHES];
};

struct fetch_log {
	_Atomic uint64_t epoch; /* changes when the program may change what was read */
	struct thread_fetches threads[UIOMMUFD_MAX_WORK_THREADS];
};

static void (*report_fetch)(const struct double_fetch *fetch);

void double_fetch_set_reporter(void (*reporter)(const struct double_fetch *fetch))
{
	report_fetch = reporter;
}

/* The log of @device; NULL: there is no memory for it. */
static struct fetch_log *log_of(struct vfio_device *device)
{
	struct fetch_log *log = atomic_load(&device->fetches), *none = NULL;

	if (log)
		return log;
	log = alloc_zeroed(sizeof(*log));
	if (log && !atomic_compare_exchange_strong(&device->fetches, &none, log)) {
		alloc_free(log);
		log = none;
	}
	return log;
}

/* Whether the bytes of both, which overlap, differ; then *@fetch has where. */
static bool differ(const struct fetch *before, const struct fetch *now, struct double_fetch *fetch)
{
	const uint64_t start = max_u64(before->iova, now->iova);
	const uint64_t end = min_u64(before->iova + before->len, now->iova + now->len);

	for (uint64_t at = start; at < end; at++) {
		fetch->iova = at;
		fetch->before = before->bytes[at - before->iova];
		fetch->now = now->bytes[at - now->iova];
		if (fetch->before != fetch->now)
			return true;
	}
	return false;
}

static bool is_word(const struct fetch *fetch)
{
	return fetch->len <= FETCH_WORD;
}

/* Compares with what the thread remembers, the latest first. Whether something has changed. */
static bool find_change(const struct thread_fetches *fetches, const struct fetch *now,
			struct double_fetch *fetch)
{
	const unsigned int count = fetches->count < FETCHES ? fetches->count : FETCHES;

	for (unsigned int i = 1; i <= count; i++) {
		const struct fetch *before = &fetches->ring[(fetches->count - i) % FETCHES];

		if (before->pasid != now->pasid || (is_word(before) && is_word(now)))
			continue;
		if (differ(before, now, fetch)) {
			fetch->first_iova = before->iova;
			fetch->first_len = before->len;
			return true;
		}
	}
	return false;
}

/* Not part of its caller, which all reads go through: it has large variables. */
static __attribute__((noinline)) void note(struct vfio_device *device, uint32_t pasid,
					   uint64_t iova, const void *bytes, size_t len)
{
	struct fetch now = {.iova = iova, .pasid = pasid, .len = (uint32_t)len};
	struct double_fetch fetch = {.endpoint = device->endpoint,
				     .pasid = pasid,
				     .second_iova = iova,
				     .second_len = len};
	const struct device_work *work = vfio_work_current();
	struct thread_fetches *fetches;
	struct fetch_log *log;
	uint64_t epoch, end;

	if (check_add(iova, len, &end) || work < device->work ||
	    work >= device->work + device->work_count)
		return;
	log = log_of(device);
	if (!log)
		return;
	memcpy(now.bytes, bytes, len);
	fetches = &log->threads[work - device->work];
	epoch = atomic_load(&log->epoch);
	if (fetches->run != work->runs || fetches->epoch != epoch)
		fetches->count = 0;
	fetches->run = work->runs;
	fetches->epoch = epoch;
	if (find_change(fetches, &now, &fetch))
		report_fetch(&fetch);
	fetches->ring[fetches->count++ % FETCHES] = now;
}

void double_fetch_note(struct vfio_device *device, uint32_t pasid, uint64_t iova, const void *bytes,
		       size_t len)
{
	if (report_settings()->double_fetch && report_fetch && len <= FETCH_LONGEST)
		note(device, pasid, iova, bytes, len);
}

void double_fetch_settle(struct vfio_device *device)
{
	struct fetch_log *log = atomic_load_explicit(&device->fetches, memory_order_relaxed);

	if (log)
		atomic_fetch_add(&log->epoch, 1);
}

void double_fetch_destroy(struct vfio_device *device)
{
	alloc_free(atomic_load(&device->fetches));
}
