/* SPDX-License-Identifier: MIT */
/*
 * What the programs for nested translation share. They are ordinary programs that use only the
 * ABI: a guest's memory that a nesting parent maps page by page, in another order than it
 * lies in; tables that are built in it by hand; and an edu device (qemu docs/specs/edu) whose DMA
 * goes through both stages.
 *
 * Whatever is not as it must be ends the program with status 1. Where the next DMA must fail and
 * only the log reports it, the program first writes the expected text to standard error
 * (rig_expect_log()), and nested.sh compares it with the log.
 */
#ifndef E2E_NESTED_H
#define E2E_NESTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>

#include "../lib/page.h"

enum {
	RIG_PAGES = 64, /* of the guest */
};

/*
 * Where the guest's memory is for the guest. The device cannot drive such addresses itself: it has
 * 28 bits.
 */
#define GUEST_BASE UINT64_C(0x140000000)

/* What the device is given to read and to write: input addresses of stage 1, two pages each. */
#define IOVA_IN	 UINT64_C(0x5000000)
#define IOVA_OUT UINT64_C(0x6543000)

#define BIT(n)		(UINT64_C(1) << (n))
#define BITS(high, low) ((UINT64_MAX >> (63 - (high))) & ~(BIT(low) - 1))

/* Ends the program unless @condition. */
#define CHECK(condition) rig_check(condition, #condition, __FILE__, __LINE__)
void rig_check(bool condition, const char *what, const char *file, int line);

struct rig {
	int iommufd, edu;
	uint64_t bar; /* where the device's registers are in edu */
	uint32_t dev_id, ioas;
	uint32_t parent; /* a nesting parent on the IOAS, which has the guest's memory */
	uint8_t *memory;
	uint64_t used; /* pages of it that are given out */
};

/* Binds the device, and lets it master the bus. */
void rig_open(struct rig *rig);

/* Maps the guest's memory, which is all zero, in a nesting parent. */
void rig_make_guest(struct rig *rig);

/* An ioctl of the iommufd, which must succeed. */
void rig_call(const struct rig *rig, unsigned int request, void *cmd);

/* Maps @len bytes at @memory at @iova of the IOAS, to read and write. */
void rig_map(const struct rig *rig, void *memory, uint64_t len, uint64_t iova);

void rig_attach(const struct rig *rig, uint32_t pt_id);
void rig_detach(const struct rig *rig);

/* A nested HWPT on @pt_id: its ID. */
uint32_t rig_nested(const struct rig *rig, uint32_t pt_id, uint32_t type, const void *data,
		    uint32_t len);

uint32_t rig_viommu(const struct rig *rig, uint32_t type);

/* IOMMU_HWPT_INVALIDATE of one entry. */
void rig_invalidate(const struct rig *rig, uint32_t id, uint32_t type, const void *entry,
		    uint32_t len);

/* The next DMA fails, and the log has a line about it with @text. */
void rig_expect_log(const char *text);

/* ---- the guest's memory ---- */

/* A fresh page: its guest-physical address; and where @gpa is for us. */
uint64_t guest_page(struct rig *rig);
void *guest_at(const struct rig *rig, uint64_t gpa);
uint64_t *guest_word(const struct rig *rig, uint64_t gpa);

/* Fills the page at @gpa with a pattern of @seed; whether it has it. */
void guest_fill(const struct rig *rig, uint64_t gpa, uint8_t seed);
bool guest_has(const struct rig *rig, uint64_t gpa, uint8_t seed);

/*
 * The entry for @iova at @level (from the bottom, 0: pages) of the table of four levels at @root, 9
 * bits each, as x86-64 and AArch64 have it; tables that are missing on the way are made, by entries
 * with the bits @table.
 */
uint64_t *guest_entry(struct rig *rig, uint64_t root, uint64_t iova, unsigned int level,
		      uint64_t table);

/* ---- the device ---- */

/*
 * DMA of @len bytes, at most a page, to the device's buffer, and from it. Ends when the device says
 * so, also if it failed.
 */
void edu_read(const struct rig *rig, uint64_t iova, uint32_t len);
void edu_write(const struct rig *rig, uint64_t iova, uint32_t len);

/* The first half of edu_read(), which returns while the DMA goes on, and the second. */
void edu_begin_read(const struct rig *rig, uint64_t iova, uint32_t len);
void edu_end(const struct rig *rig);

/* A page from @from to @to, through the device. */
void edu_copy(const struct rig *rig, uint64_t to, uint64_t from);

/* ---- the story that all kinds have in common ---- */

/* Stage 1 of one kind, attached: the pages of the guest at IOVA_IN and IOVA_OUT. */
struct stage1 {
	uint64_t in[2], out[2]; /* pages */
	uint64_t *entry_in[2], *entry_out[2];
	uint64_t leaf; /* bits of an entry for a page, beside its address */
	void (*invalidate)(const struct rig *rig, uint64_t iova); /* one page */
};

/*
 * Fills in all but leaf and invalidate, which the caller has, and maps the pages in the table at
 * @root.
 */
void stage1_map(struct rig *rig, struct stage1 *stage1, uint64_t root, uint64_t table);

/* DMA through both stages reaches the right pages, also across the end of one. */
void stage1_translates(struct rig *rig, const struct stage1 *stage1);

/* An entry that has changed counts when it is invalidated, and not before. */
void stage1_caches(struct rig *rig, const struct stage1 *stage1);

/* Sets an entry for @iova and has it seen. */
void stage1_set(const struct rig *rig, const struct stage1 *stage1, uint64_t *entry, uint64_t value,
		uint64_t iova);

/*
 * While @entry, on the way to IOVA_IN, is @bad, DMA to there (@write) or from there moves nothing.
 * One DMA fails.
 */
void stage1_refuses(const struct rig *rig, const struct stage1 *stage1, uint64_t *entry,
		    uint64_t bad, bool write);

#endif
