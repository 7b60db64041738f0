/* SPDX-License-Identifier: MIT */
/*
 * Page-table entries as text: a list of fields for each format [FORMATS]. Fields that no table of
 * ours uses, but a guest's may, are listed as well.
 */
#include "iopt/entry_text.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/bits.h"
#include "base/check.h"
#include "iopt/amdv1.h"
#include "iopt/arm_lpae.h"
#include "iopt/riscv.h"
#include "iopt/vtdss.h"
#include "iopt/x86_64.h"

enum {
	IN_TABLE = BIT(ENTRY_TABLE),
	IN_PAGE = BIT(ENTRY_PAGE),
	IN_BOTH = IN_TABLE | IN_PAGE,
};

struct field {
	const char *name;   /* NULL: not told, as the kind of the entry says it; or the end */
	unsigned int kinds; /* the kinds of entries that have it; 0: the end */
	unsigned int last, start;
};

struct entry_format {
	const struct iopt_format *format;
	enum entry_kind (*kind)(bool lowest, uint64_t entry);
	uint64_t address;
	int address_shift; /* the address is the field, shifted left by this */
	unsigned int lowest_level;
	const struct field *fields; /* the lowest bits first */
};

static enum entry_kind amdv1_kind(bool lowest, uint64_t entry)
{
	const uint64_t next = entry & AMDV1_NEXT_LEVEL;

	if (!(entry & AMDV1_PR))
		return ENTRY_EMPTY;
	return lowest || !next || next == AMDV1_NEXT_LEVEL ? ENTRY_PAGE : ENTRY_TABLE;
}

static const struct field amdv1_fields[] = {
	{"PR", IN_BOTH, 0, 0},	       {"A", IN_BOTH, 5, 5},	{"D", IN_PAGE, 6, 6},
	{"NextLevel", IN_BOTH, 11, 9}, {"U", IN_PAGE, 59, 59},	{"FC", IN_PAGE, 60, 60},
	{"IR", IN_BOTH, 61, 61},       {"IW", IN_BOTH, 62, 62}, {0},
};

static enum entry_kind vtdss_kind(bool lowest, uint64_t entry)
{
	if (!(entry & (VTDSS_R | VTDSS_W)))
		return ENTRY_EMPTY;
	return lowest || (entry & VTDSS_PS) ? ENTRY_PAGE : ENTRY_TABLE;
}

static const struct field vtdss_fields[] = {
	{"R", IN_BOTH, 0, 0}, {"W", IN_BOTH, 1, 1}, {"X", IN_BOTH, 2, 2},     {"PS", IN_PAGE, 7, 7},
	{"A", IN_BOTH, 8, 8}, {"D", IN_PAGE, 9, 9}, {"SNP", IN_PAGE, 11, 11}, {0},
};

static enum entry_kind x86_64_kind(bool lowest, uint64_t entry)
{
	if (!(entry & X86_P))
		return ENTRY_EMPTY;
	return lowest || (entry & X86_PS) ? ENTRY_PAGE : ENTRY_TABLE;
}

static const struct field x86_64_fields[] = {
	{"P", IN_BOTH, 0, 0},	 {"R/W", IN_BOTH, 1, 1},  {"U/S", IN_BOTH, 2, 2},
	{"PWT", IN_BOTH, 3, 3},	 {"PCD", IN_BOTH, 4, 4},  {"A", IN_BOTH, 5, 5},
	{"D", IN_PAGE, 6, 6},	 {"PS", IN_PAGE, 7, 7},	  {"G", IN_PAGE, 8, 8},
	{"EA", IN_BOTH, 10, 10}, {"XD", IN_BOTH, 63, 63}, {0},
};

static enum entry_kind riscv_kind(bool lowest, uint64_t entry)
{
	(void)lowest;
	if (!(entry & RISCV_V))
		return ENTRY_EMPTY;
	return entry & (RISCV_R | RISCV_W | RISCV_X) ? ENTRY_PAGE : ENTRY_TABLE;
}

static const struct field riscv_fields[] = {
	{"V", IN_BOTH, 0, 0},
	{"R", IN_PAGE, 1, 1},
	{"W", IN_PAGE, 2, 2},
	{"X", IN_PAGE, 3, 3},
	{"U", IN_PAGE, 4, 4},
	{"G", IN_BOTH, 5, 5},
	{"A", IN_PAGE, 6, 6},
	{"D", IN_PAGE, 7, 7},
	{"PBMT", IN_PAGE, 62, 61},
	{"N", IN_PAGE, 63, 63},
	{0},
};

static enum entry_kind arm_kind(bool lowest, uint64_t entry)
{
	/* At the lowest level a block is reserved, and so is not present. */
	if (!(entry & ARM_VALID) || (lowest && !(entry & ARM_TABLE)))
		return ENTRY_EMPTY;
	return !lowest && (entry & ARM_TABLE) ? ENTRY_TABLE : ENTRY_PAGE;
}

static const struct field arm_s1_fields[] = {
	{NULL, IN_BOTH, 1, 0},
	{"AttrIndx", IN_PAGE, 4, 2},
	{"NS", IN_PAGE, 5, 5},
	{"AP[1]", IN_PAGE, 6, 6},
	{"AP[2]", IN_PAGE, 7, 7},
	{"SH", IN_PAGE, 9, 8},
	{"AF", IN_PAGE, 10, 10},
	{"nG", IN_PAGE, 11, 11},
	{"DBM", IN_PAGE, 51, 51},
	{"Contiguous", IN_PAGE, 52, 52},
	{"PXN", IN_PAGE, 53, 53},
	{"UXN", IN_PAGE, 54, 54},
	{"PXNTable", IN_TABLE, 59, 59},
	{"UXNTable", IN_TABLE, 60, 60},
	{"APTable", IN_TABLE, 62, 61},
	{"NSTable", IN_TABLE, 63, 63},
	{0},
};

static const struct field arm_s2_fields[] = {
	{NULL, IN_BOTH, 1, 0},	    {"MemAttr", IN_PAGE, 5, 2},
	{"S2AP[0]", IN_PAGE, 6, 6}, {"S2AP[1]", IN_PAGE, 7, 7},
	{"SH", IN_PAGE, 9, 8},	    {"AF", IN_PAGE, 10, 10},
	{"DBM", IN_PAGE, 51, 51},   {"Contiguous", IN_PAGE, 52, 52},
	{"XN", IN_PAGE, 54, 53},    {0},
};

static const struct entry_format entry_formats[] = {
	{&iopt_amdv1, amdv1_kind, AMDV1_OA, 0, 1, amdv1_fields},
	{&iopt_amdv1_mock, amdv1_kind, AMDV1_OA, -1, 1, amdv1_fields},
	{&iopt_vtdss, vtdss_kind, VTDSS_OA, 0, 1, vtdss_fields},
	{&iopt_x86_64, x86_64_kind, X86_OA, 0, X86_PAGES_LEVEL, x86_64_fields},
	{&iopt_riscv, riscv_kind, RISCV_PPN, RISCV_PPN_SHIFT, 0, riscv_fields},
	{&iopt_arm_s1, arm_kind, ARM_OA, 0, ARM_PAGES_LEVEL, arm_s1_fields},
	{&iopt_arm_s2, arm_kind, ARM_OA, 0, ARM_PAGES_LEVEL, arm_s2_fields},
};

static const struct entry_format *find_format(const struct iopt_format *format)
{
	const struct entry_format *found = entry_formats;

	while (found->format != format) {
		found++;
		assert(found < entry_formats + sizeof(entry_formats) / sizeof(entry_formats[0]));
	}
	return found;
}

/* Appends the field of @value to @bits, which has @used characters. The new number of them. */
static int add_field(char *bits, int used, const struct field *field, uint64_t value)
{
	const char *space = used ? " " : "";
	const size_t left = ENTRY_BITS_SIZE - (size_t)used;

	if (field->last == field->start)
		return used + snprintf(bits + used, left, "%s%s", space, field->name);
	return used + snprintf(bits + used, left, "%s%s=%" PRIu64, space, field->name, value);
}

void iopt_entry_text(const struct iopt_format *format, bool lowest, uint64_t entry,
		     struct entry_text *text)
{
	const struct entry_format *is = find_format(format);
	uint64_t others = entry;
	int used = 0;

	text->bits[0] = '\0';
	text->kind = is->kind(lowest, entry);
	if (text->kind != ENTRY_EMPTY)
		others &= ~is->address;
	text->table = text->kind != ENTRY_TABLE ? 0
		      : is->address_shift >= 0	? (entry & is->address) << is->address_shift
						: (entry & is->address) >> -is->address_shift;
	for (const struct field *field = is->fields; field->kinds; field++) {
		const uint64_t mask = BITS(field->last, field->start);

		if (!(field->kinds & BIT(text->kind)))
			continue;
		others &= ~mask;
		if (field->name && (entry & mask))
			used = add_field(text->bits, used, field, (entry & mask) >> field->start);
	}
	if (others)
		used += snprintf(text->bits + used, ENTRY_BITS_SIZE - (size_t)used,
				 "%sothers 0x%" PRIx64, used ? " " : "", others);
	assert(used < ENTRY_BITS_SIZE);
}

unsigned int iopt_lowest_level(const struct iopt_format *format)
{
	return find_format(format)->lowest_level;
}
