/* SPDX-License-Identifier: MIT */
/*
 * The ranges whose rights the program has restricted, and the copies past them.
 *
 * A range is recorded whether it is pinned or not, since memory may be pinned when its protection
 * key already forbids the device's thread to reach it. It counts only while it is pinned.
 *
 * /proc/self/mem is kept open: later the program may be in another root, or not be allowed to open
 * it. In the child of a fork the descriptor would lead to the parent's memory, so it is opened
 * again there; and a number that the program has closed all the same is recognised by its inode.
 *
 * Lock: view_lock guards all of it, and is not held while anything is copied.
 */
#include "mem/view.h"

#include "base/lock.h"
#include "base/sys.h"
#include "iova/iova_set.h"
#include "mem/index.h"
#include "mem/kept_file.h"

atomic_bool view_restricted;

static struct lock view_lock = LOCK_INIT(LOCK_VIEW);
static struct iova_set restricted GUARDED_BY(view_lock);
static struct kept_file memory GUARDED_BY(view_lock) = KEPT_FILE_NONE;

/* The whole pages that [@va, @va + @len) touches. False: there are none. */
static bool range_of(uint64_t va, uint64_t len, struct iova_range *range)
{
	uint64_t last;

	if (!len || check_last(va, len, &last))
		return false;
	range->start = align_down(va, PAGE_SIZE);
	range->last = last | PAGE_MASK;
	return true;
}

/* ---- the kernel's memory file ---- */

static void open_memory(void) REQUIRES(view_lock)
{
	lock_assert_held(&view_lock);
	kept_file_open(&memory, "/proc/self/mem", O_RDWR);
}

/* The descriptor, or -1. */
static int memory_fd(void)
{
	int fd;

	lock_acquire(&view_lock);
	open_memory();
	fd = memory.fd;
	lock_release(&view_lock);
	return fd;
}

void view_keep(void)
{
	(void)memory_fd();
}

/* ---- ranges ---- */

int view_restrict(uint64_t va, uint64_t len)
{
	struct iova_range range;
	int rc;

	if (!range_of(va, len, &range))
		return 0;
	lock_acquire(&view_lock);
	rc = iova_set_add(&restricted, range);
	if (!rc)
		open_memory();
	atomic_store_explicit(&view_restricted, restricted.count != 0, memory_order_relaxed);
	lock_release(&view_lock);
	return rc;
}

void view_forget(uint64_t va, uint64_t len)
{
	struct iova_range range;

	if (!view_any() || !range_of(va, len, &range))
		return;
	lock_acquire(&view_lock);
	/* Without memory for the two halves of a range it stays. */
	(void)iova_set_remove(&restricted, range);
	atomic_store_explicit(&view_restricted, restricted.count != 0, memory_order_relaxed);
	lock_release(&view_lock);
}

void view_move(uint64_t from, uint64_t len, uint64_t to, uint64_t to_len)
{
	struct iova_range old, now;

	if (!view_any() || !range_of(from, len, &old) || !range_of(to, to_len, &now))
		return;
	lock_acquire(&view_lock);
	/* Without memory DMA to it fails, or, of what is not restricted any more, is slower. */
	if (iova_set_intersects(&restricted, old))
		(void)iova_set_add(&restricted, now);
	else
		(void)iova_set_remove(&restricted, now);
	(void)iova_set_remove(&restricted, old);
	atomic_store_explicit(&view_restricted, restricted.count != 0, memory_order_relaxed);
	lock_release(&view_lock);
}

/* Whether the page of @addr is pinned, and its rights have been restricted. */
static bool may_pass(uint64_t addr)
{
	const uint64_t page = align_down(addr, PAGE_SIZE);
	bool any;

	lock_acquire(&view_lock);
	any = iova_set_intersects(&restricted, (struct iova_range){page, page | PAGE_MASK});
	lock_release(&view_lock);
	return any && index_any(NULL, page, page | PAGE_MASK);
}

void view_open(uint64_t va, uint64_t len)
{
	const long rights = PROT_READ | PROT_WRITE;

	/* The key 0 is the one that every thread may use. No such call: no keys. */
	if (!sys_call(SYS_pkey_mprotect, (long)va, (long)len, rights, 0, 0, 0) ||
	    !sys_call(SYS_mprotect, (long)va, (long)len, rights, 0, 0, 0))
		return;
	(void)sys_call(SYS_mprotect, (long)va, (long)len, PROT_READ, 0, 0, 0);
}

void view_take_page(uint64_t va)
{
	const int fd = memory_fd();
	char byte;

	if (sys_pread(fd, &byte, 1, (off_t)va) == 1)
		(void)sys_call(SYS_pwrite64, fd, (long)&byte, 1, (long)va, 0, 0);
}

/* ---- copies ---- */

/* @len bytes, inside one page of the source. */
static int read_page(char *buf, uint64_t src, size_t len)
{
	if (!guard_copy(buf, (const void *)(uintptr_t)src, len))
		return 0;
	if (!may_pass(src))
		return -EFAULT;
	return sys_call(SYS_pread64, memory_fd(), (long)buf, (long)len, (long)src, 0, 0) ==
			       (long)len
		       ? 0
		       : -EFAULT;
}

/* Shared memory, which the kernel's file does not write against the rights of the mapping. */
static int write_shared_page(uint64_t dst, const char *buf, size_t len)
{
	const uint64_t page = align_down(dst, PAGE_SIZE);
	/* Of no length: another mapping of the same memory. Private memory is refused. */
	long second = sys_call(SYS_mremap, (long)page, 0, PAGE_SIZE, MREMAP_MAYMOVE, 0, 0);
	int rc;

	if (second < 0)
		return -EFAULT;
	view_open((uint64_t)second, PAGE_SIZE);
	rc = guard_copy((char *)second + (dst - page), buf, len);
	(void)sys_munmap((void *)second, PAGE_SIZE);
	return rc;
}

static int write_page(uint64_t dst, const char *buf, size_t len)
{
	if (!guard_copy((void *)(uintptr_t)dst, buf, len))
		return 0;
	if (!may_pass(dst))
		return -EFAULT;
	if (sys_call(SYS_pwrite64, memory_fd(), (long)buf, (long)len, (long)dst, 0, 0) == (long)len)
		return 0;
	return write_shared_page(dst, buf, len);
}

int view_copy_slowly(void *dst, const void *src, size_t len)
{
	uint64_t from = (uint64_t)(uintptr_t)src, to = (uint64_t)(uintptr_t)dst;
	char buf[1024];

	while (len) {
		uint64_t left = PAGE_SIZE - max_u64(from & PAGE_MASK, to & PAGE_MASK);
		size_t now = min_u64(min_u64(len, left), sizeof(buf));
		int rc = read_page(buf, from, now);

		if (!rc)
			rc = write_page(to, buf, now);
		if (rc)
			return rc;
		from += now;
		to += now;
		len -= now;
	}
	return 0;
}

int view_exchange(uint64_t *word, uint64_t old, uint64_t new)
{
	uint64_t now;
	int rc;

	if (process_memory_is_bus(word))
		return -EFAULT;
	rc = guard_exchange(word, old, new);
	if (rc != -EFAULT || !view_any())
		return rc;
	rc = view_copy_slowly(&now, word, sizeof(now));
	if (rc)
		return rc;
	return now == old ? view_copy_slowly(word, &new, sizeof(new)) : 1;
}

/* What a word that is @old becomes. */
static uint64_t result_of(enum guard_op op, uint64_t old, uint64_t operand, uint64_t compare)
{
	if (op == GUARD_ADD)
		return old + operand;
	return op == GUARD_SWAP || old == compare ? operand : old;
}

int view_atomic(void *word, unsigned int size, enum guard_op op, uint64_t operand, uint64_t compare,
		uint64_t *old)
{
	uint64_t now = 0, new;

	if (process_memory_is_bus(word))
		return -EFAULT;
	if (!guard_atomic(word, size, op, operand, compare, old))
		return 0;
	if (!view_any() || view_copy_slowly(&now, word, size))
		return -EFAULT;
	if (size == sizeof(uint32_t))
		compare = (uint32_t)compare;
	new = result_of(op, now, operand, compare);
	*old = now;
	return view_copy_slowly(word, &new, size); /* the low bytes of @new: little-endian */
}
