/* SPDX-License-Identifier: MIT */
/*
 * Instructions of AArch64 at a mapped register: any word, any registers, and memory that may refuse
 * any access.
 *
 * What must hold: an instruction that is not done changes no register, and has not accessed
 * anything unless an access was refused; one that is done continues behind itself and has changed
 * at most two general registers and the base; all accesses are one behind the other (those of SVE
 * with gaps), each aligned, and the address that was trapped is in them.
 *
 * Input: 1 byte how many accesses succeed (255: all), 4 bytes the word, 2 bytes how far from its
 * base it was trapped, if not near it, 1 byte whether there are vector registers and those of SVE,
 * then the general registers, 8 bytes each, the vector registers, predicates and those of SVE.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "preload/trap/a64_decode.h"
#include "preload/trap/a64_sve.h"
#include "require.h"

enum {
	ALL = 255,
	NEAR = 1024, /* as far as most offsets go */
	LARGEST_ACCESS = 16,
	LARGEST_STRUCTURE = 64,
	Z_BYTES = 64,
};

struct machine {
	uint64_t x[31], sp, pc;
	uint8_t v[32][A64_V_BYTES], p[16][Z_BYTES / 8], z[32][Z_BYTES];
};

static struct machine machine, before;
static unsigned int allowed; /* accesses that succeed from now on */
static bool refused, gaps;
static uint64_t first, end; /* of what was accessed */

static int access_memory(uint64_t addr, size_t len)
{
	require(len && len <= LARGEST_ACCESS && !(len & (len - 1)));
	require(addr % len == 0 && addr >> 56 == 0);
	require(!refused);
	if (!allowed) {
		refused = true;
		return -1;
	}
	if (allowed != ALL)
		allowed--;
	if (first == end)
		first = end = addr;
	require(addr == a64_untagged(end) || (gaps && a64_untagged(addr - end) < Z_BYTES));
	end = first + a64_untagged(addr - first) + len;
	require(end - first <= LARGEST_STRUCTURE);
	return 0;
}

static int memory_read(uint64_t addr, void *buf, size_t len)
{
	if (access_memory(addr, len))
		return -1;
	memset(buf, (int)addr, len);
	return 0;
}

static int memory_write(uint64_t addr, const void *buf, size_t len)
{
	static volatile uint8_t sum;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + ((const uint8_t *)buf)[i]);
	return access_memory(addr, len);
}

static void check_registers(uint32_t word, const struct a64_registers *registers)
{
	unsigned int changed = 0;

	require(machine.pc == before.pc + A64_BYTES);
	for (unsigned int n = 0; n < 31; n++)
		changed += machine.x[n] != before.x[n];
	require(changed <= 3);
	require(machine.sp == before.sp || a64_bits(word, 5, 5) == A64_ZERO);
	for (unsigned int n = 0; n < 32; n++)
		require(registers->v_written >> n & 1 || a64_is_sve(word) ||
			!memcmp(machine.v[n], before.v[n], A64_V_BYTES));
	require(registers->v || !registers->v_written);
}

static enum insn_result emulate(uint32_t word, struct a64_registers *registers, uint64_t addr)
{
	static const struct insn_memory memory = {.read = memory_read, .write = memory_write};
	enum insn_result result;

	first = end = 0;
	refused = false;
	result = a64_emulate(word, registers, addr, &memory);
	require((result == INSN_REFUSED) == refused);
	if (result == INSN_DONE) {
		require(a64_untagged(addr - first) < end - first);
		check_registers(word, registers);
	} else {
		require(refused || first == end);
		require(!memcmp(&machine, &before, sizeof(machine)));
	}
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	struct a64_registers registers = {.x = machine.x, .sp = &machine.sp, .pc = &machine.pc};
	enum insn_result result;
	uint64_t base, far;
	uint32_t word;
	uint8_t has;

	allowed = fuzz_byte(&input);
	word = (uint32_t)fuzz_bytes(&input, A64_BYTES);
	far = fuzz_bytes(&input, 2);
	has = fuzz_byte(&input);
	registers.v = has & 1 ? machine.v : NULL;
	registers.z = has & 2 ? machine.z[0] : NULL;
	registers.p = machine.p[0];
	registers.vl = Z_BYTES;
	gaps = a64_is_sve(word);
	for (unsigned int n = 0; n < 31; n++)
		machine.x[n] = fuzz_bytes(&input, 8);
	machine.sp = fuzz_bytes(&input, 8);
	machine.pc = fuzz_bytes(&input, 8);
	for (unsigned int n = 0; n < 32; n++)
		for (unsigned int i = 0; i < A64_V_BYTES; i++)
			machine.v[n][i] = fuzz_byte(&input);
	for (unsigned int i = 0; i < sizeof(machine.p); i++)
		machine.p[i / sizeof(machine.p[0])][i % sizeof(machine.p[0])] = fuzz_byte(&input);
	for (unsigned int i = 0; i < sizeof(machine.z); i++)
		machine.z[i / Z_BYTES][i % Z_BYTES] = fuzz_byte(&input);
	before = machine;

	base = a64_base(&registers, a64_bits(word, 5, 5));
	result = emulate(word, &registers, base + far);
	for (uint64_t at = base - NEAR; result == INSN_UNKNOWN && at != base + NEAR; at++)
		result = emulate(word, &registers, at);
	return 0;
}
