/* SPDX-License-Identifier: MIT */
/*
 * Every instruction with an operand in memory against the processor: encodings are enumerated, with
 * random registers, and each is executed on memory and emulated on a copy of it. All registers,
 * flags, vector, mask and x87 registers, and memory must agree.
 *
 * The processor executes it between two signals: one handler loads the registers, int3 behind the
 * instruction ends it. What faults there has no result to compare with.
 */
#include <stdio.h>

#include "base/sanitized_build.h"
#include "kit.h"
#include "preload/trap/insn.h"
#include "preload/trap/insn_other.h"

#include <cpuid.h>
#include <signal.h>
#include <ucontext.h>
#include <Zydis/Zydis.h>

enum {
	FRAME = 4096,
	SIGNAL_STACK = 1 << 17,
	AT = 512,	  /* where in the page rdi points to */
	STACK = 3072,	  /* and rsp */
	STATES = 2,	  /* random states of each encoding */
	LEGACY_END = 416, /* of what XSAVE keeps for x87 and SSE */
	SOFTWARE = 464,
	HEADER = 512,
	MXCSR = 24,
	COMPARED_FLAGS = 0xcd5,
};

static uint8_t *real; /* with nothing around it */
static uint8_t copy[PAGE] __attribute__((aligned(4096)));
static uint8_t *text;
static ucontext_t start, after, host;
static uint8_t start_frame[FRAME] __attribute__((aligned(64)));
static uint8_t after_frame[FRAME] __attribute__((aligned(64)));
static uint8_t emulated_frame[FRAME] __attribute__((aligned(64)));
static bool faulted;
/* The C library's header says that raise() changes nothing of this file. */
static int (*volatile send)(int signo) = raise;
static insn_emulate_fn *emulate;
/* Of XSAVE; asking the processor each time would take longer than the rest. */
static struct {
	unsigned int size, at;
} components[8];

#define NOTHING (UINT64_C(1) << 32)

/* ---- the processor's result ---- */

static size_t frame_size(const uint8_t *frame)
{
	uint32_t size;

	memcpy(&size, frame + SOFTWARE + 4, sizeof(size));
	return size && size <= FRAME ? size : 512;
}

static void set_context(ucontext_t *to, const ucontext_t *from, const uint8_t *frame)
{
	uint8_t *its = (uint8_t *)to->uc_mcontext.fpregs;

	memcpy(to->uc_mcontext.gregs, from->uc_mcontext.gregs, sizeof(from->uc_mcontext.gregs));
	memcpy(its, frame, frame_size(its));
}

/* Saves the test's own registers, and continues at the instruction. */
static void on_start(int signo, siginfo_t *info, void *arg)
{
	static uint8_t host_frame[FRAME];
	ucontext_t *context = arg;

	(void)signo, (void)info;
	host = *context;
	memcpy(host_frame, context->uc_mcontext.fpregs,
	       frame_size((uint8_t *)context->uc_mcontext.fpregs));
	host.uc_mcontext.fpregs = (fpregset_t)(void *)host_frame;
	set_context(context, &start, start_frame);
}

static void on_end(int signo, siginfo_t *info, void *arg)
{
	ucontext_t *context = arg;

	(void)info;
	faulted = signo != SIGTRAP;
	after = *context;
	memcpy(after_frame, context->uc_mcontext.fpregs,
	       frame_size((uint8_t *)context->uc_mcontext.fpregs));
	set_context(context, &host, (uint8_t *)host.uc_mcontext.fpregs);
}

/* The frame of a signal, as a pattern. */
static void on_pattern(int signo, siginfo_t *info, void *arg)
{
	const ucontext_t *context = arg;

	(void)signo, (void)info;
	start = *context;
	memcpy(start_frame, context->uc_mcontext.fpregs,
	       frame_size((uint8_t *)context->uc_mcontext.fpregs));
}

static void handle(int signo, void (*handler)(int, siginfo_t *, void *))
{
	const struct sigaction act = {.sa_sigaction = handler,
				      .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

	assert_int_equal(sigaction(signo, &act, NULL), 0);
}

static int setup(void **state)
{
	/* Far from the page, as an instruction may change some bits of rsp. */
	const stack_t alternate = {.ss_sp = mmap(NULL, SIGNAL_STACK, PROT_READ | PROT_WRITE,
						 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
				   .ss_size = SIGNAL_STACK};
	size_t size;
	void *space;

	(void)state;
	for (unsigned int i = 2, c, d; i < 8; i++)
		(void)__get_cpuid_count(0xd, i, &components[i].size, &components[i].at, &c, &d);
	(void)uiommufd_insn_start(NULL, &size);
	space = mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		     -1, 0);
	emulate = uiommufd_insn_start(space, &size);
	real = mmap(NULL, 2 * NOTHING, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		    0);
	assert_ptr_not_equal(real, MAP_FAILED);
	real += NOTHING;
	assert_int_equal(mprotect(real, PAGE, PROT_READ | PROT_WRITE), 0);
	text = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	assert_ptr_not_equal(text, MAP_FAILED);
	return !emulate || sigaltstack(&alternate, NULL);
}

static void install_handlers(void)
{
	static const int ends[] = {SIGTRAP, SIGSEGV, SIGILL, SIGFPE, SIGBUS};

	handle(SIGUSR2, on_pattern);
	raise(SIGUSR2);
	handle(SIGUSR1, on_start);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		handle(ends[i], on_end);
}

static void execute(const uint8_t *code, size_t len)
{
	memset(text, 0xcc, 64);
	memcpy(text, code, len);
	(void)send(SIGUSR1);
}

/* ---- our result ---- */

static int copy_read(uint64_t addr, void *buf, size_t len)
{
	const uint64_t at = addr - (uintptr_t)real;

	if (at >= PAGE || len > PAGE - at)
		return -1;
	memcpy(buf, copy + at, len);
	return 0;
}

static int copy_write(uint64_t addr, const void *buf, size_t len)
{
	const uint64_t at = addr - (uintptr_t)real;

	if (at >= PAGE || len > PAGE - at)
		return -1;
	memcpy(copy + at, buf, len);
	return 0;
}

/* ---- states ---- */

static uint64_t some_number(void)
{
	static const uint64_t edges[] = {0, 1, 0x7f, 0x80, 0xff, 0x8000, UINT64_MAX};

	switch (random_u64() % 4) {
	case 0:
		return edges[random_u64() % 7];
	case 1:
		return random_u64() % 64;
	default:
		return random_u64();
	}
}

static void fill(uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i += 8) {
		const uint64_t number = some_number();

		memcpy(bytes + i, &number, 8);
	}
}

static bool small_vectors; /* their elements are indices that stay in the page */

static void fill_vectors(uint8_t *bytes, size_t len)
{
	fill(bytes, len);
	for (size_t i = 0; small_vectors && i < len; i += 4) {
		/* Small, and sometimes with the bit that is a mask by VEX: then it is negative. */
		const uint32_t index = (uint32_t)(random_u64() % 16) - (random_u64() % 4 ? 0 : 16);

		memcpy(bytes + i, &index, 4);
	}
}

static void random_vector_state(void)
{
	uint64_t features, used;

	memcpy(&features, start_frame + SOFTWARE + 8, sizeof(features));
	fill_vectors(start_frame + 160, 256);
	used = features & 0xe7;
	for (unsigned int i = 2; i < 8; i++) {
		if (!(used >> i & 1))
			continue;
		fill_vectors(start_frame + components[i].at, components[i].size);
		if (random_u64() % 8 == 0)
			used &= ~(UINT64_C(1) << i); /* in its initial state */
	}
	memcpy(start_frame + HEADER, &used, sizeof(used));
	/* x87: some registers in use, which hold valid numbers of 80 bits. */
	start_frame[4] = (uint8_t)random_u64();
	memset(start_frame + 2, 0, 2);
	start_frame[3] = (uint8_t)(random_u64() % 8 << 3);
	for (unsigned int i = 0; i < 8; i++) {
		const uint64_t mantissa = random_u64() | UINT64_C(1) << 63;
		const uint16_t exponent = (uint16_t)(0x3ff0 + random_u64() % 32);

		memcpy(start_frame + 32 + 16 * i, &mantissa, 8);
		memcpy(start_frame + 32 + 16 * i + 8, &exponent, 2);
	}
}

static void random_state(void)
{
	greg_t *gregs = start.uc_mcontext.gregs;

	for (int i = REG_R8; i <= REG_RCX; i++)
		gregs[i] = (greg_t)some_number();
	gregs[REG_RDI] = (greg_t)(uintptr_t)real + AT;
	gregs[REG_RSI] = (greg_t)(uintptr_t)real + 2 * AT;
	gregs[REG_RSP] = (greg_t)(uintptr_t)real + STACK;
	gregs[REG_RIP] = (greg_t)(uintptr_t)text;
	gregs[REG_EFL] = (greg_t)(0x202 | (random_u64() & COMPARED_FLAGS));
	if (random_u64() & 1)
		gregs[REG_RCX] = (greg_t)(random_u64() % 9);
	random_vector_state();
	/* What is not near a pointer changes only by mistake. */
	fill(real + AT - 128, 512);
	fill(real + 2 * AT - 128, 256);
	fill(real + STACK - 64, 128);
	memcpy(copy, real, PAGE);
}

/* ---- comparing ---- */

static bool component_differs(unsigned int component)
{
	const unsigned int at = components[component].at;
	uint64_t used[2];

	memcpy(&used[0], after_frame + HEADER, 8);
	memcpy(&used[1], emulated_frame + HEADER, 8);
	for (unsigned int i = 0; i < components[component].size; i++)
		if ((used[0] >> component & 1 ? after_frame[at + i] : 0) !=
		    (used[1] >> component & 1 ? emulated_frame[at + i] : 0))
			return true;
	return false;
}

/* What differs; NULL: nothing. */
static const char *difference(const ucontext_t *emulated)
{
	const greg_t *a = after.uc_mcontext.gregs, *b = emulated->uc_mcontext.gregs;
	uint64_t features;

	for (int i = REG_R8; i <= REG_RSP; i++)
		if (a[i] != b[i])
			return "a general register";
	if (a[REG_RIP] - 1 != b[REG_RIP])
		return "the next instruction";
	if ((a[REG_EFL] ^ b[REG_EFL]) & COMPARED_FLAGS)
		return "a flag";
	if (memcmp(real, copy, PAGE))
		return "memory";
	if (memcmp(after_frame + MXCSR, emulated_frame + MXCSR, 4))
		return "MXCSR";
	if (memcmp(after_frame, emulated_frame, 6))
		return "a control register of x87";
	if (memcmp(after_frame + 32, emulated_frame + 32, LEGACY_END - 32))
		return "a register of x87 or SSE";
	memcpy(&features, start_frame + SOFTWARE + 8, sizeof(features));
	for (unsigned int i = 2; i < 8; i++)
		if (features & 0xe7 & UINT64_C(1) << i && component_differs(i))
			return "an AVX or mask register";
	return NULL;
}

/* ---- encodings ---- */

static unsigned int compared, unknown;
static bool seen[ZYDIS_MNEMONIC_MAX_VALUE + 1];
static bool seen_unknown[ZYDIS_MNEMONIC_MAX_VALUE + 1];

/* The shadow of AddressSanitizer is much of the address space: the processor may get at it. */
#ifdef BASE_ADDRESS_SANITIZER
#define STRAY_SUCCEEDS true
#else
#define STRAY_SUCCEEDS false
#endif

static ZydisDecoder decoder;

/* A hypervisor may hide in CPUID what the processor still does; we believe CPUID. */
static bool is_hidden(const ZydisDecodedInstruction *decoded)
{
	unsigned int a, b, c, d;

	return decoded->meta.isa_set == ZYDIS_ISA_SET_MOVDIR &&
	       !(__get_cpuid_count(7, 0, &a, &b, &c, &d) && c & bit_MOVDIR64B);
}

/* Whether it accesses memory where a program may, and has a result that can be compared. */
static bool is_of_interest(const uint8_t *code, ZydisDecodedInstruction *decoded)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	bool memory = false;

	if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, code, 15, decoded, operands)) ||
	    decoded->attributes & ZYDIS_ATTRIB_IS_PRIVILEGED)
		return false;
	if (decoded->attributes & (ZYDIS_ATTRIB_HAS_SEGMENT_FS | ZYDIS_ATTRIB_HAS_SEGMENT_GS))
		return false; /* not in our page */
	/* The test needs its own segments, and protection keys. */
	for (unsigned int i = 0; i < decoded->operand_count; i++)
		if (operands[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    ZydisRegisterGetClass(operands[i].reg.value) == ZYDIS_REGCLASS_SEGMENT &&
		    operands[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
			return false;
	for (unsigned int i = 0; i < decoded->operand_count; i++)
		memory |= operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
			  operands[i].mem.type != ZYDIS_MEMOP_TYPE_AGEN &&
			  operands[i].mem.segment != ZYDIS_REGISTER_SS && /* the stack */
			  operands[i].actions;
	/* SSE4A is another vendor's, and another instruction here; FXSAVE is not emulated. */
	if (decoded->meta.isa_set == ZYDIS_ISA_SET_SSE4A ||
	    decoded->meta.isa_set == ZYDIS_ISA_SET_FXSAVE ||
	    decoded->meta.isa_set == ZYDIS_ISA_SET_FXSAVE64)
		return false;
	switch (decoded->meta.category) {
	case ZYDIS_CATEGORY_NOP:
	case ZYDIS_CATEGORY_WIDENOP:
	case ZYDIS_CATEGORY_PREFETCH:
	case ZYDIS_CATEGORY_CALL: /* go where no int3 is */
	case ZYDIS_CATEGORY_UNCOND_BR:
	case ZYDIS_CATEGORY_RET:
	case ZYDIS_CATEGORY_INTERRUPT:
	case ZYDIS_CATEGORY_SYSCALL:
	case ZYDIS_CATEGORY_SYSTEM:
	case ZYDIS_CATEGORY_IO:
	case ZYDIS_CATEGORY_IOSTRINGOP:
	case ZYDIS_CATEGORY_CLDEMOTE:
	case ZYDIS_CATEGORY_PREFETCHWT1:
	case ZYDIS_CATEGORY_MPX:
	case ZYDIS_CATEGORY_XSAVE:
	case ZYDIS_CATEGORY_XSAVEOPT:
		return false;
	default:
		return memory;
	}
}

static void compare_once(const uint8_t *code, const ZydisDecodedInstruction *decoded)
{
	static const struct insn_memory memory = {.read = copy_read, .write = copy_write};
	enum insn_result result;
	ucontext_t emulated;
	const char *what;

	random_state();
	emulated = start;
	memcpy(emulated_frame, start_frame, FRAME);
	emulated.uc_mcontext.fpregs = (fpregset_t)(void *)emulated_frame;
	execute(code, decoded->length);
	if (faulted)
		return;
	result = emulate(code, decoded->length, &emulated,
			 (uint64_t)start.uc_mcontext.gregs[REG_RDI], &memory);
	/* A rep that has rounds left. */
	while (result == INSN_DONE &&
	       emulated.uc_mcontext.gregs[REG_RIP] == (greg_t)(uintptr_t)text)
		result = emulate(code, decoded->length, &emulated, 0, &memory);
	if (result != INSN_DONE && (STRAY_SUCCEEDS || is_hidden(decoded)))
		return;
	if (result != INSN_DONE) {
		unknown++;
		if (!seen_unknown[decoded->mnemonic])
			printf("not emulated: %s (%d)\n", ZydisMnemonicGetString(decoded->mnemonic),
			       (int)result);
		seen_unknown[decoded->mnemonic] = true;
		return;
	}
	compared++;
	seen[decoded->mnemonic] = true;
	what = difference(&emulated);
	if (!what)
		return;
	for (unsigned int i = 0; i < decoded->length; i++)
		printf("%02x ", code[i]);
	fail_msg("%s: %s differs", ZydisMnemonicGetString(decoded->mnemonic), what);
}

static void compare(const uint8_t *code)
{
	ZydisDecodedInstruction decoded;

	if (!is_of_interest(code, &decoded))
		return;
	for (unsigned int i = 0; i < STATES; i++)
		compare_once(code, &decoded);
}

/* Completes @code: ModRM for rdi with a displacement and each reg, and an immediate. */
static void with_operand(uint8_t *code, size_t len)
{
	for (unsigned int reg = 0; reg < 8; reg++) {
		code[len] = (uint8_t)(0x47 | reg << 3);
		code[len + 1] = random_u64() & 1 ? 8 : 0; /* some want alignment */
		for (size_t i = len + 2; i < 16; i++)
			code[i] = (uint8_t)random_u64();
		compare(code);
	}
}

/* The same with SIB: an index of @index, on rdi. */
static void with_index(uint8_t *code, size_t len)
{
	for (unsigned int reg = 0; reg < 8; reg++) {
		code[len] = (uint8_t)(0x44 | reg << 3);
		code[len + 1] = (uint8_t)(random_u64() % 3 << 6 | (random_u64() % 8) << 3 | 7);
		code[len + 2] = 1;
		compare(code);
	}
}

static unsigned int count_seen(void)
{
	unsigned int count = 0;

	for (size_t i = 0; i <= ZYDIS_MNEMONIC_MAX_VALUE; i++)
		count += seen[i];
	return count;
}

static void begin(void)
{
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	install_handlers();
	memset(seen, 0, sizeof(seen));
	compared = unknown = 0;
}

static void finish(unsigned int least)
{
	printf("%u comparisons of %u instructions; %u not emulated\n", compared, count_seen(),
	       unknown);
	assert_true(count_seen() >= least);
	assert_int_equal(unknown, 0);
}

static void instructions_without_vex_agree_with_the_processor(void **state)
{
	static const uint8_t prefixes[] = {0, 0x66, 0xf3, 0xf2, 0xf0, 0x67};
	static const uint8_t rexes[] = {0, 0x44, 0x48};
	static const uint8_t maps[][2] = {{0, 0}, {0x0f, 0}, {0x0f, 0x38}, {0x0f, 0x3a}};

	(void)state;
	begin();
	for (size_t p = 0; p < sizeof(prefixes); p++)
		for (size_t r = 0; r < sizeof(rexes); r++)
			for (size_t m = 0; m < 4; m++)
				for (unsigned int opcode = 0; opcode < 256; opcode++) {
					uint8_t code[32];
					size_t len = 0;

					if (prefixes[p])
						code[len++] = prefixes[p];
					if (rexes[r])
						code[len++] = rexes[r];
					for (size_t i = 0; i < 2 && maps[m][i]; i++)
						code[len++] = maps[m][i];
					code[len++] = (uint8_t)opcode;
					with_operand(code, len);
				}
	finish(250);
}

static void instructions_of_avx_agree_with_the_processor(void **state)
{
	(void)state;
	if (!__builtin_cpu_supports("avx2"))
		skip();
	begin();
	for (unsigned int map = 1; map <= 3; map++)
		for (unsigned int p = 0; p < 16; p++) /* W, L, pp */
			for (unsigned int opcode = 0; opcode < 256; opcode++) {
				const unsigned int other = (unsigned int)random_u64() % 16;
				uint8_t code[32] = {
					0xc4, (uint8_t)(0xe0 | map),
					(uint8_t)((p & 8) << 4 | (~other & 15) << 3 | (p & 7)),
					(uint8_t)opcode};

				with_operand(code, 4);
				code[2] |= 15 << 3; /* vvvv not used */
				with_operand(code, 4);
			}
	finish(180);
}

static void masked_instructions_of_avx512_agree_with_the_processor(void **state)
{
	(void)state;
	if (!__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512bw"))
		skip();
	begin();
	for (unsigned int map = 1; map <= 6; map++)
		for (unsigned int p = 0; p < 8; p++) /* W, pp */
			for (unsigned int length = 0; length < 3; length++)
				for (unsigned int opcode = 0; opcode < 256; opcode++)
					for (unsigned int form = 0; form < 4; form++) {
						const unsigned int k = form & 1 ? 1 + opcode % 7
										: 0;
						const unsigned int z = k && random_u64() & 1;
						uint8_t code[32] = {
							0x62, (uint8_t)(0xf0 | map),
							(uint8_t)((p & 4) << 5 | 0x7c | (p & 3)),
							(uint8_t)(z << 7 | length << 5 |
								  (form & 2) << 3 | 8 | k),
							(uint8_t)opcode};

						with_operand(code, 5);
					}
	finish(350);
}

static void gathers_and_scatters_agree_with_the_processor(void **state)
{
	(void)state;
	if (!__builtin_cpu_supports("avx2"))
		skip();
	begin();
	small_vectors = true;
	for (unsigned int p = 0; p < 4; p++) /* W, L */
		for (unsigned int opcode = 0x90; opcode < 0x94; opcode++) {
			const unsigned int mask = (unsigned int)random_u64() % 16;
			uint8_t code[32] = {0xc4, 0xe2,
					    (uint8_t)((p & 2) << 6 | mask << 3 | (p & 1) << 2 | 1),
					    (uint8_t)opcode};

			for (int i = 0; i < 50; i++)
				with_index(code, 4);
		}
	for (unsigned int p = 0; p < 6 && __builtin_cpu_supports("avx512vl"); p++)
		for (unsigned int opcode = 0x90; opcode < 0xa4; opcode++) {
			uint8_t code[32] = {0x62, 0xf2, (uint8_t)((p & 1) << 7 | 0x7d),
					    (uint8_t)(p / 2 << 5 | 8 | (1 + opcode % 7)),
					    (uint8_t)opcode};

			for (int i = 0; i < 50; i++)
				with_index(code, 5);
		}
	small_vectors = false;
	finish(__builtin_cpu_supports("avx512vl") ? 16 : 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instructions_without_vex_agree_with_the_processor),
		cmocka_unit_test(instructions_of_avx_agree_with_the_processor),
		cmocka_unit_test(gathers_and_scatters_agree_with_the_processor),
		cmocka_unit_test(masked_instructions_of_avx512_agree_with_the_processor),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
