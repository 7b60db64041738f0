/* SPDX-License-Identifier: MIT */
/*
 * See insn_operand.h. ModRM of the copy is [base] without displacement; SIB, prefixes of segments
 * and of the address size, and the bits of REX, VEX and EVEX for base and index are dropped.
 */
#include "preload/insn/insn_operand.h"

#include <string.h>

enum {
	RSP = 4,
	RBP = 5,
	REX_XB = 0x3,
	VEX_XB = 0x60, /* inverted */
	MODRM_REG = 0x38,
	PREFIX_ADDRESS = 0x67,
};

static bool is_general(ZydisRegister reg)
{
	const ZydisRegisterClass class = ZydisRegisterGetClass(reg);

	return class == ZYDIS_REGCLASS_GPR8 || class == ZYDIS_REGCLASS_GPR16 ||
	       class == ZYDIS_REGCLASS_GPR32 || class == ZYDIS_REGCLASS_GPR64;
}

static unsigned int number_of(ZydisRegister reg)
{
	return (unsigned int)ZydisRegisterGetId(
		ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg));
}

bool insn_address_register(const struct any_insn *insn, ZydisRegister reg, uint64_t *value)
{
	*value = 0;
	if (reg == ZYDIS_REGISTER_NONE)
		return true;
	if (reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP)
		*value = insn->pc;
	else if (is_general(reg))
		*value = (uint64_t)*insn_register(insn->context, number_of(reg));
	else
		return false;
	return true;
}

bool insn_operand_address(const struct any_insn *insn, const ZydisDecodedOperand *operand,
			  uint64_t *addr)
{
	uint64_t base, index;

	if (operand->mem.segment == ZYDIS_REGISTER_FS ||
	    operand->mem.segment == ZYDIS_REGISTER_GS) {
		*addr = insn->fault;
		return true;
	}
	if (!insn_address_register(insn, operand->mem.base, &base) ||
	    !insn_address_register(insn, operand->mem.index, &index))
		return false;
	*addr = base + index * operand->mem.scale + (uint64_t)operand->mem.disp.value;
	if (insn->decoded.address_width == 32)
		*addr &= UINT32_MAX;
	return true;
}

bool insn_free_base(const struct any_insn *insn, unsigned int *base)
{
	/* rsp and rbp would need another ModRM. */
	unsigned int used = 1u << RSP | 1u << RBP;

	for (unsigned int i = 0; i < insn->decoded.operand_count; i++) {
		const ZydisDecodedOperand *operand = &insn->operands[i];

		if (operand->type != ZYDIS_OPERAND_TYPE_REGISTER || !is_general(operand->reg.value))
			continue;
		used |= 1u << number_of(operand->reg.value);
	}
	for (*base = 0; *base < 8; ++*base)
		if (!(used >> *base & 1))
			return true;
	return false;
}

bool insn_names_stack(const struct any_insn *insn)
{
	for (unsigned int i = 0; i < insn->decoded.operand_count; i++) {
		const ZydisDecodedOperand *operand = &insn->operands[i];

		if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    is_general(operand->reg.value) && number_of(operand->reg.value) == RSP)
			return true;
	}
	return false;
}

static bool is_dropped(uint8_t prefix)
{
	switch (prefix) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0x64:
	case 0x65:
	case PREFIX_ADDRESS:
		return true;
	default:
		return false;
	}
}

/* Where the bits are that extend base and index, and what they become; 0: there are none. */
static size_t extension_at(const ZydisDecodedInstruction *decoded)
{
	switch (decoded->encoding) {
	case ZYDIS_INSTRUCTION_ENCODING_VEX:
		return decoded->raw.vex.size == 3 ? decoded->raw.vex.offset + 1u : 0;
	case ZYDIS_INSTRUCTION_ENCODING_EVEX:
		return decoded->raw.evex.offset + 1u;
	case ZYDIS_INSTRUCTION_ENCODING_XOP:
		return decoded->raw.xop.offset + 1u;
	default:
		return 0;
	}
}

static bool is_rex(const ZydisDecodedInstruction *decoded, size_t at)
{
	return (decoded->attributes & ZYDIS_ATTRIB_HAS_REX) && at == decoded->raw.rex.offset;
}

size_t insn_encode(const struct any_insn *insn, unsigned int base, uint8_t *code)
{
	const ZydisDecodedInstruction *decoded = &insn->decoded;
	const size_t extension = extension_at(decoded);
	size_t len = 0, immediate = decoded->raw.imm[0].offset;

	for (size_t at = 0; at < decoded->raw.modrm.offset; at++) {
		if (at < decoded->raw.prefix_count && !is_rex(decoded, at) &&
		    is_dropped(insn->code[at]))
			continue;
		code[len] = insn->code[at];
		if (is_rex(decoded, at))
			code[len] &= (uint8_t)~REX_XB;
		else if (extension && at == extension)
			code[len] |= VEX_XB;
		len++;
	}
	code[len++] = (uint8_t)((insn->code[decoded->raw.modrm.offset] & MODRM_REG) | base);
	if (!decoded->raw.imm[0].size)
		immediate = decoded->length;
	memcpy(code + len, insn->code + immediate, decoded->length - immediate);
	return len + decoded->length - immediate;
}
