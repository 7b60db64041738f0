/* SPDX-License-Identifier: MIT */
/*
 * See a64_decode.h. Names and encodings are those of the Arm Architecture Reference Manual (DDI
 * 0487), C4.1 "Loads and Stores": one function for each of its groups.
 */
#include "preload/trap/a64_decode.h"

/* Fields that most groups have. */
static unsigned int field_rt(uint32_t word)
{
	return a64_bits(word, 0, 5);
}

static unsigned int field_rn(uint32_t word)
{
	return a64_bits(word, 5, 5);
}

static unsigned int field_rt2(uint32_t word)
{
	return a64_bits(word, 10, 5);
}

static unsigned int field_rm(uint32_t word)
{
	return a64_bits(word, 16, 5);
}

static unsigned int field_size(uint32_t word)
{
	return a64_bits(word, 30, 2);
}

static bool field_vector(uint32_t word)
{
	return a64_bits(word, 26, 1);
}

/* The field of @count bits from bit @first on, as a signed number. */
static uint64_t field_signed(uint32_t word, unsigned int first, unsigned int count)
{
	const uint64_t sign = UINT64_C(1) << (count - 1);

	return (a64_bits(word, first, count) ^ sign) - sign;
}

/* ---- addresses ---- */

static void address_by_offset(struct a64_access *access, uint64_t base, uint64_t offset)
{
	access->addr = base + offset;
}

static void address_before(struct a64_access *access, uint64_t base, uint64_t offset)
{
	access->addr = base;
	access->base_after = base + offset;
	access->writes_back = true;
}

static void address_after(struct a64_access *access, uint64_t base, uint64_t offset)
{
	access->addr = access->base_after = base + offset;
	access->writes_back = true;
}

/* By the two bits that say whether, and when, the base is changed: they are the same for pairs. */
static void address_by_mode(struct a64_access *access, unsigned int mode, uint64_t base,
			    uint64_t offset)
{
	if (mode == 1)
		address_before(access, base, offset);
	else if (mode == 3)
		address_after(access, base, offset);
	else
		address_by_offset(access, base, offset);
}

/* Whether the architecture says what becomes of the registers. */
static bool is_predictable(const struct a64_access *access)
{
	if (access->load && access->count == 2 && access->registers[0] == access->registers[1])
		return false;
	if (!access->writes_back || access->vector || access->base == A64_ZERO)
		return true;
	for (unsigned int i = 0; i < access->count; i++)
		if (access->registers[i] == access->base)
			return false;
	return true;
}

/* ---- one register ---- */

/*
 * What is moved, by the fields that the groups of one register share: size, V and opc. False: a
 * prefetch, which never traps, or reserved.
 */
static bool decode_size(uint32_t word, struct a64_access *access)
{
	const unsigned int size = field_size(word), opc = a64_bits(word, 22, 2);

	access->vector = field_vector(word);
	access->count = 1;
	access->registers[0] = field_rt(word);
	access->base = field_rn(word);
	access->bytes = 1U << size;
	access->load = opc;
	access->to_bytes = size == 3 ? 8 : 4;
	if (access->vector) {
		access->load = opc & 1;
		if (opc & 2)
			access->bytes = A64_V_BYTES;
		return !(opc & 2) || !size;
	}
	access->sign = opc & 2;
	if (access->sign)
		access->to_bytes = opc == 2 ? 8 : 4;
	return !access->sign || access->bytes < access->to_bytes;
}

/* Load/store register (unsigned immediate). */
static bool decode_scaled(uint32_t word, const struct a64_registers *registers,
			  struct a64_access *access)
{
	if (!decode_size(word, access))
		return false;
	address_by_offset(access, a64_base(registers, access->base),
			  (uint64_t)a64_bits(word, 10, 12) * access->bytes);
	return true;
}

/* The value of Rm, extended and shifted. False: reserved. */
static bool extended_register(uint32_t word, const struct a64_registers *registers,
			      unsigned int bytes, uint64_t *value)
{
	uint64_t index = a64_get(registers, field_rm(word));

	switch (a64_bits(word, 13, 3)) {
	case 2: /* UXTW */
		index = (uint32_t)index;
		break;
	case 6: /* SXTW */
		index = (uint64_t)(int64_t)(int32_t)(uint32_t)index;
		break;
	case 3: /* LSL */
	case 7: /* SXTX */
		break;
	default:
		return false;
	}
	*value = a64_bits(word, 12, 1) ? index * bytes : index;
	return true;
}

/* Load/store register (register offset). */
static bool decode_indexed(uint32_t word, const struct a64_registers *registers,
			   struct a64_access *access)
{
	uint64_t offset;

	if (!decode_size(word, access) ||
	    !extended_register(word, registers, access->bytes, &offset))
		return false;
	address_by_offset(access, a64_base(registers, access->base), offset);
	return true;
}

/*
 * Load/store register (unscaled immediate, immediate post-indexed, unprivileged, immediate
 * pre-indexed). A program is without privilege in any case.
 */
static bool decode_unscaled(uint32_t word, const struct a64_registers *registers,
			    struct a64_access *access)
{
	const unsigned int mode = a64_bits(word, 10, 2);

	if (!decode_size(word, access) || (mode == 2 && access->vector))
		return false;
	address_by_mode(access, mode, a64_base(registers, access->base), field_signed(word, 12, 9));
	return true;
}

/* One register at the base, without an offset. */
static bool decode_at_base(uint32_t word, bool load, const struct a64_registers *registers,
			   struct a64_access *access)
{
	*access = (struct a64_access){
		.load = load,
		.bytes = 1U << field_size(word),
		.to_bytes = field_size(word) == 3 ? 8 : 4,
		.count = 1,
		.registers = {field_rt(word)},
		.addr = a64_base(registers, field_rn(word)),
	};
	return true;
}

static bool decode_single(uint32_t word, const struct a64_registers *registers,
			  struct a64_access *access)
{
	if (a64_bits(word, 24, 1))
		return decode_scaled(word, registers, access);
	if (!a64_bits(word, 21, 1))
		return decode_unscaled(word, registers, access);
	if (a64_bits(word, 10, 2) == 2)
		return decode_indexed(word, registers, access);
	/* LDAPR, which is encoded as an atomic operation that changes nothing. */
	return (word & UINT32_C(0x3ffffc00)) == UINT32_C(0x38bfc000) &&
	       decode_at_base(word, true, registers, access);
}

/* LDAPR/STLR (unscaled immediate). */
static bool decode_ordered_unscaled(uint32_t word, const struct a64_registers *registers,
				    struct a64_access *access)
{
	if (field_vector(word) || a64_bits(word, 21, 1) || a64_bits(word, 10, 2) ||
	    !decode_size(word, access))
		return false;
	address_by_offset(access, a64_base(registers, access->base), field_signed(word, 12, 9));
	return true;
}

/* Load/store ordered: STLR, LDAR, STLLR, LDLAR. */
static bool decode_ordered(uint32_t word, const struct a64_registers *registers,
			   struct a64_access *access)
{
	/* Neither an exclusive nor CAS; Rs and Rt2 are all ones. */
	return (word & UINT32_C(0x3fbf7c00)) == UINT32_C(0x089f7c00) &&
	       decode_at_base(word, a64_bits(word, 22, 1), registers, access);
}

/* Load register (literal). */
static bool decode_literal(uint32_t word, const struct a64_registers *registers,
			   struct a64_access *access)
{
	const unsigned int opc = field_size(word);

	if (opc == 3 || a64_bits(word, 24, 1))
		return false;
	*access = (struct a64_access){
		.load = true,
		.vector = field_vector(word),
		.count = 1,
		.registers = {field_rt(word)},
		.addr = *registers->pc + 4 * field_signed(word, 5, 19),
	};
	access->sign = !access->vector && opc == 2;
	access->bytes = access->sign ? 4 : 4U << opc;
	access->to_bytes = opc ? 8 : 4;
	return true;
}

/* ---- two registers ---- */

/* What a pair moves. False: reserved, or STGP. */
static bool decode_pair_size(uint32_t word, struct a64_access *access)
{
	const unsigned int opc = field_size(word);

	*access = (struct a64_access){
		.load = a64_bits(word, 22, 1),
		.vector = field_vector(word),
		.count = 2,
		.registers = {field_rt(word), field_rt2(word)},
		.base = field_rn(word),
	};
	if (access->vector) {
		access->bytes = 4U << opc;
		return opc < 3;
	}
	access->sign = opc == 1; /* LDPSW */
	access->bytes = opc == 2 ? 8 : 4;
	access->to_bytes = opc ? 8 : 4;
	return opc == 0 || opc == 2 || (opc == 1 && access->load);
}

/* Load/store register pair, and load/store no-allocate pair. */
static bool decode_pair(uint32_t word, const struct a64_registers *registers,
			struct a64_access *access)
{
	const unsigned int mode = a64_bits(word, 23, 3);

	/* Mode 0 is without allocation, which LDPSW is not. */
	if (!decode_pair_size(word, access) || mode > 3 || (mode == 0 && access->sign))
		return false;
	address_by_mode(access, mode, a64_base(registers, access->base),
			field_signed(word, 15, 7) * access->bytes);
	return true;
}

bool a64_decode(uint32_t word, const struct a64_registers *registers, struct a64_access *access)
{
	bool known = false;

	*access = (struct a64_access){0};
	/* Bits 29 to 27 and, where it tells more, 25 and 24. */
	switch (a64_bits(word, 27, 3)) {
	case 1:
		known = !a64_bits(word, 24, 3) && decode_ordered(word, registers, access);
		break;
	case 3:
		if (a64_bits(word, 24, 2) == 1)
			known = decode_ordered_unscaled(word, registers, access);
		else if (a64_bits(word, 24, 2) == 0)
			known = decode_literal(word, registers, access);
		break;
	case 5:
		known = decode_pair(word, registers, access);
		break;
	case 7:
		known = a64_bits(word, 25, 1) == 0 && decode_single(word, registers, access);
		break;
	}
	return known && (!access->vector || registers->v) && is_predictable(access);
}
