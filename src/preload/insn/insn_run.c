/* SPDX-License-Identifier: MIT */
/* See insn_run.h. */
#include "preload/insn/insn_run.h"

#include <assert.h>
#include <cpuid.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "preload/insn/insn_run_layout.h"

enum {
	SLOTS = 64,
	BASES = 8,
	RSP = 4,
	COMPONENT_MASKS = 5,
	COMPONENT_COUNT = 8,
	COMPONENTS = 0xe7,	 /* x87, SSE, AVX, AVX-512; not AMX, nor protection keys */
	LEGACY_COMPONENTS = 0x3, /* whose place is fixed */
	STATUS_FLAGS = 0x8d5,
	DIRECTION = 0x400,
	ALWAYS_SET = 0x2,
	X87_EXCEPTIONS = 0x3f,
	MXCSR_EXCEPTIONS = 0x3f,
	MXCSR_MASKS = 0x1f80,
	MXCSR_MASK_SHIFT = 7,
	MXCSR_DEFAULT = 0xffbf, /* the bits that there are, where the frame does not say */
	/* Offsets in the area of XSAVE: Intel SDM 1, 13.4. */
	AT_X87_INSTRUCTION = 8,
	AT_X87_OPERAND = 16,
	AT_MXCSR = 24,
	AT_MXCSR_MASK = 28,
	AT_SOFTWARE = 464, /* of the kernel, and not of XSAVE */
	AT_HEADER = 512,
	AT_EXTENDED = 576,
	CPUID_XSTATE = 0xd,
	MASK_BYTES = 8,
	JUMP_BYTES = 6,
};

#define SOFTWARE_MAGIC UINT32_C(0x46505853)

static_assert(offsetof(struct insn_run, state) == RUN_AT_STATE, "layout");
static_assert(offsetof(struct insn_run, registers) == RUN_AT_REGISTERS, "layout");
static_assert(offsetof(struct insn_run, flags) == RUN_AT_FLAGS, "layout");
static_assert(offsetof(struct insn_run, host_stack) == RUN_AT_STACK, "layout");
static_assert(offsetof(struct insn_run, code) == RUN_AT_CODE, "layout");
static_assert(offsetof(struct insn_run, back) == RUN_AT_BACK, "layout");
static_assert(offsetof(struct insn_run, state_mask) == RUN_AT_MASK, "layout");
static_assert(offsetof(struct insn_run, host_mxcsr) == RUN_AT_MXCSR, "layout");
static_assert(offsetof(struct insn_run, host_control) == RUN_AT_CONTROL, "layout");
static_assert(offsetof(struct insn_run, uses_stack) == RUN_AT_USES_STACK, "layout");

typedef void run_function(struct insn_run *run);

/* insn_run_entry.S */
extern run_function insn_run_by_rax, insn_run_by_rcx, insn_run_by_rdx, insn_run_by_rbx;
extern run_function insn_run_by_rsi, insn_run_by_rdi;
extern const char insn_back_by_rax[], insn_back_by_rcx[], insn_back_by_rdx[], insn_back_by_rbx[];
extern const char insn_back_by_rsi[], insn_back_by_rdi[];

static const struct {
	run_function *run;
	const char *back;
} entries[BASES] = {
	{insn_run_by_rax, insn_back_by_rax},
	{insn_run_by_rcx, insn_back_by_rcx},
	{insn_run_by_rdx, insn_back_by_rdx},
	{insn_run_by_rbx, insn_back_by_rbx},
	{NULL, NULL},
	{NULL, NULL},
	{insn_run_by_rsi, insn_back_by_rsi},
	{insn_run_by_rdi, insn_back_by_rdi},
};

/* Where a component is in the area. */
static struct {
	uint32_t at, size;
} components[COMPONENT_COUNT] = {{0, 160}, {160, 256}};

static uint32_t supported; /* components; 0: there is no XSAVE */

struct slot {
	struct insn_run run;
	uint8_t text[RUN_CODE];
	atomic_bool taken;
};

static struct slot *slots;

size_t insn_run_space(void)
{
	return SLOTS * sizeof(struct slot);
}

/* Which components the system has enabled. */
static uint32_t enabled_components(void)
{
	unsigned int a, b, c, d, low, high;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
		return 0;
	__asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return low & COMPONENTS;
}

void insn_run_init(void *memory)
{
	unsigned int size, at, c, d;

	supported = enabled_components();
	for (unsigned int i = 2; i < COMPONENT_COUNT; i++) {
		if (!(supported >> i & 1))
			continue;
		if (!__get_cpuid_count(CPUID_XSTATE, i, &size, &at, &c, &d) ||
		    at + size > RUN_STATE) {
			supported &= ~(UINT32_C(1) << i);
			continue;
		}
		components[i].at = at;
		components[i].size = size;
	}
	slots = memory;
	for (unsigned int i = 0; i < SLOTS; i++)
		slots[i].run.text = slots[i].text;
}

uint32_t insn_run_components(void)
{
	return supported;
}

struct insn_run *insn_run_get(void)
{
	for (;;) {
		for (unsigned int i = 0; i < SLOTS; i++)
			if (!atomic_exchange_explicit(&slots[i].taken, true, memory_order_acquire))
				return &slots[i].run;
		sched_yield();
	}
}

void insn_run_put(struct insn_run *run)
{
	atomic_store_explicit(&((struct slot *)run)->taken, false, memory_order_release);
}

greg_t *insn_register(ucontext_t *context, unsigned int number)
{
	static const uint8_t order[RUN_REGISTERS] = {
		REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
		REG_R8,	 REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

	return &context->uc_mcontext.gregs[order[number]];
}

/* ---- vector registers ---- */

static uint8_t *frame_of(const ucontext_t *context)
{
	return (uint8_t *)context->uc_mcontext.fpregs;
}

static uint32_t word_at(const uint8_t *area, size_t at)
{
	uint32_t word;

	memcpy(&word, area + at, sizeof(word));
	return word;
}

static uint64_t used_components(const uint8_t *area)
{
	uint64_t used;

	memcpy(&used, area + AT_HEADER, sizeof(used));
	return used;
}

/* The components that the frame has, of those that we know. */
static uint32_t frame_components(const uint8_t *frame)
{
	struct {
		uint32_t magic, size;
		uint64_t features;
	} software;
	uint32_t found = 0;

	memcpy(&software, frame + AT_SOFTWARE, sizeof(software));
	if (software.magic != SOFTWARE_MAGIC)
		return supported & LEGACY_COMPONENTS;
	for (unsigned int i = 0; i < COMPONENT_COUNT; i++)
		if (supported >> i & software.features >> i & 1 &&
		    components[i].at + components[i].size <= software.size)
			found |= UINT32_C(1) << i;
	return found;
}

static bool is_extended(const uint8_t *frame)
{
	return word_at(frame, AT_SOFTWARE) == SOFTWARE_MAGIC;
}

/* The bits of MXCSR that this processor has. */
static uint32_t mxcsr_bits(const uint8_t *frame)
{
	const uint32_t known = word_at(frame, AT_MXCSR_MASK);

	return (known ? known : MXCSR_DEFAULT) & 0xffff;
}

/* A copy of the frame that XRSTOR accepts, with exceptions of SSE masked and none noted. */
static bool load_state(struct insn_run *run, const uint8_t *frame)
{
	const uint32_t mask = frame ? frame_components(frame) : 0;
	uint32_t mxcsr;
	uint64_t used;

	if (!mask)
		return false;
	memset(run->state, 0, AT_EXTENDED);
	memcpy(run->state, frame, AT_SOFTWARE);
	used = is_extended(frame) ? used_components(frame) & mask : mask;
	/* MXCSR is loaded in any case; the registers of SSE only if they are in use. */
	memcpy(run->state + AT_HEADER, &used, sizeof(used));
	for (unsigned int i = 2; i < COMPONENT_COUNT; i++)
		if (mask >> i & 1)
			memcpy(run->state + components[i].at, frame + components[i].at,
			       components[i].size);
	mxcsr = word_at(frame, AT_MXCSR) & mxcsr_bits(frame);
	mxcsr = (mxcsr & ~(uint32_t)MXCSR_EXCEPTIONS) | MXCSR_MASKS;
	memcpy(run->state + AT_MXCSR, &mxcsr, sizeof(mxcsr));
	run->state_mask = mask;
	return true;
}

/* The exceptions of SSE that the run has noted, and whether the program has all of them masked. */
static bool exceptions_are_masked(const struct insn_run *run, const uint8_t *frame)
{
	const uint32_t noted = word_at(run->state, AT_MXCSR) & MXCSR_EXCEPTIONS;

	return !(noted & ~(word_at(frame, AT_MXCSR) >> MXCSR_MASK_SHIFT));
}

static void store_state(const struct insn_run *run, uint8_t *frame, uint64_t pc, uint64_t addr)
{
	const uint32_t noted = word_at(run->state, AT_MXCSR) & MXCSR_EXCEPTIONS;
	const uint32_t mxcsr = word_at(frame, AT_MXCSR) | noted;
	uint64_t used, now, pointer;

	memcpy(frame, run->state, AT_SOFTWARE);
	memcpy(frame + AT_MXCSR, &mxcsr, sizeof(mxcsr));
	memcpy(&pointer, frame + AT_X87_INSTRUCTION, sizeof(pointer));
	if (pointer >= (uintptr_t)run->text && pointer < (uintptr_t)run->text + RUN_CODE)
		memcpy(frame + AT_X87_INSTRUCTION, &pc, sizeof(pc));
	memcpy(&pointer, frame + AT_X87_OPERAND, sizeof(pointer));
	if (pointer == (uintptr_t)run->operand)
		memcpy(frame + AT_X87_OPERAND, &addr, sizeof(addr));
	if (!is_extended(frame))
		return;
	for (unsigned int i = 2; i < COMPONENT_COUNT; i++)
		if (run->state_mask >> i & 1)
			memcpy(frame + components[i].at, run->state + components[i].at,
			       components[i].size);
	used = used_components(frame);
	now = used_components(run->state);
	used = (used & ~(uint64_t)run->state_mask) | (now & run->state_mask);
	memcpy(frame + AT_HEADER, &used, sizeof(used));
}

/* The register in the frame; NULL: it is 0. */
static uint8_t *mask_register(const ucontext_t *context, unsigned int n)
{
	uint8_t *frame = frame_of(context);

	if (!frame || !(frame_components(frame) >> COMPONENT_MASKS & 1) ||
	    !(used_components(frame) >> COMPONENT_MASKS & 1))
		return NULL;
	return frame + components[COMPONENT_MASKS].at + n * MASK_BYTES;
}

uint64_t insn_run_mask(const ucontext_t *context, unsigned int n)
{
	const uint8_t *place = mask_register(context, n);
	uint64_t value = 0;

	if (place)
		memcpy(&value, place, sizeof(value));
	return value;
}

void insn_run_clear_mask(ucontext_t *context, unsigned int n)
{
	uint8_t *place = mask_register(context, n);

	if (place)
		memset(place, 0, MASK_BYTES);
}

bool insn_run_mxcsr(const ucontext_t *context, uint32_t *value)
{
	const uint8_t *frame = frame_of(context);

	if (frame)
		*value = word_at(frame, AT_MXCSR);
	return frame;
}

bool insn_run_set_mxcsr(ucontext_t *context, uint32_t value)
{
	uint8_t *frame = frame_of(context);

	if (!frame || value & ~mxcsr_bits(frame))
		return false;
	memcpy(frame + AT_MXCSR, &value, sizeof(value));
	return true;
}

bool insn_run_x87_pending(const ucontext_t *context)
{
	const uint8_t *frame = frame_of(context);

	/* Status has exceptions in its low bits, control their masks. */
	return frame && (word_at(frame, 0) >> 16 & ~word_at(frame, 0) & X87_EXCEPTIONS);
}

/* ---- a run ---- */

bool insn_run_load(struct insn_run *run, const ucontext_t *context, bool vector)
{
	const greg_t *gregs = context->uc_mcontext.gregs;

	for (unsigned int i = 0; i < RUN_REGISTERS; i++)
		run->registers[i] = (uint64_t)*insn_register((ucontext_t *)(uintptr_t)context, i);
	run->flags = ((uint64_t)gregs[REG_EFL] & (STATUS_FLAGS | DIRECTION)) | ALWAYS_SET;
	run->state_mask = 0;
	run->uses_stack = false;
	return !vector || load_state(run, frame_of(context));
}

void insn_run(struct insn_run *run, const uint8_t *code, size_t len, unsigned int base)
{
	/* jmp *RUN_AT_BACK(%base) */
	const uint8_t jump[JUMP_BYTES] = {0xff, (uint8_t)(0xa0 | base), RUN_AT_BACK & 0xff,
					  RUN_AT_BACK >> 8};

	assert(len + JUMP_BYTES <= RUN_CODE && entries[base].run);
	memcpy(run->text, code, len);
	memcpy(run->text + len, jump, sizeof(jump));
	run->code = (uintptr_t)run->text;
	run->back = (uintptr_t)entries[base].back;
	atomic_signal_fence(memory_order_seq_cst);
	entries[base].run(run);
}

bool insn_run_store(const struct insn_run *run, ucontext_t *context, unsigned int base, uint64_t pc,
		    uint64_t addr)
{
	greg_t *flags = &context->uc_mcontext.gregs[REG_EFL];

	if (run->state_mask) {
		if (!exceptions_are_masked(run, frame_of(context)))
			return false;
		store_state(run, frame_of(context), pc, addr);
	}
	for (unsigned int i = 0; i < RUN_REGISTERS; i++)
		if (i != base && (i != RSP || run->uses_stack))
			*insn_register(context, i) = (greg_t)run->registers[i];
	*flags = (*flags & ~(greg_t)(STATUS_FLAGS | DIRECTION)) |
		 (greg_t)(run->flags & (STATUS_FLAGS | DIRECTION));
	return true;
}
