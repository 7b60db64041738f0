/* SPDX-License-Identifier: MIT */
/*
 * Loads and stores of AArch64 against the processor, which may be an emulated one (qemu-user):
 * encodings at random, each of which is executed on memory, and at the same address where each
 * access is a SIGBUS and is emulated. Registers, flags, vector registers (of SVE, too) and memory
 * must agree after it. What is not emulated must be among what is meant to be unknown.
 *
 * The processor executes it between two signals: one handler loads the registers, a breakpoint
 * behind the instruction ends it.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <ucontext.h>
#include <unistd.h>

#include "kit.h"
#include "preload/trap/a64_decode.h"
#include "preload/trap/a64_structure.h"
#include "preload/trap/a64_sve.h"
#include "preload/trap/insn.h"

enum {
	SIGNAL_STACK = 1 << 17,
	AROUND = 1 << 21, /* bytes around the page where nothing is */
	AT = PAGE / 2,	  /* where in the page bases point to */
	FLAGS = 15,
	FLAGS_SHIFT = 28,
};

#define BREAKPOINT UINT32_C(0xd4200000)

static uint8_t *place; /* a page of a file, which is cut to have its accesses trapped */
static int file;
static uint8_t behind[PAGE]; /* what the trapped page has in place of memory */
static uint8_t result[PAGE];
static uint32_t *text; /* near enough for a literal */

static ucontext_t start, host, after;
static int ended_by; /* a signal */
static bool trapping, trapped;
static uintptr_t fault;
static enum insn_result emulated;

/* By its name, it is a function that calls none of this file, and changes none of its variables. */
static int (*volatile send)(int signo) = raise;

/* ---- frames ---- */

static void *record(ucontext_t *context, uint32_t magic)
{
	uint8_t *at = context->uc_mcontext.__reserved;
	struct _aarch64_ctx *head = (void *)at;

	while (head->magic && head->magic != magic) {
		at += head->size;
		head = (void *)at;
	}
	return head->magic ? head : NULL;
}

static struct fpsimd_context *vectors(ucontext_t *context)
{
	struct fpsimd_context *found = record(context, FPSIMD_MAGIC);

	assert_non_null(found);
	return found;
}

/* Of SVE; *@len bytes. NULL: the processor has none, or their record is elsewhere. */
static uint8_t *long_vectors(ucontext_t *context, size_t *len)
{
	struct sve_context *found = record(context, SVE_MAGIC);

	*len = 0;
	if (!found || found->head.size <= sizeof(*found))
		return NULL;
	*len = SVE_SIG_ZREGS_SIZE(found->vl / A64_V_BYTES);
	return (uint8_t *)found + SVE_SIG_ZREGS_OFFSET;
}

/* Its predicates; there are registers of SVE. */
static uint8_t *predicates(ucontext_t *context, size_t *len)
{
	struct sve_context *found = record(context, SVE_MAGIC);
	const unsigned int quads = found->vl / A64_V_BYTES;

	*len = SVE_SIG_FFR_OFFSET(quads) - SVE_SIG_PREGS_OFFSET(quads);
	return (uint8_t *)found + SVE_SIG_PREGS_OFFSET(quads);
}

static void set_context(ucontext_t *to, const ucontext_t *from)
{
	to->uc_mcontext = from->uc_mcontext;
}

/* ---- signals ---- */

static void on_pattern(int signo, siginfo_t *info, void *arg)
{
	ucontext_t *context = arg;

	(void)signo, (void)info;
	start = *context;
	context->uc_mcontext.pc += A64_BYTES;
}

static void on_start(int signo, siginfo_t *info, void *context)
{
	(void)signo, (void)info;
	host = *(ucontext_t *)context;
	set_context(context, &start);
}

static void on_end(int signo, siginfo_t *info, void *context)
{
	(void)info;
	ended_by = signo;
	after = *(ucontext_t *)context;
	set_context(context, &host);
}

static int memory_read(uint64_t addr, void *buf, size_t len)
{
	const uint64_t at = addr - (uintptr_t)place;

	if (at >= PAGE || len > PAGE - at)
		return -1;
	memcpy(buf, behind + at, len);
	return 0;
}

static int memory_write(uint64_t addr, const void *buf, size_t len)
{
	const uint64_t at = addr - (uintptr_t)place;

	if (at >= PAGE || len > PAGE - at)
		return -1;
	memcpy(behind + at, buf, len);
	return 0;
}

static void on_bus(int signo, siginfo_t *info, void *context)
{
	static const struct insn_memory memory = {.read = memory_read, .write = memory_write};

	if (!trapping || trapped) {
		on_end(signo, info, context);
		return;
	}
	trapped = true;
	fault = (uintptr_t)info->si_addr;
	emulated = insn_emulate((const uint8_t *)text, INSN_MAX_BYTES, context,
				(uintptr_t)info->si_addr, &memory);
	if (emulated != INSN_DONE)
		on_end(signo, info, context);
}

static void handle(int signo, void (*handler)(int, siginfo_t *, void *))
{
	const struct sigaction act = {.sa_sigaction = handler,
				      .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

	assert_int_equal(sigaction(signo, &act, NULL), 0);
}

static int setup(void **state)
{
	/* An instruction may change the stack pointer. */
	const stack_t alternate = {.ss_sp = mmap(NULL, SIGNAL_STACK, PROT_READ | PROT_WRITE,
						 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
				   .ss_size = SIGNAL_STACK};
	uint8_t *room = mmap(NULL, 2 * AROUND, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(room, MAP_FAILED);
	file = memfd_create("place", MFD_CLOEXEC);
	place = mmap(room + AROUND, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
	text = mmap(room + AROUND + 16 * PAGE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	return place == MAP_FAILED || text == MAP_FAILED || sigaltstack(&alternate, NULL);
}

static void begin(void)
{
	handle(SIGTRAP, on_pattern);
	/*
	 * The frame has the registers of SVE if the thread has used one (ptrue p0.b) since its last
	 * system call.
	 */
	if (getauxval(AT_HWCAP) & HWCAP_SVE)
		__asm__ volatile(".inst 0x2518e3e0\n\tbrk #0" : : : "memory");
	else
		__asm__ volatile("brk #0" : : : "memory");
	handle(SIGUSR1, on_start);
	handle(SIGTRAP, on_end);
	handle(SIGSEGV, on_end);
	handle(SIGILL, on_end);
	handle(SIGBUS, on_bus);
}

/* ---- one instruction ---- */

static void fill(void *to, size_t len)
{
	for (size_t i = 0; i < len; i += 8) {
		const uint64_t number = random_u64();

		memcpy((char *)to + i, &number, 8);
	}
}

/* Half of the predicates are as loops over memory have them: the elements up to some one. */
static void random_predicates(void)
{
	size_t len;
	uint8_t *p = predicates(&start, &len);
	const size_t each = len / 16;

	fill(p, len);
	for (size_t i = 0; i < 8; i++) {
		const size_t whole = random_u64() % (each + 1);

		memset(p + 2 * i * each, 0xff, whole);
		memset(p + 2 * i * each + whole, 0, each - whole);
	}
}

static void random_state(uint32_t word, bool aligned)
{
	mcontext_t *machine = &start.uc_mcontext;
	const unsigned int rn = a64_bits(word, 5, 5), rm = a64_bits(word, 16, 5);
	size_t len;
	uint8_t *z = long_vectors(&start, &len);

	fill(machine->regs, sizeof(machine->regs));
	fill(vectors(&start)->vregs, sizeof(vectors(&start)->vregs));
	if (z) {
		fill(z, len);
		random_predicates();
	}
	for (unsigned int i = 0; z && i < 32; i++)
		memcpy(z + i * (len / 32), &vectors(&start)->vregs[i], A64_V_BYTES);
	if (rm != A64_ZERO) {
		machine->regs[rm] = random_u64() % 128 - 64;
		if (aligned)
			machine->regs[rm] &= ~UINT64_C(15);
		if (a64_bits(word, 13, 2) == 2 && random_u64() & 1) /* only the lower half counts */
			machine->regs[rm] = (machine->regs[rm] & UINT32_MAX) | random_u64() << 32;
	}
	if (rn != A64_ZERO)
		machine->regs[rn] =
			(uintptr_t)place + AT + (aligned ? 0 : (unsigned int)random_u64() % 16);
	machine->sp = (uintptr_t)place + AT;
	machine->pc = (uintptr_t)text;
	machine->pstate = (machine->pstate & ~((uint64_t)FLAGS << FLAGS_SHIFT)) |
			  (random_u64() & FLAGS) << FLAGS_SHIFT;
	fill(behind, sizeof(behind));
}

static void run(bool trap)
{
	assert_int_equal(ftruncate(file, trap ? 0 : PAGE), 0);
	if (!trap)
		memcpy(place, behind, PAGE);
	trapping = trap;
	trapped = false;
	send(SIGUSR1);
}

/*
 * A load of a lane sets the vector register, and so makes 0 of what is above it in that of SVE.
 * QEMU's leaves that.
 */
static bool loads_a_lane(uint32_t word)
{
	return (word & 0xbf400000) == 0x0d400000 && a64_bits(word, 14, 2) != 3;
}

/* What differs between two threads after @word; NULL: nothing. */
static const char *difference(uint32_t word, ucontext_t *a, ucontext_t *b)
{
	size_t len, other_len, p_len;
	const uint8_t *z = long_vectors(a, &len), *other = long_vectors(b, &other_len);

	if (memcmp(a->uc_mcontext.regs, b->uc_mcontext.regs, sizeof(a->uc_mcontext.regs)))
		return "a general register";
	if (a->uc_mcontext.sp != b->uc_mcontext.sp)
		return "the stack pointer";
	if (a->uc_mcontext.pc != b->uc_mcontext.pc)
		return "the next instruction";
	if ((a->uc_mcontext.pstate ^ b->uc_mcontext.pstate) >> FLAGS_SHIFT & FLAGS)
		return "a flag";
	if (memcmp(vectors(a)->vregs, vectors(b)->vregs, sizeof(vectors(a)->vregs)))
		return "a vector register";
	if (z && memcmp(predicates(a, &p_len), predicates(b, &p_len), p_len))
		return "a predicate";
	if (z && !loads_a_lane(word) && (!other || len != other_len || memcmp(z, other, len)))
		return "a register of SVE";
	return memcmp(behind, result, PAGE) ? "memory" : NULL;
}

/*
 * What is meant to be unknown of that which a processor does to plain memory: what it refuses for
 * device memory, other extensions, and what the architecture leaves open.
 */
static bool is_meant_to_be_unknown(uint32_t word)
{
	const unsigned int rt = a64_bits(word, 0, 5), rn = a64_bits(word, 5, 5);
	const unsigned int rt2 = a64_bits(word, 10, 5);
	const bool vector = a64_bits(word, 26, 1), load = a64_bits(word, 22, 1);

	if ((word & 0x3f000000) == 0x08000000) /* exclusives and CAS; fields that should be ones */
		return (word & 0x00a00000) != 0x00800000 || (word & 0x001f7c00) != 0x001f7c00;
	if ((word & 0x3f000000) == 0x19000000) /* memory tags */
		return word & 0x00200c00;
	if ((word & 0x3b200c00) == 0x38200000) /* atomics but LDAPR */
		return (word & 0x3ffffc00) != 0x38bfc000;
	if ((word & 0xbe000000) ==
	    0xa4000000) /* SVE; contiguous ones with a scalar, or an immediate */
		return (word & 0xffc0e000) == 0xe5804000 || /* STR of a whole one */
		       ((word & 0x0000e000) != 0x00004000 &&
			(word & 0x0010e000) != (word & 0x40000000 ? 0x0000e000 : 0x0000a000));
	if ((word & 0x3b200400) == 0x38200400) /* authenticated pointers */
		return true;
	if ((word & 0x3a000000) == 0x28000000)		    /* pairs */
		return (word & 0xc4400000) == 0x40000000 || /* STGP */
		       (load && rt == rt2) ||
		       (word & 0x00800000 && !vector && rn != 31 && (rt == rn || rt2 == rn));
	if ((word & 0x3b200400) == 0x38000400) /* with the base written back */
		return !vector && rt == rn && rn != 31;
	return false;
}

static unsigned int compared, unknown, undefined, misaligned;

/* Whether our decoders know @word, with the registers of `start`. */
static bool is_known(uint32_t word)
{
	static uint8_t v[32][A64_V_BYTES];
	const struct a64_registers registers = {.x = (uint64_t *)start.uc_mcontext.regs,
						.sp = (uint64_t *)&start.uc_mcontext.sp,
						.pc = (uint64_t *)&start.uc_mcontext.pc,
						.v = v};
	struct a64_structure structure;
	struct a64_access access;

	if (a64_is_sve(word))
		return false; /* what is known depends on the predicate */
	return a64_is_structure(word) ? a64_structure_decode(word, &registers, &structure)
				      : a64_decode(word, &registers, &access);
}

static void compare(uint32_t word, bool aligned)
{
	ucontext_t real;
	const char *what;

	random_state(word, aligned);
	text[0] = word;
	text[1] = BREAKPOINT;
	__builtin___clear_cache((char *)text, (char *)(text + 2));
	run(false);
	if (ended_by == SIGILL && is_known(word))
		fail_msg("%08x: known, but not to the processor", word);
	undefined += ended_by == SIGILL;
	if (ended_by != SIGTRAP)
		return;
	real = after;
	memcpy(result, place, PAGE);
	run(true);
	if (!trapped)
		return; /* a prefetch */
	if (emulated == INSN_MISALIGNED) {
		if (fault % A64_V_BYTES == 0)
			fail_msg("%08x: is not misaligned", word);
		misaligned++;
		return;
	}
	if (emulated != INSN_DONE) {
		if (emulated == INSN_REFUSED || !is_meant_to_be_unknown(word))
			fail_msg("%08x: not emulated (%d)", word, (int)emulated);
		unknown++;
		return;
	}
	what = difference(word, &real, &after);
	if (what || ended_by != SIGTRAP)
		fail_msg("%08x: %s differs (signal %d)", word, what ? what : "nothing", ended_by);
	compared++;
}

/* ---- groups of encodings ---- */

/* Stores of SVE to addresses in a vector, which may be anywhere near the test's own memory. */
static bool is_scatter(uint32_t word)
{
	const unsigned int form = a64_bits(word, 13, 3);

	return (word & 0xfe000000) == 0xe4000000 && (form == 1 || (form >= 4 && form <= 6));
}

/* Several registers of SVE by an immediate: QEMU aborts where they cross the end of a page. */
static bool is_several(uint32_t word)
{
	return (word & 0xbe00e000) == 0xa400e000 &&
	       a64_bits(word, word & 0x40000000 ? 20 : 21, word & 0x40000000 ? 1 : 2);
}

static void compare_group(uint32_t value, uint32_t mask, unsigned int rounds, unsigned int least)
{
	compared = unknown = undefined = misaligned = 0;
	begin();
	for (unsigned int i = 0; i < rounds; i++) {
		uint32_t word = ((uint32_t)random_u64() & ~mask) | value;

		/* Most offsets that are scaled stay in the page. */
		if ((word & 0x3b000000) == 0x39000000 && i % 8)
			word &= ~UINT32_C(0x003e0000);
		if (is_several(word))
			word &= ~UINT32_C(0x000c0000);
		if (!is_scatter(word))
			compare(word, i % 4);
	}
	printf("%u compared, %u unknown, %u undefined, %u misaligned\n", compared, unknown,
	       undefined, misaligned);
	assert_true(compared >= least);
}

static void single_registers_agree_with_the_processor(void **state)
{
	(void)state;
	compare_group(0x39000000, 0x3b000000, 6000, 1000);
	compare_group(0x38000000, 0x3b200000, 6000, 1000);
	compare_group(0x38200800, 0x3b200c00, 6000, 500);
}

static void pairs_agree_with_the_processor(void **state)
{
	(void)state;
	compare_group(0x28000000, 0x3a000000, 12000, 2000);
}

static void ordered_accesses_agree_with_the_processor(void **state)
{
	(void)state;
	compare_group(0x089f7c00, 0x3fbf7c00, 1000, 100);
	compare_group(0x19000000, 0x3f200c00, 3000, 300);
	compare_group(0x38bfc000, 0x3ffffc00, 1000, 100);
}

static void structures_agree_with_the_processor(void **state)
{
	(void)state;
	compare_group(0x0c000000, 0xbf3f0000, 6000, 1000);
	compare_group(0x0c800000, 0xbfa00000, 6000, 1000);
	compare_group(0x0d000000, 0xbf9f0000, 8000, 1000);
	compare_group(0x0d800000, 0xbf800000, 8000, 1000);
}

static void contiguous_accesses_of_sve_agree_with_the_processor(void **state)
{
	size_t len;

	(void)state;
	begin();
	if (!long_vectors(&start, &len))
		skip();
	compare_group(0xa400a000, 0xfe10e000, 4000, 500);
	compare_group(0xa4004000, 0xfe00e000, 4000, 500);
	compare_group(0xe400e000, 0xfe10e000, 4000, 300);
	compare_group(0xe4004000, 0xfe00e000, 4000, 300);
	compare_group(0xa4000000, 0xbe000000, 8000, 500);
}

static void literals_agree_with_the_processor(void **state)
{
	const int32_t words = (int32_t)(((uintptr_t)place + AT - (uintptr_t)text) / 4);

	(void)state;
	compared = 0;
	begin();
	for (uint32_t i = 0; i < 256; i++)
		compare(0x18000000 | (i & 3) << 30 | (i >> 2 & 1) << 26 |
				((uint32_t)words & 0x7ffff) << 5 | i >> 3,
			true);
	assert_true(compared >= 150);
}

static void what_is_not_for_device_memory_is_unknown(void **state)
{
	(void)state;
	compare_group(0x08000000, 0x3f000000, 4000, 0);
	assert_true(unknown >= 500);
	compare_group(0x38200000, 0x3b200c00, 4000, 0);
	assert_true(unknown >= 500);
}

static void any_encoding_agrees_with_the_processor(void **state)
{
	(void)state;
	compare_group(0x08000000, 0x0a000000, 30000, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_registers_agree_with_the_processor),
		cmocka_unit_test(pairs_agree_with_the_processor),
		cmocka_unit_test(ordered_accesses_agree_with_the_processor),
		cmocka_unit_test(structures_agree_with_the_processor),
		cmocka_unit_test(contiguous_accesses_of_sve_agree_with_the_processor),
		cmocka_unit_test(literals_agree_with_the_processor),
		cmocka_unit_test(what_is_not_for_device_memory_is_unknown),
		cmocka_unit_test(any_encoding_agrees_with_the_processor),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
