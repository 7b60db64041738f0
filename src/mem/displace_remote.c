/* SPDX-License-Identifier: MIT */
/*
 * Displacement in the memory of another process. Its pages cannot be moved here: what is shared is
 * mapped by this process, too, or, if it cannot be, copied, as what is private: that is nobody
 * else's once the program's call has taken it away.
 *
 * Cost: as for displace.c, with a reading of the list of mappings, and a copy.
 */
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/fail.h"
#include "base/sys.h"
#include "mem/displace_internal.h"
#include "mem/maps.h"
#include "mem/process_memory.h"

bool displace_remote_needed(const struct uiommufd_caller *caller, uint64_t va, uint64_t len)
{
	uint64_t first, end;

	return index_enabled() && displace_touched(va, len, &first, &end) &&
	       index_any(caller, first << PAGE_SHIFT, (end << PAGE_SHIFT) - 1);
}

long displace_remote_around(const struct displace_remote *remote, uint64_t va, uint64_t len,
			    enum displace_cause cause, displace_call call, void *arg)
{
	struct displacement d = {.remote = remote, .call = call, .arg = arg};
	long rc;

	lock_acquire(&displace_lock);
	rc = displace_run(&d, va, len, cause);
	lock_release(&displace_lock);
	return rc;
}

/*
 * Copies [@va, @va + @len) to @to, page by page if not at once. A page that cannot be read is one
 * that the process has lost before: there is nothing in its place.
 */
static void copy_pages(const struct displace_remote *remote, uint64_t va, uint64_t len, uint64_t to)
{
	if (!process_memory_read(remote->memory, (void *)(uintptr_t)to, va, len))
		return;
	for (uint64_t done = 0; done < len; done += PAGE_SIZE) {
		void *page = (void *)(uintptr_t)(to + done);

		if (process_memory_read(remote->memory, page, va + done, PAGE_SIZE))
			(void)sys_call(SYS_mprotect, (long)page, PAGE_SIZE, PROT_NONE, 0, 0, 0);
	}
}

/* Keeps the part of @stretch that is in @entry. */
static void keep_entry(const struct displace_remote *remote, const struct stretch *stretch,
		       const struct maps_entry *entry)
{
	const uint64_t start = stretch->first << PAGE_SHIFT;
	const uint64_t va = max_u64(start, entry->start);
	const uint64_t end = min_u64(stretch->end << PAGE_SHIFT, entry->end);
	const uint64_t to = stretch->aside + (va - start);
	void *at = (void *)(uintptr_t)to;

	if (va >= end)
		return;
	if (!entry->shared || !process_memory_map(remote->memory, entry, va, end - va, &at))
		copy_pages(remote, va, end - va, to);
}

int displace_keep_remote(const struct displacement *d)
{
	struct maps_entry entry;
	struct maps maps;

	for (size_t i = 0; i < d->stretch_count; i++) {
		if (displace_make_memory(&d->stretches[i]))
			return -ENOMEM;
	}
	if (fail_inject() || maps_open_at(&maps, process_memory_maps(d->remote->memory)))
		return -ENOMEM;
	while (maps_next(&maps, &entry)) {
		for (size_t i = 0; i < d->stretch_count; i++)
			keep_entry(d->remote, &d->stretches[i], &entry);
	}
	maps_close(&maps);
	return 0;
}
