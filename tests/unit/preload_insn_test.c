/* SPDX-License-Identifier: MIT */
/*
 * Emulated instructions against the processor's own: each is executed on memory, and on a page that
 * has none and where it is emulated in a signal handler; memory, registers and flags must agree
 * after it.
 */
#include <stdio.h>

#include "preload/trap/insn.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <signal.h>
#include <unistd.h>

#include "kit.h"

enum {
	AT = 256, /* where in the page the instructions go to */
	ROUNDS = 50,
	TESTED_FLAGS = 0x8c5, /* OF, SF, ZF, PF, CF; AF is undefined after many */
};

/* What an instruction sees and changes. The order is known to the assembly below. */
struct state {
	uint64_t rax, rcx, rdx, flags;
	uint64_t rdi, rsi, r9, spare;
	uint8_t vector[64];
};

static uint8_t *trapped; /* each access is a SIGBUS */
static uint8_t behind[PAGE] __attribute__((aligned(64)));
static uint8_t real[PAGE] __attribute__((aligned(64)));
static enum insn_result last;

/* ---- the trap ---- */

static int memory_read(uint64_t addr, void *buf, size_t len)
{
	uint64_t off = addr - (uintptr_t)trapped;

	memcpy(buf, off < PAGE ? behind + off : (uint8_t *)(uintptr_t)addr, len);
	return 0;
}

static int memory_write(uint64_t addr, const void *buf, size_t len)
{
	uint64_t off = addr - (uintptr_t)trapped;

	memcpy(off < PAGE ? behind + off : (uint8_t *)(uintptr_t)addr, buf, len);
	return 0;
}

static void on_bus(int signo, siginfo_t *info, void *arg)
{
	static const struct insn_memory memory = {.read = memory_read, .write = memory_write};
	ucontext_t *context = arg;

	last = insn_emulate((const uint8_t *)(uintptr_t)context->uc_mcontext.gregs[REG_RIP],
			    INSN_MAX_BYTES, context, (uintptr_t)info->si_addr, &memory);
	if (last != INSN_DONE) {
		signal(signo, SIG_DFL);
		printf("not emulated\n");
	}
}

static int setup(void **state)
{
	int fd = memfd_create("trap", MFD_CLOEXEC);

	(void)state;
	trapped = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return trapped == MAP_FAILED;
}

/* ---- running one instruction ---- */

/*
 * Loads the state from @s, executes the text and stores the state again; memory is at (%rdi), and a
 * number of bytes for string instructions in rcx. Below the red zone, as flags go by the stack.
 */
#define RUN(name, load_vector, store_vector, text)                                               \
	static void name(uint8_t *memory, struct state *s)                                       \
	{                                                                                        \
		s->rdi = (uintptr_t)memory;                                                      \
		__asm__ volatile("leaq -256(%%rsp), %%rsp\n"                                     \
				 "pushq %0\n"                                                    \
				 "movq %0, %%r8\n" load_vector "movq 0(%%r8), %%rax\n"           \
				 "movq 8(%%r8), %%rcx\n"                                         \
				 "movq 16(%%r8), %%rdx\n"                                        \
				 "movq 32(%%r8), %%rdi\n"                                        \
				 "movq 40(%%r8), %%rsi\n"                                        \
				 "movq 48(%%r8), %%r9\n"                                         \
				 "pushq 24(%%r8)\n"                                              \
				 "popfq\n" text "\n"                                             \
				 "pushfq\n"                                                      \
				 "popq %%r10\n"                                                  \
				 "cld\n"                                                         \
				 "popq %%r8\n" store_vector "movq %%rax, 0(%%r8)\n"              \
				 "movq %%rcx, 8(%%r8)\n"                                         \
				 "movq %%rdx, 16(%%r8)\n"                                        \
				 "movq %%r10, 24(%%r8)\n"                                        \
				 "movq %%rdi, 32(%%r8)\n"                                        \
				 "movq %%rsi, 40(%%r8)\n"                                        \
				 "movq %%r9, 48(%%r8)\n"                                         \
				 "leaq 256(%%rsp), %%rsp\n"                                      \
				 :                                                               \
				 : "r"(s)                                                        \
				 : "rax", "rcx", "rdx", "rdi", "rsi", "r8", "r9", "r10", "xmm0", \
				   "memory", "cc");                                              \
	}

#define SCALAR(name, text) RUN(name, "", "", text)
#define SSE(name, text)	   RUN(name, "movdqu 64(%%r8), %%xmm0\n", "movdqu %%xmm0, 64(%%r8)\n", text)
/* The upper halves are seen, too. */
#define AVX(name, text) \
	RUN(name, "vmovdqu 64(%%r8), %%ymm0\n", "vmovdqu %%ymm0, 64(%%r8)\nvzeroupper\n", text)
#define AVX512(name, text)                                                                      \
	RUN(name, "vmovdqu64 64(%%r8), %%zmm17\n", "vmovdqu64 %%zmm17, 64(%%r8)\nvzeroupper\n", \
	    text)

/* Prefers values at the edges of carries and signs. */
static uint64_t next_number(void)
{
	static const uint64_t edges[] = {
		0, 1, 0x7f, 0x80, 0xff, 0x8000, 0x80000000, UINT64_MAX, UINT64_C(1) << 63};

	return random_u64() & 1 ? edges[random_u64() % 9] : random_u64();
}

static void fill(uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i += 8) {
		uint64_t number = next_number();

		memcpy(bytes + i, &number, 8);
	}
}

static void compare(const char *name, void (*run)(uint8_t *memory, struct state *s))
{
	/* Each time: cmocka puts handlers of its own in before a test. */
	const struct sigaction act = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO};
	struct state native = {.flags = 0x202}, emulated;

	assert_int_equal(sigaction(SIGBUS, &act, NULL), 0);
	fill(real, PAGE);
	memcpy(behind, real, PAGE);
	native.rax = next_number();
	native.rdx = next_number();
	native.rcx = random_u64() % 40; /* the count of a rep */
	native.r9 = next_number();
	native.flags |= random_u64() & 1;
	fill(native.vector, sizeof(native.vector));
	emulated = native;
	native.rsi = (uintptr_t)real + 2 * AT + 512;
	emulated.rsi = (uintptr_t)trapped + 2 * AT + 512;

	run(real + AT, &native);
	run(trapped + AT, &emulated);
	assert_int_equal(last, INSN_DONE);
	native.rdi -= (uintptr_t)real;
	native.rsi -= (uintptr_t)real;
	emulated.rdi -= (uintptr_t)trapped;
	emulated.rsi -= (uintptr_t)trapped;
	native.flags &= TESTED_FLAGS;
	emulated.flags &= TESTED_FLAGS;
	if (memcmp(&native, &emulated, sizeof(native)) || memcmp(real, behind, PAGE))
		fail_msg("%s: rax %lx/%lx rcx %lx/%lx rdx %lx/%lx flags %lx/%lx", name, native.rax,
			 emulated.rax, native.rcx, emulated.rcx, native.rdx, emulated.rdx,
			 native.flags, emulated.flags);
}

#define COMPARE(name)                            \
	do {                                     \
		for (int i = 0; i < ROUNDS; i++) \
			compare(#name, name);    \
	} while (0)

/* ---- the instructions ---- */

SCALAR(load8, "movb (%%rdi), %%al")
SCALAR(load8_high, "movb 3(%%rdi), %%ah")
SCALAR(load8_rex, "movb 3(%%rdi), %%r9b")
SCALAR(load16, "movw 2(%%rdi), %%ax")
SCALAR(load32, "movl 4(%%rdi), %%eax")
SCALAR(load32_extended, "movl 4(%%rdi), %%r9d")
SCALAR(load64, "movq 8(%%rdi), %%rdx")
SCALAR(load_sib, "movl 1000(%%rdi,%%rcx,4), %%eax")
SCALAR(load_no_base, "movq %%rdi, %%r9\nmovl 4(,%%r9,1), %%eax\nmovl $0, %%r9d")
SCALAR(load_r9_base, "leaq 16(%%rdi), %%r9\nmovl (%%r9), %%eax\nmovl $0, %%r9d")
SCALAR(store8, "movb %%al, (%%rdi)")
SCALAR(store8_high, "movb %%dh, 1(%%rdi)")
SCALAR(store16, "movw %%dx, 2(%%rdi)")
SCALAR(store32, "movl %%eax, 4(%%rdi)")
SCALAR(store64, "movq %%r9, 8(%%rdi)")
SCALAR(store8_imm, "movb $0x81, 8(%%rdi)")
SCALAR(store16_imm, "movw $0x8123, 300(%%rdi)")
SCALAR(store32_imm, "movl $0x81234567, 8(%%rdi)")
SCALAR(store64_imm, "movq $-5, 8(%%rdi)")
SCALAR(zero_extend_8, "movzbl (%%rdi), %%eax")
SCALAR(zero_extend_16, "movzwq (%%rdi), %%rax")
SCALAR(sign_extend_8_16, "movsbw (%%rdi), %%ax")
SCALAR(sign_extend_8, "movsbl (%%rdi), %%eax")
SCALAR(sign_extend_16, "movswq (%%rdi), %%rax")
SCALAR(sign_extend_32, "movslq (%%rdi), %%rax")
SCALAR(not_temporal_32, "movntil %%eax, (%%rdi)")
SCALAR(not_temporal_64, "movntiq %%rax, (%%rdi)")

static void moves_of_general_registers(void **state)
{
	(void)state;
	COMPARE(load8);
	COMPARE(load8_high);
	COMPARE(load8_rex);
	COMPARE(load16);
	COMPARE(load32);
	COMPARE(load32_extended);
	COMPARE(load64);
	COMPARE(load_sib);
	COMPARE(load_no_base);
	COMPARE(load_r9_base);
	COMPARE(store8);
	COMPARE(store8_high);
	COMPARE(store16);
	COMPARE(store32);
	COMPARE(store64);
	COMPARE(store8_imm);
	COMPARE(store16_imm);
	COMPARE(store32_imm);
	COMPARE(store64_imm);
	COMPARE(zero_extend_8);
	COMPARE(zero_extend_16);
	COMPARE(sign_extend_8_16);
	COMPARE(sign_extend_8);
	COMPARE(sign_extend_16);
	COMPARE(sign_extend_32);
	COMPARE(not_temporal_32);
	COMPARE(not_temporal_64);
}

SCALAR(add32, "addl %%eax, (%%rdi)")
SCALAR(add64_into, "addq (%%rdi), %%rax")
SCALAR(or8, "orb %%al, (%%rdi)")
SCALAR(or32_imm8, "orl $-128, (%%rdi)")
SCALAR(adc64, "adcq %%rax, (%%rdi)")
SCALAR(adc8_into, "adcb (%%rdi), %%al")
SCALAR(sbb32, "sbbl %%eax, (%%rdi)")
SCALAR(sbb16_into, "sbbw (%%rdi), %%ax")
SCALAR(and32_imm, "andl $0x80ff00ff, (%%rdi)")
SCALAR(and64_into, "andq (%%rdi), %%rax")
SCALAR(sub16, "subw %%ax, (%%rdi)")
SCALAR(sub64_imm, "subq $0x12345678, (%%rdi)")
SCALAR(xor64, "xorq %%rax, (%%rdi)")
SCALAR(xor8_imm, "xorb $0x80, (%%rdi)")
SCALAR(cmp32, "cmpl %%eax, (%%rdi)")
SCALAR(cmp64_into, "cmpq (%%rdi), %%rax")
SCALAR(cmp8_imm, "cmpb $0x80, (%%rdi)")
SCALAR(cmp16_imm, "cmpw $0x8000, (%%rdi)")
SCALAR(cmp64_imm, "cmpq $-1, (%%rdi)")
SCALAR(test32, "testl %%eax, (%%rdi)")
SCALAR(test8_imm, "testb $0x80, (%%rdi)")
SCALAR(test32_imm, "testl $0x80000001, (%%rdi)")
SCALAR(increment32, "incl (%%rdi)")
SCALAR(decrement8, "decb (%%rdi)")
SCALAR(exchange8, "xchgb %%al, (%%rdi)")
SCALAR(exchange32, "xchgl %%eax, (%%rdi)")
SCALAR(locked_or, "lock orl %%eax, (%%rdi)")

static void arithmetic_with_flags(void **state)
{
	(void)state;
	COMPARE(add32);
	COMPARE(add64_into);
	COMPARE(or8);
	COMPARE(or32_imm8);
	COMPARE(adc64);
	COMPARE(adc8_into);
	COMPARE(sbb32);
	COMPARE(sbb16_into);
	COMPARE(and32_imm);
	COMPARE(and64_into);
	COMPARE(sub16);
	COMPARE(sub64_imm);
	COMPARE(xor64);
	COMPARE(xor8_imm);
	COMPARE(cmp32);
	COMPARE(cmp64_into);
	COMPARE(cmp8_imm);
	COMPARE(cmp16_imm);
	COMPARE(cmp64_imm);
	COMPARE(test32);
	COMPARE(test8_imm);
	COMPARE(test32_imm);
	COMPARE(increment32);
	COMPARE(decrement8);
	COMPARE(exchange8);
	COMPARE(exchange32);
	COMPARE(locked_or);
}

SCALAR(movs8, "movsb")
SCALAR(movs64, "movsq")
SCALAR(rep_movs8, "rep movsb")
SCALAR(rep_movs32, "rep movsl")
SCALAR(rep_movs64_many, "addq $170, %%rcx\nrep movsq")
SCALAR(stos16, "stosw")
SCALAR(rep_stos64, "rep stosq")
SCALAR(rep_stos8_many, "addq $1000, %%rcx\nrep stosb")
SCALAR(rep_movs_down, "leaq 300(%%rdi), %%rdi\nleaq 300(%%rsi), %%rsi\nstd\nrep movsw")

static void string_instructions(void **state)
{
	(void)state;
	COMPARE(movs8);
	COMPARE(movs64);
	COMPARE(rep_movs8);
	COMPARE(rep_movs32);
	COMPARE(rep_movs64_many);
	COMPARE(stos16);
	COMPARE(rep_stos64);
	COMPARE(rep_stos8_many);
	COMPARE(rep_movs_down);
}

SCALAR(swapped_load_16, "movbe 2(%%rdi), %%ax")
SCALAR(swapped_load_32, "movbe 4(%%rdi), %%eax")
SCALAR(swapped_load_64, "movbe 8(%%rdi), %%rax")
SCALAR(swapped_store_16, "movbe %%ax, 2(%%rdi)")
SCALAR(swapped_store_32, "movbe %%ecx, 4(%%rdi)")
SCALAR(swapped_store_64, "movbe %%r9, 8(%%rdi)")

static bool has_movbe(void)
{
	unsigned int a, b, c = 0, d;

	return __get_cpuid(1, &a, &b, &c, &d) && c & bit_MOVBE;
}

static void moves_that_swap_bytes(void **state)
{
	(void)state;
	if (!has_movbe())
		skip();
	COMPARE(swapped_load_16);
	COMPARE(swapped_load_32);
	COMPARE(swapped_load_64);
	COMPARE(swapped_store_16);
	COMPARE(swapped_store_32);
	COMPARE(swapped_store_64);
}

/* Few processors have it, so it is tested by its encoding and the manual's description. */
static void direct_stores(void **state)
{
	static const struct insn_memory memory = {.read = memory_read, .write = memory_write};
	static const uint8_t store_32[] = {0x0f, 0x38, 0xf9, 0x47, 0x08};
	static const uint8_t store_64[] = {0x48, 0x0f, 0x38, 0xf9, 0x47, 0x08};
	const uint64_t value = UINT64_C(0x1122334455667788), ones = UINT64_MAX;
	ucontext_t context;
	uint64_t found;

	(void)state;
	memset(&context, 0, sizeof(context));
	context.uc_mcontext.gregs[REG_RAX] = (greg_t)value;
	memcpy(behind + 8, &ones, sizeof(ones));
	assert_int_equal(
		insn_emulate(store_32, sizeof(store_32), &context, (uintptr_t)trapped + 8, &memory),
		INSN_DONE);
	assert_int_equal(context.uc_mcontext.gregs[REG_RIP], sizeof(store_32));
	memcpy(&found, behind + 8, sizeof(found));
	assert_int_equal(found, UINT64_C(0xffffffff55667788));
	assert_int_equal(
		insn_emulate(store_64, sizeof(store_64), &context, (uintptr_t)trapped + 8, &memory),
		INSN_DONE);
	memcpy(&found, behind + 8, sizeof(found));
	assert_int_equal(found, value);
}

SSE(load_unaligned, "movdqu 5(%%rdi), %%xmm0")
SSE(load_aligned, "movdqa 16(%%rdi), %%xmm0")
SSE(load_floats, "movups 3(%%rdi), %%xmm0")
SSE(load_float, "movss 4(%%rdi), %%xmm0")
SSE(load_double, "movsd 8(%%rdi), %%xmm0")
SSE(load_32, "movd 4(%%rdi), %%xmm0")
SSE(load_64, "movq 8(%%rdi), %%xmm0")
SSE(load_low, "movlps 8(%%rdi), %%xmm0")
SSE(load_high, "movhps 8(%%rdi), %%xmm0")
SSE(store_unaligned, "movdqu %%xmm0, 5(%%rdi)")
SSE(store_aligned, "movaps %%xmm0, 16(%%rdi)")
SSE(store_stream, "movntdq %%xmm0, 16(%%rdi)")
SSE(store_float, "movss %%xmm0, 4(%%rdi)")
SSE(store_double, "movsd %%xmm0, 8(%%rdi)")
SSE(store_32, "movd %%xmm0, 4(%%rdi)")
SSE(store_64, "movq %%xmm0, 8(%%rdi)")
SSE(store_low, "movlps %%xmm0, 8(%%rdi)")
SSE(store_high, "movhps %%xmm0, 8(%%rdi)")

static void moves_of_sse_registers(void **state)
{
	(void)state;
	COMPARE(load_unaligned);
	COMPARE(load_aligned);
	COMPARE(load_floats);
	COMPARE(load_float);
	COMPARE(load_double);
	COMPARE(load_32);
	COMPARE(load_64);
	COMPARE(load_low);
	COMPARE(load_high);
	COMPARE(store_unaligned);
	COMPARE(store_aligned);
	COMPARE(store_stream);
	COMPARE(store_float);
	COMPARE(store_double);
	COMPARE(store_32);
	COMPARE(store_64);
	COMPARE(store_low);
	COMPARE(store_high);
}

AVX(avx_load, "vmovdqu 5(%%rdi), %%ymm0")
AVX(avx_load_16, "vmovdqu 5(%%rdi), %%xmm0")
AVX(avx_load_legacy, "movdqu 5(%%rdi), %%xmm0")
AVX(avx_load_far, "leaq 4(%%rdi), %%r9\nvmovups 28(%%r9), %%ymm0\nmovl $0, %%r9d")
AVX(avx_load_float, "vmovss 4(%%rdi), %%xmm0")
AVX(avx_load_64, "vmovq 8(%%rdi), %%xmm0")
AVX(avx_store, "vmovdqu %%ymm0, 5(%%rdi)")
AVX(avx_store_aligned, "vmovaps %%ymm0, 32(%%rdi)")
AVX(avx_store_stream, "vmovntdq %%ymm0, 32(%%rdi)")
AVX(avx_store_high, "vmovhps %%xmm0, 8(%%rdi)")
AVX(avx_store_32, "vmovd %%xmm0, 4(%%rdi)")

static void moves_of_avx_registers(void **state)
{
	(void)state;
	if (!__builtin_cpu_supports("avx2"))
		skip();
	COMPARE(avx_load);
	COMPARE(avx_load_16);
	COMPARE(avx_load_legacy);
	COMPARE(avx_load_far);
	COMPARE(avx_load_float);
	COMPARE(avx_load_64);
	COMPARE(avx_store);
	COMPARE(avx_store_aligned);
	COMPARE(avx_store_stream);
	COMPARE(avx_store_high);
	COMPARE(avx_store_32);
}

AVX512(evex_load, "vmovdqu64 64(%%rdi), %%zmm17")
AVX512(evex_load_32, "vmovdqu8 5(%%rdi), %%ymm17")
AVX512(evex_load_16, "vmovups 5(%%rdi), %%xmm17")
AVX512(evex_store, "vmovdqu64 %%zmm17, 64(%%rdi)")
AVX512(evex_store_32, "vmovdqa64 %%ymm17, 32(%%rdi)")
AVX512(evex_store_low, "vmovdqu64 64(%%rdi), %%zmm0\nvmovdqu64 %%zmm0, 128(%%rdi)")

static void moves_of_avx512_registers(void **state)
{
	(void)state;
	if (!__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512bw"))
		skip();
	COMPARE(evex_load);
	COMPARE(evex_load_32);
	COMPARE(evex_load_16);
	COMPARE(evex_store);
	COMPARE(evex_store_32);
	COMPARE(evex_store_low);
}

/* ---- what is not known ---- */

static void other_instructions_are_told_apart(void **state)
{
	static const struct {
		uint8_t bytes[INSN_MAX_BYTES];
		size_t len;
	} unknown[] = {
		{{0x89, 0xc8}, 2},			   /* mov between registers */
		{{0xc3}, 1},				   /* ret */
		{{0x0f, 0xb1, 0x07}, 3},		   /* cmpxchg */
		{{0xf2, 0x0f, 0x38, 0xf1, 0x07}, 5},	   /* crc32 */
		{{0x66, 0x0f, 0x38, 0xf8, 0x07}, 5},	   /* movdir64b */
		{{0xdd, 0x07}, 2},			   /* fldl */
		{{0x0f, 0x6f, 0x07}, 3},		   /* movq of MMX */
		{{0x62, 0xf1, 0xfe, 0x49, 0x6f, 0x07}, 6}, /* masked */
		{{0x62, 0xf1, 0x7c, 0x58, 0x10, 0x07}, 6}, /* broadcast */
		{{0xc7, 0x07, 1, 2, 3}, 5},		   /* cut off */
		{{0x8b, 0x87, 1, 2}, 4},		   /* cut off */
		{{0x66}, 1},				   /* cut off */
		{{0x8b}, 0},				   /* nothing */
		{{0xc7, 0x0f, 0, 0, 0, 0}, 6},		   /* not of the group */
		{{0x67, 0xa4}, 2},			   /* 32-bit addresses */
	};
	static const struct insn_memory memory = {.read = memory_read, .write = memory_write};

	(void)state;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		ucontext_t context, before;

		memset(&context, 0, sizeof(context));
		before = context;
		assert_int_equal(insn_emulate(unknown[i].bytes, unknown[i].len, &context,
					      (uintptr_t)trapped, &memory),
				 INSN_UNKNOWN);
		assert_memory_equal(&context, &before, sizeof(context));
	}
}

static int no_read(uint64_t addr, void *buf, size_t len)
{
	(void)addr, (void)buf, (void)len;
	return -1;
}

static int no_write(uint64_t addr, const void *buf, size_t len)
{
	(void)addr, (void)buf, (void)len;
	return -1;
}

static void a_fault_changes_nothing(void **state)
{
	static const uint8_t code[][4] = {{0x8b, 0x07}, {0x89, 0x07}, {0x09, 0x07},
					  {0x87, 0x07}, {0xa4},	      {0xff, 0x07}};
	static const struct insn_memory memory = {.read = no_read, .write = no_write};

	(void)state;
	for (size_t i = 0; i < sizeof(code) / sizeof(code[0]); i++) {
		ucontext_t context, before;

		memset(&context, 0, sizeof(context));
		context.uc_mcontext.gregs[REG_EFL] = 0x8d5;
		before = context;
		assert_int_equal(insn_emulate(code[i], 4, &context, 0, &memory), INSN_REFUSED);
		assert_memory_equal(&context, &before, sizeof(context));
	}
}

/* Any bytes at all: no crash, and never beyond what can be read. */
static void random_bytes_are_survived(void **state)
{
	static const struct insn_memory memory = {.read = no_read, .write = no_write};

	(void)state;
	for (int i = 0; i < 200000; i++) {
		size_t len = random_u64() % (INSN_MAX_BYTES + 1);
		uint8_t *code = malloc(len ? len : 1);
		ucontext_t context;

		for (size_t at = 0; at < len; at++)
			code[at] = (uint8_t)random_u64();
		memset(&context, 0, sizeof(context));
		(void)insn_emulate(code, len, &context, 0, &memory);
		free(code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moves_of_general_registers),
		cmocka_unit_test(arithmetic_with_flags),
		cmocka_unit_test(string_instructions),
		cmocka_unit_test(moves_that_swap_bytes),
		cmocka_unit_test(direct_stores),
		cmocka_unit_test(moves_of_sse_registers),
		cmocka_unit_test(moves_of_avx_registers),
		cmocka_unit_test(moves_of_avx512_registers),
		cmocka_unit_test(other_instructions_are_told_apart),
		cmocka_unit_test(a_fault_changes_nothing),
		cmocka_unit_test(random_bytes_are_survived),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}

#else

int main(void)
{
	return 0;
}

#endif
