/* SPDX-License-Identifier: MIT */
/*
 * Making memory of this process present: MADV_POPULATE_*, unless it is known (mem/resident.h),
 * or where that does not work (Linux before 5.14, qemu's emulation) one touch for each page.
 *
 * A page is touched without a signal and without a change that other threads could see. For reading
 * the kernel copies a byte of it. For writing a futex operation atomically adds 0 to its first
 * word; it wakes at most a waiter on that very word, and only if the word is far below zero, and
 * futex waiters expect spurious wake-ups.
 */
#include "mem/populate.h"

#include <linux/futex.h>
#include <stdatomic.h>

#include "base/sys.h"
#include "mem/index.h"
#include "mem/maps.h"
#include "mem/registered.h"
#include "mem/resident.h"
#include "mem/self.h"
#include "mem/view.h"

/* The least value that fits into the operation's comparison. */
#define FUTEX_ARGUMENT_MIN (-2048)

static bool whole_range_mapped(uint64_t va, uint64_t len)
{
	/* MS_ASYNC is a no-op here: msync() only reports unmapped holes. */
	return !sys_call(SYS_msync, (long)va, (long)len, MS_ASYNC, 0, 0, 0);
}

/*
 * Whether MADV_POPULATE_* do what they say: for page 0, where no program has memory, they report a
 * hole. A kernel that lacks them gives -EINVAL, which they give for memory that they refuse as
 * well, and qemu's emulation of a process says 0 to each advice that it does not know. A program
 * that does have memory at page 0 gets the touches, which are right everywhere.
 */
static bool advice_works(void)
{
	static _Atomic int works = -1;
	int now = atomic_load_explicit(&works, memory_order_relaxed);

	if (now < 0) {
		now = sys_madvise(NULL, PAGE_SIZE, MADV_POPULATE_READ) == -ENOMEM;
		atomic_store_explicit(&works, now, memory_order_relaxed);
	}
	return now;
}

static int touch_for_write(uint64_t va)
{
	static uint32_t no_waiters;
	const int operation =
		FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_LT, (unsigned int)FUTEX_ARGUMENT_MIN);
	long rc = sys_call(SYS_futex, (long)&no_waiters, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 0, 0,
			   (long)va, operation);

	return rc < 0 ? -EFAULT : 0;
}

static int touch_all(uint64_t va, uint64_t len, bool write)
{
	for (uint64_t done = 0; done < len; done += PAGE_SIZE) {
		char byte;
		int rc = write ? touch_for_write(va + done) : self_read(&byte, va + done, 1);

		if (rc)
			return rc;
	}
	return 0;
}

static int advise(uint64_t va, uint64_t len, int advice)
{
	int rc;

	do
		rc = sys_madvise((void *)(uintptr_t)va, len, advice);
	while (rc == -EINTR);
	return rc;
}

/* ---- pages of files ---- */

/* Gives the program pages of its own. One of them that it may write is as if it were written. */
static int take_copy(const struct maps_copy *copy, void *arg)
{
	const uint64_t len = copy->end - copy->start;
	bool *any = arg;

	*any = true;
	if (copy->writable && advice_works())
		return advise(copy->start, len, MADV_POPULATE_WRITE);
	if (copy->writable)
		return touch_all(copy->start, len, true);
	for (uint64_t done = 0; done < len; done += PAGE_SIZE)
		view_take_page(copy->start + done);
	return 0;
}

int populate(uint64_t va, uint64_t len, bool write)
{
	bool copies = false;
	int rc;

	if (registered_has(va, len, write) || resident_certain(va, len, write))
		return 0;
	rc = advise(va, len, write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
	if (rc == -ENOMEM)
		return whole_range_mapped(va, len) ? -ENOMEM : -EFAULT;
	if ((!rc || rc == -EINVAL) && !advice_works())
		rc = touch_all(va, len, write);
	/*
	 * A pin for reading, too, gives the program pages of its own where it has mapped a file
	 * privately: what is written to the file later is neither its nor the device's. Only for
	 * programs that are to find what a kernel does: it takes three system calls.
	 */
	if (!rc && !write && index_enabled())
		rc = maps_visit_own_copies(va, va + len, take_copy, &copies);
	if (rc)
		return -EFAULT;
	if (!copies && advice_works())
		resident_learn(va, len);
	return 0;
}
