/* SPDX-License-Identifier: MIT */
/* See insn_special.h. */
#include "preload/insn/insn_special.h"

#include <string.h>

#include "preload/trap/insn_vector.h"

enum {
	RAX = 0,
	RCX = 1,
	RBX = 3,
	RSP = 4,
	RSI = 6,
	RDI = 7,
	MAX_ROUNDS = 512, /* of a rep at once */
	DIRECTION = 0x400,
	ZERO = 0x40,
	LINE = 64,
	ELEMENTS = 16,
};

static uint64_t get(const struct any_insn *insn, unsigned int number)
{
	return (uint64_t)*insn_register(insn->context, number);
}

static void set(const struct any_insn *insn, unsigned int number, uint64_t value)
{
	*insn_register(insn->context, number) = (greg_t)value;
}

/* An address in a register, as wide as addresses of the instruction are. */
static uint64_t pointer(const struct any_insn *insn, unsigned int number)
{
	const uint64_t value = get(insn, number);

	return insn->decoded.address_width == 32 ? value & UINT32_MAX : value;
}

static void advance(const struct any_insn *insn, unsigned int number, uint64_t by)
{
	const uint64_t value = pointer(insn, number) + by;

	set(insn, number, insn->decoded.address_width == 32 ? value & UINT32_MAX : value);
}

/* ---- string instructions ---- */

enum string_kind {
	MOVS,
	STOS,
	LODS,
	CMPS,
	SCAS,
};

static bool string_kind(const struct any_insn *insn, enum string_kind *kind)
{
	if (insn->decoded.meta.category != ZYDIS_CATEGORY_STRINGOP)
		return false;
	switch (insn->decoded.opcode & ~1) {
	case 0xa4:
		*kind = MOVS;
		return true;
	case 0xa6:
		*kind = CMPS;
		return true;
	case 0xaa:
		*kind = STOS;
		return true;
	case 0xac:
		*kind = LODS;
		return true;
	case 0xae:
		*kind = SCAS;
		return true;
	default:
		return false;
	}
}

/* Sets the flags as cmp of @a and @b does: cmp rax, [rsi]. */
static void compare(struct any_insn *insn, unsigned int size, uint64_t a, uint64_t b)
{
	static const uint8_t codes[][4] = {[1] = {0x3a, 0x06},
					   [2] = {0x66, 0x3b, 0x06},
					   [4] = {0x3b, 0x06},
					   [8] = {0x48, 0x3b, 0x06}};
	static const uint8_t lengths[] = {[1] = 2, [2] = 3, [4] = 2, [8] = 3};
	struct insn_run *run = insn_run_get();
	const greg_t rax = *insn_register(insn->context, RAX);

	(void)insn_run_load(run, insn->context, false);
	memcpy(run->operand, &b, sizeof(b));
	run->registers[RAX] = a;
	insn_run(run, codes[size], lengths[size], RSI);
	(void)insn_run_store(run, insn->context, RSI, 0, 0);
	*insn_register(insn->context, RAX) = rax;
	insn_run_put(run);
}

static enum insn_result string_round(struct any_insn *insn, enum string_kind kind,
				     unsigned int size)
{
	const bool down = insn->context->uc_mcontext.gregs[REG_EFL] & DIRECTION;
	const uint64_t step = down ? 0 - (uint64_t)size : size;
	uint64_t from = 0, to = get(insn, RAX);

	if (kind != STOS && kind != SCAS && insn->memory->read(pointer(insn, RSI), &from, size))
		return INSN_REFUSED;
	if ((kind == CMPS || kind == SCAS) && insn->memory->read(pointer(insn, RDI), &to, size))
		return INSN_REFUSED;
	if (kind == MOVS && insn->memory->write(pointer(insn, RDI), &from, size))
		return INSN_REFUSED;
	if (kind == STOS && insn->memory->write(pointer(insn, RDI), &to, size))
		return INSN_REFUSED;
	if (kind == CMPS)
		compare(insn, size, from, to);
	if (kind == SCAS)
		compare(insn, size, get(insn, RAX), to);
	if (kind == LODS)
		memcpy(insn_register(insn->context, RAX), &from, size == 4 ? 8 : size);
	if (kind != STOS && kind != SCAS)
		advance(insn, RSI, step);
	if (kind != LODS)
		advance(insn, RDI, step);
	return INSN_DONE;
}

/* As in insn.c: the registers describe the rounds that are left. */
static enum insn_result string(struct any_insn *insn, enum string_kind kind)
{
	const bool compares = kind == CMPS || kind == SCAS;
	const bool rep = insn->decoded.attributes &
			 (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE);
	const bool while_equal = !(insn->decoded.attributes & ZYDIS_ATTRIB_HAS_REPNE);
	const unsigned int size = insn->decoded.opcode & 1 ? insn->decoded.operand_width / 8u : 1;
	const greg_t *flags = &insn->context->uc_mcontext.gregs[REG_EFL];
	bool more = rep && pointer(insn, RCX);
	enum insn_result rc = INSN_DONE;

	if (rep && !more)
		return INSN_DONE;
	for (unsigned int i = 0; i < MAX_ROUNDS && (more || !i) && rc == INSN_DONE; i++) {
		rc = string_round(insn, kind, size);
		if (rc != INSN_DONE || !rep)
			continue;
		advance(insn, RCX, UINT64_MAX);
		more = pointer(insn, RCX) && (!compares || !!(*flags & ZERO) == while_equal);
	}
	if (rc == INSN_DONE && more) /* the thread executes the instruction again */
		insn->pc -= insn->decoded.length;
	return rc;
}

/* ---- the stack, and jumps ---- */

static enum insn_result push(const struct any_insn *insn, uint64_t value, unsigned int size)
{
	if (insn->memory->write(get(insn, RSP) - size, &value, size))
		return INSN_REFUSED;
	set(insn, RSP, get(insn, RSP) - size);
	return INSN_DONE;
}

static enum insn_result pop_to(struct any_insn *insn, unsigned int size)
{
	const uint64_t stack = get(insn, RSP);
	uint64_t value = 0, addr;

	if (insn->memory->read(stack, &value, size))
		return INSN_REFUSED;
	/* An address by rsp is that after the pop. */
	set(insn, RSP, stack + size);
	if (insn_operand_address(insn, insn->operand, &addr) &&
	    !insn->memory->write(addr, &value, size))
		return INSN_DONE;
	set(insn, RSP, stack);
	return INSN_REFUSED;
}

static enum insn_result stack_or_jump(struct any_insn *insn)
{
	const unsigned int size = insn->operand->size / 8u;
	uint64_t value = 0, addr;
	enum insn_result rc = INSN_DONE;

	if (insn->decoded.mnemonic == ZYDIS_MNEMONIC_POP)
		return pop_to(insn, size);
	if (!insn_operand_address(insn, insn->operand, &addr) || size > sizeof(value))
		return INSN_UNKNOWN;
	if (insn->memory->read(addr, &value, size))
		return INSN_REFUSED;
	if (insn->decoded.mnemonic == ZYDIS_MNEMONIC_PUSH)
		return push(insn, value, size);
	if (insn->decoded.mnemonic == ZYDIS_MNEMONIC_CALL)
		rc = push(insn, insn->pc, sizeof(value));
	if (rc == INSN_DONE)
		insn->pc = value;
	return rc;
}

static bool is_stack_or_jump(const struct any_insn *insn)
{
	if (!insn->operand || insn->operand->visibility != ZYDIS_OPERAND_VISIBILITY_EXPLICIT)
		return false;
	switch (insn->decoded.mnemonic) {
	case ZYDIS_MNEMONIC_PUSH:
	case ZYDIS_MNEMONIC_POP:
		return true;
	case ZYDIS_MNEMONIC_CALL:
	case ZYDIS_MNEMONIC_JMP: /* not to another segment */
		return insn->operand->size == 64;
	default:
		return false;
	}
}

/* ---- addresses in registers ---- */

static enum insn_result store_line(const struct any_insn *insn, uint64_t to, const uint8_t *line)
{
	return insn->memory->write(to, line, LINE) ? INSN_REFUSED : INSN_DONE;
}

static enum insn_result move_line(const struct any_insn *insn)
{
	const unsigned int number = (unsigned int)ZydisRegisterGetId(insn->operands[0].reg.value);
	uint8_t line[LINE];
	uint64_t from;

	if (!insn_operand_address(insn, &insn->operands[1], &from))
		return INSN_UNKNOWN;
	if (insn->memory->read(from, line, LINE))
		return INSN_REFUSED;
	return store_line(insn, pointer(insn, number), line);
}

/* xlat: al from the table at rbx. */
static enum insn_result look_up(const struct any_insn *insn)
{
	const uint64_t table = get(insn, RBX) + (get(insn, RAX) & 0xff);

	return insn->memory->read(table, insn_register(insn->context, RAX), 1) ? INSN_REFUSED
									       : INSN_DONE;
}

/* maskmovdqu and maskmovq: bytes whose highest bit in the mask is set, to rdi. */
static enum insn_result store_bytes(struct any_insn *insn)
{
	const unsigned int source = (unsigned int)ZydisRegisterGetId(insn->operands[1].reg.value);
	const unsigned int mask = (unsigned int)ZydisRegisterGetId(insn->operands[2].reg.value);
	uint8_t bytes[VECTOR_BYTES], select[VECTOR_BYTES];

	if (insn->decoded.mnemonic == ZYDIS_MNEMONIC_MASKMOVQ ||
	    !vector_get(insn->context, source, XMM_BYTES, bytes) ||
	    !vector_get(insn->context, mask, XMM_BYTES, select))
		return INSN_UNKNOWN;
	for (unsigned int i = 0; i < XMM_BYTES; i++)
		if (select[i] >> 7 && insn->memory->write(pointer(insn, RDI) + i, bytes + i, 1))
			return INSN_REFUSED;
	return INSN_DONE;
}

/* ---- MXCSR ---- */

static enum insn_result move_mxcsr(const struct any_insn *insn, bool load)
{
	uint32_t value;
	uint64_t addr;

	if (!insn_operand_address(insn, insn->operand, &addr) ||
	    !insn_run_mxcsr(insn->context, &value))
		return INSN_UNKNOWN;
	if (!load)
		return insn->memory->write(addr, &value, sizeof(value)) ? INSN_REFUSED : INSN_DONE;
	if (insn->memory->read(addr, &value, sizeof(value)) ||
	    !insn_run_set_mxcsr(insn->context, value))
		return INSN_REFUSED;
	return INSN_DONE;
}

/* ---- gathers and scatters ---- */

struct gather {
	const ZydisDecodedOperand *operand;
	unsigned int element, index_size, count;
	bool scatter, evex;
	unsigned int data, mask, index; /* numbers of registers */
	uint64_t base;
	uint8_t values[VECTOR_BYTES], indices[VECTOR_BYTES];
	uint64_t active;
};

static bool index_is_64(ZydisMnemonic mnemonic)
{
	switch (mnemonic) {
	case ZYDIS_MNEMONIC_VGATHERQPS:
	case ZYDIS_MNEMONIC_VGATHERQPD:
	case ZYDIS_MNEMONIC_VPGATHERQD:
	case ZYDIS_MNEMONIC_VPGATHERQQ:
	case ZYDIS_MNEMONIC_VSCATTERQPS:
	case ZYDIS_MNEMONIC_VSCATTERQPD:
	case ZYDIS_MNEMONIC_VPSCATTERQD:
	case ZYDIS_MNEMONIC_VPSCATTERQQ:
		return true;
	default:
		return false;
	}
}

static unsigned int register_bytes(ZydisRegister reg)
{
	switch (ZydisRegisterGetClass(reg)) {
	case ZYDIS_REGCLASS_ZMM:
		return 64;
	case ZYDIS_REGCLASS_YMM:
		return 32;
	default:
		return 16;
	}
}

static uint64_t mask_of(const struct any_insn *insn, const struct gather *gather)
{
	uint8_t select[VECTOR_BYTES];
	uint64_t mask = 0;

	if (gather->evex)
		return insn_run_mask(insn->context, gather->mask);
	if (!vector_get(insn->context, gather->mask, 32, select))
		return 0;
	for (unsigned int i = 0; i < gather->count; i++)
		mask |= (uint64_t)(select[(i + 1) * gather->element - 1] >> 7) << i;
	return mask;
}

static bool describe_gather(const struct any_insn *insn, struct gather *gather)
{
	const ZydisDecodedOperand *data, *operand = NULL;
	ZydisRegister index;

	for (unsigned int i = 0; i < insn->decoded.operand_count_visible; i++)
		if (insn->operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY)
			operand = &insn->operands[i];
	if (!operand || operand->mem.type != ZYDIS_MEMOP_TYPE_VSIB)
		return false;
	gather->operand = operand;
	gather->scatter = operand == &insn->operands[0];
	gather->evex = insn->decoded.encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX;
	/* A gather's mask register is its second operand by VEX, the third otherwise. */
	data = &insn->operands[gather->scatter ? 2 : 0];
	if (data->type != ZYDIS_OPERAND_TYPE_REGISTER)
		return false;
	gather->data = (unsigned int)ZydisRegisterGetId(data->reg.value);
	gather->mask = (unsigned int)ZydisRegisterGetId(gather->evex ? insn->decoded.avx.mask.reg
								     : insn->operands[2].reg.value);
	index = operand->mem.index;
	gather->index = (unsigned int)ZydisRegisterGetId(index);
	gather->element = data->element_size / 8u;
	gather->index_size = index_is_64(insn->decoded.mnemonic) ? 8 : 4;
	gather->count = register_bytes(data->reg.value) / gather->element;
	if (gather->count > register_bytes(index) / gather->index_size)
		gather->count = register_bytes(index) / gather->index_size;
	return (gather->element == 4 || gather->element == 8) && gather->count <= ELEMENTS &&
	       insn_address_register(insn, operand->mem.base, &gather->base) &&
	       vector_get(insn->context, gather->data, 16, gather->values) &&
	       vector_get(insn->context, gather->index, 16, gather->indices);
}

static uint64_t element_address(const struct any_insn *insn, const struct gather *gather,
				unsigned int i)
{
	int64_t index = 0;
	uint64_t addr;

	if (gather->index_size == 8) {
		memcpy(&index, gather->indices + i * 8, 8);
	} else {
		int32_t narrow;

		memcpy(&narrow, gather->indices + i * 4, 4);
		index = narrow;
	}
	addr = gather->base + (uint64_t)index * gather->operand->mem.scale +
	       (uint64_t)gather->operand->mem.disp.value;
	return insn->decoded.address_width == 32 ? addr & UINT32_MAX : addr;
}

/* The mask is cleared, and of a gather what is above the elements. */
static void finish_gather(const struct any_insn *insn, const struct gather *gather)
{
	static const uint8_t zeros[VECTOR_BYTES];

	if (gather->evex)
		insn_run_clear_mask(insn->context, gather->mask);
	else
		(void)vector_set(insn->context, gather->mask, 16, zeros, true);
	if (!gather->scatter)
		(void)vector_set(insn->context, gather->data, gather->count * gather->element,
				 gather->values, true);
}

static enum insn_result gather_or_scatter(const struct any_insn *insn, struct gather *gather)
{
	const uint64_t mask = mask_of(insn, gather);

	for (unsigned int i = 0; i < gather->count; i++) {
		uint8_t *value = gather->values + i * gather->element;
		const uint64_t addr = element_address(insn, gather, i);

		if (!(mask >> i & 1))
			continue;
		if (gather->scatter ? insn->memory->write(addr, value, gather->element)
				    : insn->memory->read(addr, value, gather->element))
			return INSN_REFUSED;
	}
	finish_gather(insn, gather);
	return INSN_DONE;
}

/* ---- all of it ---- */

static bool has_vsib(const struct any_insn *insn)
{
	for (unsigned int i = 0; i < insn->decoded.operand_count_visible; i++)
		if (insn->operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    insn->operands[i].mem.type == ZYDIS_MEMOP_TYPE_VSIB)
			return true;
	return false;
}

bool insn_special(struct any_insn *insn, enum insn_result *result)
{
	static const uint8_t zeros[LINE];
	struct gather gather;
	enum string_kind kind;

	*result = INSN_UNKNOWN;
	if (string_kind(insn, &kind)) {
		*result = string(insn, kind);
	} else if (is_stack_or_jump(insn)) {
		*result = stack_or_jump(insn);
	} else if (has_vsib(insn)) {
		if (describe_gather(insn, &gather))
			*result = gather_or_scatter(insn, &gather);
	} else {
		switch (insn->decoded.mnemonic) {
		case ZYDIS_MNEMONIC_MOVDIR64B:
			*result = move_line(insn);
			break;
		case ZYDIS_MNEMONIC_CLZERO:
			*result =
				store_line(insn, pointer(insn, RAX) & ~(uint64_t)(LINE - 1), zeros);
			break;
		case ZYDIS_MNEMONIC_XLAT:
			*result = look_up(insn);
			break;
		case ZYDIS_MNEMONIC_MASKMOVQ:
		case ZYDIS_MNEMONIC_MASKMOVDQU:
		case ZYDIS_MNEMONIC_VMASKMOVDQU:
			*result = store_bytes(insn);
			break;
		case ZYDIS_MNEMONIC_LDMXCSR:
		case ZYDIS_MNEMONIC_VLDMXCSR:
			*result = move_mxcsr(insn, true);
			break;
		case ZYDIS_MNEMONIC_STMXCSR:
		case ZYDIS_MNEMONIC_VSTMXCSR:
			*result = move_mxcsr(insn, false);
			break;
		case ZYDIS_MNEMONIC_CLFLUSH:
		case ZYDIS_MNEMONIC_CLFLUSHOPT:
		case ZYDIS_MNEMONIC_CLWB:
		case ZYDIS_MNEMONIC_CLDEMOTE: /* nothing of a device is cached */
			*result = INSN_DONE;
			break;
		default:
			return false;
		}
	}
	return true;
}
