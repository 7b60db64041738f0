/* SPDX-License-Identifier: MIT */
/*
 * A device of doorbells, for doorbells.c. BAR 0: page 0 has for doorbell i what was written to it
 * last, at 16 * i; how often that arrived, at 16 * i + 4; and what it was when 16 * i + 8 was
 * written to, there. Page 1 is the doorbells; page 2 is memory, whose first word the device doubles
 * into the second when doorbell 1023 is written. From word SHOWN on it has what was written last to
 * each of the first SHOWN doorbells, from 2 * SHOWN on how often that arrived: to look there is no
 * access to a register.
 */
#include <stdatomic.h>

#include <uiommufd/device.h>

enum {
	PAGE = 4096,
	COUNT = PAGE / 4,
	SHOWN = PAGE / 16,
	EMPTY = 0x7ffffff1,
};

struct doorbells {
	uint32_t last[COUNT], arrivals[COUNT], kept[COUNT];
};

static uint64_t model_read(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			   unsigned int size)
{
	const struct doorbells *doorbells = uiommufd_device_state(dev);

	(void)bar, (void)size;
	if (off >= PAGE)
		return UINT64_MAX;
	if (off % 16 == 8)
		return doorbells->kept[off / 16];
	return off % 16 == 4 ? doorbells->arrivals[off / 16] : doorbells->last[off / 16];
}

static void model_write(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			unsigned int size, uint64_t value)
{
	struct doorbells *doorbells = uiommufd_device_state(dev);
	_Atomic uint32_t *memory = uiommufd_device_bar_memory(dev, 1);
	const uint64_t i = (off - PAGE) / 4;

	(void)bar, (void)size;
	if (off < PAGE) {
		doorbells->kept[off / 16] = doorbells->last[off / 16];
		return;
	}
	doorbells->last[i] = (uint32_t)value;
	doorbells->arrivals[i]++;
	if (i < SHOWN) {
		atomic_store(&memory[SHOWN + i], (uint32_t)value);
		atomic_store(&memory[2 * SHOWN + i], doorbells->arrivals[i]);
	}
	if (i == COUNT - 1)
		memory[1] = 2 * memory[0];
}

static void model_reset(struct uiommufd_device *dev)
{
	*(struct doorbells *)uiommufd_device_state(dev) = (struct doorbells){0};
}

static const struct uiommufd_bar_part parts[] = {
	{.kind = UIOMMUFD_PART_DOORBELLS, .bar = 0, .off = PAGE, .size = PAGE, .empty = EMPTY},
	{.kind = UIOMMUFD_PART_MEMORY, .bar = 0, .off = 2 * PAGE, .size = PAGE},
	{.size = 0},
};

static const struct uiommufd_model doorbell = {
	.name = "doorbell",
	.summary = "doorbells that remember what was written",
	.vendor = 0x1234,
	.device = 0xd00b,
	.bars = {{.size = 4 * PAGE, .flags = UIOMMUFD_BAR_MMAP, .min_access = 4, .max_access = 4}},
	.pcie = true,
	.flr = true,
	.state_size = sizeof(struct doorbells),
	.reset = model_reset,
	.read = model_read,
	.write = model_write,
	.bar_parts = parts,
};

UIOMMUFD_MODEL(doorbell);
