/* SPDX-License-Identifier: MIT */
/*
 * Instructions of AArch64, on any processor: what each does to known registers and memory, and what
 * is refused. insn_a64_test.c compares them with the processor itself.
 */
#include <inttypes.h>
#include <stdio.h>

#include "a64_rows.h"
#include "kit.h"
#include "preload/trap/a64.h"

enum {
	MEMORY = 512,
	BASE = 256,	  /* where in it x1 and sp point to */
	BASE_BYTE = 0x80, /* what is there; the bytes around it count on */
	ACCESSES = 64,
	Z_BYTES = 32,
	ALL = 1000, /* more accesses than any instruction makes */
};

#define ADDRESS UINT64_C(0x7f0012345000)

/* The registers of a thread, and the memory that it accesses. */
struct machine {
	uint64_t x[31], sp, pc;
	uint8_t v[32][A64_V_BYTES];
	uint8_t z[32][Z_BYTES], p[16][Z_BYTES / 8];
	uint8_t memory[MEMORY];
};

static struct machine machine, expected;
static struct {
	uint64_t at;
	size_t len;
} accesses[ACCESSES];
static unsigned int made, allowed;

static void prepare(struct machine *fresh)
{
	memset(fresh, 0, sizeof(*fresh));
	for (unsigned int n = 0; n < 31; n++)
		fresh->x[n] = UINT64_C(0x8070605040302010) + UINT64_C(0x0101010101010101) * n;
	fresh->x[1] = fresh->sp = ADDRESS + BASE;
	fresh->x[2] = 16;
	fresh->x[3] = UINT64_C(0xdeadbeeffffffff8);
	fresh->x[4] = 2;
	fresh->x[6] = UINT64_C(0xdeadbeef00000010);
	fresh->x[7] = -UINT64_C(5);
	fresh->pc = 0x400000;
	for (unsigned int n = 0; n < 32; n++)
		for (unsigned int i = 0; i < A64_V_BYTES; i++)
			fresh->v[n][i] = (uint8_t)(n * 16 + 15 - i);
	for (unsigned int i = 0; i < MEMORY; i++)
		fresh->memory[i] = (uint8_t)(i - BASE + BASE_BYTE);
	made = 0;
	allowed = ALL;
}

static uint8_t *access_memory(uint64_t addr, size_t len)
{
	const uint64_t at = addr - ADDRESS;

	assert_true(at < MEMORY && len <= MEMORY - at);
	if (made == allowed)
		return NULL;
	assert_true(made < ACCESSES);
	accesses[made].at = at - BASE;
	accesses[made++].len = len;
	return machine.memory + at;
}

static int memory_read(uint64_t addr, void *buf, size_t len)
{
	const uint8_t *from = access_memory(addr, len);

	if (from)
		memcpy(buf, from, len);
	return from ? 0 : -1;
}

static int memory_write(uint64_t addr, const void *buf, size_t len)
{
	uint8_t *to = access_memory(addr, len);

	if (to)
		memcpy(to, buf, len);
	return to ? 0 : -1;
}

/* Carries @word out, which was trapped at offset @at from the base. */
static enum insn_result emulate_at(uint32_t word, int64_t at)
{
	static const struct insn_memory memory = {.read = memory_read, .write = memory_write};
	struct a64_registers registers = {
		.x = machine.x, .sp = &machine.sp, .pc = &machine.pc, .v = machine.v};

	return a64_emulate(word, &registers, ADDRESS + BASE + (uint64_t)at, &memory);
}

/* The same; the processor would say where it was trapped, which is somewhere in the memory. */
static enum insn_result emulate(uint32_t word)
{
	enum insn_result rc = INSN_UNKNOWN;

	for (int64_t at = -BASE; at < BASE && rc == INSN_UNKNOWN; at++)
		rc = emulate_at(word, at);
	return rc;
}

/* ---- effects ---- */

static void expect_vector(unsigned int n, const char *digits)
{
	for (unsigned int i = 0; i < A64_V_BYTES; i++) {
		unsigned int byte;

		assert_int_equal(sscanf(digits + 2 * i, "%2x", &byte), 1);
		expected.v[n][A64_V_BYTES - 1 - i] = (uint8_t)byte;
	}
}

static void expect_bytes(int at, const char *digits)
{
	unsigned int byte;

	for (; sscanf(digits, "%2x", &byte) == 1; digits += 2)
		expected.memory[BASE + at++] = (uint8_t)byte;
}

static void expect_effect(const char *effect)
{
	unsigned int n;
	uint64_t value;
	int change, at;
	char digits[128];

	if (sscanf(effect, "x%u=%" SCNx64, &n, &value) == 2)
		expected.x[n] = value;
	else if (sscanf(effect, "x%u%d", &n, &change) == 2)
		expected.x[n] += (uint64_t)change;
	else if (sscanf(effect, "sp%d", &change) == 1)
		expected.sp += (uint64_t)change;
	else if (sscanf(effect, "v%u=%127s", &n, digits) == 2)
		expect_vector(n, digits);
	else if (sscanf(effect, "[%d]=%127s", &at, digits) == 2)
		expect_bytes(at, digits);
	else
		fail_msg("what is \"%s\"?", effect);
}

static void expect(const char *effects)
{
	prepare(&expected);
	expected.pc += A64_BYTES;
	while (*effects) {
		char effect[128];

		assert_int_equal(sscanf(effects, "%127s", effect), 1);
		expect_effect(effect);
		effects += strlen(effect);
		effects += strspn(effects, " ");
	}
}

static void check_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		enum insn_result rc;

		prepare(&machine);
		expect(rows[i].effects);
		rc = emulate(rows[i].word);
		if (rc != INSN_DONE || memcmp(&machine, &expected, sizeof(machine)))
			fail_msg("%s: result %d, or not \"%s\"", rows[i].text, (int)rc,
				 rows[i].effects);
	}
}

#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void one_register_is_loaded_and_stored(void **state)
{
	(void)state;
	CHECK_ROWS(single);
}

static void pairs_are_loaded_and_stored(void **state)
{
	(void)state;
	CHECK_ROWS(pairs);
}

static void ordered_accesses_are_loads_and_stores(void **state)
{
	(void)state;
	CHECK_ROWS(ordered);
}

static void vector_registers_are_loaded_and_stored(void **state)
{
	(void)state;
	CHECK_ROWS(vectors);
}

static void structures_are_loaded_and_stored(void **state)
{
	(void)state;
	CHECK_ROWS(structures);
}

/* ---- accesses ---- */

static void check_accesses(uint32_t word, unsigned int count, size_t len)
{
	prepare(&machine);
	assert_int_equal(emulate(word), INSN_DONE);
	assert_int_equal(made, count);
	for (unsigned int i = 0; i < count; i++) {
		assert_int_equal(accesses[i].at, i * len);
		assert_int_equal(accesses[i].len, len);
	}
}

static void accesses_are_one_for_each_register_or_element_in_order(void **state)
{
	(void)state;
	check_accesses(0xf9400025, 1, 8);  /* ldr x5, [x1] */
	check_accesses(0xa9402025, 2, 8);  /* ldp x5, x8, [x1] */
	check_accesses(0x29002025, 2, 4);  /* stp w5, w8, [x1] */
	check_accesses(0x3dc00025, 1, 16); /* ldr q5, [x1] */
	check_accesses(0x4c407025, 16, 1); /* ld1 {v5.16b}, [x1] */
	check_accesses(0x0c008825, 4, 4);  /* st2 {v5.2s, v6.2s}, [x1] */
	check_accesses(0x4d40c425, 1, 2);  /* ld1r {v5.8h}, [x1] */
}

static void an_address_may_have_a_tag(void **state)
{
	static const uint32_t words[] = {
		0xf9400425, /* ldr x5, [x1, #8] */
		0x4c40a825, /* ld1 {v5.4s, v6.4s}, [x1] */
	};
	const uint64_t tag = UINT64_C(0xa5) << 56;

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		prepare(&machine);
		machine.x[1] |= tag;
		assert_int_equal(emulate(words[i]), INSN_DONE);
		assert_int_equal(machine.x[1], tag | (ADDRESS + BASE));
	}
	assert_int_equal(accesses[0].at, 0);
}

static void a_literal_is_loaded(void **state)
{
	(void)state;
	prepare(&machine);
	prepare(&expected);
	machine.pc = ADDRESS + BASE - 8;
	expected.pc = machine.pc + A64_BYTES;
	expected.x[5] = UINT64_C(0x8786858483828180);
	assert_int_equal(emulate(0x58000045), INSN_DONE); /* ldr x5, . + 8 */
	assert_memory_equal(&machine, &expected, sizeof(machine));
	machine.pc = ADDRESS + BASE + 8;
	expected.pc = machine.pc + A64_BYTES;
	expected.x[5] = UINT64_C(0xffffffff83828180);
	assert_int_equal(emulate(0x98ffffc5), INSN_DONE); /* ldrsw x5, . - 8 */
	assert_memory_equal(&machine, &expected, sizeof(machine));
}

/* ---- what is refused ---- */

static void check_unknown(uint32_t word, const char *text)
{
	enum insn_result rc;

	prepare(&machine);
	prepare(&expected);
	machine.x[5] = machine.x[8] = expected.x[5] = expected.x[8] = ADDRESS + BASE;
	rc = emulate(word);
	if (rc != INSN_UNKNOWN || made || memcmp(&machine, &expected, sizeof(machine)))
		fail_msg("%08x, %s: result %d", word, text, (int)rc);
}

static void what_a_processor_does_not_do_to_device_memory_is_unknown(void **state)
{
	static const struct row rows[] = {
		{0xc85f7c25, "ldxr x5, [x1]", ""},
		{0xc8087c25, "stxr w8, x5, [x1]", ""},
		{0x085ffc25, "ldaxrb w5, [x1]", ""},
		{0x8808fc25, "stlxr w8, w5, [x1]", ""},
		{0xc87f2025, "ldxp x5, x8, [x1]", ""},
		{0x8829a025, "stlxp w9, w5, w8, [x1]", ""},
		{0xc8a57c28, "cas x5, x8, [x1]", ""},
		{0x08e5fc28, "casalb w5, w8, [x1]", ""},
		{0x48247c28, "casp x4, x5, x8, x9, [x1]", ""},
		{0xf8258028, "swp x5, x8, [x1]", ""},
		{0xb8250028, "ldadd w5, w8, [x1]", ""},
		{0x78e53028, "ldsetalh w5, w8, [x1]", ""},
		{0xf825103f, "stclr x5, [x1]", ""},
		{0xf8200425, "ldraa x5, [x1]", ""},
		{0xf8a01c25, "ldrab x5, [x1, #8]!", ""},
		{0xd9200825, "stg x5, [x1]", ""},
		{0xd9600025, "ldg x5, [x1]", ""},
		{0xd9a00825, "st2g x5, [x1]", ""},
		{0x69002025, "stgp x5, x8, [x1]", ""},
		{0xf9800020, "prfm pldl1keep, [x1]", ""},
		{0xf89f8033, "prfum pstl2strm, [x1, #-8]", ""},
		{0xd50b7421, "dc zva, x1", ""},
		{0xa540a025, "ld1w {z5.s}, p0/z, [x1]", ""},
		{0x85804025, "ldr z5, [x1]", ""},
		{0xe5800025, "str p5, [x1]", ""},
		{0x8b020025, "add x5, x1, x2", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_unknown(rows[i].word, rows[i].text);
}

static void what_has_no_defined_effect_is_unknown(void **state)
{
	static const struct row rows[] = {
		{0xf84084a5, "ldr x5, [x5], #8", ""},
		{0xb8004ca5, "str w5, [x5, #4]!", ""},
		{0xa9401425, "ldp x5, x5, [x1]", ""},
		{0xad401425, "ldp q5, q5, [x1]", ""},
		{0xa8c12105, "ldp x5, x8, [x8], #16", ""},
		{0x29bf20a5, "stp w5, w8, [x5, #-8]!", ""},
		{0xf8620825, "ldr x5, [x1, x2] with a reserved extension", ""},
		{0xb9c00025, "ldrsw into a w register", ""},
		{0xf9c00025, "ldrs of 8 bytes", ""},
		{0x7d800025, "a vector of 2 bytes with the bits of 16", ""},
		{0x3c800825, "sttr q5, [x1]", ""},
		{0xe9402025, "ldp with size 3", ""},
		{0xed402025, "ldp of vectors with size 3", ""},
		{0x68402025, "ldpsw without allocation", ""},
		{0x08800025, "stlr with other fields than ones", ""},
		{0x99c00025, "ldapursw into a w register", ""},
		{0xd8000025, "prfm of a literal", ""},
		{0x0c400c25, "ld4 {v5.1d, ...}", ""},
		{0x4c401025, "ld with a reserved number of registers", ""},
		{0x4c417025, "ld1 without writing back, with a register", ""},
		{0x4c607025, "ld1 with bit 21", ""},
		{0x0d404425, "ld1 {v5.h}[...] with half a lane", ""},
		{0x0d408825, "ld1 {v5.s}[...] with half a lane", ""},
		{0x0d409425, "ld1 {v5.d}[...] with half a lane", ""},
		{0x0d40d025, "ld1r with a lane", ""},
		{0x0d00c025, "st1r", ""},
		{0x0d417025, "ld1 of a lane without writing back, with a register", ""},
		{0x00000000, "udf #0", ""},
		{0xffffffff, "nothing", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_unknown(rows[i].word, rows[i].text);
}

static void misaligned_accesses_change_nothing(void **state)
{
	static const struct {
		uint32_t word;
		int at;
		enum insn_result rc;
	} cases[] = {
		{0xf9400025, 4, INSN_MISALIGNED}, /* ldr x5, [x1] */
		{0x79000025, 1, INSN_MISALIGNED}, /* strh w5, [x1] */
		{0xa9402025, 4, INSN_MISALIGNED}, /* ldp x5, x8, [x1] */
		{0x29402025, 4, INSN_DONE},	  /* ldp w5, w8, [x1] */
		{0x3dc00025, 8, INSN_MISALIGNED}, /* ldr q5, [x1] */
		{0xac000025, 8, INSN_MISALIGNED}, /* stnp q5, q0, [x1] */
		{0x88dffc25, 2, INSN_MISALIGNED}, /* ldar w5, [x1] */
		{0x4c407025, 5, INSN_DONE},	  /* ld1 {v5.16b}, [x1] */
		{0x4c407825, 6, INSN_MISALIGNED}, /* ld1 {v5.4s}, [x1] */
		{0x4c9f7825, 4, INSN_DONE},	  /* st1 {v5.4s}, [x1], #16 */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		prepare(&machine);
		machine.x[1] += (uint64_t)cases[i].at;
		expected = machine;
		assert_int_equal(emulate(cases[i].word), cases[i].rc);
		if (cases[i].rc != INSN_DONE)
			assert_memory_equal(&machine, &expected, sizeof(machine));
	}
}

static void only_what_accesses_the_address_is_emulated(void **state)
{
	(void)state;
	prepare(&machine);
	assert_int_equal(emulate_at(0xa9402025, 15), INSN_DONE); /* ldp x5, x8, [x1] */
	prepare(&machine);
	assert_int_equal(emulate_at(0xa9402025, 16), INSN_UNKNOWN);
	assert_int_equal(emulate_at(0xa9402025, -1), INSN_UNKNOWN);
	assert_int_equal(emulate_at(0x4d40c425, 2), INSN_UNKNOWN); /* ld1r {v5.8h}, [x1] */
}

/* With the first @count accesses. */
static void check_refused(uint32_t word, unsigned int count)
{
	prepare(&machine);
	expected = machine;
	allowed = count;
	assert_int_equal(emulate(word), INSN_REFUSED);
	assert_int_equal(made, count);
	/* What was stored before is stored. */
	memcpy(expected.memory, machine.memory, sizeof(expected.memory));
	assert_memory_equal(&machine, &expected, sizeof(machine));
}

static void a_refused_access_leaves_all_registers(void **state)
{
	(void)state;
	check_refused(0xf8408425, 0); /* ldr x5, [x1], #8 */
	check_refused(0xa8c12025, 1); /* ldp x5, x8, [x1], #16 */
	check_refused(0xa8812025, 1); /* stp x5, x8, [x1], #16 */
	check_refused(0xacc12025, 1); /* ldp q5, q8, [x1], #32 */
	for (unsigned int i = 0; i < 4; i++)
		check_refused(0x4cdf7825, i); /* ld1 {v5.4s}, [x1], #16 */
	check_refused(0x4c9f7825, 3);	      /* st1 {v5.4s}, [x1], #16 */
}

static void without_vector_registers_their_instructions_are_unknown(void **state)
{
	static const struct insn_memory memory = {.read = memory_read, .write = memory_write};
	struct a64_registers registers = {.x = machine.x, .sp = &machine.sp, .pc = &machine.pc};

	(void)state;
	prepare(&machine);
	assert_int_equal(a64_emulate(0x3dc00025, &registers, ADDRESS + BASE, &memory),
			 INSN_UNKNOWN); /* ldr q5, [x1] */
	assert_int_equal(a64_emulate(0x4c407025, &registers, ADDRESS + BASE, &memory),
			 INSN_UNKNOWN); /* ld1 {v5.16b}, [x1] */
	assert_int_equal(a64_emulate(0xf9400025, &registers, ADDRESS + BASE, &memory), INSN_DONE);
	assert_int_equal(registers.v_written, 0);
}

static void the_vector_registers_that_were_loaded_are_told(void **state)
{
	static const struct insn_memory memory = {.read = memory_read, .write = memory_write};
	struct a64_registers registers = {
		.x = machine.x, .sp = &machine.sp, .pc = &machine.pc, .v = machine.v};

	(void)state;
	prepare(&machine);
	/* ldp q5, q8, [x1] */
	assert_int_equal(a64_emulate(0xad402025, &registers, ADDRESS + BASE, &memory), INSN_DONE);
	assert_int_equal(registers.v_written, 1U << 5 | 1U << 8);
	/* ld2r {v31.2d, v0.2d}, [x1] */
	assert_int_equal(a64_emulate(0x4d60cc3f, &registers, ADDRESS + BASE, &memory), INSN_DONE);
	assert_int_equal(registers.v_written, 1U << 31 | 1U << 0);
	/* stp q5, q8, [x1] */
	assert_int_equal(a64_emulate(0xad002025, &registers, ADDRESS + BASE, &memory), INSN_DONE);
	assert_int_equal(registers.v_written, 0);
}

/* ---- SVE ---- */

static struct a64_registers with_sve(void)
{
	return (struct a64_registers){.x = machine.x,
				      .sp = &machine.sp,
				      .pc = &machine.pc,
				      .v = machine.v,
				      .z = machine.z[0],
				      .p = machine.p[0],
				      .vl = Z_BYTES};
}

/* Carries @word out with the first @count bytes of p1 set, at offset @at from the base. */
static enum insn_result emulate_sve(uint32_t word, unsigned int count, int64_t at)
{
	static const struct insn_memory memory = {.read = memory_read, .write = memory_write};
	struct a64_registers registers = with_sve();

	prepare(&machine);
	memset(machine.z, 0x11, sizeof(machine.z));
	for (unsigned int i = 0; i < count; i++)
		machine.p[1][i / 8] |= (uint8_t)(1 << i % 8);
	for (unsigned int i = 0; i < Z_BYTES; i++)
		machine.z[5][i] = (uint8_t)(0x40 + i);
	expected = machine;
	expected.pc += A64_BYTES;
	return a64_emulate(word, &registers, ADDRESS + BASE + (uint64_t)at, &memory);
}

static void a_predicate_says_which_elements_are_moved(void **state)
{
	(void)state;
	/* ld1b {z5.b}, p1/z, [x1] */
	assert_int_equal(emulate_sve(0xa400a425, 18, 0), INSN_DONE);
	memset(expected.z[5], 0, Z_BYTES);
	memcpy(expected.z[5], expected.memory + BASE, 18);
	memcpy(expected.v[5], expected.memory + BASE, A64_V_BYTES);
	assert_memory_equal(&machine, &expected, sizeof(machine));
	assert_int_equal(made, 18);

	/* st1b {z5.b}, p1, [x1, #-1, mul vl] */
	assert_int_equal(emulate_sve(0xe40fe425, 5, -Z_BYTES), INSN_DONE);
	memcpy(expected.memory + BASE - Z_BYTES, expected.z[5], 5);
	assert_memory_equal(&machine, &expected, sizeof(machine));

	/* st1w {z5.d}, p1, [x1, x2, lsl #2]: the lower half of each element */
	assert_int_equal(emulate_sve(0xe5624425, 9, 64 + 4), INSN_DONE);
	memcpy(expected.memory + BASE + 64, expected.z[5], 4);
	memcpy(expected.memory + BASE + 68, expected.z[5] + 8, 4);
	assert_memory_equal(&machine, &expected, sizeof(machine));

	/* ld1sb {z5.s}, p1/z, [x1]: 0x80 is negative */
	assert_int_equal(emulate_sve(0xa5a0a425, 1, 0), INSN_DONE);
	memset(expected.z[5], 0, Z_BYTES);
	memcpy(expected.z[5], (uint8_t[]){0x80, 0xff, 0xff, 0xff}, 4);
	memcpy(expected.v[5], expected.z[5], A64_V_BYTES);
	assert_memory_equal(&machine, &expected, sizeof(machine));
}

static void accesses_of_sve_are_refused_as_others_are(void **state)
{
	static const struct {
		uint32_t word;
		int at;
		unsigned int count;
	} unknown[] = {
		{0xa400a425, 0, 0},   /* ld1b {z5.b}, p1/z, [x1]: no element */
		{0xa400a425, 18, 18}, /* behind the last */
		{0xa410a425, 0, 18},  /* ldnf1b {z5.b}, p1/z, [x1] */
		{0xa4026425, 16, 18}, /* ldff1b {z5.b}, p1/z, [x1, x2] */
		{0xa41f4425, 0, 18},  /* ld1b {z5.b}, p1/z, [x1, xzr] */
		{0xa420e425, 0, 18},  /* ld2b {z5.b, z6.b}, p1/z, [x1] */
		{0xe430e425, 0, 18},  /* st2b {z5.b, z6.b}, p1, [x1] */
		{0xe4804425, 0, 18},  /* st1h of bytes */
		{0xe5804025, 0, 18},  /* str z5, [x1] */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		assert_int_equal(emulate_sve(unknown[i].word, unknown[i].count, unknown[i].at),
				 INSN_UNKNOWN);
		expected.pc = machine.pc;
		assert_memory_equal(&machine, &expected, sizeof(machine));
	}
	for (unsigned int i = 0; i < 3; i++) {
		static const struct insn_memory memory = {.read = memory_read,
							  .write = memory_write};
		struct a64_registers registers = with_sve();

		prepare(&machine);
		memset(machine.p, 0xff, sizeof(machine.p));
		allowed = i;
		expected = machine;
		/* ld1h {z5.h}, p1/z, [x1] */
		assert_int_equal(a64_emulate(0xa4a0a425, &registers, ADDRESS + BASE, &memory),
				 INSN_REFUSED);
		machine.x[1]++;
		assert_int_equal(a64_emulate(0xa4a0a425, &registers, ADDRESS + BASE + 1, &memory),
				 INSN_MISALIGNED);
		machine.x[1]--;
		assert_memory_equal(&machine, &expected, sizeof(machine));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_register_is_loaded_and_stored),
		cmocka_unit_test(pairs_are_loaded_and_stored),
		cmocka_unit_test(ordered_accesses_are_loads_and_stores),
		cmocka_unit_test(vector_registers_are_loaded_and_stored),
		cmocka_unit_test(structures_are_loaded_and_stored),
		cmocka_unit_test(accesses_are_one_for_each_register_or_element_in_order),
		cmocka_unit_test(an_address_may_have_a_tag),
		cmocka_unit_test(a_literal_is_loaded),
		cmocka_unit_test(what_a_processor_does_not_do_to_device_memory_is_unknown),
		cmocka_unit_test(what_has_no_defined_effect_is_unknown),
		cmocka_unit_test(misaligned_accesses_change_nothing),
		cmocka_unit_test(only_what_accesses_the_address_is_emulated),
		cmocka_unit_test(a_refused_access_leaves_all_registers),
		cmocka_unit_test(without_vector_registers_their_instructions_are_unknown),
		cmocka_unit_test(the_vector_registers_that_were_loaded_are_told),
		cmocka_unit_test(a_predicate_says_which_elements_are_moved),
		cmocka_unit_test(accesses_of_sve_are_refused_as_others_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
