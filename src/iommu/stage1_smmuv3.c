/* SPDX-License-Identifier: MIT */
/*
 * SMMUv3: from a guest's stream table entry by context descriptors to its stage-1 tables, and the
 * event records (Arm IHI 0070, 5.2, 5.4 and 7.3) [FORMAT-ARM-STE].
 *
 * The substream ID is the PASID. A context holds the first words of the descriptor.
 */
#include "base/check.h"
#include "iommu/iommu_internal.h"
#include "iommu/smmuv3_tables.h"
#include "iommu/stage1.h"
#include "iopt/arm_lpae.h"

enum {
	TOP_BYTE_SHIFT = 56,
	HALF_BIT = 55, /* of an address: which of the two tables */
};

/* One half of the address space of a context: TTB0's or TTB1's. */
struct half {
	bool upper;
	bool disabled;
	bool ignore_top_byte;
	unsigned int input_bits;
	unsigned int granule; /* log2 of it; 0: reserved */
	uint64_t word;	      /* 1 or 2 of the descriptor */
};

enum {
	GRANULE_4K = 12,
	GRANULE_16K = 14,
	GRANULE_64K = 16,
};

static struct half half_of(const uint64_t *cd, bool upper)
{
	static const unsigned int tg0[] = {
		[TG0_4K] = GRANULE_4K, [TG0_64K] = GRANULE_64K, [TG0_16K] = GRANULE_16K, [3] = 0};
	static const unsigned int tg1[] = {
		[0] = 0, [TG1_16K] = GRANULE_16K, [TG1_4K] = GRANULE_4K, [TG1_64K] = GRANULE_64K};

	if (upper)
		return (struct half){
			.upper = true,
			.disabled = cd[0] & CD0_EPD1,
			.ignore_top_byte = cd[0] & CD0_TBI1,
			.input_bits = 64 - (unsigned int)bits_get(cd[0], CD0_T1SZ),
			.granule = tg1[bits_get(cd[0], CD0_TG1)],
			.word = cd[2],
		};
	return (struct half){
		.disabled = cd[0] & CD0_EPD0,
		.ignore_top_byte = cd[0] & CD0_TBI0,
		.input_bits = 64 - (unsigned int)bits_get(cd[0], CD0_T0SZ),
		.granule = tg0[bits_get(cd[0], CD0_TG0)],
		.word = cd[1],
	};
}

/* The width of addresses that leave stage 1. */
static unsigned int output_bits(const uint64_t *cd)
{
	static const unsigned int widths[] = {32, 36, 40, 42, 44, 48, 52, 52};

	return (unsigned int)min_u64(widths[bits_get(cd[0], CD0_IPS)], ARM_BITS_MAX);
}

static bool half_is_legal(const uint64_t *cd, const struct half *half)
{
	return half->disabled || (half->granule && half->input_bits <= ARM_BITS_MAX &&
				  half->input_bits >= ARM_INPUT_BITS_MIN &&
				  !((half->word & CD_TTB) >> output_bits(cd)));
}

static bool cd_is_legal(const uint64_t *cd)
{
	const struct half low = half_of(cd, false), high = half_of(cd, true);

	return (cd[0] & CD0_V) && (cd[0] & CD0_AA64) && !(cd[0] & CD0_ENDI) &&
	       half_is_legal(cd, &low) && half_is_legal(cd, &high);
}

/* The address of the descriptor of walk->pasid. */
static int find_cd(struct stage1_walk *walk, uint64_t *ipa)
{
	const uint64_t *ste = walk->domain->config.ste;
	const uint64_t format = bits_get(ste[0], STE0_S1FMT), table = ste[0] & STE0_S1CONTEXTPTR;
	const unsigned int leaf_bits = format == S1FMT_64K ? CDS_64K_BITS : CDS_4K_BITS;
	uint64_t entry;
	int rc;

	if (!bits_get(ste[0], STE0_S1CDMAX) || format == S1FMT_LINEAR) {
		*ipa = table + (uint64_t)walk->pasid * CD_BYTES;
		return 0;
	}
	rc = stage1_read_context(walk, table + (walk->pasid >> leaf_bits) * sizeof(entry), &entry);
	if (rc)
		return rc;
	if (!(entry & L1CD_V))
		return stage1_fail(walk, STAGE1_BAD_PASID);
	*ipa = align_down(entry & L1CD_L2PTR, (uint64_t)CD_BYTES << leaf_bits) +
	       (walk->pasid & (BIT(leaf_bits) - 1)) * CD_BYTES;
	return 0;
}

static int read_cd(struct stage1_walk *walk)
{
	uint64_t *cd = walk->context.words;
	uint64_t ipa = 0;
	int rc;

	rc = find_cd(walk, &ipa);
	if (rc)
		return rc;
	for (unsigned int i = 0; i < STAGE1_CONTEXT_WORDS; i++) {
		rc = stage1_read_context(walk, ipa + i * sizeof(cd[0]), &cd[i]);
		if (rc)
			return rc;
	}
	if (!cd_is_legal(cd))
		return stage1_fail(walk, STAGE1_BAD_CONTEXT);
	walk->context.asid = (uint32_t)bits_get(cd[0], CD0_ASID);
	stage1_cache_context(walk);
	return 0;
}

/* Checks the request against the STE, before a descriptor is read. */
static int check_stream(struct stage1_walk *walk)
{
	const uint64_t *ste = walk->domain->config.ste;
	const uint64_t config = bits_get(ste[0], STE0_CONFIG);
	const uint64_t cdmax = bits_get(ste[0], STE0_S1CDMAX), dss = bits_get(ste[1], STE1_S1DSS);

	if (!(ste[0] & STE0_V))
		return stage1_fail(walk, STAGE1_BAD_CONFIG);
	if (config == CONFIG_ABORT)
		return stage1_fail(walk, STAGE1_ABORT);
	walk->context.bypass = config == CONFIG_BYPASS;
	if (walk->context.bypass)
		return walk->pasid == NO_PASID ? 0 : stage1_fail(walk, STAGE1_BAD_PASID);
	if (config != CONFIG_S1 || cdmax > SSID_BITS ||
	    (cdmax && bits_get(ste[0], STE0_S1FMT) > S1FMT_64K))
		return stage1_fail(walk, STAGE1_BAD_CONFIG);
	if (walk->pasid != NO_PASID)
		return walk->pasid >> cdmax ? stage1_fail(walk, STAGE1_BAD_PASID) : 0;
	if (!cdmax || dss == S1DSS_SUBSTREAM0)
		return 0;
	walk->context.bypass = dss == S1DSS_BYPASS;
	return walk->context.bypass ? 0 : stage1_fail(walk, STAGE1_NEEDS_PASID);
}

static int smmuv3_find_context(struct stage1_walk *walk)
{
	int rc;

	rc = check_stream(walk);
	if (rc || walk->context.bypass || stage1_cached_context(walk))
		return rc;
	return read_cd(walk);
}

/* Whether the bits above the input range of @half are all zero, or all one in the upper half. */
static bool in_range(const struct half *half, uint64_t iova)
{
	const unsigned int width = half->ignore_top_byte ? TOP_BYTE_SHIFT : 64;
	const uint64_t above = (iova & (UINT64_MAX >> (64 - width))) >> half->input_bits;

	return above == (half->upper ? UINT64_MAX >> (64 - width + half->input_bits) : 0);
}

static int smmuv3_walk(struct stage1_walk *walk)
{
	const uint64_t *cd = walk->context.words;
	const struct half half = half_of(cd, walk->iova & BIT(HALF_BIT));
	const struct arm_tables tables = {
		.root = half.word & CD_TTB,
		.granule = half.granule,
		.input_bits = half.input_bits,
		.output_bits = output_bits(cd),
		.hierarchical = !(half.word & CD_HAD),
		.access_fault = !(cd[0] & CD0_AFFD),
		.set_access = cd[0] & CD0_HA,
		.set_dirty = (cd[0] & CD0_HA) && (cd[0] & CD0_HD),
	};

	if (half.disabled || !in_range(&half, walk->iova)) {
		walk->error.access = DMA_FAULT_AT_PAGE;
		return stage1_fail(walk, STAGE1_ADDRESS);
	}
	return arm_walk(walk, &tables);
}

/* ---- event records ---- */

#define EVT0_SSV	BIT(11)
#define EVT0_SSID_SHIFT 12
#define EVT1_RNW	BIT(35)
#define EVT1_S2		BIT(39)
#define EVT1_CLASS(x)	((uint64_t)(x) << 40)
#define EVT3_IPA	BITS(51, 12)
#define EVT3_FETCH	BITS(51, 3)

enum {
	C_BAD_STE = 0x04,
	F_STREAM_DISABLED = 0x06,
	C_BAD_SUBSTREAMID = 0x08,
	F_CD_FETCH = 0x09,
	C_BAD_CD = 0x0a,
	F_WALK_EABT = 0x0b,
	F_TRANSLATION = 0x10,
	F_ADDR_SIZE = 0x11,
	F_ACCESS = 0x12,
	F_PERMISSION = 0x13,

	CLASS_CD = 0,
	CLASS_TT = 1,
	CLASS_IN = 2,
};

struct event {
	uint32_t number;
	const char *name;
};

#define EVENT(name) ((struct event){name, #name})

static struct event memory_event(const struct stage1_walk *walk)
{
	return walk->error.access == DMA_FAULT_AT_CONTEXT ? EVENT(F_CD_FETCH) : EVENT(F_WALK_EABT);
}

static struct event event_of(const struct stage1_walk *walk)
{
	switch (walk->error.failure) {
	case STAGE1_ABORT:
		return (struct event){0, "abort"};
	case STAGE1_NEEDS_PASID:
		return EVENT(F_STREAM_DISABLED);
	case STAGE1_BAD_CONFIG:
		return EVENT(C_BAD_STE);
	case STAGE1_BAD_PASID:
		return EVENT(C_BAD_SUBSTREAMID);
	case STAGE1_BAD_CONTEXT:
		return EVENT(C_BAD_CD);
	case STAGE1_OUTPUT:
		return EVENT(F_ADDR_SIZE);
	case STAGE1_ACCESS_FLAG:
		return EVENT(F_ACCESS);
	case STAGE1_PRIVILEGED:
	case STAGE1_READ_ONLY:
	case STAGE2_READ:
	case STAGE2_WRITE:
		return EVENT(F_PERMISSION);
	case STAGE1_MEMORY:
	case STAGE1_UPDATE:
		return memory_event(walk);
	default:
		return EVENT(F_TRANSLATION);
	}
}

/*
 * Whether the guest gets an event record. Translation faults of stage 1 are recorded only if the
 * descriptor has R set.
 */
static bool is_recorded(const struct stage1_walk *walk, const struct event *event)
{
	if (!event->number)
		return false;
	return event->number < F_TRANSLATION || walk->error.failure >= STAGE2_NOT_MAPPED ||
	       (walk->context.words[0] & CD0_R);
}

/*
 * Words 1 to 3 of the record of a translation fault: the access, its address, and the input of
 * stage 2.
 */
static void describe_translation(const struct stage1_walk *walk, struct dma_fault *fault)
{
	static const unsigned int classes[] = {
		[DMA_FAULT_AT_CONTEXT] = CLASS_CD,
		[DMA_FAULT_AT_TABLE] = CLASS_TT,
		[DMA_FAULT_AT_PAGE] = CLASS_IN,
	};
	const bool stage2 = fault->stage == 2;
	const bool walk_access = fault->access != DMA_FAULT_AT_PAGE;
	/* The walk itself only reads, except for updates of entries. */
	const bool read = stage2 && walk_access ? walk->error.failure != STAGE2_WRITE
						: !stage1_writes(walk);

	fault->event[1] = read ? EVT1_RNW : 0;
	fault->event[2] = walk->iova;
	if (fault->reason == F_WALK_EABT) {
		fault->event[1] |= EVT1_CLASS(CLASS_TT);
		fault->event[3] = walk->error.ipa & EVT3_FETCH;
	} else if (stage2) {
		fault->event[1] |= EVT1_S2 | EVT1_CLASS(classes[fault->access]);
		fault->event[3] = walk->error.ipa & EVT3_IPA;
	} else {
		fault->event[1] |= EVT1_CLASS(CLASS_IN);
	}
}

void smmuv3_describe(const struct stage1_walk *walk, struct dma_fault *fault)
{
	const struct event event = event_of(walk);

	fault->reason = event.number;
	fault->name = event.name;
	if (!is_recorded(walk, &event))
		return;
	fault->event[0] = event.number;
	if (walk->pasid != NO_PASID)
		fault->event[0] |= EVT0_SSV | (uint64_t)walk->pasid << EVT0_SSID_SHIFT;
	if (event.number == F_CD_FETCH)
		fault->event[3] = walk->error.ipa & EVT3_FETCH;
	else if (event.number >= F_WALK_EABT)
		describe_translation(walk, fault);
}

const struct stage1_ops stage1_smmuv3 = {
	.find_context = smmuv3_find_context,
	.has_asids = true,
	.walk = smmuv3_walk,
	.describe = smmuv3_describe,
	.by_pasid = true,
	.entries = &iopt_arm_s1,
};
