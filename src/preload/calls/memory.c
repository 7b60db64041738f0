/* SPDX-License-Identifier: MIT */
/*
 * The calls that change what addresses hold. Pinned pages that a call takes away are moved aside
 * around it, and are back where they were if it fails (mem/displace.h).
 *
 * What changes the record of mappings (process/mapping.h) runs inside the engine.
 */
#include "preload/calls/memory.h"

#include <linux/magic.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "base/check.h"
#include "base/own_call.h"
#include "mem/displace.h"
#include "mem/maps.h"
#include "mem/reached.h"
#include "mem/resident.h"
#include "mem/view.h"
#include "preload/calls/map_emulated.h"
#include "preload/calls/uring.h"
#include "preload/engine/call.h"
#include "preload/engine/memlock.h"
#include "preload/process/defer.h"
#include "preload/process/mapping.h"
#include "preload/start/real.h"

/* A system call that is to be made. */
struct request {
	long number;
	long a, b, c, d, e, f;
};

static long make(void *arg)
{
	const struct request *request = arg;

	return sys_call(request->number, request->a, request->b, request->c, request->d, request->e,
			request->f);
}

bool memory_holds_pinned(uint64_t addr, uint64_t len)
{
	struct defer_section section;
	bool holds;

	if (!displace_possible())
		return false;
	defer_begin(&section);
	holds = displace_needed(addr, len);
	defer_end(&section);
	return holds;
}

/*
 * Makes a call that takes [@addr, @addr + @len) away from the program, or all in it: @call, which
 * is make() or does more. What the engine does to memory while it works is not the program's doing.
 */
static long take_away(long addr, long len, enum displace_cause cause, displace_call call, void *arg)
{
	struct engine_call inside;
	long rc;

	if (!len || engine_busy() || !memory_holds_pinned((uint64_t)addr, (uint64_t)len))
		return call(arg);
	engine_enter(&inside);
	rc = displace_around((uint64_t)addr, (uint64_t)len, cause, call, arg);
	engine_leave(&inside);
	return rc;
}

/* The system has given the program addresses that were free. */
static void note_new(long addr, long len)
{
	struct engine_call call;

	if (!len || engine_busy() || !memory_holds_pinned((uint64_t)addr, (uint64_t)len))
		return;
	engine_enter(&call);
	displace_lost((uint64_t)addr, (uint64_t)len);
	engine_leave(&call);
}

/* The range becomes something other than what is recorded of it. */
static void forget_mappings(long addr, long len)
{
	struct engine_call call;

	if (own_active() || !mapping_may_touch((uint64_t)addr, (uint64_t)len))
		return;
	engine_enter(&call);
	mapping_remove((uint64_t)addr, (uint64_t)len);
	engine_leave(&call);
}

/* The program is about to change the range in another way than by taking it away. */
static void settle_mappings(long addr, long len)
{
	struct engine_call call;

	if (engine_busy() || !mapping_may_touch((uint64_t)addr, (uint64_t)len))
		return;
	engine_enter(&call);
	mapping_settle((uint64_t)addr, (uint64_t)len);
	engine_leave(&call);
}

/* What is mapped there has other rights now, or is gone. */
static void forget_rights(long addr, long len)
{
	struct engine_call call;

	reached_forget((uint64_t)addr, (uint64_t)len);
	if (own_active() || !view_any())
		return;
	engine_enter(&call);
	view_forget((uint64_t)addr, (uint64_t)len);
	engine_leave(&call);
}

static uint64_t page_align(uint64_t len)
{
	return (len + PAGE_MASK) & ~PAGE_MASK;
}

static void record_disk(long addr, long len)
{
	struct engine_call call;

	engine_enter(&call);
	mapping_add_disk((uint64_t)addr, (uint64_t)len);
	engine_leave(&call);
}

/* ---- mmap ---- */

/*
 * Whether stores to a shared mapping of @fd end on a disk, as they do not on a file system in
 * memory.
 */
static bool is_on_disk(int fd)
{
	const unsigned long in_memory[] = {TMPFS_MAGIC, RAMFS_MAGIC, HUGETLBFS_MAGIC};
	struct statfs fs;
	struct stat st;

	if (SYS(SYS_fstat, fd, &st) || !S_ISREG(st.st_mode) || SYS(SYS_fstatfs, fd, &fs))
		return false;
	for (size_t i = 0; i < sizeof(in_memory) / sizeof(in_memory[0]); i++) {
		if ((unsigned long)fs.f_type == in_memory[i])
			return false;
	}
	return true;
}

static bool shares_disk(int fd, long flags)
{
	const long type = flags & MAP_TYPE;

	return !(flags & MAP_ANONYMOUS) && (type == MAP_SHARED || type == MAP_SHARED_VALIDATE) &&
	       is_on_disk(fd);
}

static long mmap_plain(struct request *request)
{
	const long addr = request->a, len = request->b, flags = request->d;
	long rc;

	if (flags & MAP_FIXED)
		rc = take_away(addr, len, DISPLACE_MMAP_FIXED, make, request);
	else
		rc = make(request);
	if (rc < 0)
		return rc;
	if (flags & MAP_FIXED)
		forget_mappings(addr, len);
	else
		note_new(rc, len);
	forget_rights(rc, len);
	if (!(flags & MAP_ANONYMOUS))
		resident_forget((uint64_t)rc, (uint64_t)len);
	if (shares_disk((int)request->e, flags))
		record_disk(rc, len);
	return rc;
}

/* mmap() of an emulated file. */
struct emulated_mmap {
	struct description *desc;
	const struct request *request;
};

static long make_emulated(void *arg)
{
	const struct emulated_mmap *map = arg;
	const struct request *request = map->request;

	return map_emulated(map->desc, (void *)request->a, (uint64_t)request->b, (int)request->c,
			    (int)request->d, request->f);
}

static long mmap_emulated(struct description *desc, const struct request *request)
{
	struct emulated_mmap map = {.desc = desc, .request = request};

	if ((request->d & MAP_FIXED) && displace_needed((uint64_t)request->a, (uint64_t)request->b))
		return displace_around((uint64_t)request->a, (uint64_t)request->b,
				       DISPLACE_MMAP_FIXED, make_emulated, &map);
	return make_emulated(&map);
}

long memory_mmap(long addr, long len, long prot, long flags, long fd, long offset)
{
	struct request request = {.number = SYS_mmap,
				  .a = addr,
				  .b = len,
				  .c = prot,
				  .d = flags,
				  .e = fd,
				  .f = offset};
	struct description *desc;
	struct engine_call call;
	long rc;

	if (flags & MAP_FIXED)
		settle_mappings(addr, len);
	if (flags & MAP_LOCKED)
		memlock_seen();
	desc = flags & MAP_ANONYMOUS ? NULL : engine_enter_fd(&call, (int)fd);
	if (!desc) {
		rc = mmap_plain(&request);
		if (rc >= 0 && flags & MAP_SHARED && !(flags & MAP_ANONYMOUS))
			uring_mapped((int)fd, offset, (const void *)rc);
		return rc;
	}
	rc = mmap_emulated(desc, &request);
	engine_leave_fd(&call, desc);
	return rc;
}

EXPORT void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	return (void *)libc_result(memory_mmap((long)addr, (long)len, prot, flags, fd, offset));
}

EXPORT_ALIAS(mmap64, mmap);

/* ---- taking memory away ---- */

long memory_munmap(long addr, long len)
{
	struct request request = {.number = SYS_munmap, .a = addr, .b = len};
	long rc;

	/*
	 * Before the unmap: after it another thread may have been given the addresses, for an
	 * emulated file.
	 */
	if (len && is_aligned((uint64_t)addr, PAGE_SIZE))
		forget_mappings(addr, len);
	rc = take_away(addr, len, DISPLACE_MUNMAP, make, &request);
	if (!rc)
		forget_rights(addr, len);
	return rc;
}

EXPORT int munmap(void *addr, size_t len)
{
	return (int)libc_result(memory_munmap((long)addr, (long)len));
}

EXPORT int madvise(void *addr, size_t len, int advice)
{
	return (int)libc_result(memory_madvise((long)addr, (long)len, advice));
}

EXPORT ssize_t process_madvise(int pidfd, const struct iovec *vec, size_t count, int advice,
			       unsigned int flags)
{
	return libc_result(memory_process_madvise(pidfd, (long)vec, (long)count, advice, flags));
}

/* ---- mremap ---- */

/* Pinned memory that moves takes its pins along; pinned pages where it goes are moved aside. */
static long move_pinned(const struct request *request)
{
	struct engine_call call;
	long rc;

	engine_enter(&call);
	rc = displace_mremap((uint64_t)request->a, (uint64_t)request->b, (uint64_t)request->c,
			     (int)request->d, (uint64_t)request->e);
	engine_leave(&call);
	return rc;
}

/* Whether there may be pinned pages in what moves, or where it goes. */
static bool concerns_pinned(const struct request *request)
{
	return (request->b && memory_holds_pinned((uint64_t)request->a, (uint64_t)request->b)) ||
	       ((request->d & MREMAP_FIXED) &&
		memory_holds_pinned((uint64_t)request->e, (uint64_t)request->c));
}

/* Memory that has grown in place has new addresses at its end. */
static void note_growth(const struct request *request)
{
	const uint64_t from = page_align((uint64_t)request->b);
	const uint64_t to = page_align((uint64_t)request->c);

	if (from < to)
		note_new(request->a + (long)from, (long)(to - from));
}

/* *@followed: the record of rights has been, too. */
static long move(struct request *request, bool *followed)
{
	const long flags = request->d;
	long rc;

	/* In place first: then nothing that is pinned moves. */
	if (!(flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))) {
		request->d = flags & ~MREMAP_MAYMOVE;
		rc = make(request);
		request->d = flags;
		if (rc >= 0)
			note_growth(request);
		if (rc != -ENOMEM || !(flags & MREMAP_MAYMOVE))
			return rc;
	}
	*followed = concerns_pinned(request);
	if (*followed)
		return move_pinned(request);
	rc = make(request);
	if (rc >= 0 && !(flags & MREMAP_FIXED))
		note_new(rc, request->c);
	return rc;
}

/* Records that what @request was made for is at @now; its rights are @followed already, or not. */
static void follow_move(const struct request *request, uint64_t now, bool followed)
{
	const uint64_t old = (uint64_t)request->a, old_len = (uint64_t)request->b;
	const uint64_t new_len = (uint64_t)request->c, kept = page_align(new_len);

	if (request->d & MREMAP_FIXED)
		mapping_remove(now, new_len);
	if (now != old)
		resident_forget(now, new_len);
	if (now != old && !followed)
		view_move(old, min_u64(old_len, new_len), now, new_len);
	if (now != old || new_len > old_len)
		mapping_copy(old, now, new_len);
	if (now != old && !(request->d & MREMAP_DONTUNMAP))
		mapping_remove(old, old_len);
	else if (now == old && kept < old_len)
		mapping_remove(old + kept, old_len - kept);
}

/* The tail of what is to move is unmapped wherever the beginning goes: first, and in place. */
static long cut_tail(const struct request *request, uint64_t kept)
{
	const uint64_t tail = (uint64_t)request->a + kept, len = (uint64_t)request->b - kept;
	struct request cut = {
		.number = SYS_mremap, .a = request->a, .b = request->b, .c = (long)kept};

	return take_away((long)tail, (long)len, DISPLACE_MREMAP, make, &cut);
}

bool memory_find_registers(uint64_t addr, uint64_t len, uint64_t *from, uint64_t *to)
{
	struct engine_call call;
	bool found;

	if (!mapping_may_touch(addr, len))
		return false;
	engine_enter(&call);
	found = mapping_find_trapping(addr, len, from, to);
	engine_leave(&call);
	return found;
}

long memory_mremap(long old, long old_len, long new_len, long flags, long to)
{
	struct request request = {
		.number = SYS_mremap, .a = old, .b = old_len, .c = new_len, .d = flags, .e = to};
	const uint64_t kept = page_align((uint64_t)new_len);
	uint64_t from, to_end;
	struct engine_call call;
	bool followed = false;
	long rc;

	reached_forget((uint64_t)old, (uint64_t)old_len);
	if (flags & MREMAP_FIXED)
		reached_forget((uint64_t)to, (uint64_t)new_len);
	if (engine_busy() ||
	    !displace_mremap_is_valid((uint64_t)old, (uint64_t)old_len, (uint64_t)new_len,
				      (uint64_t)flags, (uint64_t)to))
		return make(&request);
	/* The kernel expands no mapping of registers, and leaves none behind (VM_DONTEXPAND). */
	if ((flags & MREMAP_DONTUNMAP || kept > page_align((uint64_t)old_len)) &&
	    memory_find_registers((uint64_t)old, 1, &from, &to_end))
		return flags & MREMAP_DONTUNMAP ? -EINVAL : -EFAULT;
	if (kept < (uint64_t)old_len &&
	    memory_holds_pinned((uint64_t)old + kept, (uint64_t)old_len - kept)) {
		rc = cut_tail(&request, kept);
		if (rc < 0)
			return rc;
		request.b = (long)kept;
	}
	settle_mappings(old, old_len);
	if (flags & MREMAP_FIXED)
		settle_mappings(to, new_len);
	rc = move(&request, &followed);
	request.b = old_len;
	if (rc >= 0 && (mapping_may_touch((uint64_t)old, (uint64_t)old_len) ||
			mapping_may_touch((uint64_t)rc, (uint64_t)new_len) || view_any())) {
		engine_enter(&call);
		follow_move(&request, (uint64_t)rc, followed);
		engine_leave(&call);
	}
	return rc;
}

EXPORT void *mremap(void *old, size_t old_len, size_t new_len, int flags, ...)
{
	void *to = NULL;
	va_list args;

	if (flags & MREMAP_FIXED) {
		va_start(args, flags);
		to = va_arg(args, void *);
		va_end(args);
	}
	return (void *)libc_result(
		memory_mremap((long)old, (long)old_len, (long)new_len, flags, (long)to));
}

/* ---- rights ---- */

static long protect(struct request *request)
{
	const long both = PROT_READ | PROT_WRITE, prot = request->c;
	const uint64_t addr = (uint64_t)request->a, len = (uint64_t)request->b;
	const bool keyed = request->number == SYS_pkey_mprotect && request->d > 0;
	const bool all = (prot & both) == both && !keyed;
	struct engine_call call;
	long rc;

	settle_mappings(request->a, request->b);
	reached_forget(addr, len);
	if (engine_busy() || !(all ? view_any() : keyed || memory_holds_pinned(addr, len)))
		return make(request);
	engine_enter(&call);
	rc = all ? 0 : view_restrict(addr, len);
	if (!rc)
		rc = make(request);
	if (!rc && all)
		view_forget(addr, len);
	engine_leave(&call);
	return rc;
}

long memory_mprotect(long addr, long len, long prot)
{
	struct request request = {.number = SYS_mprotect, .a = addr, .b = len, .c = prot};

	return protect(&request);
}

EXPORT int mprotect(void *addr, size_t len, int prot)
{
	return (int)libc_result(memory_mprotect((long)addr, (long)len, prot));
}

long memory_pkey_mprotect(long addr, long len, long prot, long pkey)
{
	struct request request = {
		.number = SYS_pkey_mprotect, .a = addr, .b = len, .c = prot, .d = pkey};

	return protect(&request);
}

EXPORT int pkey_mprotect(void *addr, size_t len, int prot, int pkey)
{
	/* As the C library's: without a key it is the older call, which every kernel has. */
	if (pkey == -1)
		return mprotect(addr, len, prot);
	return (int)libc_result(memory_pkey_mprotect((long)addr, (long)len, prot, pkey));
}

/* ---- the break ---- */

/* @addr is to be the new break; the C library's function keeps a record of it. */
struct new_break {
	long addr;
	long result; /* the break afterwards */
	bool by_libc;
	bool refused; /* by the C library, which takes an address below the heap */
};

static long break_now(void)
{
	return SYS(SYS_brk, 0);
}

/* Negative: the break is not at new->addr. */
static long set_break(void *arg)
{
	struct new_break *new = arg;

	if (new->by_libc) {
		new->refused = REAL(brk)((void *)new->addr) != 0;
		new->result = break_now();
	} else {
		new->result = SYS(SYS_brk, new->addr);
	}
	return new->result == new->addr ? 0 : -ENOMEM;
}

static void move_break(struct new_break *new)
{
	uint64_t from, to;

	if (engine_busy() || !displace_possible()) {
		(void)set_break(new);
		return;
	}
	new->result = break_now();
	from = page_align((uint64_t) new->addr);
	to = page_align((uint64_t) new->result);
	if (from < to) {
		(void)take_away((long)from, (long)(to - from), DISPLACE_BRK, set_break, new);
		return;
	}
	if (!set_break(new))
		note_new((long)to, (long)(from - to));
}

long memory_brk(long addr)
{
	struct new_break new = {.addr = addr};

	move_break(&new);
	return new.result;
}

static int brk_by_libc(long addr)
{
	struct new_break new = {.addr = addr, .by_libc = true};
	int saved = errno;

	move_break(&new);
	errno = saved;
	return new.refused ? (int)libc_result(-ENOMEM) : 0;
}

EXPORT int brk(void *addr)
{
	return brk_by_libc((long)addr);
}

EXPORT void *sbrk(intptr_t increment)
{
	void *old = REAL(sbrk)(0);
	uint64_t now;

	if (!increment || old == (void *)-1)
		return old;
	now = (uint64_t)(uintptr_t)old + (uint64_t)increment;
	if ((increment > 0) != (now > (uint64_t)(uintptr_t)old))
		return (void *)libc_result(-ENOMEM);
	return brk_by_libc((long)now) ? (void *)-1 : old;
}

/* ---- segments of System V, and other mappings of files ---- */

/* The size of the segment @id, or 0. */
static uint64_t segment_size(long id)
{
	struct shmid_ds ds;

	return SYS(SYS_shmctl, id, IPC_STAT, &ds) < 0 ? 0 : page_align(ds.shm_segsz);
}

long memory_shmat(long id, long addr, long flags)
{
	struct request request = {.number = SYS_shmat, .a = id, .b = addr, .c = flags};
	uint64_t len, at = (uint64_t)addr;
	long rc;

	if (engine_busy() || !displace_possible())
		return make(&request);
	len = segment_size(id);
	if (flags & SHM_RND)
		at = align_down(at, (uint64_t)SHMLBA);
	if (at && (flags & SHM_REMAP))
		return take_away((long)at, (long)len, DISPLACE_SHMAT, make, &request);
	rc = make(&request);
	if (rc >= 0)
		note_new(rc, (long)len);
	return rc;
}

EXPORT void *shmat(int id, const void *addr, int flags)
{
	return (void *)libc_result(memory_shmat(id, (long)addr, flags));
}

long memory_shmdt(long addr)
{
	struct request request = {.number = SYS_shmdt, .a = addr};
	uint64_t len;

	if (engine_busy() || !displace_possible() || !maps_segment((uint64_t)addr, &len))
		return make(&request);
	return take_away(addr, (long)len, DISPLACE_SHMDT, make, &request);
}

EXPORT int shmdt(const void *addr)
{
	return (int)libc_result(memory_shmdt((long)addr));
}

long memory_remap_file_pages(long addr, long len, long prot, long page, long flags)
{
	struct request request = {.number = SYS_remap_file_pages,
				  .a = addr,
				  .b = len,
				  .c = prot,
				  .d = page,
				  .e = flags};

	return take_away(addr, len, DISPLACE_REMAP_FILE_PAGES, make, &request);
}

EXPORT int remap_file_pages(void *addr, size_t len, int prot, size_t page, int flags)
{
	return (int)libc_result(
		memory_remap_file_pages((long)addr, (long)len, prot, (long)page, flags));
}
