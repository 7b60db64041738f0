/* SPDX-License-Identifier: MIT */
/*
 * See insn.h. One function carries out each family of opcodes. Names and encodings are those of the
 * Intel SDM, volume 2.
 */
#include "preload/trap/insn.h"

#if defined(__x86_64__)

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "preload/trap/insn_decode.h"
#include "preload/trap/insn_vector.h"

/* ---- registers ---- */

static greg_t *general(const struct insn *insn, unsigned int n)
{
	static const uint8_t order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
					  REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
					  REG_R12, REG_R13, REG_R14, REG_R15};

	return &insn->context->uc_mcontext.gregs[order[n]];
}

/* AH, CH, DH, BH. */
static bool is_high_byte(const struct insn *insn, unsigned int n, unsigned int size)
{
	return size == 1 && !insn->rex && n >= 4 && n < 8;
}

static uint64_t reg_get(const struct insn *insn, unsigned int n, unsigned int size)
{
	if (is_high_byte(insn, n, size))
		return (uint64_t)*general(insn, n - 4) >> 8 & 0xff;
	return (uint64_t)*general(insn, n) & insn_size_mask(size);
}

static void reg_set(const struct insn *insn, unsigned int n, unsigned int size, uint64_t value)
{
	greg_t *reg = general(insn, n);
	uint64_t mask = insn_size_mask(size);

	if (is_high_byte(insn, n, size)) {
		reg = general(insn, n - 4);
		mask = 0xff00;
		value <<= 8;
	} else if (size == 4) {
		mask = UINT64_MAX; /* the upper half becomes 0 */
		value &= UINT32_MAX;
	}
	*reg = (greg_t)(((uint64_t)*reg & ~mask) | (value & mask));
}

/* ---- memory ---- */

static enum insn_result load(const struct insn *insn, unsigned int size, uint64_t *value)
{
	*value = 0;
	return insn->memory->read(insn->addr, value, size) ? INSN_REFUSED : INSN_DONE;
}

static enum insn_result store(const struct insn *insn, unsigned int size, uint64_t value)
{
	return insn->memory->write(insn->addr, &value, size) ? INSN_REFUSED : INSN_DONE;
}

/* Bytes of a general operand: opcodes come in pairs, the even one for bytes. */
static unsigned int operand_size(const struct insn *insn, bool bytes)
{
	if (bytes)
		return 1;
	return insn->wide ? 8 : insn->operand16 ? 2 : 4;
}

/* ---- arithmetic ---- */

/* In the order of the opcodes; TEST is beside them. */
enum operation {
	ADD,
	OR,
	ADC,
	SBB,
	AND,
	SUB,
	XOR,
	CMP,
	TEST,
};

enum {
	FLAG_CARRY = 1 << 0,
	FLAG_PARITY = 1 << 2,
	FLAG_ADJUST = 1 << 4,
	FLAG_ZERO = 1 << 6,
	FLAG_SIGN = 1 << 7,
	FLAG_OVERFLOW = 1 << 11,
	ARITHMETIC_FLAGS = FLAG_CARRY | FLAG_PARITY | FLAG_ADJUST | FLAG_ZERO | FLAG_SIGN |
			   FLAG_OVERFLOW,
};

/* Returns @a op @b in @size bytes. *@flags is RFLAGS before and after. */
static uint64_t compute(enum operation operation, unsigned int size, uint64_t a, uint64_t b,
			uint64_t *flags)
{
	const uint64_t sign = UINT64_C(1) << (8 * size - 1);
	uint64_t carry_in = *flags & FLAG_CARRY, carries = 0, overflow = 0;
	uint64_t r;

	if (operation == ADD || operation == CMP || operation == SUB)
		carry_in = 0;
	switch (operation) {
	case ADD:
	case ADC:
		r = a + b + carry_in;
		carries = (a & b) | ((a | b) & ~r);
		overflow = (a ^ r) & (b ^ r);
		break;
	case SUB:
	case SBB:
	case CMP:
		r = a - b - carry_in;
		carries = (~a & b) | ((~a | b) & r);
		overflow = (a ^ b) & (a ^ r);
		break;
	case OR:
		r = a | b;
		break;
	case XOR:
		r = a ^ b;
		break;
	default:
		r = a & b;
		break;
	}
	*flags &= ~(uint64_t)ARITHMETIC_FLAGS;
	*flags |= carries & sign ? FLAG_CARRY : 0;
	*flags |= overflow & sign ? FLAG_OVERFLOW : 0;
	/* The carry out of bit 3. */
	*flags |= carries & 8 ? FLAG_ADJUST : 0;
	*flags |= r & sign ? FLAG_SIGN : 0;
	*flags |= r & insn_size_mask(size) ? 0 : FLAG_ZERO;
	*flags |= __builtin_parityll(r & 0xff) ? 0 : FLAG_PARITY;
	return r & insn_size_mask(size);
}

/* Memory op= @operand; with @into_reg, the register of ModRM op= memory. */
static enum insn_result arithmetic(const struct insn *insn, enum operation operation,
				   unsigned int size, uint64_t operand, bool into_reg)
{
	greg_t *flags_reg = &insn->context->uc_mcontext.gregs[REG_EFL];
	uint64_t flags = (uint64_t)*flags_reg, value, result;
	enum insn_result rc = load(insn, size, &value);

	if (rc != INSN_DONE)
		return rc;
	result = into_reg ? compute(operation, size, reg_get(insn, insn->reg, size), value, &flags)
			  : compute(operation, size, value, operand, &flags);
	if (operation != CMP && operation != TEST) {
		if (into_reg)
			reg_set(insn, insn->reg, size, result);
		else
			rc = store(insn, size, result);
	}
	if (rc == INSN_DONE)
		*flags_reg = (greg_t)flags;
	return rc;
}

static enum insn_result exchange(const struct insn *insn, unsigned int size)
{
	uint64_t value;
	enum insn_result rc = load(insn, size, &value);

	if (rc != INSN_DONE)
		return rc;
	rc = store(insn, size, reg_get(insn, insn->reg, size));
	if (rc != INSN_DONE)
		return rc;
	reg_set(insn, insn->reg, size, value);
	return INSN_DONE;
}

/* ---- general moves ---- */

static enum insn_result load_reg(const struct insn *insn, unsigned int size, unsigned int to_size,
				 bool extend_sign)
{
	uint64_t value;
	enum insn_result rc = load(insn, size, &value);

	if (rc != INSN_DONE)
		return rc;
	if (extend_sign && value >> (8 * size - 1))
		value |= ~insn_size_mask(size);
	reg_set(insn, insn->reg, to_size, value);
	return INSN_DONE;
}

/*
 * movs and stos; with rep, at most MAX_ROUNDS rounds at once. The registers always describe the
 * rounds that are left, as they do when an interrupt ends a rep early.
 */
static enum insn_result string(struct insn *insn, bool move)
{
	enum {
		MAX_ROUNDS = 512
	};
	const unsigned int size = operand_size(insn, !(insn->opcode & 1));
	const bool rep = insn->prefix == PREFIX_F3 || insn->prefix == PREFIX_F2;
	greg_t *gregs = insn->context->uc_mcontext.gregs;
	/* Unsigned: at the ends of the address space it wraps, as in the processor. */
	const uint64_t step = gregs[REG_EFL] & 0x400 ? -(uint64_t)size : size;
	uint64_t value = (uint64_t)gregs[REG_RAX];

	if (insn->address32)
		return INSN_UNKNOWN;
	for (unsigned int i = 0; i < MAX_ROUNDS && (!rep || gregs[REG_RCX]); i++) {
		if (move && insn->memory->read((uint64_t)gregs[REG_RSI], &value, size))
			return INSN_REFUSED;
		if (insn->memory->write((uint64_t)gregs[REG_RDI], &value, size))
			return INSN_REFUSED;
		gregs[REG_RDI] = (greg_t)((uint64_t)gregs[REG_RDI] + step);
		if (move)
			gregs[REG_RSI] = (greg_t)((uint64_t)gregs[REG_RSI] + step);
		if (!rep)
			break;
		gregs[REG_RCX] = (greg_t)((uint64_t)gregs[REG_RCX] - 1);
	}
	/* Rounds are left: the thread executes the instruction again. */
	if (rep && gregs[REG_RCX])
		insn->at = insn->start;
	return INSN_DONE;
}

static enum insn_result immediate_group(struct insn *insn, unsigned int size)
{
	uint64_t operand = insn->opcode == 0x83 ? insn_fetch_signed(insn, 1) & insn_size_mask(size)
						: insn_fetch_immediate(insn, size);

	if (insn->short_of)
		return INSN_UNKNOWN;
	return arithmetic(insn, (enum operation)insn->group, size, operand, false);
}

/* inc and dec do not change the carry. */
static enum insn_result increment(struct insn *insn, unsigned int size)
{
	greg_t *flags = &insn->context->uc_mcontext.gregs[REG_EFL];
	greg_t carry = *flags & FLAG_CARRY;
	enum insn_result rc = arithmetic(insn, insn->group ? SUB : ADD, size, 1, false);

	*flags = (*flags & ~(greg_t)FLAG_CARRY) | carry;
	return rc;
}

static enum insn_result execute_one_byte(struct insn *insn)
{
	const unsigned int size = operand_size(insn, !(insn->opcode & 1));
	uint64_t operand;

	if (insn->opcode == 0xa4 || insn->opcode == 0xa5 || insn->opcode == 0xaa ||
	    insn->opcode == 0xab)
		return string(insn, insn->opcode < 0xa8);
	if (!insn_decode_modrm(insn) || insn->short_of)
		return INSN_UNKNOWN;
	if (insn->opcode < 0x40 && (insn->opcode & 7) < 4)
		return arithmetic(insn, (enum operation)(insn->opcode >> 3), size,
				  reg_get(insn, insn->reg, size), insn->opcode & 2);
	switch (insn->opcode) {
	case 0x63:
		return load_reg(insn, 4, operand_size(insn, false), true);
	case 0x80:
	case 0x81:
	case 0x83:
		return immediate_group(insn, size);
	case 0x84:
	case 0x85:
		return arithmetic(insn, TEST, size, reg_get(insn, insn->reg, size), false);
	case 0x86:
	case 0x87:
		return exchange(insn, size);
	case 0x88:
	case 0x89:
		return store(insn, size, reg_get(insn, insn->reg, size));
	case 0x8a:
	case 0x8b:
		return load_reg(insn, size, size, false);
	case 0xc6:
	case 0xc7:
		operand = insn_fetch_immediate(insn, size);
		return insn->group || insn->short_of ? INSN_UNKNOWN : store(insn, size, operand);
	case 0xf6:
	case 0xf7:
		operand = insn_fetch_immediate(insn, size);
		return insn->group > 1 || insn->short_of
			       ? INSN_UNKNOWN
			       : arithmetic(insn, TEST, size, operand, false);
	case 0xfe:
	case 0xff:
		return insn->group > 1 ? INSN_UNKNOWN : increment(insn, size);
	default:
		return INSN_UNKNOWN;
	}
}

/* ---- vector moves ---- */

static enum insn_result vector_load(const struct insn *insn, unsigned int size)
{
	uint8_t bytes[VECTOR_BYTES] = {0};
	unsigned int len = insn->vector_len;

	if (!vector_get(insn->context, insn->reg, len, bytes))
		return INSN_UNKNOWN;
	memset(bytes, 0, sizeof(bytes));
	if (insn->memory->read(insn->addr, bytes, size))
		return INSN_REFUSED;
	(void)vector_set(insn->context, insn->reg, len, bytes, insn->encoding != LEGACY);
	return INSN_DONE;
}

/* Stores the @size bytes at offset @from of the register. */
static enum insn_result vector_store(const struct insn *insn, unsigned int from, unsigned int size)
{
	uint8_t bytes[VECTOR_BYTES];

	if (!vector_get(insn->context, insn->reg, from + size, bytes))
		return INSN_UNKNOWN;
	return insn->memory->write(insn->addr, bytes + from, size) ? INSN_REFUSED : INSN_DONE;
}

/* Replaces one half of an xmm register. */
static enum insn_result vector_load_half(const struct insn *insn, unsigned int at)
{
	uint8_t bytes[VECTOR_BYTES];

	if (insn->encoding != LEGACY || !vector_get(insn->context, insn->reg, XMM_BYTES, bytes))
		return INSN_UNKNOWN;
	if (insn->memory->read(insn->addr, bytes + at, XMM_BYTES / 2))
		return INSN_REFUSED;
	(void)vector_set(insn->context, insn->reg, XMM_BYTES, bytes, false);
	return INSN_DONE;
}

/* Bytes that movups, movupd, movss or movsd moves. */
static unsigned int float_size(const struct insn *insn)
{
	return insn->prefix == PREFIX_F3 ? 4 : insn->prefix == PREFIX_F2 ? 8 : insn->vector_len;
}

/* Whether the opcode is not another instruction by a prefix f2 or f3. */
static bool has_no_rep(const struct insn *insn)
{
	return insn->prefix == PREFIX_NONE || insn->prefix == PREFIX_66;
}

/* movdqa, movdqu and the forms that EVEX adds; without a prefix the opcode is MMX. */
static bool is_packed_integer(const struct insn *insn)
{
	return insn->prefix == PREFIX_66 || insn->prefix == PREFIX_F3 ||
	       (insn->prefix == PREFIX_F2 && insn->encoding == EVEX);
}

static enum insn_result execute_vector(const struct insn *insn)
{
	const unsigned int word = insn->wide ? 8 : 4;

	switch (insn->opcode) {
	case 0x10:
		return vector_load(insn, float_size(insn));
	case 0x11:
		return vector_store(insn, 0, float_size(insn));
	case 0x12:
	case 0x16:
		return has_no_rep(insn) ? vector_load_half(insn, insn->opcode == 0x16 ? 8 : 0)
					: INSN_UNKNOWN;
	case 0x13:
	case 0x17:
		return vector_store(insn, insn->opcode == 0x17 ? 8 : 0, 8);
	case 0x28:
		return vector_load(insn, insn->vector_len);
	case 0x29:
	case 0x2b:
		return vector_store(insn, 0, insn->vector_len);
	case 0x6e:
		return insn->prefix == PREFIX_66 ? vector_load(insn, word) : INSN_UNKNOWN;
	case 0x6f:
		return is_packed_integer(insn) ? vector_load(insn, insn->vector_len) : INSN_UNKNOWN;
	case 0x7e:
		return insn->prefix == PREFIX_66   ? vector_store(insn, 0, word)
		       : insn->prefix == PREFIX_F3 ? vector_load(insn, 8)
						   : INSN_UNKNOWN;
	case 0x7f:
		return is_packed_integer(insn) ? vector_store(insn, 0, insn->vector_len)
					       : INSN_UNKNOWN;
	case 0xd6:
		return insn->prefix == PREFIX_66 ? vector_store(insn, 0, 8) : INSN_UNKNOWN;
	case 0xe7:
		return insn->prefix == PREFIX_66 ? vector_store(insn, 0, insn->vector_len)
						 : INSN_UNKNOWN;
	default:
		return INSN_UNKNOWN;
	}
}

static enum insn_result execute_two_bytes(struct insn *insn)
{
	if (!insn_decode_modrm(insn) || insn->short_of)
		return INSN_UNKNOWN;
	if (insn->encoding != LEGACY)
		return execute_vector(insn);
	switch (insn->opcode) {
	case 0xb6:
	case 0xb7:
	case 0xbe:
	case 0xbf:
		return load_reg(insn, insn->opcode & 1 ? 2 : 1, operand_size(insn, false),
				insn->opcode >= 0xbe);
	case 0xc3:
		return store(insn, insn->wide ? 8 : 4,
			     reg_get(insn, insn->reg, insn->wide ? 8 : 4));
	default:
		return execute_vector(insn);
	}
}

/* movbe */
static enum insn_result swapped_move(const struct insn *insn, bool to_memory)
{
	const unsigned int size = operand_size(insn, false);
	const unsigned int unused_bits = 64 - 8 * size;
	uint64_t value = reg_get(insn, insn->reg, size);
	enum insn_result rc;

	if (to_memory)
		return store(insn, size, __builtin_bswap64(value) >> unused_bits);
	rc = load(insn, size, &value);
	if (rc != INSN_DONE)
		return rc;
	reg_set(insn, insn->reg, size, __builtin_bswap64(value) >> unused_bits);
	return INSN_DONE;
}

static enum insn_result execute_three_bytes(struct insn *insn)
{
	const unsigned int word = insn->wide ? 8 : 4;

	if (!insn_decode_modrm(insn) || insn->short_of)
		return INSN_UNKNOWN;
	if (insn->opcode == 0x2a && insn->prefix == PREFIX_66) /* movntdqa */
		return vector_load(insn, insn->vector_len);
	if (insn->encoding != LEGACY)
		return INSN_UNKNOWN;
	switch (insn->opcode) {
	case 0xf0:
	case 0xf1:
		return has_no_rep(insn) ? swapped_move(insn, insn->opcode == 0xf1) : INSN_UNKNOWN;
	case 0xf9: /* movdiri */
		return insn->prefix == PREFIX_NONE
			       ? store(insn, word, reg_get(insn, insn->reg, word))
			       : INSN_UNKNOWN;
	default:
		return INSN_UNKNOWN;
	}
}

static enum insn_result execute(struct insn *insn)
{
	switch (insn->map) {
	case OPCODES_1:
		return execute_one_byte(insn);
	case OPCODES_0F:
		return execute_two_bytes(insn);
	case OPCODES_0F_38:
		return execute_three_bytes(insn);
	}
	return INSN_UNKNOWN;
}

static insn_emulate_fn *other;

void insn_set_other(insn_emulate_fn *emulate)
{
	other = emulate;
}

static enum insn_result emulate(const uint8_t *code, size_t len, ucontext_t *context, uint64_t addr,
				const struct insn_memory *memory)
{
	struct insn insn = {
		.context = context,
		.memory = memory,
		.addr = addr,
		.start = code,
		.at = code,
		.end = code + len,
	};
	greg_t *rip = &context->uc_mcontext.gregs[REG_RIP];
	enum insn_result rc;

	assert(len <= INSN_MAX_BYTES);
	if (!insn_decode_prefixes(&insn) || insn.short_of)
		return INSN_UNKNOWN;
	rc = execute(&insn);
	if (rc == INSN_DONE)
		*rip = (greg_t)((uint64_t)*rip + (uint64_t)(insn.at - insn.start));
	return rc;
}

enum insn_result insn_emulate(const uint8_t *code, size_t len, ucontext_t *context, uint64_t addr,
			      const struct insn_memory *memory)
{
	enum insn_result rc = emulate(code, len, context, addr, memory);

	if (rc == INSN_UNKNOWN && other)
		rc = other(code, len, context, addr, memory);
	return rc;
}

#endif
