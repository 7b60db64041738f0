/* SPDX-License-Identifier: MIT */
/*
 * The caller that is this process: uiommufd_caller_self().
 *
 * Its copies must never raise a signal, not even one that our own handler would catch: if the
 * program blocks SIGSEGV, the kernel kills it. So the kernel copies, by process_vm_readv() on this
 * process. Where that is refused (no such call, a seccomp filter, memory that it does not reach),
 * the bytes go through a pipe, whose two ends give EFAULT as well. Each copy makes its own pipe: a
 * program that closes every descriptor would close one that is kept.
 *
 * Most structures that a program passes are on its stack, just above our own frames. Those cannot
 * fault and are copied directly: a few nanoseconds instead of a microsecond. Each thread remembers
 * the part of its stack that is known to be readable, [known_low, top). A frame below that part,
 * but in the thread's stack, extends it, after the kernel has read a byte of each page between.
 * Code that runs on another stack (a signal stack, a coroutine) takes the slow way.
 *
 * Other memory is copied under the guard, once the program has its handlers installed, from and to
 * pages that the kernel has reached for a copy before (mem/reached.h). Where a program's changes of
 * memory and of signal masks are seen, as in the preload, such a page is there or the signal is not
 * blocked; an embedding program promises it (uiommufd_guard_memory()).
 */
#include "mem/self.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/uio.h>

#include <uiommufd/caller.h>

#include "base/check.h"
#include "base/msan.h"
#include "base/sys.h"
#include "mem/credentials.h"
#include "mem/guard.h"
#include "mem/populate.h"
#include "mem/reached.h"

#define EXPORTED __attribute__((visibility("default")))

/* The stack of a thread. */
struct stack {
	uint64_t low, top; /* from the thread library; 0, 0: not known */
	uint64_t known_low;
	bool asked;
};

static __thread struct stack stack __attribute__((tls_model("initial-exec")));

enum {
	PROBE_PAGES = 64,      /* read by one call */
	PIPE_CHUNK = PIPE_BUF, /* fits into any pipe */
};

/* ---- copies by the kernel ---- */

static bool copied_by_vm(long number, void *buf, uint64_t addr, size_t len)
{
	struct iovec local = {.iov_base = buf, .iov_len = len};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)addr, .iov_len = len};

	while (local.iov_len) {
		long done = sys_call(number, getpid(), (long)&local, 1, (long)&remote, 1, 0);

		if (done <= 0)
			return false;
		local.iov_base = (char *)local.iov_base + done;
		remote.iov_base = (char *)remote.iov_base + done;
		local.iov_len -= (size_t)done;
		remote.iov_len -= (size_t)done;
	}
	return true;
}

/* Reads or writes (@number) all @len bytes, at most what a pipe holds. */
static int pipe_move(long number, int fd, uint64_t addr, size_t len)
{
	while (len) {
		long done = sys_call(number, fd, (long)addr, (long)len, 0, 0, 0);

		if (done <= 0)
			return -EFAULT;
		addr += (uint64_t)done;
		len -= (size_t)done;
	}
	return 0;
}

/* Copies @len bytes, at most what a pipe holds, through the pipe of @ends. */
static int pipe_copy(const int ends[2], uint64_t dst, uint64_t src, size_t len)
{
	int rc = pipe_move(SYS_write, ends[1], src, len);

	return rc ? rc : pipe_move(SYS_read, ends[0], dst, len);
}

static int copy_by_pipe(uint64_t dst, uint64_t src, size_t len)
{
	int ends[2], rc;

	rc = (int)sys_call(SYS_pipe2, (long)ends, O_CLOEXEC | O_NONBLOCK, 0, 0, 0, 0);
	if (rc)
		return -EFAULT;
	while (len && !rc) {
		/*
		 * Up to the end of the page on either side, so that all bytes before a bad page are
		 * copied.
		 */
		size_t left = PAGE_SIZE - max_u64(src & PAGE_MASK, dst & PAGE_MASK);
		size_t now = min_u64(min_u64(len, left), PIPE_CHUNK);

		rc = pipe_copy(ends, dst, src, now);
		src += now;
		dst += now;
		len -= now;
	}
	(void)sys_close(ends[0]);
	(void)sys_close(ends[1]);
	return rc;
}

/* ---- the thread's stack ---- */

/* Asks the thread library, once per thread: it reads a file for the main thread. */
static __attribute__((noinline)) void find_stack(void)
{
	pthread_attr_t attr;
	void *low;
	size_t size;
	int saved = errno;

	stack.asked = true;
	if (!pthread_getattr_np(pthread_self(), &attr)) {
		if (!pthread_attr_getstack(&attr, &low, &size)) {
			stack.low = (uint64_t)(uintptr_t)low;
			stack.top = stack.low + size;
			stack.known_low = stack.top;
		}
		pthread_attr_destroy(&attr);
	}
	errno = saved;
}

/* Reads a byte of each page of [@low, @end), both page aligned. False: some cannot be read. */
static bool probe(uint64_t low, uint64_t end)
{
	struct iovec pages[PROBE_PAGES];
	char bytes[PROBE_PAGES];
	struct iovec local = {.iov_base = bytes};

	while (low < end) {
		long count = 0;

		for (; count < PROBE_PAGES && low < end; low += PAGE_SIZE)
			pages[count++] = (struct iovec){(void *)(uintptr_t)low, 1};
		local.iov_len = (size_t)count;
		if (sys_call(SYS_process_vm_readv, getpid(), (long)&local, 1, (long)pages, count,
			     0) != count)
			return false;
	}
	return true;
}

/* The frame is below what is known of the stack, or not in it at all. */
static __attribute__((noinline)) bool grow_known_stack(uint64_t frame)
{
	uint64_t low = align_down(frame, PAGE_SIZE);
	/* The top of a stack that the program allocated need not be page aligned. */
	uint64_t end = (stack.known_low + PAGE_MASK) & ~PAGE_MASK;

	if (frame < stack.low || frame >= stack.top || !probe(low, end))
		return false;
	stack.known_low = low;
	return true;
}

/* True if [@addr, @addr + @len) is in the calling thread's stack, above @frame. */
static inline bool on_stack(uint64_t addr, size_t len, uint64_t frame)
{
	if (addr < frame)
		return false;
	if (__builtin_expect(!stack.asked, 0))
		find_stack();
	if (addr >= stack.top || len > stack.top - addr)
		return false;
	return frame >= stack.known_low || grow_known_stack(frame);
}

/* ---- copies ---- */

/* Whether a copy of pages that were reached @by succeeds without the kernel. */
static bool copied_directly(uint64_t dst, uint64_t src, size_t len, enum reached_by by)
{
	if (!reached_before(by == REACHED_BY_READ ? src : dst, len, by) || !guard_ready())
		return false;
	return !guard_copy((void *)(uintptr_t)dst, (const void *)(uintptr_t)src, len);
}

/* What is not on the stack is not inlined: else copies on it would save registers for this. */
static __attribute__((noinline)) int read_elsewhere(void *dst, uint64_t src, size_t len)
{
	const uint64_t to = (uint64_t)(uintptr_t)dst;
	int rc = 0;

	if (copied_directly(to, src, len, REACHED_BY_READ))
		return 0;
	if (!copied_by_vm(SYS_process_vm_readv, dst, src, len))
		rc = copy_by_pipe(to, src, len);
	if (!rc)
		reached_learn(src, len, REACHED_BY_READ);
	return rc;
}

static __attribute__((noinline)) int write_elsewhere(uint64_t dst, const void *src, size_t len)
{
	const uint64_t from = (uint64_t)(uintptr_t)src;
	int rc = 0;

	if (copied_directly(dst, from, len, REACHED_BY_WRITE))
		return 0;
	if (!copied_by_vm(SYS_process_vm_writev, (void *)(uintptr_t)src, dst, len))
		rc = copy_by_pipe(dst, from, len);
	if (!rc)
		reached_learn(dst, len, REACHED_BY_WRITE);
	return rc;
}

int self_read(void *dst, uint64_t src, size_t len)
{
	if (on_stack(src, len, (uint64_t)(uintptr_t)__builtin_frame_address(0))) {
		memcpy(dst, (void *)(uintptr_t)src, len);
		return 0;
	}
	return read_elsewhere(dst, src, len);
}

static int write_bytes(uint64_t dst, const void *src, size_t len)
{
	if (on_stack(dst, len, (uint64_t)(uintptr_t)__builtin_frame_address(0))) {
		memcpy((void *)(uintptr_t)dst, src, len);
		return 0;
	}
	return write_elsewhere(dst, src, len);
}

int self_write(uint64_t dst, const void *src, size_t len)
{
	int rc = write_bytes(dst, src, len);

	if (!rc)
		msan_written((const void *)(uintptr_t)dst, len);
	return rc;
}

/* ---- the caller ---- */

static int op_read(struct uiommufd_caller *caller, void *dst, uint64_t src, size_t len)
{
	(void)caller;
	return self_read(dst, src, len);
}

static int op_write(struct uiommufd_caller *caller, uint64_t dst, const void *src, size_t len)
{
	(void)caller;
	return self_write(dst, src, len);
}

static int op_populate(struct uiommufd_caller *caller, uint64_t va, uint64_t len, bool write)
{
	(void)caller;
	return populate(va, len, write);
}

static int op_dup_fd(struct uiommufd_caller *caller, int fd)
{
	int flags = sys_fcntl(fd, F_GETFL, 0);

	(void)caller;
	/* O_PATH names a place, not an open file. */
	if (flags >= 0 && flags & O_PATH)
		return -EBADF;
	return sys_dup_away(fd);
}

static bool op_capable(struct uiommufd_caller *caller, int cap)
{
	(void)caller;
	return credentials_capable(cap);
}

static uint32_t op_uid(struct uiommufd_caller *caller)
{
	(void)caller;
	return credentials_uid();
}

/* 0: the kernel's. */
static _Atomic uint64_t memlock_limit;

void self_set_memlock_limit(uint64_t bytes)
{
	/* One byte is no page either. */
	atomic_store_explicit(&memlock_limit, bytes ? bytes : 1, memory_order_relaxed);
}

/*
 * The limit may be changed at any time, by other processes as well, so each charge asks for it. The
 * older call takes half the time of prlimit64(), which looks a process up and takes its lock; but a
 * program that has confined itself permits what the C library uses.
 */
static long read_memlock_limit(struct rlimit *limit)
{
#ifdef SYS_getrlimit
	if (!sys_confined())
		return sys_call(SYS_getrlimit, RLIMIT_MEMLOCK, (long)limit, 0, 0, 0, 0);
#endif
	return sys_call(SYS_prlimit64, 0, RLIMIT_MEMLOCK, 0, (long)limit, 0, 0);
}

static uint64_t op_memlock_limit(struct uiommufd_caller *caller)
{
	const uint64_t chosen = atomic_load_explicit(&memlock_limit, memory_order_relaxed);
	struct rlimit limit;

	(void)caller;
	if (chosen)
		return chosen;
	if (read_memlock_limit(&limit))
		return UINT64_MAX;
	return limit.rlim_cur; /* RLIM_INFINITY is UINT64_MAX */
}

static const struct uiommufd_caller_ops self_ops = {
	.read = op_read,
	.write = op_write,
	.populate = op_populate,
	.dup_fd = op_dup_fd,
	.capable = op_capable,
	.uid = op_uid,
	.memlock_limit = op_memlock_limit,
};

static struct uiommufd_caller self;
static pthread_once_t self_once = PTHREAD_ONCE_INIT;

static void child_of_fork(void)
{
	self.pid = getpid();
}

static void init_self(void)
{
	uiommufd_caller_init(&self, &self_ops, getpid(), getuid());
	(void)pthread_atfork(NULL, NULL, child_of_fork);
}

EXPORTED struct uiommufd_caller *uiommufd_caller_self(void)
{
	pthread_once(&self_once, init_self);
	return &self;
}

EXPORTED void uiommufd_caller_rights_changed(void)
{
	credentials_changed();
}
