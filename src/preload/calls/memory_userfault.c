/* SPDX-License-Identifier: MIT */
/* UFFDIO_MOVE, which the kernel refuses for pages that are pinned. */
#include <errno.h>

#include "base/check.h"
#include "mem/displace.h"
#include "mem/self.h"
#include "mem/userfault_move.h"
#include "preload/calls/memory.h"
#include "preload/engine/call.h"
#include "preload/start/real.h"

struct request {
	long fd;
	struct userfault_move move; /* of all */
	int64_t done;		    /* bytes */
};

/* The kernel moves up to the first page that is pinned, and says how far it came. */
static long move_piece(uint64_t va, uint64_t len, bool pinned, void *arg)
{
	struct request *request = arg;
	struct userfault_move piece = request->move;
	long rc;

	if (pinned)
		return -EBUSY;
	piece.dst += va - piece.src;
	piece.src = va;
	piece.len = len;
	piece.moved = 0;
	rc = SYS(SYS_ioctl, request->fd, USERFAULT_MOVE, &piece);
	if (piece.moved > 0)
		request->done += piece.moved;
	return rc;
}

static bool is_valid(const struct userfault_move *move)
{
	uint64_t last;

	return is_aligned(move->src | move->dst | move->len, PAGE_SIZE) && move->len &&
	       !check_last(move->src, move->len, &last) && !check_last(move->dst, move->len, &last);
}

long memory_userfault_move(long fd, long arg)
{
	struct request request = {.fd = fd};
	struct engine_call call;
	long rc;

	if (engine_busy() || !displace_possible() ||
	    self_read(&request.move, (uint64_t)arg, sizeof(request.move)) ||
	    !is_valid(&request.move) || !memory_holds_pinned(request.move.src, request.move.len))
		return SYS(SYS_ioctl, fd, USERFAULT_MOVE, arg);
	engine_enter(&call);
	rc = displace_by_piece(request.move.src, request.move.len, move_piece, &request);
	engine_leave(&call);
	request.move.moved = request.done ? request.done : rc;
	if (!rc)
		request.move.moved = (int64_t)request.move.len;
	if (self_write((uint64_t)arg + USERFAULT_MOVE_RESULT, &request.move.moved,
		       sizeof(request.move.moved)))
		return -EFAULT;
	return rc && request.done ? -EAGAIN : rc;
}
