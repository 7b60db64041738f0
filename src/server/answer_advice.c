/* SPDX-License-Identifier: MIT */
/*
 * Advice that drops pages. The kernel goes through the mappings in order, stops at one that it
 * refuses, and goes on behind a hole. So the tracer makes the program's call for each mapping by
 * itself: only then it is known of each whether its pages are dropped.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "base/caller.h"
#include "base/check.h"
#include "base/fail.h"
#include "base/sys.h"
#include "mem/maps.h"
#include "mem/process_memory.h"
#include "mem/userfault_move.h"
#include "server/answer_memory.h"
#include "server/mapped.h"
#include "server/opened.h"
#include "server/registers.h"
#include "server/tracer.h"
#include "vfio/bar_advice.h"

/* The call, for [@va, @end). */
struct advice {
	struct request *request;
	uint64_t va, end;
	int advice;
	bool traced;
	bool hole;   /* one has been found, which makes the result -ENOMEM at the end */
	int refused; /* the result of what is mapped at @end, registers; 0: there are none */
};

/* Its part in one mapping. */
struct piece {
	struct advice *of;
	uint64_t va, len;
};

/* Makes the call for @arg, or leaves it to the kernel. */
static long make(void *arg)
{
	const struct piece *piece = arg;
	struct seccomp_data call = piece->of->request->call->data;
	long rc;

	if (!piece->of->traced)
		return 0;
	call.args[0] = piece->va;
	call.args[1] = piece->len;
	rc = tracer_make_call(&call);
	if (rc != -ENOMEM)
		return rc;
	/* Another thread has made a hole. */
	piece->of->hole = true;
	return 0;
}

/* The pages leave the file that is mapped there. */
static long remove_pages(const struct maps_entry *entry, struct piece *piece)
{
	const uint64_t offset = entry->offset + (piece->va - entry->start);
	const struct displace_file file = {
		.dev = entry->dev,
		.ino = entry->inode,
		.first = offset >> PAGE_SHIFT,
		.end = (offset + piece->len) >> PAGE_SHIFT,
	};

	return entry->shared ? displace_file(&file, make, piece) : make(piece);
}

/* Whether pages that @advice drops are not seen there any more, though they stay in their file. */
static bool drops_shared(int advice)
{
	return advice == MADV_GUARD_INSTALL;
}

/* From shared memory no page is dropped, but guards may take its place. */
static long drop_pages(const struct maps_entry *entry, struct piece *piece)
{
	struct request *request = piece->of->request;
	const struct displace_remote remote = answer_memory_of(request);

	if ((entry->shared && !drops_shared(piece->of->advice)) ||
	    !displace_remote_needed(remote.caller, piece->va, piece->len))
		return make(piece);
	return displace_remote_around(&remote, piece->va, piece->len, DISPLACE_MADVISE, make,
				      piece);
}

/*
 * MADV_FREE drops no page that is in use, so that it is not made is all that can be seen. Of memory
 * of a file, also if nobody else names it (shared memory), there is no such advice; private memory
 * that is mapped by /dev/zero is no file's.
 */
static long free_pages(const struct maps_entry *entry, struct piece *piece)
{
	(void)piece;
	return entry->shared || (entry->inode && strcmp(entry->name, "/dev/zero") != 0) ? -EINVAL
											: 0;
}

/* Calls @visit for the part of @advice in each mapping, in order, until it fails. */
static long by_mapping(struct advice *advice,
		       long (*visit)(const struct maps_entry *entry, struct piece *piece))
{
	uint64_t at = advice->va;
	struct maps_entry entry;
	struct maps maps;
	long rc = 0;

	if (fail_inject() ||
	    maps_open_at(&maps, process_memory_maps(advice->request->client->memory)))
		return -ENOMEM;
	while (at < advice->end && rc >= 0 && maps_next(&maps, &entry)) {
		struct piece piece = {.of = advice, .va = max_u64(entry.start, at)};

		if (entry.end <= at)
			continue;
		advice->hole |= entry.start > at;
		at = min_u64(entry.end, advice->end);
		if (piece.va >= at)
			break;
		piece.len = at - piece.va;
		rc = visit(&entry, &piece);
	}
	maps_close(&maps);
	advice->hole |= rc >= 0 && at < advice->end;
	return rc;
}

/* Advice that drops nothing. */
static long only_make(const struct maps_entry *entry, struct piece *piece)
{
	(void)entry;
	return make(piece);
}

bool answer_advice_drops(int advice)
{
	return advice == MADV_DONTNEED || advice == MADV_FREE || advice == MADV_REMOVE ||
	       advice == MADV_DONTNEED_LOCKED || advice == MADV_GUARD_INSTALL;
}

/* On the tracer, or, if there is none, before the kernel makes the call. */
static long work(void *arg)
{
	struct advice *advice = arg;
	long rc = by_mapping(advice, !answer_advice_drops(advice->advice) ? only_make
				     : advice->advice == MADV_REMOVE	  ? remove_pages
									  : drop_pages);

	if (rc >= 0 && advice->refused)
		return advice->refused;
	return rc >= 0 && advice->hole && advice->traced ? -ENOMEM : rc;
}

static struct answer answer_free(struct advice *advice)
{
	long rc = by_mapping(advice, free_pages);

	if (rc >= 0 && advice->refused)
		return answer_result(advice->refused);
	return answer_result(rc >= 0 && advice->hole ? -ENOMEM : rc);
}

/* The advice goes up to registers in its range, if they refuse it. */
static void end_at_registers(struct advice *advice)
{
	const int refused = bar_refuse_advice(advice->advice);
	uint64_t from, to;

	if (!refused || !registers_find(advice->request, advice->va, advice->end, &from, &to))
		return;
	advice->end = from;
	advice->refused = refused;
}

struct answer answer_advice(struct request *request)
{
	const __u64 *args = request->call->data.args;
	struct advice advice = {.request = request, .va = args[0], .advice = (int)args[2]};
	uint64_t len, last;
	bool pinned;

	if (!is_aligned(args[0], PAGE_SIZE) || check_align_up(args[1], PAGE_SIZE, &len) || !len ||
	    check_last(args[0], len, &last) || last == UINT64_MAX)
		return answer_by_kernel();
	advice.end = last + 1;
	end_at_registers(&advice);
	if (advice.end == advice.va)
		return answer_result(advice.refused);
	if (!answer_advice_drops(advice.advice) && !advice.refused)
		return answer_by_kernel();
	if (advice.advice == MADV_REMOVE) {
		opened_drain();
		mapped_sweep();
		return displace_possible() || advice.refused
			       ? answer_memory_traced(request, &advice.traced, work, &advice)
			       : answer_by_kernel();
	}
	pinned = answer_memory_is_pinned(request, args[0], advice.end - advice.va);
	if (!pinned && !advice.refused)
		return answer_by_kernel();
	return pinned && advice.advice == MADV_FREE
		       ? answer_free(&advice)
		       : answer_memory_traced(request, &advice.traced, work, &advice);
}

struct answer answer_process_advice(struct request *request)
{
	const __u64 *args = request->call->data.args;

	for (uint64_t i = 0; i < args[2] && i < UIO_MAXIOV; i++) {
		struct iovec piece;

		if (caller_read(&request->client->caller, &piece, args[1] + i * sizeof(piece),
				sizeof(piece)))
			break;
		if (answer_memory_is_pinned(request, (uintptr_t)piece.iov_base, piece.iov_len))
			return answer_result(-EINVAL);
	}
	return answer_by_kernel();
}

/* ---- userfaultfd ---- */

/* Moves none of the pages, where the kernel would move those before the first that is pinned. */
struct answer answer_userfault_move(struct request *request)
{
	const uint64_t arg = request->call->data.args[2];
	struct uiommufd_caller *caller = &request->client->caller;
	const int64_t busy = -EBUSY;
	struct userfault_move move;

	if (caller_read(caller, &move, arg, sizeof(move)) ||
	    !answer_memory_is_pinned(request, move.src, move.len))
		return answer_by_kernel();
	if (caller_write(caller, arg + USERFAULT_MOVE_RESULT, &busy, sizeof(busy)))
		return answer_result(-EFAULT);
	return answer_result(-EBUSY);
}
