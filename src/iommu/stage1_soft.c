/* SPDX-License-Identifier: MIT */
/*
 * Software nesting [EXT-SOFT-NESTING]: a guest's table of any format as stage 1, on any kind of
 * IOMMU. This file knows what each format takes and which specification's words describe its
 * faults; the walks are those of the formats.
 *
 * Invariant: the configuration of a domain was made by nested_soft_config(), and so is possible.
 */
#include <uiommufd/iommufd.h>

#include "base/check.h"
#include "iommu/iommu_internal.h"
#include "iommu/stage1.h"
#include "iopt/amdv1.h"
#include "iopt/arm_lpae.h"
#include "iopt/riscv.h"
#include "iopt/vtdss.h"
#include "iopt/x86_64.h"

enum {
	ARM_GRANULE = 12,
	AMDV1_INPUT_MIN = 21, /* one level */
	AMDV1_INPUT_MAX = 64,
	AMDV1_OUTPUT = 52,
	VTDSS_INPUT_MIN = 39,
	VTDSS_INPUT_MAX = 57,
};

struct soft_format {
	const char *name;
	unsigned int width_min, width_max; /* of input addresses */
	unsigned int width_step;	   /* between them; 0: all in between */
	unsigned int root_width;
	bool sign_extended;
	int (*walk)(struct stage1_walk *walk);
	const struct radix_format *radix; /* NULL: it has a walk of its own */
	void (*describe)(const struct stage1_walk *walk, struct dma_fault *fault);
	const struct iopt_format *entries;
};

/* ---- walks ---- */

static unsigned int levels_of(unsigned int width)
{
	return (width - IOPT_TABLE_SHIFT + IOPT_INDEX_BITS - 1) / IOPT_INDEX_BITS;
}

static int walk_x86(struct stage1_walk *walk)
{
	const struct nested_config *config = &walk->domain->config;

	return x86_walk(walk, config->soft.root, levels_of(config->soft.width),
			config->soft.marks ? X86_A : 0);
}

static struct arm_tables arm_tables_of(const struct nested_config *config)
{
	return (struct arm_tables){
		.root = config->soft.root,
		.granule = ARM_GRANULE,
		.input_bits = config->soft.width,
		.output_bits = ARM_BITS_MAX,
		.hierarchical = true,
		.access_fault = true,
		.set_access = config->soft.marks,
		.set_dirty = config->soft.marks,
	};
}

static int walk_arm(struct stage1_walk *walk)
{
	const struct arm_tables tables = arm_tables_of(&walk->domain->config);

	return arm_walk(walk, &tables);
}

static const struct soft_format *format_of(const struct iommu_domain *domain);

static int walk_radix(struct stage1_walk *walk)
{
	const struct nested_config *config = &walk->domain->config;

	return radix_walk(walk, format_of(walk->domain)->radix, config->soft.root,
			  levels_of(config->soft.width), config->soft.marks);
}

/* ---- faults ---- */

static void describe_x86(const struct stage1_walk *walk, struct dma_fault *fault)
{
	vtd_describe(walk, levels_of(walk->domain->config.soft.width), fault);
}

/* The reasons of the second stage, where the first one has others. */
static void describe_vtdss(const struct stage1_walk *walk, struct dma_fault *fault)
{
	describe_x86(walk, fault);
	switch (walk->error.failure) {
	case STAGE1_MEMORY:
		fault->reason = 0x78;
		fault->name = "SSS.1";
		break;
	case STAGE1_NOT_PRESENT:
		fault->reason = 0x79;
		fault->name = "SSS.2";
		break;
	case STAGE1_RESERVED:
		fault->reason = 0x7a;
		fault->name = "SSS.3";
		break;
	case STAGE1_ADDRESS:
		fault->reason = 0x84;
		fault->name = "SGN.5";
		break;
	default:
		break;
	}
}

/* RISC-V IOMMU 1.0, 4.2: causes of the fault queue; the one of writes is greater by 2. */
static void describe_riscv(const struct stage1_walk *walk, struct dma_fault *fault)
{
	static const struct {
		uint32_t cause;
		const char *reads, *writes;
	} causes[] = {
		{5, "read access fault", "write access fault"},
		{13, "read page fault", "write page fault"},
		{21, "read guest-page fault", "write guest-page fault"},
	};
	const bool writes = stage1_writes(walk);
	unsigned int i = 1;

	if (walk->error.failure >= STAGE2_NOT_MAPPED)
		i = 2;
	else if (walk->error.failure == STAGE1_MEMORY || walk->error.failure == STAGE1_UPDATE)
		i = 0;
	fault->reason = causes[i].cause + (writes ? 2 : 0);
	fault->name = writes ? causes[i].writes : causes[i].reads;
}

/* ---- formats ---- */

#define X86_FORMAT(text, width)                                                     \
	{                                                                           \
		.name = (text), .width_min = (width), .width_max = (width),         \
		.root_width = X86_OA_BITS, .sign_extended = true, .walk = walk_x86, \
		.describe = describe_x86, .entries = &iopt_x86_64,                  \
	}

#define RISCV_FORMAT(text, width)                                                          \
	{                                                                                  \
		.name = (text), .width_min = (width), .width_max = (width),                \
		.root_width = RISCV_OA_BITS, .sign_extended = true, .walk = walk_radix,    \
		.radix = &radix_riscv, .describe = describe_riscv, .entries = &iopt_riscv, \
	}

static const struct soft_format formats[] = {
	[IOMMU_SOFT_S1_X86_4] = X86_FORMAT("x86-64, 4 levels", 48),
	[IOMMU_SOFT_S1_X86_5] = X86_FORMAT("x86-64, 5 levels", 57),
	[IOMMU_SOFT_S1_SV39] = RISCV_FORMAT("Sv39", 39),
	[IOMMU_SOFT_S1_SV48] = RISCV_FORMAT("Sv48", 48),
	[IOMMU_SOFT_S1_SV57] = RISCV_FORMAT("Sv57", 57),
	[IOMMU_SOFT_S1_ARM_4K] =
		{
			.name = "Arm LPAE stage 1, 4K",
			.width_min = ARM_INPUT_BITS_MIN,
			.width_max = ARM_BITS_MAX,
			.root_width = ARM_BITS_MAX,
			.walk = walk_arm,
			.describe = smmuv3_describe,
			.entries = &iopt_arm_s1,
		},
	[IOMMU_SOFT_S1_AMDV1] =
		{
			.name = "AMD v1",
			.width_min = AMDV1_INPUT_MIN,
			.width_max = AMDV1_INPUT_MAX,
			.root_width = AMDV1_OUTPUT,
			.walk = walk_radix,
			.radix = &radix_amdv1,
			.describe = amd_describe,
			.entries = &iopt_amdv1,
		},
	[IOMMU_SOFT_S1_VTDSS] =
		{
			.name = "VT-d second stage",
			.width_min = VTDSS_INPUT_MIN,
			.width_max = VTDSS_INPUT_MAX,
			.width_step = IOPT_INDEX_BITS,
			.root_width = VTDSS_OA_BITS,
			.walk = walk_radix,
			.radix = &radix_vtdss,
			.describe = describe_vtdss,
			.entries = &iopt_vtdss,
		},
};

enum {
	FORMAT_COUNT = sizeof(formats) / sizeof(formats[0])
};

static const struct soft_format *format_of(const struct iommu_domain *domain)
{
	assert(domain->config.format == NESTED_SOFT);
	return &formats[domain->config.soft.format];
}

const char *iommu_soft_format_name(const struct iommu_domain *domain)
{
	return domain->config.format == NESTED_SOFT ? format_of(domain)->name : NULL;
}

const struct iopt_format *soft_entries(const struct iommu_domain *domain)
{
	return format_of(domain)->entries;
}

static uint64_t root_alignment(const struct nested_config *config)
{
	const struct arm_tables tables = arm_tables_of(config);

	return config->soft.format == IOMMU_SOFT_S1_ARM_4K ? arm_root_bytes(&tables)
							   : BIT(IOPT_TABLE_SHIFT);
}

int nested_soft_config(uint32_t number, uint64_t root, uint32_t width, bool marks,
		       struct nested_config *config)
{
	const struct soft_format *format = &formats[number < FORMAT_COUNT ? number : 0];

	if (!format->walk)
		return -EOPNOTSUPP;
	if (!width)
		width = format->width_max;
	if (width < format->width_min || width > format->width_max ||
	    (format->width_step && (width - format->width_min) % format->width_step))
		return -EINVAL;
	*config = (struct nested_config){
		.format = NESTED_SOFT,
		.soft = {.format = number, .root = root, .width = width, .marks = marks},
	};
	if (root >> format->root_width || !is_aligned(root, root_alignment(config)))
		return -EINVAL;
	return 0;
}

/* ---- operations ---- */

static int soft_find_context(struct stage1_walk *walk)
{
	const unsigned int width = walk->domain->config.soft.width;
	const bool inside = format_of(walk->domain)->sign_extended
				    ? stage1_canonical(walk->iova, width)
				    : width == 64 || !(walk->iova >> width);

	return inside ? 0 : stage1_fail(walk, STAGE1_ADDRESS);
}

static int soft_walk(struct stage1_walk *walk)
{
	return format_of(walk->domain)->walk(walk);
}

static void soft_describe(const struct stage1_walk *walk, struct dma_fault *fault)
{
	format_of(walk->domain)->describe(walk, fault);
}

const struct stage1_ops stage1_soft = {
	.find_context = soft_find_context,
	.walk = soft_walk,
	.describe = soft_describe,
};
