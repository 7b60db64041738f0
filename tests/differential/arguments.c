/* SPDX-License-Identifier: MIT */
#include "arguments.h"

#include "places.h"

#define MIB (UINT64_C(1) << 20)

static uint64_t some_length(void)
{
	if (percent(70))
		return PAGE * (1 + below(4));
	if (percent(50))
		return PAGE * (1 + below(ANON_PAGES));
	if (percent(60))
		return 2048 * (1 + below(8));
	if (percent(50))
		return 1 + below(3 * PAGE);
	return ONE_OF(0, 1, 1ull << 30, 1ull << 40, UINT64_MAX, UINT64_MAX - 1, 0x8000000000000000,
		      0x7fffffffffffffff, UINT64_MAX - 4095, UINT64_MAX - 4096,
		      0xfffffffffffff000 - ANON, 0x100000000);
}

/* In ANON, from a page on. What does not fit is moved to its end, as a rule. */
static uint64_t some_anon(uint64_t length)
{
	uint64_t va = ANON + PAGE * below(ANON_PAGES);

	if (length <= ANON_SIZE && va + length > ANON + ANON_SIZE && percent(90))
		va = ANON + ANON_SIZE - ((length + PAGE - 1) & ~(PAGE - 1));
	return va;
}

struct mapping some_memory(void)
{
	struct mapping memory = {.length = some_length(), .writable = true};

	switch (below(24)) {
	default:
		memory.va = some_anon(memory.length);
		break;
	case 0:
		memory.va = READ_ONLY + PAGE * below(READ_ONLY_PAGES);
		memory.writable = percent(20);
		break;
	case 1:
	case 2:
	case 3:
		memory.va = SHARED + PAGE * below(SHARED_PAGES);
		break;
	case 4:
		memory.va = HOLE;
		break;
	case 5:
		memory.va = ONE_OF(0, UINT64_MAX, UINT64_MAX - 4095, 0xffff800000000000,
				   0x7ffffffff000, ANON - PAGE, READ_ONLY - PAGE, 1);
		break;
	}
	if (percent(10))
		memory.va += 2048 * below(2);
	else if (percent(4))
		memory.va += below(PAGE);
	return memory;
}

uint64_t some_iova(void)
{
	const uint64_t base = 0x1000000;
	const struct mapping *mapping;

	switch (below(20)) {
	default:
		return base + PAGE * below(64);
	case 0:
	case 1:
	case 2:
		mapping = some_mapping();
		return mapping ? mapping->iova + mapping->length : base;
	case 3:
		mapping = some_mapping();
		return mapping ? mapping->iova - PAGE * (1 + below(4)) : 0;
	case 4:
		mapping = some_mapping();
		if (!mapping)
			return PAGE;
		return mapping->iova + 2048 * below((uint32_t)(mapping->length / 2048 + 1));
	case 5:
		return ONE_OF(0, PAGE, 0xfff000, 0x7ffff000, 0x80000000, 0x7fffe000, 0xff0000);
	case 6:
		return ONE_OF(UINT64_MAX, UINT64_MAX - 1, UINT64_MAX - 4095, UINT64_MAX - 8191,
			      0xfffffffffffff000, 1ull << 63, 1ull << 56, (1ull << 56) - PAGE,
			      1ull << 48, 1ull << 57);
	case 7:
		return base + 2048 * below(128);
	case 8:
		return base + below(64 * PAGE);
	case 9:
		return base + 0x200000 * below(8);
	}
}

uint32_t some_map_flags(void)
{
	if (percent(90))
		return percent(70) ? 6 : percent(60) ? 4 : 2;
	return percent(70) ? 0 : ONE_OF32(8, 0x10, 0x80000006, 0x20, 14);
}

static struct part any_part(void)
{
	struct part part;

	part.iova = some_iova();
	part.length = PAGE * (1 + below(8));
	if (percent(10))
		part.length = ONE_OF(0, 1, 2048, UINT64_MAX, UINT64_MAX - 1, 1ull << 63, 1ull << 40,
				     0xffffffffff000000);
	return part;
}

/* From @unit to @unit, and perhaps one further than @mapping, of which @length bytes count. */
static struct part whole_units(const struct mapping *mapping, uint64_t length, uint64_t unit)
{
	uint64_t offset = unit * below((uint32_t)(length / unit + 1));

	if (unit == PAGE && offset >= length && offset)
		offset -= PAGE;
	return (struct part){
		.iova = mapping->iova + offset,
		.length = unit * (1 + below((uint32_t)((length - offset) / unit + 1))),
	};
}

struct part some_part(const struct mapping *mapping)
{
	uint64_t length, offset;
	struct part part;

	if (!mapping || percent(8))
		return any_part();
	length = mapping->length > MIB ? MIB : mapping->length;
	switch (below(8)) {
	default:
		return (struct part){.iova = mapping->iova, .length = mapping->length};
	case 0:
	case 1:
		return whole_units(mapping, length, PAGE);
	case 2:
		offset = below((uint32_t)length + 1);
		part.iova = mapping->iova + offset;
		part.length = below((uint32_t)(length - offset + 2));
		return part;
	case 3:
		part.iova = mapping->iova - PAGE * below(3);
		part.length = mapping->length + PAGE * below(6);
		return part;
	case 4:
		return whole_units(mapping, length, 2048);
	}
}
