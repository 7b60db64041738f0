/* SPDX-License-Identifier: MIT */
/* The tracer makes the program's call for each piece of its memory between registers. */
#include "server/registers.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/sys.h"
#include "mem/maps.h"
#include "mem/process_memory.h"
#include "server/mapped.h"
#include "server/tracer.h"

bool registers_find(const struct request *request, uint64_t va, uint64_t end, uint64_t *from,
		    uint64_t *to)
{
	struct maps_entry entry;
	bool found = false;
	struct maps maps;

	if (!mapped_any() || maps_open_at(&maps, process_memory_maps(request->client->memory)))
		return false;
	while (!found && maps_next(&maps, &entry) && entry.start < end) {
		found = entry.end > va && entry.shared && mapped_traps(entry.dev, entry.inode);
		if (!found)
			continue;
		*from = max_u64(entry.start, va);
		*to = min_u64(entry.end, end);
	}
	maps_close(&maps);
	return found;
}

int registers_refuse_mremap(const struct request *request)
{
	const __u64 *args = request->call->data.args;
	const bool grows = align_down(args[2] + PAGE_MASK, PAGE_SIZE) >
			   align_down(args[1] + PAGE_MASK, PAGE_SIZE);
	uint64_t from, to;

	if ((!grows && !(args[3] & MREMAP_DONTUNMAP)) ||
	    !registers_find(request, args[0], args[0] + 1, &from, &to))
		return 0;
	return args[3] & MREMAP_DONTUNMAP ? -EINVAL : -EFAULT;
}

/* What mlock() is to lock. */
struct locking {
	const struct request *request;
	uint64_t va, end;
};

/* On the tracer. */
static long lock_around(void *arg)
{
	const struct locking *locking = arg;
	struct seccomp_data call = locking->request->call->data;
	uint64_t at = locking->va, from, to;
	long rc = 0;

	while (at < locking->end && rc >= 0) {
		if (!registers_find(locking->request, at, locking->end, &from, &to))
			from = to = locking->end;
		call.args[0] = at;
		call.args[1] = from - at;
		if (from > at)
			rc = tracer_make_call(&call);
		at = to;
	}
	return rc;
}

struct answer registers_answer_mlock(struct request *request)
{
	const __u64 *args = request->call->data.args;
	struct locking locking = {.request = request, .va = align_down(args[0], PAGE_SIZE)};
	uint64_t from, to;

	if (check_add(args[0], args[1], &locking.end) ||
	    check_align_up(locking.end, PAGE_SIZE, &locking.end) ||
	    !registers_find(request, locking.va, locking.end, &from, &to))
		return answer_by_kernel();
	return tracer_stop_for(request, NULL, lock_around, &locking)
		       ? (struct answer){.kind = ANSWER_GIVEN}
		       : answer_by_kernel();
}
