/* SPDX-License-Identifier: MIT */
/*
 * A function has a description (FDE), which refers to what it has in common with others (CIE). Each
 * has a program for a small machine, whose state is a row: how to find what the caller had in each
 * register, while the code is at one location. Of the registers only three count here.
 *
 * The descriptions are trusted as far as their begin and length: the runtime's unwinder, which
 * finds them, has read those, too.
 */
#include "report/call_frame.h"

#include <stddef.h>
#include <string.h>

#include "mem/guard.h"

#if defined(__x86_64__)

enum {
	REGISTER_BP = 6, /* x86-64 psABI, figure 3.36: DWARF Register Number Mapping */
	REGISTER_SP = 7,
	REGISTER_RA = 16,
	RA_OFFSET = -8, /* of the return address from the canonical frame address */
	MAX_REMEMBERED = 8,
};

/* DWARF 5, 7.24: what an instruction is, where the upper two bits are 0. */
enum {
	CFA_NOP = 0x00,
	CFA_ADVANCE_LOC1 = 0x02,
	CFA_ADVANCE_LOC2 = 0x03,
	CFA_ADVANCE_LOC4 = 0x04,
	CFA_OFFSET_EXTENDED = 0x05,
	CFA_RESTORE_EXTENDED = 0x06,
	CFA_UNDEFINED = 0x07,
	CFA_SAME_VALUE = 0x08,
	CFA_REGISTER = 0x09,
	CFA_REMEMBER_STATE = 0x0a,
	CFA_RESTORE_STATE = 0x0b,
	CFA_DEF_CFA = 0x0c,
	CFA_DEF_CFA_REGISTER = 0x0d,
	CFA_DEF_CFA_OFFSET = 0x0e,
	CFA_DEF_CFA_EXPRESSION = 0x0f,
	CFA_EXPRESSION = 0x10,
	CFA_OFFSET_EXTENDED_SF = 0x11,
	CFA_DEF_CFA_SF = 0x12,
	CFA_DEF_CFA_OFFSET_SF = 0x13,
	CFA_VAL_OFFSET = 0x14,
	CFA_VAL_OFFSET_SF = 0x15,
	CFA_VAL_EXPRESSION = 0x16,
	CFA_GNU_ARGS_SIZE = 0x2e,

	CFA_OPERATION = 0xc0, /* the upper two bits; the others are the first operand */
	CFA_ADVANCE_LOC = 0x40,
	CFA_OFFSET = 0x80,
	CFA_RESTORE = 0xc0,
};

/* Where a register of the caller is. */
enum whereabouts {
	UNCHANGED,
	SAVED, /* at an offset from the canonical frame address */
	UNDEFINED,
	ELSEWHERE, /* in another register, or computed */
};

struct saved_register {
	enum whereabouts where;
	int64_t offset;
};

struct row {
	uint64_t cfa_register; /* any other than bp and sp: it is computed */
	int64_t cfa_offset;
	struct saved_register bp, ra;
};

struct reader {
	const uint8_t *at, *end;
	bool failed; /* something was not there, or is not known */
};

/* What a CIE says. */
struct common {
	uint64_t code_align;
	int64_t data_align;
	uint8_t pointers; /* their encoding in the FDE */
	bool augmented;	  /* the FDE has augmentation data, after its length */
	struct reader program;
};

/* ---- reading ---- */

static uint64_t read_bytes(struct reader *in, size_t size)
{
	uint64_t value = 0;

	if (in->failed || (size_t)(in->end - in->at) < size) {
		in->failed = true;
		return 0;
	}
	memcpy(&value, in->at, size);
	in->at += size;
	return value;
}

static uint64_t read_uleb(struct reader *in)
{
	uint64_t value = 0, byte;
	unsigned int shift = 0;

	do {
		byte = read_bytes(in, 1);
		if (shift < 64)
			value |= (byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	return value;
}

static int64_t read_sleb(struct reader *in)
{
	const uint8_t *begin = in->at;
	uint64_t value = read_uleb(in);
	const size_t bits = (size_t)(in->at - begin) * 7;

	if (!in->failed && bits < 64 && (in->at[-1] & 0x40))
		value |= UINT64_MAX << bits;
	return (int64_t)value;
}

static void skip(struct reader *in, uint64_t size)
{
	if (in->failed || size > (size_t)(in->end - in->at))
		in->failed = true;
	else
		in->at += size;
}

/* Skips a pointer of @encoding: LSB, table 10-5 (DW_EH_PE_*). */
static void skip_pointer(struct reader *in, uint8_t encoding)
{
	switch (encoding & 0x0f) {
	case 0x00: /* of the machine's size */
	case 0x04:
	case 0x0c:
		skip(in, 8);
		break;
	case 0x02:
	case 0x0a:
		skip(in, 2);
		break;
	case 0x03:
	case 0x0b:
		skip(in, 4);
		break;
	case 0x01:
	case 0x09:
		(void)read_uleb(in);
		break;
	default:
		in->failed = true;
	}
	if ((encoding & 0x70) == 0x50) /* padded to the machine's size */
		in->failed = true;
}

/* The contents of the CIE or FDE at @record, after its length. */
static struct reader open_record(const uint8_t *record)
{
	uint32_t len;

	memcpy(&len, record, sizeof(len));
	record += sizeof(len);
	return (struct reader){
		.at = record,
		.end = record + len,
		.failed = len == UINT32_MAX, /* of 64-bit DWARF, which nothing needs */
	};
}

static void read_augmentation(struct reader *in, const char *letters, struct common *common)
{
	struct reader data;
	uint64_t len;

	if (letters[0] != 'z') {
		in->failed |= letters[0] != '\0';
		return;
	}
	common->augmented = true;
	len = read_uleb(in);
	data = *in;
	skip(in, len);
	for (letters++; *letters; letters++) {
		switch (*letters) {
		case 'L':
			skip(&data, 1);
			break;
		case 'P':
			skip_pointer(&data, (uint8_t)read_bytes(&data, 1));
			break;
		case 'R':
			common->pointers = (uint8_t)read_bytes(&data, 1);
			break;
		default: /* 'S': registers come from elsewhere */
			in->failed = true;
			return;
		}
	}
	in->failed |= data.failed;
}

static bool read_common(const uint8_t *cie, struct common *common)
{
	struct reader in = open_record(cie);
	const char *letters;
	uint64_t version, return_register;

	*common = (struct common){.pointers = 0};
	skip(&in, sizeof(uint32_t));
	version = read_bytes(&in, 1);
	letters = (const char *)in.at;
	skip(&in, strlen(letters) + 1);
	common->code_align = read_uleb(&in);
	common->data_align = read_sleb(&in);
	return_register = version == 1 ? read_bytes(&in, 1) : read_uleb(&in);
	if ((version != 1 && version != 3) || return_register != REGISTER_RA)
		return false;
	read_augmentation(&in, letters, common);
	common->program = in;
	return !in.failed;
}

/* ---- the machine ---- */

struct machine_state {
	const struct common *common;
	uintptr_t location;
	struct row row;
	struct row initial; /* after the program of the CIE */
	struct row remembered[MAX_REMEMBERED];
	unsigned int depth;
};

static void set_register(struct machine_state *state, uint64_t number, enum whereabouts where,
			 int64_t offset)
{
	const struct saved_register saved = {.where = where, .offset = offset};

	if (number == REGISTER_BP)
		state->row.bp = saved;
	if (number == REGISTER_RA)
		state->row.ra = saved;
	if (number == REGISTER_SP && where != UNCHANGED)
		state->row.ra.where = ELSEWHERE; /* the canonical frame address is not sp */
}

static void restore_register(struct machine_state *state, uint64_t number)
{
	if (number == REGISTER_BP)
		state->row.bp = state->initial.bp;
	if (number == REGISTER_RA)
		state->row.ra = state->initial.ra;
}

static void set_cfa(struct machine_state *state, uint64_t number, int64_t offset)
{
	state->row.cfa_register = number;
	state->row.cfa_offset = offset;
}

static void remember(struct machine_state *state, struct reader *in)
{
	if (state->depth == MAX_REMEMBERED)
		in->failed = true;
	else
		state->remembered[state->depth++] = state->row;
}

static void recall(struct machine_state *state, struct reader *in)
{
	if (!state->depth)
		in->failed = true;
	else
		state->row = state->remembered[--state->depth];
}

/* A multiple of the data alignment, read as unsigned or signed. */
static int64_t read_factored(const struct machine_state *state, struct reader *in, bool is_signed)
{
	const int64_t value = is_signed ? read_sleb(in) : (int64_t)read_uleb(in);

	return (int64_t)((uint64_t)value * (uint64_t)state->common->data_align);
}

static void advance(struct machine_state *state, uint64_t delta)
{
	state->location += delta * state->common->code_align;
}

/* Instructions that say where a register is. False: @op is none of them. */
static bool step_register(struct machine_state *state, struct reader *in, uint8_t op)
{
	uint64_t number;

	switch (op) {
	case CFA_OFFSET_EXTENDED:
	case CFA_OFFSET_EXTENDED_SF:
		number = read_uleb(in);
		set_register(state, number, SAVED,
			     read_factored(state, in, op == CFA_OFFSET_EXTENDED_SF));
		return true;
	case CFA_RESTORE_EXTENDED:
		restore_register(state, read_uleb(in));
		return true;
	case CFA_UNDEFINED:
		set_register(state, read_uleb(in), UNDEFINED, 0);
		return true;
	case CFA_SAME_VALUE:
		set_register(state, read_uleb(in), UNCHANGED, 0);
		return true;
	case CFA_REGISTER:
	case CFA_VAL_OFFSET:
	case CFA_VAL_OFFSET_SF: /* a signed number is as long as an unsigned one */
		set_register(state, read_uleb(in), ELSEWHERE, 0);
		(void)read_uleb(in);
		return true;
	case CFA_EXPRESSION:
	case CFA_VAL_EXPRESSION:
		set_register(state, read_uleb(in), ELSEWHERE, 0);
		skip(in, read_uleb(in));
		return true;
	default:
		return false;
	}
}

/* The others that have their upper two bits 0. */
static void step(struct machine_state *state, struct reader *in, uint8_t op)
{
	uint64_t number;

	switch (op) {
	case CFA_NOP:
		break;
	case CFA_ADVANCE_LOC1:
		advance(state, read_bytes(in, 1));
		break;
	case CFA_ADVANCE_LOC2:
		advance(state, read_bytes(in, 2));
		break;
	case CFA_ADVANCE_LOC4:
		advance(state, read_bytes(in, 4));
		break;
	case CFA_REMEMBER_STATE:
		remember(state, in);
		break;
	case CFA_RESTORE_STATE:
		recall(state, in);
		break;
	case CFA_DEF_CFA:
		number = read_uleb(in);
		set_cfa(state, number, (int64_t)read_uleb(in));
		break;
	case CFA_DEF_CFA_SF:
		number = read_uleb(in);
		set_cfa(state, number, read_factored(state, in, true));
		break;
	case CFA_DEF_CFA_REGISTER:
		set_cfa(state, read_uleb(in), state->row.cfa_offset);
		break;
	case CFA_DEF_CFA_OFFSET:
		set_cfa(state, state->row.cfa_register, (int64_t)read_uleb(in));
		break;
	case CFA_DEF_CFA_OFFSET_SF:
		set_cfa(state, state->row.cfa_register, read_factored(state, in, true));
		break;
	case CFA_DEF_CFA_EXPRESSION:
		set_cfa(state, REGISTER_RA, 0);
		skip(in, read_uleb(in));
		break;
	case CFA_GNU_ARGS_SIZE:
		(void)read_uleb(in);
		break;
	default: /* DW_CFA_set_loc, which no compiler writes here, and what is not known */
		in->failed = true;
	}
}

/* Runs a program until it is over or the next row would be for code after @address. */
static bool run(struct machine_state *state, struct reader in, uintptr_t address)
{
	while (in.at < in.end && !in.failed) {
		const struct row before = state->row;
		const uint8_t op = (uint8_t)read_bytes(&in, 1);
		const uint8_t operand = (uint8_t)(op & ~CFA_OPERATION);

		switch (op & CFA_OPERATION) {
		case CFA_ADVANCE_LOC:
			advance(state, operand);
			break;
		case CFA_OFFSET:
			set_register(state, operand, SAVED, read_factored(state, &in, false));
			break;
		case CFA_RESTORE:
			restore_register(state, operand);
			break;
		default:
			if (!step_register(state, &in, op))
				step(state, &in, op);
		}
		if (state->location > address) {
			state->row = before;
			break;
		}
	}
	return !in.failed;
}

/* ---- rules ---- */

static struct call_frame_rule rule_of(const struct row *row)
{
	struct call_frame_rule rule = {.kind = CALL_FRAME_UNKNOWN};

	if (row->ra.where == UNDEFINED) {
		rule.kind = CALL_FRAME_OUTERMOST;
		return rule;
	}
	if ((row->cfa_register != REGISTER_BP && row->cfa_register != REGISTER_SP) ||
	    row->ra.where != SAVED || row->ra.offset != RA_OFFSET || row->bp.where == ELSEWHERE)
		return rule;
	rule.from_bp = row->cfa_register == REGISTER_BP;
	rule.cfa_offset = (int32_t)row->cfa_offset;
	rule.bp_offset = row->bp.where == SAVED ? (int16_t)row->bp.offset : 0;
	if (rule.cfa_offset == row->cfa_offset &&
	    (row->bp.where != SAVED || rule.bp_offset == row->bp.offset))
		rule.kind = CALL_FRAME_USUAL;
	return rule;
}

/* Of the function that begins at @function. */
static struct call_frame_rule rule_from(const uint8_t *fde, uintptr_t function, uintptr_t address)
{
	struct reader in = open_record(fde);
	const uint8_t *reference = in.at;
	struct machine_state state = {.location = function};
	struct common common;
	const struct call_frame_rule unknown = {.kind = CALL_FRAME_UNKNOWN};

	/* The CIE is that far before the reference to it. */
	if (!read_common(reference - (uint32_t)read_bytes(&in, sizeof(uint32_t)), &common))
		return unknown;
	skip_pointer(&in, common.pointers);
	skip_pointer(&in, common.pointers);
	if (common.augmented)
		skip(&in, read_uleb(&in));
	state.common = &common;
	if (in.failed || !run(&state, common.program, UINTPTR_MAX))
		return unknown;
	state.initial = state.row;
	return run(&state, in, address) ? rule_of(&state.row) : unknown;
}

/*
 * Whether the kernel has made the frame: the handler returns to code that calls rt_sigreturn(), the
 * bytes of which are fixed, because debuggers look for them.
 */
static bool is_signal_return(uintptr_t pc)
{
	static const uint8_t code[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
	uint8_t found[sizeof(code)];

	return !guard_copy(found, (const void *)pc, sizeof(found)) &&
	       memcmp(found, code, sizeof(code)) == 0;
}

/* What the runtime's unwinder tells of a function: unwind-dw2-fde.h, which is not installed. */
struct fde_bases {
	void *text, *data, *function;
};

extern const void *_Unwind_Find_FDE(void *pc, struct fde_bases *bases);

struct call_frame_rule call_frame_find(uintptr_t address)
{
	struct fde_bases bases;
	const uint8_t *fde;

	/* A return address there is that of its first instruction; the call was "before" it. */
	if (is_signal_return(address) || is_signal_return(address + 1))
		return (struct call_frame_rule){.kind = CALL_FRAME_SIGNAL};
	fde = _Unwind_Find_FDE((void *)address, &bases);
	if (!fde)
		return (struct call_frame_rule){.kind = CALL_FRAME_OUTERMOST};
	return rule_from(fde, (uintptr_t)bases.function, address);
}

#else

struct call_frame_rule call_frame_find(uintptr_t address)
{
	(void)address;
	return (struct call_frame_rule){.kind = CALL_FRAME_UNKNOWN};
}

#endif
