/* SPDX-License-Identifier: MIT */
/*
 * What all instructions have in common. The memory operand is only skipped: the address that it
 * means is known from the signal. Names and encodings are those of the Intel SDM, volume 2.
 */
#include "preload/trap/insn_decode.h"

#if defined(__x86_64__)

static uint8_t fetch(struct insn *insn)
{
	if (insn->at < insn->end)
		return *insn->at++;
	insn->short_of = true;
	return 0;
}

uint64_t insn_fetch_signed(struct insn *insn, unsigned int size)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < size; i++)
		value |= (uint64_t)fetch(insn) << (8 * i);
	if (size < 8 && value >> (8 * size - 1))
		value |= ~insn_size_mask(size);
	return value;
}

/* Extension bits are stored inverted in VEX and EVEX. */
static unsigned int extension(uint8_t byte, unsigned int bit, unsigned int value)
{
	return byte >> bit & 1 ? 0 : value;
}

static bool decode_vex(struct insn *insn, bool three_bytes)
{
	uint8_t byte = fetch(insn);
	unsigned int map = 1;

	insn->encoding = VEX;
	insn->reg = extension(byte, 7, 8);
	if (three_bytes) {
		map = byte & 0x1f;
		byte = fetch(insn);
		insn->wide = byte >> 7;
	}
	insn->vector_len = byte & 4 ? 32 : 16;
	insn->prefix = byte & 3;
	insn->map = map == 1 ? OPCODES_0F : OPCODES_0F_38;
	return map == 1 || map == 2;
}

static bool decode_evex(struct insn *insn)
{
	uint8_t p0 = fetch(insn), p1 = fetch(insn), p2 = fetch(insn);
	unsigned int map = p0 & 7, len = p2 >> 5 & 3;

	insn->encoding = EVEX;
	insn->reg = extension(p0, 7, 8) + extension(p0, 4, 16);
	insn->wide = p1 >> 7;
	insn->prefix = p1 & 3;
	insn->vector_len = 16u << len;
	insn->map = map == 1 ? OPCODES_0F : OPCODES_0F_38;
	/* Broadcast, zeroing and masks are not emulated. */
	return (map == 1 || map == 2) && len < 3 && !(p2 & 0x97);
}

bool insn_decode_prefixes(struct insn *insn)
{
	bool rep = false, repne = false;
	uint8_t byte;

	for (;;) {
		byte = fetch(insn);
		if (byte == 0x66)
			insn->operand16 = true;
		else if (byte == 0x67)
			insn->address32 = true;
		else if (byte == 0xf2)
			repne = true;
		else if (byte == 0xf3)
			rep = true;
		else if (byte != 0xf0 && byte != 0x2e && byte != 0x36 && byte != 0x3e &&
			 byte != 0x26 && byte != 0x64 && byte != 0x65)
			break;
	}
	insn->prefix = repne		 ? PREFIX_F2
		       : rep		 ? PREFIX_F3
		       : insn->operand16 ? PREFIX_66
					 : PREFIX_NONE;
	insn->vector_len = 16;
	if (byte == 0xc4 || byte == 0xc5) {
		if (!decode_vex(insn, byte == 0xc4))
			return false;
		insn->opcode = fetch(insn);
		return true;
	}
	if (byte == 0x62) {
		if (!decode_evex(insn))
			return false;
		insn->opcode = fetch(insn);
		return true;
	}
	if ((byte & 0xf0) == 0x40) {
		insn->rex = true;
		insn->wide = byte & 8;
		insn->reg = byte & 4 ? 8 : 0;
		byte = fetch(insn);
	}
	if (byte == 0x0f) {
		insn->map = OPCODES_0F;
		byte = fetch(insn);
		if (byte == 0x38) {
			insn->map = OPCODES_0F_38;
			byte = fetch(insn);
		}
	}
	insn->opcode = byte;
	return true;
}

bool insn_decode_modrm(struct insn *insn)
{
	uint8_t modrm = fetch(insn);
	unsigned int mod = modrm >> 6, rm = modrm & 7;

	insn->group = modrm >> 3 & 7;
	insn->reg += insn->group;
	if (mod == 3)
		return false;
	if (rm == 4) {
		uint8_t sib = fetch(insn);

		if (mod == 0 && (sib & 7) == 5)
			mod = 2;
	} else if (mod == 0 && rm == 5) {
		mod = 2;
	}
	if (mod)
		(void)insn_fetch_signed(insn, mod == 1 ? 1 : 4);
	return true;
}

uint64_t insn_fetch_immediate(struct insn *insn, unsigned int size)
{
	return insn_fetch_signed(insn, size == 8 ? 4 : size) & insn_size_mask(size);
}

#endif
