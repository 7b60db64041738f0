/* SPDX-License-Identifier: MIT */
/*
 * Stacks are in the order in which they were added; their numbers are found by open addressing with
 * the hash of the addresses. A stack is written before its number is in a slot, and never changes,
 * so looking one up needs no lock; LOCK_STACKS serialises those who add.
 */
#include "report/stack.h"

#include <link.h>
#include <stdatomic.h>
#include <string.h>
#include <unwind.h>

#include "base/check.h"
#include "base/lock.h"
#include "base/sys.h"

enum {
	STACKS = 12288,
	SLOTS = 16384,	   /* a power of two: some are always free */
	POPULATED = 512,   /* stacks for which memory is asked for at once */
	MAX_UNWOUND = 256, /* frames, of the engine and of the program */
};

struct stack {
	uint16_t depth;
	bool exact;
	uintptr_t frames[STACK_DEPTH];
};

__thread struct stack_mark stack_mark;

static struct lock table_lock = LOCK_INIT(LOCK_STACKS);
static struct stack stacks[STACKS + 1];	 /* by their numbers; 0 means none */
static _Atomic unsigned int stack_count; /* changed with table_lock */
static _Atomic uint64_t slots[SLOTS];	 /* the number, and the hash above it; 0: free */

/* ---- the table ---- */

static uint32_t hash_of(const struct stack *stack)
{
	uint64_t hash = stack->depth | (uint64_t)stack->exact << 32;

	for (size_t i = 0; i < stack->depth; i++)
		hash = (hash << 27 ^ hash >> 37 ^ stack->frames[i]) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(hash >> 32);
}

static bool is_same(const struct stack *entry, const struct stack *stack)
{
	return entry->depth == stack->depth && entry->exact == stack->exact &&
	       memcmp(entry->frames, stack->frames, stack->depth * sizeof(stack->frames[0])) == 0;
}

/* The number of @stack; 0: there is none, and slot *@at is where it would be. */
static uint32_t look_up(const struct stack *stack, uint32_t hash, uint32_t *at)
{
	for (*at = hash % SLOTS;; *at = (*at + 1) % SLOTS) {
		const uint64_t slot = atomic_load_explicit(&slots[*at], memory_order_acquire);
		const uint32_t id = (uint32_t)slot;

		if (!id || (slot >> 32 == hash && is_same(&stacks[id], stack)))
			return id;
	}
}

/* A page at a time would cost a fault each, which takes longer than all else here. */
static void populate_from(uint32_t id)
{
	const uintptr_t begin = align_down((uintptr_t)&stacks[id], PAGE_SIZE);
	const uintptr_t end = (uintptr_t)&stacks[min_u64(id + POPULATED, STACKS + 1)];

	(void)sys_madvise((void *)begin, end - begin, MADV_POPULATE_WRITE);
}

/* The number of @stack, added if it is new. 0: there is no space. */
static uint32_t intern(const struct stack *stack)
{
	const uint32_t hash = hash_of(stack);
	uint32_t at, id = look_up(stack, hash, &at);

	if (id || atomic_load_explicit(&stack_count, memory_order_relaxed) == STACKS)
		return id;
	lock_acquire(&table_lock);
	id = look_up(stack, hash, &at); /* another thread may have added it */
	if (!id && stack_count < STACKS) {
		id = ++stack_count;
		if (id % POPULATED == 0)
			populate_from(id);
		stacks[id] = *stack;
		atomic_store_explicit(&slots[at], (uint64_t)hash << 32 | id, memory_order_release);
	}
	lock_release(&table_lock);
	return id;
}

uint32_t stack_add(const uintptr_t *frames, size_t count)
{
	struct stack stack = {.depth = (uint16_t)count};

	memcpy(stack.frames, frames, count * sizeof(frames[0]));
	return intern(&stack);
}

size_t stack_frames(uint32_t id, const uintptr_t **frames)
{
	*frames = stacks[id].frames;
	return id ? stacks[id].depth : 0;
}

bool stack_is_exact(uint32_t id)
{
	return stacks[id].exact;
}

/* ---- unwinding ---- */

extern const char __ehdr_start[] __attribute__((visibility("hidden")));

/*
 * How far the code of this library, or of the program that it is linked into (unit tests), reaches
 * from its ELF header.
 */
static uintptr_t code_size(void)
{
	const ElfW(Ehdr) *header = (const void *)__ehdr_start;
	const ElfW(Phdr) *part = (const void *)(__ehdr_start + header->e_phoff);
	uintptr_t base = UINTPTR_MAX, end = 0;

	for (unsigned int i = 0; i < header->e_phnum; i++) {
		if (part[i].p_type != PT_LOAD)
			continue;
		base = min_u64(base, part[i].p_vaddr);
		if (part[i].p_flags & PF_X)
			end = max_u64(end, part[i].p_vaddr + part[i].p_memsz);
	}
	return end - base;
}

static bool is_ours(uintptr_t pc)
{
	static _Atomic uintptr_t size;
	uintptr_t reach = atomic_load_explicit(&size, memory_order_relaxed);

	if (!reach) {
		reach = code_size();
		atomic_store_explicit(&size, reach, memory_order_relaxed);
	}
	return pc - (uintptr_t)__ehdr_start < reach;
}

/* ---- the whole stack ---- */

/* By the runtime's unwinder, which knows every frame. */
struct unwinding {
	struct stack *stack;
	bool interrupted; /* the program was interrupted by a signal */
	bool outside;	  /* the program's frames have begun */
	unsigned int unwound;
};

static _Unwind_Reason_Code visit(struct _Unwind_Context *context, void *arg)
{
	struct unwinding *unwinding = arg;
	struct stack *stack = unwinding->stack;
	int exact = 0;
	uintptr_t pc = _Unwind_GetIPInfo(context, &exact);

	if (!pc || ++unwinding->unwound > MAX_UNWOUND)
		return _URC_NORMAL_STOP;
	if (!unwinding->outside) {
		unwinding->outside = unwinding->interrupted ? exact : !is_ours(pc);
		if (!unwinding->outside)
			return _URC_NO_REASON;
		stack->exact = exact;
	}
	stack->frames[stack->depth++] = pc;
	return stack->depth == STACK_DEPTH ? _URC_NORMAL_STOP : _URC_NO_REASON;
}

static void unwind_slowly(struct stack *stack)
{
	struct unwinding unwinding = {
		.stack = stack,
		.interrupted = stack_mark.interrupted,
	};

	stack->depth = 0;
	(void)_Unwind_Backtrace(visit, &unwinding);
}

/* From @frame to the first that is the program's. */
static enum unwind_result leave_engine(struct unwind_frame *frame)
{
	enum unwind_result result = UNWIND_CALLER;

	for (unsigned int i = 0; result == UNWIND_CALLER && is_ours(frame->pc); i++)
		result = i < MAX_UNWOUND ? unwind_step(frame) : UNWIND_OUTERMOST;
	return result;
}

/* Fills *@stack from @frame on. False: it is for unwind_slowly(). */
static bool unwind_from(struct unwind_frame *frame, struct stack *stack)
{
	enum unwind_result result = stack_mark.interrupted ? UNWIND_CALLER : leave_engine(frame);

	stack->exact = frame->exact;
	for (; result == UNWIND_CALLER; result = unwind_step(frame)) {
		stack->frames[stack->depth++] = frame->pc;
		if (stack->depth == STACK_DEPTH)
			break;
	}
	return result != UNWIND_UNKNOWN;
}

uint32_t stack_of_call(void)
{
	/* Where this function returns to: above the frame pointer that it saved, on x86-64. */
	const uintptr_t *own = __builtin_frame_address(0);
	struct unwind_frame frame = {.pc = own[1], .sp = (uintptr_t)(own + 2), .bp = own[0]};
	struct stack stack;

	if (!stack_mark.in_call)
		return 0;
	if (stack_mark.interrupted)
		frame = *stack_mark.interrupted;
	stack.depth = 0;
	if (!unwind_from(&frame, &stack))
		unwind_slowly(&stack);
	return stack.depth ? intern(&stack) : 0;
}
