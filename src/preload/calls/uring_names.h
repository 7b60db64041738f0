/* SPDX-License-Identifier: MIT */
/*
 * Requests of io_uring with a path, and those that close: the kernel would look for the path in the
 * real system, and make names there.
 */
#ifndef PRELOAD_CALLS_URING_NAMES_H
#define PRELOAD_CALLS_URING_NAMES_H

#include <stdbool.h>
#include <stdint.h>

/* What the kernel finds in a queue; what the fields are called depends on the request. */
struct uring_request {
	uint8_t opcode, flags;
	uint16_t priority;
	int32_t fd;
	uint64_t offset;
	uint64_t addr;
	uint32_t len;
	uint32_t own_flags;
	uint64_t cookie; /* which comes back with the result */
	uint16_t buffer, personality;
	int32_t slot; /* 1 and more: of the ring's own descriptors; or the descriptor of a splice */
	uint64_t addr3;
	uint64_t unused;
};

enum uring_opcode {
	URING_NOP = 0,
	URING_POLL_ADD = 6,
	URING_FALLOCATE = 17,
	URING_OPENAT = 18,
	URING_CLOSE = 19,
	URING_STATX = 21,
	URING_READ = 22,
	URING_MADVISE = 25,
	URING_OPENAT2 = 28,
	URING_SPLICE = 30,
	URING_TEE = 33,
	URING_RENAMEAT = 35,
	URING_UNLINKAT = 36,
	URING_MKDIRAT = 37,
	URING_SYMLINKAT = 38,
	URING_LINKAT = 39,
	URING_SETXATTR = 42,
	URING_GETXATTR = 44,
	URING_FTRUNCATE = 55,
};

/* Of the flags of a request: its descriptor is one of the ring's own. */
enum {
	URING_FIXED_FILE = 1 << 0,
};

/* Whether @request leads to the machine. Context: as path_resolve(). */
bool uring_names_concern(const struct uring_request *request);

/*
 * Carries such a @request out. Returns what the kernel would return. Context: a call of the
 * program, without a lock.
 */
long uring_names_carry_out(const struct uring_request *request);

#endif
