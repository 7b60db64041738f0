/* SPDX-License-Identifier: MIT */
/*
 * The guarded copy and the handlers behind it.
 *
 * On x86-64 the copy is assembly without a stack frame, so the handler can end a fault inside it by
 * continuing at its failing exit. Nothing is prepared before a copy, and a fault of other code,
 * also of a signal handler that interrupts a copy, is never mistaken for one of the copy. On other
 * machines a jump buffer serves, and the faulting address tells whether it was the copy.
 *
 * Everywhere a copy writes as a device does: an aligned word (a doorbell, a phase bit) at once, and
 * the last bytes of a completion last.
 *
 * The program's actions are in `wanted`, under a spinlock that is held with all signals blocked,
 * since the handlers take it too. Our handlers run with all signals blocked and call the program's
 * under the mask that it asked for. Those flags of the program's action that matter on entry
 * (SA_ONSTACK, SA_RESTART) are set in ours.
 */
#include "mem/guard.h"

#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#include "base/check.h"
#include "base/lock.h"
#include "base/sys.h"

#if defined(__x86_64__)

uint8_t guard_vectors;

/*
 * Vectors are faster than the microcode up to some pages. Processors that run slower when they use
 * AVX-512 have no VBMI2.
 */
__attribute__((constructor)) static void find_vectors(void)
{
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vbmi2"))
		guard_vectors = 2;
	else
		guard_vectors = __builtin_cpu_supports("avx") ? 1 : 0;
}

/*
 * guard_copy: rdi = dst, rsi = src, rdx = len. Short copies are by moves, the last of which may
 * overlap the one before, so that an aligned word (a doorbell, a phase bit) is never written in
 * parts, nor twice if it is all that is copied; those of some pages are by AVX-512 or AVX, 256 or
 * 128 bytes at a time and the rest as a short one; long ones are the microcode's. guard_load: rdi =
 * dst, rsi = src. guard_exchange: rdi = word, rsi = old, rdx = new. guard_copy_string: rdi = dst,
 * rsi = src, rdx = size. guard_touch: rdi = page, esi = pages, dl = write. They lie within, and so
 * fail as the copy does.
 */
__asm__(".pushsection .text\n"
	".p2align 4\n"
	".globl guard_copy\n"
	".hidden guard_copy\n"
	".type guard_copy, @function\n"
	"guard_copy:\n"
	".cfi_startproc\n"
	"	cmpq $16, %rdx\n"
	"	jb 3f\n"
	"	cmpq $512, %rdx\n"
	"	jae 2f\n"
	"	movdqu -16(%rsi,%rdx), %xmm1\n"
	"	leaq -16(%rdi,%rdx), %r8\n"
	"	jmp 6f\n"
	"1:	movdqu (%rsi), %xmm0\n"
	"	movdqu %xmm0, (%rdi)\n"
	"	addq $16, %rsi\n"
	"	addq $16, %rdi\n"
	"6:	cmpq %r8, %rdi\n"
	"	jb 1b\n"
	"	movdqu %xmm1, (%r8)\n"
	"	jmp 9f\n"
	"2:	movq %rdx, %rcx\n"
	"	cmpq $8192, %rdx\n"
	"	ja 11f\n"
	"	cmpb $1, guard_vectors(%rip)\n"
	"	jb 11f\n"
	"	ja 18f\n"
	"	shrq $7, %rcx\n"
	"	andl $127, %edx\n"
	"	.p2align 4\n"
	"10:	vmovdqu (%rsi), %ymm0\n"
	"	vmovdqu 32(%rsi), %ymm1\n"
	"	vmovdqu 64(%rsi), %ymm2\n"
	"	vmovdqu 96(%rsi), %ymm3\n"
	"	subq $-128, %rsi\n"
	"	vmovdqu %ymm0, (%rdi)\n"
	"	vmovdqu %ymm1, 32(%rdi)\n"
	"	vmovdqu %ymm2, 64(%rdi)\n"
	"	vmovdqu %ymm3, 96(%rdi)\n"
	"	subq $-128, %rdi\n"
	"	decq %rcx\n"
	"	jnz 10b\n"
	"	vzeroupper\n"
	"	jmp guard_copy\n"
	/* Of these registers the upper halves need not be cleared. */
	"18:	shrq $8, %rcx\n"
	"	andl $255, %edx\n"
	"	.p2align 4\n"
	"19:	vmovdqu64 (%rsi), %zmm16\n"
	"	vmovdqu64 64(%rsi), %zmm17\n"
	"	vmovdqu64 128(%rsi), %zmm18\n"
	"	vmovdqu64 192(%rsi), %zmm19\n"
	"	addq $256, %rsi\n"
	"	vmovdqu64 %zmm16, (%rdi)\n"
	"	vmovdqu64 %zmm17, 64(%rdi)\n"
	"	vmovdqu64 %zmm18, 128(%rdi)\n"
	"	vmovdqu64 %zmm19, 192(%rdi)\n"
	"	addq $256, %rdi\n"
	"	decq %rcx\n"
	"	jnz 19b\n"
	"	jmp guard_copy\n"
	"11:	rep movsb\n"
	"	jmp 9f\n"
	"3:	cmpq $8, %rdx\n"
	"	jb 4f\n"
	"	movq (%rsi), %rax\n"
	"	je 16f\n"
	"	movq -8(%rsi,%rdx), %rcx\n"
	"	movq %rax, (%rdi)\n"
	"	movq %rcx, -8(%rdi,%rdx)\n"
	"	jmp 9f\n"
	"4:	cmpq $4, %rdx\n"
	"	jb 5f\n"
	"	movl (%rsi), %eax\n"
	"	je 17f\n"
	"	movl -4(%rsi,%rdx), %ecx\n"
	"	movl %eax, (%rdi)\n"
	"	movl %ecx, -4(%rdi,%rdx)\n"
	"	jmp 9f\n"
	"5:	testq %rdx, %rdx\n"
	"	jz 9f\n"
	"	movb (%rsi), %al\n"
	"	movb %al, (%rdi)\n"
	"	incq %rsi\n"
	"	incq %rdi\n"
	"	decq %rdx\n"
	"	jmp 5b\n"
	"9:	xorl %eax, %eax\n"
	"	ret\n"
	"16:	movq %rax, (%rdi)\n"
	"	xorl %eax, %eax\n"
	"	ret\n"
	"17:	movl %eax, (%rdi)\n"
	"	xorl %eax, %eax\n"
	"	ret\n"
	".globl guard_load\n"
	".hidden guard_load\n"
	".type guard_load, @function\n"
	"guard_load:\n"
	"	movq (%rsi), %rax\n"
	"	movq %rax, (%rdi)\n"
	"	xorl %eax, %eax\n"
	"	ret\n"
	".size guard_load, . - guard_load\n"
	".globl guard_exchange\n"
	".hidden guard_exchange\n"
	".type guard_exchange, @function\n"
	"guard_exchange:\n"
	"	movq %rsi, %rax\n"
	"	xorl %ecx, %ecx\n"
	"	lock cmpxchgq %rdx, (%rdi)\n"
	"	setne %cl\n"
	"	movl %ecx, %eax\n"
	"	ret\n"
	".size guard_exchange, . - guard_exchange\n"
	/* Those of guard_atomic(): rdi = word, rsi = operand, rdx = old, rcx = compare. */
	"guard_add_4:\n"
	"	lock xaddl %esi, (%rdi)\n"
	"	jmp 12f\n"
	"guard_add_8:\n"
	"	lock xaddq %rsi, (%rdi)\n"
	"	jmp 12f\n"
	"guard_swap_4:\n"
	"	xchgl %esi, (%rdi)\n"
	"	jmp 12f\n"
	"guard_swap_8:\n"
	"	xchgq %rsi, (%rdi)\n"
	"12:	movq %rsi, (%rdx)\n"
	"	xorl %eax, %eax\n"
	"	ret\n"
	"guard_compare_swap_4:\n"
	"	movl %ecx, %eax\n"
	"	lock cmpxchgl %esi, (%rdi)\n"
	"	movl %eax, %eax\n"
	"	jmp 13f\n"
	"guard_compare_swap_8:\n"
	"	movq %rcx, %rax\n"
	"	lock cmpxchgq %rsi, (%rdi)\n"
	"13:	movq %rax, (%rdx)\n"
	"	xorl %eax, %eax\n"
	"	ret\n"
	".globl guard_copy_string\n"
	".hidden guard_copy_string\n"
	".type guard_copy_string, @function\n"
	"guard_copy_string:\n"
	"	xorl %eax, %eax\n"
	"7:	cmpq %rdx, %rax\n"
	"	jae 8f\n"
	"	movb (%rsi,%rax), %cl\n"
	"	movb %cl, (%rdi,%rax)\n"
	"	testb %cl, %cl\n"
	"	jz 8f\n"
	"	incq %rax\n"
	"	jmp 7b\n"
	"8:	ret\n"
	".size guard_copy_string, . - guard_copy_string\n"
	/* The next page is touched a line further: lines at one offset share a cache set. */
	".globl guard_touch\n"
	".hidden guard_touch\n"
	".type guard_touch, @function\n"
	"guard_touch:\n"
	"	testb %dl, %dl\n"
	"	jnz 15f\n"
	"14:	movl (%rdi), %eax\n"
	"	addq $4096+64, %rdi\n"
	"	decl %esi\n"
	"	jnz 14b\n"
	"	xorl %eax, %eax\n"
	"	ret\n"
	"15:	lock addl $0, (%rdi)\n"
	"	addq $4096+64, %rdi\n"
	"	decl %esi\n"
	"	jnz 15b\n"
	"	xorl %eax, %eax\n"
	"	ret\n"
	".size guard_touch, . - guard_touch\n"
	".globl guard_copy_fault\n"
	".hidden guard_copy_fault\n"
	"guard_copy_fault:\n"
	"	movl $-14, %eax\n" /* -EFAULT */
	"	ret\n"
	".cfi_endproc\n"
	".size guard_copy, . - guard_copy\n"
	".popsection\n");

extern const char guard_copy_fault[];

/* Inside of guard_copy(), above. The upper half of what those of 4 bytes find is 0. */
#define GUARD_ATOMIC(name) \
	int name(void *word, uint64_t operand, uint64_t *old, uint64_t compare) __asm__(#name)
extern GUARD_ATOMIC(guard_add_4);
extern GUARD_ATOMIC(guard_add_8);
extern GUARD_ATOMIC(guard_swap_4);
extern GUARD_ATOMIC(guard_swap_8);
extern GUARD_ATOMIC(guard_compare_swap_4);
extern GUARD_ATOMIC(guard_compare_swap_8);

int guard_atomic(void *word, unsigned int size, enum guard_op op, uint64_t operand,
		 uint64_t compare, uint64_t *old)
{
	switch (op) {
	case GUARD_ADD:
		return (size == 4 ? guard_add_4 : guard_add_8)(word, operand, old, compare);
	case GUARD_SWAP:
		return (size == 4 ? guard_swap_4 : guard_swap_8)(word, operand, old, compare);
	default:
		return (size == 4 ? guard_compare_swap_4 : guard_compare_swap_8)(word, operand, old,
										 compare);
	}
}

/* Ends the guarded copy that has faulted. False: the fault was not in a copy. */
static bool end_copy(const siginfo_t *info, ucontext_t *context)
{
	greg_t *pc = &context->uc_mcontext.gregs[REG_RIP];

	(void)info;
	if (*pc < (greg_t)(uintptr_t)guard_copy || *pc >= (greg_t)(uintptr_t)guard_copy_fault)
		return false;
	*pc = (greg_t)(uintptr_t)guard_copy_fault;
	return true;
}

#else

#include <setjmp.h>

/* The copy that the thread is in; NULL: none. */
struct copy {
	jmp_buf jump;
	uintptr_t dst, src;
	size_t len;
	struct copy *outer; /* the copy that a signal handler has interrupted, or NULL */
};

static __thread struct copy *volatile copying __attribute__((tls_model("initial-exec")));

int guard_exchange(uint64_t *word, uint64_t old, uint64_t new)
{
	struct copy copy = {.dst = (uintptr_t)word, .len = sizeof(*word), .outer = copying};
	bool exchanged;

	if (_setjmp(copy.jump)) {
		copying = copy.outer;
		return -EFAULT;
	}
	copying = &copy;
	atomic_signal_fence(memory_order_seq_cst);
	exchanged = __atomic_compare_exchange_n(word, &old, new, false, __ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST);
	atomic_signal_fence(memory_order_seq_cst);
	copying = copy.outer;
	return !exchanged;
}

static uint64_t atomic_4(uint32_t *word, enum guard_op op, uint32_t operand, uint32_t compare)
{
	if (op == GUARD_ADD)
		return __atomic_fetch_add(word, operand, __ATOMIC_SEQ_CST);
	if (op == GUARD_SWAP)
		return __atomic_exchange_n(word, operand, __ATOMIC_SEQ_CST);
	/* One that changes nothing needs the right to write all the same, as on x86. */
	if (!__atomic_compare_exchange_n(word, &compare, operand, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST))
		(void)__atomic_fetch_add(word, 0, __ATOMIC_SEQ_CST);
	return compare;
}

static uint64_t atomic_8(uint64_t *word, enum guard_op op, uint64_t operand, uint64_t compare)
{
	if (op == GUARD_ADD)
		return __atomic_fetch_add(word, operand, __ATOMIC_SEQ_CST);
	if (op == GUARD_SWAP)
		return __atomic_exchange_n(word, operand, __ATOMIC_SEQ_CST);
	/* One that changes nothing needs the right to write all the same, as on x86. */
	if (!__atomic_compare_exchange_n(word, &compare, operand, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST))
		(void)__atomic_fetch_add(word, 0, __ATOMIC_SEQ_CST);
	return compare;
}

int guard_atomic(void *word, unsigned int size, enum guard_op op, uint64_t operand,
		 uint64_t compare, uint64_t *old)
{
	struct copy copy = {.dst = (uintptr_t)word, .len = size, .outer = copying};

	if (_setjmp(copy.jump)) {
		copying = copy.outer;
		return -EFAULT;
	}
	copying = &copy;
	atomic_signal_fence(memory_order_seq_cst);
	*old = size == 4 ? atomic_4(word, op, (uint32_t)operand, (uint32_t)compare)
			 : atomic_8(word, op, operand, compare);
	atomic_signal_fence(memory_order_seq_cst);
	copying = copy.outer;
	return 0;
}

int guard_load(uint64_t *dst, const uint64_t *src)
{
	return guard_copy(dst, src, sizeof(*dst));
}

/* An aligned word is loaded, and stored, at once. */
#define COPY_WORD(name, type)                                                        \
	static inline void name(void *dst, const void *src)                          \
	{                                                                            \
		type word;                                                           \
                                                                                     \
		if (is_aligned((uintptr_t)src, sizeof(word)))                        \
			word = __atomic_load_n((const type *)src, __ATOMIC_RELAXED); \
		else                                                                 \
			memcpy(&word, src, sizeof(word));                            \
		if (is_aligned((uintptr_t)dst, sizeof(word)))                        \
			__atomic_store_n((type *)dst, word, __ATOMIC_RELAXED);       \
		else                                                                 \
			memcpy(dst, &word, sizeof(word));                            \
	}
COPY_WORD(copy_2, uint16_t)
COPY_WORD(copy_4, uint32_t)
COPY_WORD(copy_8, uint64_t)

/* The C library writes the parts of a copy in any order, and some of them twice. */
static inline void copy_as_device(char *dst, const char *src, size_t len)
{
	if (len > sizeof(uint64_t)) {
		const size_t rest = len - sizeof(uint64_t);

		memcpy(dst, src, align_down(rest + sizeof(uint64_t) - 1, sizeof(uint64_t)));
		atomic_thread_fence(memory_order_release);
		copy_8(dst + rest, src + rest);
	} else if (len == sizeof(uint64_t)) {
		copy_8(dst, src);
	} else if (len == sizeof(uint32_t)) {
		copy_4(dst, src);
	} else if (len == sizeof(uint16_t)) {
		copy_2(dst, src);
	} else {
		memcpy(dst, src, len);
	}
}

int guard_copy(void *dst, const void *src, size_t len)
{
	struct copy copy = {
		.dst = (uintptr_t)dst, .src = (uintptr_t)src, .len = len, .outer = copying};

	if (_setjmp(copy.jump)) {
		copying = copy.outer;
		return -EFAULT;
	}
	copying = &copy;
	atomic_signal_fence(memory_order_seq_cst);
	copy_as_device(dst, src, len);
	atomic_signal_fence(memory_order_seq_cst);
	copying = copy.outer;
	return 0;
}

int guard_touch(void *page, unsigned int pages, bool write)
{
	for (char *at = page; pages--; at += PAGE_SIZE) {
		uint64_t word;
		int rc = write ? guard_atomic(at, 4, GUARD_ADD, 0, 0, &word)
			       : guard_copy(&word, at, 4);

		if (rc)
			return rc;
	}
	return 0;
}

int guard_copy_string(char *dst, const char *src, size_t size)
{
	struct copy copy = {
		.dst = (uintptr_t)dst, .src = (uintptr_t)src, .len = size, .outer = copying};
	size_t len = 0;

	if (_setjmp(copy.jump)) {
		copying = copy.outer;
		return -EFAULT;
	}
	copying = &copy;
	atomic_signal_fence(memory_order_seq_cst);
	while (len < copy.len && (dst[len] = src[len]))
		len++;
	atomic_signal_fence(memory_order_seq_cst);
	copying = copy.outer;
	return (int)len;
}

/*
 * Whether @addr is of the @len bytes at @start, or of the aligned lines that they begin and end in:
 * some C libraries read whole words. A line is in one page, so the bytes themselves fault as well.
 * The upper bits may be a tag, which the system does not tell; and of an address that no memory can
 * have it may tell nothing.
 */
static bool is_in(uintptr_t addr, uintptr_t start, size_t len)
{
	const uintptr_t untagged = UINTPTR_MAX >> 8, no_memory = UINTPTR_MAX >> 7, line = 64;
	const uintptr_t first = (start & untagged) / line;
	const uintptr_t last = ((start & untagged) + len - 1) / line;

	if (!addr)
		return len && (!first || start > no_memory);
	return len && (addr & untagged) / line >= first && (addr & untagged) / line <= last;
}

static bool end_copy(const siginfo_t *info, ucontext_t *context)
{
	uintptr_t addr = (uintptr_t)info->si_addr;
	struct copy *copy = copying;

	if (!copy || (!is_in(addr, copy->dst, copy->len) && !is_in(addr, copy->src, copy->len)))
		return false;
	sys_sigmask(SIG_SETMASK, &context->uc_sigmask, NULL);
	_longjmp(copy->jump, 1);
}

#endif

enum {
	GUARDED_SIGNALS = 2,
	NESTED_STACK = 64 * 1024, /* bytes for a device's work and the handler of a fault in it */
};

static const int guarded[GUARDED_SIGNALS] = {SIGSEGV, SIGBUS};
static struct sigaction wanted[GUARDED_SIGNALS];
static atomic_flag wanted_lock = ATOMIC_FLAG_INIT;
static atomic_bool installed;
/* The C library's. The preload's own sigaction() calls guard_sigaction(). */
static int (*real_sigaction)(int, const struct sigaction *, struct sigaction *);
static _Atomic(guard_bus_handler) bus_handler;

void guard_set_bus_handler(guard_bus_handler handler)
{
	atomic_store(&bus_handler, handler);
}

static _Atomic(void (*)(void)) fatal_handler;

void guard_set_fatal_handler(void (*handler)(void))
{
	atomic_store(&fatal_handler, handler);
}

/* Of the thread: the context that the handler below was called with; NULL: it is not in one. */
static __thread const ucontext_t *handling __attribute__((tls_model("initial-exec")));

static bool handle_bus(int signo, const siginfo_t *info, void *context)
{
	guard_bus_handler handler = atomic_load(&bus_handler);
	const ucontext_t *outer = handling;
	bool done;

	if (!handler || signo != SIGBUS || info->si_code != BUS_ADRERR)
		return false;
	handling = context;
	done = handler((uintptr_t)info->si_addr, context);
	handling = outer;
	return done;
}

/* The alternate stack, if the program has set one, is as large as the program thought best. */
static bool has_room(const stack_t *alternate)
{
	const uintptr_t left = (uintptr_t)__builtin_frame_address(0) - (uintptr_t)alternate->ss_sp;

	return left >= alternate->ss_size || left >= NESTED_STACK;
}

bool guard_open(sigset_t *before)
{
	sigset_t faults;

	if (!handling)
		return true;
	if (!has_room(&handling->uc_stack))
		return false;
	sigemptyset(&faults);
	sigaddset(&faults, SIGSEGV);
	sigaddset(&faults, SIGBUS);
	sys_sigmask(SIG_UNBLOCK, &faults, before);
	return true;
}

void guard_close(const sigset_t *before)
{
	if (handling)
		sys_sigmask(SIG_SETMASK, before, NULL);
}

/* Takes the spinlock. The caller has blocked all signals. */
static void lock_wanted(void)
{
	while (atomic_flag_test_and_set_explicit(&wanted_lock, memory_order_acquire))
		sched_yield();
}

static void unlock_wanted(void)
{
	atomic_flag_clear_explicit(&wanted_lock, memory_order_release);
}

static struct sigaction *wanted_for(int signo)
{
	return &wanted[signo == guarded[1]];
}

static bool is_handler(const struct sigaction *act)
{
	return act->sa_handler != SIG_DFL && act->sa_handler != SIG_IGN;
}

/* Restores the kernel's default action, of which the process dies when the handler returns. */
static void die_of(int signo, const siginfo_t *info)
{
	struct sigaction act = {.sa_handler = SIG_DFL};
	void (*handler)(void) = atomic_load(&fatal_handler);

	(void)real_sigaction(signo, &act, NULL);
	if (handler)
		handler();
	/* A fault happens again on return; a signal that was sent must be sent again. */
	if (info->si_code <= 0)
		(void)sys_call(SYS_tgkill, getpid(), sys_call(SYS_gettid, 0, 0, 0, 0, 0, 0), signo,
			       0, 0, 0);
}

/* Calls the program's handler, under the mask that the kernel would have called it under. */
static void call_handler(const struct sigaction *act, int signo, siginfo_t *info,
			 ucontext_t *context)
{
	sigset_t mask = context->uc_sigmask;

	sigorset(&mask, &mask, &act->sa_mask);
	if (!(act->sa_flags & SA_NODEFER))
		sigaddset(&mask, signo);
	sys_sigmask(SIG_SETMASK, &mask, NULL);
	if (act->sa_flags & SA_SIGINFO)
		act->sa_sigaction(signo, info, context);
	else
		act->sa_handler(signo);
}

static void on_fault(int signo, siginfo_t *info, void *context)
{
	const bool fault = info->si_code > 0; /* otherwise the signal was sent */
	int saved = errno;
	struct sigaction act;

	if (fault && end_copy(info, context))
		return;
	if (fault && handle_bus(signo, info, context)) {
		errno = saved;
		return;
	}
	lock_wanted();
	act = *wanted_for(signo);
	if (is_handler(&act) && (act.sa_flags & SA_RESETHAND))
		wanted_for(signo)->sa_handler = SIG_DFL;
	unlock_wanted();

	if (is_handler(&act)) {
		errno = saved;
		call_handler(&act, signo, info, context);
		return;
	}
	if (fault || act.sa_handler == SIG_DFL)
		die_of(signo, info);
	errno = saved;
}

/* Puts our handler in front of @act. */
static int install(int signo, const struct sigaction *act, struct sigaction *old)
{
	struct sigaction ours = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	if (is_handler(act))
		ours.sa_flags = SA_SIGINFO | (act->sa_flags & (SA_ONSTACK | SA_RESTART));
	sigfillset(&ours.sa_mask);
	return real_sigaction(signo, &ours, old) ? -errno : 0;
}

/* Guards `installed` and what the kernel is told: one change of an action at a time. */
static struct lock change_lock = LOCK_INIT(LOCK_GUARD);

int guard_sigaction(int signo, const struct sigaction *act, struct sigaction *old)
{
	struct sigaction former, next = {.sa_handler = SIG_DFL};
	sigset_t all, mask;

	/* Read before anything is locked: it is the program's memory, and may fault. */
	if (act)
		next = *act;
	sigfillset(&all);
	sys_sigmask(SIG_SETMASK, &all, &mask);
	lock_acquire(&change_lock);
	lock_wanted();
	former = *wanted_for(signo);
	if (act)
		*wanted_for(signo) = next;
	unlock_wanted();
	if (act)
		(void)install(signo, &next, NULL);
	lock_release(&change_lock);
	sys_sigmask(SIG_SETMASK, &mask, NULL);
	if (old)
		*old = former;
	return 0;
}

static int install_all(void) REQUIRES(change_lock)
{
	struct sigaction none = {.sa_handler = SIG_DFL};

	lock_assert_held(&change_lock);

	/* Not by name: that would be the preload's, which calls guard_sigaction(). */
	real_sigaction = (int (*)(int, const struct sigaction *, struct sigaction *))(
		uintptr_t)dlsym(RTLD_NEXT, "sigaction");
	if (!real_sigaction)
		return -ENOSYS;
	for (int i = 0; i < GUARDED_SIGNALS; i++) {
		int rc;

		/* Known before the first fault can be forwarded. */
		if (real_sigaction(guarded[i], NULL, &wanted[i]))
			wanted[i] = none;
		rc = install(guarded[i], &wanted[i], NULL);
		if (rc) {
			while (i--)
				(void)real_sigaction(guarded[i], &wanted[i], NULL);
			return rc;
		}
	}
	return 0;
}

int guard_install(void)
{
	int rc = 0;

	lock_acquire(&change_lock);
	if (!atomic_load_explicit(&installed, memory_order_relaxed)) {
		rc = install_all();
		atomic_store_explicit(&installed, !rc, memory_order_release);
	}
	lock_release(&change_lock);
	return rc;
}

bool guard_installed(void)
{
	return atomic_load_explicit(&installed, memory_order_acquire);
}

bool guard_ready(void)
{
	return guard_installed() && !handling;
}
