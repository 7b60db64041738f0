/* SPDX-License-Identifier: MIT */
/*
 * A table of rules by the address of the instruction. An entry is two words, of which the first is
 * an exclusive or of all that belongs together: address, rule, and the word of code that has the
 * address. So an entry that another thread changes meanwhile is not taken for any, nor is that of
 * code which is no more there.
 */
#include "report/unwind.h"

#include <stdatomic.h>
#include <stddef.h>
#include <ucontext.h>

#include "base/check.h"
#include "mem/guard.h"
#include "report/call_frame.h"

enum {
	ENTRY_BITS = 12,
	ENTRIES = 1 << ENTRY_BITS,
	WORD = 8, /* bytes */
};

static struct entry {
	_Atomic uint64_t key;
	_Atomic uint64_t rule; /* pack(); 0: the entry is free */
} entries[ENTRIES];

static uint64_t pack(const struct call_frame_rule *rule)
{
	return (uint32_t)rule->cfa_offset | (uint64_t)(uint16_t)rule->bp_offset << 32 |
	       (uint64_t)rule->from_bp << 48 | (uint64_t)rule->kind << 49 | UINT64_C(1) << 63;
}

static struct call_frame_rule unpack(uint64_t word)
{
	return (struct call_frame_rule){
		.cfa_offset = (int32_t)word,
		.bp_offset = (int16_t)(word >> 32),
		.from_bp = word >> 48 & 1,
		.kind = word >> 49 & 3,
	};
}

/* Reads the aligned word that has the byte at @address. */
static int load(uint64_t *value, uintptr_t address)
{
	return guard_load(value, (const uint64_t *)align_down(address, WORD));
}

static struct call_frame_rule rule_of(uintptr_t address)
{
	struct entry *entry = &entries[address * UINT64_C(0x9e3779b97f4a7c15) >> (64 - ENTRY_BITS)];
	uint64_t word = atomic_load_explicit(&entry->rule, memory_order_relaxed);
	struct call_frame_rule rule;
	uint64_t code;

	if (load(&code, address))
		return (struct call_frame_rule){.kind = CALL_FRAME_OUTERMOST};
	if (word &&
	    (atomic_load_explicit(&entry->key, memory_order_relaxed) ^ word ^ code) == address)
		return unpack(word);
	rule = call_frame_find(address);
	word = pack(&rule);
	atomic_store_explicit(&entry->rule, word, memory_order_relaxed);
	atomic_store_explicit(&entry->key, address ^ word ^ code, memory_order_relaxed);
	return rule;
}

#if defined(__x86_64__)

static enum unwind_result step_usual(struct unwind_frame *frame, const struct call_frame_rule *rule)
{
	const uintptr_t cfa =
		(rule->from_bp ? frame->bp : frame->sp) + (uintptr_t)(intptr_t)rule->cfa_offset;
	uint64_t pc;

	/* The stack grows downwards, and a frame holds at least its return address. */
	if (cfa <= frame->sp || !is_aligned(cfa, WORD) || load(&pc, cfa - WORD) || !pc)
		return UNWIND_OUTERMOST;
	if (rule->bp_offset) {
		uint64_t bp;

		if (load(&bp, cfa + (uintptr_t)(intptr_t)rule->bp_offset))
			return UNWIND_OUTERMOST;
		frame->bp = bp;
	}
	*frame = (struct unwind_frame){.pc = pc, .sp = cfa, .bp = frame->bp};
	return UNWIND_CALLER;
}

static enum unwind_result step_signal(struct unwind_frame *frame)
{
	mcontext_t interrupted;

	if (guard_copy(&interrupted, (const char *)frame->sp + offsetof(ucontext_t, uc_mcontext),
		       sizeof(interrupted)))
		return UNWIND_OUTERMOST;
	*frame = (struct unwind_frame){
		.pc = (uintptr_t)interrupted.gregs[REG_RIP],
		.sp = (uintptr_t)interrupted.gregs[REG_RSP],
		.bp = (uintptr_t)interrupted.gregs[REG_RBP],
		.exact = true,
	};
	return UNWIND_CALLER;
}

#endif

enum unwind_result unwind_step(struct unwind_frame *frame)
{
	/* The call may be a function's last instruction. */
	const struct call_frame_rule rule = rule_of(frame->pc - !frame->exact);

	switch (rule.kind) {
	case CALL_FRAME_OUTERMOST:
		return UNWIND_OUTERMOST;
#if defined(__x86_64__)
	case CALL_FRAME_USUAL:
		return step_usual(frame, &rule);
	case CALL_FRAME_SIGNAL:
		return step_signal(frame);
#endif
	default:
		return UNWIND_UNKNOWN;
	}
}
