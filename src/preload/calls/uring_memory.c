/* SPDX-License-Identifier: MIT */
#include "preload/calls/uring_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>

#include "mem/displace.h"
#include "mem/self.h"
#include "preload/calls/memory.h"
#include "preload/engine/call.h"
#include "preload/start/real.h"

/* The flags of an open; 0: it is none, or what it points to cannot be read. */
static uint64_t open_flags(const struct uring_request *request)
{
	struct open_how how;

	if (request->opcode == URING_OPENAT)
		return request->own_flags;
	if (request->opcode != URING_OPENAT2 || request->len < sizeof(how) ||
	    self_read(&how, request->offset, sizeof(how)))
		return 0;
	return how.flags;
}

/* Of a descriptor of the ring's own it is not known which file it is. */
static bool has_file(const struct uring_request *request)
{
	return !(request->flags & URING_FIXED_FILE);
}

bool uring_memory_concerns(const struct uring_request *request)
{
	if (!displace_possible() || engine_busy())
		return false;
	switch (request->opcode) {
	case URING_MADVISE:
		return true;
	case URING_FALLOCATE:
	case URING_FTRUNCATE:
		return has_file(request);
	case URING_OPENAT:
	case URING_OPENAT2:
		return open_flags(request) & O_TRUNC &&
		       memory_may_leave(request->fd, (long)request->addr);
	default:
		return false;
	}
}

bool uring_memory_is_whole(const struct uring_request *request)
{
	return (request->opcode != URING_OPENAT && request->opcode != URING_OPENAT2) ||
	       !request->slot;
}

static long advise(const struct uring_request *request)
{
	/* Newer kernels take a length of more than 32 bits elsewhere. */
	const uint64_t len = request->offset ? request->offset : request->len;

	if (request->buffer || request->slot)
		return -EINVAL;
	return memory_madvise((long)request->addr, (long)len, (int)request->own_flags);
}

static long open_file(const struct uring_request *request)
{
	long fd;

	if (request->opcode == URING_OPENAT)
		fd = memory_openat(request->fd, (long)request->addr, (int)request->own_flags,
				   request->len);
	else
		fd = memory_openat2(request->fd, (long)request->addr, (long)request->offset,
				    request->len);
	if (fd >= 0 && request->slot)
		(void)SYS(SYS_close, fd);
	return fd;
}

long uring_memory_carry_out(const struct uring_request *request)
{
	switch (request->opcode) {
	case URING_MADVISE:
		return advise(request);
	case URING_FALLOCATE:
		return memory_fallocate(request->fd, request->len, (long)request->offset,
					(long)request->addr);
	case URING_FTRUNCATE:
		return memory_ftruncate(request->fd, (long)request->offset);
	default:
		return open_file(request);
	}
}
