/* SPDX-License-Identifier: MIT */
/*
 * See e1000_eeprom.h. An instruction is a start bit, two bits of opcode and six of address; each is
 * taken at a rising clock. WRITE and WRAL have 16 bits of data behind it. What READ gives changes
 * at rising clocks: a zero first, then words from the highest bit on, while the clock runs.
 */
#include "devices/e1000/e1000_eeprom.h"

#include "devices/e1000/e1000_regs.h"

enum microwire {
	INSTRUCTION_BITS = 9, /* with the start bit */
	DATA_BITS = 16,
	OP_OTHER = 0,
	OP_WRITE = 1,
	OP_READ = 2,
	OP_ERASE = 3,
	/* The upper two bits of the address, for OP_OTHER. */
	OTHER_EWDS = 0, /* disable writing */
	OTHER_WRAL = 1, /* write all */
	OTHER_ERAL = 2, /* erase all */
	OTHER_EWEN = 3, /* enable writing */
};

void e1000_eeprom_init(struct e1000_eeprom *eeprom, const uint8_t *mac, uint16_t subsystem_vendor,
		       uint16_t subsystem)
{
	uint16_t *words = eeprom->words, sum = 0;

	*eeprom = (struct e1000_eeprom){.lines = 0};
	for (unsigned int i = 0; i < 3; i++)
		words[EEPROM_ADDRESS + i] = (uint16_t)(mac[2 * i] | mac[2 * i + 1] << 8);
	words[EEPROM_CONTROL1] = EEPROM_CONTROL1_VALUE;
	words[EEPROM_SUBSYSTEM] = subsystem;
	words[EEPROM_SUBSYSTEM_VENDOR] = subsystem_vendor;
	words[EEPROM_DEVICE] = 0x100e;
	words[EEPROM_VENDOR] = 0x8086;
	for (unsigned int i = 0; i < EEPROM_CHECKSUM; i++)
		sum = (uint16_t)(sum + words[i]);
	words[EEPROM_CHECKSUM] = (uint16_t)(EEPROM_SUM - sum);
}

/* All instructions but READ that have their bits: @address may be all words. */
static void store(struct e1000_eeprom *eeprom, unsigned int address, bool all, uint16_t value)
{
	if (!eeprom->writable)
		return;
	for (unsigned int i = 0; i < EEPROM_WORDS; i++)
		if (all || i == address)
			eeprom->words[i] = value;
}

static void execute(struct e1000_eeprom *eeprom)
{
	const bool with_data = eeprom->count == INSTRUCTION_BITS + DATA_BITS;
	const uint32_t instruction = eeprom->shifted >> (with_data ? DATA_BITS : 0);
	const unsigned int address = instruction & 0x3f, op = instruction >> 6 & 3;
	const bool writes_all = op == OP_OTHER && address >> 4 == OTHER_WRAL;

	if ((op == OP_WRITE || writes_all) && !with_data)
		return;
	eeprom->executed = true;
	if (op == OP_READ) {
		eeprom->reading = true;
		eeprom->word = eeprom->words[address];
		eeprom->word_bit = 0;
	} else if (op == OP_WRITE || writes_all) {
		store(eeprom, address, writes_all, (uint16_t)eeprom->shifted);
	} else if (op == OP_ERASE || address >> 4 == OTHER_ERAL) {
		store(eeprom, address, op == OP_OTHER, UINT16_MAX);
	} else {
		eeprom->writable = address >> 4 == OTHER_EWEN;
	}
}

static void clock_read(struct e1000_eeprom *eeprom)
{
	const unsigned int next = (eeprom->shifted & 0x3f) + 1;

	if (eeprom->word_bit < DATA_BITS) {
		eeprom->word_bit++;
		return;
	}
	/* The next word follows without a zero in between. */
	eeprom->shifted = (eeprom->shifted & ~0x3fu) | next % EEPROM_WORDS;
	eeprom->word = eeprom->words[next % EEPROM_WORDS];
	eeprom->word_bit = 1;
}

static void clock_rises(struct e1000_eeprom *eeprom, bool input)
{
	if (eeprom->reading) {
		clock_read(eeprom);
		return;
	}
	if (eeprom->executed || (!eeprom->count && !input))
		return;
	eeprom->shifted = eeprom->shifted << 1 | input;
	eeprom->count++;
	if (eeprom->count == INSTRUCTION_BITS || eeprom->count == INSTRUCTION_BITS + DATA_BITS)
		execute(eeprom);
}

void e1000_eeprom_release(struct e1000_eeprom *eeprom)
{
	eeprom->lines = 0;
	eeprom->count = 0;
	eeprom->shifted = 0;
	eeprom->executed = eeprom->reading = false;
}

void e1000_eeprom_set_lines(struct e1000_eeprom *eeprom, uint32_t value)
{
	const uint32_t rising = value & ~eeprom->lines;

	if (!(value & EECD_CS))
		e1000_eeprom_release(eeprom);
	eeprom->lines = value & (EECD_SK | EECD_CS | EECD_DI | EECD_FWE | EECD_REQ);
	if (value & EECD_CS && rising & EECD_SK)
		clock_rises(eeprom, value & EECD_DI);
}

/* The output is high when nothing is read: the last write is done. */
uint32_t e1000_eeprom_lines(const struct e1000_eeprom *eeprom)
{
	bool output = true;

	if (eeprom->reading)
		output = eeprom->word_bit && eeprom->word >> (DATA_BITS - eeprom->word_bit) & 1;
	return eeprom->lines | EECD_PRES | (output ? EECD_DO : 0u) |
	       (eeprom->lines & EECD_REQ ? EECD_GNT : 0u);
}

uint32_t e1000_eeprom_read(const struct e1000_eeprom *eeprom, uint32_t value)
{
	const uint32_t address = value >> EERD_ADDRESS_SHIFT & 0xff;

	if (!(value & EERD_START))
		return value & 0xff00;
	return (uint32_t)eeprom->words[address % EEPROM_WORDS] << EERD_DATA_SHIFT |
	       address << EERD_ADDRESS_SHIFT | EERD_DONE;
}
