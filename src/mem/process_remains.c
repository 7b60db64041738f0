/* SPDX-License-Identifier: MIT */
/*
 * Invariant: a list of copies does not change once it is published; it is freed when it is
 * replaced, which happens only while the address space exists, and then nobody reads it.
 */
#include "mem/process_remains.h"

#include <errno.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/check.h"
#include "base/sys.h"
#include "mem/guard.h"
#include "mem/maps.h"

/* Whole pages, [@va, @va + @len), and where they are now: in @copy, or with a twin. */
struct remain {
	struct remain *next;
	uint64_t va, len;
	char *copy;
	struct uiommufd_caller *twin; /* a reference */
	uint64_t twin_va;
};

void process_remains_init(struct process_remains *remains)
{
	iova_set_init(&remains->pinned);
	atomic_init(&remains->copies, NULL);
}

static void free_copies(struct remain *remain)
{
	while (remain) {
		struct remain *next = remain->next;

		if (remain->twin)
			uiommufd_caller_put(remain->twin);
		else
			(void)sys_munmap(remain->copy, remain->len);
		alloc_free(remain);
		remain = next;
	}
}

void process_remains_destroy(struct process_remains *remains)
{
	free_copies(atomic_load_explicit(&remains->copies, memory_order_relaxed));
	iova_set_destroy(&remains->pinned);
}

int process_remains_note(struct process_remains *remains, uint64_t va, uint64_t len)
{
	return iova_set_add(&remains->pinned, (struct iova_range){va, va + len - 1});
}

/* How many of @len bytes at @va of @fd could be copied to @to, in whole pages. */
static uint64_t copy_pages(int fd, char *to, uint64_t va, uint64_t len)
{
	uint64_t done = 0;

	while (done < len) {
		long got = sys_call(SYS_pread64, fd, (long)(to + done), (long)(len - done),
				    (long)(va + done), 0, 0);

		if (got == -EINTR)
			continue;
		if (got <= 0)
			break;
		done += (uint64_t)got;
	}
	return align_down(done, PAGE_SIZE);
}

/* The readable pages from @va on, of at most @len bytes; NULL: there are none, or no memory. */
static struct remain *copy_range(int fd, uint64_t va, uint64_t len)
{
	struct remain *remain = alloc_zeroed(sizeof(*remain));
	void *copy = NULL;

	if (!remain)
		return NULL;
	if (sys_mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		     -1, 0, &copy))
		goto out_free;
	*remain = (struct remain){.va = va, .len = copy_pages(fd, copy, va, len), .copy = copy};
	if (remain->len == len)
		return remain;
	(void)sys_munmap((char *)copy + remain->len, len - remain->len);
	if (remain->len)
		return remain;
out_free:
	alloc_free(remain);
	return NULL;
}

/* The list of what is kept, which grows at its head. */
struct keeping {
	const struct process_ending *ending;
	struct remain *head;
};

static void keep(struct keeping *keeping, struct remain *remain)
{
	remain->next = keeping->head;
	keeping->head = remain;
}

static void keep_copies(struct keeping *keeping, uint64_t va, uint64_t end)
{
	while (va < end) {
		struct remain *remain = copy_range(keeping->ending->fd, va, end - va);

		if (remain)
			keep(keeping, remain);
		va += remain ? remain->len : PAGE_SIZE;
	}
}

/* Keeps [@va, @end), which is inside of the shared mapping @entry. */
static void keep_shared(struct keeping *keeping, const struct maps_entry *entry, uint64_t va,
			uint64_t end)
{
	const struct process_ending *ending = keeping->ending;

	while (va < end) {
		struct process_twin twin = {.dev = entry->dev,
					    .inode = entry->inode,
					    .offset = entry->offset + (va - entry->start),
					    .len = end - va};
		struct remain *remain;

		if (!ending->find_twin(&twin, ending->arg))
			break;
		remain = alloc_zeroed(sizeof(*remain));
		if (!remain) {
			uiommufd_caller_put(twin.caller);
			break;
		}
		*remain = (struct remain){
			.va = va, .len = twin.len, .twin = twin.caller, .twin_va = twin.va};
		keep(keeping, remain);
		va += twin.len;
	}
	keep_copies(keeping, va, end);
}

/* Keeps the part of @pinned that is in @entry. */
static void keep_mapping(struct keeping *keeping, const struct iova_set *pinned,
			 const struct maps_entry *entry)
{
	for (size_t i = iova_set_lower(pinned, entry->start); i < pinned->count; i++) {
		const uint64_t va = max_u64(pinned->ranges[i].start, entry->start);
		const uint64_t end = min_u64(pinned->ranges[i].last + 1, entry->end);

		if (va >= end)
			return;
		if (entry->shared)
			keep_shared(keeping, entry, va, end);
		else
			keep_copies(keeping, va, end);
	}
}

void process_remains_keep(struct process_remains *remains, const struct iova_set *pinned,
			  const struct process_ending *ending)
{
	struct keeping keeping = {.ending = ending};
	struct maps_entry entry;
	struct maps maps;

	if (maps_open_at(&maps, ending->list))
		return;
	while (maps_next(&maps, &entry))
		keep_mapping(&keeping, pinned, &entry);
	maps_close(&maps);
	free_copies(atomic_exchange_explicit(&remains->copies, keeping.head, memory_order_acq_rel));
}

/* ---- using it ---- */

/* The remain that holds @va. NULL: it is not left. */
static struct remain *find(struct process_remains *remains, uint64_t va)
{
	struct remain *remain = atomic_load_explicit(&remains->copies, memory_order_acquire);

	while (remain && (va < remain->va || va - remain->va >= remain->len))
		remain = remain->next;
	return remain;
}

/* Copies what is left of [@va, @va + @len) to @buf, or @buf to it (@write). */
static int copy_left(struct process_remains *remains, uint64_t va, char *buf, size_t len,
		     bool write)
{
	while (len) {
		const struct remain *remain = find(remains, va);
		uint64_t in, part;
		int rc;

		if (!remain)
			return -EFAULT;
		in = va - remain->va;
		part = min_u64(len, remain->len - in);
		if (remain->twin)
			rc = write ? caller_write(remain->twin, remain->twin_va + in, buf, part)
				   : caller_read(remain->twin, buf, remain->twin_va + in, part);
		else
			rc = write ? guard_copy(remain->copy + in, buf, part)
				   : guard_copy(buf, remain->copy + in, part);
		if (rc)
			return rc;
		buf += part;
		va += part;
		len -= part;
	}
	return 0;
}

int process_remains_read(struct process_remains *remains, void *buf, uint64_t va, size_t len)
{
	return copy_left(remains, va, buf, len, false);
}

int process_remains_write(struct process_remains *remains, uint64_t va, const void *buf, size_t len)
{
	return copy_left(remains, va, (char *)buf, len, true);
}
