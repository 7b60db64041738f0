/* SPDX-License-Identifier: MIT */
/*
 * Every instruction that can access memory, decoded by Zydis and carried out by the processor on a
 * copy of its operand (insn_run.h). It is a module of its own, so that Zydis is loaded only into
 * programs that map a BAR, and its names stay out of theirs; insn.h does what compilers emit.
 *
 * Not carried out: privileged instructions, those that change segment registers, AMX, XSAVE and
 * FXSAVE. A division that would fault is refused.
 *
 * An operand that ModRM names is read, as far as the instruction reads it, the instruction runs on
 * the copy, and what it has written is written to memory.
 *
 * Which bytes a masked store writes is found by running it twice, on copies that differ in each
 * bit: what agrees afterwards was written. Which elements a masked load reads follows from the
 * mask, since reading a register of a device may have an effect.
 */
#include <string.h>

#include "preload/insn/insn_operand.h"
#include "preload/insn/insn_special.h"
#include "preload/trap/insn_other.h"
#include "preload/trap/insn_vector.h"

static ZydisDecoder decoder;

/* ---- what the instruction is ---- */

static bool is_vector_register(ZydisRegister reg)
{
	switch (ZydisRegisterGetClass(reg)) {
	case ZYDIS_REGCLASS_X87:
	case ZYDIS_REGCLASS_MMX:
	case ZYDIS_REGCLASS_XMM:
	case ZYDIS_REGCLASS_YMM:
	case ZYDIS_REGCLASS_ZMM:
	case ZYDIS_REGCLASS_MASK:
		return true;
	default:
		return reg == ZYDIS_REGISTER_MXCSR || reg == ZYDIS_REGISTER_X87STATUS ||
		       reg == ZYDIS_REGISTER_X87CONTROL || reg == ZYDIS_REGISTER_X87TAG;
	}
}

static bool is_x87(const struct any_insn *insn)
{
	return insn->decoded.meta.isa_ext == ZYDIS_ISA_EXT_X87;
}

/* Finds the operand in memory, and whether vector registers take part. */
static void look_at_operands(struct any_insn *insn)
{
	for (unsigned int i = 0; i < insn->decoded.operand_count; i++) {
		const ZydisDecodedOperand *operand = &insn->operands[i];

		if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER)
			insn->vector |= is_vector_register(operand->reg.value);
		else if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY && !insn->operand &&
			 operand->encoding == ZYDIS_OPERAND_ENCODING_MODRM_RM)
			insn->operand = operand;
	}
	/* Also those that only note exceptions, or have no vector register: it does no harm. */
	insn->vector |= insn->decoded.meta.isa_ext != ZYDIS_ISA_EXT_BASE &&
			insn->decoded.meta.isa_ext != ZYDIS_ISA_EXT_LONGMODE;
}

/* ---- bit strings ---- */

/* bt, bts, btr and btc with a register reach memory beside the operand. */
static bool takes_bit_string(const struct any_insn *insn)
{
	return insn->decoded.meta.category == ZYDIS_CATEGORY_BITBYTE &&
	       insn->decoded.operand_count_visible == 2 &&
	       insn->operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       (insn->decoded.mnemonic == ZYDIS_MNEMONIC_BT ||
		insn->decoded.mnemonic == ZYDIS_MNEMONIC_BTS ||
		insn->decoded.mnemonic == ZYDIS_MNEMONIC_BTR ||
		insn->decoded.mnemonic == ZYDIS_MNEMONIC_BTC);
}

/* The offset in bytes of the part of a bit string that is accessed. */
static uint64_t bit_string_offset(const struct any_insn *insn)
{
	const unsigned int bits = insn->operand->size;
	const unsigned int number = (unsigned int)ZydisRegisterGetId(insn->operands[1].reg.value);
	int64_t offset = *insn_register(insn->context, number);

	if (bits == 16)
		offset = (int16_t)offset;
	else if (bits == 32)
		offset = (int32_t)offset;
	return (uint64_t)((offset - (offset & (int64_t)(bits - 1))) / 8);
}

/* ---- masks ---- */

static bool has_mask(const struct any_insn *insn)
{
	return insn->decoded.encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX &&
	       insn->decoded.avx.mask.reg != ZYDIS_REGISTER_NONE &&
	       insn->decoded.avx.mask.reg != ZYDIS_REGISTER_K0;
}

/* Whether a fault of an element that the mask leaves out does not matter, so it is not read. */
static bool suppresses_faults(const struct any_insn *insn)
{
	switch (insn->decoded.meta.exception_class) {
	case ZYDIS_EXCEPTION_CLASS_E1NF:
	case ZYDIS_EXCEPTION_CLASS_E2NF:
	case ZYDIS_EXCEPTION_CLASS_E3NF:
	case ZYDIS_EXCEPTION_CLASS_E4NF:
	case ZYDIS_EXCEPTION_CLASS_E5NF:
	case ZYDIS_EXCEPTION_CLASS_E6NF:
	case ZYDIS_EXCEPTION_CLASS_E9NF:
	case ZYDIS_EXCEPTION_CLASS_E10NF:
	case ZYDIS_EXCEPTION_CLASS_E11NF:
		return false;
	default:
		return true;
	}
}

static bool expands(ZydisMnemonic mnemonic)
{
	switch (mnemonic) {
	case ZYDIS_MNEMONIC_VEXPANDPS:
	case ZYDIS_MNEMONIC_VEXPANDPD:
	case ZYDIS_MNEMONIC_VPEXPANDB:
	case ZYDIS_MNEMONIC_VPEXPANDW:
	case ZYDIS_MNEMONIC_VPEXPANDD:
	case ZYDIS_MNEMONIC_VPEXPANDQ:
		return true;
	default:
		return false;
	}
}

/* vmaskmov and vpmaskmov: the highest bit of each element of a register. */
static bool is_vector_masked(ZydisMnemonic mnemonic)
{
	switch (mnemonic) {
	case ZYDIS_MNEMONIC_VMASKMOVPS:
	case ZYDIS_MNEMONIC_VMASKMOVPD:
	case ZYDIS_MNEMONIC_VPMASKMOVD:
	case ZYDIS_MNEMONIC_VPMASKMOVQ:
		return true;
	default:
		return false;
	}
}

static bool vector_mask(const struct any_insn *insn, unsigned int element, unsigned int count,
			uint64_t *mask)
{
	uint8_t bytes[VECTOR_BYTES];
	const unsigned int number = (unsigned int)ZydisRegisterGetId(insn->operands[1].reg.value);

	if (!vector_get(insn->context, number, element * count, bytes))
		return false;
	*mask = 0;
	for (unsigned int i = 0; i < count; i++)
		*mask |= (uint64_t)(bytes[(i + 1) * element - 1] >> 7) << i;
	return true;
}

static uint64_t low_bits(unsigned int count)
{
	return count >= 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
}

/* Elements of the destination, whose bits of the mask count. */
static unsigned int lane_count(const struct any_insn *insn)
{
	const ZydisDecodedOperand *destination = &insn->operands[0];

	if (insn->operand->element_count == 1 &&
	    insn->decoded.avx.broadcast.mode == ZYDIS_BROADCAST_MODE_INVALID)
		return 1; /* a scalar */
	if (insn->decoded.mnemonic == ZYDIS_MNEMONIC_VPSHUFBITQMB)
		return insn->decoded.avx.vector_length / 8; /* bytes, of elements of 8 bytes */
	if (ZydisRegisterGetClass(destination->reg.value) == ZYDIS_REGCLASS_MASK)
		return insn->decoded.avx.vector_length / insn->operand->element_size;
	return destination->element_count;
}

/* ---- the copy ---- */

static bool reads(const struct any_insn *insn)
{
	/* By EVEX a destination in memory is only stored to, where the mask says. */
	if (insn->decoded.encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX &&
	    insn->operand == &insn->operands[0])
		return false;
	return insn->operand->actions & ZYDIS_OPERAND_ACTION_MASK_READ;
}

/* insn_run_load() of the instruction. */
static bool load(const struct any_insn *insn, struct insn_run *run)
{
	const bool loaded = insn_run_load(run, insn->context, insn->vector);

	run->uses_stack = insn_names_stack(insn);
	return loaded;
}

static bool writes(const struct any_insn *insn)
{
	return insn->operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
}

/* Reads the elements of @mask. */
static enum insn_result read_elements(const struct any_insn *insn, uint64_t addr, uint64_t mask,
				      unsigned int element, unsigned int count, uint8_t *copy)
{
	for (unsigned int i = 0; i < count; i++)
		if (mask >> i & 1 &&
		    insn->memory->read(addr + i * element, copy + i * element, element))
			return INSN_REFUSED;
	return INSN_DONE;
}

/* Reads what the instruction reads of its operand, @size bytes. */
static enum insn_result read_copy(const struct any_insn *insn, uint64_t addr, unsigned int size,
				  uint8_t *copy)
{
	const unsigned int element = insn->operand->element_size / 8u;
	const unsigned int count = element ? size / element : 0;
	uint64_t mask;

	memset(copy, 0, size);
	if (is_vector_masked(insn->decoded.mnemonic)) {
		if (!vector_mask(insn, element, count, &mask))
			return INSN_UNKNOWN;
		return read_elements(insn, addr, mask, element, count, copy);
	}
	if (!has_mask(insn) || !suppresses_faults(insn))
		return insn->memory->read(addr, copy, size) ? INSN_REFUSED : INSN_DONE;
	mask = insn_run_mask(insn->context,
			     (unsigned int)ZydisRegisterGetId(insn->decoded.avx.mask.reg)) &
	       low_bits(lane_count(insn));
	if (expands(insn->decoded.mnemonic))
		mask = low_bits((unsigned int)__builtin_popcountll(mask));
	else if (count != lane_count(insn)) /* the elements are those of several lanes */
		mask = mask ? low_bits(count) : 0;
	return read_elements(insn, addr, mask, element, count, copy);
}

/* Writes the bytes of @copy that agree with those of @other, in runs. */
static enum insn_result write_copy(const struct any_insn *insn, uint64_t addr, unsigned int size,
				   const uint8_t *copy, const uint8_t *other)
{
	for (unsigned int at = 0, end; at < size; at = end + 1) {
		for (end = at; end < size && copy[end] == other[end]; end++)
			;
		if (end > at && insn->memory->write(addr + at, copy + at, end - at))
			return INSN_REFUSED;
	}
	return INSN_DONE;
}

/* The results that the two runs of a store have in common are those that it has written. */
static enum insn_result store_only(const struct any_insn *insn, struct insn_run *run, uint64_t addr,
				   unsigned int size, const uint8_t *code, size_t len,
				   unsigned int base)
{
	uint8_t first[RUN_OPERAND];

	memset(run->operand, 0, size);
	insn_run(run, code, len, base);
	memcpy(first, run->operand, size);
	if (!load(insn, run))
		return INSN_UNKNOWN;
	memset(run->operand, 0xff, size);
	insn_run(run, code, len, base);
	return write_copy(insn, addr, size, run->operand, first);
}

static enum insn_result run_on_copy(struct any_insn *insn, struct insn_run *run, uint64_t addr,
				    unsigned int size, unsigned int base)
{
	uint8_t code[RUN_CODE];
	const size_t len = insn_encode(insn, base, code);
	enum insn_result rc = INSN_DONE;

	if (reads(insn))
		rc = read_copy(insn, addr, size, run->operand);
	if (rc != INSN_DONE)
		return rc;
	if (!load(insn, run))
		return INSN_UNKNOWN;
	if (takes_bit_string(insn)) {
		const unsigned int number =
			(unsigned int)ZydisRegisterGetId(insn->operands[1].reg.value);
		const uint64_t whole = run->registers[number];

		run->registers[number] = whole & (insn->operand->size - 1);
		insn_run(run, code, len, base);
		run->registers[number] = whole;
	} else if (!reads(insn)) {
		return store_only(insn, run, addr, size, code, len, base);
	} else {
		insn_run(run, code, len, base);
	}
	if (writes(insn) && insn->memory->write(addr, run->operand, size))
		return INSN_REFUSED;
	return INSN_DONE;
}

/* ---- division ---- */

static uint64_t general_value(const struct any_insn *insn, unsigned int number)
{
	return (uint64_t)*insn_register(insn->context, number);
}

/* Whether the quotient fits. The divisor has been read already, into @copy. */
static bool division_fits(const struct any_insn *insn, const uint8_t *copy)
{
	const unsigned int size = insn->operand->size / 8u, bits = insn->operand->size;
	const bool is_signed = insn->decoded.mnemonic == ZYDIS_MNEMONIC_IDIV;
	const uint64_t rax = general_value(insn, 0), rdx = general_value(insn, 2);
	const uint64_t low = size == 1 ? rax & 0xff : rax & low_bits(bits);
	const uint64_t high = size == 1 ? rax >> 8 & 0xff : rdx & low_bits(bits);
	unsigned __int128 value = (unsigned __int128)high << bits | low;
	uint64_t divisor = 0, limit = UINT64_C(1) << (bits - 1);
	bool negative;

	memcpy(&divisor, copy, size);
	if (!divisor)
		return false;
	if (!is_signed)
		return high < divisor;
	negative = (high >> (bits - 1) ^ divisor >> (bits - 1)) & 1;
	if (high >> (bits - 1))
		value = (bits == 64 ? 0 : (unsigned __int128)1 << (2 * bits)) - value;
	if (divisor >> (bits - 1))
		divisor = (0 - divisor) & low_bits(bits);
	return value / divisor < (unsigned __int128)limit + negative;
}

static bool divides(const struct any_insn *insn)
{
	return insn->decoded.mnemonic == ZYDIS_MNEMONIC_DIV ||
	       insn->decoded.mnemonic == ZYDIS_MNEMONIC_IDIV;
}

/* Its divisor is read here, as a quotient that does not fit would be a signal of ours. */
static enum insn_result divide(struct any_insn *insn, struct insn_run *run, uint64_t addr,
			       unsigned int size, unsigned int base)
{
	uint8_t code[RUN_CODE];
	const size_t len = insn_encode(insn, base, code);

	if (insn->memory->read(addr, run->operand, size) || !division_fits(insn, run->operand))
		return INSN_REFUSED;
	(void)load(insn, run);
	insn_run(run, code, len, base);
	return INSN_DONE;
}

/* ---- all of it ---- */

static bool size_is_known(const struct any_insn *insn)
{
	return insn->operand && insn->operand->mem.type == ZYDIS_MEMOP_TYPE_MEM &&
	       insn->operand->size && insn->operand->size / 8u <= 128;
}

static enum insn_result execute(struct any_insn *insn)
{
	enum insn_result rc;
	struct insn_run *run;
	unsigned int base, size;
	uint64_t addr;

	if (insn_special(insn, &rc))
		return rc;
	if (!size_is_known(insn) || !insn_operand_address(insn, insn->operand, &addr) ||
	    !insn_free_base(insn, &base) || (is_x87(insn) && insn_run_x87_pending(insn->context)))
		return INSN_UNKNOWN;
	size = insn->operand->size / 8u;
	if (takes_bit_string(insn))
		addr += bit_string_offset(insn);
	run = insn_run_get();
	rc = divides(insn) ? divide(insn, run, addr, size, base)
			   : run_on_copy(insn, run, addr, size, base);
	if (rc == INSN_DONE &&
	    !insn_run_store(run, insn->context, base, insn->pc - insn->decoded.length, addr))
		rc = INSN_REFUSED;
	insn_run_put(run);
	return rc;
}

static enum insn_result emulate(const uint8_t *code, size_t len, ucontext_t *context, uint64_t addr,
				const struct insn_memory *memory)
{
	struct any_insn insn = {.code = code, .context = context, .memory = memory, .fault = addr};
	greg_t *rip = &context->uc_mcontext.gregs[REG_RIP];
	enum insn_result rc;

	if (ZYAN_FAILED(
		    ZydisDecoderDecodeFull(&decoder, code, len, &insn.decoded, insn.operands)) ||
	    !insn_is_allowed(&insn.decoded))
		return INSN_UNKNOWN;
	insn.pc = (uint64_t)*rip + insn.decoded.length;
	look_at_operands(&insn);
	rc = execute(&insn);
	if (rc == INSN_DONE)
		*rip = (greg_t)insn.pc;
	return rc;
}

__attribute__((visibility("default"))) insn_emulate_fn *uiommufd_insn_start(void *space,
									    size_t *space_size)
{
	*space_size = insn_run_space();
	if (!space)
		return NULL;
	if (ZYAN_FAILED(
		    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
		return NULL;
	insn_run_init(space);
	insn_look_at_processor();
	return emulate;
}
