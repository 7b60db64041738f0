/* SPDX-License-Identifier: MIT */
/* Accesses read and write a source with the CPU [ACCESS-RW]. Locks: that of the source. */
#include "base/caller.h"
#include "base/msan.h"
#include "mem/source_internal.h"
#include "mem/view.h"

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

/* Copies the @len bytes of @transfer from @done on, which are at @bus. */
static int copy_at_bus(const struct transfer *transfer, uint64_t done, uint64_t bus, uint64_t len)
{
	void *there = (void *)(uintptr_t)bus;
	char *buf = transfer->buf + done;

	if (!transfer->write)
		return view_copy(buf, there, len);
	if (view_copy(there, buf, len))
		return -EFAULT;
	msan_written(there, len);
	return 0;
}

/* The lock keeps pages from being moved aside meanwhile. */
static int copy_locked(const struct transfer *transfer, uint64_t len)
{
	struct mem_source *source = transfer->source;
	uint64_t bus, part;
	int rc = 0;

	source_lock(source);
	for (uint64_t done = 0; done < len && !rc; done += part) {
		source_extent_locked(source, transfer->byte + done, len - done, &bus, &part);
		rc = copy_at_bus(transfer, done, bus, part);
	}
	source_unlock(source);
	return rc;
}

static int copy_pinned(const struct transfer *transfer, uint64_t len)
{
	uint64_t bus, part;
	int rc = 0;

	if (source_may_move(transfer->source))
		return copy_locked(transfer, len);
	for (uint64_t done = 0; done < len && !rc; done += part) {
		mem_source_extent(transfer->source, transfer->byte + done, len - done, &bus, &part);
		rc = copy_at_bus(transfer, done, bus, part);
	}
	return rc;
}

/* Copies the memory that is pinned, or else pins it for the copy: all bytes or none. */
static int copy_by_pin(const struct transfer *transfer)
{
	uint64_t first = transfer->byte >> PAGE_SHIFT;
	uint64_t last = (transfer->byte + transfer->len - 1) >> PAGE_SHIFT;
	struct mem_pages pages = {.first = first, .count = last - first + 1};
	int rc = mem_source_pin(transfer->source, pages);

	if (rc)
		return rc;
	rc = copy_pinned(transfer, transfer->len);
	mem_source_unpin(transfer->source, pages);
	return rc;
}

/* Copies all at once; if that fails, page by page up to the page at fault. */
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

/* True if the copy concerns what is at the address now, not what was there when it was pinned. */
static bool goes_by_address(const struct transfer *transfer, const struct uiommufd_caller *caller,
			    bool slow)
{
	const struct mem_source *source = transfer->source;
	struct uiommufd_caller *owner = source->caller;

	if (source->kind != MEM_KIND_VA)
		return false;
	if (caller == owner && !slow)
		return true;
	if (!caller_alive(owner))
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
