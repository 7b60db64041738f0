/* SPDX-License-Identifier: MIT */
/*
 * A call that concerns pinned memory is made by the tracer in the program's stead, while DMA waits:
 * so it is known whether it succeeded, and where memory has moved. If the program cannot be traced,
 * the memory is kept as if the call succeeded, which it does unless the program errs twice.
 *
 * The ranges are those that the kernel will find, since the thread waits; other threads that change
 * the same mappings meanwhile get what they would get from the kernel in one order or the other.
 */
#include "server/answer_memory.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include "base/check.h"
#include "base/sys.h"
#include "mem/maps.h"
#include "mem/process_memory.h"
#include "server/filter.h"
#include "server/mapped.h"
#include "server/opened.h"
#include "server/registers.h"
#include "server/traced_call.h"
#include "server/tracer.h"

/* A call that takes memory away, and how far it has come. */
struct taking {
	struct request *request;
	uint64_t va, len; /* what it takes */
	enum displace_cause cause;
	struct displace_remote remote;
	bool traced, made;
	long result;
};

static struct taking begin(struct request *request, uint64_t va, uint64_t len,
			   enum displace_cause cause)
{
	return (struct taking){
		.request = request,
		.va = va,
		.len = len,
		.cause = cause,
		.remote = answer_memory_of(request),
	};
}

struct displace_remote answer_memory_of(const struct request *request)
{
	struct client *client = request->pinner ? request->pinner : request->client;

	return (struct displace_remote){.caller = &client->caller, .memory = client->memory};
}

/* A client with the same address space that has memory pinned there, with a reference; or NULL. */
static struct client *find_pinner(const struct request *request, uint64_t va, uint64_t len)
{
	struct client *client = NULL;

	do
		client = client_next(client);
	while (client &&
	       !(client != request->client && displace_remote_needed(&client->caller, va, len) &&
		 client_shares_memory(client, request->client)));
	return client;
}

static bool is_pinned_by(const struct client *client, uint64_t va, uint64_t len)
{
	if (!displace_remote_needed(&client->caller, va, len))
		return false;
	opened_drain();
	mapped_sweep();
	return displace_remote_needed(&client->caller, va, len);
}

bool answer_memory_is_pinned(struct request *request, uint64_t va, uint64_t len)
{
	if (!displace_possible())
		return false;
	if (!request->pinner && !displace_remote_needed(&request->client->caller, va, len))
		request->pinner = find_pinner(request, va, len);
	return is_pinned_by(request->pinner ? request->pinner : request->client, va, len);
}

/* Makes the call, or leaves it to the kernel. A negative errno: it has failed. */
static long make(void *arg)
{
	struct taking *taking = arg;
	const struct seccomp_data *call = &taking->request->call->data;

	taking->made = true;
	if (!taking->traced)
		return 0;
	taking->result = tracer_make_call(call);
	/* A break that cannot move stays. */
	if (call->nr == SYS_brk && (uint64_t)taking->result != call->args[0])
		return -ENOMEM;
	return taking->result;
}

static long keep(void *arg)
{
	(void)arg;
	return 0;
}

static long take(struct taking *taking)
{
	return displace_remote_around(&taking->remote, taking->va, taking->len, taking->cause, make,
				      taking);
}

/* ---- mremap ---- */

/* The addresses whose memory mremap() drops at the end of what it moves. */
static uint64_t tail_of(const __u64 *args, uint64_t *len)
{
	const uint64_t kept = align_down(args[2] + PAGE_MASK, PAGE_SIZE);

	*len = args[1] > kept ? args[1] - kept : 0;
	return args[0] + kept;
}

static uint64_t moved_len(const __u64 *args)
{
	return min_u64(args[1], args[2]);
}

static bool moves_pinned(struct request *request)
{
	const __u64 *args = request->call->data.args;

	return args[3] & MREMAP_MAYMOVE && moved_len(args) &&
	       answer_memory_is_pinned(request, args[0], moved_len(args));
}

/* What is in the way of the memory that moves, or is left over, is kept before. */
static long move(struct taking *taking)
{
	const __u64 *args = taking->request->call->data.args;
	uint64_t len, tail = tail_of(args, &len);
	long rc = 0;

	if (args[3] & MREMAP_FIXED)
		rc = displace_remote_around(&taking->remote, args[4], args[2], DISPLACE_MREMAP,
					    keep, NULL);
	if (!rc && len)
		rc = displace_remote_around(&taking->remote, tail, len, DISPLACE_MREMAP, keep,
					    NULL);
	if (rc)
		return rc;
	if (!moves_pinned(taking->request))
		return make(taking);
	if (!taking->traced)
		return displace_remote_around(&taking->remote, args[0], moved_len(args),
					      DISPLACE_MREMAP, make, taking);
	rc = displace_remote_mremap(&taking->remote, args[0], moved_len(args), make, taking);
	if (rc > 0)
		/* It may be copied when the program ends. */
		(void)process_memory_note_pin(taking->remote.memory, (uint64_t)rc,
					      align_down(moved_len(args) + PAGE_MASK, PAGE_SIZE));
	return rc;
}

/* ---- the frame ---- */

/* On the tracer: the thread is stopped behind its call, which has not been made. */
static long work(void *arg)
{
	struct taking *taking = arg;
	long rc = taking->request->call->data.nr == SYS_mremap ? move(taking) : take(taking);

	return taking->made ? taking->result : rc;
}

struct answer answer_memory_traced(struct request *request, bool *traced, long (*does)(void *arg),
				   void *arg)
{
	long rc;

	*traced = true;
	if (tracer_stop_for(request, NULL, does, arg))
		return (struct answer){.kind = ANSWER_GIVEN};
	*traced = false;
	rc = does(arg);
	return rc < 0 ? answer_result(rc) : answer_by_kernel();
}

static struct answer carry_out(struct taking *taking)
{
	return answer_memory_traced(taking->request, &taking->traced, work, taking);
}

static struct answer take_range(struct request *request, uint64_t va, uint64_t len,
				enum displace_cause cause)
{
	struct taking taking;

	if (!len || !is_aligned(va, PAGE_SIZE) || !answer_memory_is_pinned(request, va, len))
		return answer_by_kernel();
	taking = begin(request, va, len, cause);
	return carry_out(&taking);
}

int answer_memory_keep(struct request *request, uint64_t va, uint64_t len)
{
	struct taking taking;

	if (!answer_memory_is_pinned(request, va, len))
		return 0;
	taking = begin(request, va, len, DISPLACE_MMAP_FIXED);
	return (int)take(&taking);
}

/* ---- calls ---- */

/* Whether nothing is mapped at @va: then nothing moves. */
static bool is_hole(const struct request *request, uint64_t va)
{
	struct maps_entry entry = {.end = 0};
	struct maps maps;

	if (maps_open_at(&maps, process_memory_maps(request->client->memory)))
		return false;
	while (entry.end <= va && maps_next(&maps, &entry))
		continue;
	maps_close(&maps);
	return entry.end <= va || entry.start > va;
}

/*
 * What is in the way is kept before the call, which some kernels would refuse only when they have
 * unmapped it.
 */
static struct answer answer_mremap(struct request *request)
{
	const __u64 *args = request->call->data.args;
	uint64_t len, tail = tail_of(args, &len);
	struct taking taking;
	int refused;

	if (!displace_mremap_is_valid(args[0], args[1], args[2], args[3], args[4]))
		return answer_by_kernel();
	refused = registers_refuse_mremap(request);
	if (refused)
		return answer_result(refused);
	if (!(moves_pinned(request) || (len && answer_memory_is_pinned(request, tail, len)) ||
	      (args[3] & MREMAP_FIXED && answer_memory_is_pinned(request, args[4], args[2]))))
		return answer_by_kernel();
	if (is_hole(request, args[0]))
		return answer_result(-EFAULT);
	taking = begin(request, args[0], args[1], DISPLACE_MREMAP);
	return carry_out(&taking);
}

/*
 * What of the heap is beyond the break that is wanted. Without memory to find that out, the kernel
 * makes the call: nothing that it could return says that the break has stayed.
 */
static struct answer answer_brk(struct request *request)
{
	const uint64_t from = align_down(request->call->data.args[0] + PAGE_MASK, PAGE_SIZE);
	struct maps_entry entry;
	struct maps maps;
	uint64_t end = 0;

	if (!from || maps_open_at(&maps, process_memory_maps(request->client->memory)))
		return answer_by_kernel();
	while (maps_next(&maps, &entry)) {
		if (!strcmp(entry.name, "[heap]"))
			end = entry.end;
	}
	maps_close(&maps);
	return from < end ? take_range(request, from, end - from, DISPLACE_BRK)
			  : answer_by_kernel();
}

static struct answer answer_shmat(struct request *request)
{
	const __u64 *args = request->call->data.args;
	const uint64_t at = args[2] & SHM_RND ? align_down(args[1], (uint64_t)SHMLBA)
					      : (uint64_t)args[1];
	struct shmid_ds segment;

	if (shmctl((int)args[0], IPC_STAT, &segment))
		return answer_by_kernel();
	return take_range(request, at, segment.shm_segsz, DISPLACE_SHMAT);
}

static struct answer answer_shmdt(struct request *request)
{
	const uint64_t at = request->call->data.args[0];
	uint64_t len;
	int rc = maps_segment_of(process_memory_maps(request->client->memory), at, &len);

	if (rc)
		return rc == -ENOMEM ? answer_result(rc) : answer_by_kernel();
	return take_range(request, at, len, DISPLACE_SHMDT);
}

struct answer answer_memory(struct request *request)
{
	const __u64 *args = request->call->data.args;

	switch (request->call->data.nr) {
	case SYS_munmap:
		return take_range(request, args[0], args[1], DISPLACE_MUNMAP);
	case SYS_mmap:
		return args[3] & MAP_FIXED
			       ? take_range(request, args[0], args[1], DISPLACE_MMAP_FIXED)
			       : answer_by_kernel();
	case SYS_mremap:
		return answer_mremap(request);
	case SYS_mlock:
	case SYS_mlock2:
		return registers_answer_mlock(request);
	case SYS_brk:
		return answer_brk(request);
	case SYS_shmat:
		return answer_shmat(request);
	case SYS_shmdt:
		return answer_shmdt(request);
	case SYS_remap_file_pages:
		return take_range(request, args[0], args[1], DISPLACE_REMAP_FILE_PAGES);
	default:
		return answer_advice(request);
	}
}

bool answer_memory_is_kernels(const struct seccomp_notif *call)
{
	if (traced_call_makes((pid_t)call->pid))
		return true;
	switch (call->data.nr) {
	case SYS_mmap:
		return call->data.args[3] & MAP_ANONYMOUS && !displace_possible();
	case SYS_mlock:
	case SYS_mlock2:
		return !mapped_any();
	case SYS_mremap:
	case SYS_madvise:
		return !displace_possible() && !mapped_any();
	case SYS_munmap:
	case SYS_brk:
	case SYS_shmat:
	case SYS_shmdt:
	case SYS_remap_file_pages:
	case SYS_process_madvise:
	case SYS_fallocate:
		return !displace_possible();
	case SYS_ftruncate:
		return !displace_possible() && (call->data.args[0] < FILTER_FIRST_FD ||
						call->data.args[0] > FILTER_LAST_FD);
	default:
		return false;
	}
}
