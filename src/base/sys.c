/* SPDX-License-Identifier: MIT */
/*
 * The entry to the kernel; address space for our own mappings, aligned so that large pages and
 * large leaves fit; and the numbers of descriptors that we keep, one bit for each.
 */
#include "base/sys.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/check.h"
#include "base/fail.h"

/* ---- programs that confine themselves ---- */

static bool confined;

void sys_confine(void)
{
	__atomic_store_n(&confined, true, __ATOMIC_RELAXED);
}

bool sys_confined(void)
{
	return __atomic_load_n(&confined, __ATOMIC_RELAXED);
}

/* ---- memory files ---- */

void sys_read_only(int fd, int cloexec)
{
	char path[32];
	int again;

	if (sys_confined())
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = sys_open(path, O_RDONLY | O_CLOEXEC);
	if (again < 0)
		return;
	(void)sys_call(SYS_dup3, again, fd, cloexec, 0, 0, 0);
	(void)sys_close(again);
}

/* ---- valgrind ---- */

bool sys_under_valgrind(void)
{
	static _Atomic signed char known; /* -1: no; 1: yes */
	const char *preloaded;
	signed char answer = atomic_load_explicit(&known, memory_order_relaxed);

	if (answer || !environ)
		return answer > 0;
	preloaded = getenv("LD_PRELOAD");
	answer = preloaded && strstr(preloaded, "/vgpreload_") ? 1 : -1;
	atomic_store_explicit(&known, answer, memory_order_relaxed);
	return answer > 0;
}

/* ---- the entry to the kernel ---- */

#if defined(__x86_64__)

extern const char sys_own_gate[];
extern const void *sys_gate __attribute__((visibility("hidden")));

/* Where sys_call_made() ends. */
const void *sys_gate = sys_own_gate;

__asm__(".pushsection .text\n"
	".p2align 4\n"
	".globl sys_call_made\n"
	".hidden sys_call_made\n"
	".type sys_call_made, @function\n"
	"sys_call_made:\n"
	".cfi_startproc\n"
	"	movq %rdi, %rax\n"
	"	movq %rsi, %rdi\n"
	"	movq %rdx, %rsi\n"
	"	movq %rcx, %rdx\n"
	"	movq %r8, %r10\n"
	"	movq %r9, %r8\n"
	"	movq 8(%rsp), %r9\n"
	"	jmp *sys_gate(%rip)\n"
	".cfi_endproc\n"
	".size sys_call_made, . - sys_call_made\n"
	".type sys_own_gate, @function\n"
	"sys_own_gate:\n"
	".cfi_startproc\n"
	"	syscall\n"
	"	ret\n"
	".cfi_endproc\n"
	".size sys_own_gate, . - sys_own_gate\n"
	".popsection\n");

void sys_set_gate(const void *gate)
{
	__atomic_store_n(&sys_gate, gate, __ATOMIC_RELEASE);
}

#endif

/* ---- address space ---- */

int sys_map_aligned(uint64_t len, uint64_t align, uint64_t congruent, int prot, void **out)
{
	uint64_t total, start, head;
	void *got = NULL;
	int rc;

	if (check_add(len, align - PAGE_SIZE, &total))
		return -ENOMEM;
	rc = sys_mmap(NULL, total, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, &got);
	if (rc)
		return rc;
	start = (uint64_t)(uintptr_t)got;
	head = (congruent - start) & (align - 1);
	if (head)
		(void)sys_munmap(got, head);
	if (total > head + len)
		(void)sys_munmap((char *)got + head + len, total - head - len);
	*out = (char *)got + head;
	return 0;
}

int sys_reserve(uint64_t len, uint64_t align, uint64_t congruent, void **out)
{
	if (fail_inject())
		return -ENOMEM;
	return sys_map_aligned(len, align, congruent, PROT_NONE, out);
}

/* ---- descriptors that we keep ---- */

enum {
	WORD_BITS = 64,
	KEPT_NUMBERS = 1 << 17, /* larger ones are not kept */
	KEPT_SPACE = 256,	/* least distance of the limits for numbers between them */
	HIGHEST_START = 8192,	/* a process pays for its highest number in each fork */
	LOWEST_START = 512,
};

static _Atomic uint64_t kept[KEPT_NUMBERS / WORD_BITS];
static _Atomic unsigned int kept_count;

/* The limit is being changed, and changed back. */
static atomic_flag changing_limit = ATOMIC_FLAG_INIT;

GENERAL_REGISTERS static bool is_number(int fd)
{
	return fd >= 0 && fd < KEPT_NUMBERS;
}

GENERAL_REGISTERS static uint64_t kept_bit(int fd)
{
	return UINT64_C(1) << fd % WORD_BITS;
}

GENERAL_REGISTERS bool sys_is_kept(int fd)
{
	return is_number(fd) && atomic_load_explicit(&kept_count, memory_order_relaxed) &&
	       atomic_load_explicit(&kept[fd / WORD_BITS], memory_order_relaxed) & kept_bit(fd);
}

int sys_next_kept(unsigned int from, unsigned int last)
{
	if (!atomic_load_explicit(&kept_count, memory_order_relaxed))
		return -1;
	for (unsigned int fd = from; fd <= last && fd < KEPT_NUMBERS; fd++) {
		if (!atomic_load_explicit(&kept[fd / WORD_BITS], memory_order_relaxed))
			fd |= WORD_BITS - 1;
		else if (sys_is_kept((int)fd))
			return (int)fd;
	}
	return -1;
}

static int keep(int fd)
{
	if (!is_number(fd))
		return fd;
	atomic_fetch_or_explicit(&kept[fd / WORD_BITS], kept_bit(fd), memory_order_relaxed);
	atomic_fetch_add_explicit(&kept_count, 1, memory_order_relaxed);
	return fd;
}

int sys_close(int fd)
{
	if (sys_is_kept(fd)) {
		atomic_fetch_and_explicit(&kept[fd / WORD_BITS], ~kept_bit(fd),
					  memory_order_relaxed);
		atomic_fetch_sub_explicit(&kept_count, 1, memory_order_relaxed);
	}
	return (int)sys_call(SYS_close, fd, 0, 0, 0, 0, 0);
}

static int set_limit(const struct rlimit *to, struct rlimit *was)
{
	return (int)sys_call(SYS_prlimit64, 0, RLIMIT_NOFILE, (long)to, (long)was, 0, 0);
}

/* Nobody else here changes the soft limit, *@limit, until let_go_limit(). */
static void hold_limit(struct rlimit *limit)
{
	while (atomic_flag_test_and_set_explicit(&changing_limit, memory_order_acquire))
		sched_yield();
	(void)set_limit(NULL, limit);
}

static void let_go_limit(void)
{
	atomic_flag_clear_explicit(&changing_limit, memory_order_release);
}

/* From @limit, which is held, by KEPT_SPACE. */
static int raise_limit(const struct rlimit *limit)
{
	const struct rlimit raised = {limit->rlim_cur + KEPT_SPACE, limit->rlim_max};

	return set_limit(&raised, NULL);
}

/* A duplicate above the soft limit @limit, which is changed while it is made. */
static int dup_above(int fd, const struct rlimit *limit)
{
	int away;

	if (raise_limit(limit))
		return -EINVAL;
	away = sys_fcntl(fd, F_DUPFD_CLOEXEC, (long)limit->rlim_cur);
	(void)set_limit(limit, NULL);
	return away;
}

/* A duplicate with as high a number as is reasonable below the soft limit. */
static int dup_below(int fd, const struct rlimit *limit)
{
	long start = limit->rlim_cur > HIGHEST_START + KEPT_SPACE
			     ? HIGHEST_START
			     : (long)limit->rlim_cur - KEPT_SPACE;

	return sys_fcntl(fd, F_DUPFD_CLOEXEC, start > LOWEST_START ? start : LOWEST_START);
}

int sys_dup_away(int fd)
{
	struct rlimit limit = {0};
	int away = -EINVAL;

	hold_limit(&limit);
	if (limit.rlim_cur <= HIGHEST_START && limit.rlim_max >= limit.rlim_cur + KEPT_SPACE)
		away = dup_above(fd, &limit);
	if (away == -EINVAL || away == -EMFILE)
		away = dup_below(fd, &limit);
	let_go_limit();
	/* -EINVAL: the limit is lower. -EMFILE: a number below may be free. */
	if (away == -EINVAL || away == -EMFILE)
		away = sys_fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return away < 0 ? away : keep(away);
}

int sys_open_always(const char *path, int flags)
{
	struct rlimit limit = {0};
	int fd = sys_open(path, flags);

	if (fd != -EMFILE)
		return fd;
	hold_limit(&limit);
	if (limit.rlim_cur + KEPT_SPACE <= limit.rlim_max && !raise_limit(&limit)) {
		fd = sys_open(path, flags);
		(void)set_limit(&limit, NULL);
	}
	let_go_limit();
	return fd;
}

int sys_move_away(int fd)
{
	int away = sys_dup_away(fd);

	if (away < 0)
		return keep(fd);
	(void)sys_close(fd);
	return away;
}
