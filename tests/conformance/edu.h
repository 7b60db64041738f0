/* SPDX-License-Identifier: MIT */
/*
 * A device that can be told to do DMA and to raise interrupts: QEMU's "edu" (1234:11e8). Tests that
 * watch what a device sees need it.
 */
#ifndef CONFORMANCE_EDU_H
#define CONFORMANCE_EDU_H

#include "conformance.h"

/* The registers that tests use. */
enum edu_register {
	EDU_ID = 0x00,
	EDU_LIVENESS = 0x04, /* reads as the inverse of what was written */
	EDU_IRQ_STATUS = 0x24,
	EDU_IRQ_RAISE = 0x60,
	EDU_IRQ_ACK = 0x64,
};

#define EDU_ID_VALUE 0x010000ed

/* Config space of any PCI device. */
uint32_t config_read(int device, unsigned int offset, unsigned int size);
void config_write(int device, unsigned int offset, unsigned int size, uint32_t value);

/* True if the bound @device is an edu. */
bool is_edu(int device);

/*
 * Ends the test as skipped unless the bound device of the fixture is an edu; switches its memory
 * and bus mastering on.
 */
void need_edu(const struct fixture *t);

uint32_t edu_read(int device, enum edu_register reg);
void edu_write(int device, enum edu_register reg, uint32_t value);

/* Has the device copy @length bytes (at most a page) from @src to @dst, through its own buffer. */
void edu_copy(int device, uint64_t dst, uint64_t src, uint32_t length);

/* The 64 bits that the device finds at @iova; has it put 64 bits there. After edu_scratch(). */
uint64_t edu_peek(int device, uint64_t iova);
void edu_poke(int device, uint64_t iova, uint64_t value);

/* Has @t's IOAS map the page that peek and poke go through. Once per test. */
void edu_scratch(const struct fixture *t);

#endif
