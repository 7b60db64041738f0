/* SPDX-License-Identifier: MIT */
/*
 * Before a ring's requests are submitted, those on emulated descriptors get the descriptor -1;
 * only a poll is left, for which the placeholder is right. Those with a path that leads to the
 * machine are carried out at once (uring_names.h), and become requests that only give the
 * result, which Linux has since 6.10; before, they get the descriptor -1, too. So are those that
 * may take pinned memory away (uring_memory.h), which are left alone before. To change them,
 * the queue is mapped for the time of the call: a mapping that stayed would keep the ring alive
 * after the program has closed it. Whether there are any is seen where the program itself has
 * mapped the queue.
 *
 * What cannot be seen so is refused when the ring is made: a queue that the kernel polls by
 * itself, and one in memory of the program's. Programs go on without these.
 *
 * The layout of a ring is recorded by its descriptor; copies of that are compared with it when
 * they are used first. A record of a ring that is closed does no harm: another file with that
 * number cannot be mapped as a ring. `rings_busy` guards the records, and is held inside
 * sections only (process/defer.h), so a handler does not wait for itself.
 */
#include "preload/calls/uring.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/sys.h"
#include "mem/guard.h"
#include "mem/self.h"
#include "preload/calls/uring_memory.h"
#include "preload/calls/uring_names.h"
#include "preload/engine/call.h"
#include "preload/process/fdtable.h"
#include "preload/start/real.h"
#include "preload/start/root.h"

/* Missing in older headers. */
#ifndef SYS_io_uring_setup
#define SYS_io_uring_setup    425
#define SYS_io_uring_enter    426
#define SYS_io_uring_register 427
#endif

/* The kernel's interface, as far as it is used here. */
enum {
	SETUP_SQPOLL = 1 << 1,
	SETUP_SQE128 = 1 << 10,
	SETUP_NO_MMAP = 1 << 14,
	SETUP_NO_SQARRAY = 1 << 16,
	REGISTER_FILES = 2,
	REGISTER_FILES_UPDATE = 6,
	REGISTER_FILES2 = 13,
	REGISTER_FILES_UPDATE2 = 14,
	REGISTER_RING_FDS = 20,
	FEATURE_MIN_TIMEOUT = 1 << 15, /* newer than requests that give a result */
	GIVE_RESULT = 1 << 0,	       /* of a request that does nothing */
	OFFSET_QUEUE = 0,
	OFFSET_REQUESTS = 0x10000000,
};

struct ring_params {
	uint32_t sq_entries, cq_entries, flags, cpu, idle, features, wq_fd, resv[3];
	struct {
		uint32_t head, tail, mask, entries, flags, dropped, array, resv;
		uint64_t user_addr;
	} sq;
	uint32_t cq[10];
};

enum {
	RINGS = 256,
};

struct ring {
	int number; /* of its descriptor, and 1; 0: none */
	struct ring_params params;
	/* Where the program has mapped the queue and its requests last; NULL: not known. */
	const char *queue, *requests;
};

static struct ring rings[RINGS];
static atomic_flag rings_busy = ATOMIC_FLAG_INIT;
static atomic_bool has_rings; /* one has been made */

static void rings_lock(struct defer_section *section)
{
	defer_begin(section);
	while (atomic_flag_test_and_set_explicit(&rings_busy, memory_order_acquire))
		(void)SYS(SYS_sched_yield);
}

static void rings_unlock(const struct defer_section *section)
{
	atomic_flag_clear_explicit(&rings_busy, memory_order_release);
	defer_end(section);
}

/* The record with @number; 0: a free one. NULL: there is none. */
static struct ring *with_number(int number)
{
	for (int i = 0; i < RINGS; i++) {
		if (rings[i].number == number)
			return &rings[i];
	}
	return NULL;
}

/* Whether @fd, open or not, is a ring. */
static bool is_ring(int fd)
{
	static const char name[] = "anon_inode:[io_uring]";
	char link[32], text[sizeof(name)];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return SYS(SYS_readlinkat, AT_FDCWD, link, text, sizeof(text)) == sizeof(name) - 1 &&
	       memcmp(text, name, sizeof(name) - 1) == 0;
}

static void forget_closed(void)
{
	for (int i = 0; i < RINGS; i++) {
		if (rings[i].number && !is_ring(rings[i].number - 1))
			rings[i].number = 0;
	}
}

/* Records @ring as that of @fd. False: there are too many. */
static bool record(int fd, const struct ring *ring)
{
	struct defer_section section;
	struct ring *place;

	rings_lock(&section);
	place = with_number(fd + 1);
	if (!place)
		place = with_number(0);
	if (!place) {
		forget_closed();
		place = with_number(0);
	}
	if (place) {
		*place = *ring;
		place->number = fd + 1;
	}
	rings_unlock(&section);
	return place != NULL;
}

static bool find_recorded(int fd, struct ring *ring)
{
	struct defer_section section;
	const struct ring *found;

	rings_lock(&section);
	found = with_number(fd + 1);
	if (found)
		*ring = *found;
	rings_unlock(&section);
	return found != NULL;
}

/* Whether both are descriptors of one file. */
static bool is_copy(int fd, int other)
{
	const long pid = SYS(SYS_getpid);

	return SYS(SYS_kcmp, pid, pid, KCMP_FILE, fd, other) == 0;
}

/* Finds the layout of the ring of which @fd may be a copy by dup(), and records it. */
static bool find_original(int fd, struct ring *ring)
{
	struct defer_section section;
	bool found = false;

	if (!is_ring(fd))
		return false;
	rings_lock(&section);
	for (int i = 0; i < RINGS && !found; i++) {
		found = rings[i].number && is_copy(fd, rings[i].number - 1);
		if (found)
			*ring = rings[i];
	}
	rings_unlock(&section);
	return found && record(fd, ring);
}

static bool find(int fd, struct ring *ring)
{
	return fd >= 0 && (find_recorded(fd, ring) || find_original(fd, ring));
}

void uring_mapped(int fd, long offset, const void *addr)
{
	struct defer_section section;
	struct ring *ring;

	if (!atomic_load_explicit(&has_rings, memory_order_relaxed))
		return;
	rings_lock(&section);
	ring = with_number(fd + 1);
	if (ring && offset == OFFSET_QUEUE)
		ring->queue = addr;
	else if (ring && offset == OFFSET_REQUESTS)
		ring->requests = addr;
	rings_unlock(&section);
}

static void say_refused(const char *what)
{
	static atomic_flag said = ATOMIC_FLAG_INIT;

	if (!atomic_flag_test_and_set_explicit(&said, memory_order_relaxed))
		log_info("io_uring: %s is refused, as its requests could not be checked", what);
}

long uring_setup(const long *args)
{
	struct ring ring = {.number = 0};
	struct ring_params params;
	long fd;

	if (self_read(&params, (uint64_t)args[1], sizeof(params)))
		return -EFAULT;
	if (params.flags & SETUP_SQPOLL) {
		say_refused("a queue that the kernel polls");
		return -EPERM;
	}
	if (params.flags & SETUP_NO_MMAP) {
		say_refused("a queue in the program's memory");
		return -EINVAL;
	}
	fd = SYS(SYS_io_uring_setup, args[0], args[1]);
	if (fd < 0)
		return fd;
	atomic_store_explicit(&has_rings, true, memory_order_relaxed);
	if (!self_read(&ring.params, (uint64_t)args[1], sizeof(ring.params)) &&
	    record((int)fd, &ring))
		return fd;
	SYS(SYS_close, fd);
	return -ENOMEM;
}

/* ---- submitting ---- */

struct queue {
	char *ring;
	char *requests;
	size_t ring_len, requests_len, request_size;
};

static int map_queue(int fd, const struct ring_params *params, struct queue *queue)
{
	const size_t entries = params->sq_entries;
	void *ring = NULL, *requests = NULL;

	queue->request_size = params->flags & SETUP_SQE128 ? 128 : 64;
	queue->requests_len = entries * queue->request_size;
	queue->ring_len = params->sq.array + entries * sizeof(uint32_t);
	if (params->flags & SETUP_NO_SQARRAY)
		queue->ring_len = PAGE_SIZE;
	if (sys_mmap(NULL, queue->ring_len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0, &ring))
		return -1;
	if (sys_mmap(NULL, queue->requests_len, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		     OFFSET_REQUESTS, &requests)) {
		(void)sys_munmap(ring, queue->ring_len);
		return -1;
	}
	queue->ring = ring;
	queue->requests = requests;
	return 0;
}

static void unmap_queue(const struct queue *queue)
{
	(void)sys_munmap(queue->requests, queue->requests_len);
	(void)sys_munmap(queue->ring, queue->ring_len);
}

static uint32_t load(const struct queue *queue, uint32_t offset)
{
	return __atomic_load_n((uint32_t *)(void *)(queue->ring + offset), __ATOMIC_ACQUIRE);
}

/* Has @request do nothing, and give @result. */
static void give_result(struct uring_request *request, long result)
{
	*request = (struct uring_request){
		.opcode = URING_NOP,
		.flags = request->flags & (uint8_t)~URING_FIXED_FILE,
		.fd = -1,
		.len = (uint32_t)result,
		.own_flags = GIVE_RESULT,
		.cookie = request->cookie,
	};
}

/* Has @request end with EBADF. */
static void refuse_request(struct uring_request *request)
{
	*request = (struct uring_request){
		.opcode = URING_READ,
		.flags = request->flags & (uint8_t)~URING_FIXED_FILE,
		.fd = -1,
		.cookie = request->cookie,
	};
}

static void check_request(struct uring_request *request, const struct ring_params *params)
{
	const bool is_fixed = request->flags & URING_FIXED_FILE;
	const bool may_give = params->features & FEATURE_MIN_TIMEOUT;

	if ((request->opcode == URING_SPLICE || request->opcode == URING_TEE) &&
	    fdtable_has(request->slot))
		request->slot = -1;
	if (!is_fixed && uring_names_concern(request)) {
		if (may_give)
			give_result(request, uring_names_carry_out(request));
		else
			refuse_request(request);
	} else if (may_give && uring_memory_concerns(request)) {
		if (uring_memory_is_whole(request))
			give_result(request, uring_memory_carry_out(request));
		else
			(void)uring_memory_carry_out(request);
	} else if (!is_fixed && request->opcode != URING_POLL_ADD && fdtable_has(request->fd)) {
		request->fd = -1;
	}
}

static void check_queue(const struct queue *queue, const struct ring_params *params)
{
	const uint32_t mask = params->sq_entries - 1;
	const uint32_t tail = load(queue, params->sq.tail);
	uint32_t head = load(queue, params->sq.head);

	for (; tail - head - 1 < params->sq_entries; head++) {
		uint32_t index = head & mask;

		if (!(params->flags & SETUP_NO_SQARRAY))
			index = load(queue, params->sq.array + index * (uint32_t)sizeof(uint32_t));
		if (index < params->sq_entries)
			check_request((void *)(queue->requests + index * queue->request_size),
				      params);
	}
}

static bool is_harmless(const struct uring_request *request)
{
	if (!(request->flags & URING_FIXED_FILE) &&
	    (fdtable_has(request->fd) || uring_names_concern(request)))
		return false;
	if (uring_memory_concerns(request))
		return false;
	return (request->opcode != URING_SPLICE && request->opcode != URING_TEE) ||
	       !fdtable_has(request->slot);
}

static bool peek(const char *base, uint32_t offset, uint32_t *word)
{
	return !guard_copy(word, base + offset, sizeof(*word));
}

/*
 * Whether there is certainly nothing to do for the requests of @ring. Looks where the program has
 * mapped it, which costs less than a mapping; something else may be there now.
 */
static bool nothing_to_do(const struct ring *ring)
{
	const struct ring_params *params = &ring->params;
	const uint32_t mask = params->sq_entries - 1;
	const size_t size = params->flags & SETUP_SQE128 ? 128 : 64;
	struct uring_request request;
	uint32_t head, tail, index;

	if (!ring->queue || !ring->requests || !peek(ring->queue, params->sq.head, &head) ||
	    !peek(ring->queue, params->sq.tail, &tail))
		return false;
	for (; tail - head - 1 < params->sq_entries; head++) {
		index = head & mask;
		if (!(params->flags & SETUP_NO_SQARRAY) &&
		    !peek(ring->queue, params->sq.array + index * (uint32_t)sizeof(index), &index))
			return false;
		if (index < params->sq_entries &&
		    (guard_copy(&request, ring->requests + index * size, sizeof(request)) ||
		     !is_harmless(&request)))
			return false;
	}
	return true;
}

long uring_enter(const long *args)
{
	struct queue queue;
	struct ring ring;

	if (args[1] && root_active() && find((int)args[0], &ring) && !nothing_to_do(&ring) &&
	    !map_queue((int)args[0], &ring.params, &queue)) {
		check_queue(&queue, &ring.params);
		unmap_queue(&queue);
	}
	return SYS(SYS_io_uring_enter, args[0], args[1], args[2], args[3], args[4], args[5]);
}

/* ---- registering ---- */

struct file_list {
	uint64_t fds;
	uint32_t count;
};

/* Where the descriptors of a request to register are. False: there are none. */
static bool find_list(const long *args, struct file_list *list)
{
	uint64_t words[4] = {0};

	switch (args[1]) {
	case REGISTER_FILES:
		*list = (struct file_list){(uint64_t)args[2], (uint32_t)args[3]};
		return true;
	case REGISTER_FILES_UPDATE: /* offset, and the address */
		if (self_read(words, (uint64_t)args[2], 16))
			return false;
		*list = (struct file_list){words[1], (uint32_t)args[3]};
		return true;
	case REGISTER_FILES2: /* the number, reserved, the address */
		if (self_read(words, (uint64_t)args[2], 24))
			return false;
		*list = (struct file_list){words[2], (uint32_t)words[0]};
		return true;
	case REGISTER_FILES_UPDATE2: /* offset, the address, tags, the number */
		if (self_read(words, (uint64_t)args[2], 32))
			return false;
		*list = (struct file_list){words[1], (uint32_t)words[3]};
		return true;
	default:
		return false;
	}
}

long uring_register(const long *args)
{
	struct file_list list;
	int fd;

	/* A ring without its descriptor could not be mapped. */
	if (args[1] == REGISTER_RING_FDS)
		return -EINVAL;
	if (!find_list(args, &list))
		list.count = 0;
	for (uint32_t i = 0; i < list.count && list.fds; i++) {
		if (self_read(&fd, list.fds + i * sizeof(fd), sizeof(fd)))
			break;
		if (fdtable_has(fd))
			return -EBADF;
	}
	return SYS(SYS_io_uring_register, args[0], args[1], args[2], args[3]);
}
