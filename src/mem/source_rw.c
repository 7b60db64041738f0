/* SPDX-License-Identifier: MIT */
/* Reading and writing a source by the CPU, for accesses (spec 10-ioas, 8.4). */
#include "base/caller.h"
#include "mem/guard.h"
#include "mem/source_internal.h"

/* A copy between @buf and bytes of the source. */
struct transfer {
	struct mem_source *source;
	uint64_t byte; /* counted from the start of page 0 */
	char *buf;
	uint64_t len;
	bool write; /* to the source */
};

/* The first @len bytes of @transfer. */
static int copy_at_va(const struct transfer *transfer, uint64_t len)
{
	struct uiommufd_caller *caller = transfer->source->caller;
	uint64_t va = source_base(transfer->source) + transfer->byte;

	if (transfer->write)
		return caller_write(caller, va, transfer->buf, len);
	return caller_read(caller, transfer->buf, va, len);
}

/* Finds and copies the run at @done; returns its bytes, or -EFAULT. */
static int64_t copy_run(const struct transfer *transfer, uint64_t done, uint64_t len, bool locked)
{
	char *buf = transfer->buf + done;
	uint64_t bus, run;
	char *there;
	int rc;

	if (locked)
		source_run_local(transfer->source, transfer->byte + done, len - done, &bus, &run);
	else
		mem_source_run(transfer->source, transfer->byte + done, len - done, &bus, &run);
	there = (char *)(uintptr_t)bus;
	rc = transfer->write ? guard_copy(there, buf, run) : guard_copy(buf, there, run);
	return rc ? rc : (int64_t)run;
}

/* Under the lock of a source whose pages may be moved aside, so that none moves meanwhile. */
static int copy_pinned(const struct transfer *transfer)
{
	const bool local = source_is_local(transfer->source);
	int64_t copied = 0;

	if (local)
		mem_lock(&transfer->source->lock);
	for (uint64_t done = 0; done < transfer->len && copied >= 0; done += (uint64_t)copied)
		copied = copy_run(transfer, done, transfer->len, local);
	if (local)
		mem_unlock(&transfer->source->lock);
	return copied < 0 ? (int)copied : 0;
}

/* Copies the frames that are pinned, or are for as long as this takes: all or none. */
static int copy_by_pin(const struct transfer *transfer)
{
	uint64_t first = transfer->byte >> PAGE_SHIFT;
	uint64_t last = (transfer->byte + transfer->len - 1) >> PAGE_SHIFT;
	struct mem_pages pages = {.first = first, .count = last - first + 1};
	int rc = mem_source_pin(transfer->source, pages);

	if (rc)
		return rc;
	rc = copy_pinned(transfer);
	mem_source_unpin(transfer->source, pages);
	return rc;
}

/* All at once, or if that fails page by page up to the one at fault. */
static int copy_in_place(struct transfer transfer)
{
	if (!copy_at_va(&transfer, transfer.len))
		return 0;
	while (transfer.len) {
		uint64_t len = min_u64(transfer.len, PAGE_SIZE - (transfer.byte & PAGE_MASK));
		int rc = copy_at_va(&transfer, len);

		if (rc)
			return rc;
		transfer.byte += len;
		transfer.buf += len;
		transfer.len -= len;
	}
	return 0;
}

/* True if it is what is at the address now that counts, not what was when it was pinned. */
static bool goes_by_address(const struct transfer *transfer, const struct uiommufd_caller *caller,
			    bool slow)
{
	const struct mem_source *source = transfer->source;
	struct uiommufd_caller *owner = source->caller;

	if (source->kind != MEM_KIND_VA)
		return false;
	if (caller == owner && !slow)
		return true;
	if (owner->ops->alive && !owner->ops->alive(owner))
		return false;
	return transfer->byte >> PAGE_SHIFT == (transfer->byte + transfer->len - 1) >> PAGE_SHIFT;
}

int mem_source_rw(struct mem_source *source, struct uiommufd_caller *caller, uint64_t byte,
		  void *buf, uint64_t len, bool write, bool slow)
{
	struct transfer transfer = {
		.source = source, .byte = byte, .buf = buf, .len = len, .write = write};

	if (goes_by_address(&transfer, caller, slow))
		return copy_in_place(transfer);
	return copy_by_pin(&transfer);
}
