/* SPDX-License-Identifier: MIT */
/*
 * Which instructions are run here: those of programs, which this processor has. The instruction of
 * a program that has stopped at it is one; but another thread may have changed its code since.
 */
#include "preload/insn/insn_operand.h"

#include <cpuid.h>
#include <string.h>

enum {
	EBX,
	ECX,
	EDX,
	EAX,
	REGISTERS,
};

/* A set of instructions, by the start of Zydis' name for it, and the bit of CPUID. */
struct set {
	const char *name;
	uint32_t leaf, subleaf;
	unsigned int reg, bit;
};

static const struct set sets[] = {
	/* All processors of x86-64 have these. */
	{"I86", 1, 0, EDX, 0},
	{"I186", 1, 0, EDX, 0},
	{"I386", 1, 0, EDX, 0},
	{"I486", 1, 0, EDX, 0},
	{"I486REAL", 1, 0, EDX, 0},
	{"PENTIUMREAL", 1, 0, EDX, 0},
	{"LONGMODE", 1, 0, EDX, 0},
	{"X87", 1, 0, EDX, 0},
	{"FCMOV", 1, 0, EDX, 15},
	{"CMOV", 1, 0, EDX, 15},
	{"PENTIUMMMX", 1, 0, EDX, 23},
	{"SSE", 1, 0, EDX, 25},
	{"SSEMXCSR", 1, 0, EDX, 25},
	{"SSE2", 1, 0, EDX, 26},
	{"SSE2MMX", 1, 0, EDX, 26},
	{"CLFSH", 1, 0, EDX, 19},
	{"SSE3", 1, 0, ECX, 0},
	{"SSE3X87", 1, 0, ECX, 0},
	{"PCLMULQDQ", 1, 0, ECX, 1},
	{"SSSE3", 1, 0, ECX, 9},
	{"SSSE3MMX", 1, 0, ECX, 9},
	{"FMA", 1, 0, ECX, 12},
	{"CMPXCHG16B", 1, 0, ECX, 13},
	{"SSE4", 1, 0, ECX, 19},
	{"SSE42", 1, 0, ECX, 20},
	{"MOVBE", 1, 0, ECX, 22},
	{"POPCNT", 1, 0, ECX, 23},
	{"AES", 1, 0, ECX, 25},
	{"AVX", 1, 0, ECX, 28},
	{"AVXAES", 1, 0, ECX, 25},
	{"F16C", 1, 0, ECX, 29},
	{"BMI1", 7, 0, EBX, 3},
	{"AVX2", 7, 0, EBX, 5},
	{"AVX2GATHER", 7, 0, EBX, 5},
	{"BMI2", 7, 0, EBX, 8},
	{"ADOX_ADCX", 7, 0, EBX, 19},
	{"CLFLUSHOPT", 7, 0, EBX, 23},
	{"CLWB", 7, 0, EBX, 24},
	{"SHA", 7, 0, EBX, 29},
	{"GFNI", 7, 0, ECX, 8},
	{"AVX_GFNI", 7, 0, ECX, 8},
	{"VAES", 7, 0, ECX, 9},
	{"VPCLMULQDQ", 7, 0, ECX, 10},
	{"CLDEMOTE", 7, 0, ECX, 25},
	{"MOVDIR", 7, 0, ECX, 28},
	{"AVX_VNNI", 7, 1, EAX, 4},
	{"LZCNT", 0x80000001, 0, ECX, 5},
	{"AVX512F", 7, 0, EBX, 16},
	{"AVX512DQ", 7, 0, EBX, 17},
	{"AVX512_IFMA", 7, 0, EBX, 21},
	{"AVX512CD", 7, 0, EBX, 28},
	{"AVX512BW", 7, 0, EBX, 30},
	{"AVX512_VBMI", 7, 0, ECX, 1},
	{"AVX512_VBMI2", 7, 0, ECX, 6},
	{"AVX512_GFNI", 7, 0, ECX, 8},
	{"AVX512_VAES", 7, 0, ECX, 9},
	{"AVX512_VPCLMULQDQ", 7, 0, ECX, 10},
	{"AVX512_VNNI", 7, 0, ECX, 11},
	{"AVX512_BITALG", 7, 0, ECX, 12},
	{"AVX512_VPOPCNTDQ", 7, 0, ECX, 14},
	{"AVX512_VP2INTERSECT", 7, 0, EDX, 8},
	{"AVX512_FP16", 7, 0, EDX, 23},
	{"AVX512_BF16", 7, 1, EAX, 5},
};

enum {
	SETS = sizeof(sets) / sizeof(sets[0]),
	BIT_VL = 31, /* of leaf 7, EBX: AVX-512 in xmm and ymm */
	STATE_AVX = 0x6,
	STATE_AVX512 = 0xe6,
};

static bool has[SETS];
static bool has_vl, has_avx, has_avx512;

static bool bit_of(uint32_t leaf, uint32_t subleaf, unsigned int reg, unsigned int bit)
{
	unsigned int words[REGISTERS] = {0};

	return __get_cpuid_count(leaf, subleaf, &words[EAX], &words[EBX], &words[ECX],
				 &words[EDX]) &&
	       words[reg] >> bit & 1;
}

void insn_look_at_processor(void)
{
	const uint32_t components = insn_run_components();

	for (unsigned int i = 0; i < SETS; i++)
		has[i] = bit_of(sets[i].leaf, sets[i].subleaf, sets[i].reg, sets[i].bit);
	has_vl = bit_of(7, 0, EBX, BIT_VL);
	has_avx = (components & STATE_AVX) == STATE_AVX;
	has_avx512 = (components & STATE_AVX512) == STATE_AVX512;
}

/* Zydis appends the length of vectors, "_SCALAR" or "_KOP" to sets of AVX-512. */
static size_t stem_length(const char *name)
{
	const char *tail = strrchr(name, '_');
	static const char *const tails[] = {"_128", "_128N", "_256", "_512", "_SCALAR", "_KOP"};

	for (size_t i = 0; tail && i < sizeof(tails) / sizeof(tails[0]); i++)
		if (!strcmp(tail, tails[i]))
			return (size_t)(tail - name);
	return strlen(name);
}

static bool set_is_there(const char *name)
{
	const size_t stem = stem_length(name);

	if (!strncmp(name, "AVX512", 6)) {
		const bool shorter = !strcmp(name + stem, "_128") || !strcmp(name + stem, "_256");

		if (!has_avx512 || (shorter && !has_vl))
			return false;
	}
	for (unsigned int i = 0; i < SETS; i++)
		if (strlen(sets[i].name) == stem && !memcmp(sets[i].name, name, stem))
			return has[i];
	return false;
}

static bool writes_segment(const ZydisDecodedInstruction *decoded)
{
	switch (decoded->mnemonic) {
	case ZYDIS_MNEMONIC_LDS:
	case ZYDIS_MNEMONIC_LES:
	case ZYDIS_MNEMONIC_LFS:
	case ZYDIS_MNEMONIC_LGS:
	case ZYDIS_MNEMONIC_LSS:
		return true;
	case ZYDIS_MNEMONIC_MOV:
		return decoded->opcode == 0x8e;
	default:
		return false;
	}
}

bool insn_is_allowed(const ZydisDecodedInstruction *decoded)
{
	const char *set = ZydisISASetGetString(decoded->meta.isa_set);
	const bool vex = decoded->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX;

	if (decoded->attributes & ZYDIS_ATTRIB_IS_PRIVILEGED || !set || (vex && !has_avx) ||
	    writes_segment(decoded))
		return false;
	switch (decoded->meta.category) {
	case ZYDIS_CATEGORY_SYSTEM:
	case ZYDIS_CATEGORY_SYSCALL:
	case ZYDIS_CATEGORY_SYSRET:
	case ZYDIS_CATEGORY_INTERRUPT:
	case ZYDIS_CATEGORY_IO:
	case ZYDIS_CATEGORY_IOSTRINGOP:
	case ZYDIS_CATEGORY_RET:
	case ZYDIS_CATEGORY_SEGOP:
		return false;
	default:
		return set_is_there(set);
	}
}
