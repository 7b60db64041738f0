/* SPDX-License-Identifier: MIT */
/*
 * Intel VT-d second-stage page tables [FORMAT-VTD]. A leaf has R or W, since an entry with
 * neither is not present.
 */
#define FMT_OPS		  iopt_vtdss_ops
#define FMT_GRANULE_SHIFT 12
#define FMT_MAX_TOP	  4
#define FMT_GROWS	  false
#define FMT_FIRST_TABLES  false
#define FMT_FEATURES	  (IOPT_FORCE_COHERENT | IOPT_DIRTY | IOPT_NEST_PARENT)
#define FMT_DIRTY	  true

#include <errno.h>

#include "base/check.h"
#include "iopt/iopt_internal.h"
#include "iopt/vtdss.h"

#define VTDSS_RW (VTDSS_R | VTDSS_W)

/* A table entry without its address. */
#define VTDSS_TABLE VTDSS_RW

enum {
	VTDSS_IOVA_BITS = 48
};

/* A leaf above 4 KiB pages has PS, and does not compare equal. */
static inline bool fmt_is_table(uint64_t entry, unsigned int level)
{
	(void)level;
	return is_aligned(entry - VTDSS_TABLE, ARENA_TABLE_SIZE);
}

static inline bool fmt_is_leaf(uint64_t entry, unsigned int level)
{
	(void)level;
	return entry & VTDSS_RW;
}

static inline uint64_t *fmt_table(uint64_t entry, unsigned int level)
{
	(void)level;
	return (uint64_t *)(uintptr_t)(entry - VTDSS_TABLE);
}

static inline uint64_t fmt_make_table(const uint64_t *table, unsigned int level)
{
	(void)level;
	return (uintptr_t)table | VTDSS_TABLE;
}

static inline unsigned int fmt_leaf_bits(uint64_t entry, unsigned int level)
{
	(void)entry;
	return FMT_GRANULE_SHIFT + IOPT_INDEX_BITS * level;
}

static inline uint64_t fmt_leaf_oa(uint64_t entry, unsigned int bits)
{
	(void)bits;
	return entry & VTDSS_OA;
}

static inline unsigned int fmt_leaf_prot(uint64_t entry)
{
	return (unsigned int)(entry & VTDSS_RW);
}

static inline int fmt_attributes(const struct iopt *pt, unsigned int prot, uint64_t *attributes)
{
	unsigned int rights = prot & (IOPT_READ | IOPT_WRITE);

	if (!rights)
		return -EINVAL;
	/* Erratum 772415: hardware may write through a read-only page of a nest parent. */
	if (rights == IOPT_READ && pt->features & IOPT_NEST_PARENT)
		return -EINVAL;
	*attributes = rights | (pt->features & IOPT_FORCE_COHERENT ? VTDSS_SNP : 0);
	return 0;
}

static inline uint64_t fmt_encode_oa(uint64_t oa)
{
	return oa;
}

static inline uint64_t fmt_make_leaf(uint64_t attributes, uint64_t oa, unsigned int bits,
				     unsigned int level)
{
	(void)bits;
	return attributes | oa | (level > 0 ? VTDSS_PS : 0);
}

static inline bool fmt_is_dirty(uint64_t entry)
{
	return entry & VTDSS_D;
}

static inline uint64_t fmt_dirty(uint64_t entry)
{
	return entry | VTDSS_D;
}

static inline uint64_t fmt_clean(uint64_t entry)
{
	return entry & ~VTDSS_D;
}

static inline unsigned int fmt_level_number(unsigned int level)
{
	return level;
}

static int fmt_setup(struct iopt *pt, const struct iopt_config *config)
{
	unsigned int bits = config->iova_bits ? config->iova_bits : VTDSS_IOVA_BITS;

	if (bits != 39 && bits != 48 && bits != 57)
		return -EINVAL;
	pt->iova_bits = bits;
	pt->oa_bits = VTDSS_OA_BITS;
	pt->aperture.last = BITS(bits - 1, 0);
	pt->first_top = (bits - FMT_GRANULE_SHIFT) / IOPT_INDEX_BITS - 1;
	return 0;
}

static uint64_t fmt_pgsizes(const struct iopt *pt)
{
	(void)pt;
	return BIT(12) | BIT(21) | BIT(30);
}

#include "iopt/walk.h"

const struct iopt_format iopt_vtdss = {
	.name = "vtdss", .ops = &iopt_vtdss_ops, .codes = IOPT_CODES_VTDSS};
