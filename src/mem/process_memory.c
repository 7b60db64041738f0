/* SPDX-License-Identifier: MIT */
/*
 * The bus addresses are divided into windows of 4 GiB. An address space takes one for each 4 GiB of
 * its own in which memory is mapped, and gives them back at its end.
 *
 * Invariants: a window that is taken leads to one address space and to one place in it; it is not
 * taken again while a pin of that address space exists, since a pin holds its caller.
 *
 * Lock: memory_lock guards which windows are taken, the lists of windows, and which addresses have
 * been pinned. Copies take none: an
 * unmap waits for DMA in progress before the pin ends, so a window that a copy finds is taken.
 */
#include "mem/process_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/uio.h>
#include <sys/vfs.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/lock.h"
#include "base/sys.h"
#include "mem/guard.h"
#include "mem/maps.h"

enum {
	WINDOW_SHIFT = 32,
	WINDOWS = (PROCESS_MEMORY_END - PROCESS_MEMORY_START) >> WINDOW_SHIFT,
	BOUNCE = 4096, /* bytes at once between two address spaces */
};

#define WINDOW_SIZE (UINT64_C(1) << WINDOW_SHIFT)

/* The addresses from @base on of @memory; @memory is NULL if the window is not taken. */
struct window {
	_Atomic(struct process_memory *) memory;
	uint64_t base;
	uint32_t next; /* of the same address space; 0: the last (window 0 is never taken) */
};

struct process_memory {
	int fd, list;
	process_open_fn open;
	void *arg;	/* of @open */
	uint32_t first; /* its windows; 0: none */
	struct process_remains remains;
};

atomic_bool process_memory_present;

static struct lock memory_lock = LOCK_INIT(LOCK_PROCESS_MEMORY);
static struct window *_Atomic windows; /* WINDOWS of them; allocated once, never freed */

int process_memory_create(int fd, int list, process_open_fn open, void *arg,
			  struct process_memory **out)
{
	struct process_memory *memory = alloc_zeroed(sizeof(*memory));
	struct window *table;
	int rc = -ENOMEM;

	if (!memory)
		goto out_close;
	lock_acquire(&memory_lock);
	table = atomic_load_explicit(&windows, memory_order_relaxed);
	if (!table) {
		table = alloc_zeroed(WINDOWS * sizeof(*table));
		atomic_store_explicit(&windows, table, memory_order_release);
	}
	lock_release(&memory_lock);
	if (!table)
		goto out_free;
	atomic_store_explicit(&process_memory_present, true, memory_order_relaxed);
	memory->fd = fd;
	memory->list = list;
	memory->open = open;
	memory->arg = arg;
	process_remains_init(&memory->remains);
	*out = memory;
	return 0;

out_free:
	alloc_free(memory);
out_close:
	(void)sys_close(fd);
	(void)sys_close(list);
	return rc;
}

void process_memory_destroy(struct process_memory *memory)
{
	struct window *table = atomic_load_explicit(&windows, memory_order_acquire);

	lock_acquire(&memory_lock);
	for (uint32_t at = memory->first; at; at = table[at].next)
		atomic_store_explicit(&table[at].memory, NULL, memory_order_relaxed);
	lock_release(&memory_lock);
	(void)sys_close(memory->fd);
	(void)sys_close(memory->list);
	process_remains_destroy(&memory->remains);
	alloc_free(memory);
}

int process_memory_maps(const struct process_memory *memory)
{
	return memory->list;
}

/* ---- windows ---- */

/* The window of @memory from @base on, which is taken if there is none; 0: none is left. */
static uint32_t window_of(struct process_memory *memory, uint64_t base) REQUIRES(memory_lock)
{
	struct window *table = atomic_load_explicit(&windows, memory_order_relaxed);
	uint32_t at;

	lock_assert_held(&memory_lock);
	for (at = memory->first; at; at = table[at].next) {
		if (table[at].base == base)
			return at;
	}
	for (at = 1; at < WINDOWS; at++) {
		if (!atomic_load_explicit(&table[at].memory, memory_order_relaxed))
			break;
	}
	if (at == WINDOWS)
		return 0;
	table[at].base = base;
	table[at].next = memory->first;
	memory->first = at;
	atomic_store_explicit(&table[at].memory, memory, memory_order_release);
	return at;
}

int process_memory_resolve(struct process_memory *memory, uint64_t va, uint64_t len, uint64_t *bus,
			   uint64_t *run)
{
	const uint64_t base = align_down(va, WINDOW_SIZE);
	uint32_t at;

	if (va >= PROCESS_ADDRESSES_END)
		return -EFAULT;
	lock_acquire(&memory_lock);
	at = window_of(memory, base);
	lock_release(&memory_lock);
	if (!at)
		return -ENOMEM;
	*bus = PROCESS_MEMORY_START + ((uint64_t)at << WINDOW_SHIFT) + (va - base);
	*run = min_u64(len, base + WINDOW_SIZE - va);
	return 0;
}

/* ---- pins ---- */

int process_memory_note_pin(struct process_memory *memory, uint64_t va, uint64_t len)
{
	int rc;

	lock_acquire(&memory_lock);
	rc = process_remains_note(&memory->remains, va, len);
	lock_release(&memory_lock);
	return rc;
}

bool process_memory_was_pinned(struct process_memory *memory)
{
	bool was;

	lock_acquire(&memory_lock);
	was = memory->remains.pinned.count != 0;
	lock_release(&memory_lock);
	return was;
}

bool process_memory_become_twin(struct process_memory *memory, struct process_twin *twin)
{
	struct maps_entry entry;
	bool found = false;
	struct maps maps;

	if (maps_open_at(&maps, memory->list))
		return false;
	while (!found && maps_next(&maps, &entry))
		found = entry.shared && entry.dev == twin->dev && entry.inode == twin->inode &&
			entry.offset <= twin->offset &&
			twin->offset - entry.offset < entry.end - entry.start;
	maps_close(&maps);
	if (!found)
		return false;
	twin->va = entry.start + (twin->offset - entry.offset);
	twin->len = min_u64(twin->len, entry.end - twin->va);
	return process_memory_note_pin(memory, twin->va, twin->len) == 0;
}

void process_memory_keep_pinned(struct process_memory *memory, process_twin_fn find_twin, void *arg)
{
	const struct process_ending ending = {
		.fd = memory->fd, .list = memory->list, .find_twin = find_twin, .arg = arg};
	struct iova_set pinned;
	int rc;

	iova_set_init(&pinned);
	lock_acquire(&memory_lock);
	rc = iova_set_copy(&memory->remains.pinned, &pinned);
	lock_release(&memory_lock);
	if (!rc)
		process_remains_keep(&memory->remains, &pinned, &ending);
	iova_set_destroy(&pinned);
}

/* ---- copies ---- */

/* Reads or writes (@number) all @len bytes of @memory at @va. */
static int transfer(const struct process_memory *memory, long number, uintptr_t buf, uint64_t va,
		    size_t len)
{
	while (len) {
		long done = sys_call(number, memory->fd, (long)buf, (long)len, (long)va, 0, 0);

		if (done == -EINTR)
			continue;
		if (done <= 0)
			return -EFAULT;
		buf += (uintptr_t)done;
		va += (uint64_t)done;
		len -= (size_t)done;
	}
	return 0;
}

bool process_memory_exists(struct process_memory *memory)
{
	char byte;

	/* Nothing is at address 0, which is -EIO; of an address space that has ended, it is 0. */
	return sys_pread(memory->fd, &byte, 1, 0) != 0;
}

int process_memory_read(struct process_memory *memory, void *buf, uint64_t va, size_t len)
{
	int rc = transfer(memory, SYS_pread64, (uintptr_t)buf, va, len);

	return !rc || process_memory_exists(memory)
		       ? rc
		       : process_remains_read(&memory->remains, buf, va, len);
}

/*
 * A copy into the process from an address where nothing is: the kernel makes the pages ready to be
 * written first, and then fails.
 */
static void touch_for_write(pid_t pid, uint64_t va)
{
	struct iovec local = {.iov_base = (void *)8, .iov_len = 1};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)va, .iov_len = 1};

	(void)sys_call(SYS_process_vm_writev, pid, (long)&local, 1, (long)&remote, 1, 0);
}

void process_memory_take_page(struct process_memory *memory, pid_t pid, uint64_t va, bool writable)
{
	char byte;

	if (writable)
		touch_for_write(pid, va);
	else if (sys_pread(memory->fd, &byte, 1, (off_t)va) == 1)
		(void)sys_call(SYS_pwrite64, memory->fd, (long)&byte, 1, (long)va, 0, 0);
}

/* ---- shared memory, mapped by both ---- */

/* Whether what is in whole pages of @fd can be mapped alone. */
static bool is_of_whole_pages(int fd, uint64_t va, uint64_t len)
{
	struct statfs fs;

	return !sys_call(SYS_fstatfs, fd, (long)&fs, 0, 0, 0, 0) &&
	       (fs.f_type != HUGETLBFS_MAGIC || is_aligned(va | len, (uint64_t)fs.f_bsize));
}

bool process_memory_map(struct process_memory *memory, const struct maps_entry *entry, uint64_t va,
			uint64_t len, void **at)
{
	const int flags = MAP_SHARED | (*at ? MAP_FIXED : 0);
	const off_t offset = (off_t)(entry->offset + (va - entry->start));
	int fd = memory->open(entry, memory->arg);
	int rc = -EINVAL;

	if (fd < 0)
		return false;
	if (is_of_whole_pages(fd, va, len))
		rc = sys_mmap(*at, len, PROT_READ | PROT_WRITE, flags, fd, offset, at);
	/* It may be a file that is open for reading only. */
	if (rc == -EACCES)
		rc = sys_mmap(*at, len, PROT_READ, flags, fd, offset, at);
	(void)sys_close(fd);
	return !rc;
}

/* Writes what is in one page, for which the program has no right of its own any more. */
static int write_shared(struct process_memory *memory, uint64_t va, const void *buf, size_t len)
{
	const uint64_t page = align_down(va, PAGE_SIZE);
	struct maps_entry entry;
	struct maps maps;
	void *at = NULL;
	int rc = maps_open_at(&maps, memory->list);
	bool found = false;

	while (!rc && !found && maps_next(&maps, &entry))
		found = va >= entry.start && va < entry.end;
	if (!rc)
		maps_close(&maps);
	if (!found || !entry.shared || !process_memory_map(memory, &entry, page, PAGE_SIZE, &at))
		return -EFAULT;
	rc = guard_copy((char *)at + (va - page), buf, len);
	(void)sys_munmap(at, PAGE_SIZE);
	return rc;
}

/* All @len bytes, page by page. */
static int write_past_rights(struct process_memory *memory, uint64_t va, const char *buf,
			     size_t len)
{
	int rc = 0;

	for (size_t part; len && !rc; va += part, buf += part, len -= part) {
		part = min_u64(len, PAGE_SIZE - (va & PAGE_MASK));
		rc = transfer(memory, SYS_pwrite64, (uintptr_t)buf, va, part);
		if (rc)
			rc = write_shared(memory, va, buf, part);
	}
	return rc;
}

int process_memory_write(struct process_memory *memory, uint64_t va, const void *buf, size_t len)
{
	if (!transfer(memory, SYS_pwrite64, (uintptr_t)buf, va, len))
		return 0;
	return process_memory_exists(memory)
		       ? write_past_rights(memory, va, buf, len)
		       : process_remains_write(&memory->remains, va, buf, len);
}

/* ---- the bus ---- */

/* The place in another process that the bus address @bus leads to, of at most *@len bytes. */
static struct process_memory *find(const void *bus, uint64_t *va, size_t *len)
{
	const uint64_t off = (uintptr_t)bus - PROCESS_MEMORY_START;
	const struct window *table = atomic_load_explicit(&windows, memory_order_acquire);
	const struct window *window = &table[off >> WINDOW_SHIFT];
	struct process_memory *memory = atomic_load_explicit(&window->memory, memory_order_acquire);
	const uint64_t in_window = off & (WINDOW_SIZE - 1);

	if (!memory)
		return NULL;
	*va = window->base + in_window;
	*len = min_u64(*len, WINDOW_SIZE - in_window);
	return memory;
}

int process_memory_list(uint64_t bus, uint64_t *shift)
{
	const void *address = (const void *)(uintptr_t)bus;
	struct process_memory *memory;
	size_t len = 1;
	uint64_t va;

	memory = process_memory_is_bus(address) && process_memory_any() ? find(address, &va, &len)
									: NULL;
	if (!memory)
		return -ENOENT;
	*shift = bus - va;
	return memory->list;
}

bool process_memory_next_window(uint32_t *at, struct process_window *window)
{
	const struct window *table = atomic_load_explicit(&windows, memory_order_acquire);
	bool found = false;

	lock_acquire(&memory_lock);
	while (table && !found && ++*at < WINDOWS) {
		const struct process_memory *memory =
			atomic_load_explicit(&table[*at].memory, memory_order_relaxed);

		if (!memory)
			continue;
		*window = (struct process_window){
			.base = table[*at].base,
			.len = WINDOW_SIZE,
			.bus = PROCESS_MEMORY_START + ((uint64_t)*at << WINDOW_SHIFT),
			.list = (int)sys_call(SYS_fcntl, memory->list, F_DUPFD_CLOEXEC, 0, 0, 0, 0),
		};
		found = window->list >= 0;
	}
	lock_release(&memory_lock);
	return found;
}

/* Copies a piece, of at most *@len bytes, which becomes what has been copied. */
static int copy_piece(void *dst, const void *src, size_t *len)
{
	struct process_memory *memory;
	char bounce[BOUNCE];
	uint64_t va;
	int rc;

	if (!process_memory_is_bus(src)) {
		if (!process_memory_is_bus(dst))
			return guard_copy(dst, src, *len);
		memory = find(dst, &va, len);
		return memory ? process_memory_write(memory, va, src, *len) : -EFAULT;
	}
	if (!process_memory_is_bus(dst)) {
		memory = find(src, &va, len);
		return memory ? process_memory_read(memory, dst, va, *len) : -EFAULT;
	}
	*len = min_u64(*len, sizeof(bounce));
	memory = find(src, &va, len);
	rc = memory ? process_memory_read(memory, bounce, va, *len) : -EFAULT;
	if (rc)
		return rc;
	memory = find(dst, &va, len);
	return memory ? process_memory_write(memory, va, bounce, *len) : -EFAULT;
}

int process_memory_copy(void *dst, const void *src, size_t len)
{
	char *to = dst;
	const char *from = src;
	size_t part;
	int rc;

	for (; len; to += part, from += part, len -= part) {
		part = len;
		rc = copy_piece(to, from, &part);
		if (rc)
			return rc;
	}
	return 0;
}
