/* SPDX-License-Identifier: MIT */
/*
 * What the tests of real kinds of IOMMU share: which kind the first device is behind, and a guest:
 * its memory, and stage-1 tables in that.
 */
#ifndef CONFORMANCE_HW_H
#define CONFORMANCE_HW_H

#include "conformance.h"

/*
 * What GET_HW_INFO says of the fixture's bound device; the test ends as skipped if that is not
 * @type.
 */
uint32_t hw_type(const struct fixture *t);
void need_hw(const struct fixture *t, uint32_t type);

/* HWPT_ALLOC for the device, without data. */
uint32_t hw_table(const struct fixture *t, uint32_t pt_id, uint32_t flags);

/* guest: bound; the guest's memory is in t->ioas, where its addresses are those of the IOAS. */
enum guest_page {
	GUEST_TABLES, /* four levels of stage 1, each a page */
	GUEST_A = 4,  /* data */
	GUEST_B,
	GUEST_C,
	GUEST_CONTEXT, /* what leads to the tables */
	GUEST_PAGES
};

#define GUEST_BASE IOVA

int setup_guest(void **state);
uint64_t guest_address(enum guest_page page);
volatile uint64_t *guest_memory(enum guest_page page);

/* Where the guest lets its device see the first pages. */
#define INPUT UINT64_C(0x4000000)

enum guest_format {
	GUEST_X86,
	GUEST_ARM
};

/* Sets the stage-1 entry of the page at INPUT + @index * PAGE; clears it. */
void guest_map(enum guest_format format, unsigned int index, enum guest_page page);
void guest_unmap(unsigned int index);

/*
 * Has the device copy 64 bits from page 0 at INPUT to page 1, which the guest has mapped to @to.
 * What is there then: 0 if the device's write was refused; if its read was, what it has read
 * before.
 */
uint64_t guest_dma(const struct fixture *t, enum guest_page to);

#endif
