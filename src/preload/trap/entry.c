/* SPDX-License-Identifier: MIT */
/*
 * The way from a caught call to the two functions and back, in instructions.
 *
 * Below the program's stack pointer there is a red zone of 128 bytes, which is left alone.
 * Unwinding goes through both entries: a thread that is cancelled in an answer finds the frame of
 * the caller.
 *
 * Cost of a call that does not concern us: about ten stores and loads, and the first function.
 */
#include "preload/trap/entry.h"

#if ENTRY_SUPPORTED

#include <cpuid.h>
#include <stddef.h>

#include "base/sys.h"

enum {
	POOL = 16,	    /* stacks that are kept for later answers */
	XSAVE_SPACE = 2752, /* a multiple of 64; the instructions below know it */
	XSAVE_MASK = 0xe6,  /* SSE, AVX, and the three parts of AVX-512 */
	XSAVE_LEAF = 0xd,
	FIRST_EXTENDED = 2, /* of the state components */
	COMPONENTS = 8,
};

#define XSAVE_COMPACT 1u << 1
#define CPUID_OSXSAVE (1u << 27)

static entry_concerns concerns_it __attribute__((used));
static entry_answer answer_it __attribute__((used));
static unsigned char compact __attribute__((used)); /* the processor has xsavec */

/* The end of the stack of this thread's answers, or NULL. */
extern __thread char *entry_stack __attribute__((tls_model("initial-exec"), visibility("hidden")));
__thread char *entry_stack;

_Static_assert(offsetof(struct caught_call, number) == 48, "the instructions know it");
_Static_assert(offsetof(struct caught_call, next) == 56, "the instructions know it");

/* ---- stacks ---- */

/* The ends of stacks that no answer uses. */
static char *pool[POOL];
static bool stays_on_stack;

void entry_stay_on_stack(void)
{
	stays_on_stack = true;
}

GENERAL_REGISTERS static char *map_stack(void)
{
	long stack = sys_call_made(SYS_mmap, 0, ENTRY_STACK_SIZE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

	return stack < 0 ? NULL : (char *)stack + ENTRY_STACK_SIZE;
}

GENERAL_REGISTERS static void unmap_stack(char *end)
{
	(void)sys_call_made(SYS_munmap, (long)(end - ENTRY_STACK_SIZE), ENTRY_STACK_SIZE, 0, 0, 0,
			    0);
}

/*
 * A stack for one answer; NULL: no memory, and the answer uses the program's. A handler that jumps
 * out of an answer, or a cancellation, loses its stack.
 */
GENERAL_REGISTERS static char *take_stack(void) __attribute__((used));
static char *take_stack(void)
{
	for (int i = 0; i < POOL; i++) {
		char *end = __atomic_load_n(&pool[i], __ATOMIC_RELAXED);

		if (end)
			end = __atomic_exchange_n(&pool[i], NULL, __ATOMIC_ACQUIRE);
		if (end)
			return end;
	}
	return stays_on_stack ? NULL : map_stack();
}

GENERAL_REGISTERS static void give_stack(char *end) __attribute__((used));
static void give_stack(char *end)
{
	for (int i = 0; i < POOL; i++) {
		char *none = NULL;

		if (__atomic_compare_exchange_n(&pool[i], &none, end, false, __ATOMIC_RELEASE,
						__ATOMIC_RELAXED))
			return;
	}
	unmap_stack(end);
}

bool entry_make_stack(void)
{
	if (!entry_stack)
		entry_stack = map_stack();
	return entry_stack != NULL;
}

void entry_drop_stack(void)
{
	char *end = entry_stack;

	entry_stack = NULL;
	if (end)
		unmap_stack(end);
}

/* ---- the entries ---- */

/*
 * Behind rbp: the program's rbp, then the call. Saves the vector registers, has the call answered,
 * and puts the result where the number was.
 */
#define ANSWER(dispatched)                    \
	"	subq $2752, %rsp\n"                 \
	"	xorl %eax, %eax\n"                  \
	"	movq %rax, 512(%rsp)\n"             \
	"	movq %rax, 520(%rsp)\n"             \
	"	movq %rax, 528(%rsp)\n"             \
	"	movq %rax, 536(%rsp)\n"             \
	"	movq %rax, 544(%rsp)\n"             \
	"	movq %rax, 552(%rsp)\n"             \
	"	movq %rax, 560(%rsp)\n"             \
	"	movq %rax, 568(%rsp)\n"             \
	"	movl $0xe6, %eax\n"                 \
	"	xorl %edx, %edx\n"                  \
	"	cmpb $0, compact(%rip)\n"           \
	"	je 2f\n"                            \
	"	xsavec (%rsp)\n"                    \
	"	jmp 3f\n"                           \
	"2:	xsave (%rsp)\n"                   \
	"3:	leaq 8(%rbp), %rdi\n"             \
	"	movl $" dispatched ", %esi\n" \
	"	call *answer_it(%rip)\n"            \
	"	movq %rax, 56(%rbp)\n"              \
	"	movl $0xe6, %eax\n"                 \
	"	xorl %edx, %edx\n"                  \
	"	xrstor (%rsp)\n"

#define PUSH_ARGUMENTS \
	"	push %r9\n"  \
	"	push %r8\n"  \
	"	push %r10\n" \
	"	push %rdx\n" \
	"	push %rsi\n" \
	"	push %rdi\n"

#define POP_ARGUMENTS \
	"	pop %rdi\n" \
	"	pop %rsi\n" \
	"	pop %rdx\n" \
	"	pop %r10\n" \
	"	pop %r8\n"  \
	"	pop %r9\n"

__asm__(".pushsection .text\n"
	".p2align 4\n"
	".globl entry_detour\n"
	".hidden entry_detour\n"
	".type entry_detour, @function\n"
	"entry_detour:\n"
	".cfi_startproc\n"
	".cfi_signal_frame\n"
	".cfi_def_cfa %rsp, 0\n"
	".cfi_register %rip, %r11\n"
	"	leaq -128(%rsp), %rsp\n"
	".cfi_adjust_cfa_offset 128\n"
	"	push %r11\n"
	".cfi_adjust_cfa_offset 8\n"
	".cfi_rel_offset %rip, 0\n"
	"	push %rax\n" PUSH_ARGUMENTS "	push %rbp\n"
	".cfi_adjust_cfa_offset 64\n"
	".cfi_rel_offset %rbp, 0\n"
	"	movq %rsp, %rbp\n"
	".cfi_def_cfa_register %rbp\n"
	"	andq $-64, %rsp\n"
	"	leaq 8(%rbp), %rdi\n"
	"	xorl %esi, %esi\n"
	"	call *concerns_it(%rip)\n"
	"	testb %al, %al\n"
	"	jz 1f\n"
	"	subq $64, %rsp\n"
	"	call take_stack\n"
	"	movq %rax, -8(%rbp)\n"
	"	testq %rax, %rax\n"
	"	cmovnzq %rax, %rsp\n" ANSWER(
		"0") "	addq $2, 64(%rbp)\n" /* behind the syscall */
		     "	leaq -64(%rbp), %rsp\n"
		     "	andq $-64, %rsp\n"
		     "	movq -8(%rbp), %rdi\n"
		     "	testq %rdi, %rdi\n"
		     "	jz 1f\n"
		     "	call give_stack\n"
		     "1:	movq %rbp, %rsp\n"
		     ".cfi_def_cfa_register %rsp\n"
		     "	pop %rbp\n"
		     ".cfi_adjust_cfa_offset -8\n"
		     ".cfi_restore %rbp\n" POP_ARGUMENTS "	pop %rax\n"
		     "	pop %r11\n"
		     ".cfi_adjust_cfa_offset -64\n"
		     ".cfi_register %rip, %r11\n"
		     "	leaq 128(%rsp), %rsp\n"
		     ".cfi_adjust_cfa_offset -128\n"
		     "	jmp *%r11\n"
		     ".cfi_endproc\n"
		     ".size entry_detour, . - entry_detour\n"
		     ".popsection\n");

/*
 * On the stack of the answers, unless the thread is on it already: a handler of a signal that has
 * interrupted an answer goes on below. A call for the kernel is made on the program's own stack, by
 * sys_call()'s gate, because it may return twice (fork).
 *
 * rbp: the program's rbp, the call, and the program's rsp, which is the CFA.
 */
__asm__(".pushsection .text\n"
	".p2align 4\n"
	".globl entry_dispatched\n"
	".hidden entry_dispatched\n"
	".type entry_dispatched, @function\n"
	"entry_dispatched:\n"
	".cfi_startproc\n"
	".cfi_signal_frame\n"
	".cfi_def_cfa %rsp, 0\n"
	".cfi_register %rip, %r11\n"
	"	movq entry_stack@gottpoff(%rip), %rcx\n"
	"	movq %fs:(%rcx), %rcx\n"
	"	subq %rsp, %rcx\n"
	"	cmpq $(128 << 10), %rcx\n"
	"	leaq -128(%rsp), %rcx\n"
	"	jb 1f\n"
	"	movq entry_stack@gottpoff(%rip), %rcx\n"
	"	movq %fs:(%rcx), %rcx\n"
	"1:	xchgq %rsp, %rcx\n"
	".cfi_def_cfa_register %rcx\n"
	"	push %rcx\n"
	"	push %r11\n"
	"	push %rax\n" PUSH_ARGUMENTS "	push %rbp\n"
	"	movq %rsp, %rbp\n"
	".cfi_escape 0x0f, 4, 0x76, 0xc8, 0x00, 0x06\n" /* the CFA is the word at rbp + 72 */
	".cfi_escape 0x10, 16, 3, 0x76, 0xc0, 0x00\n"	/* rip is at rbp + 64 */
	".cfi_escape 0x10, 6, 2, 0x76, 0x00\n"		/* rbp is at rbp */
	"	andq $-64, %rsp\n"
	"	leaq 8(%rbp), %rdi\n"
	"	movl $1, %esi\n"
	"	call *concerns_it(%rip)\n"
	"	testb %al, %al\n"
	"	jz 1f\n" ANSWER(
		"1") "	movq %rbp, %rsp\n"
		     "	pop %rbp\n" POP_ARGUMENTS "	pop %rax\n"
		     "	pop %r11\n"
		     "	pop %rsp\n"
		     "	jmp *%r11\n"
		     "1:	movq %rbp, %rsp\n"
		     "	pop %rbp\n" POP_ARGUMENTS "	pop %rax\n"
		     "	pop %r11\n"
		     "	pop %rsp\n"
		     "	leaq -128(%rsp), %rsp\n"
		     ".cfi_restore %rbp\n"
		     ".cfi_def_cfa %rsp, 128\n"
		     ".cfi_register %rip, %r11\n"
		     "	push %r11\n"
		     ".cfi_adjust_cfa_offset 8\n"
		     ".cfi_rel_offset %rip, 0\n"
		     "	call *sys_gate(%rip)\n"
		     "	pop %r11\n"
		     ".cfi_adjust_cfa_offset -8\n"
		     ".cfi_register %rip, %r11\n"
		     "	leaq 128(%rsp), %rsp\n"
		     ".cfi_adjust_cfa_offset -128\n"
		     "	jmp *%r11\n"
		     ".cfi_endproc\n"
		     ".size entry_dispatched, . - entry_dispatched\n"
		     /* The new thread's stack: where it goes on, and what rsi was. */
		     ".globl entry_child\n"
		     ".hidden entry_child\n"
		     "entry_child:\n"
		     "	pop %r11\n"
		     "	pop %rsi\n"
		     "	jmp *%r11\n"
		     ".popsection\n");

/* Whether all that ANSWER saves fits into XSAVE_SPACE. */
static bool fits(void)
{
	unsigned int a, b, c, d;

	for (unsigned int i = FIRST_EXTENDED; i < COMPONENTS; i++) {
		__cpuid_count(XSAVE_LEAF, i, a, b, c, d);
		if (XSAVE_MASK & 1u << i && a + b > XSAVE_SPACE)
			return false;
	}
	return true;
}

bool entry_set(entry_concerns concerns, entry_answer answer)
{
	unsigned int a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & CPUID_OSXSAVE) || !fits())
		return false;
	__cpuid_count(XSAVE_LEAF, 1, a, b, c, d);
	compact = (a & XSAVE_COMPACT) != 0;
	concerns_it = concerns;
	answer_it = answer;
	return true;
}

#else

void entry_stay_on_stack(void)
{
}

bool entry_set(entry_concerns concerns, entry_answer answer)
{
	(void)concerns, (void)answer;
	return false;
}

#endif
