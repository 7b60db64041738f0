/* SPDX-License-Identifier: MIT */
#include "soft_tables.h"

#include <uiommufd/iommufd.h>

#include "base/bits.h"

#define IN_PLACE BITS(51, 12)

static uint64_t address_in_place(uint64_t entry)
{
	return entry & IN_PLACE;
}

static uint64_t x86_table(uint64_t address, unsigned int level)
{
	(void)level;
	return address | BIT(0) | BIT(1) | BIT(2);
}

static uint64_t x86_leaf(uint64_t address, unsigned int level, unsigned int rights)
{
	return address | BIT(0) | BIT(2) | (rights & SOFT_WRITE ? BIT(1) : 0) |
	       (level ? BIT(7) : 0);
}

static uint64_t riscv_table(uint64_t address, unsigned int level)
{
	(void)level;
	return address >> 2 | BIT(0);
}

static uint64_t riscv_leaf(uint64_t address, unsigned int level, unsigned int rights)
{
	return riscv_table(address, level) | BIT(1) | BIT(4) | (rights & SOFT_WRITE ? BIT(2) : 0);
}

static uint64_t riscv_address(uint64_t entry)
{
	return bits_get(entry, BITS(53, 10)) << 12;
}

static uint64_t arm_table(uint64_t address, unsigned int level)
{
	(void)level;
	return address | BIT(0) | BIT(1);
}

/* A writable page is clean (AP[2] and DBM) as long as hardware has not made it writable. */
static uint64_t arm_leaf(uint64_t address, unsigned int level, unsigned int rights)
{
	return address | BIT(0) | (level ? 0 : BIT(1)) | BIT(6) | BIT(7) | BIT(11) |
	       (rights & SOFT_WRITE ? BIT(51) : 0);
}

static uint64_t arm_address(uint64_t entry)
{
	return entry & BITS(47, 12);
}

static uint64_t amdv1_table(uint64_t address, unsigned int level)
{
	return address | BIT(0) | (uint64_t)level << 9 | BIT(61) | BIT(62);
}

static uint64_t amdv1_leaf(uint64_t address, unsigned int level, unsigned int rights)
{
	(void)level;
	return address | BIT(0) | BIT(61) | (rights & SOFT_WRITE ? BIT(62) : 0);
}

static uint64_t vtdss_table(uint64_t address, unsigned int level)
{
	(void)level;
	return address | SOFT_READ | SOFT_WRITE;
}

static uint64_t vtdss_leaf(uint64_t address, unsigned int level, unsigned int rights)
{
	return address | rights | (level ? BIT(7) : 0);
}

#define X86_TABLES(text, number, count)                                                    \
	{                                                                                  \
		.name = (text), .format = (number), .levels = (count), .table = x86_table, \
		.leaf = x86_leaf, .address = address_in_place, .accessed = BIT(5),         \
		.dirty = BIT(6), .not_present = "SFS.2", .denied = "SGN.6",                \
	}

#define RISCV_TABLES(text, number, count)                                                          \
	{                                                                                          \
		.name = (text), .format = (number), .levels = (count), .table = riscv_table,       \
		.leaf = riscv_leaf, .address = riscv_address, .accessed = BIT(6), .dirty = BIT(7), \
		.clear_faults = true, .not_present = "read page fault",                            \
		.denied = "write page fault",                                                      \
	}

const struct soft_tables soft_tables[SOFT_TABLES] = {
	X86_TABLES("x86-64, 4 levels", IOMMU_SOFT_S1_X86_4, 4),
	X86_TABLES("x86-64, 5 levels", IOMMU_SOFT_S1_X86_5, 5),
	RISCV_TABLES("Sv39", IOMMU_SOFT_S1_SV39, 3),
	RISCV_TABLES("Sv48", IOMMU_SOFT_S1_SV48, 4),
	RISCV_TABLES("Sv57", IOMMU_SOFT_S1_SV57, 5),
	{
		.name = "Arm LPAE",
		.format = IOMMU_SOFT_S1_ARM_4K,
		.levels = 4,
		.table = arm_table,
		.leaf = arm_leaf,
		.address = arm_address,
		.accessed = BIT(10),
		.dirty = BIT(7),
		.dirty_clears = true,
		.clear_faults = true,
		.not_present = "F_TRANSLATION",
		.denied = "F_PERMISSION",
	},
	{
		.name = "AMD v1",
		.format = IOMMU_SOFT_S1_AMDV1,
		.levels = 6,
		.table = amdv1_table,
		.leaf = amdv1_leaf,
		.address = address_in_place,
		.accessed = BIT(5),
		.dirty = BIT(6),
		.not_present = "IO_PAGE_FAULT",
		.denied = "IO_PAGE_FAULT",
	},
	{
		.name = "VT-d second stage",
		.format = IOMMU_SOFT_S1_VTDSS,
		.levels = 5,
		.table = vtdss_table,
		.leaf = vtdss_leaf,
		.address = address_in_place,
		.accessed = BIT(8),
		.dirty = BIT(9),
		.not_present = "SSS.2",
		.denied = "SGN.6",
	},
};
