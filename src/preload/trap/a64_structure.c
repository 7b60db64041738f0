/* SPDX-License-Identifier: MIT */
/*
 * See a64_structure.h. Names and encodings are those of the Arm Architecture Reference Manual (DDI
 * 0487), C4.1: "Advanced SIMD load/store multiple structures", "... single structure", and both
 * (post-indexed).
 */
#include "preload/trap/a64_structure.h"

#include <string.h>

#include "preload/trap/a64_decode.h"

bool a64_is_structure(uint32_t word)
{
	return !a64_bits(word, 31, 1) && a64_bits(word, 25, 5) == 6;
}

/* Multiple structures. False: reserved. */
static bool decode_multiple(uint32_t word, struct a64_structure *structure)
{
	/* By opcode: how many registers; 0: reserved. */
	static const uint8_t registers[16] = {
		[0] = 4, [2] = 4, [4] = 3, [6] = 3, [7] = 1, [8] = 2, [10] = 2};
	const unsigned int opcode = a64_bits(word, 12, 4), size = a64_bits(word, 10, 2);

	structure->interleaved = !(opcode & 2);
	structure->bytes = 1U << size;
	structure->register_bytes = a64_bits(word, 30, 1) ? A64_V_BYTES : A64_V_BYTES / 2;
	structure->registers = registers[opcode];
	structure->lanes = structure->register_bytes / structure->bytes;
	return structure->registers && !a64_bits(word, 21, 1) &&
	       (structure->lanes > 1 || !structure->interleaved);
}

/* A single structure: its element size, and the lane or all of them. False: reserved. */
static bool decode_lane(uint32_t word, struct a64_structure *structure)
{
	const unsigned int opcode = a64_bits(word, 14, 2), size = a64_bits(word, 10, 2);
	const unsigned int s = a64_bits(word, 12, 1), q = a64_bits(word, 30, 1);
	/* The index of a byte; wider elements have fewer of its bits. */
	const unsigned int index = q << 3 | s << 2 | size;

	switch (opcode) {
	case 0:
		structure->bytes = 1;
		structure->lane = index;
		return true;
	case 1:
		structure->bytes = 2;
		structure->lane = index >> 1;
		return !(size & 1);
	case 2:
		structure->bytes = size & 1 ? 8 : 4;
		structure->lane = index >> (size & 1 ? 3 : 2);
		return !(size & 2) && !(size & s);
	default:
		structure->bytes = 1U << size;
		structure->replicated = true;
		return structure->load && !s;
	}
}

static bool decode_single(uint32_t word, struct a64_structure *structure)
{
	structure->single = true;
	structure->interleaved = true;
	structure->lanes = 1;
	structure->registers = (a64_bits(word, 13, 1) << 1 | a64_bits(word, 21, 1)) + 1;
	structure->register_bytes = a64_bits(word, 30, 1) ? A64_V_BYTES : A64_V_BYTES / 2;
	return decode_lane(word, structure);
}

bool a64_structure_decode(uint32_t word, const struct a64_registers *registers,
			  struct a64_structure *structure)
{
	const unsigned int rm = a64_bits(word, 16, 5);
	bool known;

	*structure = (struct a64_structure){
		.load = a64_bits(word, 22, 1),
		.first = a64_bits(word, 0, 5),
		.base = a64_bits(word, 5, 5),
		.writes_back = a64_bits(word, 23, 1),
	};
	known = a64_bits(word, 24, 1) ? decode_single(word, structure)
				      : decode_multiple(word, structure);
	if (!known || !registers->v || (!structure->writes_back && rm))
		return false;
	structure->addr = a64_base(registers, structure->base);
	structure->base_after = structure->addr + (rm == A64_ZERO ? a64_structure_len(structure)
								  : a64_get(registers, rm));
	return true;
}

uint64_t a64_structure_len(const struct a64_structure *structure)
{
	return (uint64_t)structure->registers * structure->lanes * structure->bytes;
}

/* Where element @i in memory is: the register's place in the row, and the lane. */
static unsigned int place(const struct a64_structure *structure, unsigned int i, unsigned int *lane)
{
	*lane = structure->lane +
		(structure->interleaved ? i / structure->registers : i % structure->lanes);
	return structure->interleaved ? i % structure->registers : i / structure->lanes;
}

static unsigned int number(const struct a64_structure *structure, unsigned int i)
{
	return (structure->first + i) % 32;
}

/* Sets what a load makes of register @i from @loaded, where its elements are in their lanes. */
static void set_register(const struct a64_structure *structure, struct a64_registers *registers,
			 unsigned int i, const uint8_t loaded[A64_V_BYTES])
{
	const unsigned int n = number(structure, i), at = structure->lane * structure->bytes;
	uint8_t *v = registers->v[n];

	registers->v_written |= UINT32_C(1) << n;
	if (structure->replicated) {
		memset(v, 0, A64_V_BYTES);
		for (unsigned int to = 0; to < structure->register_bytes; to += structure->bytes)
			memcpy(v + to, loaded, structure->bytes);
	} else if (structure->single) {
		memcpy(v + at, loaded + at, structure->bytes);
	} else {
		memcpy(v, loaded, A64_V_BYTES);
	}
}

static enum insn_result execute(const struct a64_structure *structure,
				struct a64_registers *registers, const struct insn_memory *memory)
{
	const unsigned int elements = structure->registers * structure->lanes;
	uint8_t loaded[A64_STRUCTURE_REGISTERS][A64_V_BYTES] = {{0}};

	for (unsigned int i = 0; i < elements; i++) {
		const uint64_t addr =
			a64_untagged(structure->addr + (uint64_t)i * structure->bytes);
		unsigned int lane;
		const unsigned int reg = place(structure, i, &lane);
		const unsigned int at = lane * structure->bytes;
		const uint8_t *from = registers->v[number(structure, reg)];

		if (structure->load ? memory->read(addr, loaded[reg] + at, structure->bytes)
				    : memory->write(addr, from + at, structure->bytes))
			return INSN_REFUSED;
	}
	for (unsigned int i = 0; structure->load && i < structure->registers; i++)
		set_register(structure, registers, i, loaded[i]);
	return INSN_DONE;
}

enum insn_result a64_structure_execute(const struct a64_structure *structure,
				       struct a64_registers *registers,
				       const struct insn_memory *memory)
{
	enum insn_result rc = execute(structure, registers, memory);

	if (rc == INSN_DONE && structure->writes_back)
		a64_set_base(registers, structure->base, structure->base_after);
	return rc;
}
