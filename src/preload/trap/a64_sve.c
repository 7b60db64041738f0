/* SPDX-License-Identifier: MIT */
/*
 * See a64_sve.h. Names and encodings are those of the Arm Architecture Reference Manual (DDI 0487),
 * C4.1: "SVE Memory - Contiguous Load" and "... Store", each with scalar plus immediate and scalar
 * plus scalar.
 */
#include "preload/trap/a64_sve.h"

#include <string.h>

#include "preload/trap/a64_decode.h"

#define LOADS  UINT32_C(0x52) /* bits 31 to 25 */
#define STORES UINT32_C(0x72)

enum {
	BY_SCALAR = 2, /* bits 15 to 13 */
	LOADS_BY_IMMEDIATE = 5,
	STORES_BY_IMMEDIATE = 7,
};

bool a64_is_sve(uint32_t word)
{
	return a64_bits(word, 25, 7) == LOADS || a64_bits(word, 25, 7) == STORES;
}

/* The elements of a load: log2 of the bytes in memory and in the register, and the sign. */
static void decode_load(uint32_t word, struct a64_sve *sve)
{
	/* By dtype. */
	static const struct {
		uint8_t memory, element;
		bool sign;
	} types[16] = {
		{0, 0, false}, {0, 1, false}, {0, 2, false}, {0, 3, false},
		{2, 3, true},  {1, 1, false}, {1, 2, false}, {1, 3, false},
		{1, 3, true},  {1, 2, true},  {2, 2, false}, {2, 3, false},
		{0, 3, true},  {0, 2, true},  {0, 1, true},  {3, 3, false},
	};
	const unsigned int dtype = a64_bits(word, 21, 4);

	sve->load = true;
	sve->sign = types[dtype].sign;
	sve->bytes = 1U << types[dtype].memory;
	sve->in_bytes = 1U << types[dtype].element;
}

/* Whether element @i is moved. */
static bool is_active(const struct a64_sve *sve, const struct a64_registers *registers,
		      unsigned int i)
{
	const unsigned int bit = i * sve->in_bytes;

	return registers->p[sve->p * (registers->vl / 8) + bit / 8] >> bit % 8 & 1;
}

/* Finds the elements that are moved. False: none is. */
static bool find_active(struct a64_sve *sve, const struct a64_registers *registers)
{
	const unsigned int elements = registers->vl / sve->in_bytes;

	while (sve->first < elements && !is_active(sve, registers, sve->first))
		sve->first++;
	sve->end = elements;
	while (sve->end > sve->first && !is_active(sve, registers, sve->end - 1))
		sve->end--;
	return sve->first < sve->end;
}

bool a64_sve_decode(uint32_t word, const struct a64_registers *registers, struct a64_sve *sve)
{
	const bool load = a64_bits(word, 25, 7) == LOADS;
	const unsigned int form = a64_bits(word, 13, 3), rm = a64_bits(word, 16, 5);
	uint64_t offset;

	*sve = (struct a64_sve){.z = a64_bits(word, 0, 5), .p = a64_bits(word, 10, 3)};
	if (load) {
		decode_load(word, sve);
	} else {
		sve->bytes = 1U << a64_bits(word, 23, 2);
		sve->in_bytes = 1U << a64_bits(word, 21, 2);
	}
	if (!registers->z || !registers->v || sve->in_bytes < sve->bytes)
		return false;
	if (form == BY_SCALAR && rm != A64_ZERO)
		offset = registers->x[rm] * sve->bytes;
	else if (form == (load ? LOADS_BY_IMMEDIATE : STORES_BY_IMMEDIATE) && rm < 16)
		/* As a number of 4 bits with a sign. */
		offset = (uint64_t)((rm ^ 8) - UINT64_C(8)) * (registers->vl / sve->in_bytes) *
			 sve->bytes;
	else
		return false;
	sve->addr = a64_base(registers, a64_bits(word, 5, 5)) + offset;
	return find_active(sve, registers);
}

/* Extends the element in @at, of which the lower bytes are set, with its sign. */
static void extend(const struct a64_sve *sve, uint8_t *at)
{
	if (sve->sign && at[sve->bytes - 1] & 0x80)
		memset(at + sve->bytes, 0xff, sve->in_bytes - sve->bytes);
}

enum insn_result a64_sve_execute(const struct a64_sve *sve, const struct a64_registers *registers,
				 const struct insn_memory *memory)
{
	uint8_t *z = registers->z + (size_t)sve->z * registers->vl;
	uint8_t loaded[A64_Z_MAX_BYTES] = {0};

	for (unsigned int i = sve->first; i < sve->end; i++) {
		const uint64_t addr = a64_untagged(sve->addr + (uint64_t)i * sve->bytes);
		const unsigned int at = i * sve->in_bytes;

		if (!is_active(sve, registers, i))
			continue;
		if (sve->load ? memory->read(addr, loaded + at, sve->bytes)
			      : memory->write(addr, z + at, sve->bytes))
			return INSN_REFUSED;
		extend(sve, loaded + at);
	}
	if (sve->load) {
		memcpy(z, loaded, registers->vl);
		memcpy(registers->v[sve->z], loaded, A64_V_BYTES);
	}
	return INSN_DONE;
}
