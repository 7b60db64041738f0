/* SPDX-License-Identifier: MIT */
/*
 * The table is open addressing by the hash of the addresses. An entry is written before its number
 * is published, so readers need no lock; LOCK_STACKS serialises writers.
 *
 * What is remembered of a stack is a hint: it is used only if each place is checked again. The
 * places are read by guarded copies, because the stack of a thread or coroutine may be gone. They
 * are not in thread-local storage, which small stacks have no space for. Stacks of calls that begin
 * at the same place share a set. A set is used by one thread at a time; another thread unwinds.
 */
#include "report/stack.h"

#include <link.h>
#include <stdatomic.h>
#include <string.h>
#include <unwind.h>

#include "base/check.h"
#include "base/lock.h"
#include "mem/guard.h"

enum {
	TABLE_SIZE = 16384, /* a power of two */
	TABLE_LIMIT = 12288,
	SEEN_SETS = 256, /* a power of two */
	SEEN_WAYS = 4,
	MAX_UNWOUND = 256, /* frames, of the engine and of the program */
};

struct stack {
	uint32_t hash;
	uint16_t depth; /* 0: the entry is free */
	bool exact;
	uintptr_t frames[STACK_DEPTH];
};

/* A stack that was unwound: at which place on it each address was. */
struct seen {
	uintptr_t frame, pc, sp; /* as in struct stack_mark */
	uint32_t id;
	uintptr_t places[STACK_DEPTH];
};

/* Stacks of calls from the same place, or nearly so. */
struct seen_set {
	atomic_flag busy; /* a thread uses the set */
	unsigned int oldest;
	struct seen ways[SEEN_WAYS];
};

__thread struct stack_mark stack_mark;

static struct lock table_lock = LOCK_INIT(LOCK_STACKS);
static struct stack table[TABLE_SIZE]; /* entry 0 is not used: its number means none */
static unsigned int table_count GUARDED_BY(table_lock);
static struct seen_set seen[SEEN_SETS];

/* ---- the table ---- */

static uint32_t hash_frames(const uintptr_t *frames, size_t depth)
{
	uint64_t hash = depth;

	for (size_t i = 0; i < depth; i++) {
		hash = (hash ^ frames[i]) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 29;
	}
	return (uint32_t)(hash ^ hash >> 32);
}

static bool is_same(const struct stack *entry, const struct stack *stack)
{
	return entry->hash == stack->hash && entry->depth == stack->depth &&
	       entry->exact == stack->exact &&
	       memcmp(entry->frames, stack->frames, stack->depth * sizeof(stack->frames[0])) == 0;
}

/* The number of @stack, added if it is new. 0: the table is full. */
static uint32_t intern(struct stack *stack)
{
	uint32_t at, id = 0;

	stack->hash = hash_frames(stack->frames, stack->depth);
	at = stack->hash % TABLE_SIZE;
	lock_acquire(&table_lock);
	while (!id) {
		at = at ? at : 1;
		if (table[at].depth && is_same(&table[at], stack)) {
			id = at;
		} else if (!table[at].depth) {
			if (table_count == TABLE_LIMIT)
				break;
			table_count++;
			table[at] = *stack;
			id = at;
		}
		at = (at + 1) % TABLE_SIZE;
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
	*frames = table[id].frames;
	return id ? table[id].depth : 0;
}

bool stack_is_exact(uint32_t id)
{
	return table[id].exact;
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

struct unwinding {
	struct stack stack;
	struct seen *seen;
	bool interrupted; /* the program was interrupted by a signal */
	bool outside;	  /* the program's frames have begun */
	bool lasting;	  /* every place is known */
	unsigned int unwound;
};

/*
 * Where the return address is on the stack that leads to the frame which _Unwind_GetCFA() belongs
 * to: right below it, on x86. 0: elsewhere.
 */
static uintptr_t place_of(struct _Unwind_Context *context, uintptr_t pc)
{
#if defined(__x86_64__)
	uintptr_t place = _Unwind_GetCFA(context) - sizeof(uintptr_t), value;

	if (!guard_copy(&value, (const void *)place, sizeof(value)) && value == pc)
		return place;
#else
	(void)context;
	(void)pc;
#endif
	return 0;
}

static _Unwind_Reason_Code visit(struct _Unwind_Context *context, void *arg)
{
	struct unwinding *unwinding = arg;
	struct stack *stack = &unwinding->stack;
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
	/* The interrupted instruction is known from the mark, not from the stack. */
	unwinding->seen->places[stack->depth] = 0;
	if (!exact || stack->depth) {
		unwinding->seen->places[stack->depth] = place_of(context, pc);
		if (!unwinding->seen->places[stack->depth])
			unwinding->lasting = false;
	}
	stack->frames[stack->depth++] = pc;
	return stack->depth == STACK_DEPTH ? _URC_NORMAL_STOP : _URC_NO_REASON;
}

/* Whether each place that @entry remembers still holds the address that it held. */
static bool is_still(const struct seen *entry)
{
	const struct stack *stack = &table[entry->id];

	for (size_t i = 0; i < stack->depth; i++) {
		uintptr_t value;

		if (!entry->places[i])
			continue;
		if (guard_copy(&value, (const void *)entry->places[i], sizeof(value)) ||
		    value != stack->frames[i])
			return false;
	}
	return true;
}

/* Unwinds, and remembers the result in @entry, which the caller has. */
static uint32_t unwind(const struct stack_mark *mark, struct seen *entry)
{
	struct unwinding unwinding = {
		.seen = entry,
		.interrupted = mark->pc,
		.lasting = true,
	};
	uint32_t id;

	entry->id = 0;
	(void)_Unwind_Backtrace(visit, &unwinding);
	if (!unwinding.stack.depth)
		return 0;
	id = intern(&unwinding.stack);
	if (!unwinding.lasting)
		return id; /* without its places it could not be checked */
	entry->frame = (uintptr_t)mark->frame;
	entry->pc = mark->pc;
	entry->sp = mark->sp;
	entry->id = id;
	return id;
}

static bool is_of(const struct seen *entry, const struct stack_mark *mark)
{
	return entry->id && entry->frame == (uintptr_t)mark->frame && entry->pc == mark->pc &&
	       entry->sp == mark->sp && is_still(entry);
}

/*
 * Which set the stack of @mark is in. A function often has several calls, which begin at the same
 * address of the stack and differ in where they return to: behind the frame pointer, on x86.
 */
static struct seen_set *set_of(const struct stack_mark *mark)
{
	uintptr_t where = (uintptr_t)mark->frame ^ mark->sp ^ mark->pc;

#if defined(__x86_64__)
	if (!mark->pc)
		where ^= ((const uintptr_t *)mark->frame)[1] << 4;
#endif
	return &seen[(where >> 4 ^ where >> 12) % SEEN_SETS];
}

static uint32_t look_up(const struct stack_mark *mark, struct seen_set *set)
{
	struct seen *entry;

	for (size_t i = 0; i < SEEN_WAYS; i++)
		if (is_of(&set->ways[i], mark))
			return set->ways[i].id;
	entry = &set->ways[set->oldest];
	set->oldest = (set->oldest + 1) % SEEN_WAYS;
	return unwind(mark, entry);
}

uint32_t stack_of_call(void)
{
	const struct stack_mark *mark = &stack_mark;
	struct seen_set *set;
	struct seen own;
	uint32_t id;

	if (!mark->frame)
		return 0;
	set = set_of(mark);
	if (atomic_flag_test_and_set_explicit(&set->busy, memory_order_acquire))
		return unwind(mark, &own);
	id = look_up(mark, set);
	atomic_flag_clear_explicit(&set->busy, memory_order_release);
	return id;
}
