/* SPDX-License-Identifier: MIT */
/*
 * The EEPROM: 64 words of 16 bits behind a Microwire bus (a 93C46), whose lines are bits of EECD;
 * EERD reads a word at once. It keeps what is written as long as the device exists. With the device
 * lock.
 */
#ifndef DEVICES_E1000_E1000_EEPROM_H
#define DEVICES_E1000_E1000_EEPROM_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/e1000/e1000_regs.h"

struct e1000_eeprom {
	uint16_t words[EEPROM_WORDS];
	uint32_t lines;	    /* EECD, as written */
	bool writable;	    /* since the instruction EWEN */
	unsigned int count; /* bits of the instruction, from its start bit on */
	uint32_t shifted;   /* they */
	bool executed;	    /* the instruction, which ends when CS falls */
	bool reading;
	uint16_t word;	       /* being read */
	unsigned int word_bit; /* how many of its bits have been clocked out */
};

/* With the address of @mac, the IDs of the model, and a valid checksum. */
void e1000_eeprom_init(struct e1000_eeprom *eeprom, const uint8_t *mac, uint16_t subsystem_vendor,
		       uint16_t subsystem);

/* EECD. */
uint32_t e1000_eeprom_lines(const struct e1000_eeprom *eeprom);
void e1000_eeprom_set_lines(struct e1000_eeprom *eeprom, uint32_t value);

/* The lines after a reset of the device. */
void e1000_eeprom_release(struct e1000_eeprom *eeprom);

/* What EERD is after @value was written. */
uint32_t e1000_eeprom_read(const struct e1000_eeprom *eeprom, uint32_t value);

#endif
